//! `lessor check`, a start and a reload warn about deadlines with which one message can delay all
//! clients, and describe the cost.

use lessor_e2e::{Server, Setup, built, wait};

const SUBNETS: &str = r#"
    [[subnet]]
    prefix = "100.64.0.0/16"
"#;
const LONG: &str = "[limits]\ndeadline-ms = 1000\n";
const WARNING: &str = "one DISCOVER for which its plugins compute until their deadlines occupies a \
                       worker for ";

#[test]
fn a_long_deadline_is_warned_about_with_what_it_costs() {
    let mut server = Setup::on_loopback(SUBNETS)
        .with_server_setting("workers = 1")
        .with_policy("10-short", "minimal", "")
        .with_policy("20-long", "misbehaving", LONG)
        .start();
    server.process().says(WARNING, wait::SOON);
    let said = check(&server);
    // The hooks of both policies for a DISCOVER and its OFFER.
    for words in [
        WARNING,
        "for 2010 ms: no client is answered meanwhile",
        "20-long 1000 ms in each of on-discover, reply-options; 10-short 10 ms in each of on-discover",
        "Lower deadline-ms below [limits]",
    ] {
        assert!(said.contains(words), "no {words:?} in: {said}");
    }
    server.setup().put_policy("20-long", &policy("misbehaving"), "");
    assert!(!server.hang_up().said.contains(WARNING));
    assert!(!check(&server).contains(WARNING));
    // A shadow delays no client.
    server.setup().put_policy(
        "20-long",
        &policy("misbehaving"),
        &format!("mode = \"shadow\"\n{LONG}"),
    );
    assert!(!server.hang_up().said.contains(WARNING));
    server.setup().put_policy("20-long", &policy("misbehaving"), LONG);
    let reload = server.hang_up();
    assert!(reload.said.contains(WARNING), "{}", reload.said);
}

fn policy(package: &str) -> Vec<u8> {
    std::fs::read(built::policy(package)).unwrap()
}

fn check(server: &Server) -> String {
    let output = server.ask(&["check"]);
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap()
}
