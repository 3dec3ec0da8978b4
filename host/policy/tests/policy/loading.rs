//! Which files are accepted as plugins, and the errors for all others.

use std::{fs, path::Path, time::Instant};

use crate::common::{discover, guest, inspect, misbehaving, plugin, runtime, settings, start};
use crate::contract;
use lessor_guests::Target;
use lessor_policy_host::{
    Hook, PluginProblem, Runtime, RuntimeSettings,
    limits::{CHAIN_PLUGINS_MAX, CONFIGURE_DEADLINE_MS, PLUGIN_OCTETS_MAX},
};
use lessor_settings::PluginLimits;
use lessor_vocabulary::Shape;
use serde_json::json;
use tempfile::TempDir;

/// The mistakes that `inspect` reports for these octets, as texts.
fn mistakes(octets: &[u8]) -> Vec<String> {
    let folder = TempDir::new().unwrap();
    let path = contract::write(folder.path(), "10-test", octets);
    let errors = inspect(&path).expect_err("this is not to be accepted");
    errors.iter().map(|error| error.problem.to_string()).collect()
}

/// Asserts that there is one mistake, which contains these words.
fn assert_refused(octets: &[u8], words: &[&str]) {
    let mistakes = mistakes(octets);
    let [mistake] = &mistakes[..] else { panic!("{mistakes:#?}") };
    for word in words {
        assert!(mistake.contains(word), "{word:?} is missing in: {mistake}");
    }
}

fn unchanged(text: &str) -> String {
    text.to_owned()
}

/// A world with these exports and `configuring`.
fn exporting(items: &str) -> String {
    format!("import types; export configuring; {items}")
}

#[test]
fn hooks_are_those_that_are_exported() {
    let report = inspect(&guest("minimal")).unwrap();
    assert_eq!(report.hooks, [Hook::OnDiscover]);
    assert_eq!((report.name.as_str(), report.from_cache), ("minimal", false));
    assert_eq!(report.digest.len(), 64);
    assert!(report.memory_bytes_min >= 1 << 16);
    assert!(report.denied_imports.is_empty());
    let report = inspect(&guest("misbehaving")).unwrap();
    let plans = |hook: &Hook| matches!(hook.shape(), Shape::Plan | Shape::PlanEvent);
    let wanted: Vec<Hook> = Hook::ALL.into_iter().filter(|hook| !plans(hook)).collect();
    assert_eq!(report.hooks, wanted, "all but those that plan lookups");
}

#[test]
fn components_are_taken_as_core_modules_are() {
    let folder = TempDir::new().unwrap();
    let component = contract::component(unchanged, &exporting("export on-lease;"));
    let report = inspect(&contract::write(folder.path(), "a", &component)).unwrap();
    assert_eq!(report.hooks, [Hook::OnLease]);
}

#[test]
fn files_that_are_no_plugins_are_distinguished() {
    assert_refused(b"", &["an empty file"]);
    assert_refused(b"\x7fELF\x02\x01\x01\0\0\0\0\0", &["ELF", "--target wasm32-unknown-unknown"]);
    assert_refused(b"(component)", &["WebAssembly text", "wasm-tools parse"]);
    assert_refused(b"fn main() {}", &["text that begins with \"fn main() {}\""]);
    assert_refused(&[0xff; 20], &["octets that begin with ffffffff"]);
    assert_refused(b"\0asm\x0d\0\x01\0garbage", &["damaged or incomplete"]);
    assert_refused(&wat::parse_str("(module)").unwrap(), &["core module", "lessor-policy"]);
    assert_refused(&wat::parse_str("(component)").unwrap(), &["found nothing", "on-discover"]);
    let folder = TempDir::new().unwrap();
    let missing = inspect(&folder.path().join("missing.wasm")).unwrap_err();
    assert!(matches!(&*missing[0].problem, PluginProblem::Unreadable(_)), "{}", missing[0]);
}

#[test]
fn files_over_the_limit_are_not_read() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("large.wasm");
    fs::File::create(&path).unwrap().set_len(PLUGIN_OCTETS_MAX + 1).unwrap();
    let errors = inspect(&path).unwrap_err();
    let PluginProblem::TooLarge { octets } = *errors[0].problem else { panic!("{errors:?}") };
    assert!(octets > PLUGIN_OCTETS_MAX);
}

#[test]
fn a_core_module_that_imports_something_else_is_refused() {
    let mut module = contract::module(unchanged, &exporting("export on-lease;"));
    let with_import = wat::parse_str(r#"(module (import "env" "clock" (func)))"#).unwrap();
    // The description of the interfaces is a custom section, which may follow any module.
    let description = module.split_off(description_at(&module));
    let octets = [with_import, description].concat();
    assert_refused(&octets, &["cannot be converted to a component", "env"]);
}

/// The position of the custom section that `embed_component_metadata` appends.
fn description_at(module: &[u8]) -> usize {
    let mut at = 8;
    loop {
        let (kind, mut length, mut shift, mut header) = (module[at], 0_usize, 0, 1);
        loop {
            let octet = module[at + header];
            length |= usize::from(octet & 0x7f) << shift;
            (shift, header) = (shift + 7, header + 1);
            if octet & 0x80 == 0 {
                break;
            }
        }
        let end = at + header + length;
        if kind == 0 && end == module.len() {
            return at;
        }
        at = end;
    }
}

#[test]
fn a_policy_needs_a_hook_and_configuring() {
    assert_refused(
        &contract::module(unchanged, &exporting("")),
        &["exports no hook", "on-discover"],
    );
    let world = "import types; export on-discover;";
    assert_refused(&contract::module(unchanged, world), &["configuring@0.1.2", "must"]);
}

#[test]
fn a_component_of_another_contract_is_named() {
    let world = "export other:thing/face@1.0.0;\npackage other:thing@1.0.0; interface face { run: func(); }";
    let octets = contract::module(unchanged, world);
    assert_refused(&octets, &["found other:thing/face@1.0.0", "wanted configuring"]);
}

#[test]
fn unknown_hooks_are_named_with_those_that_there_are() {
    let edit = |text: &str| {
        text.replace("interface on-lease", "interface on-boot")
            .replace("export on-lease;", "export on-boot;")
    };
    let octets = contract::module(edit, &exporting("export on-discover; export on-boot;"));
    assert_refused(&octets, &["lessor:policy/on-boot@0.1.2", "reply-options"]);
}

#[test]
fn later_versions_of_the_same_kind_are_served_and_others_are_not() {
    let version = |version: &'static str| {
        move |text: &str| text.replace("lessor:policy@0.1.2", &format!("lessor:policy@{version}"))
    };
    let world = exporting("export on-discover;");
    let folder = TempDir::new().unwrap();
    let octets = contract::module(version("0.1.7"), &world);
    let path = contract::write(folder.path(), "later", &octets);
    assert_eq!(inspect(&path).unwrap().hooks, [Hook::OnDiscover]);
    for other in ["0.2.0", "1.1.0", "0.1.3-rc.1"] {
        let mistakes = mistakes(&contract::module(version(other), &world));
        assert_eq!(mistakes.len(), 3, "{mistakes:#?}");
        for mistake in mistakes {
            assert!(mistake.contains(&format!("@{other}")), "{mistake}");
            assert!(mistake.contains("supports lessor:policy@0.1.2"), "{mistake}");
        }
    }
}

#[test]
fn wrong_signatures_are_shown_beside_the_right_ones() {
    let edit = |text: &str| text.replace("refuse(string)", "refuse(u32)");
    let octets = contract::module(edit, &exporting("export on-discover;"));
    assert_refused(
        &octets,
        &[
            "lessor:policy/on-discover@0.1.2 has handle with another signature",
            "found func(borrow<request>, borrow<terms>) -> variant{proceed, ignore(string), refuse(u32)}",
            "wanted func(borrow<request>, borrow<terms>) -> variant{proceed, ignore(string), refuse(string)}",
        ],
    );
    let edit =
        |text: &str| text.replace("transaction-id: func() -> u32", "transaction-id: func() -> u64");
    let octets = contract::module(edit, &exporting("export on-discover;"));
    assert_refused(
        &octets,
        &["types@0.1.2 has [method]request.transaction-id", "-> u64", "-> u32"],
    );
}

#[test]
fn missing_functions_are_named() {
    let edit = |text: &str| text.replace("edit: func(", "amend: func(");
    let octets = contract::module(edit, &exporting("export reply-options;"));
    assert_refused(&octets, &["reply-options@0.1.2 without its function edit", "borrow<reply>"]);
}

#[test]
fn imports_that_are_not_offered_are_named() {
    let edit = |text: &str| text.replace("packet: func()", "vlan: func() -> u16;\n packet: func()");
    let octets = contract::module(edit, &exporting("export on-discover;"));
    assert_refused(&octets, &["types@0.1.2#[method]request.vlan", "later version of the contract"]);
    let world = exporting("export on-lease; import other:net/sockets@1.0.0;")
        + "\npackage other:net@1.0.0; interface sockets { open: func() -> u32; }";
    let octets = contract::module(unchanged, &world);
    assert_refused(&octets, &["other:net/sockets@1.0.0", "no access to the system"]);
    let octets =
        contract::module(unchanged, &exporting("export on-lease; import log: func(text: string);"));
    assert_refused(&octets, &["imports log", "of lessor:policy@0.1.2 it provides only types"]);
}

#[test]
fn all_mistakes_of_all_plugins_are_reported_at_once() {
    let folder = TempDir::new().unwrap();
    let bad = contract::write(folder.path(), "10-bad", b"text");
    let edit = |text: &str| {
        text.replace("edit: func(", "amend: func(").replace("refuse(string)", "refuse(u32)")
    };
    let world = exporting("export reply-options; export on-discover;");
    let worse = contract::write(folder.path(), "30-worse", &contract::module(edit, &world));
    let mut small = misbehaving("20-small", json!({}));
    small.limits = PluginLimits {
        deadline_ms: 0,
        memory_bytes_max: 1 << 16,
        table_elements_max: 1,
        log_lines_per_sec_max: 1,
        ..PluginLimits::default()
    };
    let sources =
        vec![plugin("10-bad", &bad, &json!({})), small, plugin("30-worse", &worse, &json!({}))];
    let errors = runtime().chain(sources).err().unwrap();
    let names: Vec<&str> = errors.iter().map(|error| error.name.as_str()).collect();
    assert_eq!(names, ["10-bad", "20-small", "20-small", "20-small", "30-worse", "30-worse"]);
    let text = errors[1].to_string();
    assert!(
        text.contains("plugin 20-small (") && text.contains("deadline-ms is 0; wanted 1 to 1000"),
        "{text}"
    );
    assert!(errors[2].to_string().contains("memory-mib"), "{}", errors[2]);
    assert!(errors[3].to_string().contains("table elements"), "{}", errors[3]);
}

#[test]
fn a_chain_has_a_longest_length() {
    let path = guest("minimal");
    let source = |number: usize| plugin(&format!("{number}"), &path, &json!({}));
    let folder = TempDir::new().unwrap();
    let cache = Some(folder.path().join("cache"));
    let runtime = Runtime::new(RuntimeSettings { cache, ..settings() }).unwrap();
    let chain = runtime.chain((1..=CHAIN_PLUGINS_MAX).map(source).collect()).unwrap();
    assert_eq!(chain.plugins().count(), CHAIN_PLUGINS_MAX);
    let errors = runtime.chain((1..=CHAIN_PLUGINS_MAX + 1).map(source).collect()).err().unwrap();
    let PluginProblem::TooMany { position } = &*errors[0].problem else { panic!("{errors:?}") };
    assert_eq!(*position, CHAIN_PLUGINS_MAX + 1);
}

#[test]
fn a_plugin_that_refuses_its_settings_is_quoted() {
    let problem = |settings| {
        let errors = runtime().chain(vec![misbehaving("10-picky", settings)]).err().unwrap();
        errors[0].to_string()
    };
    let text = problem(json!({ "behaviour": "refuse-settings" }));
    assert!(text.contains("refuses its settings: these settings are not to my taste"), "{text}");
    let text = problem(json!({ "pol": "garden" }));
    assert!(text.contains("unknown field `pol`"), "{text}");
    let text = problem(json!({ "behaviour": "trap-in-configure" }));
    assert!(text.contains("failed while it was configured (trap)"), "{text}");
}

#[test]
fn configure_is_stopped_at_its_deadline() {
    let began = Instant::now();
    let source = misbehaving("10-slow", json!({ "behaviour": "slow-configure" }));
    let errors = runtime().chain(vec![source]).err().unwrap();
    let text = errors[0].to_string();
    assert!(text.contains("failed while it was configured (deadline-exceeded)"), "{text}");
    assert!(began.elapsed().as_millis() as u64 >= CONFIGURE_DEADLINE_MS);
}

#[test]
fn what_was_compiled_is_taken_from_the_cache() {
    let folder = TempDir::new().unwrap();
    let cache = folder.path().join("cache");
    let from_cache = || {
        let runtime =
            Runtime::new(RuntimeSettings { cache: Some(cache.clone()), ..settings() }).unwrap();
        let (chain, mut runner) =
            start(&runtime, vec![misbehaving("10-a", json!({ "pool": "garden" }))]);
        assert_eq!(crate::common::ask(&mut runner, &discover()).terms.pool_name(), Some("garden"));
        chain.plugins().all(|report| report.from_cache && report.prepared_in.is_some())
    };
    assert!(!from_cache());
    assert!(from_cache());
    damage_all(&cache);
    assert!(!from_cache());
    assert!(from_cache());
}

fn damage_all(folder: &Path) {
    for entry in folder.read_dir().unwrap() {
        let path = entry.unwrap().path();
        let mut octets = fs::read(&path).unwrap();
        let middle = octets.len() / 2;
        octets[middle] ^= 1;
        fs::write(&path, octets).unwrap();
    }
}

#[test]
fn a_plugin_built_for_wasi_loads_and_is_granted_none_of_it() {
    let files = lessor_guests::build(&["misbehaving"], Target::Wasi).unwrap();
    let report = inspect(&files[0]).unwrap();
    assert!(report.denied_imports.iter().any(|import| import.starts_with("wasi:")), "{report:?}");
    let good = plugin("10-good", &files[0], &json!({ "pool": "garden" }));
    let (_chain, mut runner) = start(&runtime(), vec![good]);
    assert_eq!(runner.terms(&discover()).terms.pool_name(), Some("garden"));
    // A panic tries to write to standard error.
    let bad = plugin("10-bad", &files[0], &json!({ "behaviour": "trap" }));
    let (chain, mut runner) = start(&runtime(), vec![bad]);
    runner.terms(&discover());
    let fault = chain.status()[0].last_fault.clone().unwrap();
    assert!(fault.message.contains("which is not granted: policies have no WASI"), "{fault:?}");
}
