//! The modules of a crate, and which of them each one names.
//!
//! Sources are read as text: what macros make is not seen, but their arguments are, and tests are
//! left out. A path counts if it begins with `crate`, `self` or `super`, or if it is the path of a
//! `use` that begins with a module of the same file. It leads to the module that defines the item,
//! because re-exports are followed.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    path::{Path, PathBuf},
};

use syn::{Item, UseTree, visit::Visit};

use crate::tokens::{Part, parts};

/// The names from the crate's root to a module; empty for the root.
pub type Name = Vec<String>;

/// The modules of a crate.
#[derive(Debug, Default)]
pub struct Modules(BTreeMap<Name, Module>);

#[derive(Debug, Default)]
struct Module {
    /// What `use` brings in under a name, be it for the module alone or as a re-export.
    imports: BTreeMap<String, Vec<String>>,
    /// Paths of `use` that end in `*`.
    globs: Vec<Vec<String>>,
    /// Everything else that has a name here.
    items: BTreeSet<String>,
    /// Paths that occur in code.
    paths: Vec<Vec<String>>,
}

/// How often a re-export leads to another one.
const STEPS_MAX: usize = 16;

impl Modules {
    /// Reads the modules of a crate whose root is the file `root`.
    ///
    /// # Errors
    /// If a file cannot be read or is no Rust.
    pub fn read(root: &Path) -> io::Result<Self> {
        let mut modules = Self::default();
        let folder = root.parent().unwrap_or(Path::new("."));
        modules.read_file(Vec::new(), root, folder)?;
        Ok(modules)
    }

    /// Which modules each module names, itself apart.
    pub fn edges(&self) -> BTreeSet<(Name, Name)> {
        let mut edges = BTreeSet::new();
        for (name, module) in &self.0 {
            let used = module.imports.values().chain(&module.globs).chain(&module.paths);
            let targets = used.filter_map(|path| self.resolve(name, path, 0));
            edges.extend(targets.filter(|to| to != name).map(|to| (name.clone(), to)));
        }
        edges
    }

    fn read_file(&mut self, name: Name, file: &Path, folder: &Path) -> io::Result<()> {
        let text = fs::read_to_string(file).map_err(|error| {
            io::Error::new(error.kind(), format!("{}: {error}", file.display()))
        })?;
        let parsed = syn::parse_file(&text)
            .map_err(|error| io::Error::other(format!("{}: {error}", file.display())))?;
        self.read_items(name, &parsed.items, folder)
    }

    /// Reads the items of a module whose parts are in `folder`.
    fn read_items(&mut self, name: Name, items: &[Item], folder: &Path) -> io::Result<()> {
        let mut module = Module::default();
        for item in items.iter().filter(|item| !is_for_tests(item)) {
            match item {
                Item::Mod(part) => {
                    let ident = part.ident.to_string();
                    let inner = [name.as_slice(), std::slice::from_ref(&ident)].concat();
                    let inner_folder = folder.join(&ident);
                    match &part.content {
                        Some((_, items)) => self.read_items(inner, items, &inner_folder)?,
                        None => match file_of(folder, &ident) {
                            Some(file) => self.read_file(inner, &file, &inner_folder)?,
                            // A build script writes it.
                            None => drop(self.0.insert(inner, Module::default())),
                        },
                    }
                }
                Item::Use(found) => module.take_in(&found.tree, Vec::new()),
                other => {
                    module.items.extend(name_of(other));
                    module.visit_item(other);
                }
            }
        }
        self.0.insert(name, module);
        Ok(())
    }

    /// Returns the module that defines what a path in module `from` names, or `None` if another
    /// crate does.
    fn resolve(&self, from: &[String], path: &[String], steps: usize) -> Option<Name> {
        if steps > STEPS_MAX {
            return None;
        }
        let mut at = from.to_vec();
        let mut rest = path;
        let mut is_first = true;
        while let Some((segment, after)) = rest.split_first() {
            match segment.as_str() {
                "crate" => at.clear(),
                "self" => {}
                "super" => drop(at.pop()?),
                segment => match self.step(&at, segment, steps) {
                    Step::Part(part) => at = part,
                    Step::Item => return Some(at),
                    Step::Import(path) => {
                        let path = [path, after].concat();
                        // An import names its way from the module that has it.
                        let is_own = path.as_slice() == [segment.to_owned()].as_slice();
                        return if is_own { None } else { self.resolve(&at, &path, steps + 1) };
                    }
                    Step::Nothing if is_first => return None,
                    Step::Nothing => return self.0.contains_key(&at).then_some(at),
                },
            }
            rest = after;
            is_first = false;
        }
        self.0.contains_key(&at).then_some(at)
    }

    fn step(&self, at: &[String], segment: &str, steps: usize) -> Step<'_> {
        let part = [at, &[segment.to_owned()]].concat();
        if self.0.contains_key(&part) {
            return Step::Part(part);
        }
        let Some(module) = self.0.get(at) else { return Step::Nothing };
        if module.items.contains(segment) {
            return Step::Item;
        }
        if let Some(path) = module.imports.get(segment) {
            return Step::Import(path);
        }
        let globbed = module.globs.iter().filter_map(|glob| self.resolve(at, glob, steps + 1));
        for of in globbed {
            if let step @ (Step::Part(_) | Step::Import(_)) = self.step(&of, segment, steps + 1) {
                return step;
            }
        }
        Step::Nothing
    }
}

/// Where a segment of a path leads.
enum Step<'m> {
    Part(Name),
    Item,
    Import(&'m [String]),
    Nothing,
}

impl Module {
    /// Adds a path that occurs in code, if it leads into this crate for certain.
    fn name(&mut self, path: Vec<String>) {
        let first = path.first().map(String::as_str);
        if matches!(first, Some("crate" | "self" | "super")) && path.len() > 1 {
            self.paths.push(path);
        }
    }

    /// Adds the paths in the arguments of a macro or an attribute.
    fn name_in(&mut self, arguments: proc_macro2::TokenStream) {
        for part in parts(arguments) {
            if let Part::Path(path) = part {
                self.name(path);
            }
        }
    }

    fn take_in(&mut self, tree: &UseTree, before: Vec<String>) {
        let with = |ident: &syn::Ident| [before.as_slice(), &[ident.to_string()]].concat();
        match tree {
            UseTree::Path(path) => self.take_in(&path.tree, with(&path.ident)),
            UseTree::Name(name) if name.ident == "self" => {
                if let Some(last) = before.last() {
                    self.imports.insert(last.clone(), before.clone());
                }
            }
            UseTree::Name(name) => {
                self.imports.insert(name.ident.to_string(), with(&name.ident));
            }
            UseTree::Rename(renamed) => {
                let path =
                    if renamed.ident == "self" { before.clone() } else { with(&renamed.ident) };
                let name = match renamed.rename.to_string() {
                    // Each is something of its own.
                    name if name == "_" => format!("_{}", self.imports.len()),
                    name => name,
                };
                self.imports.insert(name, path);
            }
            UseTree::Glob(_) => self.globs.push(before),
            UseTree::Group(group) => {
                for tree in &group.items {
                    self.take_in(tree, before.clone());
                }
            }
        }
    }
}

impl<'ast> Visit<'ast> for Module {
    fn visit_path(&mut self, path: &'ast syn::Path) {
        self.name(path.segments.iter().map(|segment| segment.ident.to_string()).collect());
        syn::visit::visit_path(self, path);
    }

    /// A `use` inside a function. The names that it brings in are those of the function.
    fn visit_item_use(&mut self, found: &'ast syn::ItemUse) {
        let mut inner = Self::default();
        inner.take_in(&found.tree, Vec::new());
        self.paths.extend(inner.imports.into_values().chain(inner.globs));
    }

    fn visit_macro(&mut self, called: &'ast syn::Macro) {
        self.name_in(called.tokens.clone());
        syn::visit::visit_macro(self, called);
    }

    fn visit_meta_list(&mut self, attribute: &'ast syn::MetaList) {
        self.name_in(attribute.tokens.clone());
        syn::visit::visit_meta_list(self, attribute);
    }
}

fn file_of(folder: &Path, name: &str) -> Option<PathBuf> {
    let files = [folder.join(format!("{name}.rs")), folder.join(name).join("mod.rs")];
    files.into_iter().find(|file| file.is_file())
}

fn is_for_tests(item: &Item) -> bool {
    let attributes = match item {
        Item::Mod(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        _ => return false,
    };
    attributes.iter().any(|attribute| match &attribute.meta {
        syn::Meta::List(list) => {
            list.path.is_ident("cfg") && list.tokens.to_string().trim() == "test"
        }
        _ => false,
    })
}

fn name_of(item: &Item) -> Option<String> {
    let ident = match item {
        Item::Const(item) => &item.ident,
        Item::Enum(item) => &item.ident,
        Item::Fn(item) => &item.sig.ident,
        Item::Macro(item) => item.ident.as_ref()?,
        Item::Static(item) => &item.ident,
        Item::Struct(item) => &item.ident,
        Item::Trait(item) => &item.ident,
        Item::Type(item) => &item.ident,
        Item::Union(item) => &item.ident,
        _ => return None,
    };
    Some(ident.to_string())
}
