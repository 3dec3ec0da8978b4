//! The server's own addresses: which address spaces they belong to, whatever names them, and that
//! `check` counts the same addresses in a pool as the engine.
use std::{fs, net::Ipv4Addr, path::Path};

use lessor_config::{Configuration, Mistakes};
use lessor_core::{Engine, OwnAddresses, WhySkipped};

const SERVER: &str = "[server]\nlisten = [\"10.0.0.1\"]\n\
    [[vpn]]\nname = \"green\"\n[[vpn]]\nname = \"blue\"\n";

/// A subnet of the same prefix in each address space, with a pool of all of it.
const SUBNETS: &str = "[[subnet]]\nprefix = \"10.0.0.0/27\"\n\
    [[subnet.pool]]\nrange = \"10.0.0.0/27\"\n\
    [[subnet]]\nprefix = \"10.0.0.0/27\"\nvpn = \"green\"\n\
    [[subnet.pool]]\nrange = \"10.0.0.0/27\"\n\
    [[subnet]]\nprefix = \"10.0.0.0/27\"\nvpn = \"blue\"\n\
    [[subnet.pool]]\nrange = \"10.0.0.0/27\"\n";

/// Reads a configuration whose files of reservations have these names and texts.
fn read(document: &str, files: &[(&str, &str)]) -> Result<Configuration, Mistakes> {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        fs::write(folder.path().join(name), text).unwrap();
    }
    let names: Vec<&str> = files.iter().map(|(name, _)| *name).collect();
    parse(&format!("reservations = {names:?}\n{document}"), folder.path())
}

fn parse(text: &str, base: &Path) -> Result<Configuration, Mistakes> {
    lessor_config::parse("lessor.toml", text, base)
}

/// The last octets of the server's own addresses that each network's pools skip.
fn skipped(read: &Configuration) -> Vec<Vec<u8>> {
    let networks = read.topology.networks().iter();
    let pools = |network: &lessor_core::Network| -> Vec<u8> {
        let pools = network.subnets.iter().flat_map(|subnet| &subnet.pools);
        let ranges = pools.flat_map(|pool| pool.rules.skipped.ranges());
        let own = ranges.filter(|range| range.why == WhySkipped::ServersOwn);
        own.flat_map(|range| range.first.octets()[3]..=range.last.octets()[3]).collect()
    };
    networks.map(|network| pools(network)).collect()
}

/// Requires that the engine of each network gives as many addresses as its pools have, and that the
/// pools skip what is the server's in its address space.
fn agrees_with_the_engine(read: &Configuration) {
    let topology = &read.topology;
    let listen: Vec<Ipv4Addr> = read.server.listen.iter().map(|listen| *listen.ip()).collect();
    let mut own = OwnAddresses::from(listen);
    own.set_configured(topology.server_identifiers());
    let (engines, _) = Engine::rebuild(Vec::new(), topology, 7);
    for (mut engine, network) in engines.into_iter().zip(topology.networks()) {
        engine.set_own_addresses(&own);
        let counted: Vec<u64> = engine.usage().iter().map(|usage| usage.size).collect();
        let reserved = |pool: &lessor_core::Pool| {
            let reservations = network.subnets.iter().flat_map(|subnet| &subnet.reservations);
            let reserved = reservations.filter_map(|reservation| reservation.address);
            let is_given = |address: &Ipv4Addr| {
                pool.contains(*address) && pool.rules.skipped.why(*address).is_none()
            };
            reserved.filter(is_given).count() as u64
        };
        let pools = network.subnets.iter().flat_map(|subnet| &subnet.pools);
        let checked: Vec<u64> = pools.map(|pool| pool.size() - reserved(pool)).collect();
        assert_eq!(counted, checked, "{}", network.name);
    }
    for (network, skipped) in topology.networks().iter().zip(skipped(read)) {
        let subnets = network.subnets.iter().flat_map(|subnet| subnet.prefix.hosts());
        let is_own = |address: &Ipv4Addr| {
            own.within(network.vpn_name(), *address, *address).next().is_some()
        };
        let own: Vec<u8> = subnets.filter(is_own).map(|address| address.octets()[3]).collect();
        assert_eq!(skipped, own, "{}", network.name);
    }
}

#[test]
fn an_identifier_is_the_servers_where_its_clients_are() {
    let class = "[[class]]\nname = \"k\"\nmatch = { vendor-class = \"k\" }\n\
                 server-identifier = \"10.0.0.9\"\n";
    let shared = |vpn: &str| {
        format!(
            "[[reservation]]\ncircuit-id = \"a\"\n{vpn}server-identifier = \"10.0.0.9\"\n\
             boot-file = \"x\"\n"
        )
    };
    let in_subnet =
        |vpn: &str, below: &str| format!("[[subnet]]\nprefix = \"10.1.0.0/24\"\n{vpn}{below}");
    let vpn = "vpn = \"green\"\n";
    let identifier = "server-identifier = \"10.0.0.9\"\n";
    let pool = format!("[[subnet.pool]]\nrange = \"10.1.0.1-10.1.0.9\"\n{identifier}");
    let reservation = format!("[[subnet.reservation]]\ncircuit-id = \"a\"\n{identifier}");
    let network = |vpn: &str| {
        let subnet = in_subnet("", "shared-network = \"n\"\n");
        format!("[[network]]\nname = \"n\"\n{vpn}{identifier}{subnet}")
    };
    let row = |vpn: &str, address: &str| {
        format!("{{\"circuit-id\":\"b\",{vpn}{address}\"server-identifier\":\"10.0.0.9\"}}\n")
    };
    let named = "\"vpn\":\"green\",";
    let at = "\"address\":\"10.0.0.20\",";
    let [outside, green, all] = [[true, false, false], [false, true, false], [true; 3]];
    for (wanted, document, rows) in [
        (all, class.to_owned(), String::new()),
        (all, shared(""), String::new()),
        (all, String::new(), row("", "")),
        (outside, in_subnet("", identifier), String::new()),
        (outside, in_subnet("", &pool), String::new()),
        (outside, in_subnet("", &reservation), String::new()),
        (outside, network(""), String::new()),
        (outside, String::new(), row("", at)),
        (green, shared(vpn), String::new()),
        (green, in_subnet(vpn, identifier), String::new()),
        (green, in_subnet(vpn, &pool), String::new()),
        (green, in_subnet(vpn, &reservation), String::new()),
        (green, network(vpn), String::new()),
        (green, String::new(), row(named, "")),
        (green, String::new(), row(named, at)),
    ] {
        // A line break in a list makes the reader parse the text as a whole.
        for whole in ["", "[options]\nrouters = [\n\"10.0.0.254\"\n]\n"] {
            let text = format!("{SERVER}{whole}{SUBNETS}{document}");
            let read = read(&text, &[("a.jsonl", &rows)]);
            let read = read.unwrap_or_else(|mistakes| panic!("{mistakes}"));
            let skipped = skipped(&read);
            let has = |network: usize| skipped[network].contains(&9);
            assert_eq!([has(0), has(1), has(2)], wanted, "{document}{rows}");
            let of_listen = [0, 1, 2].map(|network| skipped[network].contains(&1));
            assert_eq!(of_listen, outside, "{document}{rows}");
            agrees_with_the_engine(&read);
        }
    }
}

#[test]
fn an_identifier_that_no_client_gets_is_not_the_servers() {
    let network = "[[network]]\nname = \"n\"\nserver-identifier = \"10.0.0.9\"\n\
                   [[subnet]]\nprefix = \"10.1.0.0/24\"\nshared-network = \"n\"\n\
                   server-identifier = \"10.0.0.10\"\n";
    let text = format!("{SERVER}{SUBNETS}{network}");
    let read = parse(&text, Path::new("")).unwrap_or_else(|mistakes| panic!("{mistakes}"));
    assert_eq!(skipped(&read)[0], [1, 10]);
    agrees_with_the_engine(&read);
}

/// The mistakes of a configuration, each with its line and what else it names.
fn mistakes(document: &str, files: &[(&str, &str)]) -> Vec<String> {
    let Err(mistakes) = read(document, files) else { return Vec::new() };
    assert!(mistakes.count() > 0);
    let shown = |mistake: &lessor_config::Mistake| {
        let file = Path::new(mistake.file()).file_name().unwrap().to_str().unwrap();
        let line = mistake.line().unwrap();
        format!("{file}:{line} {mistake}; {}", mistake.wanted().unwrap_or_default())
    };
    mistakes.iter().map(shown).collect()
}

#[test]
fn a_row_with_an_identifier_of_its_own_space_is_refused_in_either_order() {
    let text = format!("{SERVER}{SUBNETS}");
    let identifier = r#"{"circuit-id":"a","server-identifier":"10.0.0.9","address":"10.0.0.20"}"#;
    let reserving = |vpn: &str| format!("{{\"circuit-id\":\"b\",{vpn}\"address\":\"10.0.0.9\"}}");
    let both = |first: &str, second: &str| {
        let of_two = mistakes(&text, &[("a.jsonl", first), ("b.jsonl", second)]);
        let of_one = mistakes(&text, &[("a.jsonl", &format!("{first}\n{second}\n"))]);
        (of_two.join("\n"), of_one.join("\n"))
    };
    let (of_two, of_one) = both(identifier, &reserving(""));
    let wanted = "10.0.0.9 is one of the server's own addresses; wanted an address that a client \
                  may have; ";
    assert!(of_two.starts_with(&format!("b.jsonl:1 {wanted}")), "{of_two}");
    assert!(of_two.ends_with("a.jsonl:1 names this one") && !of_two.contains('\n'), "{of_two}");
    assert!(of_one.starts_with(&format!("a.jsonl:2 {wanted}")), "{of_one}");
    assert!(of_one.ends_with("a.jsonl:1 names this one") && !of_one.contains('\n'), "{of_one}");
    let (of_two, of_one) = both(&reserving(""), identifier);
    let wanted = "10.0.0.9, a `server-identifier`, is reserved for a client; this \
                  reservation has it; ";
    assert!(of_two.starts_with(&format!("b.jsonl:1 {wanted}")), "{of_two}");
    assert!(of_two.ends_with("a.jsonl:1 reserves it") && !of_two.contains('\n'), "{of_two}");
    assert!(of_one.starts_with(&format!("a.jsonl:2 {wanted}")), "{of_one}");
    // The same address of another space is another one.
    let of_green = reserving("\"vpn\":\"green\",");
    for (first, second) in [(identifier, &*of_green), (&*of_green, identifier)] {
        assert_eq!(both(first, second), (String::new(), String::new()));
    }
    // One without an address and a VPN is for the clients of all networks.
    let of_all = r#"{"circuit-id":"a","server-identifier":"10.0.0.9"}"#;
    for (first, second) in [(of_all, &*of_green), (&*of_green, of_all)] {
        let (of_two, of_one) = both(first, second);
        assert!(of_two.starts_with("b.jsonl:1 10.0.0.9"), "{of_two}");
        assert!(of_one.starts_with("a.jsonl:2 10.0.0.9"), "{of_one}");
    }
}

#[test]
fn a_row_is_compared_with_the_document() {
    let reserving = |vpn: &str| format!("circuit-id,vpn,address\nb,{vpn},10.0.0.9\n");
    let class = "[[class]]\nname = \"k\"\nmatch = { vendor-class = \"k\" }\n\
                 server-identifier = \"10.0.0.9\"\n";
    let document = format!("{SERVER}{SUBNETS}{class}");
    for vpn in ["", "green", "blue"] {
        let found = mistakes(&document, &[("a.csv", &reserving(vpn))]).join("\n");
        assert!(found.starts_with("a.csv:2 10.0.0.9 is one of the server's own"), "{found}");
        assert!(found.ends_with("lessor.toml:25:21 names this one"), "{found}");
    }
    let listen = mistakes(&document, &[("a.csv", "circuit-id,address\nb,10.0.0.1\n")]).join("\n");
    assert!(listen.ends_with("lessor.toml:3:10 names this one"), "{listen}");
    assert!(read(&document, &[("a.csv", "circuit-id,vpn,address\nb,blue,10.0.0.1\n")]).is_ok());
    let green = "[[subnet]]\nprefix = \"10.1.0.0/24\"\nvpn = \"green\"\n\
                 server-identifier = \"10.0.0.9\"\n";
    let document = format!("{SERVER}{SUBNETS}{green}");
    let found = mistakes(&document, &[("a.csv", &reserving("green"))]).join("\n");
    assert!(found.ends_with("lessor.toml:25:21 names this one"), "{found}");
    for vpn in ["", "blue"] {
        let read = read(&document, &[("a.csv", &reserving(vpn))]);
        let read = read.unwrap_or_else(|mistakes| panic!("{mistakes}"));
        agrees_with_the_engine(&read);
    }
}

#[test]
fn an_address_of_the_host_is_no_address_of_a_vpn() {
    let text = format!("{SERVER}{SUBNETS}");
    let pool = |vpn: &str| {
        format!(
            "{text}[[subnet]]\nprefix = \"10.2.0.0/24\"\n{vpn}[[subnet.pool]]\n\
             range = \"10.2.0.7-10.2.0.7\"\n"
        )
        .replace("listen = [", "listen = [\"10.2.0.7\", ")
    };
    let read = |vpn: &str| parse(&pool(vpn), Path::new(""));
    let refused = read("").unwrap_err().to_string();
    assert!(refused.contains("10.2.0.7 is an address of the server"), "{refused}");
    agrees_with_the_engine(&read("vpn = \"blue\"\n").unwrap());
}
