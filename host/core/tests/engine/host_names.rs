//! Host names: which of several names a client has, what the reply says of it, and what stays on
//! record. The flags and encodings of option 81 are tested beside its codec.

use lessor_core::{
    HostName, HostNameRule, HostNameSettings, NameFault, Network, OptionOrigin, OptionValue,
    RefusedName, Request, Terms,
};

use crate::support::*;

const FQDN: u8 = 81;

fn text(text: &str) -> OptionValue {
    OptionValue::Text(text.to_owned())
}

/// The network with the domain `lan` and a reservation of .11 with a host name for the line `olt1`.
fn named_network(rule: Option<HostNameRule>) -> Network {
    let mut network = network();
    let subnet = &mut network.subnets[0];
    subnet.options = options([(15, text("lan"))]);
    subnet.reservations = vec![reservation(circuit(b"olt1"), ip(11))];
    subnet.reservations[0].options = options([(12, text("printer"))]);
    let prefix = HostName::read("guest").ok();
    subnet.settings = settings(|scope| scope.names = HostNameSettings { rule, prefix });
    network
}

fn stating(names: &[(u8, &[u8])], request: Request) -> Request {
    with(request, |r| names.iter().for_each(|(code, octets)| r.options.append(*code, octets)))
}

/// The name on record of client 1 after it leased an address in the network.
fn name_of(network: Network, names: &[(u8, &[u8])]) -> Option<String> {
    let mut server = Server::new(network);
    let offered = offered(&server.ask(&stating(names, discover(1))));
    server.ask(&stating(names, selecting(1, offered)));
    server.record(1).host_name.as_ref().map(ToString::to_string)
}

#[test]
fn a_client_has_the_name_that_counts_in_the_domain_of_its_subnet() {
    for (names, expected) in [
        (&[][..], None),
        (&[(12, &b"PC"[..])], Some("pc.lan")),
        (&[(12, b"pc"), (FQDN, b"\x04\0\0\x04desk\0")], Some("desk.lan")),
        (&[(FQDN, b"\0\0\0desk.lan")], Some("desk.lan")),
        // A client cannot take a name of another domain.
        (&[(FQDN, b"\0\0\0www.bank.example")], Some("www.lan")),
        // What is refused leaves its place to the next name.
        (&[(12, b"pc"), (FQDN, b"\x04\0\0\x05desk")], Some("pc.lan")),
        (&[(12, b"a\nb")], None),
        // The client leaves its name to the server, which has none.
        (&[(FQDN, b"\x05\0\0")], None),
    ] {
        assert_eq!(name_of(named_network(None), names).as_deref(), expected, "{names:?}");
    }
    assert_eq!(name_of(network(), &[(12, b"pc.bank.example")]).as_deref(), Some("pc"));
}

#[test]
fn the_rule_of_the_scope_says_which_names_count() {
    let with = |rule, names: &[(u8, &[u8])]| name_of(named_network(Some(rule)), names);
    let stated: &[(u8, &[u8])] = &[(12, b"pc")];
    for (rule, of_stating, of_silent) in [
        (HostNameRule::Client, Some("pc.lan"), None),
        (HostNameRule::ClientOrGenerated, Some("pc.lan"), Some("guest-10-0-0-10.lan")),
        (HostNameRule::Generated, Some("guest-10-0-0-10.lan"), Some("guest-10-0-0-10.lan")),
        (HostNameRule::Given, None, None),
    ] {
        assert_eq!(with(rule, stated).as_deref(), of_stating, "{rule:?}");
        assert_eq!(with(rule, &[]).as_deref(), of_silent, "{rule:?}");
    }
}

#[test]
fn a_given_name_takes_precedence_and_its_client_learns_it() {
    let mut server = Server::new(named_network(None));
    let fqdn: &[(u8, &[u8])] = &[(12, b"pc"), (FQDN, b"\x05\0\0\x02pc\0")];
    let ask = |server: &mut Server, request, terms: &Terms| {
        let decision = server.ask_under(&stating(fqdn, request), terms);
        let told = [12, FQDN].map(|code| option(reply(&decision), code).cloned());
        (offered(&decision), told)
    };
    let octets = |octets: &[u8]| Some(OptionValue::Octets(octets.to_vec()));
    let line = |request| on_circuit(b"olt1", request);
    let (address, told) = ask(&mut server, line(discover(1)), &Terms::default());
    assert_eq!(told, [Some(text("printer")), octets(b"\x0e\xff\xff\x07printer\x03lan\0")]);
    let of_ack = ask(&mut server, line(selecting(1, address)), &Terms::default());
    assert_eq!(of_ack, (address, told));
    assert_eq!(server.record(1).host_name.as_deref(), Some("printer.lan"));
    // A policy takes precedence over the reservation, and may name another domain.
    let value = |text: &str| Some(OptionValue::Octets(text.into()).into());
    let terms = Terms { options: vec![(12, value("tv.guests.example"))], ..Terms::default() };
    ask(&mut server, line(renewing(1, address)), &terms);
    assert_eq!(server.record(1).host_name.as_deref(), Some("tv.guests.example"));
}

#[test]
fn only_clients_that_state_a_name_or_ask_for_it_get_one() {
    let told = |names: &[(u8, &[u8])], list: &[u8], rule| {
        let request = with(stating(names, discover(1)), |r| {
            r.parameter_request_list = list.iter().copied().collect();
        });
        let decision = Server::new(named_network(Some(rule))).ask(&request);
        [12, FQDN].map(|code| option(reply(&decision), code).is_some())
    };
    let (own, made) = (HostNameRule::Client, HostNameRule::Generated);
    let fqdn: &[(u8, &[u8])] = &[(FQDN, b"\0\0\0pc")];
    assert_eq!(told(&[], &[1, 12, FQDN], own), [false, false]);
    assert_eq!(told(&[(12, b"pc")], &[1, 12], own), [false, false]);
    assert_eq!(told(fqdn, &[1], own), [false, true]);
    assert_eq!(told(&[], &[1], made), [false, false]);
    assert_eq!(told(&[], &[1, 12], made), [true, false]);
    assert_eq!(told(&[(12, b"pc")], &[1], made), [true, false]);
    // An option 81 that cannot be answered, or has no name to be answered with.
    assert_eq!(told(&[(FQDN, b"\0\0")], &[1], made), [false, false]);
    assert_eq!(told(&[(FQDN, b"\0\0\0a b!")], &[1], own), [false, false]);
}

#[test]
fn a_name_stays_on_record_while_the_client_says_nothing_else() {
    let mut server = Server::new(named_network(None));
    let pc: &[(u8, &[u8])] = &[(12, b"pc")];
    let address = offered(&server.ask(&stating(pc, discover(1))));
    server.ask(&stating(pc, selecting(1, address)));
    let name = |server: &Server| server.record(1).host_name.as_ref().map(ToString::to_string);
    server.ask(&renewing(1, address));
    assert_eq!(name(&server).as_deref(), Some("pc.lan"));
    server.ask(&stating(&[(12, b"desk")], renewing(1, address)));
    assert_eq!(name(&server).as_deref(), Some("desk.lan"));
    server.ask(&release(1, address));
    assert_eq!(name(&server).as_deref(), Some("desk.lan"));
    // The next client of the address has no name.
    server.ask(&init_reboot(1, address));
    server.ask(&release(1, address));
    server.ask(&with(discover(2), |r| r.requested_address = Some(address)));
    server.ask(&selecting(2, address));
    assert_eq!(server.record(2).address, address);
    assert_eq!(server.record(2).host_name, None);
}

#[test]
fn a_preview_says_what_set_the_name_and_which_names_were_refused() {
    let server = Server::new(named_network(Some(HostNameRule::ClientOrGenerated)));
    let names: &[(u8, &[u8])] = &[(12, b"caf\xc3\xa9"), (FQDN, b"\x04\0\0\x09localhost\0")];
    let request = stating(names, discover(1));
    let preview = server.engine.preview(server.now, 0, &request, &Terms::default());
    let (name, origin) = preview.naming.name.clone().unwrap();
    assert_eq!((&*name, origin), ("guest-10-0-0-10.lan", OptionOrigin::Generated));
    let refused = |option, fault| RefusedName { option, origin: OptionOrigin::Client, fault };
    let expected = [refused(FQDN, NameFault::Reserved), refused(12, NameFault::NotAscii)];
    assert_eq!(preview.naming.refused.as_slice(), expected);
    assert!(preview.option_origins.contains(&(FQDN, OptionOrigin::Generated)));
    let text = serde_json::to_string(&preview).unwrap();
    assert_eq!(serde_json::from_str::<lessor_core::Preview>(&text).unwrap(), preview);
}
