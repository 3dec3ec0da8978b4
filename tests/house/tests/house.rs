//! The sources of this repository keep the rules of `docs/contributing.md`.

use std::{fs, path::Path};

use lessor_house::{
    circles::circles,
    modules::{Modules, Name},
    sources, words,
};

/// The path of a file in the repository.
fn shown(path: &Path) -> String {
    path.strip_prefix(sources::root()).unwrap_or(path).display().to_string()
}

/// Tests say what they find in the words of what they test.
fn is_of_tests(path: &Path) -> bool {
    path.iter().any(|part| part == "tests" || part == "tests.rs")
}

#[test]
fn no_two_modules_of_a_crate_need_each_other() {
    let mut found = String::new();
    let roots = sources::crate_roots().unwrap();
    assert!(roots.len() > 15, "the crates were not found: {roots:?}");
    for root in roots {
        let modules = Modules::read(&root).unwrap();
        for circle in circles(&modules.edges()) {
            found += &format!("\n{}: a circle of {} modules\n", shown(&root), circle.members.len());
            for (from, to) in circle.edges {
                found += &format!("  {} uses {}\n", from.join("::"), to.join("::"));
            }
        }
    }
    assert!(
        found.is_empty(),
        "modules need each other; move what both need into a third, or merge them:\n{found}"
    );
}

#[test]
fn comments_messages_names_and_pages_are_worded_plainly_and_lines_are_short() {
    let contributing = fs::read_to_string(sources::root().join("docs/contributing.md")).unwrap();
    let refused = words::refused_words(&contributing);
    assert!(refused.len() > 5, "the list of words was not found: {refused:?}");
    let mut found = Vec::new();
    let mut check = |ending, check: &dyn Fn(&Path, &str) -> Vec<words::Refused>| {
        for path in sources::files(sources::root(), ending).unwrap() {
            let text = fs::read_to_string(&path).unwrap();
            let line = |refused: words::Refused| {
                format!("{}:{}: {}", shown(&path), refused.line, refused.why)
            };
            found.extend(check(&path, &text).into_iter().map(line));
        }
    };
    check("rs", &|path, text| {
        let strings = match is_of_tests(path) {
            true => Vec::new(),
            false => words::in_strings(text, &refused).unwrap(),
        };
        let names = words::in_names(text, &refused).unwrap();
        [words::long_lines(text), words::in_comments(text, "//", &refused), strings, names].concat()
    });
    check("wit", &|path, text| match path.iter().any(|part| part == "frozen") {
        true => Vec::new(),
        false => words::in_comments(text, "//", &refused),
    });
    check("toml", &|_, text| words::in_comments(text, "#", &refused));
    check("md", &|_, text| words::in_page(text, &refused));
    assert!(
        found.is_empty(),
        "{} lines are against docs/contributing.md, \"Words\":\n{}",
        found.len(),
        found.join("\n")
    );
}

#[test]
fn every_crate_that_ships_denies_panics() {
    const LINE: &str = "#![deny(clippy::expect_used, clippy::indexing_slicing, clippy::panic, \
                        clippy::unwrap_used)]";
    let is_below = |root: &std::path::Path, folder| root.starts_with(sources::root().join(folder));
    let ships = |root: &&std::path::PathBuf| {
        // Templates and examples are the code of policy authors.
        !["tests", "examples", "host/author/templates"].iter().any(|folder| is_below(root, folder))
    };
    let roots = sources::crate_roots().unwrap();
    let denies = |root: &std::path::Path| fs::read_to_string(root).unwrap().contains(LINE);
    let missing: Vec<String> =
        roots.iter().filter(ships).filter(|root| !denies(root)).map(|root| shown(root)).collect();
    assert!(missing.is_empty(), "begin these files with {LINE}: {missing:?}");
}

/// Crates that are given the time and share nothing between threads. `vocabulary` has no `std`.
const WITHOUT_CLOCKS_AND_LOCKS: [&str; 4] = ["core", "settings", "stages", "wire"];

#[test]
fn crates_without_clocks_and_locks_refuse_them() {
    const LINE: &str =
        "#![cfg_attr(not(test), deny(clippy::disallowed_methods, clippy::disallowed_types))]";
    let read = |name: &str, file: &str| {
        fs::read_to_string(sources::root().join("host").join(name).join(file)).unwrap()
    };
    let list = read("core", "clippy.toml");
    for path in ["Instant::now", "SystemTime::now", "sync::Mutex", "sync::RwLock"] {
        assert!(list.contains(path), "host/core/clippy.toml does not refuse {path}");
    }
    for name in WITHOUT_CLOCKS_AND_LOCKS {
        assert_eq!(read(name, "clippy.toml"), list, "copy clippy.toml of core to {name}");
        assert!(read(name, "src/lib.rs").contains(LINE), "{name}: its root does not have {LINE}");
    }
    let vocabulary = fs::read_to_string(sources::root().join("vocabulary/src/lib.rs")).unwrap();
    assert!(vocabulary.contains("#![no_std]"), "vocabulary has no clock because it has no std");
}

#[test]
fn a_file_of_a_module_stands_beside_its_folder() {
    let is_odd = |path: &&std::path::PathBuf| {
        // What several integration tests share is no test itself.
        path.ends_with("mod.rs") && !path.ends_with("tests/common/mod.rs")
    };
    let files = sources::files(sources::root(), "rs").unwrap();
    let found: Vec<String> = files.iter().filter(is_odd).map(|path| shown(path)).collect();
    assert!(found.is_empty(), "name the file after its module: {found:?}");
}

#[test]
fn a_circle_through_a_re_export_is_found_and_a_module_with_its_parts_is_none() {
    let folder = tempfile::tempdir().unwrap();
    let write = |path: &str, text: &str| {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    write("lib.rs", "mod a; mod b; mod c; pub use c::part::Deep; pub fn at_top() {}");
    write("a.rs", "use crate::{Deep, at_top}; pub struct A(Deep); fn f() { at_top() }");
    write("b.rs", "pub fn b() -> crate::a::A { loop {} }");
    write("c.rs", "pub mod part; use self::part::Deep; pub fn c(_: Deep) {}");
    write("c/part.rs", "use super::c; use crate::b; pub struct Deep; fn f() { b::b(); c(Deep) }");
    let modules = Modules::read(&folder.path().join("lib.rs")).unwrap();
    let edges = modules.edges();
    let circles = circles(&edges);
    let name = |text: &str| text.split("::").map(str::to_owned).collect::<Name>();
    let [circle] = circles.as_slice() else { panic!("{circles:?}") };
    let members = [name("a"), name("b"), name("c::part")];
    assert_eq!(circle.members, members.iter().collect());
    assert_eq!(circle.edges.len(), 3);
    // A test module may use what it likes.
    write("b.rs", "#[cfg(test)] mod tests { use crate::a::A; }");
    let modules = Modules::read(&folder.path().join("lib.rs")).unwrap();
    assert!(lessor_house::circles::circles(&modules.edges()).is_empty());
}

#[test]
fn a_circle_through_a_function_a_macro_or_an_attribute_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let write = |path: &str, text: &str| fs::write(folder.path().join(path), text).unwrap();
    write("lib.rs", "mod a; mod b;");
    write("a.rs", "pub struct A; pub fn f() -> crate::b::B { loop {} }");
    for uses_a in [
        "fn g() { use crate::a::f; f(); }",
        "fn g() { if true { use super::a::*; f(); } }",
        "fn g() { println!(\"{:?}\", [crate::a::f()]); }",
        "macro_rules! g { () => { $crate::a::f() } }",
        "#[derive(Debug)] struct G(#[with(crate::a::f)] u8);",
    ] {
        write("b.rs", &format!("pub struct B; {uses_a}"));
        let modules = Modules::read(&folder.path().join("lib.rs")).unwrap();
        assert_eq!(circles(&modules.edges()).len(), 1, "{uses_a}");
    }
    write("b.rs", "pub struct B; fn g() { use std::fmt::*; println!(\"crate::a::f\"); }");
    let modules = Modules::read(&folder.path().join("lib.rs")).unwrap();
    assert!(circles(&modules.edges()).is_empty());
}

#[test]
fn programs_beside_the_main_one_are_roots_of_crates() {
    let roots = sources::crate_roots().unwrap();
    let child = Path::new("policy/src/bin/lessor-compile-child.rs");
    assert!(roots.iter().any(|root| root.ends_with(child)), "{roots:?}");
}
