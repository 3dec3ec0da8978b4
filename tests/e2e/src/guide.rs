//! Guides whose commands tests run: the files and commands of a page, in its order.
//!
//! In a guide, a block fenced as `sh` is run, and a block whose fence names a file
//! (`rhai file=plugins/20-garden.rhai`) is written to that file.

use std::{fmt::Write, fs, process::Command};

use crate::{built, heavy};

/// The beginning of every script, which ends its background processes.
const BEGINNING: &str =
    "set -euo pipefail\ntrap 'kill $(jobs -p) 2>/dev/null || true; wait' EXIT\n";

/// A guide, in chapters.
#[derive(Debug)]
pub struct Guide(Vec<(String, Vec<Step>)>);

#[derive(Debug)]
enum Step {
    File { path: String, text: String },
    Commands(String),
}

impl Guide {
    /// Reads a page of the checkout.
    ///
    /// # Panics
    /// Panics if there is no such page.
    pub fn read(page: &str) -> Self {
        let text = fs::read_to_string(built::checkout().join(page));
        let text = text.unwrap_or_else(|error| panic!("{page}: {error}"));
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
            let Some((_, steps)) = chapters.last_mut() else { continue };
            match fence.split_once(" file=") {
                Some((_, path)) => steps.push(Step::File { path: path.to_owned(), text: block }),
                None if fence == "sh" => steps.push(Step::Commands(block)),
                None => {}
            }
        }
        Self(chapters)
    }

    /// The titles of its chapters.
    pub fn titles(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(title, _)| title.as_str())
    }

    /// Runs these chapters one after the other in an empty folder, as a reader would.
    ///
    /// # Panics
    /// Panics if a command fails, or if the guide has no such chapter.
    #[track_caller]
    pub fn run(&self, titles: &[&str]) {
        // All guides use the same port.
        let _alone = heavy();
        // A shared cache, so that each interpreter is compiled only once.
        let cache = built::checkout().join("target/documentation/cache");
        fs::create_dir_all(&cache).expect("the target folder can be written");
        let link = format!("ln -s '{}' cache\n", cache.display());
        let before = |path: &str| if path == "lessor.toml" { link.clone() } else { String::new() };
        let script = BEGINNING.to_owned() + &self.script(titles, before);
        let folder = tempfile::tempdir().expect("there is room for a folder");
        let written = folder.path().join("chapter.sh");
        fs::write(&written, script).expect("the folder can be written");
        let binaries = built::lessor().parent().expect("a binary is in a folder");
        let path = std::env::var("PATH").unwrap_or_default();
        let target = lessor_guests::authors_target_folder();
        let output = Command::new("timeout")
            .args(["--kill-after=10", "900", "bash", "-x"])
            .arg(&written)
            .current_dir(folder.path())
            .env("PATH", format!("{}:{path}", binaries.display()))
            // A shared folder, so that the dependencies of all Rust projects are compiled once.
            .env("CARGO_TARGET_DIR", target.unwrap_or_else(|error| panic!("{error}")))
            .output()
            .expect("bash can be run");
        let said = String::from_utf8_lossy(&output.stdout);
        let complained = String::from_utf8_lossy(&output.stderr);
        let status = output.status;
        assert!(status.success(), "{titles:?} ends with {status}:\n{said}\n{complained}");
        println!("{titles:?}:\n{said}");
    }

    /// Returns the files and commands of a chapter as a shell script.
    ///
    /// # Panics
    /// Panics if the guide has no such chapter.
    #[track_caller]
    pub fn commands(&self, title: &str) -> String {
        self.script(&[title], |_| String::new())
    }

    /// Returns chapters as a script, with something before each file.
    #[track_caller]
    fn script(&self, titles: &[&str], before: impl Fn(&str) -> String) -> String {
        let mut script = String::new();
        for step in titles.iter().flat_map(|title| self.chapter(title)) {
            match step {
                Step::File { path, text } => {
                    script.push_str(&before(path));
                    let _ = writeln!(script, "mkdir -p \"$(dirname '{path}')\"");
                    let _ = write!(script, "cat > '{path}' <<'END-OF-FILE'\n{text}END-OF-FILE\n");
                }
                Step::Commands(commands) => script.push_str(commands),
            }
        }
        script
    }

    #[track_caller]
    fn chapter(&self, title: &str) -> &[Step] {
        let found = self.0.iter().find(|(found, _)| found == title);
        &found.unwrap_or_else(|| panic!("the guide has no chapter {title:?}")).1
    }
}
