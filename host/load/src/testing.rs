//! Fixtures for the tests of several modules: a reply without mistakes, and a responder on a
//! socket.
//!
//! The responder answers DISCOVER and REQUEST well enough to exercise the subscribers' side; it is
//! not a server.

use std::{
    net::{Ipv4Addr, SocketAddrV4, UdpSocket},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};

use dhcproto::{
    Decodable, Decoder, Encodable, Encoder,
    v4::{DhcpOption, Message, MessageType, Opcode, OptionCode},
};

use crate::{message::Asked, reply::Reply};

/// Returns the message that [`offer`] answers.
pub(crate) fn asked() -> Asked {
    Asked {
        xid: 42,
        flags: 0,
        hardware_address: vec![2, 0x4c, 0, 0, 0, 7],
        relay_address: Ipv4Addr::new(127, 0, 1, 1),
        relay_information: Some(b"\x01\x01a".to_vec()),
        client_identifier: None,
    }
}

/// Returns an OFFER of 100.64.0.7 for two hours.
pub(crate) fn offer() -> Reply {
    let mut octets = vec![0; 236];
    octets[..8].copy_from_slice(&[2, 1, 6, 0, 0, 0, 0, 42]);
    octets[16..20].copy_from_slice(&[100, 64, 0, 7]);
    octets[24..28].copy_from_slice(&[127, 0, 1, 1]);
    octets[28..34].copy_from_slice(&[2, 0x4c, 0, 0, 0, 7]);
    octets.extend(
        b"\x63\x82\x53\x63\x35\x01\x02\x36\x04\xc0\x00\x02\x01\x33\x04\x00\x00\x1c\x20\
          \x3a\x04\x00\x00\x0e\x10\x03\x04\x64\x40\x00\x01\x52\x03\x01\x01a\xff",
    );
    Reply::read(&octets).unwrap()
}

/// A socket that sends configured answers until it is dropped.
pub(crate) struct Responder {
    pub(crate) address: SocketAddrV4,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Responder {
    /// Answers each message with the datagrams that `answers` returns for it.
    pub(crate) fn start(
        mut answers: impl FnMut(&Message) -> Vec<Vec<u8>> + Send + 'static,
    ) -> Self {
        let (socket, address) =
            crate::socket::bind(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0)).unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = std::thread::spawn(move || serve(&socket, &stopped, &mut answers));
        Self { address, stop, thread: Some(thread) }
    }

    /// Creates a responder without mistakes: client number n gets 100.64.0.0 + n for an hour.
    pub(crate) fn correct() -> Self {
        Self::start(|message| correct(message).iter().map(octets).collect())
    }
}

impl Drop for Responder {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.take().unwrap().join().unwrap();
    }
}

fn serve(socket: &UdpSocket, stop: &AtomicBool, answers: &mut dyn FnMut(&Message) -> Vec<Vec<u8>>) {
    let mut buffer = [0; 2048];
    while !stop.load(Ordering::Relaxed) {
        let Ok((length, from)) = socket.recv_from(&mut buffer) else { continue };
        let message = Message::decode(&mut Decoder::new(&buffer[..length])).unwrap();
        for answer in answers(&message) {
            socket.send_to(&answer, from).unwrap();
        }
    }
}

/// Returns the correct answer to a DISCOVER, REQUEST or INFORM, and `None` for other messages.
pub(crate) fn correct(message: &Message) -> Option<Message> {
    let answer_type = match message.opts().msg_type()? {
        MessageType::Discover => MessageType::Offer,
        MessageType::Request | MessageType::Inform => MessageType::Ack,
        _ => return None,
    };
    let number = message.chaddr().last_chunk::<4>().copied().map(u32::from_be_bytes)?;
    let mut answer = Message::new_with_id(
        message.xid(),
        message.ciaddr(),
        Ipv4Addr::from(0x6440_0000 + number),
        Ipv4Addr::UNSPECIFIED,
        message.giaddr(),
        message.chaddr(),
    );
    answer.set_opcode(Opcode::BootReply).set_flags(message.flags());
    let options = answer.opts_mut();
    options.insert(DhcpOption::MessageType(answer_type));
    options.insert(DhcpOption::ServerIdentifier(Ipv4Addr::new(192, 0, 2, 1)));
    options.insert(DhcpOption::SubnetMask(Ipv4Addr::new(255, 255, 0, 0)));
    options.insert(DhcpOption::Router(vec![Ipv4Addr::new(100, 64, 0, 1)]));
    if message.opts().msg_type() == Some(MessageType::Inform) {
        answer.set_yiaddr(Ipv4Addr::UNSPECIFIED);
    } else {
        answer.opts_mut().insert(DhcpOption::AddressLeaseTime(3600));
    }
    for code in [OptionCode::ClientIdentifier, OptionCode::RelayAgentInformation] {
        if let Some(option) = message.opts().get(code) {
            answer.opts_mut().insert(option.clone());
        }
    }
    Some(answer)
}

pub(crate) fn octets(message: &Message) -> Vec<u8> {
    let mut octets = Vec::new();
    message.encode(&mut Encoder::new(&mut octets)).unwrap();
    octets
}
