//! Classes: what they set for replies, and which pools, keys and limits their clients have.

use std::sync::Arc;

use lessor_core::{
    AfterDataLoss, BeyondLimit, BootFileName, BootFiles, Class, ClassEffects, ClassLimit,
    ClientKey, ClientKeyKind, LeaseTimes, LimitBy, Network, OptionOrigin, OptionValue, PoolChoice,
    Reason, Request, SendRule, Terms,
};

use crate::support::*;

fn text(text: &str) -> OptionValue {
    OptionValue::Text(text.to_owned())
}

fn with_pools(name: &str, pools: &[&str]) -> Class {
    let pools = PoolChoice::new(pools.iter().map(|pool| Arc::from(*pool)));
    Class { pools, ..Class::named(name) }
}

fn limited_by(by: LimitBy, leases_max: u32, beyond: BeyondLimit) -> Class {
    let limit = ClassLimit { by, leases_max: leases_max.try_into().unwrap(), beyond };
    Class { limit: Some(limit), ..Class::named("limited") }
}

/// The request of a client that belongs to these classes.
fn of<const N: usize>(classes: [Class; N], request: Request) -> Request {
    Request { classes: classes.into_iter().collect(), ..request }
}

/// The reason of the OFFER or silence to each of these clients in turn, which then take the lease.
fn leased(server: &mut Server, requests: impl IntoIterator<Item = Request>) -> Vec<Reason> {
    let lease = |request: Request| {
        let decision = server.ask(&request);
        if let Some(reply) = &decision.reply {
            let selecting = with(request, |it| {
                it.kind = lessor_core::RequestKind::Request;
                it.requested_address = Some(reply.your_address);
                it.server_identifier = Some(SERVER);
            });
            assert_eq!(server.reason(&selecting), Reason::AckSelecting);
        }
        decision.reason
    };
    requests.into_iter().map(lease).collect()
}

#[test]
fn a_class_comes_between_reservation_and_pool_and_the_first_one_wins() {
    let mut network = network();
    let subnet = &mut network.subnets[0];
    let all = |level: &str| options([(12, text(level)), (15, text(level)), (17, text(level))]);
    subnet.options = options([(18, text("subnet")), (12, text("subnet"))]);
    subnet.pools[0].options = all("pool");
    subnet.reservations = vec![reservation(circuit(b"olt1"), ip(11))];
    subnet.reservations[0].options = options([(12, text("reservation"))]);
    let first = Class { options: options([(15, text("first"))]), ..Class::named("first") };
    let second = Class {
        options: options([(15, text("second")), (17, text("second"))]),
        ..Class::named("second")
    };
    let server = Server::new(network);
    let request = on_circuit(b"olt1", discover(1));
    let asked_for = [12, 15, 17, 18].into_iter().collect();
    let request = with(request, |it| it.parameter_request_list = asked_for);
    let request = of([first, second], request);
    let preview = server.engine.preview(server.now, 0, &request, &Terms::default());
    let reply = reply(&preview.decision);
    let found = |code| {
        let origin = preview.option_origins.iter().find(|(found, _)| *found == code).unwrap().1;
        (option(reply, code).unwrap().clone(), origin)
    };
    assert_eq!(found(12), (text("reservation"), OptionOrigin::Reservation));
    assert_eq!(found(15), (text("first"), OptionOrigin::Class(0)));
    assert_eq!(found(17), (text("second"), OptionOrigin::Class(1)));
    assert_eq!(found(18), (text("subnet"), OptionOrigin::Subnet));
    // Terms win over all of them.
    let terms = Terms { options: vec![(15, Some(text("policy").into()))], ..Terms::default() };
    let preview = server.engine.preview(server.now, 0, &request, &terms);
    assert!(preview.option_origins.contains(&(15, OptionOrigin::Policy)));
}

#[test]
fn a_class_sets_times_boot_fields_and_what_is_sent() {
    let mut server = Server::plain();
    let class = Class {
        options: options([(66, text("tftp"))]),
        settings: settings(|scope| {
            scope.times = LeaseTimes {
                default_secs: Some(7200),
                max_secs: Some(200_000),
                renewal: Some(lessor_core::LeasePart::Secs(600)),
                ..LeaseTimes::default()
            };
            scope.boot.next_server = Some(ip(9));
            scope.boot.files = BootFiles::for_all(BootFileName::new("f").unwrap());
            scope.sending.rules =
                [(66, SendRule::Always), (3, SendRule::Never)].into_iter().collect();
            scope.sending.always_broadcast = Some(true);
        }),
        ..Class::named("phones")
    };
    let decision = server.ask(&of([class.clone()], discover(1)));
    let found = reply(&decision);
    assert_eq!(lease_time_secs(&decision), 7200);
    assert_eq!(option(found, 58), Some(&OptionValue::U32(600)));
    assert_eq!((found.next_server_address, &*found.boot_file), (ip(9), "f"));
    assert_eq!(option(found, 66), Some(&text("tftp")));
    assert_eq!(option(found, 3), None);
    assert!(found.force_broadcast);
    let wanting = with(discover(1), |it| it.lease_time_secs = Some(1_000_000));
    assert_eq!(lease_time_secs(&server.ask(&of([class], wanting.clone()))), 200_000);
    let other = with(wanting, |it| it.hardware_address = hardware(2));
    let decision = server.ask(&other);
    assert_eq!(lease_time_secs(&decision), 86_400);
    assert!(option(reply(&decision), 3).is_some() && option(reply(&decision), 66).is_none());
}

#[test]
fn clients_get_addresses_of_the_pools_of_their_first_class_that_has_some_here() {
    let mut server = Server::plain();
    let garden = || with_pools("garden", &["elsewhere", "garden", "open"]);
    let open = || with_pools("open", &["open"]);
    let nowhere = || with_pools("nowhere", &["elsewhere"]);
    let mut first = |classes: Vec<Class>, client| {
        let request = Request { classes: classes.into_iter().collect(), ..discover(client) };
        offered(&server.ask(&request)).octets()[3]
    };
    assert_eq!(first(vec![], 1), 10);
    assert_eq!(first(vec![nowhere()], 2), 11);
    assert_eq!(first(vec![garden(), open()], 3), 100);
    assert_eq!(first(vec![open(), garden()], 4), 12);
    assert_eq!(first(vec![nowhere(), garden()], 5), 101);
    // The preferred pools are full, and the next one is not.
    assert_eq!(first(vec![garden()], 6), 13);
    let full = Request { classes: [garden()].into_iter().collect(), ..discover(7) };
    assert_eq!(server.reason(&full), Reason::NoFreeAddress);
}

#[test]
fn a_policy_and_a_reservation_come_before_the_pools_of_a_class() {
    let mut network = network();
    network.subnets[0].reservations = vec![reservation(circuit(b"olt1"), ip(50))];
    let mut server = Server::new(network);
    let class = || [with_pools("garden", &["garden"])];
    let decision = server.ask_under(&of(class(), discover(1)), &in_pool("open"));
    assert_eq!(offered(&decision), ip(10));
    let decision = server.ask_under(&of(class(), discover(2)), &at_address(ip(60)));
    assert_eq!(offered(&decision), ip(60));
    let decision = server.ask(&of(class(), on_circuit(b"olt1", discover(3))));
    assert_eq!(offer(&decision), (ip(50), Reason::OfferedReserved));
}

#[test]
fn a_client_that_joins_a_class_moves_to_its_pools() {
    let mut server = Server::plain();
    let address = server.lease(1);
    let class = || [with_pools("garden", &["garden"])];
    assert_eq!(server.reason(&of(class(), renewing(1, address))), Reason::NakOtherAddress);
    assert_eq!(offered(&server.ask(&of(class(), discover(1)))), ip(100));
    assert_eq!(server.reason(&renewing(1, address)), Reason::AckRenewing);
}

#[test]
fn a_class_says_by_what_its_clients_are_distinguished() {
    let class = || {
        let client_key = Some(ClientKeyKind::HardwareAddress);
        [Class { client_key, ..Class::named("rooms") }]
    };
    let network = Network {
        classes: ClassEffects { set_client_key: true, ..ClassEffects::default() },
        ..network()
    };
    let mut server = Server::new(network);
    let identified = |id: &[u8]| {
        let id: Box<[u8]> = id.into();
        with(discover(1), |it| it.client_identifier = Some(id))
    };
    let request = of(class(), identified(b"a"));
    assert_eq!(server.engine.client_of(&request), Some(key(1)));
    let address = offered(&server.ask(&request));
    // The same device under another identifier, for example after another operating system booted.
    assert_eq!(offered(&server.ask(&of(class(), identified(b"b")))), address);
    assert_ne!(offered(&server.ask(&identified(b"c"))), address);
    let other = server.engine.client_of(&identified(b"c"));
    assert_eq!(other, Some(ClientKey::Identifier(b"c"[..].into())));
}

#[test]
fn a_renewal_of_a_client_with_the_key_of_its_class_remembers_the_line() {
    let class = || {
        let client_key = Some(ClientKeyKind::HardwareAddress);
        [Class { client_key, ..Class::named("rooms") }]
    };
    let network = Network {
        classes: ClassEffects { set_client_key: true, ..ClassEffects::default() },
        ..network()
    };
    let mut server = Server::new(network);
    let identify = |it: &mut Request| it.client_identifier = Some(b"a"[..].into());
    let request = |request| of(class(), with(on_circuit(b"room/1", request), identify));
    let address = offered(&server.ask(&request(discover(1))));
    assert_eq!(server.reason(&request(selecting(1, address))), Reason::AckSelecting);
    // Its classes are not known yet.
    let renewal = with(renewing(1, address), identify);
    let remembered = server.engine.relay_information_of(&renewal).unwrap();
    assert_eq!(remembered.circuit_id(), Some(&b"room/1"[..]));
    let other = with(renewal, |it| it.hardware_address = hardware(2));
    assert!(server.engine.relay_information_of(&other).is_none());
}

#[test]
fn clients_of_a_class_share_its_limit_by_what_it_counts() {
    let refusing = |by| [limited_by(by, 1, BeyondLimit::Refuse)];
    let (offered, refused) = (Reason::OfferedFromPool, Reason::SubscriberLimit);
    let mut server = Server::plain();
    let requests = [1, 2].map(|client| of(refusing(LimitBy::Class), discover(client)));
    assert_eq!(leased(&mut server, requests), [offered, refused]);
    assert_eq!(server.record(1).subscriber.as_deref(), Some("limited"));

    let mut server = Server::plain();
    let on = |circuit: &[u8], client| {
        of(refusing(LimitBy::CircuitId), on_circuit(circuit, discover(client)))
    };
    // Octets and the text that looks like them are two circuits.
    let requests = [on(b"a", 1), on(b"a", 2), on(b"b", 3), on(b"\0", 4), on(b"hex:00", 5)];
    assert_eq!(leased(&mut server, requests), [offered, refused, offered, offered, offered]);
    let names = [1, 3, 4, 5].map(|client| server.record(client).subscriber.clone().unwrap());
    let wanted = ["limited/a", "limited/b", "limited/hex:00", "limited/hex:6865783a3030"];
    assert_eq!(names, wanted.map(Arc::from));

    // Without option 82 there is no account, and so no limit.
    let mut server = Server::plain();
    let requests = [1, 2].map(|client| of(refusing(LimitBy::Line), discover(client)));
    assert_eq!(leased(&mut server, requests), [offered, offered]);
}

#[test]
fn the_oldest_lease_of_a_room_gives_way_and_a_policy_has_its_own_limit() {
    let replacing = |client| {
        let class = limited_by(LimitBy::CircuitId, 2, BeyondLimit::ReplaceOldest);
        of([class], on_circuit(b"room/1", discover(client)))
    };
    let mut server = Server::plain();
    for client in 1..=3 {
        leased(&mut server, [replacing(client)]);
        server.pass_secs(1);
    }
    let active: Vec<bool> =
        [1, 2, 3].map(|client| server.record(client).is_active(server.now)).into();
    assert_eq!(active, [false, true, true]);
    let terms = limited("own", 1, BeyondLimit::Refuse);
    let decision = server.ask_under(&replacing(4), &terms);
    assert_eq!(decision.reason, Reason::OfferedFromPool);
    let preview = server.engine.preview(server.now, 0, &replacing(5), &Terms::default());
    assert_eq!(preview.decision.reason.outcome(), lessor_core::Outcome::Offer);
}

#[test]
fn addresses_are_held_for_as_long_as_a_class_may_have_leased_them() {
    let network = Network {
        after_data_loss: AfterDataLoss::Hold,
        classes: ClassEffects { longest_lease_secs: 1_000_000, ..ClassEffects::default() },
        ..network()
    };
    let mut server = Server::new(network);
    server.engine.set_no_records_since(server.now);
    server.pass_secs(90_000);
    assert_eq!(server.reason(&discover(1)), Reason::HeldAfterDataLoss);
    server.pass_secs(910_001);
    assert_eq!(server.reason(&discover(1)), Reason::OfferedFromPool);
}
