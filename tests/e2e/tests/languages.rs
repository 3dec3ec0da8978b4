//! The subscriber table decides the same in every language: every example is built with the
//! commands of its README, loaded, and tested with the shared cases.

use std::{
    ffi::OsStr,
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Output},
    sync::LazyLock,
    thread,
};

use lessor_e2e::built;
use lessor_policies::{LANGUAGES, Language, NotBuilt};

/// Settings with a mistake, and a word that the message must contain.
const MISTAKES: [(&str, &str); 2] =
    [("[settings.lines.\"olt1/1\"]\npol = \"residential\"\n", "pol"), ("[settings]\n", "lines")];

#[test]
fn every_language_decides_the_shared_cases_alike() {
    let failures: Vec<String> = thread::scope(|scope| {
        let tried: Vec<_> =
            LANGUAGES.iter().map(|language| scope.spawn(|| what_goes_wrong(language))).collect();
        tried.into_iter().flat_map(|tried| tried.join().unwrap()).collect()
    });
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
}

fn what_goes_wrong(language: &Language) -> Vec<String> {
    let name = language.name;
    let policy = match language.build() {
        Ok(policy) => policy,
        Err(problem @ NotBuilt::Unable(_)) if std::env::var_os("LESSOR_REQUIRE_E2E").is_none() => {
            let _ = writeln!(std::io::stderr(), "SKIPPED the example in {name}: {problem}");
            return Vec::new();
        }
        Err(problem) => return vec![format!("{name}: {problem}")],
    };
    let mut failures = Vec::new();
    let cases = lessor_policies::cases();
    let tested = lessor_plugin("test", &policy, &[OsStr::new("--cases"), cases.as_os_str()]);
    if !tested.status.success() {
        failures.push(format!("{name}: {}\n{}", tested.status, said(&tested)));
    }
    for (settings, word) in MISTAKES {
        let mut file = tempfile::Builder::new().suffix(".toml").tempfile().unwrap();
        file.write_all(settings.as_bytes()).unwrap();
        let run =
            lessor_plugin("run", &policy, &[OsStr::new("--settings"), file.path().as_os_str()]);
        let said = said(&run);
        if run.status.success() || !said.contains("refuses its settings") || !said.contains(word) {
            failures.push(format!("{name} with the settings\n{settings}: {}\n{said}", run.status));
        }
    }
    failures
}

fn lessor_plugin(command: &str, policy: &Path, arguments: &[&OsStr]) -> Output {
    static INTERPRETERS: LazyLock<PathBuf> =
        LazyLock::new(|| lessor_guests::interpreters().unwrap());
    Command::new(built::lessor())
        .args(["plugin", command])
        .arg(policy)
        .arg("--interpreters")
        .arg(&*INTERPRETERS)
        .args(arguments)
        .output()
        .unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&[&output.stdout[..], &output.stderr[..]].concat()).into_owned()
}

#[test]
fn the_readme_of_every_example_has_its_commands() {
    for language in LANGUAGES {
        for command in language.commands() {
            let readme = std::fs::read_to_string(language.folder().join("README.md")).unwrap();
            assert!(
                readme.contains(&format!("\n    {command}\n")),
                "{}: the README does not say {command}",
                language.name
            );
        }
    }
}
