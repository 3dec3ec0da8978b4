//! One relay agent with its socket: single exchanges, one after the other, for demonstrations and
//! tests.
//!
//! It forwards for any number of subscribers and waits for each answer; every wait has a deadline.
//! Nothing is sent twice: a lost datagram appears as silence.

use std::{
    io,
    net::{Ipv4Addr, SocketAddrV4, UdpSocket},
    time::{Duration, Instant},
};

use dhcproto::{
    error::DecodeError,
    v4::{Message, MessageType, borrowed},
};

use crate::{
    acquired::Acquired,
    audit,
    error::ExchangeError,
    intent::Intent,
    message::{Asked, RelayAgent, information_octets, octets_of},
    mistake::Violation,
    reply::Reply,
    socket::bind,
    subscriber::Subscriber,
};

/// A relay agent: a bound socket, whose address is used as giaddr.
///
/// If it is not bound to port 67, its messages request replies at their source port (RFC 8357).
#[derive(Debug)]
pub struct Relay {
    socket: UdpSocket,
    local: SocketAddrV4,
    server: SocketAddrV4,
    agent: RelayAgent,
    next_xid: u32,
    strays: u64,
    last_stray: Option<String>,
}

/// The answer of a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// An OFFER.
    Offer(Acquired),
    /// An ACK to a REQUEST.
    Ack(Acquired),
    /// A NAK, with the reason if the server sent one.
    Nak {
        /// Option 56.
        message: Option<String>,
        /// The complete reply.
        reply: Reply,
    },
    /// No answer before the deadline.
    Silence,
}

impl Relay {
    /// Binds a socket at `local`, whose address becomes giaddr; with port 0 the system chooses the
    /// port.
    ///
    /// `link_selection` names the subnet of the subscribers (RFC 3527), which is required if giaddr
    /// is outside of it.
    ///
    /// # Errors
    /// If `local` is not an address of this machine or is 0.0.0.0, or the port is in use.
    pub fn bind(
        local: SocketAddrV4,
        server: SocketAddrV4,
        link_selection: Option<Ipv4Addr>,
    ) -> io::Result<Self> {
        let (socket, local) = bind(local)?;
        Ok(Self {
            socket,
            local,
            server,
            agent: RelayAgent::new(local, link_selection),
            next_xid: Message::default().xid(),
            strays: 0,
            last_stray: None,
        })
    }

    /// Binds a client's own socket at its address: giaddr and option 82 are not set.
    pub(crate) fn absent(local: SocketAddrV4, server: SocketAddrV4) -> io::Result<Self> {
        Ok(Self { agent: RelayAgent::absent(), ..Self::bind(local, server, None)? })
    }

    /// Returns the address of the socket, which is also giaddr.
    pub fn local_address(&self) -> SocketAddrV4 {
        self.local
    }

    /// Returns how many datagrams arrived that answered none of the messages.
    pub fn strays(&self) -> u64 {
        self.strays
    }

    /// Returns option 82 of this subscriber's broadcasts, without code and length.
    pub fn relay_information(&self, subscriber: &Subscriber) -> Result<Vec<u8>, ExchangeError> {
        information_octets(&self.agent.relay_information(subscriber, false))
    }

    /// Sends a DISCOVER and expects an OFFER.
    pub fn discover(
        &mut self,
        subscriber: &Subscriber,
        timeout: Duration,
    ) -> Result<Answer, ExchangeError> {
        self.ask(subscriber, Intent::Discover, timeout)
    }

    /// Sends a REQUEST after an OFFER (state SELECTING).
    pub fn request_selecting(
        &mut self,
        subscriber: &Subscriber,
        address: Ipv4Addr,
        server_identifier: Ipv4Addr,
        timeout: Duration,
    ) -> Result<Answer, ExchangeError> {
        self.ask(subscriber, Intent::Select { address, server_identifier }, timeout)
    }

    /// Sends a REQUEST of a client that remembers its address (state INIT-REBOOT).
    pub fn init_reboot(
        &mut self,
        subscriber: &Subscriber,
        address: Ipv4Addr,
        timeout: Duration,
    ) -> Result<Answer, ExchangeError> {
        self.ask(subscriber, Intent::InitReboot { address }, timeout)
    }

    /// Sends a REQUEST of a client that extends its lease (state RENEWING). It goes through the
    /// relay, which notes that the client sent it to the server's address (RFC 5010).
    pub fn renew(
        &mut self,
        subscriber: &Subscriber,
        address: Ipv4Addr,
        timeout: Duration,
    ) -> Result<Answer, ExchangeError> {
        self.ask(subscriber, Intent::Renew { address }, timeout)
    }

    /// Sends a REQUEST of a client that extends its lease with any server (state REBINDING).
    pub fn rebind(
        &mut self,
        subscriber: &Subscriber,
        address: Ipv4Addr,
        timeout: Duration,
    ) -> Result<Answer, ExchangeError> {
        self.ask(subscriber, Intent::Rebind { address }, timeout)
    }

    /// Sends a RELEASE; a correct server is silent. With a timeout of zero no answer is waited for.
    pub fn release(
        &mut self,
        subscriber: &Subscriber,
        address: Ipv4Addr,
        server_identifier: Ipv4Addr,
        timeout: Duration,
    ) -> Result<Answer, ExchangeError> {
        self.ask(subscriber, Intent::Release { address, server_identifier }, timeout)
    }

    /// Sends a DECLINE; a correct server is silent. With a timeout of zero no answer is waited for.
    pub fn decline(
        &mut self,
        subscriber: &Subscriber,
        address: Ipv4Addr,
        server_identifier: Ipv4Addr,
        timeout: Duration,
    ) -> Result<Answer, ExchangeError> {
        self.ask(subscriber, Intent::Decline { address, server_identifier }, timeout)
    }

    /// Sends an INFORM and expects an ACK with parameters and without a lease, which is returned as
    /// it is.
    pub fn inform(
        &mut self,
        subscriber: &Subscriber,
        address: Ipv4Addr,
        timeout: Duration,
    ) -> Result<Option<Reply>, ExchangeError> {
        let intent = Intent::Inform { address };
        let message = self.agent.message(subscriber, intent, self.next_xid)?;
        self.exchange(&message, timeout)
    }

    /// Performs DISCOVER, OFFER, REQUEST, ACK, and audits both replies. Each reply may take
    /// `timeout`.
    ///
    /// # Errors
    /// If there is silence, a NAK, or a mistake that the audit knows.
    pub fn acquire(
        &mut self,
        subscriber: &Subscriber,
        timeout: Duration,
    ) -> Result<Acquired, ExchangeError> {
        let began = Instant::now();
        let offer = self.audited(subscriber, Intent::Discover, "OFFER", timeout)?;
        let (address, server_identifier) = (offer.address, offer.server_identifier);
        let select = Intent::Select { address, server_identifier };
        let ack = self.audited(subscriber, select, "ACK", timeout)?;
        match audit::of_ack_after_offer(&offer, &ack, began.elapsed()) {
            None => Ok(ack),
            Some(found) => Err(mistake(select, found)),
        }
    }

    /// Returns a message of this subscriber as the relay forwards it, for tests that change it:
    /// header, option 53, the subscriber's options, option 82, a new transaction id.
    pub fn message(
        &self,
        subscriber: &Subscriber,
        message_type: MessageType,
    ) -> Result<Message, ExchangeError> {
        self.agent.envelope(subscriber, message_type, self.next_xid, false)
    }

    /// Sends a message and waits for the reply with its transaction id and hardware address, of any
    /// type. Returns `None` if none arrives in time. The reply is not audited.
    pub fn exchange(
        &mut self,
        message: &Message,
        timeout: Duration,
    ) -> Result<Option<Reply>, ExchangeError> {
        self.exchange_octets(&octets_of(message)?, timeout)
    }

    /// Like [`Relay::exchange`], with octets that dhcproto would not write. There must be at least
    /// the 240 octets of the header.
    pub fn exchange_octets(
        &mut self,
        octets: &[u8],
        timeout: Duration,
    ) -> Result<Option<Reply>, ExchangeError> {
        let asked = borrowed::Message::new(octets)
            .and_then(|asked| match asked.hlen() {
                0..=16 => Ok((asked.xid(), asked.chaddr().to_owned())),
                _ => Err(DecodeError::NotEnoughBytes),
            })
            .map_err(|source| ExchangeError::Unusable { source })?;
        let (xid, hardware_address) = asked;
        self.next_xid = xid.wrapping_add(1);
        self.socket
            .send_to(octets, self.server)
            .map_err(|source| ExchangeError::Socket { doing: "sending", source })?;
        self.wait_for(xid, &hardware_address, timeout)
    }

    fn ask(
        &mut self,
        subscriber: &Subscriber,
        intent: Intent,
        timeout: Duration,
    ) -> Result<Answer, ExchangeError> {
        let message = self.agent.message(subscriber, intent, self.next_xid)?;
        match self.exchange(&message, timeout)? {
            Some(reply) => answer(intent, reply),
            None => Ok(Answer::Silence),
        }
    }

    /// Like `ask`, but returns an error unless it receives an OFFER or ACK without a mistake.
    fn audited(
        &mut self,
        subscriber: &Subscriber,
        intent: Intent,
        wanted: &'static str,
        timeout: Duration,
    ) -> Result<Acquired, ExchangeError> {
        let message = self.agent.message(subscriber, intent, self.next_xid)?;
        let asked = Asked::in_message(&message)?;
        let (sent, strays_before) = (intent.name(), self.strays);
        let Some(reply) = self.exchange(&message, timeout)? else {
            let strays = self.strays - strays_before;
            let last_stray = self.last_stray.take().filter(|_| strays > 0);
            let waited = timeout;
            return Err(ExchangeError::NoReply { sent, wanted, waited, strays, last_stray });
        };
        if let Some(found) = audit::of_any_reply(&asked, &reply).into_iter().next() {
            return Err(mistake(intent, found));
        }
        let found = match answer(intent, reply)? {
            Answer::Offer(acquired) | Answer::Ack(acquired) => return Ok(acquired),
            Answer::Nak { message: Some(message), .. } => format!("NAK ({message})"),
            Answer::Nak { message: None, .. } => "NAK".to_owned(),
            Answer::Silence => "silence".to_owned(),
        };
        Err(ExchangeError::Unwanted { sent, wanted, found })
    }

    fn wait_for(
        &mut self,
        xid: u32,
        hardware_address: &[u8],
        timeout: Duration,
    ) -> Result<Option<Reply>, ExchangeError> {
        let failed = |source| ExchangeError::Socket { doing: "receiving", source };
        let deadline = Instant::now() + timeout;
        let mut buffer = [0; DATAGRAM_OCTETS_MAX];
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(None);
            }
            self.socket.set_read_timeout(Some(left)).map_err(failed)?;
            let length = match self.socket.recv(&mut buffer) {
                Ok(length) => length,
                Err(error) if is_no_datagram(&error) => continue,
                Err(error) => return Err(failed(error)),
            };
            match Reply::read(buffer.get(..length).unwrap_or_default()) {
                Ok(reply) if reply.xid == xid && reply.hardware_address == hardware_address => {
                    return Ok(Some(reply));
                }
                Ok(reply) if reply.xid == xid => {
                    let found = hex::encode(reply.hardware_address);
                    self.stray(format!("chaddr is {found}"));
                }
                Ok(reply) => self.stray(format!("xid is {:#010x}", reply.xid)),
                Err(error) => self.stray(error.to_string()),
            }
        }
    }

    fn stray(&mut self, why: String) {
        self.strays += 1;
        self.last_stray = Some(why);
    }
}

/// Larger than any reply: servers respect option 57 of the request.
const DATAGRAM_OCTETS_MAX: usize = 4096;

/// Converts a reply to the answer that the subscriber sees.
fn answer(intent: Intent, reply: Reply) -> Result<Answer, ExchangeError> {
    let acquired = |reply| Acquired::from_reply(reply).map_err(|found| mistake(intent, found));
    let wanted = match intent {
        Intent::Discover => "OFFER",
        Intent::Release { .. } | Intent::Decline { .. } => "silence",
        Intent::Inform { .. } => "ACK",
        Intent::Select { .. }
        | Intent::InitReboot { .. }
        | Intent::Renew { .. }
        | Intent::Rebind { .. } => "ACK or NAK",
    };
    match (wanted, reply.message_type) {
        ("OFFER", MessageType::Offer) => Ok(Answer::Offer(acquired(reply)?)),
        ("ACK or NAK", MessageType::Ack) => Ok(Answer::Ack(acquired(reply)?)),
        ("ACK or NAK", MessageType::Nak) => Ok(Answer::Nak { message: reply.message(), reply }),
        (_, found) => {
            let found = format!("{found:?}").to_uppercase();
            Err(ExchangeError::Unwanted { sent: intent.name(), wanted, found })
        }
    }
}

fn mistake(intent: Intent, mistake: Violation) -> ExchangeError {
    ExchangeError::Mistake { sent: intent.name(), mistake: Box::new(mistake) }
}

fn is_no_datagram(error: &io::Error) -> bool {
    use io::ErrorKind::{Interrupted, TimedOut, WouldBlock};
    matches!(error.kind(), Interrupted | TimedOut | WouldBlock)
}

#[cfg(test)]
mod tests;
