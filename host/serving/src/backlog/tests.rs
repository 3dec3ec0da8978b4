use std::net::SocketAddrV4;

use super::*;

fn label(urgency: Urgency, relay: u64, line: u64, client: u64) -> Label {
    Label { urgency, relay, line, client, message: 1, octets: 300, thinned_by: None }
}

/// Pushes a message. Returns what was dropped for it or instead of it.
fn push<T: Copy>(
    backlog: &mut Backlog<T>,
    at: Instant,
    label: Label,
    message: T,
) -> Vec<(Reason, T)> {
    if let Err(reason) = backlog.admit(at, &label) {
        return vec![(reason, message)];
    }
    let dropped = backlog.insert(at, label, message);
    dropped.into_iter().map(|(_, other)| (Reason::CrowdedOut, other)).collect()
}

fn drained(backlog: &mut Backlog<u64>, now: Instant) -> Vec<u64> {
    let mut due = Vec::new();
    while let Some(taken) = backlog.next(now) {
        if let Taken::Due(message) = taken {
            due.push(message);
        }
    }
    assert!(backlog.is_empty() && backlog.by_client.is_empty() && backlog.octets == 0);
    due
}

#[test]
fn renewals_come_first_and_discovers_last() {
    let now = Instant::now();
    let mut backlog = Backlog::new(100);
    for (client, urgency) in [Urgency::Least, Urgency::Other, Urgency::Renewal].iter().enumerate() {
        let client = client as u64;
        assert!(push(&mut backlog, now, label(*urgency, 1, client, client), client).is_empty());
    }
    assert_eq!(drained(&mut backlog, now), [2, 1, 0]);
}

#[test]
fn forged_renewals_leave_turns_to_the_others() {
    let now = Instant::now();
    let mut backlog = Backlog::new(1000);
    for client in 0..160 {
        push(&mut backlog, now, label(Urgency::Renewal, 1, client, client), 0);
        push(&mut backlog, now, label(Urgency::Other, 1, client, 1000 + client), 1);
        push(&mut backlog, now, label(Urgency::Least, 1, client, 2000 + client), 2);
    }
    let mut served = [0; 3];
    for _ in 0..160 {
        let Some(Taken::Due(kind)) = backlog.next(now) else { panic!("something waits") };
        served[kind] += 1;
    }
    assert_eq!(served, [130, 20, 10]);
}

#[test]
fn the_order_of_one_clients_messages_stays() {
    let now = Instant::now();
    let mut backlog = Backlog::new(100);
    let client = 7;
    // The client sends messages of all kinds, directly and through its relay, with others in
    // between.
    let mut sent = Vec::new();
    for (number, (urgency, relay)) in [
        (Urgency::Least, 1),
        (Urgency::Other, 0),
        (Urgency::Least, 1),
        (Urgency::Renewal, 0),
        (Urgency::Other, 1),
    ]
    .into_iter()
    .enumerate()
    {
        let number = number as u64;
        let label = Label { message: number, ..label(urgency, relay, 1, client) };
        assert!(push(&mut backlog, now, label, number).is_empty());
        sent.push(number);
        for other in [Urgency::Renewal, Urgency::Other, Urgency::Least] {
            push(&mut backlog, now, self::label(other, 1, 2, 100 + number), 100 + number);
        }
    }
    let served = drained(&mut backlog, now);
    let of_client: Vec<_> = served.into_iter().filter(|message| *message < 100).collect();
    assert_eq!(of_client, sent);
}

/// What the backlog gives of one kind.
fn drained_of(backlog: &mut Backlog<u64>, urgency: Urgency, now: Instant) -> Vec<u64> {
    let due = std::iter::from_fn(|| match backlog.next_of(urgency, now)? {
        Taken::Due(message) | Taken::TooOld(message, _) => Some(message),
    });
    due.collect()
}

#[test]
fn the_order_of_one_clients_messages_stays_while_only_one_kind_is_decided() {
    let now = Instant::now();
    let mut backlog = Backlog::new(100);
    let (client, other) = (7, 8);
    // The client starts over after its RELEASE, over two lines, and repeats itself there.
    for (number, urgency, line, client) in [
        (1, Urgency::Least, 2, client),
        (2, Urgency::Least, 1, client),
        (3, Urgency::Other, 1, client),
        (4, Urgency::Least, 1, client),
        (5, Urgency::Least, 2, client),
        (6, Urgency::Least, 1, other),
        (7, Urgency::Renewal, 1, other),
    ] {
        let label = Label { message: number, ..label(urgency, 1, line, client) };
        assert!(push(&mut backlog, now, label, number).is_empty());
    }
    let decided = drained_of(&mut backlog, Urgency::Least, now);
    assert_eq!(decided.iter().copied().filter(|message| *message < 6).collect::<Vec<_>>(), [1, 2]);
    assert!(decided.contains(&6) && decided.len() == 3);
    assert!(!backlog.holds(Urgency::Least), "what waits for a RELEASE waits beside it");
    assert_eq!(backlog.len(), 4);
    assert_eq!(drained(&mut backlog, now), [7, 3, 4, 5]);
}

#[test]
fn what_was_next_already_does_not_lose_its_order_when_only_one_kind_is_decided() {
    let now = Instant::now();
    let mut backlog = Backlog::new(100);
    for (number, urgency) in
        [(1, Urgency::Other), (2, Urgency::Least), (3, Urgency::Least), (4, Urgency::Renewal)]
    {
        let label = Label { message: number, ..label(urgency, 1, number, 7) };
        assert!(push(&mut backlog, now, label, number).is_empty());
    }
    // The renewal brings forward what its client sent before it.
    assert_eq!(backlog.next(now), Some(Taken::Due(1)));
    let later = Label { message: 5, ..label(Urgency::Least, 1, 5, 7) };
    assert!(push(&mut backlog, now, later, 5).is_empty());
    let mut decided = drained_of(&mut backlog, Urgency::Least, now);
    decided.extend(drained(&mut backlog, now));
    assert_eq!(decided, [2, 3, 4, 5]);
}

#[test]
fn a_message_that_is_repeated_takes_one_place_and_waits_on() {
    let now = Instant::now();
    let later = now + Duration::from_millis(3_500);
    let mut backlog = Backlog::new(100);
    let discover = label(Urgency::Least, 1, 1, 7);
    assert!(push(&mut backlog, now, discover, 1).is_empty());
    assert_eq!(push(&mut backlog, later, discover, 2), [(Reason::AlreadyWaiting, 2)]);
    let new_transaction = Label { message: 2, ..discover };
    assert!(push(&mut backlog, later, new_transaction, 3).is_empty());
    let elsewhere = Label { line: 2, ..discover };
    assert!(push(&mut backlog, later, elsewhere, 4).is_empty(), "another line with the same name");
    assert_eq!(drained(&mut backlog, later + Duration::from_secs(1)), [1, 3, 4]);
}

#[test]
fn what_is_older_than_a_client_waits_is_not_served() {
    let now = Instant::now();
    let mut backlog = Backlog::new(100);
    push(&mut backlog, now, label(Urgency::Renewal, 1, 1, 1), 1);
    push(&mut backlog, now + Duration::from_secs(1), label(Urgency::Renewal, 1, 1, 2), 2);
    let age = AGE_MAX + Duration::from_millis(1);
    assert_eq!(backlog.next(now + age), Some(Taken::TooOld(1, age)));
    assert_eq!(backlog.next(now + age), Some(Taken::Due(2)));
    assert_eq!(backlog.next(now + age), None);
}

#[test]
fn without_room_the_least_urgent_of_the_busiest_line_gives_way() {
    let now = Instant::now();
    let mut backlog = Backlog::new(10);
    for client in 0..7 {
        assert!(push(&mut backlog, now, label(Urgency::Least, 1, 1, client), client).is_empty());
    }
    for client in 10..13 {
        assert!(
            push(&mut backlog, now, label(Urgency::Least, 1, client, client), client).is_empty()
        );
    }
    let renewal = label(Urgency::Renewal, 1, 1, 100);
    assert_eq!(push(&mut backlog, now, renewal, 100), [(Reason::CrowdedOut, 0)]);
    let other_line = label(Urgency::Least, 1, 20, 20);
    assert_eq!(push(&mut backlog, now, other_line, 20), [(Reason::CrowdedOut, 1)]);
    assert_eq!(backlog.len(), 10);
    // If no less urgent message waits, the new message is dropped itself.
    let mut renewals = Backlog::new(2);
    for client in 0..2 {
        push(&mut renewals, now, label(Urgency::Renewal, 1, client, client), client);
    }
    let discover = label(Urgency::Least, 2, 1, 9);
    assert_eq!(push(&mut renewals, now, discover, 9), [(Reason::CrowdedOut, 9)]);
}

#[test]
fn what_would_give_way_itself_is_not_admitted() {
    let now = Instant::now();
    let mut backlog = Backlog::new(4);
    for client in 0..4 {
        push(&mut backlog, now, label(Urgency::Least, 1, client, client), client);
    }
    let new_line = label(Urgency::Least, 1, 9, 9);
    assert_eq!(backlog.admit(now, &new_line), Err(Reason::CrowdedOut));
    // A repetition shows that the client still waits, even when there is no room.
    let later = now + Duration::from_secs(3);
    let repeated = label(Urgency::Least, 1, 0, 0);
    assert_eq!(push(&mut backlog, later, repeated, 0), [(Reason::AlreadyWaiting, 0)]);
    // Another relay has no waiting message, and gets a place.
    let new_relay = label(Urgency::Least, 2, 9, 9);
    assert_eq!(push(&mut backlog, now, new_relay, 9).len(), 1);
    assert_eq!(backlog.len(), 4);
    assert!(backlog.lanes[Urgency::Least.lane()].has(&[2, 9]));
}

#[test]
fn lines_are_even_until_one_holds_more_than_a_few() {
    let now = Instant::now();
    let mut backlog = Backlog::new(1000);
    let of = |relay, line, client| label(Urgency::Least, relay, line, client);
    assert!(!backlog.has_even_lines(&of(1, 0, 0)), "the relay has no lines");
    for client in 0..100 {
        push(&mut backlog, now, of(1, client / 4, client), client);
        push(&mut backlog, now, of(2, client.min(95), 1_000 + client), client);
    }
    assert!(backlog.has_even_lines(&of(1, 7, 7)));
    assert!(!backlog.has_even_lines(&of(2, 7, 7)), "its last line holds five");
    push(&mut backlog, now, of(1, 0, 5_000), 0);
    assert!(!backlog.has_even_lines(&of(1, 7, 7)));
}

#[test]
fn forged_renewals_leave_places_to_the_others() {
    let now = Instant::now();
    let mut backlog = Backlog::new(160);
    for client in 0..1000 {
        push(&mut backlog, now, label(Urgency::Renewal, 1, 1, client), client);
        let others = [(Urgency::Other, 2000), (Urgency::Least, 4000)];
        for (urgency, number) in others.into_iter().filter(|_| client < 200) {
            let number = number + client;
            push(&mut backlog, now, label(urgency, 1, number, number), number);
        }
    }
    let held: Vec<_> = backlog.lanes.iter().map(Queue::len).collect();
    assert_eq!(held, [130, 20, 10]);
}

#[test]
fn a_client_has_a_few_places_only() {
    let now = Instant::now();
    let mut backlog = Backlog::new(100);
    let mut refused = 0;
    for message in 0..50 {
        let label = Label { message, ..label(Urgency::Least, 1, 1, 7) };
        refused += push(&mut backlog, now, label, message).len();
    }
    assert_eq!((backlog.len(), refused), (MESSAGES_OF_CLIENT_MAX, 50 - MESSAGES_OF_CLIENT_MAX));
}

#[test]
fn long_messages_take_more_room() {
    let now = Instant::now();
    let mut backlog = Backlog::new(100);
    for client in 0..100 {
        let label = Label { octets: 2048, ..label(Urgency::Least, client, 1, client) };
        push(&mut backlog, now, label, client);
    }
    assert_eq!(backlog.len(), 25);
    assert_eq!(backlog.drain().count(), 25);
    assert!(backlog.is_empty() && backlog.octets == 0);
}

#[test]
fn labels_tell_kinds_relays_lines_and_clients_apart() {
    use lessor_load::dhcproto::v4::{
        DhcpOption, MessageType,
        relay::{RelayAgentInformation, RelayInfo},
    };

    use crate::testing::packet;

    let mut labeller = Labeller::default();
    let line = |circuit: &[u8]| {
        let mut information = RelayAgentInformation::default();
        information.insert(RelayInfo::AgentCircuitId(circuit.to_vec()));
        DhcpOption::RelayAgentInformation(information)
    };
    let relay = std::net::Ipv4Addr::new(10, 0, 0, 254);
    let source = SocketAddrV4::new(relay, 67);
    let mut of = |kind, client, circuit: &[u8], options: Vec<DhcpOption>| {
        let options = [vec![line(circuit)], options].concat();
        labeller.label(0, source, &packet(kind, client, relay, options))
    };
    let discover = of(MessageType::Discover, 1, b"a", vec![]);
    assert_eq!(discover.urgency, Urgency::Least);
    let address = std::net::Ipv4Addr::new(10, 0, 0, 1);
    let request = of(MessageType::Request, 1, b"a", vec![DhcpOption::RequestedIpAddress(address)]);
    assert_eq!(request.urgency, Urgency::Other);
    assert_eq!((discover.thinned_by, request.thinned_by), (Some(relay), None));
    let late = of(MessageType::Discover, 1, b"a", vec![DhcpOption::Hostname("pc".to_owned())]);
    assert_eq!(late.thinned_by, None, "option 53 is not the first one");
    assert_eq!((request.path(), request.client), (discover.path(), discover.client));
    assert!(!discover.is_repeated_by(&request) && discover.is_repeated_by(&discover));
    let neighbour = of(MessageType::Discover, 2, b"b", vec![]);
    assert_eq!(neighbour.relay, discover.relay);
    assert_ne!((neighbour.line, neighbour.client), (discover.line, discover.client));

    let mut renewal = packet(MessageType::Request, 1, std::net::Ipv4Addr::UNSPECIFIED, vec![]);
    renewal[12..16].copy_from_slice(&address.octets());
    let renewal_label = labeller.label(0, SocketAddrV4::new(address, 68), &renewal);
    assert_eq!(renewal_label.urgency, Urgency::Renewal);
    assert_eq!(renewal_label.client, discover.client);
    let elsewhere = labeller.label(0, SocketAddrV4::new([10, 0, 0, 2].into(), 68), &renewal);
    assert_eq!(elsewhere.relay, renewal_label.relay);
    assert_ne!(elsewhere.line, renewal_label.line);
    let noise = [(); 2].map(|()| labeller.label(0, source, b"noise"));
    assert_eq!(noise[0].urgency, Urgency::Least);
    assert_ne!(noise[0].client, noise[1].client);
}
