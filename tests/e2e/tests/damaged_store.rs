//! The store is damaged while the server does not run: either the server refuses to start and
//! reports the place, or it has every lease that it acknowledged. It never starts with fewer
//! leases.

use std::{
    collections::BTreeSet,
    fs,
    net::Ipv4Addr,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Output,
    time::Duration,
};

use lessor_e2e::{Server, Setup, relay, wait};
use lessor_load::Subscriber;

const SUBNETS: &str = r#"
    [[subnet]]
    prefix = "100.64.0.0/16"
    lease-time = "1h"

    [[subnet.pool]]
    name = "residential"
    range = "100.64.1.0-100.64.99.255"
"#;
const LINK: Ipv4Addr = Ipv4Addr::new(100, 64, 0, 1);
const LEASES: u16 = 40;

/// Returns a server that was killed after it had acknowledged leases, and their addresses.
fn killed_server() -> (Server, BTreeSet<Ipv4Addr>) {
    let mut server = Setup::on_loopback(SUBNETS).start();
    let acknowledged = acquire(&server, 0);
    server.kill();
    (server, acknowledged)
}

fn acquire(server: &Server, first: u16) -> BTreeSet<Ipv4Addr> {
    let mut relay = relay(server.address(), LINK);
    let acquire = |number: u16| {
        let [high, low] = number.to_be_bytes();
        let subscriber = Subscriber::new([2, 0, 0, 0, high, low], format!("line{number}"));
        relay.acquire(&subscriber, Duration::from_secs(5)).unwrap().address
    };
    (first..first + LEASES).map(acquire).collect()
}

fn leases(server: &Server) -> BTreeSet<Ipv4Addr> {
    server.leases().into_iter().map(|lease| lease.address).collect()
}

fn log_folder(server: &Server) -> PathBuf {
    server.folder().join("store/leases/leases")
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&[&*output.stdout, &*output.stderr].concat()).into_owned()
}

#[test]
fn a_damaged_store_is_refused_with_its_place_and_never_costs_a_lease_silently() {
    let (mut server, acknowledged) = killed_server();
    let log = log_folder(&server);
    let (segment, mark) = (log.join("0000000001.log"), log.join("mark"));
    let whole = [segment.clone(), mark.clone()].map(|file| (fs::read(&file).unwrap(), file));
    let middle = whole[0].0.len() / 2;
    let damages: [(&str, &Path, &dyn Fn()); 6] = [
        ("flipped", &segment, &|| flip(&segment, middle)),
        ("flipped at the end", &segment, &|| flip(&segment, whole[0].0.len() - 1)),
        ("emptied", &segment, &|| fs::write(&segment, "").unwrap()),
        ("removed", &segment, &|| fs::remove_file(&segment).unwrap()),
        ("cut off", &segment, &|| fs::write(&segment, &whole[0].0[..middle]).unwrap()),
        ("removed", &mark, &|| fs::remove_file(&mark).unwrap()),
    ];
    for (how, file, damage) in damages {
        damage();
        let _ = fs::remove_file(server.folder().join("refused.log"));
        let refused = server.second_is_refused();
        let name = file.file_name().unwrap().to_str().unwrap();
        for part in ["is damaged", name, "octet", "can be read before", "lessor store verify"] {
            assert!(refused.contains(part), "{how}: {part:?} is not in {refused}");
        }
        let verified = server.ask(&["store", "verify"]);
        assert_eq!(verified.status.code(), Some(1), "{how}: {}", said(&verified));
        assert!(said(&verified).contains(name), "{how}: {}", said(&verified));
        let listed = server.ask(&["leases"]);
        assert!(!listed.status.success(), "{how}: {}", said(&listed));
        for (octets, file) in &whole {
            fs::write(file, octets).unwrap();
        }
    }
    server.start_again();
    assert_eq!(leases(&server), acknowledged);
}

#[test]
fn a_torn_tail_is_cut_off_and_the_log_says_how_much() {
    let (mut server, acknowledged) = killed_server();
    let segment = log_folder(&server).join("0000000001.log");
    let mut octets = fs::read(&segment).unwrap();
    let whole = octets.len();
    // An incomplete batch, as after a power cut.
    octets.extend_from_within(64..64 + 77);
    fs::write(&segment, octets).unwrap();
    server.start_again();
    let line = server.process().says("are cut off", wait::SOON);
    for part in ["octets=77", &format!("offset={whole}"), "0000000001.log", "WARN"] {
        assert!(line.contains(part), "{part:?} is not in {line}");
    }
    assert_eq!(leases(&server), acknowledged);
}

#[test]
fn the_store_of_a_running_server_is_verified_and_what_is_salvaged_is_served() {
    let mut server = Setup::on_loopback(SUBNETS).start();
    let first = acquire(&server, 0);
    let verified = server.ask(&["store", "verify"]);
    assert!(verified.status.success(), "{}", said(&verified));
    for part in ["is intact", "40 leases", "in use by a server", "0000000001.log"] {
        assert!(said(&verified).contains(part), "{part:?} is not in {}", said(&verified));
    }
    let refused = server.ask(&["store", "salvage"]);
    assert!(!refused.status.success() && said(&refused).contains("in use"), "{}", said(&refused));
    assert!(server.stop().success());
    let verified = server.ask(&["store", "verify", "--json"]);
    assert!(said(&verified).contains(r#""whole":true,"in-use":false,"closed":true,"leases":40"#));
    let refused = server.ask(&["store", "salvage"]);
    assert!(!refused.status.success() && said(&refused).contains("is not damaged"));

    let segment = log_folder(&server).join("0000000001.log");
    flip(&segment, fs::metadata(&segment).unwrap().len() as usize / 2);
    let salvaged = server.ask(&["store", "salvage"]);
    assert!(salvaged.status.success(), "{}", said(&salvaged));
    assert!(said(&salvaged).contains("39 leases that could be read"), "{}", said(&salvaged));
    server.start_again();
    let kept = leases(&server);
    assert_eq!((kept.len(), first.is_superset(&kept)), (39, true));
    acquire(&server, LEASES);
    assert_eq!(leases(&server).len(), 39 + usize::from(LEASES));
}

#[test]
fn after_a_salvage_new_clients_get_no_address_whose_lease_may_be_lost() {
    let mut server = Setup::on_loopback(SUBNETS).start();
    acquire(&server, 0);
    assert!(server.stop().success());
    let segment = log_folder(&server).join("0000000001.log");
    flip(&segment, fs::metadata(&segment).unwrap().len() as usize / 2);
    let holds = SUBNETS.replacen("prefix", "after-data-loss = \"hold\"\n    prefix", 1);
    server.setup().put_subnets(&holds);
    let salvaged = server.ask(&["store", "salvage"]);
    assert!(salvaged.status.success(), "{}", said(&salvaged));
    server.start_again();
    server.process().says("are not given to new clients", wait::SOON);
    assert_eq!(server.status().holds.len(), 1);
}

#[test]
fn others_cannot_read_the_store() {
    let (server, _) = killed_server();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o007;
    let log = log_folder(&server);
    assert_eq!(mode(&log), 0);
    let files: Vec<PathBuf> =
        fs::read_dir(&log).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(files.len() >= 2, "{files:?}");
    for file in files {
        assert_eq!(mode(&file), 0, "{}", file.display());
    }
}

fn flip(file: &Path, at: usize) {
    let mut octets = fs::read(file).unwrap();
    octets[at] ^= 0x10;
    fs::write(file, octets).unwrap();
}
