//! Probes before an offer: which addresses are probed, and what follows from the result.

use std::net::Ipv4Addr;

use lessor_core::{
    AfterDataLoss, Attempt, BindingState, BootpClients, Engine, HardwareAddress, Network, Probe,
    ProbeMessage, ProbeMethod, ProbeResult, Probing, Reason, Request, Terms, Verdict,
};

use crate::support::*;

const OTHER_HOST: HardwareAddress = HardwareAddress::ethernet([2, 0, 0, 0, 0, 99]);

fn probing(method: ProbeMethod) -> Network {
    let mut network = network();
    network.subnets[0].settings = settings(|fields| {
        fields.probing = Probing { method: Some(method), timeout_ms: None };
        fields.messages.rapid_commit = Some(true);
        fields.messages.bootp = Some(BootpClients::Dynamic);
    });
    network
}

/// A message that arrived on an interface.
fn on_interface(request: Request) -> Request {
    with(request, |request| request.arrival.interface = Some("eth0".into()))
}

impl Server {
    /// The probe that a request waits for.
    #[track_caller]
    fn probe(&mut self, request: &Request) -> Probe {
        let preview = self.engine.preview(self.now, 0, request, &Terms::default());
        match self.engine.decide(self.now, 0, request, &Terms::default()) {
            Attempt::Probes(probe) => {
                assert_eq!(preview.probe.as_ref(), Some(&probe));
                assert!(preview.decision.reply.is_some(), "{preview:?}");
                probe
            }
            attempt => panic!("no probe: {attempt:?}"),
        }
    }

    /// The result of a probe; the quarantine is made durable.
    fn probed(&mut self, address: Ipv4Addr, result: ProbeResult) {
        let change = self.engine.probed(self.now, address, result);
        let is_answered = matches!(result, ProbeResult::Answered(_));
        assert_eq!(change.is_some(), is_answered);
        if let Some(change) = change {
            self.engine.settle(self.now, &[change], &lessor_core::StorageAnswer::Made);
        }
    }
}

#[test]
fn an_address_is_offered_once_nobody_has_answered() {
    for result in [ProbeResult::Unanswered, ProbeResult::NotSent] {
        let mut server = Server::new(probing(ProbeMethod::Auto));
        let request = on_interface(discover(1));
        let probe = server.probe(&request);
        assert_eq!((probe.address, probe.timeout_ms), (ip(10), 500));
        assert_eq!((probe.by, probe.client), (ProbeMessage::Arp("eth0".into()), hardware(1)));
        // Meanwhile it is held for this client, and others are served.
        assert_eq!(server.probe(&on_interface(discover(2))).address, ip(11));
        assert_eq!(server.probe(&request).address, ip(10));
        server.probed(ip(10), result);
        // The reason is that of the choice, and later that of a repeated offer.
        assert_eq!(offer(&server.ask(&request)), (ip(10), Reason::OfferedFromPool));
        assert_eq!(offer(&server.ask(&request)), (ip(10), Reason::OfferedAgain));
        assert_eq!(server.reason(&selecting(1, ip(10))), Reason::AckSelecting);
    }
}

#[test]
fn an_address_that_answers_is_quarantined_and_another_one_is_probed() {
    let mut server = Server::new(probing(ProbeMethod::Icmp));
    assert_eq!(server.probe(&discover(1)).by, ProbeMessage::Icmp);
    server.probed(ip(10), ProbeResult::Answered(Some(OTHER_HOST)));
    let record = server.engine.binding_at(ip(10)).unwrap();
    assert_eq!((record.state, record.hardware_address), (BindingState::Quarantined, OTHER_HOST));
    assert_eq!(record.expires_at, server.now.after_secs(600));
    assert_eq!(server.engine.usage()[0].quarantined, 1);
    assert_eq!(server.probe(&discover(1)).address, ip(11));
    server.probed(ip(11), ProbeResult::Unanswered);
    assert_eq!(offer(&server.ask(&discover(1))), (ip(11), Reason::OfferedFromPool));
    // After the quarantine it is one of the free addresses, and probed again.
    server.pass_secs(601);
    server.lease_probed(2, ip(12));
    server.lease_probed(3, ip(13));
    server.lease_probed(4, ip(11));
    assert_eq!(server.probe(&discover(5)).address, ip(10));
}

impl Server {
    /// Leads a client whose address is probed from DISCOVER to ACK.
    fn lease_probed(&mut self, client: u8, address: Ipv4Addr) {
        assert_eq!(self.probe(&discover(client)).address, address);
        self.probed(address, ProbeResult::Unanswered);
        assert_eq!(offered(&self.ask(&discover(client))), address);
        assert_eq!(self.reason(&selecting(client, address)), Reason::AckSelecting);
    }
}

/// Nobody is to blame, so nobody's DECLINEs are limited by it.
#[test]
fn the_quarantine_counts_against_nobody() {
    let mut network = probing(ProbeMethod::Icmp);
    network.subnets[0].pools = vec![pool("open", 10, 40)];
    let mut server = Server::new(network);
    for address in 10..30 {
        assert_eq!(server.probe(&discover(1)).address, ip(address));
        server.probed(ip(address), ProbeResult::Answered(None));
    }
    assert_eq!(server.engine.usage()[0].quarantined, 20);
    server.lease_probed(1, ip(30));
    assert_eq!(server.reason(&decline(1, ip(30))), Reason::QuarantinedDeclined);
}

#[test]
fn what_the_client_has_and_what_was_probed_lately_is_not_probed() {
    let mut server = Server::new(probing(ProbeMethod::Icmp));
    server.lease_probed(1, ip(10));
    server.pass_secs(600);
    assert_eq!(offer(&server.ask(&discover(1))), (ip(10), Reason::OfferedCurrent));
    // Released: a minute later another host may have taken it.
    assert_eq!(server.reason(&release(1, ip(10))), Reason::ReleasedLease);
    let again = server.probe(&discover(1));
    assert_eq!(again.address, ip(10));
    server.probed(ip(10), ProbeResult::Unanswered);
    assert_eq!(offer(&server.ask(&discover(1))), (ip(10), Reason::OfferedPrevious));
    server.pass_secs(59);
    assert_eq!(offer(&server.ask(&discover(1))), (ip(10), Reason::OfferedAgain));
    server.pass_secs(1);
    assert_eq!(server.probe(&discover(1)).address, ip(10));
}

#[test]
fn the_method_says_which_clients_are_served_after_a_probe() {
    let mut server = Server::new(probing(ProbeMethod::Off));
    assert_eq!(server.reason(&on_interface(discover(1))), Reason::OfferedFromPool);
    let mut server = Server::new(probing(ProbeMethod::Arp));
    assert_eq!(server.reason(&relayed(discover(1))), Reason::OfferedFromPool);
    assert!(matches!(server.probe(&on_interface(discover(2))).by, ProbeMessage::Arp(_)));
    let mut server = Server::new(probing(ProbeMethod::Auto));
    assert_eq!(server.probe(&relayed(discover(1))).by, ProbeMessage::Icmp);
    // A message that is not answered with an address probes none.
    let refused = Terms { verdict: Verdict::Ignore("no".into()), ..Terms::default() };
    assert_eq!(server.ask_under(&discover(2), &refused).reason, Reason::IgnoredByPolicy);
}

/// The nearest scope decides.
#[test]
fn a_reservation_can_do_without() {
    let mut network = probing(ProbeMethod::Icmp);
    let mut own = reservation(circuit(b"line"), ip(50));
    own.settings = settings(|fields| fields.probing.method = Some(ProbeMethod::Off));
    network.subnets[0].reservations = vec![own];
    let mut server = Server::new(network);
    assert_eq!(server.reason(&on_circuit(b"line", discover(1))), Reason::OfferedReserved);
    assert_eq!(server.probe(&discover(2)).address, ip(10));
}

#[test]
fn an_ack_without_an_offer_comes_after_a_probe_as_well() {
    let mut server = Server::new(probing(ProbeMethod::Icmp));
    assert_eq!(server.probe(&rapid(1)).address, ip(10));
    server.probed(ip(10), ProbeResult::Unanswered);
    assert_eq!(server.reason(&rapid(1)), Reason::AckRapidCommit);
    assert_eq!(server.probe(&bootp(2)).address, ip(11));
    server.probed(ip(11), ProbeResult::Answered(None));
    assert_eq!(server.probe(&bootp(2)).address, ip(12));
    server.probed(ip(12), ProbeResult::Unanswered);
    assert_eq!(server.reason(&bootp(2)), Reason::AckBootp);
}

/// A late answer of a host must not take an address from its client.
#[test]
fn an_answer_says_nothing_about_a_lease() {
    let mut server = Server::new(probing(ProbeMethod::Icmp));
    server.lease_probed(1, ip(10));
    let change = server.engine.probed(server.now, ip(10), ProbeResult::Answered(None));
    assert_eq!(change, None);
    assert!(server.record(1).is_active(server.now));
    // While a change of it is in flight, it is not known who has it.
    assert_eq!(server.probe(&discover(2)).address, ip(11));
    server.probed(ip(11), ProbeResult::Unanswered);
    assert_eq!(offered(&server.ask(&discover(2))), ip(11));
    let ack = server.decide_only(0, &selecting(2, ip(11)), &Terms::default());
    assert_eq!(server.engine.probed(server.now, ip(11), ProbeResult::Answered(None)), None);
    server.settle(&ack, &lessor_core::StorageAnswer::Made);
    // An address of another network is nothing to this one.
    let elsewhere = Ipv4Addr::new(10, 9, 9, 9);
    assert_eq!(server.engine.probed(server.now, elsewhere, ProbeResult::Answered(None)), None);
}

/// When every address has answered, the one that did so first is offered, as declined ones are.
#[test]
fn quarantined_addresses_are_offered_unprobed_if_there_are_no_others() {
    let mut server = Server::new(probing(ProbeMethod::Icmp));
    for address in 10..14 {
        assert_eq!(server.probe(&discover(1)).address, ip(address));
        server.probed(ip(address), ProbeResult::Answered(None));
        server.pass_secs(1);
    }
    assert_eq!(offer(&server.ask(&discover(1))), (ip(10), Reason::OfferedQuarantined));
}

/// A lease that another device of the subscriber gives up is in use, and that is known.
#[test]
fn an_address_that_its_holder_gives_up_is_not_probed() {
    let mut network = probing(ProbeMethod::Icmp);
    network.subnets[0].reservations = vec![reservation(circuit(b"line"), ip(50))];
    let mut server = Server::new(network);
    let on_line = |client| on_circuit(b"line", discover(client));
    assert_eq!(server.probe(&on_line(1)).address, ip(50));
    server.probed(ip(50), ProbeResult::Unanswered);
    assert_eq!(server.reason(&on_line(1)), Reason::OfferedReserved);
    assert_eq!(server.reason(&on_circuit(b"line", selecting(1, ip(50)))), Reason::AckSelecting);
    server.pass_secs(100);
    assert_eq!(offer(&server.ask(&on_line(2))), (ip(50), Reason::OfferedReserved));
}

#[test]
fn after_a_loss_of_records_addresses_without_a_record_are_probed() {
    let mut network = probing(ProbeMethod::Off);
    network.after_data_loss = AfterDataLoss::Probe;
    let mut server = Server::new(network.clone());
    assert_eq!(server.reason(&discover(1)), Reason::OfferedFromPool);
    let mut server = Server::new(network);
    server.engine.set_no_records_since(server.now);
    let until = server.now.after_secs(86_400);
    assert_eq!(server.engine.records_missing_until(server.now), Some(until));
    server.lease_probed(1, ip(10));
    assert_eq!(server.reason(&release(1, ip(10))), Reason::ReleasedLease);
    server.pass_secs(120);
    // An address with a record is offered as usual, and so are all after the longest lease time.
    assert_eq!(offer(&server.ask(&discover(1))), (ip(10), Reason::OfferedPrevious));
    assert_eq!(server.probe(&on_interface(discover(2))).address, ip(11));
    server.pass_secs(86_400);
    assert_eq!(server.reason(&discover(3)), Reason::OfferedFromPool);
}

/// The table of probes is bounded: the oldest are forgotten.
#[test]
fn only_so_many_probes_are_remembered() {
    let mut network = probing(ProbeMethod::Icmp);
    network.subnets[0] = subnet("10.0.0.0/18", Vec::new());
    network.subnets[0].settings = probing(ProbeMethod::Icmp).subnets[0].settings.clone();
    let mut whole = pool("open", 10, 13);
    whole.last = Ipv4Addr::new(10, 0, 63, 0);
    network.subnets[0].pools = vec![whole];
    let mut server = Server::new(network);
    let probe = |engine: &mut Engine, now, number: u32| {
        let address = Ipv4Addr::from(u32::from(ip(10)) + number);
        engine.probed(now, address, ProbeResult::Unanswered);
        address
    };
    let addresses: Vec<_> =
        (0..5_000).map(|number| probe(&mut server.engine, server.now, number)).collect();
    let wish = |client, address| with(discover(client), |r| r.requested_address = Some(address));
    let latest = wish(1, addresses[4_999]);
    assert_eq!(server.reason(&latest), Reason::OfferedRequested);
    assert_eq!(server.probe(&wish(2, addresses[0])).address, addresses[0]);
}
