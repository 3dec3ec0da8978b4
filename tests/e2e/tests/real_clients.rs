//! Real clients beyond those of `clients_on_the_link`: systemd-networkd, and a machine that boots
//! with iPXE.

use std::{fs, time::Duration};

use lessor_e2e::{
    LeaseState, Link, Server, Setup,
    clients::{Client, Ipxe, Networkd, tftp_server},
    require, wait,
};

fn subnets(lease_time: &str) -> String {
    format!(
        r#"
        [[subnet]]
        prefix = "192.0.2.0/24"
        lease-time = "{lease_time}"
        next-server = "192.0.2.10"
        boot-file = {{ ipxe = "menu.ipxe", other = "undionly.kpxe" }}
        options = {{ routers = ["192.0.2.1"], domain-name-servers = ["192.0.2.53"] }}

        [[subnet.pool]]
        range = "192.0.2.100-192.0.2.199"
        "#
    )
}

/// Starts a server with 192.0.2.1 on a link.
fn on_link(lease_time: &str) -> (Link, lessor_e2e::Host, Server) {
    let link = Link::new();
    let host = link.host("server");
    host.add_address("eth0", "192.0.2.1/24");
    let server = Setup::on_link("eth0", &subnets(lease_time)).start_on(&host);
    (link, host, server)
}

#[test]
fn networkd_gets_renews_and_releases() {
    require!(root, ip, systemd_networkd);
    let (link, _host, server) = on_link("8s");
    let home = link.host("client");

    let mut client = Networkd::start(&home);
    let address = client.acquires();
    let configured = wait::soon("the address on the interface", || home.addresses("eth0").pop());
    assert_eq!(configured, address);
    let acknowledged = server.journal_has("ack-selecting");
    assert_eq!(acknowledged.address, Some(address));
    let leases = server.leases();
    assert_eq!(leases.len(), 1, "{leases:?}");
    assert_eq!((leases[0].address, leases[0].state), (address, LeaseState::Leased));

    client.renews();
    assert_eq!(server.journal_has("ack-renewing").address, Some(address));

    client.releases();
    assert_eq!(server.journal_has("released-lease").address, Some(address));
    assert_eq!(server.leases(), []);
}

#[test]
fn ipxe_boots_the_file_for_it() {
    require!(root, ip, dnsmasq, qemu, ipxe_rom, tun);
    /// A machine without KVM, on a busy computer.
    const BOOT_PATIENCE: Duration = Duration::from_secs(120);

    let (link, _host, server) = on_link("1h");
    let files = tempfile::tempdir().unwrap();
    let store = link.host("tftp");
    store.add_address("eth0", "192.0.2.10/24");
    // The script shows that it ran: it fetches another file.
    let script = "#!ipxe\nimgfetch tftp://${next-server}/proof || shell\n";
    fs::write(files.path().join("menu.ipxe"), script).unwrap();
    fs::write(files.path().join("proof"), "proof").unwrap();
    let mut tftp = tftp_server(&store, files.path());

    let shelf = link.host("machine");
    let machine = Ipxe::start(&shelf, "02:00:5e:00:53:01");
    tftp.says("menu.ipxe to 192.0.2.", BOOT_PATIENCE);
    tftp.says("proof to 192.0.2.", BOOT_PATIENCE);
    let acknowledged = server.journal_has("ack-selecting");
    assert_eq!(acknowledged.hardware_address.as_deref(), Some("02:00:5e:00:53:01"));
    assert!(!tftp.output().contains("undionly.kpxe"), "{}", machine.console());
}
