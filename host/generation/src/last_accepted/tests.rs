use std::{fs, os::unix::fs::PermissionsExt};

use super::{
    writing::{promote, stage},
    *,
};

/// Creates a folder with a configuration, a policy and a source in it.
fn set_up() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("plugins")).unwrap();
    fs::create_dir(folder.path().join("store")).unwrap();
    let files = [
        (
            "lessor.toml",
            "reservations = \"lines.csv\"\n[server]\nlisten = [\"192.0.2.1\"]\n[store]\npath = \
             \"store\"\n[plugins]\ndirectory = \"plugins\"\n[[lookup]]\nname = \"plans\"\ntype = \
             \"csv\"\npath = \"plans.csv\"\nkey = \"line\"\n[[subnet]]\nprefix = \
             \"100.64.0.0/16\"\n",
        ),
        ("plugins/10-a.wasm", "policy"),
        ("plugins/10-a.toml", "[settings]\n"),
        ("plugins/README", "no policy"),
        ("plans.csv", "line,plan\n"),
        ("lines.csv", "circuit-id,address\nolt1,100.64.0.7\n"),
    ];
    for (name, text) in files {
        fs::write(folder.path().join(name), text).unwrap();
    }
    folder
}

fn inputs(folder: &Path) -> Inputs {
    let path = folder.join("lessor.toml");
    let stamp = lessor_files::Stamp::of(&path);
    Inputs::of(&path, stamp, &lessor_config::load(&path).unwrap()).unwrap()
}

fn keep(folder: &Path) {
    stage(&inputs(folder), std::iter::empty()).unwrap();
    promote(&folder.join("store")).unwrap();
}

#[test]
fn a_copy_has_all_that_a_start_needs_and_is_private() {
    let folder = set_up();
    let store = folder.path().join("store");
    keep(folder.path());
    // A later copy replaces it.
    keep(folder.path());
    fs::create_dir(folder.path().join("gone")).unwrap();
    for name in ["plugins", "plans.csv", "lines.csv", "lessor.toml"] {
        fs::rename(folder.path().join(name), folder.path().join("gone").join(name)).unwrap();
    }
    let found = read(&store).unwrap();
    let copy = store.join("last-accepted");
    assert_eq!(found.configuration.plugins.unwrap().directory, copy.join("plugins"));
    let names: Vec<_> = fs::read_dir(copy.join("plugins")).unwrap().flatten().collect();
    assert_eq!(names.len(), 2, "{names:?}");
    let mut kind = found.configuration.lookups[0].kind.clone();
    let files: Vec<PathBuf> = files_of(&mut kind).into_iter().map(|path| path.clone()).collect();
    assert_eq!(fs::read_to_string(&files[0]).unwrap(), "line,plan\n");
    assert!(files[0].starts_with(&copy));
    let networks = found.configuration.topology.networks();
    assert_eq!(networks[0].subnets[0].reservations.len(), 1);
    let mut seen = 0;
    for entry in [&copy, &copy.join("plugins"), &copy.join("files")] {
        for entry in fs::read_dir(entry).unwrap().flatten() {
            let found = entry.metadata().unwrap();
            let wanted = if found.is_dir() { 0o700 } else { 0o600 };
            assert_eq!(found.permissions().mode() & 0o777, wanted, "{entry:?}");
            seen += 1;
        }
    }
    assert!(seen >= 7, "{seen}");
    assert!(!store.join("last-accepted.new").exists());
}

#[test]
fn a_copy_that_was_changed_is_refused() {
    let folder = set_up();
    let store = folder.path().join("store");
    let said = format!("{:#}", read(&store).unwrap_err());
    assert!(said.contains("has not accepted a generation yet"), "{said}");
    keep(folder.path());
    let copy = store.join("last-accepted");
    fs::write(copy.join("plugins/10-a.wasm"), "policz").unwrap();
    let said = format!("{:#}", read(&store).unwrap_err());
    assert!(said.contains("10-a.wasm was changed or is damaged"), "{said}");
    fs::remove_file(copy.join("plugins/10-a.wasm")).unwrap();
    assert!(read(&store).is_err());
}

#[test]
fn files_that_change_while_they_are_read_make_no_copy() {
    let folder = set_up();
    let store = folder.path().join("store");
    keep(folder.path());
    let changes: [fn(&Path); 4] = [
        |folder| fs::write(folder.join("lines.csv"), "circuit-id,address\n").unwrap(),
        |folder| fs::write(folder.join("plugins/10-a.wasm"), "better policy").unwrap(),
        |folder| fs::write(folder.join("plugins/20-b.wasm"), "another").unwrap(),
        |folder| fs::remove_file(folder.join("plugins/20-b.wasm")).unwrap(),
    ];
    for change in changes {
        let before = inputs(folder.path());
        change(folder.path());
        let said = format!("{:#}", stage(&before, std::iter::empty()).unwrap_err());
        assert!(said.contains("changed") || said.contains("cannot copy"), "{said}");
        assert!(!store.join("last-accepted.new").exists());
    }
    let copy = store.join("last-accepted/plugins/10-a.wasm");
    assert_eq!(fs::read_to_string(copy).unwrap(), "policy");
}

#[test]
fn the_copy_of_another_store_is_refused() {
    let folder = set_up();
    keep(folder.path());
    let other = folder.path().join("other");
    fs::rename(folder.path().join("store"), &other).unwrap();
    let said = format!("{:#}", read(&other).unwrap_err());
    assert!(said.contains("another store than"), "{said}");
}

#[test]
fn a_configuration_with_mistakes_must_say_where_its_store_is() {
    let folder = set_up();
    keep(folder.path());
    let path = folder.path().join("lessor.toml");
    let right = fs::read_to_string(&path).unwrap();
    for (text, is_found) in [
        (right.replace("100.64.0.0/16", "100.64.0.0/99"), true),
        (right.replace("[[subnet]]", "[[subnet]"), true),
        (right.replace("path = \"store\"", "path = \"elsewhere\""), false),
        (right.replace("path = \"store\"", "path = "), false),
        (right.replace("[store]", "[store"), false),
        (right.replace("[store]\npath = \"store\"\n", ""), false),
        (right.replace("path = \"store\"", "backend = \"memory\""), false),
    ] {
        fs::write(&path, &text).unwrap();
        let found = read_despite_mistakes(&path);
        assert_eq!(found.is_ok(), is_found, "{text}\n{found:?}");
    }
    fs::remove_file(&path).unwrap();
    let said = format!("{:#}", read_despite_mistakes(&path).unwrap_err());
    assert!(said.contains("does not say where leases are"), "{said}");
}

#[test]
fn compiled_code_is_kept_although_the_cache_is_gone() {
    let folder = set_up();
    let store = folder.path().join("store");
    let cached = store.join("compiled/code.compiled");
    fs::create_dir(store.join("compiled")).unwrap();
    fs::write(&cached, "code").unwrap();
    // Two scripts share an interpreter, and one file is missing.
    let missing = store.join("compiled/missing.compiled");
    let compiled = [&*cached, &*cached, &*missing];
    let keep = || {
        stage(&inputs(folder.path()), compiled.into_iter()).unwrap();
        promote(&store).unwrap();
        let kept = fs::read_dir(compiled_folder(&store)).unwrap().flatten();
        let kept: Vec<_> = kept.map(|file| file.file_name()).collect();
        assert_eq!(kept, ["code.compiled"]);
    };
    keep();
    // The next copy has it from the last one.
    fs::remove_dir_all(store.join("compiled")).unwrap();
    keep();
    let kept = compiled_folder(&store).join("code.compiled");
    assert_eq!(fs::read_to_string(kept).unwrap(), "code");
    read(&store).unwrap();
}
