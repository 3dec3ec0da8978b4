//! Tests that released versions stay served: no frozen version of the contract changes, and the
//! current one contains everything in the frozen versions of its line, with the same shape. Also
//! tests that every item of the current version is documented.

use std::{fs, path::PathBuf};

use sha2::{Digest, Sha256};
use wit_parser::{
    Docs, Function, Interface, InterfaceId, Resolve, Stability, Type, TypeDef, TypeDefKind, World,
    WorldItem,
};

use super::{served::Served, shape};

/// Every released version, with the digest of its files. A line is added on release; none ever
/// changes.
const FROZEN: [(&str, &str); 2] = [
    ("0.1.0", "5fb2b06304b2c285c48ec88a16dc8dc367a7c05f408443031b9f23b8cba9113d"),
    ("0.1.1", "82f2c4a45618d686eb32d77d69e9cf7cbd3d1a1bef65441e62d7a641fd1e85ff"),
];

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../wit/frozen")
}

/// The names and texts of the files, in order.
fn files(version: &str) -> Vec<(String, String)> {
    let entries = folder().join(version).read_dir().unwrap().map(Result::unwrap);
    let read = entries.map(|entry| {
        let text = fs::read_to_string(entry.path()).unwrap();
        (entry.file_name().into_string().unwrap(), text)
    });
    let mut files: Vec<_> = read.collect();
    files.sort();
    files
}

fn frozen(version: &str) -> Served {
    let files = files(version);
    Served::parse(files.iter().map(|(name, text)| (name.as_str(), text.as_str()))).unwrap()
}

#[test]
fn frozen_versions_never_change() {
    let mut found: Vec<String> = folder()
        .read_dir()
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    found.sort();
    assert_eq!(found, FROZEN.map(|(version, _)| version));
    for (version, wanted) in FROZEN {
        let mut digest = Sha256::new();
        for (name, text) in files(version) {
            digest.update(name.as_bytes());
            digest.update([0]);
            digest.update((text.len() as u64).to_be_bytes());
            digest.update(text);
        }
        let found = hex::encode(digest.finalize());
        assert_eq!(found, wanted, "wit/frozen/{version} was changed; restore it");
        assert_eq!(frozen(version).version(), version);
    }
}

#[test]
fn the_current_version_has_all_that_frozen_ones_have() {
    let current = Served::current().unwrap();
    for (version, _) in FROZEN {
        let old = frozen(version);
        for (name, id) in old.interfaces() {
            let new = current.interfaces().find(|(found, _)| *found == name);
            let (_, new) = new.unwrap_or_else(|| panic!("interface {name} of {version} is gone"));
            assert_grown(&format!("{version} {name}"), (&old.resolve, id), (&current.resolve, new));
        }
        for (name, old_world) in old.worlds() {
            let new = current.world(name).unwrap_or_else(|| panic!("world {name} is gone"));
            let (imports, exports) = (current.imports(new), current.exports(new));
            assert!(old.imports(old_world).iter().all(|item| imports.contains(item)), "{name}");
            assert!(old.exports(old_world).iter().all(|item| exports.contains(item)), "{name}");
        }
    }
}

#[test]
fn hooks_get_no_further_functions() {
    let current = Served::current().unwrap();
    let hooks = current.exports(current.world("every-hook").unwrap());
    for (version, _) in FROZEN {
        let old = frozen(version);
        for (name, id) in old.interfaces().filter(|(name, _)| hooks.contains(name)) {
            let (_, new) = current.interfaces().find(|(found, _)| *found == name).unwrap();
            let count = |served: &Served, id| served.resolve.interfaces[id].functions.len();
            assert_eq!(count(&old, id), count(&current, new), "{name} has more than in {version}");
        }
    }
}

#[test]
fn every_item_is_documented_and_says_since_when() {
    let current = Served::current().unwrap();
    let mut lacking = Vec::new();
    let mut check = |name: String, docs: &Docs, stability: Option<&Stability>| {
        if docs.contents.as_deref().is_none_or(|text| text.trim().is_empty()) {
            lacking.push(format!("{name} has no documentation"));
        }
        if stability.is_some_and(|stability| !matches!(stability, Stability::Stable { .. })) {
            lacking.push(format!("{name} has no @since"));
        }
    };
    for (name, id) in current.interfaces() {
        let interface: &Interface = &current.resolve.interfaces[id];
        check(name.to_owned(), &interface.docs, Some(&interface.stability));
        for function in interface.functions.values() {
            let Function { docs, stability, .. } = function;
            check(format!("{name}.{}", function.name), docs, Some(stability));
        }
        for (named, id) in &interface.types {
            let definition: &TypeDef = &current.resolve.types[*id];
            if matches!(definition.kind, TypeDefKind::Type(Type::Id(_))) {
                // `use` items are documented where they are defined.
                continue;
            }
            check(format!("{name}.{named}"), &definition.docs, Some(&definition.stability));
            for (member, docs) in members(definition) {
                check(format!("{name}.{named}.{member}"), docs, None);
            }
        }
    }
    for (name, world) in current.worlds() {
        check(format!("world {name}"), &world.docs, Some(&world.stability));
    }
    assert!(lacking.is_empty(), "{}", lacking.join("\n"));
}

/// Asserts that everything in `old` is in `new`, with the same shape.
fn assert_grown(name: &str, old: (&Resolve, InterfaceId), new: (&Resolve, InterfaceId)) {
    let ((old_resolve, old), (new_resolve, new)) = (old, new);
    let (old, new) = (&old_resolve.interfaces[old], &new_resolve.interfaces[new]);
    for (named, function) in &old.functions {
        let found = new.functions.get(named).map(|new| shape::of_function(new_resolve, new));
        assert_eq!(found, Some(shape::of_function(old_resolve, function)), "{name} {named}");
    }
    for (named, id) in &old.types {
        let found = new.types.get(named).map(|new| shape::of_definition(new_resolve, *new));
        assert_eq!(found, Some(shape::of_definition(old_resolve, *id)), "{name} {named}");
    }
}

fn members(definition: &TypeDef) -> Vec<(&str, &Docs)> {
    match &definition.kind {
        TypeDefKind::Record(record) => {
            record.fields.iter().map(|field| (field.name.as_str(), &field.docs)).collect()
        }
        TypeDefKind::Variant(variant) => {
            variant.cases.iter().map(|case| (case.name.as_str(), &case.docs)).collect()
        }
        TypeDefKind::Enum(cases) => {
            cases.cases.iter().map(|case| (case.name.as_str(), &case.docs)).collect()
        }
        _ => Vec::new(),
    }
}

impl Served {
    /// The short names of the interfaces that a world imports.
    fn imports(&self, world: &World) -> Vec<&str> {
        world.imports.values().filter_map(|item| self.short_name(item)).collect()
    }

    /// The short names of the interfaces that a world exports.
    fn exports(&self, world: &World) -> Vec<&str> {
        world.exports.values().filter_map(|item| self.short_name(item)).collect()
    }

    fn short_name(&self, item: &WorldItem) -> Option<&str> {
        match item {
            WorldItem::Interface { id, .. } => self.resolve.interfaces[*id].name.as_deref(),
            _ => None,
        }
    }

    fn interfaces(&self) -> impl Iterator<Item = (&str, InterfaceId)> {
        let package = &self.resolve.packages[self.package];
        package.interfaces.iter().map(|(name, id)| (name.as_str(), *id))
    }

    fn worlds(&self) -> impl Iterator<Item = (&str, &World)> {
        let package = &self.resolve.packages[self.package];
        package.worlds.iter().map(|(name, id)| (name.as_str(), &self.resolve.worlds[*id]))
    }

    fn version(&self) -> String {
        let package = &self.resolve.packages[self.package];
        package.name.version.as_ref().map(ToString::to_string).unwrap_or_default()
    }
}
