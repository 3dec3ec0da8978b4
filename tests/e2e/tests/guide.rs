//! Checks the guide for policy authors: writes the files of every chapter and runs its commands, in
//! the order of the guide.
//!
//! In docs/policies.md, a block fenced as `sh` is run, and a block whose fence names a file
//! (`rhai file=plugins/20-garden.rhai`) is written to that file. The chapter "A place to try
//! things" is run before each of the others.

use std::{fmt::Write, fs, process::Command};

use lessor_e2e::{built, heavy};

/// The beginning of every chapter's script, which ends its background processes.
const BEGINNING: &str = "set -euo pipefail\ntrap 'kill $(jobs -p) 2>/dev/null; wait' EXIT\n";

/// The chapter that is run before every other chapter.
const PLACE: &str = "A place to try things";

#[test]
fn a_first_policy_as_a_rhai_script() {
    chapter("As a script");
}

#[test]
fn a_first_policy_as_a_javascript_script() {
    chapter("As a script in JavaScript");
}

#[test]
fn a_first_policy_in_rust() {
    chapter("In Rust");
}

#[test]
fn a_first_policy_in_javascript() {
    lessor_e2e::require!(npm, patience);
    chapter("In JavaScript");
}

#[test]
fn a_first_policy_in_python() {
    lessor_e2e::require!(python3, patience);
    chapter("In Python");
}

#[test]
fn a_first_policy_in_c() {
    lessor_e2e::require!(clang, make, wasi_libc);
    chapter("In C");
}

#[test]
fn on_real_traffic() {
    chapter("On real traffic");
}

#[test]
fn every_recipe() {
    let guide = Guide::read();
    let recipes: Vec<&str> = guide.titles().filter(|title| title.starts_with("Recipe: ")).collect();
    assert!(recipes.len() >= 6, "{recipes:?}");
    for recipe in recipes {
        chapter(recipe);
    }
}

/// Runs a chapter as a reader would.
#[track_caller]
fn chapter(title: &str) {
    // Scripts need the interpreters; the server finds them beside its binary.
    lessor_guests::interpreters().unwrap();
    // All chapters use the same port.
    let _alone = heavy();
    let guide = Guide::read();
    // A shared cache, so that each interpreter is compiled only once.
    let cache = built::checkout().join("target/documentation/cache");
    fs::create_dir_all(&cache).unwrap();
    let mut script = String::from(BEGINNING);
    for step in guide.chapter(PLACE).iter().chain(guide.chapter(title)) {
        match step {
            Step::File { path, text } => {
                if path == "lessor.toml" {
                    let _ = writeln!(script, "ln -s '{}' cache", cache.display());
                }
                let _ = writeln!(script, "mkdir -p \"$(dirname '{path}')\"");
                let _ = write!(script, "cat > '{path}' <<'END-OF-FILE'\n{text}END-OF-FILE\n");
            }
            Step::Commands(commands) => script.push_str(commands),
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let written = folder.path().join("chapter.sh");
    fs::write(&written, script).unwrap();
    let binaries = built::lessor().parent().unwrap();
    let path = std::env::var("PATH").unwrap_or_default();
    let output = Command::new("timeout")
        .args(["--kill-after=10", "900", "bash", "-x"])
        .arg(&written)
        .current_dir(folder.path())
        .env("PATH", format!("{}:{path}", binaries.display()))
        // A shared folder, so that the dependencies of all Rust projects are compiled only once.
        .env("CARGO_TARGET_DIR", lessor_guests::authors_target_folder().unwrap())
        .output()
        .unwrap();
    let said = format!(
        "{}\n{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(output.status.success(), "the chapter {title:?} ends with {}:\n{said}", output.status);
    println!("{title}:\n{}", String::from_utf8_lossy(&output.stdout));
}

/// The guide, in chapters.
struct Guide(Vec<(String, Vec<Step>)>);

enum Step {
    File { path: String, text: String },
    Commands(String),
}

impl Guide {
    fn read() -> Self {
        let text = fs::read_to_string(built::checkout().join("docs/policies.md")).unwrap();
        let mut chapters = vec![(String::new(), Vec::new())];
        let mut lines = text.lines();
        while let Some(line) = lines.next() {
            if let Some(title) = line.strip_prefix("## ").or_else(|| line.strip_prefix("### ")) {
                chapters.push((title.to_owned(), Vec::new()));
                continue;
            }
            let Some(fence) = line.strip_prefix("```") else { continue };
            let block = lines.by_ref().take_while(|line| *line != "```");
            let block: String = block.flat_map(|line| [line, "\n"]).collect();
            let steps = &mut chapters.last_mut().unwrap().1;
            match fence.split_once(" file=") {
                Some((_, path)) => steps.push(Step::File { path: path.to_owned(), text: block }),
                None if fence == "sh" => steps.push(Step::Commands(block)),
                None => {}
            }
        }
        Self(chapters)
    }

    fn titles(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(title, _)| title.as_str())
    }

    #[track_caller]
    fn chapter(&self, title: &str) -> &[Step] {
        let found = self.0.iter().find(|(found, _)| found == title);
        &found.unwrap_or_else(|| panic!("the guide has no chapter {title:?}")).1
    }
}
