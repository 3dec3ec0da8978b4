//! What `lessor check` notes of keys without effect, and that it notes no key that has one.
use std::path::Path;

use lessor_config::without_effect;

fn notes(server: &str, tables: &str) -> Vec<String> {
    let text = format!(
        "[server]\nlisten = [\"192.0.2.1\"]\n{server}\n{tables}\n[[subnet]]\n\
         prefix = \"100.64.0.0/16\"\n[[subnet.pool]]\nname = \"a\"\n\
         range = \"100.64.1.0-100.64.1.255\"\nby-policy-only = true\n"
    );
    let read = lessor_config::parse("test.toml", &text, Path::new(""));
    without_effect(&read.unwrap_or_else(|mistakes| panic!("{mistakes}")))
}

#[test]
fn keys_without_effect_are_noted_and_others_are_not() {
    let link = "interfaces = [\"eth0\"]\n";
    let open = "[[subnet]]\nprefix = \"100.65.0.0/16\"\n[[subnet.pool]]\n\
                range = \"100.65.1.0-100.65.1.255\"\n";
    let reserved = "[[reservation]]\nhardware-address = \"02:00:5e:00:53:01\"\npool = \"a\"\n";
    let class = |line: &str| {
        format!("[[class]]\nname = \"x\"\nmatch = {{ vendor-class = \"x\" }}\n{line}\n")
    };
    for (key, server, used_by) in [
        ("own-address-for", "own-address-for = [\"routers\"]", (link, String::new())),
        ("probe = \"arp\"", "probe = \"arp\"", (link, String::new())),
        ("probe-timeout-ms", "probe-timeout-ms = 100", ("probe = \"icmp\"", String::new())),
        ("probe-timeout-ms", "probe-timeout-ms = 100", ("", class("probe = \"icmp\""))),
        (
            "probe-timeout-ms",
            "probe-timeout-ms = 100",
            ("after-data-loss = \"probe\"", String::new()),
        ),
        ("bootp-lease-time", "bootp-lease-time = \"1d\"", ("bootp = \"reserved\"", String::new())),
        ("bootp = \"dynamic\"", "bootp = \"dynamic\"", ("", open.to_owned())),
        ("bootp = \"dynamic\"", "bootp = \"dynamic\"", ("", class("pools = [\"a\"]"))),
        ("bootp = \"dynamic\"", "bootp = \"dynamic\"", ("", reserved.to_owned())),
        (
            "host-name-prefix",
            "host-name-prefix = \"guest\"",
            ("host-names = \"generated\"", String::new()),
        ),
        (
            "always-send",
            "always-send = [\"ntp-servers\", \"subnet-mask\"]",
            ("", class("options = { ntp-servers = \"192.0.2.123\" }")),
        ),
        (
            "always-send",
            "always-send = [\"routers\", \"log-servers\"]",
            ("own-address-for = [\"log-servers\"]\ninterfaces = [\"eth0\"]", String::new()),
        ),
    ] {
        let noted = notes(server, "");
        assert_eq!(noted.len(), 1, "{server}: {noted:?}");
        assert!(noted[0].starts_with(&format!("`{key}` has no effect in ")), "{noted:?}");
        assert!(noted[0].contains("subnet 100.64.0.0/16"), "{noted:?}");
        let (settings, tables) = used_by;
        let noted = notes(&format!("{server}\n{settings}"), &tables);
        assert_eq!(noted, Vec::<String>::new(), "{server} with {settings} {tables}");
    }
    assert_eq!(notes("", ""), Vec::<String>::new());
    assert_eq!(
        notes("always-send-basics = true\nalways-send = [249, 66]", ""),
        ["`always-send` has no effect in subnet 100.64.0.0/16: nothing sets \
         microsoft-classless-static-routes"]
    );
}

#[test]
fn echo_requests_into_a_vpn_are_noted() {
    let green = "[[vpn]]\nname = \"green\"\n[[subnet]]\nprefix = \"10.0.0.0/24\"\n\
                 vpn = \"green\"\n";
    let noted = notes("", &format!("{green}probe = \"icmp\"\n"));
    assert_eq!(noted.len(), 1, "{noted:?}");
    assert!(noted[0].contains("`probe = \"icmp\"` has no effect in subnet 10.0.0.0/24"));
    assert_eq!(notes("probe = \"icmp\"", green), Vec::<String>::new());
}

#[test]
fn a_note_names_some_of_the_places() {
    let subnets: String =
        (65..70).map(|number| format!("[[subnet]]\nprefix = \"100.{number}.0.0/16\"\n")).collect();
    let noted = notes("probe-timeout-ms = 100", &subnets);
    let places = "subnet 100.65.0.0/16, subnet 100.66.0.0/16, subnet 100.67.0.0/16 and 3 more: ";
    assert!(noted[0].contains(places), "{noted:?}");
}
