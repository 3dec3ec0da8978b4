//! Every configuration that ships is valid, and its comments are correct.
use std::{
    fs,
    path::{Path, PathBuf},
};

use lessor_config::Configuration;
use lessor_settings::{SourceKind, SourceSettings};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples")
}

#[track_caller]
fn load(name: &str) -> Configuration {
    lessor_config::load(&folder().join(name)).unwrap_or_else(|mistakes| panic!("{mistakes}"))
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.filter(|path| path.extension().is_some_and(|found| found == "toml")).collect()
}

#[test]
fn every_example_can_be_loaded() {
    let files = files(&folder());
    assert!(files.len() >= 6, "{files:?}");
    for file in files {
        lessor_config::load(&file).unwrap_or_else(|mistakes| panic!("{mistakes}"));
    }
}

#[test]
fn every_example_of_a_file_beside_a_plugin_can_be_loaded() {
    let files = files(&folder().join("demo-plugins"));
    assert_eq!(files.len(), 3, "{files:?}");
    for file in files {
        lessor_config::load_sidecar(&file).unwrap_or_else(|mistakes| panic!("{mistakes}"));
    }
}

/// The defaults in the reference are correct: without such a line nothing changes.
#[test]
fn the_reference_gives_the_defaults_as_they_are() {
    let reference = load("reference.toml");
    let minimal = lessor_config::parse(
        "minimal.toml",
        "[server]\nlisten = [\"192.0.2.1\"]\n[plugins]\ndirectory = \"/etc/lessor/plugins\"\n\
         [[subnet]]\nprefix = \"100.64.0.0/16\"\n",
        Path::new(""),
    )
    .unwrap();
    // The default is the address that a request arrived at.
    assert!(reference.server.server_identifier.is_some());
    let server = lessor_config::ServerSettings { server_identifier: None, ..reference.server };
    assert_eq!(server, minimal.server);
    assert_eq!(reference.store, minimal.store);
    assert_eq!(reference.plugins, minimal.plugins);
    assert_eq!(reference.control, minimal.control);
    let [_, SourceSettings { kind: SourceKind::Http(_, limits), on_failure, .. }] =
        &reference.lookups[..]
    else {
        panic!("{:?}", reference.lookups);
    };
    assert_eq!((*limits, *on_failure), Default::default());
    assert!(minimal.lookups.is_empty());
    assert_eq!(reference.log, minimal.log);
    let (shown, default) = (&reference.topology.networks()[0], &minimal.topology.networks()[0]);
    assert_eq!(shown.authoritative, default.authoritative);
    assert_eq!(shown.client_key, default.client_key);
    assert_eq!(shown.after_data_loss, default.after_data_loss);
    assert_eq!(shown.offer_hold_secs, default.offer_hold_secs);
    assert_eq!(shown.quarantine_secs, default.quarantine_secs);
    assert_eq!(shown.bounds, default.bounds);
    let (shown, default) = (&shown.subnets[0], &default.subnets[0]);
    assert_eq!(shown.lease_time, default.lease_time);
    assert_eq!(shown.unknown_clients, default.unknown_clients);
    assert!(!shown.pools[0].by_policy_only);
}

#[test]
fn the_demo_keeps_all_it_writes_in_its_folder() {
    let demo = load("demo.toml");
    let paths = [
        demo.plugins.as_ref().unwrap().directory.clone(),
        demo.plugins.as_ref().unwrap().cache.clone().unwrap(),
        demo.control.socket.clone().unwrap(),
        demo.journal.as_ref().unwrap().path.clone(),
    ];
    assert!(paths.iter().all(|path| path.starts_with(folder())), "{paths:?}");
    assert!(demo.server.listen.iter().all(|address| address.ip().is_loopback()));
}

#[test]
fn the_examples_show_what_they_are_named_after() {
    assert!(load("relayed.toml").server.interfaces.is_empty());
    assert!(load("on-link.toml").server.listen.is_empty());
    let lookups = load("lookups.toml").lookups;
    let names: Vec<_> = lookups.iter().map(|lookup| lookup.name.as_str()).collect();
    assert_eq!(names, ["subscribers", "billing", "crm", "aaa"]);
    let shared = load("shared-network.toml");
    assert_eq!(shared.topology.networks().len(), 1);
    assert_eq!(shared.topology.networks()[0].subnets.len(), 2);
    let wholesale = load("wholesale.toml").topology;
    let networks = wholesale.networks().iter();
    let vpns: Vec<_> = networks.map(|network| network.vpn_name().map(|vpn| vpn.as_str())).collect();
    assert_eq!(vpns, [Some("north-isp"), Some("south-isp"), Some("south-isp"), None]);
    let prefixes = [0, 1].map(|network: usize| wholesale.networks()[network].subnets[0].prefix);
    assert_eq!(prefixes[0], prefixes[1]);
    let reservations = load("reservations.toml");
    let shared = reservations.topology.shared_reservations().list();
    let kinds: Vec<String> = reservations.topology.networks()[0].subnets[0]
        .reservations
        .iter()
        .chain(shared)
        .flat_map(|reservation| reservation.owners.iter())
        .map(|owner| owner.kind().to_string())
        .collect();
    let [laptop, other_card, in_pool, modem] = ["hardware-address"; 4];
    assert_eq!(
        kinds,
        [
            "circuit-id",
            "circuit-id",
            "remote-id",
            "client-identifier",
            "hardware-address",
            "relay-sub-options.subscriber-id",
            "vendor-sub-options.3561.2",
            "duid",
            laptop,
            other_card,
            in_pool,
            modem,
        ]
    );
    assert_eq!(shared.len(), 1);
}
