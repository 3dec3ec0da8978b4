//! Hand-written components that do what no compiler generates: they have too many parts, keep
//! handles, or never return from their start function.

use std::time::Instant;

use lessor_core::LeaseEventKind;
use lessor_policy_host::limits::{
    CONFIGURE_DEADLINE_MS, CORE_INSTANCES_MAX, HANDLES_MAX, MEMORIES_MAX, TABLES_MAX,
};
use lessor_settings::PluginLimits;
use serde_json::json;
use tempfile::TempDir;

use crate::{
    common::{lease, lease_event, plugin, runtime},
    contract,
};

/// A component with the hook on-lease. `parts` is appended to it; `start` and `configure` are the
/// instructions of these functions, in which `$resource-new` creates a handle.
fn component(start: &str, configure: &str, parts: &str) -> Vec<u8> {
    wat::parse_str(format!(
        r#"(component
            (import "lessor:policy/types@0.1.0" (instance $types
                (export "lease-event" (type (sub resource)))))
            (alias export $types "lease-event" (type $lease-event))
            (core func $drop (canon resource.drop $lease-event))
            (type $own (resource (rep i32)))
            (core func $resource-new (canon resource.new $own))
            (core module $module
                (import "host" "drop" (func $drop (param i32)))
                (import "host" "resource-new" (func $resource-new (param i32) (result i32)))
                (memory (export "memory") 1)
                (func $start {start})
                (start $start)
                (func (export "configure") (param i32 i32) (result i32)
                    (local $count i32)
                    {configure}
                    i32.const 0)
                (func (export "handle") (param i32) local.get 0 call $drop)
                (func (export "realloc") (param i32 i32 i32 i32) (result i32) i32.const 1024))
            (core instance $instance (instantiate $module (with "host" (instance
                (export "drop" (func $drop))
                (export "resource-new" (func $resource-new))))))
            (func $configure (param "settings" string) (result (result (error string)))
                (canon lift (core func $instance "configure") (memory (core memory $instance "memory"))
                    (realloc (core func $instance "realloc"))))
            (func $handle (param "event" (borrow $lease-event))
                (canon lift (core func $instance "handle")))
            (instance $configuring (export "configure" (func $configure)))
            (instance $on-lease (export "handle" (func $handle)))
            (export "lessor:policy/configuring@0.1.0" (instance $configuring))
            (export "lessor:policy/on-lease@0.1.0" (instance $on-lease))
            {parts}
        )"#
    ))
    .unwrap()
}

/// The error for a chain with this component; `None` if it is accepted.
fn mistake(octets: &[u8]) -> Option<String> {
    let folder = TempDir::new().unwrap();
    let path = contract::write(folder.path(), "10-by-hand", octets);
    let errors = runtime().chain(vec![plugin("10-by-hand", &path, &json!({}))]).err()?;
    Some(errors[0].to_string())
}

fn assert_refused(octets: &[u8], words: &str) {
    let mistake = mistake(octets).expect("this is not to be accepted");
    assert!(mistake.contains(words), "{words:?} is missing in: {mistake}");
}

/// `count` core instances with these `items` each.
fn parts(items: &str, count: usize) -> String {
    let instance = "(core instance (instantiate $part))".repeat(count);
    format!("(core module $part {items}) {instance}")
}

#[test]
fn a_component_by_hand_is_a_plugin_like_any_other() {
    let folder = TempDir::new().unwrap();
    let path = contract::write(folder.path(), "10-by-hand", &component("", "", ""));
    let chain = runtime().chain(vec![plugin("10-by-hand", &path, &json!({}))]).unwrap();
    chain.observer().unwrap().on_lease(&lease_event(LeaseEventKind::Granted, lease()));
    let status = &chain.status()[0];
    assert_eq!((status.calls, &status.last_fault), (1, &None));
}

#[test]
fn the_parts_of_a_component_have_limits() {
    // One core instance and one memory belong to the policy itself.
    assert_eq!(mistake(&component("", "", &parts("", CORE_INSTANCES_MAX - 1))), None);
    assert_refused(&component("", "", &parts("", CORE_INSTANCES_MAX)), "instance");
    assert_eq!(mistake(&component("", "", &parts("(memory 1)", MEMORIES_MAX - 1))), None);
    assert_refused(&component("", "", &parts("(memory 1)", MEMORIES_MAX)), "memor");
    let tables = |count| parts(&"(table 1 funcref)".repeat(count), 1);
    assert_refused(&component("", "", &tables(TABLES_MAX + 1)), "table");
}

#[test]
fn what_a_component_starts_with_counts_as_a_whole() {
    // 64 MiB are 1,024 pages.
    let octets = component("", "", &parts("(memory 1024)", 1));
    assert_refused(&octets, "needs 67174400 octets of memory at its start");
    // One module in two instances is detected when they are created.
    let octets = component("", "", &parts("(memory 600)", 2));
    assert_refused(&octets, "wanted 39321600 octets of memory on top of 39387136");
    let elements = PluginLimits::default().table_elements_max;
    let table = format!("(table {elements} funcref) (table 1 funcref)");
    let octets = component("", "", &parts(&table, 1));
    assert_refused(&octets, "needs 20001 table elements at its start");
}

#[test]
fn handles_have_a_limit() {
    let make = |count: usize| {
        format!(
            "(loop $again
                i32.const 1 call $resource-new drop
                (local.set $count (i32.add (local.get $count) (i32.const 1)))
                (br_if $again (i32.lt_u (local.get $count) (i32.const {count}))))"
        )
    };
    assert_eq!(mistake(&component("", &make(HANDLES_MAX - 10), "")), None);
    assert_refused(&component("", &make(HANDLES_MAX + 1), ""), "failed while it was configured");
}

#[test]
fn instantiation_is_stopped_at_its_deadline() {
    let began = Instant::now();
    let octets = component("(loop $again br $again)", "", "");
    assert_refused(&octets, "failed while it was instantiated (deadline-exceeded)");
    assert!(began.elapsed().as_millis() as u64 >= CONFIGURE_DEADLINE_MS);
}
