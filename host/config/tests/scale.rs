//! A configuration as large as that of an access network. No check may take quadratic time, or this
//! test would not end.
use std::{fmt::Write, path::Path};

const SUBNETS: u32 = 10_000;
const RESERVATIONS_PER_SUBNET: u32 = 10;

/// Subnets of 32 addresses, each with a pool and its reservations; ten for each shared network.
fn text() -> String {
    let mut text = String::from(
        "[server]\nlisten = [\"192.0.2.1\"]\n\n[options]\ndomain-name-servers = [\"192.0.2.53\"]\n",
    );
    for subnet in 0..SUBNETS {
        let first = u32::from_be_bytes([10, 0, 0, 0]) + subnet * 32;
        let address = |offset: u32| std::net::Ipv4Addr::from(first + offset);
        write!(
            text,
            "\n[[subnet]]\nprefix = \"{}/27\"\nshared-network = \"net-{}\"\n\
             options = {{ routers = [\"{}\"] }}\n\
             [[subnet.pool]]\nname = \"pool-{subnet}\"\nrange = \"{}-{}\"\n",
            address(0),
            subnet / 10,
            address(1),
            address(2),
            address(19),
        )
        .unwrap();
        for reservation in 0..RESERVATIONS_PER_SUBNET {
            write!(
                text,
                "[[subnet.reservation]]\ncircuit-id = \"olt{subnet}/onu{reservation}\"\n\
                 address = \"{}\"\n",
                address(20 + reservation),
            )
            .unwrap();
        }
    }
    text
}

#[test]
fn a_hundred_thousand_reservations_in_ten_thousand_subnets_are_read() {
    let text = text();
    let configuration = lessor_config::parse("large.toml", &text, Path::new(""))
        .unwrap_or_else(|mistakes| panic!("{mistakes}"));
    let networks = configuration.topology.networks();
    assert_eq!(networks.len(), SUBNETS as usize / 10);
    let subnets = networks.iter().flat_map(|network| &network.subnets);
    let reservations: usize = subnets.map(|subnet| subnet.reservations.len()).sum();
    assert_eq!(reservations, (SUBNETS * RESERVATIONS_PER_SUBNET) as usize);
}

#[test]
fn as_many_reservations_in_a_file_are_read_and_so_are_as_many_mistakes() {
    let folder = tempfile::tempdir().unwrap();
    let (mut subnets, mut rows) = (text(), String::from("circuit-id,address\n"));
    subnets = subnets.split_inclusive('\n').filter(|line| !is_of_reservation(line)).collect();
    for number in 0..SUBNETS * RESERVATIONS_PER_SUBNET {
        let (subnet, onu) = (number % SUBNETS, number / SUBNETS);
        let address = u32::from_be_bytes([10, 0, 0, 20]) + subnet * 32 + onu;
        writeln!(rows, "olt{subnet}/onu{onu},{}", std::net::Ipv4Addr::from(address)).unwrap();
    }
    let read = |rows: &str| {
        std::fs::write(folder.path().join("lines.csv"), rows).unwrap();
        let text = format!("reservations = \"lines.csv\"\n{subnets}");
        lessor_config::parse("large.toml", &text, folder.path())
    };
    let configuration = read(&rows).unwrap_or_else(|mistakes| panic!("{mistakes}"));
    let networks = configuration.topology.networks().iter();
    let subnets = networks.flat_map(|network| &network.subnets);
    assert!(subnets.map(|subnet| subnet.reservations.len()).all(|count| count == 10));
    // Every row is repeated, so its address and its owner are duplicates.
    let twice = format!("{rows}{}", rows.replace("circuit-id,address\n", ""));
    assert_eq!(read(&twice).unwrap_err().count(), 200_000);
}

fn is_of_reservation(line: &str) -> bool {
    ["[[subnet.reservation]]", "circuit-id", "address"].iter().any(|start| line.starts_with(start))
}

#[test]
fn as_many_mistakes_are_counted() {
    let text = text().replace("circuit-id = ", "circuit = ").replace("/27", "/16");
    let mistakes = lessor_config::parse("large.toml", &text, Path::new("")).unwrap_err();
    // Every reservation has an unknown key, and all but the first two prefixes have host bits.
    assert!(mistakes.count() > 100_000, "{}", mistakes.count());
    assert!(mistakes.to_string().len() < 200_000);
}
