//! Options: RFC 2132 and later documents.

use std::net::{Ipv4Addr, SocketAddrV4};

use lessor_core::{
    BootClient, BootFileName, BootFiles, ClientArchitecture, Destination, OptionValue,
    RelayInformation, ServerName, Terms,
};
use lessor_vocabulary::{ForClass, ForEnterprise};

use crate::support::*;

/// RFC 2132 section 3.3.
#[test]
fn the_mask_comes_before_the_routers() {
    for list in [&[3, 1][..], &[6, 3, 15, 1], &[1, 3]] {
        let request = with(discover(1), |r| r.parameter_request_list = list.into());
        let codes = codes(reply(&Server::plain().ask(&request)));
        let position = |wanted| codes.iter().position(|code| *code == wanted).unwrap();
        assert!(position(1) < position(3), "{codes:?}");
    }
}

/// RFC 2132 section 3.3.
#[test]
fn the_mask_is_sent_whether_or_not_the_client_asks_for_it() {
    let asking = |request, list: &[u8]| {
        with(request, |r: &mut lessor_core::Request| r.parameter_request_list = list.into())
    };
    let mask = OptionValue::Address(Ipv4Addr::new(255, 255, 255, 0));
    for list in [&[3, 6][..], &[6], &[3, 1], &[28, 1, 3], &[]] {
        let mut server = Server::plain();
        let requests = [discover(1), selecting(1, ip(10)), inform(1, ip(200))];
        for request in requests {
            let decision = server.ask(&asking(request, list));
            assert_eq!(option(reply(&decision), 1), Some(&mask), "{list:?}");
            let codes = codes(reply(&decision));
            let position = |wanted| codes.iter().position(|code| *code == wanted);
            assert!(position(3).is_none_or(|routers| position(1).unwrap() < routers), "{codes:?}");
        }
        let nak = server.ask(&asking(selecting(1, ip(200)), list));
        assert_eq!(option(reply(&nak), 1), None);
    }
    // A policy may remove it.
    let terms = Terms { options: vec![(1, None)], ..Terms::default() };
    let decision = Server::plain().ask_under(&asking(discover(1), &[3]), &terms);
    assert_eq!(option(reply(&decision), 1), None);
}

/// RFC 6842 section 3.
#[test]
fn option_61_is_returned_unaltered_and_never_invented() {
    for octets in [&b""[..], b"\x00", b"\x01\x02\x00\x5e\x00\x53\x01", b"\xff\x00\x00"] {
        let identified = |request| {
            with(request, |r: &mut lessor_core::Request| r.client_identifier = Some(octets.into()))
        };
        let expected = OptionValue::Octets(octets.into());
        let mut server = Server::plain();
        let decision = server.ask(&identified(discover(1)));
        assert_eq!(option(reply(&decision), 61), Some(&expected));
        let nak = server.ask(&identified(selecting(1, ip(200))));
        assert_eq!(option(reply(&nak), 61), Some(&expected));
        assert_eq!(option(reply(&server.ask(&discover(2))), 61), None);
    }
}

/// RFC 2132 section 9.8.
#[test]
fn parameters_come_in_the_order_that_the_client_asked_in() {
    let mut server = Server::plain();
    let request = with(discover(1), |r| {
        r.parameter_request_list = [28, 6, 54, 6, 1, 51, 3, 58].into_iter().collect();
    });
    assert_eq!(codes(reply(&server.ask(&request))), [54, 51, 58, 59, 28, 6, 1, 3]);
}

/// RFC 3011 section 2.
#[test]
fn option_118_is_returned_if_it_was_used() {
    let selected =
        |request| with(request, |r: &mut lessor_core::Request| r.subnet_selection = Some(ip(0)));
    let mut server = Server::plain();
    let decision = server.ask(&selected(relayed(discover(1))));
    assert_eq!(option(reply(&decision), 118), Some(&OptionValue::Address(ip(0))));
    let beside = |link: &[u8; 6], request| {
        let link = Some(RelayInformation::from_octets(*link));
        with(selected(request), |r| r.relay_information = link)
    };
    let overruled = beside(b"\x05\x04\x0a\x00\x00\x00", relayed(discover(2)));
    assert_eq!(option(reply(&server.ask(&overruled)), 118), None);
    // Neither a selection of 0.0.0.0 nor one without a relay overrules it.
    for used in [
        beside(b"\x05\x04\x00\x00\x00\x00", relayed(discover(2))),
        beside(b"\x05\x04\x0a\x00\x00\x00", discover(2)),
    ] {
        let decision = server.ask(&used);
        assert_eq!(option(reply(&decision), 118), Some(&OptionValue::Address(ip(0))));
    }
    let nothing = with(discover(2), |r| r.subnet_selection = Some(Ipv4Addr::UNSPECIFIED));
    assert_eq!(option(reply(&server.ask(&nothing)), 118), None);
}

/// RFC 8925 section 3.3.
#[test]
fn option_108_is_sent_only_to_clients_that_request_it() {
    let terms =
        Terms { options: vec![(108, Some(OptionValue::U32(1800).into()))], ..Terms::default() };
    let mut network = network();
    network.subnets[0].options = options([(108, OptionValue::U32(900))]);
    let mut server = Server::new(network);
    for (list, configured, by_policy) in
        [(&[1][..], None, None), (&[], None, None), (&[108], Some(900), Some(1800))]
    {
        let request = with(discover(1), |r| r.parameter_request_list = list.into());
        let decision = server.ask(&request);
        assert_eq!(option(reply(&decision), 108), configured.map(OptionValue::U32).as_ref());
        let decision = server.ask_under(&request, &terms);
        assert_eq!(option(reply(&decision), 108), by_policy.map(OptionValue::U32).as_ref());
    }
}

/// RFC 8357.
#[test]
fn a_relay_that_asks_for_its_source_port_is_answered_there() {
    let from_port = |request| {
        with(relayed(request), |r: &mut lessor_core::Request| {
            r.relay_information = Some(RelayInformation::from_octets(*b"\x13\x00"));
            r.arrival.source = SocketAddrV4::new(ip(99), 50_067);
        })
    };
    let relay = Destination::Relay(SocketAddrV4::new(RELAY, 50_067));
    let mut server = Server::plain();
    assert_eq!(reply(&server.ask(&from_port(discover(1)))).destination, relay);
    assert_eq!(reply(&server.ask(&from_port(selecting(1, ip(200))))).destination, relay);
}

/// RFC 3442, under the number that old versions of Windows ask for.
#[test]
fn option_249_has_the_routes_of_option_121() {
    let route = ("0.0.0.0/0".parse().unwrap(), ip(1));
    let routes = OptionValue::Routes(vec![route]);
    let mut network = network();
    network.subnets[0].options = options([(121, routes.clone())]);
    let mut server = Server::new(network.clone());
    let asking = with(discover(1), |r| r.parameter_request_list = [249].into_iter().collect());
    assert_eq!(option(reply(&server.ask(&asking)), 249), Some(&routes));
    let without = Terms { options: vec![(249, None)], ..Terms::default() };
    assert_eq!(option(reply(&server.ask_under(&asking, &without)), 249), None);
    let own = OptionValue::Octets(vec![0, 192, 0, 2, 9]);
    network.subnets[0].options = options([(121, routes), (249, own.clone())]);
    assert_eq!(option(reply(&Server::new(network).ask(&asking)), 249), Some(&own));
}

/// RFC 2132 section 8.4 and RFC 3925 section 4.
#[test]
fn values_of_vendors_are_chosen_for_the_client() {
    let of_class = |class: &str, octet| ForClass { class: class.into(), octets: vec![octet] };
    let part = |enterprise, class: Option<&str>, octet| ForEnterprise {
        enterprise,
        class: class.map(Into::into),
        octets: vec![octet],
    };
    let mut network = network();
    network.subnets[0].options = options([
        (43, OptionValue::ByClass(vec![of_class("AC", 1), of_class("ACME", 2)])),
        (125, OptionValue::ByEnterprise(vec![part(7, Some("ACME"), 1), part(8, None, 2)])),
    ]);
    let mut server = Server::new(network);
    for (class, named, of_43, of_125) in [
        (None, &[][..], None, Some(&[2][..])),
        (Some("other"), &[], None, Some(&[2])),
        (Some("AC 1"), &[], Some(&[1][..]), Some(&[2])),
        (Some("ACME 1"), &[], Some(&[2]), Some(&[1, 2])),
        (Some("ACME 1"), &[0, 0, 0, 8, 0], Some(&[2]), Some(&[1, 2])),
        (None, &[0, 0, 0, 7, 0], None, Some(&[1])),
        (None, &[0, 0, 0, 9, 1, 255], None, None),
        // What cannot be read names nobody.
        (None, &[0, 0, 0, 7, 200], None, Some(&[2])),
    ] {
        let request = with(discover(1), |r| {
            r.parameter_request_list = [43, 125].into_iter().collect();
            class.into_iter().for_each(|class| r.options.append(60, class.as_bytes()));
            r.options.append(124, named);
        });
        let decision = server.ask(&request);
        let wanted = |octets: Option<&[u8]>| octets.map(|it| OptionValue::Octets(it.to_vec()));
        assert_eq!(option(reply(&decision), 43), wanted(of_43).as_ref(), "{class:?}");
        assert_eq!(option(reply(&decision), 125), wanted(of_125).as_ref(), "{class:?} {named:?}");
    }
}

/// A server whose subnet names a boot server, and files for iPXE, for x64 UEFI and for others.
fn boot_server() -> Server {
    let name = |text| BootFileName::new(text).unwrap();
    let mut network = network();
    network.subnets[0].settings = settings(|scope| {
        scope.boot.server_name = Some(ServerName::new("boot.example").unwrap());
        scope.boot.files = BootFiles::from(vec![
            (BootClient::Ipxe, name("http://boot.example/menu.ipxe")),
            (BootClient::Architecture(ClientArchitecture(7)), name("ipxe.efi")),
            (BootClient::Architecture(ClientArchitecture(16)), name("http://boot.example/x.efi")),
            (BootClient::Other, name("undionly.kpxe")),
        ]);
    });
    Server::new(network)
}

/// A DISCOVER with these options that asks for options 60, 66 and 67.
fn booting(client: u8, sent: &[(u8, &[u8])]) -> lessor_core::Request {
    with(discover(client), |r| {
        r.parameter_request_list = [60, 66, 67].into_iter().collect();
        sent.iter().for_each(|(code, octets)| r.options.append(*code, octets));
    })
}

/// RFC 2132 sections 9.4 and 9.5.
#[test]
fn options_66_and_67_contain_what_the_header_does_for_clients_that_ask() {
    let mut server = boot_server();
    let decision = server.ask(&booting(1, &[]));
    let found = reply(&decision);
    let text = |text: &str| Some(OptionValue::Text(text.to_owned()));
    assert_eq!((&*found.server_name, &*found.boot_file), ("boot.example", "undionly.kpxe"));
    assert_eq!(option(found, 66).cloned(), text("boot.example"));
    assert_eq!(option(found, 67).cloned(), text("undionly.kpxe"));
    for list in [&[1, 3][..], &[]] {
        let decision = server.ask(&with(discover(1), |r| r.parameter_request_list = list.into()));
        assert_eq!([66, 67].map(|code| option(reply(&decision), code)), [None; 2], "{list:?}");
        assert_eq!(&*reply(&decision).boot_file, "undionly.kpxe");
    }
    // A client that ends its own texts in a zero gets texts that do.
    let decision = server.ask(&booting(2, &[(60, b"PXEClient:Arch:00000\0")]));
    assert_eq!(option(reply(&decision), 66).cloned(), text("boot.example\0"));
    assert_eq!(option(reply(&decision), 67).cloned(), text("undionly.kpxe\0"));
}

/// RFC 4578 section 2.1.
#[test]
fn the_boot_file_follows_the_architecture() {
    let mut server = boot_server();
    for (architectures, expected) in [
        (&b"\x00\x07"[..], "ipxe.efi"),
        // What RFC 4578 calls x86-64, and IANA EBC.
        (b"\x00\x09", "ipxe.efi"),
        (b"\x00\x00", "undionly.kpxe"),
        // The client's order of preference.
        (b"\x00\x10\x00\x07", "http://boot.example/x.efi"),
        (b"\x00\x07\x00\x10", "ipxe.efi"),
        (b"\x00\x0b\x00\x07", "ipxe.efi"),
        // Not whole numbers.
        (b"\x07", "undionly.kpxe"),
        (b"", "undionly.kpxe"),
        (b"\x00\x07\x00", "ipxe.efi"),
    ] {
        let decision = server.ask(&booting(1, &[(93, architectures)]));
        assert_eq!(&*reply(&decision).boot_file, expected, "{architectures:?}");
        let option_67 = OptionValue::Text(expected.to_owned());
        assert_eq!(option(reply(&decision), 67), Some(&option_67), "{architectures:?}");
    }
    // A client that boots by HTTP wants its vendor class back; no other client gets one.
    let class = |class: &[u8]| {
        let decision = boot_server().ask(&booting(1, &[(60, class), (93, b"\x00\x10")]));
        option(reply(&decision), 60).cloned()
    };
    let returned = Some(OptionValue::Text("HTTPClient".to_owned()));
    assert_eq!(class(b"HTTPClient:Arch:00016:UNDI:003001"), returned);
    assert_eq!(class(b"PXEClient:Arch:00007:UNDI:003001"), None);
}

/// RFC 3004 section 4.
#[test]
fn ipxe_is_known_by_its_user_class_before_its_architecture() {
    let mut server = boot_server();
    for (user_class, expected) in [
        (&b"iPXE"[..], "http://boot.example/menu.ipxe"),
        (b"\x04iPXE", "http://boot.example/menu.ipxe"),
        (b"\x03lab\x04iPXE", "http://boot.example/menu.ipxe"),
        (b"\x05iPXE", "ipxe.efi"),
        (b"gPXE", "ipxe.efi"),
        (b"", "ipxe.efi"),
    ] {
        let decision = server.ask(&booting(1, &[(77, user_class), (93, b"\x00\x07")]));
        assert_eq!(&*reply(&decision).boot_file, expected, "{user_class:?}");
    }
}
