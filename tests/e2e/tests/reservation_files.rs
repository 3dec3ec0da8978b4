//! Reservations in a separate file: the clients that get the addresses, and the effect of a reload
//! with another file.

use std::{
    fs,
    net::Ipv4Addr,
    os::unix::fs::PermissionsExt,
    process::{Command, Output},
    time::Duration,
};

use lessor_e2e::{Server, Setup, built, relay, require, wait};
use lessor_load::{Acquired, Subscriber};

const SUBNETS: &str = r#"
    [[subnet]]
    prefix = "100.64.0.0/16"

    [[subnet.pool]]
    range = "100.64.1.0-100.64.1.255"

    [[subnet]]
    prefix = "100.65.0.0/24"

    [[subnet.pool]]
    range = "100.65.0.10-100.65.0.200"
"#;
const RESERVATIONS: &str = "circuit-id,hardware-address,address,options.host-name\n\
    olt1/1/3/onu1,,100.64.201.1,onu1\n\
    ,02:00:00:00:00:02,100.64.201.2,\n\
    olt1/1/3/onu1,,100.65.0.77,\n";
const LINK: Ipv4Addr = Ipv4Addr::new(100, 64, 0, 1);
const OTHER_LINK: Ipv4Addr = Ipv4Addr::new(100, 65, 0, 1);
const PATIENCE: Duration = Duration::from_secs(5);

fn acquire(server: &Server, link: Ipv4Addr, number: u8, line: &str) -> Acquired {
    let subscriber = Subscriber {
        parameter_request_list: vec![1, 3, 12],
        ..Subscriber::new([2, 0, 0, 0, 0, number], line)
    };
    relay(server.address(), link).acquire(&subscriber, PATIENCE).unwrap_or_else(|e| panic!("{e}"))
}

fn check(server: &Server) -> Output {
    let mut check = Command::new(built::lessor());
    check.arg("check").arg("--config").arg(server.folder().join("lessor.toml")).output().unwrap()
}

#[test]
fn lines_and_devices_get_what_the_file_reserves_for_them_also_after_a_restart() {
    let mut server =
        Setup::on_loopback(SUBNETS).with_reservations("reservations.csv", RESERVATIONS).start();
    let onu = acquire(&server, LINK, 1, "olt1/1/3/onu1");
    assert_eq!(onu.address, Ipv4Addr::new(100, 64, 201, 1));
    assert_eq!(onu.options.text(12).as_deref(), Some("onu1"));
    let device = acquire(&server, LINK, 2, "some other line");
    assert_eq!(device.address, Ipv4Addr::new(100, 64, 201, 2));
    let elsewhere = acquire(&server, OTHER_LINK, 3, "olt1/1/3/onu1");
    assert_eq!(elsewhere.address, Ipv4Addr::new(100, 65, 0, 77));
    assert!(server.stop().success());
    server.start_again();
    assert_eq!(acquire(&server, LINK, 1, "olt1/1/3/onu1").address, onu.address);
    let said = String::from_utf8(check(&server).stdout).unwrap();
    assert!(said.contains("2 networks") && said.contains("3 reservations, 0 plugins"), "{said}");
    assert!(said.contains("reservations.csv: 3 reservations"), "{said}");
}

#[test]
fn a_reload_takes_up_another_file_and_refuses_a_damaged_one() {
    let mut server =
        Setup::on_loopback(SUBNETS).with_reservations("lines.csv", RESERVATIONS).start();
    let file = server.folder().join("lines.csv");
    fs::write(&file, RESERVATIONS.replace("100.64.201.1,", "100.64.201.9,")).unwrap();
    assert!(server.reload().accepted);
    let changed = acquire(&server, LINK, 1, "olt1/1/3/onu1").address;
    assert_eq!(changed, Ipv4Addr::new(100, 64, 201, 9));

    fs::write(&file, RESERVATIONS.replace("100.64.201.2", "100.64.201.1")).unwrap();
    for reload in [server.hang_up(), server.reload()] {
        assert!(!reload.accepted, "{}", reload.said);
        assert!(reload.said.contains("100.64.201.1 is reserved twice"), "{}", reload.said);
        assert!(reload.said.contains("lines.csv:3:20"), "{}", reload.said);
    }
    assert!(String::from_utf8(check(&server).stderr).unwrap().contains("is reserved twice"));
    assert_eq!(acquire(&server, LINK, 1, "olt1/1/3/onu1").address, changed);
    let device = acquire(&server, LINK, 2, "some other line");
    assert_eq!(device.address, Ipv4Addr::new(100, 64, 201, 2));

    // The copy of the last accepted generation includes the file.
    assert!(server.stop().success());
    server.start_again();
    server.process().says("THE CONFIGURATION CANNOT SERVE", wait::SOON);
    assert_eq!(acquire(&server, LINK, 1, "olt1/1/3/onu1").address, changed);
    fs::remove_file(&file).unwrap();
    let reload = server.reload();
    assert!(!reload.accepted && reload.said.contains("cannot be read"), "{}", reload.said);
}

#[test]
fn a_file_that_the_user_of_the_server_cannot_read_is_refused_at_the_start() {
    require!(root);
    let setup = Setup::on_loopback(SUBNETS)
        .without_shared_code()
        .with_server_setting("user = \"nobody\"")
        .with_reservations("lines.csv", RESERVATIONS);
    fs::set_permissions(setup.folder(), fs::Permissions::from_mode(0o755)).unwrap();
    let file = setup.folder().join("lines.csv");
    fs::set_permissions(file, fs::Permissions::from_mode(0o600)).unwrap();
    let said = setup.refused();
    assert!(said.contains("lines.csv, so no reload could"), "{said}");
}
