//! Boot fields and the times to extend a lease, as policies set and read them.

use std::net::Ipv4Addr;

use lessor_core::{BootFileName, Fraction, LeasePart, ServerName, Terms};
use lessor_policy_host::FaultKind;
use serde_json::json;

use crate::{
    common::discover,
    scripts::{JAVASCRIPT, RHAI},
};

fn fraction(number: f64) -> Option<LeasePart> {
    Fraction::from_number(number).map(LeasePart::Fraction)
}

fn expected() -> Terms {
    Terms {
        renewal: Some(LeasePart::Secs(600)),
        rebinding: fraction(0.75),
        next_server: Some(Ipv4Addr::new(192, 0, 2, 10)),
        server_name: Some(ServerName::default()),
        boot_file: Some(BootFileName::new("ipxe.efi").unwrap()),
        ..Terms::default()
    }
}

#[test]
fn scripts_set_boot_fields_and_times() {
    let rhai = r#"
        fn decide(request, terms) {
            terms.next_server = "192.0.2.10";
            terms.server_name = "";
            terms.boot_file = "ipxe.efi";
            terms.renewal_fraction = 0.5;
            terms.renewal_time_secs = 600;
            terms.rebinding_time_secs = 900;
            terms.rebinding_fraction = 0.75;
        }
    "#;
    let javascript = r#"
        function decide(request, terms) {
            terms.nextServer = "192.0.2.10";
            terms.serverName = "";
            terms.bootFile = "ipxe.efi";
            terms.renewalFraction = 0.5;
            terms.renewalTimeSecs = 600;
            terms.rebindingTimeSecs = 900;
            terms.rebindingFraction = 0.75;
        }
    "#;
    for (language, text) in [(&*RHAI, rhai), (&*JAVASCRIPT, javascript)] {
        let (_chain, mut runner) = language.start(text, json!({}));
        let outcome = runner.terms(&discover());
        assert_eq!(outcome.terms, expected());
        let set: Vec<String> = outcome.trace[0].set.iter().map(ToString::to_string).collect();
        let written = [
            "renewal-time=600 s",
            "rebinding-time=0.75",
            "next-server=192.0.2.10",
            "server-name=\"\"",
            "boot-file=\"ipxe.efi\"",
        ];
        assert_eq!(set, written);
    }
}

#[test]
fn scripts_read_what_earlier_policies_have_set() {
    let text = r#"
        fn decide(request, terms) {
            ignore(`${terms.next_server} ${terms.server_name} ${terms.boot_file} \
                    ${terms.renewal_time_secs} ${terms.renewal_fraction ?? "-"} \
                    ${terms.rebinding_time_secs ?? "-"} ${terms.rebinding_fraction}`)
        }
    "#;
    let text = text.replace("\\\n                    ", "");
    let (_chain, mut runner) = RHAI.start(&text, json!({}));
    let outcome = runner.terms_after(&discover(), expected());
    let seen = "192.0.2.10  ipxe.efi 600 - - 0.75".to_owned();
    assert_eq!(outcome.terms.verdict, lessor_core::Verdict::Ignore(seen));
}

#[test]
fn values_that_cannot_be_sent_are_faults_that_say_what_was_wanted() {
    for (line, message) in [
        ("terms.boot_file = LONG", "wanted at most 127 octets"),
        ("terms.boot_file = 7", "terms.boot_file: wanted a text"),
        ("terms.server_name = \"a\\x00b\"", "without a zero octet"),
        ("terms.renewal_fraction = 1.5", "a number between 0 and 1"),
        ("terms.rebinding_fraction = 0", "a number between 0 and 1"),
        ("terms.renewal_time_secs = -1", "a number of seconds"),
        ("terms.next_server = \"boot\"", "an address such as"),
    ] {
        let line = line.replace("LONG", &format!("{:?}", "x".repeat(128)));
        let (kind, found) = RHAI.fault(&format!("fn decide(request, terms) {{ {line}; }}"));
        assert_eq!(kind, FaultKind::Failed, "{line}");
        assert!(found.contains(message), "{line}: {found}");
    }
}
