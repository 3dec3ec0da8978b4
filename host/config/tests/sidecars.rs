//! Sidecar files of plugins.
use std::fs;

use lessor_config::{Mistakes, Sidecar};
use lessor_settings::{
    Capability, FailurePolicy, Grants, PluginLimits, PluginMode, StateRules, WhenFull,
};

fn load(text: &str) -> Result<Sidecar, Mistakes> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("10-policy.toml");
    fs::write(&path, text).unwrap();
    lessor_config::load_sidecar(&path)
}

#[track_caller]
fn only_mistake(text: &str) -> String {
    let mistakes = load(text).expect_err("there is a mistake");
    assert_eq!(mistakes.count(), 1, "{mistakes}");
    mistakes.to_string()
}

#[test]
fn an_empty_file_is_as_good_as_none() {
    let sidecar = load("").unwrap();
    assert_eq!(sidecar, Sidecar::default());
    assert_eq!(sidecar.settings_json, "{}");
    assert_eq!(sidecar.on_failure, FailurePolicy::Skip);
}

#[test]
fn limits_and_failure_policy_are_read() {
    let text = "on-failure = \"drop\"\n[limits]\ndeadline-ms = 25\nmemory-mib = 256\n\
                table-elements = 40000\nlog-lines-per-sec = 5\n";
    let expected = Sidecar {
        settings_json: "{}".to_owned(),
        limits: PluginLimits {
            deadline_ms: 25,
            memory_bytes_max: 256 << 20,
            table_elements_max: 40_000,
            log_lines_per_sec_max: 5,
            state: StateRules::default(),
        },
        on_failure: FailurePolicy::Drop,
        ..Sidecar::default()
    };
    assert_eq!(load(text).unwrap(), expected);
}

#[test]
fn a_plugin_is_live_unless_it_is_to_be_a_shadow() {
    assert_eq!(load("mode = \"live\"\n").unwrap(), Sidecar::default());
    assert_eq!(load("mode = \"shadow\"\n").unwrap().mode, PluginMode::Shadow);
    let said = only_mistake("mode = \"shaddow\"\n");
    assert!(said.contains("did you mean \"shadow\"?"), "{said}");
    let said = only_mistake("mode = true\n");
    assert!(said.contains("wanted one of `live`, `shadow`"), "{said}");
}

#[test]
fn settings_keep_every_value() {
    let sidecar = load(
        r#"
        [settings]
        text = "a \"quoted\" text\n"
        whole = -9223372036854775808
        large = 18446744073709551615
        hexadecimal = 0xff
        fraction = 0.5
        flag = true
        date = 2026-01-31
        time = 2026-01-31T07:32:00Z
        list = [1, [2, "three"], {}]
        empty = []

        [settings.subscribers]
        "olt1/1/3/onu17" = { pool = "residential" }

        [[settings.classes]]
        begins-with = "a"

        [[settings.classes]]
        begins-with = "b"
        "#,
    )
    .unwrap();
    let settings: serde_json::Value = serde_json::from_str(&sidecar.settings_json).unwrap();
    assert_eq!(
        settings,
        serde_json::json!({
            "text": "a \"quoted\" text\n",
            "whole": i64::MIN,
            "large": u64::MAX,
            "hexadecimal": 255,
            "fraction": 0.5,
            "flag": true,
            "date": "2026-01-31",
            "time": "2026-01-31T07:32:00Z",
            "list": [1, [2, "three"], {}],
            "empty": [],
            "subscribers": { "olt1/1/3/onu17": { "pool": "residential" } },
            "classes": [{ "begins-with": "a" }, { "begins-with": "b" }],
        })
    );
}

#[test]
fn settings_that_json_has_no_like_of_are_refused() {
    let said = only_mistake("[settings]\na = { b = [1, inf] }\n");
    assert!(said.contains("wanted a finite number"), "{said}");
    let said = only_mistake("[settings]\na = 18446744073709551616\n");
    assert!(said.contains("at most 64 bits"), "{said}");
    let said = only_mistake("settings = 5\n");
    assert!(said.contains("wanted a table of settings"), "{said}");
}

#[test]
fn grants_are_capabilities_by_name() {
    let grants = |text: &str| load(text).unwrap().grants;
    let only = |capability| Grants::default().with(capability);
    let all = Grants::all();
    assert_eq!(grants("grants = [\"log\", \"metrics\", \"state\", \"tables\"]\n"), all);
    assert_eq!(grants("grants = \"state\"\n"), only(Capability::State));
    assert_eq!(grants("grants = [\"log\", \"log\"]\n"), only(Capability::Log));
    assert_eq!(grants("grants = []\n"), Grants::default());
}

#[test]
fn unknown_grants_are_refused_with_a_suggestion() {
    let said = load("grants = [\"log\", \"stat\", \"clock\", 5]\n").unwrap_err().to_string();
    for wanted in [
        "`grants` contains \"stat\"",
        "did you mean \"state\"?",
        "`grants` contains \"clock\"",
        "`grants` contains the number 5",
        "wanted one of `log`, `metrics`, `state`, `tables`",
    ] {
        assert!(said.contains(wanted), "{wanted}: {said}");
    }
}

#[test]
fn limits_have_limits() {
    for (limits, wanted) in [
        ("deadline-ms = 1", "from 2 to 1000"),
        ("deadline-ms = 1001", "from 2 to 1000"),
        ("memory-mib = 0", "from 1 to 1024"),
        ("memory-mib = 1025", "from 1 to 1024"),
        ("table-elements = 0", "from 1 to 100000"),
        ("table-elements = 100001", "from 1 to 100000"),
        ("log-lines-per-sec = 0", "from 1 to 1000"),
        ("log-lines-per-sec = 1001", "from 1 to 1000"),
    ] {
        let said = only_mistake(&format!("[limits]\n{limits}\n"));
        assert!(said.contains(wanted), "{said}");
    }
    assert!(load("[limits]\ndeadline-ms = 2\nmemory-mib = 1\n").is_ok());
    assert!(load("[limits]\ndeadline-ms = 1000\nmemory-mib = 1024\n").is_ok());
}

#[test]
fn what_a_plugin_may_remember_is_read() {
    let text = "[state]\nkeep = \"30d\"\nwhen-full = \"oldest-goes-first\"\nkeys-max = 1000\n\
                line-keys-max = 10\n";
    let expected = StateRules {
        keep_secs: Some(30 * 86_400),
        when_full: WhenFull::OldestGoesFirst,
        keys_max: 1_000,
        line_keys_max: 10,
    };
    let state = |text: &str| load(text).unwrap().limits.state;
    assert_eq!(state(text), expected);
    assert_eq!(state("[state]\n"), StateRules::default());
    assert_eq!(state("[state]\nkeep = \"infinite\"\n"), StateRules::default());
    for (state, wanted) in [
        ("keep = \"0s\"", "the minimum is one second"),
        ("keep = \"30 days\"", "a duration, such as"),
        ("keys-max = 65537", "from 1 to 65536"),
        ("line-keys-max = 0", "from 1 to 65536"),
        ("when-full = \"oldest\"", "`error`, `oldest-goes-first`"),
        ("ttl = \"1h\"", "did you mean `keep`?"),
    ] {
        let said = only_mistake(&format!("[state]\n{state}\n"));
        assert!(said.contains(wanted), "{said}");
    }
}

#[test]
fn settings_in_the_wrong_place_are_sent_to_the_right_one() {
    let said = only_mistake("pool = \"residential\"\n");
    assert!(said.contains("below [settings]: pool = …"), "{said}");
    let said = only_mistake("on-failur = \"drop\"\n");
    assert!(said.contains("did you mean `on-failure`?"), "{said}");
    let said = only_mistake("on-failure = \"dropp\"\n");
    assert!(said.contains("did you mean \"drop\"?"), "{said}");
    let said = only_mistake("[limits]\ndeadline = 5\n");
    assert!(said.contains("its keys are `deadline-ms`, `memory-mib`"), "{said}");
}
