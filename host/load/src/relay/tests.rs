use std::sync::{Arc, Mutex};

use dhcproto::v4::{DhcpOption, OptionCode};

use super::*;
use crate::testing::{Responder, correct, octets};

const LONG: Duration = Duration::from_secs(5);
const SHORT: Duration = Duration::from_millis(50);
const SERVER: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);

fn relay(server: SocketAddrV4) -> Relay {
    let local = SocketAddrV4::new(Ipv4Addr::new(127, 0, 1, 1), 0);
    Relay::bind(local, server, Some(Ipv4Addr::new(100, 64, 0, 1))).unwrap()
}

fn subscriber() -> Subscriber {
    Subscriber::new([2, 0x4c, 0, 0, 0, 9], *b"olt1/1/3/onu17")
}

/// Creates a responder whose correct answers are changed before they are sent.
fn changed(mut change: impl FnMut(&Message, &mut Message) + Send + 'static) -> Responder {
    Responder::start(move |message| {
        let mut answer = correct(message);
        if let Some(answer) = &mut answer {
            change(message, answer);
        }
        answer.iter().map(octets).collect()
    })
}

#[test]
fn a_lease_is_acquired_and_everything_in_it_is_there_to_see() {
    let responder = Responder::correct();
    let mut relay = relay(responder.address);
    let acquired = relay.acquire(&subscriber(), LONG).unwrap();
    assert_eq!(acquired.address, Ipv4Addr::new(100, 64, 0, 9));
    assert_eq!(acquired.server_identifier, SERVER);
    assert_eq!(acquired.lease_time_secs, 3600);
    assert_eq!(acquired.subnet_mask, Some(Ipv4Addr::new(255, 255, 0, 0)));
    assert_eq!(acquired.routers, [Ipv4Addr::new(100, 64, 0, 1)]);
    let wanted = b"\x01\x0eolt1/1/3/onu17\x05\x04\x64\x40\x00\x01\x13\x00".to_vec();
    assert_eq!(acquired.relay_information, Some(wanted.clone()));
    assert_eq!(relay.relay_information(&subscriber()).unwrap(), wanted);
    assert_eq!(relay.strays(), 0);
}

#[test]
fn each_method_sends_its_message_and_takes_its_answer() {
    let heard = Arc::new(Mutex::new(Vec::new()));
    let listener = Arc::clone(&heard);
    let responder = changed(move |message, _| {
        listener.lock().unwrap().push(message.opts().msg_type().unwrap());
    });
    let mut relay = relay(responder.address);
    let (me, address) = (subscriber(), Ipv4Addr::new(100, 64, 0, 9));
    assert!(matches!(relay.discover(&me, LONG).unwrap(), Answer::Offer(_)));
    let answers = [
        relay.request_selecting(&me, address, SERVER, LONG).unwrap(),
        relay.init_reboot(&me, address, LONG).unwrap(),
        relay.renew(&me, address, LONG).unwrap(),
        relay.rebind(&me, address, LONG).unwrap(),
    ];
    for answer in answers {
        let Answer::Ack(acquired) = answer else { panic!("{answer:?}") };
        assert_eq!(acquired.address, address);
    }
    assert_eq!(relay.release(&me, address, SERVER, SHORT).unwrap(), Answer::Silence);
    assert_eq!(relay.decline(&me, address, SERVER, Duration::ZERO).unwrap(), Answer::Silence);
    let informed = relay.inform(&me, address, LONG).unwrap().unwrap();
    assert_eq!(informed.message_type, MessageType::Ack);
    assert_eq!((informed.lease_time_secs(), informed.client_address), (None, address));
    use MessageType::{Discover, Inform, Request};
    assert_eq!(*heard.lock().unwrap(), [Discover, Request, Request, Request, Request, Inform]);
}

#[test]
fn silence_ends_at_the_deadline_and_says_what_was_wanted() {
    let (_silent, server) = bind(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0)).unwrap();
    let mut relay = relay(server);
    let began = Instant::now();
    assert_eq!(relay.discover(&subscriber(), SHORT).unwrap(), Answer::Silence);
    let error = relay.acquire(&subscriber(), SHORT).unwrap_err();
    assert!(began.elapsed() >= 2 * SHORT);
    assert!(began.elapsed() < LONG);
    assert_eq!(error.to_string(), "no answer to DISCOVER within 50ms; wanted OFFER");
}

#[test]
fn strays_are_counted_and_the_last_one_explains_itself() {
    let responder = Responder::start(|message| {
        let answer = correct(message).unwrap();
        let (mut other_xid, mut other_chaddr) = (answer.clone(), answer);
        other_xid.set_xid(7);
        other_chaddr.set_chaddr(&[0; 6]);
        vec![octets(&other_xid), octets(&other_chaddr), b"rubbish".to_vec()]
    });
    let mut relay = relay(responder.address);
    let error = relay.acquire(&subscriber(), Duration::from_secs(1)).unwrap_err();
    assert_eq!(relay.strays(), 3);
    assert_eq!(
        error.to_string(),
        "no answer to DISCOVER within 1s; wanted OFFER; 3 other datagrams arrived, the last one: 7 \
         octets are too few for a reply; wanted at least 240"
    );
}

#[test]
fn a_flood_of_strays_does_not_move_the_deadline() {
    let responder = Responder::start(|_| vec![b"rubbish".to_vec(); 20_000]);
    let mut relay = relay(responder.address);
    let began = Instant::now();
    assert_eq!(relay.discover(&subscriber(), SHORT).unwrap(), Answer::Silence);
    assert!(began.elapsed() < LONG);
    assert!(relay.strays() > 0);
}

#[test]
fn a_nak_is_an_answer_and_for_acquire_an_error() {
    let responder = changed(|message, answer| {
        if message.opts().msg_type() == Some(MessageType::Request) {
            answer.set_flags(message.flags().set_broadcast());
            answer.opts_mut().insert(DhcpOption::MessageType(MessageType::Nak));
            answer.opts_mut().insert(DhcpOption::Message("taken".to_owned()));
        }
    });
    let mut relay = relay(responder.address);
    let answer = relay.init_reboot(&subscriber(), Ipv4Addr::new(100, 64, 0, 3), LONG).unwrap();
    let Answer::Nak { message, reply } = answer else { panic!("{answer:?}") };
    assert_eq!(message.as_deref(), Some("taken"));
    assert!(reply.is_broadcast());
    let error = relay.acquire(&subscriber(), LONG).unwrap_err();
    assert_eq!(error.to_string(), "REQUEST (selecting) was answered with NAK (taken); wanted ACK");
}

#[test]
fn an_answer_of_the_wrong_type_is_an_error() {
    let responder = changed(|_, answer| {
        answer.opts_mut().insert(DhcpOption::MessageType(MessageType::Ack));
    });
    let mut relay = relay(responder.address);
    let error = relay.discover(&subscriber(), LONG).unwrap_err();
    assert_eq!(error.to_string(), "DISCOVER was answered with ACK; wanted OFFER");
}

#[test]
fn acquire_audits_what_it_gets() {
    let error_of = |change: fn(&Message, &mut Message)| {
        let responder = changed(change);
        relay(responder.address).acquire(&subscriber(), LONG).unwrap_err().to_string()
    };
    let not_echoed = error_of(|_, answer| {
        answer.opts_mut().remove(OptionCode::RelayAgentInformation);
    });
    assert!(
        not_echoed.starts_with("in the answer to DISCOVER: option 82 was returned as absent; 010e"),
        "{not_echoed}"
    );
    let broken_word = error_of(|message, answer| {
        if message.opts().msg_type() == Some(MessageType::Request) {
            answer.opts_mut().remove(OptionCode::Router);
        }
    });
    assert_eq!(
        broken_word,
        "in the answer to REQUEST (selecting): the ACK differs from the OFFER: \
         option 3 is 64400001, then absent"
    );
}

#[test]
fn messages_can_be_changed_before_they_are_sent() {
    let heard = Arc::new(Mutex::new(Vec::new()));
    let listener = Arc::clone(&heard);
    let responder = changed(move |message, _| listener.lock().unwrap().push(message.secs()));
    let mut relay = relay(responder.address);
    let mut message = relay.message(&subscriber(), MessageType::Discover).unwrap();
    message.set_secs(99);
    let reply = relay.exchange(&message, LONG).unwrap().unwrap();
    assert_eq!(reply.message_type, MessageType::Offer);
    assert_ne!(relay.message(&subscriber(), MessageType::Discover).unwrap().xid(), message.xid());
    let mut raw = octets(&message);
    raw[9] = 98;
    assert!(relay.exchange_octets(&raw, LONG).unwrap().is_some());
    assert_eq!(*heard.lock().unwrap(), [99, 98]);
    let error = relay.exchange_octets(&raw[..239], LONG).unwrap_err();
    assert!(matches!(error, ExchangeError::Unusable { .. }));
    raw[2] = 17;
    assert!(relay.exchange_octets(&raw, LONG).is_err());
}
