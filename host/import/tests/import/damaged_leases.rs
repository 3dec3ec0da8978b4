//! A lease of another server is never lost without a word: a line that cannot be right is refused.

use lessor_core::{Binding, BindingState, Timestamp, relay};
use lessor_import::{
    LeaseTotals, LineOutcome, OldServer, Refusal, Report, Times, portable, read_leases,
};

use crate::common::{Folder, KEA_HEADER, NOW, parts, topology};

const CONFIGURATION: &str = "
    [server]
    interfaces = [\"eth0\"]
    [[subnet]]
    prefix = \"10.64.0.0/16\"
    [[subnet.pool]]
    range = \"10.64.1.0-10.64.9.255\"
";

fn times() -> Times {
    Times { clock: Timestamp::from_unix_ms(NOW * 1000), ahead_ms: 0 }
}

type Read = Result<(Vec<Binding>, Report, LeaseTotals), Refusal>;

fn read(origin: OldServer, text: &str) -> Read {
    let folder = Folder::new();
    let path = folder.write("leases", text);
    read_leases(origin, &[path], &topology(CONFIGURATION), &times()).map(parts)
}

fn read_portable(text: &str) -> Read {
    let folder = Folder::new();
    let path = folder.write("leases", text);
    portable::read(&path, &topology(CONFIGURATION), &times()).map(parts)
}

fn dhcpd(lines: &str) -> Read {
    read(OldServer::Dhcpd, &format!("lease 10.64.1.1 {{\n{lines}\n}}\n"))
}

#[track_caller]
fn is_refused(read: Read, wanted: &[&str]) {
    let refusal = match read {
        Ok((leases, report, _)) => panic!("it is accepted: {leases:?}\n{report}"),
        Err(refusal) => refusal.to_string(),
    };
    for wanted in wanted {
        assert!(refusal.contains(wanted), "{wanted:?} is not in {refusal}");
    }
}

const CLIENT: &str = "hardware ethernet 02:00:5e:00:00:01;";
const ENDS: &str = "ends epoch 1796003500;";

#[test]
fn an_active_lease_of_dhcpd_does_not_disappear() {
    let active = "binding state active;";
    for (lines, said) in [
        (format!("{active}\n{ENDS}\nhardware ethernet zz:00:5e:00:00:01;"), "leases:4: "),
        (format!("{active}\n{ENDS}\nhardware unknown-300 02:00;\nuid \"foo\";"), "leases:4: "),
        (format!("{active}\n{ENDS}\n{CLIENT}\nuid zz;"), "leases:5: "),
        (format!("{active}\n{CLIENT}"), "leases:1: the lease of 10.64.1.1 has no end"),
        (CLIENT.to_owned(), "leases:1: the lease of 10.64.1.1 has no end"),
        ("binding state abandoned;".to_owned(), "leases:1: the lease of 10.64.1.1 has no end"),
        (format!("{active}\n{ENDS}"), "leases:1: the lease of 10.64.1.1 names no client"),
    ] {
        is_refused(dhcpd(&lines), &[said]);
    }
    // An address that was never given to anybody, and a client without a hardware address.
    assert!(dhcpd("binding state free;").unwrap().0.is_empty());
    assert!(dhcpd("").unwrap().0.is_empty());
    let (leases, ..) = dhcpd(&format!("{active} {ENDS} hardware ethernet; uid \"foo\";")).unwrap();
    assert_eq!(leases.len(), 1);
}

#[test]
fn a_state_that_is_not_known_is_refused() {
    for (state, wanted) in [
        ("active", BindingState::Leased),
        ("Active", BindingState::Leased),
        ("expired", BindingState::Leased),
        ("reserved", BindingState::Leased),
        ("bootp", BindingState::Leased),
        ("abandoned", BindingState::Quarantined),
        ("free", BindingState::Released),
        ("released", BindingState::Released),
        ("backup", BindingState::Released),
        ("reset", BindingState::Released),
    ] {
        let (leases, ..) = dhcpd(&format!("binding state {state}; {ENDS} {CLIENT}")).unwrap();
        assert_eq!(leases[0].state, wanted, "{state}");
    }
    for state in ["nonsense", "", "active now"] {
        let lines = format!("binding state {state};\n{ENDS}\n{CLIENT}");
        is_refused(dhcpd(&lines), &["leases:2: ", "is not a state of dhcpd"]);
    }
    let kea = |state: &str| {
        let line = format!("10.64.1.1,02:00:5e:00:00:01,,3600,{NOW},64,0,0,,{state},\n");
        read(OldServer::Kea, &format!("{KEA_HEADER}{line}"))
    };
    assert_eq!(kea("3").unwrap().0[0].state, BindingState::Released);
    is_refused(kea("9"), &["leases:2: ", "\"9\" is not a state"]);
}

#[test]
fn times_that_cannot_be_right_are_refused() {
    const ABSURD: &str = "99999999999999999";
    let kea = |lifetime: &str, expire: &str| {
        let line = format!("10.64.1.1,02:00:5e:00:00:01,,{lifetime},{expire},64,0,0,,0,\n");
        read(OldServer::Kea, &format!("{KEA_HEADER}{line}"))
    };
    let dnsmasq =
        |ends: &str| read(OldServer::Dnsmasq, &format!("{ends} 02:00:5e:00:00:01 10.64.1.1 * *\n"));
    is_refused(dhcpd(&format!("ends epoch {ABSURD};\n{CLIENT}")), &["leases:2: ", "9999"]);
    is_refused(kea("3600", ABSURD), &["leases:2: ", "9999"]);
    is_refused(kea("3600", &u64::MAX.to_string()), &["leases:2: ", "9999"]);
    is_refused(kea(ABSURD, ABSURD), &["leases:2: ", "is not a lifetime"]);
    is_refused(dnsmasq(ABSURD), &["leases:1: ", "9999"]);
    is_refused(dnsmasq("9999999999999999999"), &["leases:1: ", "9999"]);
    let json = format!(
        "[{{ \"ip-address\": \"10.64.1.1\", \"hw-address\": \"02:00:5e:00:00:01\", \
         \"valid-lft\": 3600, \"cltt\": {ABSURD}, \"state\": 0 }}]"
    );
    is_refused(read(OldServer::Kea, &json), &["leases:1: ", "9999"]);
    let before = "starts epoch 1796003600;";
    is_refused(
        dhcpd(&format!("binding state active; {before} {ENDS} {CLIENT}")),
        &["leases:1: ", "begins after its end"],
    );
    // The clock of a machine may be set back, and a lease that is over gives nothing.
    let (leases, ..) = dhcpd(&format!("binding state free; {before} {ENDS} {CLIENT}")).unwrap();
    assert!(leases[0].began_at <= leases[0].expires_at);
    is_refused(
        read_portable(
            "address,state,hardware-address,began-at,expires-at\n\
             10.64.1.1,leased,02:00:5e:00:00:01,2027-01-02T00:00:00Z,2027-01-01T00:00:00Z\nend\n",
        ),
        &["leases:2: ", "begins after its end"],
    );
}

#[test]
fn a_client_with_two_leases_keeps_both_and_the_report_says_so() {
    let rows = "10.64.1.1,leased,02:00:5e:00:00:01,2026-11-29T00:00:00Z,2027-12-01T00:00:00Z\n\
                10.64.1.2,leased,02:00:5e:00:00:01,2026-11-29T00:10:00Z,2027-12-01T00:00:00Z\n";
    let header = "address,state,hardware-address,changed-at,expires-at\n";
    let (leases, report, totals) = read_portable(&format!("{header}{rows}end\n")).unwrap();
    assert_eq!((leases.len(), totals.active), (2, 2));
    let [entry] = report.entries() else { panic!("{report}") };
    assert_eq!((entry.outcome, entry.place.line()), (LineOutcome::Carried, 3));
    assert!(entry.note.contains("has 10.64.1.1 as well"), "{}", entry.note);
    // What was exported is imported again.
    let mut exported = Vec::new();
    portable::write(&mut exported, portable::Form::Csv, &leases, 0).unwrap();
    let again = read_portable(&String::from_utf8(exported).unwrap()).unwrap().0;
    assert_eq!(again, leases);
}

#[test]
fn the_relay_on_record_moves_with_the_lease() {
    let header = "address,state,hardware-address,relay-address,expires-at\n";
    let rows = "10.64.1.1,leased,02:00:5e:00:00:01,10.9.9.9,2027-12-01T00:00:00Z\n\
                10.64.1.2,leased,02:00:5e:00:00:02,0.0.0.0,2027-12-01T00:00:00Z\n\
                10.64.1.3,leased,02:00:5e:00:00:03,,2027-12-01T00:00:00Z\n";
    let (leases, ..) = read_portable(&format!("{header}{rows}end\n")).unwrap();
    let relays: Vec<_> = leases.iter().map(|lease| lease.relay_address).collect();
    assert_eq!(relays, [Some([10, 9, 9, 9].into()), Some([0; 4].into()), None]);
    for form in [portable::Form::Csv, portable::Form::JsonLines] {
        let mut exported = Vec::new();
        portable::write(&mut exported, form, &leases, 0).unwrap();
        let again = read_portable(&String::from_utf8(exported).unwrap()).unwrap().0;
        assert_eq!(again, leases);
    }
    let row = "10.64.1.1,leased,02:00:5e:00:00:01,east,2027-12-01T00:00:00Z\n";
    let wanted = ["leases:2: \"east\" is not the IPv4 address of a relay, or 0.0.0.0 for none"];
    is_refused(read_portable(&format!("{header}{row}end\n")), &wanted);
}

#[test]
fn sub_options_of_option_82_are_carried_or_reported() {
    let (leases, report, _) = dhcpd(&format!(
        "{ENDS} {CLIENT}
         option agent.subscriber-id \"4711\";
         option agent.remote-id 1:2:a;
         option agent.link-selection 10.64.0.1;
         option agent.unknown-9 0:1;
         option agent.DOCSIS-device-class 2;
         option agent.relay-port;
         option agent.something \"x\";
         option agent.circuit-id = concat(\"a\", \"b\");
         option host-name \"h\";"
    ))
    .unwrap();
    let information = leases[0].relay_information.as_ref().unwrap();
    let all: Vec<(u8, &[u8])> = information.sub_options().collect();
    let wanted: [(u8, &[u8]); 6] = [
        (relay::REMOTE_ID, &[1, 2, 10]),
        (4, &[0, 0, 0, 2]),
        (relay::LINK_SELECTION, &[10, 64, 0, 1]),
        (relay::SUBSCRIBER_ID, b"4711"),
        (9, &[0, 1]),
        (relay::SOURCE_PORT, &[]),
    ];
    assert_eq!(all, wanted);
    let said: Vec<(usize, LineOutcome)> =
        report.entries().iter().map(|entry| (entry.place.line(), entry.outcome)).collect();
    assert_eq!(said, [(9, LineOutcome::NotCarried), (10, LineOutcome::NotCarried)]);
    for context in ["{ \"ISC\": { \"relay-agent-info\": \"zz\" } }", "{ \"ISC\""] {
        let line = format!("10.64.1.1,02:00:5e:00:00:01,,3600,{},64,0,0,,0,{context}\n", NOW + 60);
        let (leases, report, _) = read(OldServer::Kea, &format!("{KEA_HEADER}{line}")).unwrap();
        assert_eq!(leases[0].relay_information, None);
        assert_eq!((leases.len(), report.totals().not_carried), (1, 1), "{report}");
    }
}

#[test]
fn a_mark_at_the_beginning_is_no_part_of_the_first_line() {
    let lease = format!("lease 10.64.1.1 {{ {ENDS} {CLIENT} }}\n");
    assert_eq!(read(OldServer::Dhcpd, &format!("\u{feff}{lease}")).unwrap().0.len(), 1);
    let header = "address,state,hardware-address,expires-at";
    let row = "10.64.1.1,leased,02:00:5e:00:00:01,2027-12-01T00:00:00Z";
    let read = read_portable(&format!("\u{feff}{header}\n{row}\nend\n"));
    assert_eq!(read.unwrap().0.len(), 1);
}

#[test]
fn a_column_or_a_member_that_is_there_twice_is_refused() {
    is_refused(
        read_portable("address,state,state,expires-at\n10.64.1.1,leased,quarantined,never\nend\n"),
        &["leases:1: \"state\" is there twice"],
    );
    is_refused(
        read_portable("{\"address\":\"10.64.1.1\",\"address\":\"10.64.1.2\"}\n{\"end\":true}\n"),
        &["leases:1: \"address\" is there twice"],
    );
}
