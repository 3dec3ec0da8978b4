use clap::ValueEnum;

use super::*;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap()
}

#[test]
fn names_are_what_every_tool_takes() {
    for name in ["stb", "walled-garden-2", "a"] {
        check_name(name).unwrap();
    }
    for (name, hint) in [
        ("Walled_Garden", "try walled-garden"),
        ("2nd-line", "try nd-line"),
        ("a--b", "try a-b"),
        ("", "wanted lower-case"),
        ("../etc", "try etc"),
        ("test", "another name"),
    ] {
        let error = check_name(name).unwrap_err().to_string();
        assert!(error.contains(hint), "{name}: {error}");
    }
    assert!(check_name(&"x".repeat(NAME_CHARS_MAX)).is_ok());
    assert!(check_name(&"x".repeat(NAME_CHARS_MAX + 1)).is_err());
}

#[test]
fn every_project_has_what_is_promised_and_keeps_no_placeholder() {
    for language in Language::value_variants() {
        let files = project("night-shift", *language, &Sdk::Vendored);
        let names: Vec<String> = files.iter().map(|(path, _)| path.display().to_string()).collect();
        for wanted in ["README.md", ".gitignore", "night-shift.toml"] {
            assert!(
                names.iter().any(|name| name == wanted),
                "{language:?}: no {wanted} in {names:?}"
            );
        }
        let cases = names.iter().filter(|name| name.starts_with("cases/")).count();
        assert_eq!(cases, 2, "{language:?}");
        for (path, text) in &files {
            let text = String::from_utf8_lossy(text);
            let is_left =
                |text: &str| text.contains(PLACEHOLDER) || text.contains(SNAKE_PLACEHOLDER);
            assert!(!is_left(&text) && !is_left(&path.to_string_lossy()), "{}", path.display());
        }
        let (_, readme) = files.iter().find(|(path, _)| path == Path::new("README.md")).unwrap();
        let commands = first_commands(std::str::from_utf8(readme).unwrap());
        let is_test = |command: &String| command.starts_with("lessor plugin test ");
        assert!(commands.iter().any(is_test), "{language:?}: {commands:?}");
    }
}

/// The included SDK must depend on the same versions as the one in this repository.
#[test]
fn the_sdk_that_comes_along_has_the_dependencies_of_the_one_here() {
    let read = |path: &Path| -> toml::Table { fs::read_to_string(path).unwrap().parse().unwrap() };
    let workspace = read(&root().join("Cargo.toml"));
    let shared = &workspace["workspace"]["dependencies"];
    for crate_folder in ["", "macros", "vocabulary"] {
        let here = match crate_folder {
            "vocabulary" => root().join("vocabulary"),
            folder => root().join("plugins/sdk/rust").join(folder),
        };
        let here = read(&here.join("Cargo.toml"));
        let along = read(
            &Path::new(env!("CARGO_MANIFEST_DIR"))
                .join("templates/sdk-rust")
                .join(crate_folder)
                .join("Cargo.toml"),
        );
        assert_eq!(here.get("features"), along.get("features"));
        assert_eq!(here["package"]["name"], along["package"]["name"]);
        assert_eq!(along["package"]["version"], workspace["workspace"]["package"]["version"]);
        assert_eq!(along["package"]["edition"], workspace["workspace"]["package"]["edition"]);
        let none = toml::Table::new();
        let dependencies = |manifest: &toml::Table| {
            manifest.get("dependencies").and_then(|found| found.as_table()).unwrap_or(&none).clone()
        };
        let (here, along) = (dependencies(&here), dependencies(&along));
        assert_eq!(here.keys().collect::<Vec<_>>(), along.keys().collect::<Vec<_>>());
        for (name, found) in &along {
            let wanted = &shared[name];
            if found.get("path").is_none() {
                let part = |value: &toml::Value, key| value.get(key).cloned();
                let version = part(wanted, "version").unwrap_or_else(|| wanted.clone());
                assert_eq!(found["version"], version, "{name}");
                assert_eq!(part(found, "features"), part(wanted, "features"), "{name}");
            }
        }
    }
}

#[test]
fn a_project_in_a_checkout_uses_its_sdk_and_others_bring_their_own() {
    let inside = root().join("examples/new-policy");
    let expected = Sdk::At(PathBuf::from("../../plugins/sdk/rust"));
    assert_eq!(find_sdk(None, &inside).unwrap(), expected);
    let outside = tempfile::tempdir().unwrap();
    assert_eq!(find_sdk(None, outside.path()).unwrap(), Sdk::Vendored);
    let named = find_sdk(Some(&root().join("plugins/sdk/rust")), outside.path()).unwrap();
    assert_eq!(named, Sdk::At(root().join("plugins/sdk/rust").canonicalize().unwrap()));
    let refused = find_sdk(Some(outside.path()), outside.path()).unwrap_err().to_string();
    assert!(refused.contains("plugins/sdk/rust"), "{refused}");
    let (_, manifest) = &project("a", Language::Rust, &expected)
        .into_iter()
        .find(|(path, _)| path == Path::new("Cargo.toml"))
        .unwrap();
    let manifest = std::str::from_utf8(manifest).unwrap();
    assert!(manifest.contains("path = \"../../plugins/sdk/rust\""), "{manifest}");
}

#[test]
fn a_folder_that_holds_something_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    check_folder(folder.path()).unwrap();
    check_folder(&folder.path().join("absent")).unwrap();
    fs::write(folder.path().join("mine"), "").unwrap();
    assert!(check_folder(folder.path()).unwrap_err().to_string().contains("not empty"));
    assert!(check_folder(&folder.path().join("mine")).unwrap_err().to_string().contains("cannot"));
}
