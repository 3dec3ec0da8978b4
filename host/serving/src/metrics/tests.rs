//! Compares the page with the operators' guide.

use std::collections::BTreeMap;

use lessor_core::PoolUsage;
use lessor_policy_host::{
    Difference, DifferenceKind, FaultKind, ShadowDifference, ShadowStatus, ShadowsStatus,
    StateStatus,
};
use lessor_settings::PluginMode;

use super::*;
use crate::{
    class_counts::ClassRow,
    clock::ClockStatus,
    endpoints::{EndpointState, EndpointStatus},
    limits::Limit,
    sampling::LeftOut,
    status::{PoolRow, StoreStatus},
};

fn plugin(name: &str, mode: PluginMode) -> PluginStatus {
    PluginStatus {
        name: name.into(),
        path: format!("/etc/lessor/plugins/{name}.wasm").into(),
        interpreter: None,
        mode,
        calls: 4,
        call_time_total: std::time::Duration::from_micros(2_500),
        call_time_p50: std::time::Duration::from_micros(1),
        call_time_p99: std::time::Duration::from_micros(2),
        call_time_max: std::time::Duration::from_micros(2_000),
        faults: [(FaultKind::Trap, 2)].into(),
        on_failure: Default::default(),
        suspended: None,
        suspensions: 1,
        shut_out: 2,
        offenders: Vec::new(),
        lease_events_suspended: None,
        lease_event_offenders: Vec::new(),
        last_fault: None,
        metrics: [
            ("lines_seen".into(), lessor_policy_host::Metric::Counter(3)),
            ("load".into(), lessor_policy_host::Metric::Gauge(0.5)),
        ]
        .into(),
        log_lines_left_out: 2,
        state: Some(StateStatus { keys: 1, octets: 9, is_durable: true, ..StateStatus::default() }),
    }
}

/// Returns a status in which every metric has a value.
fn full() -> Status {
    let difference = Difference { kind: DifferenceKind::Option(6), live: None, shadow: None };
    let example = ShadowDifference {
        plugin: "20-garden".into(),
        time: lessor_core::Timestamp::from_unix_ms(0),
        message: "DISCOVER".to_owned(),
        transaction_id: 1,
        client: "hw:02:00:00:00:00:01".to_owned(),
        hardware_address: "02:00:00:00:00:01".to_owned(),
        relay_address: None,
        interface: None,
        network: "access".into(),
        circuit_id: None,
        differences: vec![difference],
    };
    let shadow = ShadowStatus {
        plugin: plugin("20-garden", PluginMode::Shadow),
        requests: 9,
        agreed: 6,
        differed: 2,
        not_comparable: 1,
        differences: [(DifferenceKind::Option(6), 2)].into(),
        examples: vec![example],
    };
    Status {
        generation: 3,
        serving_since: "2026-01-31T07:32:00Z".to_owned(),
        reloads: 2,
        reloads_refused: 1,
        rollbacks: 1,
        rolled_back_from: Some(2),
        endpoints: vec![EndpointStatus {
            endpoint: "eth0".to_owned(),
            kind: "link".to_owned(),
            state: EndpointState::NoAddress,
            since: "2026-01-31T07:32:00Z".to_owned(),
            detail: None,
            hardware_address: None,
            addresses: Vec::new(),
        }],
        reasons: vec![(Reason::AckSelecting, 7)],
        pools: vec![PoolRow {
            network: "olt \"1\"".to_owned(),
            usage: PoolUsage {
                pool: "residential".into(),
                size: 100,
                leased: 7,
                offered: 2,
                quarantined: 1,
            },
        }],
        classes: vec![ClassRow {
            class: "phones".to_owned(),
            offers: 4,
            acks: 3,
            naks: 2,
            unanswered: 1,
        }],
        pools_nearly_full: 3,
        pools_full: 2,
        holds: Vec::new(),
        drained: Vec::new(),
        plugins: vec![
            plugin("10-table", PluginMode::Live),
            plugin("20-garden", PluginMode::Shadow),
        ],
        shadows: ShadowsStatus { waiting: 0, lost: 5, shadows: vec![shadow] },
        shadow_lines_left_out: 0,
        lookups: vec![SourceStatus {
            name: "crm".to_owned(),
            kind: "http".to_owned(),
            location: "https://crm.example.net/".to_owned(),
            rows: 1,
            asked: 9,
            hits: 3,
            negative_hits: 2,
            stale: 1,
            unavailable: 1,
            fetched: 2,
            failures: 1,
            timeouts: 0,
            refused: 0,
            in_flight: 0,
            mean_us: 1_500,
            max_us: 2_000,
            is_down: true,
            last_error: None,
            last_error_at: None,
        }],
        waiting_for_lookups: 0,
        store: StoreStatus {
            changes: 7,
            flushes: 3,
            failed_flushes: 0,
            longest_flush_us: 1_500,
            last_error: None,
            complaint: None,
        },
        clock: ClockStatus {
            time: "2026-01-31T08:00:00Z".to_owned(),
            is_synchronised: true,
            was_behind_ms: None,
            was_ahead_ms: None,
            steps: 2,
            last_step_ms: -3_000,
            offset_ms: 0,
        },
        stray_leases: 0,
        limits: vec![(Limit::WaitingMessages, 12)],
        events_lost: 0,
        keys_seen_elsewhere: 5,
        offered_unprobed: 9,
        journal_problem: None,
        journal_lines_left_out: LeftOut { malformed: 3, unanswered: 2, answered: 1 },
        log_lines_lost: 0,
        fallback: None,
        meanwhile: None,
        options_left_out: 0,
        messages_cut_short: 0,
        relay_information_left_out: 0,
    }
}

/// Returns the kind and the help text of each metric on a page.
fn described(page: &str) -> BTreeMap<String, (String, String)> {
    let mut described = BTreeMap::<String, (String, String)>::new();
    for line in page.lines() {
        if let Some((name, help)) = line.strip_prefix("# HELP ").and_then(|l| l.split_once(' ')) {
            described.entry(name.to_owned()).or_default().1 = help.to_owned();
        } else if let Some((name, kind)) =
            line.strip_prefix("# TYPE ").and_then(|line| line.split_once(' '))
        {
            described.entry(name.to_owned()).or_default().0 = kind.to_owned();
        }
    }
    described
}

#[test]
fn the_operators_guide_lists_every_metric_and_no_other() {
    let guide = include_str!("../../../../docs/operators.md");
    let mut listed = BTreeMap::new();
    for row in guide.lines().filter(|line| line.starts_with("| `lessor_")) {
        let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
        let [name, kind, labels, help] = cells[..] else { panic!("{row}") };
        let labels: Vec<String> = labels.split(", ").map(|label| label.replace('`', "")).collect();
        let name = name.trim_matches('`').to_owned();
        listed.insert(name, (kind.to_owned(), help.to_owned(), labels));
    }
    let page = page(&full());
    for (name, (kind, help)) in described(&page) {
        let (listed_kind, listed_help, labels) = listed
            .remove(&name)
            .unwrap_or_else(|| panic!("docs/operators.md has no {name}: {help}"));
        assert_eq!((listed_kind, listed_help), (kind, help), "{name}");
        let line = page
            .lines()
            .find(|line| line.strip_prefix(&name).is_some_and(|rest| rest.starts_with(['{', ' '])));
        for label in labels.iter().filter(|label| !label.is_empty()) {
            assert!(line.unwrap().contains(&format!("{label}=")), "{label} of {name}");
        }
    }
    assert!(listed.is_empty(), "docs/operators.md lists what is not there: {:?}", listed.keys());
}

#[test]
fn values_stand_beside_their_labels() {
    let page = page(&full());
    for line in [
        "lessor_generation 3",
        "lessor_generation_start_time_seconds 1769844720",
        "lessor_reloads_total{outcome=\"refused\"} 1",
        "lessor_rollbacks_total 1",
        "lessor_endpoint_serving{endpoint=\"eth0\",kind=\"link\"} 0",
        "lessor_inputs_total{reason=\"ack-selecting\",outcome=\"ack\"} 7",
        "lessor_inputs_total{reason=\"nak-by-policy\",outcome=\"nak\"} 0",
        "lessor_pool_addresses{network=\"olt \\\"1\\\"\",pool=\"residential\"} 100",
        "lessor_plugin_call_seconds_total{plugin=\"10-table\",mode=\"live\"} 0.0025",
        "lessor_plugin_log_lines_left_out_total{plugin=\"10-table\",mode=\"live\"} 2",
        "lessor_plugin_state_octets{plugin=\"10-table\",mode=\"live\"} 9",
        "lessor_plugin_own_total{plugin=\"10-table\",mode=\"live\",name=\"lines_seen\"} 3",
        "lessor_plugin_own{plugin=\"20-garden\",mode=\"shadow\",name=\"load\"} 0.5",
        "lessor_plugin_faults_total{plugin=\"20-garden\",mode=\"shadow\",fault=\"trap\"} 2",
        "lessor_shadow_differences_total{plugin=\"20-garden\",difference=\"option-6\"} 2",
        "lessor_shadow_requests_total{plugin=\"20-garden\",result=\"not-comparable\"} 1",
        "lessor_lookup_answers_total{source=\"crm\",kind=\"http\",answer=\"stale\"} 1",
        "lessor_lookup_mean_seconds{source=\"crm\",kind=\"http\"} 0.0015",
        "lessor_store_longest_flush_seconds 0.0015",
        "lessor_clock_synchronised 1",
        "lessor_clock_steps_total 2",
    ] {
        assert!(page.lines().any(|found| found == line), "{line}\nis not in\n{page}");
    }
    assert!(page.contains("state=\"quarantined\"} 1\n"), "{page}");
}

#[test]
fn names_follow_the_conventions_of_prometheus() {
    for (name, (kind, help)) in described(&page(&full())) {
        assert!(name.starts_with("lessor_"), "{name}");
        assert_eq!(kind == "counter", name.ends_with("_total"), "{name} is a {kind}");
        assert!(!help.is_empty() && !help.ends_with('.'), "{name}: {help}");
        assert!(!name.contains("_ms") && !name.contains("_us"), "{name} is in base units");
    }
}
