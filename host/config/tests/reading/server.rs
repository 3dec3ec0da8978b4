//! The tables about the server itself.

use std::{net::Ipv4Addr, num::NonZeroUsize, path::Path, time::Duration};

use lessor_config::{LogFormat, LogLevel, MetricsSettings, RollbackSettings, StoreSettings};
use lessor_core::LeaseTime;
use lessor_settings::StoreBackend;

use super::{SERVER, parse};

#[test]
fn what_is_left_out_has_its_default() {
    let configuration = parse(&format!("{SERVER}[[subnet]]\nprefix = \"100.64.0.0/16\""));
    assert_eq!(configuration.server.interfaces, Vec::<String>::new());
    assert_eq!(configuration.server.listen, ["192.0.2.1:67".parse().unwrap()]);
    assert_eq!(configuration.server.workers, None);
    assert_eq!(configuration.server.server_identifier, None);
    assert_eq!(configuration.server.send_buffer_octets, 8 << 20);
    assert_eq!(configuration.topology.networks()[0].subnets[0].relays, None);
    assert_eq!(
        configuration.store,
        StoreSettings {
            backend: StoreBackend::Embedded { path: "/var/lib/lessor/leases".into() },
            waiting_changes_max: 10_000,
        }
    );
    assert_eq!(configuration.plugins, None);
    assert_eq!(
        configuration.control.socket.as_deref(),
        Some(Path::new("/var/lib/lessor/control.sock"))
    );
    assert_eq!(configuration.journal, None);
    assert_eq!(configuration.log.format, LogFormat::Text);
    assert_eq!(configuration.log.level, LogLevel::Info);
    let networks = configuration.topology.networks();
    assert_eq!(networks.len(), 1);
    assert_eq!(&*networks[0].name, "100.64.0.0/16");
    assert!(!networks[0].authoritative);
    assert_eq!(networks[0].offer_hold_secs, 60);
    assert_eq!(networks[0].quarantine_secs, 600);
    let subnet = &networks[0].subnets[0];
    let lease_time = LeaseTime { default_secs: 3_600, min_secs: 60, max_secs: 86_400 };
    assert_eq!(subnet.lease_time, lease_time);
    assert!(subnet.options.is_empty());
    assert!(subnet.settings.is_empty());
    assert_eq!((subnet.pools.len(), subnet.reservations.len()), (0, 0));
}

#[test]
fn the_tables_about_the_server_are_read() {
    let configuration = parse(
        r#"
        [server]
        interfaces = "eth0"
        listen = ["192.0.2.1", "192.0.2.2:6767"]
        workers = 3
        server-identifier = "192.0.2.9"

        [store]
        path = "state"
        waiting-changes-max = 5

        [plugins]
        directory = "/etc/lessor/plugins"
        cache = "cache"

        [control]
        socket = "/run/lessor.sock"

        [journal]
        path = "journal.jsonl"

        [log]
        format = "json"
        level = "warn"

        [[subnet]]
        prefix = "100.64.0.0/16"
        "#,
    );
    let server = configuration.server;
    assert_eq!(server.interfaces, ["eth0"]);
    let listen = ["192.0.2.1:67", "192.0.2.2:6767"].map(|text| text.parse().unwrap());
    assert_eq!(server.listen, listen);
    assert_eq!(server.workers, NonZeroUsize::new(3));
    assert_eq!(server.server_identifier, Some(Ipv4Addr::new(192, 0, 2, 9)));
    let backend = StoreBackend::Embedded { path: "/srv/lessor/state/leases".into() };
    assert_eq!(configuration.store, StoreSettings { backend, waiting_changes_max: 5 });
    let plugins = configuration.plugins.unwrap();
    assert_eq!(plugins.directory, Path::new("/etc/lessor/plugins"));
    assert_eq!(plugins.cache.as_deref(), Some(Path::new("/srv/lessor/cache")));
    assert_eq!(configuration.control.socket.as_deref(), Some(Path::new("/run/lessor.sock")));
    assert_eq!(configuration.journal.unwrap().path, Path::new("/srv/lessor/journal.jsonl"));
    assert_eq!(configuration.log.format, LogFormat::Json);
    assert_eq!(configuration.log.level, LogLevel::Warn);
}

#[test]
fn rollback_and_metrics_are_off_unless_the_file_says_more() {
    let subnet = "[[subnet]]\nprefix = \"100.64.0.0/16\"\n";
    let without = parse(&format!("{SERVER}[plugins]\ndirectory = \"p\"\n{subnet}"));
    assert_eq!((without.plugins.unwrap().rollback, without.metrics), (None, None));
    let with = parse(&format!(
        "{SERVER}[plugins]\ndirectory = \"p\"\n\
         rollback = {{ faults-max = 0, window = \"1h\" }}\n\
         [metrics]\nlisten = \"[::1]:9467\"\n{subnet}"
    ));
    let window = Duration::from_secs(3_600);
    let rollback = Some(RollbackSettings { faults_max: 0, window });
    assert_eq!(with.plugins.unwrap().rollback, rollback);
    let listen = "[::1]:9467".parse().unwrap();
    assert_eq!(with.metrics, Some(MetricsSettings { listen }));
}

#[test]
fn state_is_kept_in_one_folder_unless_the_file_places_it_elsewhere() {
    let rest = "[plugins]\ndirectory = \"p\"\n[[subnet]]\nprefix = \"100.64.0.0/16\"\n";
    let embedded = parse(&format!("{SERVER}[store]\npath = \"state\"\n{rest}"));
    assert_eq!(
        embedded.plugins.unwrap().cache.as_deref(),
        Some(Path::new("/srv/lessor/state/compiled"))
    );
    assert_eq!(
        embedded.control.socket.as_deref(),
        Some(Path::new("/srv/lessor/state/control.sock"))
    );
    let memory = parse(&format!("{SERVER}[store]\nbackend = \"memory\"\n{rest}"));
    assert_eq!(memory.store.backend, StoreBackend::Memory);
    assert_eq!(memory.plugins.unwrap().cache, None);
    assert_eq!(memory.control.socket, None);
    let off = parse(&format!("{SERVER}[control]\nenabled = false\n{rest}"));
    assert_eq!(off.control.socket, None);
}
