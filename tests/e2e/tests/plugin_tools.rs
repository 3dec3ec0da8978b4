//! `lessor plugin`: the tools for authors of policies.

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

use lessor_e2e::built;
use serde_json::Value;
use tempfile::TempDir;

/// Runs the tool in a folder, with a separate cache of compiled code for the tests.
fn lessor_plugin(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(built::lessor())
        .arg("plugin")
        .args(arguments)
        .current_dir(folder)
        .env("XDG_CACHE_HOME", built::checkout().join("target/tools-cache"))
        .env("NO_COLOR", "1")
        .output()
        .unwrap()
}

#[track_caller]
fn succeeds(folder: &Path, arguments: &[&str]) -> String {
    let output = lessor_plugin(folder, arguments);
    let said = String::from_utf8_lossy(&output.stderr);
    let shown = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(0), "{arguments:?}: {said}{shown}");
    shown
}

/// Checks that the tool fails, and returns its standard output and standard error.
#[track_caller]
fn fails(folder: &Path, arguments: &[&str]) -> (String, String) {
    let output = lessor_plugin(folder, arguments);
    assert_eq!(output.status.code(), Some(1), "{arguments:?}");
    let text = |octets| String::from_utf8(octets).unwrap();
    (text(output.stdout), text(output.stderr))
}

fn json(line: &str) -> Value {
    serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))
}

/// Returns a folder with a shipped policy as `policy.wasm`, and its sidecar file from the demo.
fn with_policy(package: &str, sidecar: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::copy(built::policy(package), folder.path().join("policy.wasm")).unwrap();
    let beside = built::checkout().join("examples/demo-plugins").join(sidecar);
    fs::copy(beside, folder.path().join("policy.toml")).unwrap();
    folder
}

fn with_garden() -> TempDir {
    with_policy("walled-garden", "20-walled-garden.toml")
}

/// Returns a folder with a policy that misbehaves according to `settings`.
fn with_misbehaving(settings: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::copy(built::policy("misbehaving"), folder.path().join("policy.wasm")).unwrap();
    fs::write(folder.path().join("policy.toml"), format!("[settings]\n{settings}\n")).unwrap();
    folder
}

/// Compares with a file in `tests/golden/plugin-tools`, which `UPDATE_GOLDEN=1` writes. Text that
/// differs between runs is normalised: numbers with a fraction, digests, and their padding.
#[track_caller]
fn assert_golden(name: &str, shown: &str) {
    let path = built::checkout().join("tests/golden/plugin-tools").join(name);
    let shown = steady(shown);
    if std::env::var_os("UPDATE_GOLDEN").is_some_and(|value| value == "1") {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, &shown).unwrap();
    }
    let expected = fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(shown, expected, "{} differs", path.display());
}

fn steady(text: &str) -> String {
    text.lines().map(|line| steady_line(line) + "\n").collect()
}

fn steady_line(line: &str) -> String {
    let indent = line.len() - line.trim_start().len();
    let is_rule = |word: &str| word.chars().all(|found| "─═┌┬┐└┴┘╞╪╡".contains(found));
    let is_measured = |word: &str| {
        let number: Vec<&str> = word.split('.').collect();
        let digits =
            |part: &str| !part.is_empty() && part.bytes().all(|octet| octet.is_ascii_digit());
        number.len() == 2 && number.iter().all(|part| digits(part))
    };
    let is_digest =
        |word: &str| word.len() == 64 && word.bytes().all(|octet| octet.is_ascii_hexdigit());
    let words = line.split_whitespace().map(|word| match word {
        word if is_rule(word) && word.chars().count() > 5 => "───",
        word if is_measured(word) => "N.N",
        word if is_digest(word) => "DIGEST",
        word => word,
    });
    format!("{}{}", &line[..indent], words.collect::<Vec<_>>().join(" "))
}

#[test]
fn every_tool_explains_itself() {
    let folder = tempfile::tempdir().unwrap();
    let mut shown = succeeds(folder.path(), &["--help"]);
    for tool in ["new", "inspect", "run", "test", "bench", "compile"] {
        shown.push_str(&format!("\n$ lessor plugin {tool} --help\n"));
        shown.push_str(&succeeds(folder.path(), &[tool, "--help"]));
    }
    assert_golden("help.expected", &shown);
}

#[test]
fn a_policy_is_inspected_without_running_it() {
    let folder = with_garden();
    let shown = succeeds(folder.path(), &["inspect", "policy.wasm"]);
    assert_golden("inspect.expected", &shown);
    let report = json(&succeeds(folder.path(), &["inspect", "policy.wasm", "--json"]));
    assert_eq!(report["accepted"], true);
    assert_eq!(report["hooks"][0], "on-discover");
    assert_eq!(report["imports"][1], "lessor:policy/types@0.1.2");
    // Settings are used if there are any.
    fs::write(folder.path().join("policy.toml"), "[settings]\nunpayed = []\n").unwrap();
    let (_, said) = fails(folder.path(), &["inspect", "policy.wasm"]);
    assert!(said.contains("would be refused") && said.contains("unpayed"), "{said}");
    fs::remove_file(folder.path().join("policy.toml")).unwrap();
    let shown = succeeds(folder.path(), &["inspect", "policy.wasm"]);
    assert!(shown.contains("would accept its code") && !shown.contains("would load it"), "{shown}");
}

#[test]
fn what_a_policy_must_be_granted_is_shown() {
    let folder = tempfile::tempdir().unwrap();
    fs::copy(built::policy("capable"), folder.path().join("policy.wasm")).unwrap();
    let shown = succeeds(folder.path(), &["inspect", "policy.wasm"]);
    assert!(shown.contains("grants = [\"log\""), "{shown}");
    // Without the grants, the policy is refused, and the message says so.
    let (_, said) = fails(folder.path(), &["run", "policy.wasm"]);
    assert!(said.contains("grants"), "{said}");
}

#[test]
fn what_would_be_refused_is_explained() {
    let folder = tempfile::tempdir().unwrap();
    let mut shown = String::new();
    for (name, octets) in [
        ("text.wasm", &b"this is no policy"[..]),
        ("program.wasm", b"\x7fELF\x02\x01\x01"),
        ("module.wasm", &wat::parse_str("(module)").unwrap()),
        ("component.wasm", &wat::parse_str("(component)").unwrap()),
    ] {
        fs::write(folder.path().join(name), octets).unwrap();
        let (_, said) = fails(folder.path(), &["inspect", name]);
        shown.push_str(&said);
        let report = json(&fails(folder.path(), &["inspect", name, "--json"]).0);
        assert_eq!(report["accepted"], false);
        assert_eq!(report["mistakes"].as_array().unwrap().len(), 1);
    }
    assert_golden("inspect-refused.expected", &shown);
}

/// A mistake in a table of thousands of lines is reported with the line and the key.
#[test]
fn a_mistake_in_a_table_of_subscribers_names_the_subscriber() {
    let folder = tempfile::tempdir().unwrap();
    fs::copy(built::policy("subscriber-table"), folder.path().join("policy.wasm")).unwrap();
    for (mistake, said) in [
        ("address = \"100.64.201.17x\"", "address: \"100.64.201.17x\" is not an IPv4 address"),
        ("lease-time-secs = \"1h\"", "lease-time-secs: invalid type: string \"1h\", expected u32"),
        ("lease-tim = 3600", "unknown field `lease-tim`, expected one of `pool`, `address`"),
        ("options = { interface-mtu = \"big\" }", "options: "),
        ("beyond = \"replace\"", "beyond: unknown variant `replace`"),
    ] {
        let sidecar = format!(
            "[settings.subscribers.\"olt1/1/1/onu1\"]\npool = \"fast\"\n\
             [settings.subscribers.\"olt1/1/3/onu17\"]\n{mistake}\n"
        );
        fs::write(folder.path().join("policy.toml"), sidecar).unwrap();
        let (_, complaint) = fails(folder.path(), &["run", "policy.wasm"]);
        let wanted = format!("subscriber \"olt1/1/3/onu17\": {said}");
        assert!(complaint.contains(&wanted), "wanted {wanted}, found {complaint}");
    }
}

const UNPAID: &str = r#"
circuit-id = "olt1/1/2/onu7"
relay-address = "100.64.0.1"
parameter-request-list = ["routers", 6]
vendor-class = "router"
"#;

#[test]
fn one_request_is_shown_to_one_policy() {
    let folder = with_garden();
    fs::write(folder.path().join("unpaid.toml"), UNPAID).unwrap();
    let run = ["run", "policy.wasm", "--request", "unpaid.toml"];
    assert_golden("run.expected", &succeeds(folder.path(), &run));
    let traced = succeeds(folder.path(), &[&run[..], &["--trace"]].concat());
    assert_golden("run-trace.expected", &traced);
    let report = json(&succeeds(folder.path(), &[&run[..], &["--json"]].concat()));
    assert_eq!(report["outcome"]["pool"], "walled-garden");
    assert_eq!(report["outcome"]["options"]["domain-name-servers"][0], "192.0.2.99");
    assert_eq!(report["calls"][0]["hook"], "on-discover");

    fs::write(folder.path().join("same.json"), r#"{ "circuit-id": "olt1/1/2/onu7" }"#).unwrap();
    let shown = succeeds(folder.path(), &["run", "policy.wasm", "--request", "same.json"]);
    assert!(shown.contains("pool = \"walled-garden\""), "{shown}");
    fs::write(folder.path().join("decline.toml"), "kind = \"decline\"").unwrap();
    let shown = succeeds(folder.path(), &["run", "policy.wasm", "--request", "decline.toml"]);
    assert!(shown.contains("has no hook on-decline"), "{shown}");
}

#[test]
fn a_reply_is_shown_to_the_policy_that_edits_it() {
    let folder = with_misbehaving("domain-name = \"example.net\"");
    let text = "[reply]\noptions = { domain-name = \"example.org\" }\n";
    fs::write(folder.path().join("request.toml"), text).unwrap();
    let run = ["run", "policy.wasm", "--request", "request.toml"];
    let shown = succeeds(folder.path(), &run);
    assert!(shown.contains("reply.options.domain-name = \"example.net\""), "{shown}");
}

#[test]
fn a_failure_is_explained() {
    let folder = with_misbehaving("behaviour = \"trap\"");
    let (shown, _) = fails(folder.path(), &["run", "policy.wasm"]);
    assert!(shown.contains("on-discover failed (trap)") && shown.contains("unwrap"), "{shown}");
    let (shown, _) = fails(folder.path(), &["run", "policy.wasm", "--json"]);
    assert_eq!(json(&shown)["failure"]["kind"], "trap");
    let (shown, _) = fails(folder.path(), &["bench", "policy.wasm"]);
    assert!(shown.contains("failed (trap)"), "{shown}");

    let folder = with_misbehaving("behaviour = \"loop\"");
    let (shown, _) = fails(folder.path(), &["run", "policy.wasm"]);
    assert!(shown.contains("deadline-exceeded") && shown.contains("deadline-ms"), "{shown}");
    let folder = with_misbehaving("behaviour = \"refuse-settings\"");
    let (_, said) = fails(folder.path(), &["run", "policy.wasm"]);
    assert!(said.contains("not to my taste") && said.contains("[settings]"), "{said}");
}

/// The shipped policies pass their cases, with the settings of the demo.
#[test]
fn the_cases_of_the_policies_that_ship_pass() {
    for (package, sidecar) in [
        ("subscriber-table", "10-subscriber-table.toml"),
        ("walled-garden", "20-walled-garden.toml"),
        ("vendor-options", "30-vendor-options.toml"),
    ] {
        let folder = with_policy(package, sidecar);
        let cases = built::checkout().join("plugins").join(package).join("cases");
        let shown =
            succeeds(folder.path(), &["test", "policy.wasm", "--cases", cases.to_str().unwrap()]);
        assert!(shown.contains("0 failed") && !shown.contains("0 cases"), "{package}: {shown}");
    }
}

#[test]
fn what_differs_from_a_case_is_shown_and_can_be_written_down() {
    let folder = with_garden();
    let cases = folder.path().join("cases");
    fs::create_dir(&cases).unwrap();
    let case =
        format!("[request]{UNPAID}\n[expect]\npool = \"fast\"\nno-options = [\"routers\"]\n");
    fs::write(cases.join("differs.toml"), case).unwrap();
    fs::write(cases.join("mistaken.toml"), "[request]\nmac = 1\n[expect]\npol = \"x\"\n").unwrap();
    fs::write(cases.join("passes.toml"), "[request]\ncircuit-id = \"olt1/9\"\n[expect]\n").unwrap();
    fs::write(cases.join("silent.toml"), "[request]\n").unwrap();
    let (shown, _) = fails(folder.path(), &["test", "policy.wasm"]);
    assert_golden("test.expected", &shown);

    let (lines, _) = fails(folder.path(), &["test", "policy.wasm", "--json"]);
    let lines: Vec<Value> = lines.lines().map(json).collect();
    assert_eq!(lines.len(), 5);
    assert_eq!(lines[0]["differences"][0]["key"], "pool");
    assert_eq!(lines[2]["passed"], true);
    assert_eq!(lines[4]["failed"], 3);

    fs::remove_file(cases.join("mistaken.toml")).unwrap();
    succeeds(folder.path(), &["test", "policy.wasm", "--update"]);
    succeeds(folder.path(), &["test", "policy.wasm"]);
    let rewritten = fs::read_to_string(cases.join("differs.toml")).unwrap();
    assert!(rewritten.contains("vendor-class = \"router\"\n\n[expect]\n"), "{rewritten}");
    assert_golden("rewritten.expected", &rewritten);

    // A mistake that affects all cases is reported once.
    let (shown, said) = fails(folder.path(), &["test", "none.wasm"]);
    assert!(shown.is_empty() && said.matches("none.wasm").count() == 1, "{shown}{said}");

    // A case that cannot be rewritten is reported, and the others are rewritten.
    fs::write(cases.join("bare.toml"), "circuit-id = \"olt1/9\"\n").unwrap();
    fs::write(cases.join("silent.toml"), "[request]\n").unwrap();
    let (shown, _) = fails(folder.path(), &["test", "policy.wasm", "--update"]);
    assert!(shown.contains("bare.toml was not changed"), "{shown}");
    assert!(shown.contains("3 passed, 1 failed"), "{shown}");
    assert!(fs::read_to_string(cases.join("silent.toml")).unwrap().contains("[expect]"));
}

/// Values of one case must not be visible to the next.
#[test]
fn every_case_meets_a_fresh_policy() {
    let folder = tempfile::tempdir().unwrap();
    fs::copy(built::policy("counting"), folder.path().join("policy.wasm")).unwrap();
    fs::write(folder.path().join("policy.toml"), "grants = [\"state\"]\n").unwrap();
    let cases = folder.path().join("cases");
    fs::create_dir(&cases).unwrap();
    for name in ["a.toml", "b.toml"] {
        fs::write(cases.join(name), "[request]\n").unwrap();
    }
    succeeds(folder.path(), &["test", "policy.wasm", "--update"]);
    let text = |name| fs::read_to_string(cases.join(name)).unwrap();
    assert_eq!(text("a.toml"), text("b.toml"));
}

#[test]
fn a_folder_without_cases_is_reported() {
    let folder = with_garden();
    let (_, said) = fails(folder.path(), &["test", "policy.wasm"]);
    assert!(said.contains("--cases"), "{said}");
}

#[test]
fn calls_are_measured() {
    let folder = with_garden();
    let bench = ["bench", "policy.wasm", "--calls", "200"];
    assert_golden("bench.expected", &succeeds(folder.path(), &bench));
    let report = json(&succeeds(folder.path(), &[&bench[..], &["--json"]].concat()));
    assert_eq!(report["hooks"][0]["hook"], "on-discover");
    assert_eq!(report["hooks"][0]["calls"], 200);
    let number = |value: &Value| value.as_f64().unwrap();
    let [p50, p99, max] =
        ["p50-us", "p99-us", "max-us"].map(|key| number(&report["hooks"][0][key]));
    assert!(0.0 < p50 && p50 <= p99 && p99 <= max, "{report}");
    assert!(number(&report["compile-ms"]) > 0.0 && number(&report["from-cache-ms"]) > 0.0);
    assert!(number(&report["memory-octets"]) >= 65_536.0, "{report}");
    for arguments in [["--calls", "0"], ["--calls", "1000001"], ["--seconds", "0"]] {
        let output =
            lessor_plugin(folder.path(), &[&["bench", "policy.wasm"], &arguments[..]].concat());
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
    }
}

#[test]
fn measuring_ends_after_so_many_seconds() {
    let folder = with_garden();
    let bench = ["bench", "policy.wasm", "--calls", "1000000", "--seconds", "1", "--json"];
    let report = json(&succeeds(folder.path(), &bench));
    assert!(report["hooks"][0]["calls"].as_u64().unwrap() < 1_000_000, "{report}");
}

/// Returns every file of a folder, relative to it.
fn files(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(current) = folders.pop() {
        for path in fs::read_dir(current).unwrap().map(|entry| entry.unwrap().path()) {
            match path.is_dir() {
                true => folders.push(path),
                false => found.push(path.strip_prefix(folder).unwrap().display().to_string()),
            }
        }
    }
    found.sort();
    found
}

#[test]
fn a_project_is_written_in_every_language() {
    let folder = tempfile::tempdir().unwrap();
    let mut shown = String::new();
    for language in ["rust", "javascript", "typescript", "python", "c", "rhai", "js"] {
        let name = format!("stb-{language}");
        shown.push_str(&succeeds(folder.path(), &["new", &name, "--language", language]));
        let written = files(&folder.path().join(&name));
        shown.push_str(&written.iter().map(|file| format!("    {file}\n")).collect::<String>());
    }
    assert_golden("new.expected", &shown);
    let (_, said) = fails(folder.path(), &["new", "stb-rust", "--language", "rust"]);
    assert!(said.contains("not empty") && said.contains("--directory"), "{said}");
    let (_, said) = fails(folder.path(), &["new", "My_Policy", "--language", "rust"]);
    assert!(said.contains("try my-policy"), "{said}");
}

/// Runs the commands of the first section that has some, in `folder`, except those that begin with
/// one of `skipped`.
fn follow(page: &Path, folder: &Path, skipped: &[&str]) {
    let page = fs::read_to_string(page).unwrap();
    let section = page.split("\n## ").nth(1).unwrap();
    let blocks = section.split("```sh\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    let mut folder = folder.to_owned();
    let mut tests = 0;
    for line in blocks.flat_map(str::lines) {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words.as_slice() {
            _ if skipped.iter().any(|start| line.starts_with(start)) => {}
            ["cd", path] => folder.push(path),
            ["lessor", "plugin", "test", arguments @ ..] => {
                let shown = succeeds(&folder, &[&["test"], arguments].concat());
                assert!(shown.contains("2 cases: 2 passed, 0 failed"), "{shown}");
                tests += 1;
            }
            ["lessor", "plugin", arguments @ ..] => {
                succeeds(&folder, arguments);
                keep_what_is_built(&folder);
            }
            [program, arguments @ ..] => {
                let mut command = Command::new(program);
                let output = command.args(arguments).current_dir(&folder).output().unwrap();
                let said = String::from_utf8_lossy(&output.stderr);
                assert!(output.status.success(), "{line}: {said}");
            }
            [] => {}
        }
    }
    assert_eq!(tests, 1, "the page tests nothing");
}

/// Makes a Rust project use the versions of this checkout and a shared target folder, so that its
/// crates are compiled only once.
fn keep_what_is_built(folder: &Path) {
    for project in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if project.join("Cargo.toml").is_file() && !project.join("target").exists() {
            fs::copy(built::checkout().join("Cargo.lock"), project.join("Cargo.lock")).unwrap();
            lessor_guests::share_target_of(&project).unwrap();
        }
    }
}

/// Runs the commands of the guide and then those of the project's README, outside of the checkout,
/// so that the project must contain everything that it needs.
#[test]
fn a_project_in_rust_builds_anywhere_as_the_guide_says() {
    let folder = tempfile::tempdir().unwrap();
    follow(&built::checkout().join("docs/plugin-tools.md"), folder.path(), &[]);
    let project = folder.path().join("stb");
    follow(&project.join("README.md"), &project, &["rustup "]);
}

#[test]
fn a_project_of_a_script_needs_no_building() {
    let interpreters = lessor_guests::interpreters().unwrap_or_else(|error| panic!("{error}"));
    let interpreters = interpreters.to_str().unwrap();
    for ending in ["rhai", "js"] {
        let folder = tempfile::tempdir().unwrap();
        succeeds(folder.path(), &["new", "stb", "--language", ending]);
        let (project, script) = (folder.path().join("stb"), format!("stb.{ending}"));
        let with_interpreter = |tool| [tool, script.as_str(), "--interpreters", interpreters];
        let shown = succeeds(&project, &with_interpreter("test"));
        assert!(shown.contains("2 cases: 2 passed, 0 failed"), "{shown}");
        let shown = succeeds(&project, &with_interpreter("inspect"));
        assert!(shown.contains("on-discover, on-request, on-inform"), "{shown}");
        // A mistake in a script is reported with its line and column.
        let text = fs::read_to_string(project.join(&script)).unwrap();
        fs::write(project.join(&script), format!("{text}\n)\n")).unwrap();
        let (_, said) = fails(&project, &with_interpreter("inspect"));
        assert!(said.contains("line "), "{said}");
    }
}

#[test]
fn a_project_in_c_builds_anywhere_and_its_cases_pass() {
    lessor_e2e::require!(clang, make, wasi_libc);
    let folder = tempfile::tempdir().unwrap();
    succeeds(folder.path(), &["new", "stb", "--language", "c"]);
    let project = folder.path().join("stb");
    follow(&project.join("README.md"), &project, &[]);
}

#[test]
fn projects_in_javascript_typescript_and_python_build_and_their_cases_pass() {
    lessor_e2e::require!(npm, python3, patience);
    for language in ["javascript", "typescript", "python"] {
        let folder = tempfile::tempdir().unwrap();
        succeeds(folder.path(), &["new", "stb", "--language", language]);
        let project = folder.path().join("stb");
        follow(&project.join("README.md"), &project, &[]);
    }
}
