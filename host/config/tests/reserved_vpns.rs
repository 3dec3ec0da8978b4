//! Reservations that name the VPN whose address they reserve, or in which they apply.
use std::{fs, path::Path};

use lessor_config::{Configuration, Mistakes};

const SERVER: &str = "[server]\nlisten = [\"192.0.2.1\"]\n[[vpn]]\nname = \"green\"\n\
    [[vpn]]\nname = \"blue\"\n";
const SUBNETS: &str = "[[subnet]]\nprefix = \"192.0.2.0/24\"\n\
    [[subnet]]\nprefix = \"10.0.0.0/24\"\n\
    [[subnet]]\nprefix = \"10.0.0.0/24\"\nvpn = \"green\"\n\
    pool = [{ name = \"homes\", range = \"10.0.0.100-10.0.0.200\" }]\n\
    [[subnet]]\nprefix = \"192.0.2.0/24\"\nvpn = \"blue\"\n";

fn read(folder: &Path, reservations: &str, more: &str) -> Result<Configuration, Mistakes> {
    let path = folder.join("lessor.toml");
    fs::write(&path, format!("reservations = {reservations}\n{SERVER}{more}{SUBNETS}")).unwrap();
    lessor_config::load(&path)
}

/// Each reservation: its VPN, its address and its first owner.
fn found(configuration: &Configuration) -> Vec<String> {
    let topology = &configuration.topology;
    let of_subnets = topology.networks().iter().flat_map(|network| {
        let reservations = network.subnets.iter().flat_map(|subnet| &subnet.reservations);
        reservations.map(|reservation| (network.vpn_name(), reservation))
    });
    let all = of_subnets.chain(topology.shared_reservations().with_their_vpns());
    let mut found: Vec<String> = all
        .map(|(vpn, reservation)| {
            let vpn = vpn.map_or("-", |vpn| vpn.as_str());
            let address = reservation.address.map_or("-".to_owned(), |found| found.to_string());
            let owner = reservation.owners.iter().next().unwrap();
            format!("{vpn} {address} {owner}")
        })
        .collect();
    found.sort();
    found
}

const WANTED: [&str; 6] = [
    "- - circuit-id e",
    "- 10.0.0.7 circuit-id a",
    "blue - circuit-id e",
    "blue 192.0.2.1 circuit-id c",
    "green - circuit-id e",
    "green 10.0.0.7 circuit-id b",
];

#[test]
fn every_place_of_reservations_outside_of_subnets_has_vpns() {
    let folder = tempfile::tempdir().unwrap();
    let rows = "circuit-id,vpn,address,boot-file\na,,10.0.0.7,\nb,green,10.0.0.7,\n\
                c,blue,192.0.2.1,\ne,,,x\ne,green,,x\ne,blue,,x\n";
    fs::write(folder.path().join("a.csv"), rows).unwrap();
    let json = r#"{"circuit-id": "a", "address": "10.0.0.7"}
        {"circuit-id": "b", "address": "10.0.0.7", "vpn": "green"}
        {"circuit-id": "c", "address": "192.0.2.1", "vpn": "blue", "boot-file": "x"}
        {"circuit-id": "e", "vpn": null, "boot-file": "x"}
        {"circuit-id": "e", "vpn": "green", "boot-file": "x"}
        {"circuit-id": "e", "vpn": "blue", "boot-file": "x"}"#;
    fs::write(folder.path().join("b.jsonl"), json).unwrap();
    // Rows that only say of which VPN a line is reserve nothing.
    let table = "port,customer,ip,file\na,,10.0.0.7,\nb,green,10.0.0.7,\nc,blue,192.0.2.1,\n\
                 d,green,,\ne,,,x\ne,green,,x\ne,blue,,x\n";
    fs::write(folder.path().join("ports.csv"), table).unwrap();
    let document = "reservation = [\
        { circuit-id = \"a\", address = \"10.0.0.7\" },\
        { circuit-id = \"b\", address = \"10.0.0.7\", vpn = \"green\" },\
        { circuit-id = \"c\", address = \"192.0.2.1\", vpn = \"blue\" },\
        { circuit-id = \"e\", boot-file = \"x\" },\
        { circuit-id = \"e\", boot-file = \"x\", vpn = \"green\" },\
        { circuit-id = \"e\", boot-file = \"x\", vpn = \"blue\" }]\n";
    let source = "[[lookup]]\nname = \"ports\"\ntype = \"csv\"\npath = \"ports.csv\"\n\
                  key = \"port\"\n";
    let mapped = "{ lookup = \"ports\", columns = { circuit-id = \"port\", vpn = \"customer\", \
                  address = \"ip\", boot-file = \"file\" } }";
    for (reservations, more) in [("\"a.csv\"", ""), ("\"b.jsonl\"", ""), (mapped, source)] {
        let read = read(folder.path(), reservations, more);
        assert_eq!(found(&read.unwrap_or_else(|it| panic!("{it}"))), WANTED, "{reservations}");
    }
    let text = format!("{document}{SERVER}{SUBNETS}");
    let read = lessor_config::parse("lessor.toml", &text, folder.path());
    assert_eq!(found(&read.unwrap_or_else(|it| panic!("{it}"))), WANTED);
}

#[test]
fn a_pool_is_one_of_the_vpn() {
    let folder = tempfile::tempdir().unwrap();
    let read_row = |vpn: &str| {
        let row = format!("circuit-id,pool,vpn\na,homes,{vpn}\n");
        fs::write(folder.path().join("a.csv"), row).unwrap();
        read(folder.path(), "\"a.csv\"", "")
    };
    for vpn in ["", "green"] {
        assert!(read_row(vpn).is_ok(), "{vpn}");
    }
    let mistakes = read_row("blue").unwrap_err().render(false);
    assert!(
        mistakes.contains("no pool of any network of the VPN is named \"homes\""),
        "{mistakes}"
    );
}
