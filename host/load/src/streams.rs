//! Streams: prepared messages, sent at a rate that does not depend on the answers.
//!
//! [`crate::run`] waits for its window, so it slows down with the server. That measures the
//! server's capacity, and hides what happens to clients that do not wait for each other. Here each
//! stream has its own rate, and nothing is repeated. Replies are recognised by xid and message type
//! only; [`crate::run`] audits their contents.

mod run;

use std::{
    net::{SocketAddrV4, UdpSocket},
    time::Duration,
};

use anyhow::{Context, ensure};
use nix::sys::socket::{setsockopt, sockopt};
use serde::Serialize;

use crate::{
    intent::Intent,
    message::{RelayAgent, octets_of},
    report::Percentiles,
    socket,
    subscriber::Subscriber,
};

use self::run::Run;

/// The message of one subscriber in a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Saying {
    /// A DISCOVER.
    Discover,
    /// A REQUEST that renews the lease of this address, through the relay.
    Renew(std::net::Ipv4Addr),
}

/// Messages that are sent in turn, repeatedly, each time with a new xid.
#[derive(Clone, Debug)]
pub struct Stream {
    /// The name of the stream in the report.
    pub name: String,
    /// The number of messages per second; in a closed loop, only the ratio to other streams counts.
    pub per_sec: f64,
    messages: Vec<Vec<u8>>,
}

/// Determines when a message is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Drive {
    /// As soon as fewer than this number wait for their answers.
    Closed(usize),
    /// When it is due, whatever happened to earlier messages.
    Open,
}

/// A relay that sends streams.
#[derive(Debug)]
pub struct StreamRelay {
    socket: UdpSocket,
    agent: RelayAgent,
}

/// The results of a stream.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct StreamReport {
    /// The stream's name.
    pub name: String,
    /// Messages sent.
    pub sent: u64,
    /// Messages answered by an OFFER or an ACK.
    pub answered: u64,
    /// Messages answered by a NAK.
    pub naks: u64,
    /// How long it took until messages were answered.
    pub latency: Percentiles,
}

/// The results of all streams.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct StreamsReport {
    /// The results of each stream, in the given order.
    pub streams: Vec<StreamReport>,
    /// How long messages were sent.
    pub elapsed_secs: f64,
    /// Answers per second, without NAKs.
    pub answered_per_sec: f64,
    /// Replies that were dropped because this side did not read in time, if known.
    pub replies_dropped_here: Option<u64>,
}

/// The number of messages in one system call.
const BATCH: usize = 64;

impl Stream {
    /// Creates a stream of these subscribers, each with its message.
    ///
    /// # Errors
    /// If there are fewer than a batch of 64, or a message cannot be written.
    pub fn new(
        name: impl Into<String>,
        per_sec: f64,
        relay: &StreamRelay,
        sayings: impl IntoIterator<Item = (Subscriber, Saying)>,
    ) -> anyhow::Result<Self> {
        let mut messages = Vec::new();
        for (subscriber, saying) in sayings {
            let intent = match saying {
                Saying::Discover => Intent::Discover,
                Saying::Renew(address) => Intent::Renew { address },
            };
            messages.push(octets_of(&relay.agent.message(&subscriber, intent, 0)?)?);
        }
        ensure!(
            messages.len() >= BATCH,
            "a stream needs {BATCH} messages, found {}",
            messages.len()
        );
        Ok(Self { name: name.into(), per_sec, messages })
    }
}

impl StreamRelay {
    /// Creates a relay that sends from `local` to `server`.
    ///
    /// # Errors
    /// If the system refuses.
    pub fn bind(
        local: SocketAddrV4,
        server: SocketAddrV4,
        link_selection: Option<std::net::Ipv4Addr>,
    ) -> anyhow::Result<Self> {
        let (socket, local) = socket::bind(local).context("cannot bind the relay's socket")?;
        socket.connect(server).context("cannot connect the relay's socket")?;
        socket.set_nonblocking(true)?;
        setsockopt(&socket, sockopt::ReceiveTimestampns, &true)?;
        Ok(Self { socket, agent: RelayAgent::new(local, link_selection) })
    }

    /// Sends the streams for `duration` and waits for the remaining answers.
    ///
    /// # Errors
    /// If the system fails to send or to receive.
    pub fn run(
        &self,
        streams: &mut [Stream],
        drive: Drive,
        duration: Duration,
    ) -> anyhow::Result<StreamsReport> {
        let local = match self.socket.local_addr()? {
            std::net::SocketAddr::V4(local) => Some(local),
            std::net::SocketAddr::V6(_) => None,
        };
        let dropped = || local.and_then(socket::drops);
        let dropped_before = dropped();
        let mut run = Run::new(&self.socket, streams, drive, duration)?;
        run.send_for(duration)?;
        let elapsed_secs = run.began_at.elapsed().as_secs_f64();
        let answered_in_time: u64 = run.tallies.iter().map(|tally| tally.answered).sum();
        run.wait_for_the_rest()?;
        let tallies = run.tallies;
        let streams = streams.iter().zip(tallies).map(|(stream, tally)| tally.report(&stream.name));
        Ok(StreamsReport {
            streams: streams.collect(),
            elapsed_secs,
            answered_per_sec: answered_in_time as f64 / elapsed_secs,
            replies_dropped_here: dropped().zip(dropped_before).map(|(now, then)| now - then),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::{net::Ipv4Addr, time::Instant};

    use super::{run::OFFER, *};

    /// Starts a server that answers every second message with an OFFER.
    fn half_deaf_server() -> (SocketAddrV4, std::thread::JoinHandle<u64>) {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(1))).unwrap();
        let std::net::SocketAddr::V4(address) = socket.local_addr().unwrap() else { panic!() };
        let server = std::thread::spawn(move || {
            let mut heard = 0;
            let mut buffer = [0; 1024];
            while let Ok((length, from)) = socket.recv_from(&mut buffer) {
                heard += 1;
                let mut reply = buffer[..length].to_vec();
                let at = reply.windows(3).position(|part| part == [53, 1, 1]).unwrap();
                reply[at + 2] = OFFER;
                if heard % 2 == 0 {
                    socket.send_to(&reply, from).unwrap();
                }
            }
            heard
        });
        (address, server)
    }

    #[test]
    fn an_open_loop_sends_at_its_rate_whatever_is_answered() {
        let (address, server) = half_deaf_server();
        let local = "127.0.0.1:0".parse().unwrap();
        let relay = StreamRelay::bind(local, address, Some(Ipv4Addr::new(10, 0, 0, 1))).unwrap();
        let clients =
            (0..100).map(|n| (Subscriber::new([2, 0, 0, 0, 0, n], [n]), Saying::Discover));
        let stream = Stream::new("discover", 500.0, &relay, clients).unwrap();
        let began = Instant::now();
        let report = relay.run(&mut [stream], Drive::Open, Duration::from_millis(400)).unwrap();
        let longest = began.elapsed();
        let [found] = &report.streams[..] else { panic!("{report:?}") };
        assert!(found.sent >= 150, "{found:?}");
        assert!(found.sent as f64 <= 500.0 * longest.as_secs_f64(), "{found:?}");
        assert_eq!((found.answered, found.naks), (found.sent / 2, 0));
        assert_eq!(found.latency.count, found.answered);
        assert_eq!(server.join().unwrap(), found.sent);
    }

    #[test]
    fn a_stream_of_too_few_is_refused() {
        let local = "127.0.0.1:0".parse().unwrap();
        let relay = StreamRelay::bind(local, "127.0.0.1:9".parse().unwrap(), None).unwrap();
        let clients = (0..9).map(|n| (Subscriber::new([2, 0, 0, 0, 0, n], [n]), Saying::Discover));
        assert!(Stream::new("few", 1.0, &relay, clients).is_err());
    }
}
