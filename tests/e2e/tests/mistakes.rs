//! A catalogue of common mistakes in scripts, in Rust, in sidecar files and in the configuration,
//! each with the message of the server's tools: that of `lessor check`, or, if that finds nothing,
//! that of `lessor plugin run` with the request of a new client. `UPDATE_GOLDEN=1` writes the
//! messages; review the changes from the view of the author of the mistake.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use lessor_e2e::built;
use tempfile::TempDir;

const CONFIGURATION: &str = r#"
[server]
listen = ["127.0.0.1:6767"]

[store]
path = "state"

[plugins]
directory = "plugins"

[[subnet]]
prefix = "100.64.0.0/16"
lease-time = "1h"

[[subnet.pool]]
name = "residential"
range = "100.64.1.0-100.64.200.255"

[[subnet.pool]]
name = "walled-garden"
range = "100.64.250.0-100.64.253.255"

[[lookup]]
name = "ports"
type = "csv"
path = "ports.csv"
key = "circuit-id"
"#;
const PORTS: &str = "circuit-id,pool\nolt1/1/3/onu17,residential\n";
/// A request without the circuit id, host name and lease that scripts expect.
const REQUEST: &str = r#"
kind = "discover"
hardware-address = "02:00:5e:00:53:01"
relay-address = "100.64.0.1"
vendor-class = "stb-4k"
"#;
const RIGHT_SCRIPT: &str = "fn decide(request, terms) {}\n";

/// The minimum number of mistakes in the catalogue.
const MISTAKES_MIN: usize = 60;

#[test]
fn every_mistake_in_a_rhai_script_leads_to_its_line() {
    are_explained_as_agreed("rhai", |case, place| in_plugin(case, place, &case.text()));
}

#[test]
fn every_mistake_in_a_javascript_script_leads_to_its_line() {
    are_explained_as_agreed("javascript", |case, place| in_plugin(case, place, &case.text()));
}

#[test]
fn every_mistake_in_a_policy_in_rust_is_explained() {
    are_explained_as_agreed("rust", |case, place| {
        let text = fs::read_to_string(&case.path).unwrap();
        let first = text.lines().next().unwrap();
        let plugin = place.path().join("plugins/20-policy.wasm");
        match first.strip_prefix("# policy: ") {
            Some(package) => drop(fs::copy(built::policy(package), &plugin).unwrap()),
            None => match first {
                "# file: source" => {
                    fs::write(plugin.with_extension("rs"), "#[policy]\nimpl Policy for Mine {}\n")
                        .unwrap();
                    return place.refused();
                }
                "# file: program" => drop(fs::copy("/bin/true", &plugin).unwrap()),
                "# file: half" => {
                    let whole = fs::read(built::policy("minimal")).unwrap();
                    fs::write(&plugin, &whole[..whole.len() / 2]).unwrap();
                }
                other => panic!("{other}"),
            },
        }
        if text.lines().count() > 1 {
            fs::write(plugin.with_extension("toml"), text).unwrap();
        }
        place.explained("plugins/20-policy.wasm")
    });
}

#[test]
fn every_mistake_beside_a_policy_is_explained() {
    are_explained_as_agreed("sidecar", |case, place| {
        fs::write(place.path().join("plugins/20-policy.rhai"), RIGHT_SCRIPT).unwrap();
        fs::copy(&case.path, place.path().join("plugins/20-policy.toml")).unwrap();
        place.refused()
    });
}

#[test]
fn every_mistake_in_a_configuration_is_explained() {
    are_explained_as_agreed("configuration", |case, place| {
        fs::copy(&case.path, place.path().join("lessor.toml")).unwrap();
        place.refused()
    });
}

#[test]
fn the_catalogue_is_large_and_nobody_is_sent_to_the_author() {
    let all = KINDS.iter().flat_map(|kind| cases(kind)).collect::<Vec<_>>();
    assert!(all.len() >= MISTAKES_MIN, "only {} mistakes", all.len());
    for case in all {
        let said = fs::read_to_string(case.golden()).unwrap();
        for useless in ["author must", "panicked at", "backtrace", "not registered for type"] {
            assert!(!said.contains(useless), "{}: {said}", case.name());
        }
    }
}

const KINDS: [&str; 5] = ["rhai", "javascript", "rust", "sidecar", "configuration"];

/// A file with a mistake.
struct MistakenFile {
    path: PathBuf,
}

impl MistakenFile {
    fn name(&self) -> String {
        self.path.file_name().unwrap().to_str().unwrap().to_owned()
    }

    fn text(&self) -> Vec<u8> {
        fs::read(&self.path).unwrap()
    }

    fn golden(&self) -> PathBuf {
        self.path.with_extension("expected")
    }
}

/// A folder with a valid configuration, to which mistakes are added.
struct ConfigurationFolder(TempDir);

impl ConfigurationFolder {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("plugins")).unwrap();
        for (name, text) in
            [("lessor.toml", CONFIGURATION), ("ports.csv", PORTS), ("request.toml", REQUEST)]
        {
            fs::write(folder.path().join(name), text).unwrap();
        }
        Self(folder)
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    /// Returns the message of `lessor check`, or else the result of a request.
    fn explained(&self, plugin: &str) -> String {
        let (is_right, said) = self.check();
        if !is_right {
            return said;
        }
        let (is_right, said) = self.lessor(&["plugin", "run", plugin, "--request", "request.toml"]);
        assert!(!is_right, "{plugin} has no mistake: {said}");
        said
    }

    /// Returns the message of `lessor check`.
    fn refused(&self) -> String {
        let (is_right, said) = self.check();
        assert!(!is_right, "there is no mistake: {said}");
        said
    }

    fn check(&self) -> (bool, String) {
        self.lessor(&["check", "--config", "lessor.toml"])
    }

    fn lessor(&self, arguments: &[&str]) -> (bool, String) {
        let output = Command::new(built::lessor())
            .args(arguments)
            .current_dir(self.path())
            .env("XDG_CACHE_HOME", built::checkout().join("target/tools-cache"))
            .env("NO_COLOR", "1")
            .output()
            .unwrap();
        let said = String::from_utf8([output.stderr, output.stdout].concat()).unwrap();
        let folder = format!("{}/", self.path().display());
        let said: Vec<String> = said.replace(&folder, "").trim_end().lines().map(steady).collect();
        let said = said.join("\n");
        (output.status.success(), format!("$ lessor {}\n{said}\n", arguments.join(" ")))
    }
}

/// Removes from a line what differs between builds and runs: times, offsets and large numbers.
fn steady(line: &str) -> String {
    const DIGITS_MAX: usize = 5;
    let mut words: Vec<String> = line.split(' ').map(str::to_owned).collect();
    for at in 0..words.len() {
        let is_time = words.get(at + 1).is_some_and(|unit| unit == "µs");
        let plain = words[at].trim_matches(|letter: char| !letter.is_ascii_alphanumeric());
        let is_large =
            plain.len() > DIGITS_MAX && plain.bytes().all(|octet| octet.is_ascii_digit());
        if is_time || is_large || plain.starts_with("0x") {
            words[at] = words[at].replace(plain, "N");
        }
    }
    words.join(" ")
}

fn in_plugin(case: &MistakenFile, place: &ConfigurationFolder, text: &[u8]) -> String {
    let plugin = format!("plugins/{}", case.name());
    fs::write(place.path().join(&plugin), text).unwrap();
    place.explained(&plugin)
}

fn are_explained_as_agreed(
    kind: &str,
    explained: impl Fn(&MistakenFile, &ConfigurationFolder) -> String,
) {
    if ["rhai", "javascript", "sidecar"].contains(&kind) {
        lessor_guests::interpreters().unwrap();
    }
    let is_updating = std::env::var_os("UPDATE_GOLDEN").is_some_and(|value| value == "1");
    let mut differing = Vec::new();
    for case in cases(kind) {
        let said = explained(&case, &ConfigurationFolder::new());
        let name = case.name();
        if is_updating {
            fs::write(case.golden(), &said).unwrap();
        } else if fs::read_to_string(case.golden()).unwrap_or_default() != said {
            differing.push(format!("{kind}/{name} is now explained so:\n{said}"));
        }
    }
    assert!(differing.is_empty(), "{}", differing.join("\n"));
}

fn cases(kind: &str) -> Vec<MistakenFile> {
    let folder = built::checkout().join("tests/golden/mistakes").join(kind);
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> = files
        .filter(|path| path.extension().is_some_and(|extension| extension != "expected"))
        .collect();
    files.sort();
    files.into_iter().map(|path| MistakenFile { path }).collect()
}
