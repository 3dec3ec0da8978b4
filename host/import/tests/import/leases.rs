//! Leases become records as the server itself writes them, and reach a store completely or not at
//! all.

use std::{net::Ipv4Addr, path::PathBuf};

use crate::common::{Folder, KEA_HEADER, NOW, parts, topology};
use lessor_core::{Binding, BindingState, ClientKey, HardwareAddress, Timestamp};
use lessor_import::{LeaseTotals, LineOutcome, OldServer, Refusal, Report, Times, read_leases};

const CONFIGURATION: &str = "
    [server]
    interfaces = [\"eth0\"]
    [[subnet]]
    prefix = \"10.64.0.0/16\"
    [[subnet.pool]]
    range = \"10.64.1.0-10.64.9.255\"
    [[subnet]]
    prefix = \"10.66.0.0/24\"
    client-key = \"hardware-address\"
    [[subnet.pool]]
    range = \"10.66.0.10-10.66.0.99\"
    [[subnet]]
    prefix = \"10.67.0.0/24\"
    client-key = \"line\"
    [[subnet.pool]]
    range = \"10.67.0.10-10.67.0.99\"
";

fn times() -> Times {
    Times { clock: at(NOW), ahead_ms: 0 }
}

fn at(secs: u64) -> Timestamp {
    Timestamp::from_unix_ms(secs * 1000)
}

fn mac(last: u8) -> HardwareAddress {
    HardwareAddress::ethernet([2, 0, 0x5e, 0, 0, last])
}

fn read(origin: OldServer, text: &str) -> Result<(Vec<Binding>, Report, LeaseTotals), Refusal> {
    let folder = Folder::new();
    let path = folder.write("leases", text);
    read_leases(origin, &[path], &topology(CONFIGURATION), &times()).map(parts)
}

fn read_well(origin: OldServer, text: &str) -> (Vec<Binding>, Report, LeaseTotals) {
    read(origin, text).unwrap_or_else(|refusal| panic!("{refusal}"))
}

fn lease(address: [u8; 4], client: ClientKey, mac: HardwareAddress) -> Binding {
    Binding {
        address: address.into(),
        vpn: None,
        client,
        hardware_address: mac,
        state: BindingState::Leased,
        began_at: at(NOW - 100),
        changed_at: at(NOW - 100),
        expires_at: at(NOW + 3500),
        subscriber: None,
        relay_information: None,
        relay_address: None,
        revision: 1,
        host_name: None,
        unknown_fields: Default::default(),
    }
}

#[test]
fn leases_of_kea_become_records() {
    let (now, end) = (NOW, NOW + 3500);
    let text = format!(
        "{KEA_HEADER}\
         10.64.1.1,02:00:5e:00:00:01,01:02:00:5e:00:00:01,3600,{end},64,0,0,,0,\n\
         10.64.1.2,02:00:5e:00:00:02,,3600,{end},64,0,0,PC.example.,0,{{ \"ISC\": {{ \"relay-agent-info\": \
         {{ \"sub-options\": \"0x0102AABB\" }} }} }}\n\
         10.64.1.3,,,86400,{end},64,0,0,,1,\n\
         10.64.1.4,02:00:5e:00:00:04,,3600,{past},64,0,0,,2,\n\
         10.64.1.5,02:00:5e:00:00:05,,3600,{end},64,0,0,,0,\n\
         10.64.1.5,02:00:5e:00:00:05,,0,{end},64,0,0,,0,\n\
         10.66.0.10,02:00:5e:00:00:06,01:99,4294967295,{never},66,0,0,,0,\n\
         10.67.0.10,02:00:5e:00:00:07,,3600,{end},67,0,0,,0,\n\
         10.68.0.10,02:00:5e:00:00:08,,3600,{end},68,0,0,,0,\n",
        past = now - 50,
        never = now + u64::from(u32::MAX),
    );
    let (leases, report, totals) = read_well(OldServer::Kea, &text);
    let identifier = ClientKey::Identifier([1, 2, 0, 0x5e, 0, 0, 1].into());
    assert_eq!(leases[0], lease([10, 64, 1, 1], identifier, mac(1)));
    let relay = leases[1].relay_information.as_ref().unwrap();
    assert_eq!(
        (relay.octets(), leases[1].client.clone()),
        (&[1, 2, 0xaa, 0xbb][..], ClientKey::Hardware(mac(2)))
    );
    assert_eq!(leases[1].host_name.as_deref(), Some("pc"));
    assert_eq!(leases[2].state, BindingState::Quarantined);
    assert_eq!((leases[3].state, leases[3].expires_at), (BindingState::Released, at(NOW - 50)));
    assert_eq!(leases[4].address, Ipv4Addr::new(10, 66, 0, 10));
    assert_eq!(leases[4].client, ClientKey::Hardware(mac(6)));
    assert_eq!(leases[4].expires_at, Timestamp::NEVER);
    assert_eq!(leases.len(), 5);
    let counts = (totals.active, totals.ended, totals.quarantined, totals.not_carried);
    assert_eq!(counts, (3, 1, 1, 2));
    let said = report.to_string();
    assert!(said.contains("client-key = \"line\"") && said.contains("in no subnet"), "{said}");
}

#[test]
fn answers_of_kea_are_read_like_its_files() {
    let lease_of = |address: &str, mac: &str| {
        format!(
            "{{ \"client-id\": \"\", \"cltt\": {}, \"fqdn-fwd\": false, \"hw-address\": \"{mac}\", \
             \"ip-address\": \"{address}\", \"state\": 0, \"subnet-id\": 64, \"valid-lft\": 3600 }}",
            NOW - 100
        )
    };
    let list = format!("[ {} ]", lease_of("10.64.1.2", "02:00:5e:00:00:02"));
    for text in [
        format!("[ {{ \"arguments\": {{ \"leases\": {list} }}, \"result\": 0, \"text\": \"\" }} ]"),
        format!("{{ \"arguments\": {{ \"leases\": {list} }}, \"result\": 0 }}"),
        list.clone(),
    ] {
        let (leases, ..) = read_well(OldServer::Kea, &text);
        assert_eq!(leases, [lease([10, 64, 1, 2], ClientKey::Hardware(mac(2)), mac(2))]);
    }
    let refused = |text: &str| read(OldServer::Kea, text).unwrap_err().to_string();
    assert!(refused("{ \"result\": 2, \"text\": \"unknown\" }").contains("unknown"));
    assert!(
        refused("[ { \"ip-address\": \"10.64.1.2\" } ]").contains(":1: the lease has no number")
    );
    assert!(refused(list.get(..40).unwrap()).contains(":1: "));
    assert!(read_well(OldServer::Kea, "[ { \"result\": 3, \"text\": \"0 found\" } ]").0.is_empty());
}

#[test]
fn older_files_of_kea_are_read_first() {
    let folder = Folder::new();
    let line = |mac: u8, end: u64| {
        format!("{KEA_HEADER}10.64.1.1,02:00:5e:00:00:0{mac},,3600,{end},64,0,0,,0,\n")
    };
    folder.write("leases.csv.2", &line(1, NOW - 5000));
    folder.write("leases.csv.1", &line(2, NOW - 4000));
    let path = folder.write("leases.csv", KEA_HEADER);
    let read = |path: PathBuf| {
        let read = read_leases(OldServer::Kea, &[path], &topology(CONFIGURATION), &times());
        parts(read.unwrap())
    };
    assert_eq!(read(path.clone()).0[0].hardware_address, mac(2));
    folder.write("leases.csv.completed", &line(3, NOW - 3000));
    assert_eq!(read(path).0[0].hardware_address, mac(3));
}

#[test]
fn leases_of_dhcpd_become_records() {
    let text = r#"
# The format of this file is documented in the dhcpd.leases(5) manual page.
authoring-byte-order little-endian;
server-duid "\000\001\000\001";
lease 10.64.1.1 {
  starts epoch 1795999900; # now
  ends epoch 1796003500;
  cltt epoch 1795999900;
  binding state active;
  next binding state free;
  rewind binding state free;
  hardware ethernet 02:00:5e:00:00:01;
  uid "\001\002\000^\000\000\001";
  option agent.circuit-id "olt1/1";
  client-hostname "a";
}
lease 10.64.1.2 {
  starts 2 2026/11/24 10:00:00;
  ends 2 2026/11/24 11:00:00;
  binding state free;
  hardware ethernet 02:00:5e:00:00:02;
}
lease 10.64.1.3 {
  starts epoch 1795999900;
  ends epoch 1796080000;
  binding state abandoned;
}
lease 10.64.1.4 {
  starts epoch 1795999900;
  ends never;
  binding state active;
  hardware ethernet 02:00:5e:00:00:04;
}
lease 10.64.1.4 {
  starts epoch 1795999950;
  ends epoch 1796003500;
  binding state active;
  hardware ethernet 02:00:5e:00:00:05;
}
host made { dynamic; hardware ethernet 02:00:5e:00:00:09; fixed-address 10.64.1.9; }
failover peer "x" state { my state normal at 2 2026/11/24 10:00:00; }
"#;
    let (leases, report, totals) = read_well(OldServer::Dhcpd, text);
    assert_eq!(leases.len(), 4);
    assert_eq!(leases[0].client, ClientKey::Identifier([1, 2, 0, 0x5e, 0, 0, 1].into()));
    assert_eq!(leases[0].relay_information.as_ref().unwrap().circuit_id(), Some(&b"olt1/1"[..]));
    let times = (leases[0].began_at, leases[0].changed_at, leases[0].expires_at);
    assert_eq!(times, (at(NOW - 100), at(NOW - 100), at(NOW + 3500)));
    assert_eq!(
        (leases[1].state, leases[1].changed_at),
        (BindingState::Released, at(1_795_518_000))
    );
    assert_eq!(
        (leases[2].state, leases[2].expires_at),
        (BindingState::Quarantined, at(1_796_080_000))
    );
    assert_eq!(leases[3].hardware_address, mac(5), "the later line counts");
    assert_eq!((totals.read, totals.addresses, totals.active), (5, 4, 2));
    let not_carried: Vec<&str> = report
        .entries()
        .iter()
        .filter(|entry| entry.outcome == LineOutcome::NotCarried)
        .map(|entry| entry.note.as_str())
        .collect();
    assert_eq!(not_carried.len(), 3, "{not_carried:?}");
    assert!(not_carried[0].contains("the later line counts"), "{not_carried:?}");
}

#[test]
fn capital_letters_of_words_do_not_matter_in_leases_of_dhcpd() {
    let text = "lease 10.64.1.1 {
          starts epoch 1795999900; ends never; cltt epoch 1795999900; binding state active;
          hardware ethernet 02:00:5e:00:00:0a;
          option agent.circuit-id \"OLT1\"; option agent.unknown-9 0:0:d:e9; }
        lease 10.64.1.2 { ends epoch 1795990000; abandoned; hardware unknown-7 02:ab; }";
    let capitals: Vec<String> = text
        .split('"')
        .enumerate()
        .map(|(at, part)| if at % 2 == 0 { part.to_uppercase() } else { part.to_owned() })
        .collect();
    let (small, ..) = read_well(OldServer::Dhcpd, text);
    let (large, report, _) = read_well(OldServer::Dhcpd, &capitals.join("\""));
    assert_eq!(large, small, "{report}");
    assert_eq!(small.len(), 2, "{report}");
}

#[test]
fn leases_of_dnsmasq_become_records() {
    let end = NOW + 3500;
    let text = format!(
        "{end} 02:00:5e:00:00:01 10.64.1.1 a 01:02:00:5e:00:00:01\n\
         0 02:00:5e:00:00:02 10.64.1.2 * *\n\
         {past} 06-02:00:5e:00:00:03 10.64.1.3 * *\n\
         {end} 02:00:5e:00:00:04 10.64.200.1 * *\n\
         duid 00:01:00:01\n\
         1234 56 fd00::1 * 00:01\n",
        past = NOW - 50
    );
    let (leases, report, totals) = read_well(OldServer::Dnsmasq, &text);
    assert_eq!(leases[0].client, ClientKey::Identifier([1, 2, 0, 0x5e, 0, 0, 1].into()));
    let earliest = at(end - 86_400).moved_by_ms(-1);
    let times = (leases[0].began_at, leases[0].changed_at);
    assert_eq!(times, (earliest.moved_by_ms(-1), earliest));
    assert_eq!(leases[1].changed_at, Timestamp::default());
    assert_eq!(leases[1].expires_at, Timestamp::NEVER);
    assert_eq!(leases[2].hardware_address.kind(), 6);
    assert_eq!((totals.active, totals.ended), (3, 1));
    let said = report.to_string();
    assert!(said.contains("in no pool") && said.contains("DHCPv4 only"), "{said}");
}

#[test]
fn leases_that_are_cut_off_or_damaged_are_refused_with_their_line() {
    let kea = format!("{KEA_HEADER}10.64.1.1,02:00:5e:00:00:01,,3600,{NOW},64,0,0,,0,\n");
    let dhcpd =
        "lease 10.64.1.1 {\n  ends epoch 1796003500;\n  hardware ethernet 2:0:0:0:0:1;\n}\n";
    let dnsmasq = format!("{NOW} 02:00:5e:00:00:01 10.64.1.1 * *\n");
    for (origin, whole, from) in [
        (OldServer::Kea, kea.as_str(), KEA_HEADER.len() + 1),
        (OldServer::Dhcpd, dhcpd, 1),
        (OldServer::Dnsmasq, dnsmasq.as_str(), 1),
    ] {
        assert_eq!(read_well(origin, whole).0.len(), 1);
        for cut in from..whole.len() - 1 {
            let refusal = read(origin, &whole[..cut]).unwrap_err();
            assert!(refusal.place().is_some(), "{origin:?} cut at {cut}: {refusal}");
        }
    }
    for (origin, text, said) in [
        (OldServer::Kea, "address,hwaddr\n".to_owned(), "leases:1: the first line"),
        (OldServer::Kea, kea.replace("02:00", "zz:00"), "leases:2: "),
        (OldServer::Kea, kea.replace("3600", "-5"), "leases:2: valid_lifetime"),
        (OldServer::Kea, kea.replace(",0,\n", "\n"), "leases:2: the line has 9 columns"),
        (OldServer::Dhcpd, dhcpd.replace("epoch", "at"), "leases:2: "),
        (OldServer::Dhcpd, "lease x { }".to_owned(), "leases:1: "),
        (OldServer::Dnsmasq, "1 2 3\n".to_owned(), "leases:1: the line has 3 words"),
        (OldServer::Dnsmasq, dnsmasq.replace("10.64.1.1", "x"), "leases:1: "),
    ] {
        let refusal = read(origin, &text).unwrap_err().to_string();
        assert!(refusal.contains(said), "{refusal}");
    }
}
