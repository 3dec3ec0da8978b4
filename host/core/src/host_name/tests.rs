//! Tests of host names.

use proptest::prelude::*;

use super::*;

fn sanitised(text: &str) -> Result<String, NameFault> {
    HostName::sanitised(text.as_bytes()).map(|name| name.to_string())
}

fn name(text: &str) -> HostName {
    HostName::read(text).unwrap()
}

#[test]
fn names_are_made_what_a_host_may_be_called() {
    for (found, made) in [
        ("laptop", "laptop"),
        ("LAPTOP.Example.COM.", "laptop.example.com"),
        ("old-client\0\0", "old-client"),
        (" Galaxy S10 ", "galaxy-s10"),
        ("_printer_", "printer"),
        ("a_-b", "a--b"),
        ("3com", "3com"),
        ("1234", "1234"),
        (&"x".repeat(63), &"x".repeat(63)),
    ] {
        assert_eq!(sanitised(found).as_deref(), Ok(made));
    }
}

#[test]
fn names_that_no_host_may_have_are_refused_with_what_is_wrong() {
    let labels = |count, len: usize| vec!["y".repeat(len); count].join(".");
    for (found, fault) in [
        ("", NameFault::Empty),
        ("\0", NameFault::Empty),
        (".", NameFault::Empty),
        ("--", NameFault::EmptyLabel),
        ("a..b", NameFault::EmptyLabel),
        (".a", NameFault::EmptyLabel),
        ("a.-.b", NameFault::EmptyLabel),
        ("a\nb", NameFault::ControlCharacter),
        ("a\0b", NameFault::ControlCharacter),
        ("a\x7fb", NameFault::ControlCharacter),
        ("büro", NameFault::NotAscii),
        ("anna's", NameFault::Character),
        ("a#b", NameFault::Character),
        (&"x".repeat(64), NameFault::LongLabel),
        (&labels(5, 60), NameFault::TooLong),
        (&labels(300, 60), NameFault::TooLong),
        ("192.0.2.1", NameFault::Address),
        ("pc.7", NameFault::Address),
        ("localhost", NameFault::Reserved),
        ("pc.localhost", NameFault::Reserved),
        ("WPAD", NameFault::Reserved),
        ("wpad.example", NameFault::Reserved),
        ("isatap", NameFault::Reserved),
    ] {
        assert_eq!(sanitised(found), Err(fault), "{found:?}");
        let text = serde_json::to_string(&fault).unwrap();
        assert_eq!(text, format!("{:?}", fault.name()));
    }
    assert_eq!(HostName::sanitised(&[b'x'; 5000]), Err(NameFault::TooLong));
    assert_eq!(HostName::sanitised(labels(4, 63).as_bytes()), Err(NameFault::TooLong));
    assert_eq!(sanitised(&labels(4, 62)).map(|name| name.len()), Ok(251));
}

#[test]
fn a_client_chooses_its_name_within_the_domain_only() {
    let domain = name("lan.example");
    for (stated, expected) in [
        ("pc", "pc.lan.example"),
        ("pc.lan.example", "pc.lan.example"),
        ("a.b.lan.example", "a.b.lan.example"),
        ("www.bank.example", "www.lan.example"),
        ("pc.notlan.example", "pc.lan.example"),
        ("lan.example", "lan.lan.example"),
    ] {
        assert_eq!(name(stated).of_client_in(Some(&domain)).as_deref(), Ok(expected));
    }
    assert_eq!(name("www.bank.example").of_client_in(None).as_deref(), Ok("www"));
    assert_eq!(
        name("www.bank.example").completed(Some(&domain)).as_deref(),
        Ok("www.bank.example")
    );
    let long = name(&vec!["y".repeat(62); 4].join("."));
    assert_eq!(name("pc").completed(Some(&long)), Err(NameFault::TooLong));
}

#[test]
fn a_generated_name_is_one_label() {
    let address = Ipv4Addr::new(255, 255, 255, 255);
    assert_eq!(&*HostName::generated(None, address), "host-255-255-255-255");
    for prefix in ["x".repeat(63), format!("{}-x", "x".repeat(46))] {
        let made = HostName::generated(Some(&name(&prefix)), address);
        assert_eq!(HostName::read(&made), Ok(made.clone()));
        assert!(!made.has_domain());
    }
}

#[test]
fn what_would_have_to_be_changed_is_not_read() {
    assert_eq!(HostName::read("PC.example.").as_deref(), Ok("pc.example"));
    for text in ["a b", "a_b", "-a", "a.", "a..", "", " a"] {
        assert_eq!(HostName::read(text).is_ok(), text == "a.", "{text:?}");
    }
    let text = serde_json::to_string(&name("pc.example")).unwrap();
    assert_eq!(serde_json::from_str::<HostName>(&text).unwrap(), name("pc.example"));
    serde_json::from_str::<HostName>("\"a\\nb\"").unwrap_err();
}

proptest! {
    #[test]
    fn whatever_is_sanitised_reads_back_and_stays_as_it_is(text in "[ -~]{0,90}") {
        if let Ok(name) = HostName::sanitised(text.as_bytes()) {
            prop_assert!(name.len() <= 253);
            prop_assert!(name.split('.').all(|label| (1..=63).contains(&label.len())));
            prop_assert_eq!(HostName::read(&name), Ok(name.clone()));
            prop_assert_eq!(HostName::sanitised(name.as_bytes()), Ok(name));
        }
    }
}
