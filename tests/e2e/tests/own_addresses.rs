//! No client gets an address of the server, including those that the server gets while it runs.

use std::net::Ipv4Addr;

use lessor_e2e::{
    Link, Setup,
    clients::{Client, Udhcpc},
    require,
};

#[test]
fn no_client_gets_an_address_of_the_server_though_its_pool_has_it() {
    require!(root, ip, udhcpc);
    let subnets = r#"
        [[subnet]]
        prefix = "192.0.2.0/24"
        lease-time = "10m"

        [[subnet.pool]]
        name = "three"
        range = "192.0.2.100-192.0.2.102"
    "#;
    let link = Link::new();
    let server_host = link.host("server");
    server_host.add_address("eth0", "192.0.2.100/24");
    let mut server = Setup::on_link("eth0", subnets).start_on(&server_host);
    let home = link.host("client");
    let mut first = Udhcpc::start(&home);
    assert_eq!(first.acquires(), Ipv4Addr::new(192, 0, 2, 101));
    assert_eq!(server.status().pool("three").size, 2);

    // The server gets another address, so that none is left.
    server_host.add_address("eth0", "192.0.2.102/24");
    let other_home = link.host("other-client");
    let _second = Udhcpc::start(&other_home);
    server.journal_has("no-free-address");
    assert!(other_home.addresses("eth0").is_empty());
    assert_eq!(server.status().pool("three").size, 1);

    let check = server_host.run_here(|| server.ask(&["check"]));
    let said = String::from_utf8_lossy(&check.stdout);
    for own in ["192.0.2.100", "192.0.2.102"] {
        let line = format!("pool three: {own} is the address of eth0 and is not allocated");
        assert!(said.contains(&line), "{said}");
    }
    let with_router =
        subnets.replace("lease-time", "options = { routers = [\"192.0.2.102\"] }\nlease-time");
    server.setup().put_subnets(&with_router);
    let check = server_host.run_here(|| server.ask(&["check"]));
    let said = String::from_utf8_lossy(&check.stdout);
    assert!(said.contains("pool three skips: 192.0.2.102 is a router"), "{said}");
}
