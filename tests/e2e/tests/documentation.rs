//! Checks the documentation: the policy of the README builds and is accepted, the configurations in
//! the guides are accepted, and every command that they name exists.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use lessor_e2e::{built, reasons};

/// Returns the fenced blocks of a page in this language.
fn blocks(page: &str, language: &str) -> Vec<String> {
    let text = fs::read_to_string(built::checkout().join(page)).unwrap();
    let fence = format!("```{language}\n");
    let blocks: Vec<String> = text
        .split(&fence)
        .skip(1)
        .map(|rest| rest.split("```").next().unwrap().to_owned())
        .collect();
    assert!(!blocks.is_empty(), "{page} has no {language}");
    blocks
}

/// Returns a folder with a configuration and an empty plugin directory.
fn operator_folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("plugins")).unwrap();
    fs::copy(built::checkout().join("examples/demo.toml"), folder.path().join("lessor.toml"))
        .unwrap();
    folder
}

fn check(folder: &Path) -> Output {
    let mut command = Command::new(built::lessor());
    command.args(["check", "--config"]).arg(folder.join("lessor.toml")).output().unwrap()
}

#[track_caller]
fn assert_accepted(folder: &Path, what: &str) {
    let output = check(folder);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{what} is refused:\n{said}");
}

/// Builds the README's policy in a project of its own, with the versions that this checkout uses.
fn built_from_readme() -> PathBuf {
    let folder = built::checkout().join("target/documentation/night-shift");
    let _ = fs::remove_dir_all(&folder);
    let commands = blocks("README.md", "sh");
    let create = commands.iter().find(|block| block.contains("plugin new")).unwrap();
    let create = create.trim().strip_prefix("lessor ").unwrap().split(' ');
    let parent = folder.parent().unwrap();
    fs::create_dir_all(parent).unwrap();
    let created = Command::new(built::lessor()).args(create).current_dir(parent).output().unwrap();
    assert!(created.status.success(), "{}", String::from_utf8_lossy(&created.stderr));
    fs::copy(built::checkout().join("Cargo.lock"), folder.join("Cargo.lock")).unwrap();
    fs::write(folder.join("src/lib.rs"), &blocks("README.md", "rust")[0]).unwrap();
    let build = commands.iter().find(|block| block.contains("cargo build")).unwrap();
    let target = lessor_guests::authors_target_folder().unwrap();
    let arguments = build.lines().next().unwrap().strip_prefix("cargo ").unwrap();
    let output = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(arguments.split(' '))
        .env("CARGO_TARGET_DIR", &target)
        .current_dir(&folder)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    target.join("wasm32-unknown-unknown/release/night_shift.wasm")
}

#[test]
fn the_policy_of_the_readme_builds_and_is_accepted_with_its_settings() {
    let policy = built_from_readme();
    let folder = operator_folder();
    let plugins = folder.path().join("plugins");
    fs::copy(policy, plugins.join("50-night-shift.wasm")).unwrap();
    let without_settings = check(folder.path());
    assert!(!without_settings.status.success(), "its settings are missing");
    let said = String::from_utf8_lossy(&without_settings.stderr);
    assert!(said.contains("50-night-shift") && said.contains("prefix"), "{said}");
    let sidecar = &blocks("README.md", "toml")[0];
    fs::write(plugins.join("50-night-shift.toml"), sidecar).unwrap();
    assert_accepted(folder.path(), "the README's policy");
}

#[test]
fn what_the_readmes_of_the_policies_show_is_accepted() {
    for (package, settings) in
        [("subscriber-table", 0), ("walled-garden", 1), ("vendor-options", 0)]
    {
        let folder = operator_folder();
        let plugins = folder.path().join("plugins");
        fs::copy(built::policy(package), plugins.join("10-policy.wasm")).unwrap();
        let sidecar = &blocks(&format!("plugins/{package}/README.md"), "toml")[settings];
        fs::write(plugins.join("10-policy.toml"), sidecar).unwrap();
        assert_accepted(folder.path(), package);
    }
}

#[test]
fn the_sidecar_file_of_the_operators_guide_is_accepted() {
    let folder = operator_folder();
    let plugins = folder.path().join("plugins");
    fs::copy(built::policy("walled-garden"), plugins.join("10-policy.wasm")).unwrap();
    let blocks = blocks("docs/operators.md", "toml");
    let sidecar = blocks.iter().find(|block| block.contains("on-failure")).unwrap();
    // The guide shows no settings, but this policy needs some.
    fs::write(plugins.join("10-policy.toml"), format!("{sidecar}\nunpaid = [\"line\"]\n")).unwrap();
    assert_accepted(folder.path(), "the guide's sidecar file");
}

#[test]
fn every_command_that_the_documentation_names_exists() {
    let mut commands = 0;
    for page in ["README.md", "docs/replay.md"] {
        for line in blocks(page, "sh").iter().flat_map(|block| block.lines()) {
            let command = line.split('#').next().unwrap().trim();
            let words: Vec<&str> = command.split_whitespace().collect();
            let (mut program, words) = match words.as_slice() {
                ["lessor", words @ ..] => (Command::new(built::lessor()), words),
                ["cargo", "xtask", words @ ..] => {
                    let mut cargo =
                        Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
                    cargo.args(["xtask"]).current_dir(built::checkout());
                    (cargo, words)
                }
                _ => continue,
            };
            let output = program.args(words).arg("--help").output().unwrap();
            let said = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{page}: {command}: {said}");
            commands += 1;
        }
    }
    assert!(commands >= 7, "only {commands} commands were found: has the documentation changed?");
}

#[test]
fn every_reason_is_explained_by_the_binary() {
    let explained = reasons();
    let names: BTreeSet<&str> = explained.iter().map(|row| row.reason.as_str()).collect();
    assert_eq!(names.len(), explained.len(), "every name is unique");
    assert!(names.len() >= 80, "there are no fewer than there were: {names:?}");
    assert!(explained.iter().all(|row| !row.meaning.is_empty()));
}
