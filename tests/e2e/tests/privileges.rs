//! The user that the server runs as, its privileges, and the permissions of its files.

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
    time::Duration,
};

use lessor_e2e::{
    Link, Server, Setup,
    clients::{Client, Udhcpc},
    relay, require, wait,
};
use lessor_load::{Answer, Subscriber};

const SUBNETS: &str = r#"
    [[subnet]]
    prefix = "100.64.0.0/16"

    [[subnet.pool]]
    range = "100.64.1.0-100.64.1.255"
"#;
/// A user that exists on every machine.
const USER: &str = "nobody";
const NET_BIND_SERVICE: u64 = 1 << 10;
const NET_ADMIN: u64 = 1 << 12;
const NET_RAW: u64 = 1 << 13;

#[test]
fn started_as_root_it_becomes_its_user_and_serves_a_link_with_the_rights_that_sockets_need() {
    require!(root, ip, udhcpc);
    let link = Link::new();
    let host = link.host("server");
    host.add_address("eth0", "100.64.0.1/16");
    let setup = Setup::on_link("eth0", SUBNETS)
        .without_shared_code()
        .with_server_setting(&format!("user = {USER:?}"))
        .with_policy("10-policy", "minimal", "");
    open_to_all(setup.folder());
    let mut server = setup.start_on(&host);
    let home = link.host("client");
    let mut client = Udhcpc::start(&home);
    let address = client.acquires();
    assert_eq!(server.leases()[0].address, address);

    let id = server.process().id();
    has_given_up_its_rights(id);
    assert!(server.reload().accepted);
    client.renews();
    assert_eq!(server.journal_has("ack-renewing").address, Some(address));
    has_given_up_its_rights(id);

    let user = nix::unistd::User::from_name(USER).unwrap().unwrap().uid.as_raw();
    let files = files(server.folder());
    assert!(files.len() > 8, "{files:?}");
    for file in files {
        assert_eq!(fs::metadata(&file).unwrap().uid(), user, "{}", file.display());
    }
    only_user_and_group_can_read(server.folder());
}

#[test]
fn what_root_wrote_before_belongs_to_the_user_and_leases_are_kept() {
    require!(root);
    let mut server = Setup::on_loopback(SUBNETS).without_shared_code().start();
    let acquired = acquire(&server, 1);
    assert!(server.stop().success());
    open_to_all(server.folder());
    let path = server.folder().join("lessor.toml");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replacen("[server]", &format!("[server]\nuser = {USER:?}"), 1)).unwrap();
    server.start_again();
    assert_eq!(server.leases()[0].address, acquired);
    acquire(&server, 2);
    assert_eq!(server.leases().len(), 2);
    has_given_up_its_rights(server.process().id());
}

#[test]
fn a_user_that_does_not_exist_is_refused() {
    require!(root);
    let said = Setup::on_loopback(SUBNETS).with_server_setting("user = \"no-such-user\"").refused();
    assert!(said.contains("there is no user \"no-such-user\""), "{said}");
}

#[test]
fn nobody_but_user_and_group_can_read_what_the_server_writes() {
    let mut server = Setup::on_loopback(SUBNETS)
        .without_shared_code()
        .with_policy(
            "10-policy",
            "capable",
            "grants = [\"log\", \"metrics\", \"state\", \"tables\"]\n",
        )
        .start();
    // The policy writes different values to an ACK than to an OFFER, which the audit would report.
    let mut relay = relay(server.address(), std::net::Ipv4Addr::new(100, 64, 0, 1));
    let client = Subscriber::new([2, 0, 0, 0, 0, 1], "line");
    let Ok(Answer::Offer(offer)) = relay.discover(&client, wait::SOON) else {
        panic!("there is no offer");
    };
    let (address, server_identifier) = (offer.address, offer.server_identifier);
    let ack = relay.request_selecting(&client, address, server_identifier, wait::SOON);
    assert!(matches!(ack, Ok(Answer::Ack(_))), "{ack:?}");
    only_user_and_group_can_read(server.folder());
    // The same applies to files that an older version made readable for all users.
    assert!(server.stop().success());
    for file in files(server.folder()) {
        let mode = if file.is_dir() { 0o755 } else { 0o644 };
        fs::set_permissions(file, fs::Permissions::from_mode(mode)).unwrap();
    }
    server.start_again();
    only_user_and_group_can_read(server.folder());
}

/// Returns the files of the server in its folder: the store and the journal.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = vec![folder.join("journal.jsonl"), folder.join("store")];
    let mut position = 0;
    while let Some(path) = found.get(position).cloned() {
        if path.is_dir() {
            found.extend(fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()));
        }
        position += 1;
    }
    found.retain(|path| path.file_name().is_some_and(|name| name != "control.sock"));
    found
}

#[track_caller]
fn only_user_and_group_can_read(folder: &Path) {
    let files = files(folder);
    assert!(files.len() > 4, "{files:?}");
    for file in files {
        let mode = fs::metadata(&file).unwrap().permissions().mode();
        // The folder of the store belongs to the operator and may contain other files.
        if file != folder.join("store") {
            assert_eq!(mode & 0o027, 0, "{:o} {}", mode, file.display());
        }
    }
    let socket = fs::metadata(folder.join("store/control.sock")).unwrap();
    assert_eq!(socket.permissions().mode() & 0o777, 0o600);
}

/// Checks that every thread runs as the user and has only the capabilities for sockets.
#[track_caller]
fn has_given_up_its_rights(process: u32) {
    let user = nix::unistd::User::from_name(USER).unwrap().unwrap();
    let (user, group) = (user.uid.to_string(), user.gid.to_string());
    let threads = fs::read_dir(format!("/proc/{process}/task")).unwrap();
    let mut seen = 0;
    for thread in threads.flatten() {
        // The thread may have ended in the meantime.
        let Ok(text) = fs::read_to_string(thread.path().join("status")) else { continue };
        let status: BTreeMap<&str, &str> =
            text.lines().filter_map(|line| line.split_once(":\t")).collect();
        let all = |id: &str| [id; 4].join("\t");
        assert_eq!(status["Uid"], all(&user), "{text}");
        assert_eq!(status["Gid"], all(&group), "{text}");
        assert_eq!(status["NoNewPrivs"], "1", "{text}");
        let set = |name: &str| u64::from_str_radix(status[name], 16).unwrap();
        assert_eq!(set("CapEff") & !NET_ADMIN, NET_BIND_SERVICE | NET_RAW, "{text}");
        assert_eq!(set("CapPrm"), set("CapEff"), "{text}");
        for none in ["CapInh", "CapBnd", "CapAmb"] {
            assert_eq!(set(none), 0, "{none} of {text}");
        }
        seen += 1;
    }
    assert!(seen > 3, "{seen} threads");
}

#[track_caller]
fn acquire(server: &Server, number: u8) -> std::net::Ipv4Addr {
    let subscriber = Subscriber::new([2, 0, 0, 0, 0, number], "line");
    let mut relay = relay(server.address(), std::net::Ipv4Addr::new(100, 64, 0, 1));
    relay.acquire(&subscriber, Duration::from_secs(5)).unwrap().address
}

/// Makes a folder of a test accessible to all users.
fn open_to_all(folder: &Path) {
    fs::set_permissions(folder, fs::Permissions::from_mode(0o755)).unwrap();
}
