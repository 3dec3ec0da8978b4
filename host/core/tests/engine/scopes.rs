//! Scopes: the settings of the more specific scope win, and those of a policy over all of them.

use std::net::Ipv4Addr;

use lessor_core::{
    AfterDataLoss, BootClient, BootFileName, BootFiles, ClientArchitecture, HeaderField, LeasePart,
    LeaseTimes, Network, OptionOrigin, OptionValue, Reason, Reply, Request, ScopeFields, SendRule,
    ServerName, Terms, Verdict,
};
use lessor_vocabulary::ForClass;

use crate::support::*;

/// A network with a reservation of .11, which is in the pool, for the line `olt1`, and settings
/// from 1 (subnet) to 3 (reservation).
fn network_with(change: impl Fn(u8, &mut ScopeFields)) -> Network {
    let mut network = network();
    let subnet = &mut network.subnets[0];
    subnet.reservations = vec![reservation(circuit(b"olt1"), ip(11))];
    subnet.settings = settings(|scope| change(1, scope));
    subnet.pools[0].settings = settings(|scope| change(2, scope));
    subnet.reservations[0].settings = settings(|scope| change(3, scope));
    network
}

/// Requests of clients that get an address outside of every pool, of the pool, and by reservation.
fn requests() -> [(Request, Terms); 3] {
    let line = with(relayed(discover(3)), |r| {
        let information = lessor_core::RelayInformation::from_octets(*b"\x01\x04olt1");
        r.relay_information = Some(information);
    });
    let plain = Terms::default();
    [(discover(1), at_address(ip(200))), (discover(2), plain.clone()), (line, plain)]
}

/// What `of` finds in the reply to each of [`requests`], with these terms in addition.
fn found<T>(network: &Network, terms: &Terms, of: impl Fn(&Reply) -> T) -> Vec<T> {
    let mut server = Server::new(network.clone());
    let ask = |(request, place): (Request, Terms)| {
        let terms = Terms { address: place.address, ..terms.clone() };
        of(reply(&server.ask_under(&request, &terms)))
    };
    requests().into_iter().map(ask).collect()
}

fn name(text: &str) -> BootFileName {
    BootFileName::new(text).unwrap()
}

fn fields(reply: &Reply) -> (Ipv4Addr, String, String) {
    let (server, file) = (reply.server_name.to_string(), reply.boot_file.to_string());
    (reply.next_server_address, server, file)
}

#[test]
fn boot_fields_are_those_of_the_most_specific_scope() {
    let network = network_with(|level, scope| {
        scope.boot.next_server = Some(ip(level));
        scope.boot.server_name = Some(ServerName::new(&format!("s{level}")).unwrap());
        scope.boot.files = BootFiles::for_all(name(&format!("f{level}")));
    });
    let of_level = |level: u8| (ip(level), format!("s{level}"), format!("f{level}"));
    let plain = found(&network, &Terms::default(), fields);
    assert_eq!(plain, [of_level(1), of_level(2), of_level(3)]);
    let terms = Terms {
        next_server: Some(ip(9)),
        server_name: Some(ServerName::new("s9").unwrap()),
        boot_file: Some(name("f9")),
        ..Terms::default()
    };
    let by_policy = found(&network, &terms, fields);
    assert_eq!(by_policy, [of_level(9), of_level(9), of_level(9)]);
    let nothing = Terms {
        next_server: Some(Ipv4Addr::UNSPECIFIED),
        server_name: Some(ServerName::default()),
        boot_file: Some(BootFileName::default()),
        ..Terms::default()
    };
    let none = (Ipv4Addr::UNSPECIFIED, String::new(), String::new());
    assert_eq!(found(&network, &nothing, fields), [none.clone(), none.clone(), none]);
}

#[test]
fn a_scope_inherits_the_boot_files_that_it_does_not_name() {
    let network = network_with(|level, scope| {
        let x64 = BootClient::Architecture(ClientArchitecture(7));
        scope.boot.files = match level {
            1 => vec![(BootClient::Ipxe, name("menu")), (BootClient::Other, name("bios"))].into(),
            2 => vec![(x64, name("efi"))].into(),
            _ => BootFiles::for_all(name("own")),
        };
    });
    let files = |sent: &[(u8, &[u8])]| {
        let mut server = Server::new(network.clone());
        requests().map(|(request, terms)| {
            let request = with(request, |r| {
                sent.iter().for_each(|(code, octets)| r.options.append(*code, octets));
            });
            reply(&server.ask_under(&request, &terms)).boot_file.to_string()
        })
    };
    assert_eq!(files(&[]), ["bios", "bios", "own"]);
    assert_eq!(files(&[(93, b"\x00\x07")]), ["bios", "efi", "own"]);
    // iPXE comes before the architecture in whichever scope they are; a file for all hides both.
    assert_eq!(files(&[(93, b"\x00\x07"), (77, b"iPXE")]), ["menu", "menu", "own"]);
}

#[test]
fn options_66_and_67_follow_the_scope_that_sets_them() {
    let asking = |network: Network, terms: &Terms| {
        let request = with(discover(2), |r| r.parameter_request_list = vec![66, 67].into());
        let decision = Server::new(network).ask_under(&request, terms);
        [66, 67].map(|code| option(reply(&decision), code).map(|value| value.shown(code)))
    };
    let text = |text: &str| OptionValue::Text(text.to_owned());
    let in_pool = || {
        network_with(|level, scope| {
            if level == 2 {
                scope.boot.server_name = Some(ServerName::new("s").unwrap());
                scope.boot.files = BootFiles::for_all(name("f"));
            }
        })
    };
    let some = |text: &str| Some(text.to_owned());
    let plain = Terms::default();
    // An option of a wider scope gives way to the field, one of the same scope does not.
    let mut network = in_pool();
    network.subnets[0].options = options([(66, text("old")), (67, text("old"))]);
    assert_eq!(asking(network, &plain), [some("s"), some("f")]);
    let mut network = in_pool();
    network.subnets[0].pools[0].options = options([(67, text("longer"))]);
    assert_eq!(asking(network, &plain), [some("s"), some("longer")]);
    // Those of a policy win over both.
    let octets = OptionValue::Octets(b"p".to_vec());
    let terms = Terms {
        boot_file: Some(name("q")),
        options: vec![(66, None), (67, Some(octets.into()))],
        ..Terms::default()
    };
    assert_eq!(asking(in_pool(), &terms), [None, some("p")]);
}

#[test]
fn the_final_zero_is_as_configured() {
    for (wanted, class, expected) in [
        (None, &b"PXEClient"[..], "f"),
        (None, b"PXEClient\0", "f\0"),
        (Some(false), b"PXEClient\0", "f"),
        (Some(true), b"PXEClient", "f\0"),
    ] {
        let network = network_with(|level, scope| {
            scope.boot.final_zero = wanted.filter(|_| level == 2);
            scope.boot.files = BootFiles::for_all(name("f"));
        });
        let request = with(discover(2), |r| {
            r.parameter_request_list = vec![67].into();
            r.options.append(60, class);
        });
        let decision = Server::new(network).ask(&request);
        assert_eq!(&*reply(&decision).boot_file, "f");
        let expected = OptionValue::Text(expected.to_owned());
        assert_eq!(option(reply(&decision), 67), Some(&expected), "{wanted:?} {class:?}");
    }
}

#[test]
fn lease_times_are_those_of_the_most_specific_scope() {
    let secs = |reply: &Reply| match option(reply, 51) {
        Some(OptionValue::U32(secs)) => *secs,
        other => panic!("{other:?}"),
    };
    let network = network_with(|level, scope| {
        scope.times = match level {
            1 => LeaseTimes::default(),
            2 => LeaseTimes { default_secs: Some(1200), ..LeaseTimes::default() },
            _ => LeaseTimes { max_secs: Some(300), ..LeaseTimes::default() },
        };
    });
    assert_eq!(found(&network, &Terms::default(), secs), [3600, 1200, 300]);
    let by_policy = Terms { lease_time_secs: Some(7200), ..Terms::default() };
    assert_eq!(found(&network, &by_policy, secs), [7200, 7200, 300]);
    // The lease on record is as long as the reply says.
    let mut server = Server::new(network);
    server.lease(2);
    assert_eq!(server.record(2).expires_at, server.now.after_secs(1200));
}

#[test]
fn times_to_extend_a_lease_are_those_of_the_most_specific_scope() {
    let network = network_with(|level, scope| {
        scope.times.renewal = Some(LeasePart::Secs(100 * u32::from(level)));
        scope.times.rebinding = (level == 1).then_some(LeasePart::Secs(2000));
    });
    let times = |reply: &Reply| [58, 59].map(|code| option(reply, code).cloned().unwrap());
    let expected = |one, two| [OptionValue::U32(one), OptionValue::U32(two)];
    let plain = found(&network, &Terms::default(), times);
    assert_eq!(plain, [expected(100, 2000), expected(200, 2000), expected(300, 2000)]);
    let terms = Terms { renewal: Some(LeasePart::Secs(50)), ..Terms::default() };
    assert_eq!(found(&network, &terms, times), vec![expected(50, 2000); 3]);
}

#[test]
fn options_are_sent_as_the_most_specific_rule_says() {
    let network = network_with(|level, scope| {
        let rules = match level {
            1 => vec![(3, SendRule::Always), (6, SendRule::Never), (28, SendRule::Always)],
            2 => vec![(3, SendRule::IfAskedFor), (6, SendRule::Always), (15, SendRule::Always)],
            _ => vec![(28, SendRule::Never), (1, SendRule::Never)],
        };
        scope.sending.rules = rules.into();
    });
    let codes_for = |list: &[u8], terms: &Terms| {
        let mut server = Server::new(network.clone());
        requests().map(|(request, place)| {
            let request = with(request, |r| r.parameter_request_list = list.into());
            let terms = Terms { address: place.address, ..terms.clone() };
            let mut codes = codes(reply(&server.ask_under(&request, &terms)));
            codes.retain(|code| ![51, 54, 58, 59].contains(code));
            codes
        })
    };
    let plain = Terms::default();
    // Option 15 has no value, so no rule sends it.
    assert_eq!(codes_for(&[42], &plain), [vec![1, 3, 28], vec![1, 6, 28], vec![6]]);
    assert_eq!(codes_for(&[6, 3], &plain), [vec![1, 3, 28], vec![1, 6, 3, 28], vec![6, 3]]);
    let octets = |octets: &[u8]| Some(OptionValue::Octets(octets.to_vec()).into());
    let terms = Terms { options: vec![(28, octets(b"abcd")), (6, None)], ..Terms::default() };
    assert_eq!(codes_for(&[42], &terms), [vec![1, 3, 28], vec![1, 28], vec![28]]);
}

/// A scope without a value for the client's vendor says nothing about the option.
#[test]
fn values_of_vendors_are_sent_as_the_rules_of_scopes_say() {
    let of_class = |class: &str, octet| ForClass { class: class.into(), octets: vec![octet] };
    let mut network = network_with(|level, scope| {
        let rule = if level == 3 { SendRule::Never } else { SendRule::Always };
        scope.sending.rules = vec![(43, rule)].into();
    });
    let subnet = &mut network.subnets[0];
    subnet.options = options([(43, OptionValue::ByClass(vec![of_class("ACME", 1)]))]);
    subnet.pools[0].options = options([(43, OptionValue::ByClass(vec![of_class("other", 2)]))]);
    let values_for = |class: &[u8]| {
        let mut server = Server::new(network.clone());
        requests().map(|(request, terms)| {
            let request = with(request, |r| {
                r.parameter_request_list = [1].into_iter().collect();
                r.options.append(60, class);
            });
            option(reply(&server.ask_under(&request, &terms)), 43).cloned()
        })
    };
    let octets = |octet| Some(OptionValue::Octets(vec![octet]));
    assert_eq!(values_for(b"ACME 1"), [octets(1), octets(1), None]);
    assert_eq!(values_for(b"other"), [None, octets(2), None]);
}

#[test]
fn the_longest_lease_of_any_scope_is_waited_for_after_a_loss() {
    let mut network = network_with(|level, scope| {
        scope.times.max_secs = (level == 2).then_some(172_800);
    });
    network.after_data_loss = AfterDataLoss::Hold;
    let mut server = Server::new(network);
    server.engine.set_no_records_since(server.now);
    server.pass_secs(86_401);
    assert_eq!(server.reason(&discover(1)), Reason::HeldAfterDataLoss);
    assert!(server.engine.records_missing_until(server.now).is_some());
    server.pass_secs(86_401);
    assert_eq!(server.reason(&discover(1)), Reason::OfferedFromPool);
}

#[test]
fn a_preview_says_which_scope_each_field_is_from() {
    let network = network_with(|level, scope| match level {
        1 => scope.boot.next_server = Some(ip(9)),
        2 => scope.boot.files = BootFiles::for_all(name("f")),
        _ => scope.times.renewal = Some(LeasePart::Secs(60)),
    });
    let server = Server::new(network);
    let terms = Terms { server_name: Some(ServerName::new("s").unwrap()), ..Terms::default() };
    let request = with(discover(2), |r| r.parameter_request_list = vec![67].into());
    let preview = server.engine.preview(server.now, 0, &request, &terms);
    let expected = [
        (HeaderField::NextServer, OptionOrigin::Subnet),
        (HeaderField::ServerName, OptionOrigin::Policy),
        (HeaderField::BootFile, OptionOrigin::Pool),
    ];
    assert_eq!(preview.field_origins, expected);
    assert!(preview.option_origins.contains(&(67, OptionOrigin::Pool)));
}

#[test]
fn options_without_a_value_get_the_servers_own_address_on_the_link() {
    let network = network_with(|level, scope| {
        // The subnet wants it for name servers and time servers, the pool for the latter only.
        let wanted: &[u8] = if level == 1 { &[6, 42] } else { &[42] };
        scope.sending.own_address_for = (level < 3).then(|| wanted.into());
    });
    let mut network = network;
    network.subnets[0].options = lessor_core::OptionSet::default();
    let asking = |request: Request| {
        with(request, |r| r.parameter_request_list = [6, 42].into_iter().collect())
    };
    let mut server = Server::new(network.clone());
    let own = OptionValue::Addresses(vec![SERVER]);
    let outside = asking(discover(1));
    let decision = server.ask_under(&outside, &at_address(ip(200)));
    assert_eq!(option(reply(&decision), 6), Some(&own));
    assert_eq!(option(reply(&decision), 42), Some(&own));
    let decision = server.ask(&asking(discover(2)));
    assert_eq!(option(reply(&decision), 6), None);
    assert_eq!(option(reply(&decision), 42), Some(&own));
    // A client behind a relay cannot reach the server as its router, and what is set stays.
    let decision = server.ask(&asking(relayed(discover(3))));
    assert_eq!(option(reply(&decision), 42), None);
    network.subnets[0].options = [(42, OptionValue::Addresses(vec![ip(9)]))].into_iter().collect();
    let decision = Server::new(network).ask(&asking(discover(2)));
    assert_eq!(option(reply(&decision), 42), Some(&OptionValue::Addresses(vec![ip(9)])));
}

#[test]
fn a_nak_has_the_identifier_by_which_its_client_knows_the_server() {
    let network = network_with(|level, scope| scope.server_identifier = Some(ip(200 + level)));
    let mut server = Server::new(network);
    let configured = identifiers(None, [ip(201), ip(202), ip(203)]);
    let here =
        |request: Request| with(request, |r| r.arrival.own_addresses.set_configured(&configured));
    let identifier = |decision: &lessor_core::Decision| match option(reply(decision), 54) {
        Some(OptionValue::Address(address)) => *address,
        other => panic!("{other:?}"),
    };
    let refused = Terms { verdict: Verdict::Refuse(String::new()), ..Terms::default() };
    let address = server.lease(1);
    // A renewal names no server: its lease is of the pool.
    let renewal = server.ask_under(&here(renewing(1, address)), &refused);
    assert_eq!(identifier(&renewal), ip(202));
    // Outside of the network, the address on record says which server the client knows.
    let moved = server.ask_under(&here(init_reboot(1, [192, 0, 2, 7].into())), &refused);
    assert_eq!(identifier(&moved), ip(202));
    // What the client names is what it compares with.
    let named = with(here(selecting(1, address)), |r| r.server_identifier = Some(ip(201)));
    assert_eq!(identifier(&server.ask_under(&named, &refused)), ip(201));
    // Nothing is known of the client.
    let stranger = server.ask_under(&here(init_reboot(9, [192, 0, 2, 7].into())), &refused);
    assert_eq!(identifier(&stranger), ip(201));
}
