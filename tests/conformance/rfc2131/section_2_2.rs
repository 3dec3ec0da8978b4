//! RFC 2131 section 2.2: dynamic allocation of addresses.

use std::time::Duration;

use lessor_conformance::{
    Expected, Service,
    features::PROBE,
    messages::{discover, init_reboot, release},
    world,
};

#[test]
fn a_binding_survives_a_restart_of_the_server() {
    let mut world = world!();
    let address = world.acquire(1).said.your_address;
    world.fails_and_starts_again();
    let others: Vec<_> = world.exhaust(2);
    assert!(!others.contains(&address), "{address} has an owner");
    let ack = world.site.broadcast(&init_reboot(1, address)).ack();
    assert_eq!(ack.said.your_address, address);
}

#[test]
fn a_reused_address_is_probed_before_it_is_offered() {
    let mut world = world!(Service { probes_addresses: true, ..Service::default() }; PROBE);
    // The longest wait before an offer is that of dnsmasq.
    world.site.be_patient(Duration::from_secs(6));
    let ack = world.acquire(1);
    let address = ack.said.your_address;
    let server = ack.said.server_identifier().expect("an ACK has option 54");
    world.site.tell(&release(1, address, server));
    world.site.client_host_uses(address);
    let offer = world.site.broadcast(&discover(2).address_option(50, address)).offer();
    assert_ne!(offer.said.your_address, address, "a host without a lease uses it");
}
