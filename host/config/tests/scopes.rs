//! What each level of the configuration sets for replies, and what it inherits.
use std::{fs, net::Ipv4Addr, path::Path};

use lessor_config::Configuration;
use lessor_core::{
    BootClient, ClientArchitecture, Fraction, LeasePart, LeaseTime, Network, ScopeSettings,
    SendRule,
};

#[track_caller]
fn parse(text: &str) -> Configuration {
    match lessor_config::parse("test.toml", text, Path::new("/srv/lessor")) {
        Ok(configuration) => configuration,
        Err(mistakes) => panic!("{mistakes}"),
    }
}

#[track_caller]
fn network(text: &str) -> Network {
    Network::clone(&parse(text).topology.networks()[0])
}

fn files(settings: &ScopeSettings) -> Vec<(BootClient, String)> {
    settings.boot.files.iter().map(|(client, name)| (client, name.to_string())).collect()
}

fn rules(settings: &ScopeSettings) -> Vec<(u8, SendRule)> {
    settings.sending.rules.iter().collect()
}

#[test]
fn a_subnet_inherits_from_its_network_and_from_the_server() {
    let network = network(
        r#"
        [server]
        listen = ["192.0.2.1"]
        next-server = "192.0.2.10"
        server-name = "of-server"
        boot-file = { ipxe = "menu", other = "bios" }
        lease-time = "30m"
        renewal-time = 0.25
        always-send = ["routers", "domain-name"]
        always-broadcast = true
        [options]
        boot-file-name = "option-of-server"
        tftp-server-name = "option-of-server"
        domain-name = "campus.example"
        [[network]]
        name = "campus"
        server-name = "of-network"
        max-lease-time = "20m"
        never-send = ["domain-name"]
        [[subnet]]
        prefix = "100.64.0.0/16"
        shared-network = "campus"
        boot-file = { x64-uefi = "efi" }
        rebinding-time = "15m"
        always-broadcast = false
        "#,
    );
    let subnet = &network.subnets[0];
    let settings = &subnet.settings;
    assert_eq!(settings.boot.next_server, Some(Ipv4Addr::new(192, 0, 2, 10)));
    assert_eq!(settings.boot.server_name.as_deref(), Some("of-network"));
    let expected = [
        (BootClient::Ipxe, "menu".to_owned()),
        (BootClient::Architecture(ClientArchitecture(7)), "efi".to_owned()),
        (BootClient::Other, "bios".to_owned()),
    ];
    assert_eq!(files(settings), expected);
    let lease_time = LeaseTime { default_secs: 1_200, min_secs: 60, max_secs: 1_200 };
    assert_eq!(subnet.lease_time, lease_time);
    let quarter = LeasePart::Fraction(Fraction::from_number(0.25).unwrap());
    assert_eq!(settings.times.renewal, Some(quarter));
    assert_eq!(settings.times.rebinding, Some(LeasePart::Secs(900)));
    assert_eq!(rules(settings), [(3, SendRule::Always), (15, SendRule::Never)]);
    assert_eq!(settings.sending.always_broadcast, Some(false));
    // The boot fields of the subnet and the network hide the options of the server.
    assert_eq!([15, 66, 67].map(|code| subnet.options.get(code).is_some()), [true, false, false]);
}

#[test]
fn pools_and_reservations_set_the_same_keys_by_themselves() {
    let network = network(
        r#"
        [server]
        listen = ["192.0.2.1"]
        boot-file = "of-server"
        [[subnet]]
        prefix = "100.64.0.0/16"
        [[subnet.pool]]
        range = "100.64.1.0-100.64.1.255"
        boot-file = ""
        boot-final-zero = true
        lease-time = "2h"
        always-send-basics = true
        never-send = ["domain-name"]
        [[subnet.pool]]
        range = "100.64.2.0-100.64.2.255"
        always-send-basics = false
        [[subnet.reservation]]
        hardware-address = "02:00:5e:00:53:01"
        address = "100.64.3.1"
        boot-file = { "7" = "a", x64-uefi-http = "http://192.0.2.1/a.efi" }
        min-lease-time = "1h"
        [[subnet.reservation]]
        hardware-address = "02:00:5e:00:53:02"
        address = "100.64.3.2"
        "#,
    );
    let subnet = &network.subnets[0];
    let [first, second] = &subnet.pools[..] else { panic!("{:?}", subnet.pools) };
    assert_eq!(files(&first.settings), [(BootClient::Other, String::new())]);
    assert_eq!(first.settings.boot.final_zero, Some(true));
    assert_eq!(first.settings.times.default_secs, Some(7_200));
    let expected = [(3, SendRule::Always), (6, SendRule::Always), (15, SendRule::Never)];
    assert_eq!(rules(&first.settings), expected);
    let asked_for = [3, 6, 15].map(|code| (code, SendRule::IfAskedFor));
    assert_eq!(rules(&second.settings), asked_for);
    let [boots, plain] = &subnet.reservations[..] else { panic!("{:?}", subnet.reservations) };
    let expected = [
        (BootClient::Architecture(ClientArchitecture(7)), "a".to_owned()),
        (BootClient::Architecture(ClientArchitecture(16)), "http://192.0.2.1/a.efi".to_owned()),
    ];
    assert_eq!(files(&boots.settings), expected);
    assert_eq!(boots.settings.times.min_secs, Some(3_600));
    assert!(plain.settings.is_empty());
}

#[test]
fn files_of_reservations_set_them_too() {
    let folder = tempfile::tempdir().unwrap();
    let csv = "hardware-address,address,next-server,boot-file,lease-time,renewal-time\n\
               02:00:5e:00:53:01,100.64.3.1,192.0.2.10,0042,2h,0.5\n\
               02:00:5e:00:53:02,100.64.3.2,,,3600,\n";
    let lines = "{\"hardware-address\": \"02:00:5e:00:53:03\", \"address\": \"100.64.3.3\", \
                 \"boot-file\": {\"ipxe\": \"menu\"}, \"always-send\": [\"routers\"], \
                 \"rebinding-time\": 0.75}\n";
    fs::write(folder.path().join("all.csv"), csv).unwrap();
    fs::write(folder.path().join("all.jsonl"), lines).unwrap();
    let text = "reservations = [\"all.csv\", \"all.jsonl\"]\n[server]\nlisten = [\"192.0.2.1\"]\n\
                [[subnet]]\nprefix = \"100.64.0.0/16\"\n";
    let configuration = match lessor_config::parse("test.toml", text, folder.path()) {
        Ok(configuration) => configuration,
        Err(mistakes) => panic!("{mistakes}"),
    };
    let subnet = configuration.topology.networks()[0].subnets[0].clone();
    let settings: Vec<_> = subnet.reservations.iter().map(|found| &found.settings).collect();
    let [first, second, third] = settings[..] else { panic!("{settings:?}") };
    assert_eq!(first.boot.next_server, Some(Ipv4Addr::new(192, 0, 2, 10)));
    assert_eq!(files(first), [(BootClient::Other, "0042".to_owned())]);
    assert_eq!(first.times.default_secs, Some(7_200));
    let half = LeasePart::Fraction(Fraction::from_number(0.5).unwrap());
    assert_eq!(first.times.renewal, Some(half));
    assert_eq!((second.times.default_secs, second.times.renewal), (Some(3_600), None));
    assert_eq!(files(third), [(BootClient::Ipxe, "menu".to_owned())]);
    assert_eq!(rules(third), [(3, SendRule::Always)]);
    assert!(matches!(third.times.rebinding, Some(LeasePart::Fraction(_))));
}

#[test]
fn an_infinite_lease_of_a_pool_cannot_be_waited_for_after_a_loss() {
    let text = "[server]\nlisten = [\"192.0.2.1\"]\nafter-data-loss = \"hold\"\n[[subnet]]\n\
                prefix = \"100.64.0.0/16\"\n[[subnet.pool]]\nrange = \"100.64.1.0-100.64.1.9\"\n\
                lease-time = \"infinite\"\n";
    let mistakes = lessor_config::parse("test.toml", text, Path::new("/srv/lessor")).unwrap_err();
    assert!(mistakes.to_string().contains("would hold addresses forever"), "{mistakes}");
}
