//! Streams: prepared messages, sent at a rate that does not depend on the answers.
//!
//! [`crate::run`] waits for its window, so it slows down with the server. That measures the
//! server's capacity, and hides what happens to clients that do not wait for each other. Here each
//! stream has its own rate, and nothing is repeated. Replies are recognised by xid and message type
//! only; [`crate::run`] audits their contents.

use std::{
    io::{IoSlice, IoSliceMut},
    net::{SocketAddrV4, UdpSocket},
    os::fd::{AsFd, AsRawFd},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use anyhow::{Context, ensure};
use nix::{
    cmsg_space,
    errno::Errno,
    poll::{PollFd, PollFlags, ppoll},
    sys::{
        socket::{
            ControlMessageOwned, MsgFlags, MultiHeaders, RecvMsg, SockaddrIn, recvmmsg, sendmmsg,
            setsockopt, sockopt,
        },
        time::TimeSpec,
    },
};
use serde::Serialize;

use crate::{
    message::{Intent, RelayAgent, Subscriber, octets_of},
    report::Percentiles,
    socket,
    tally::Stopwatch,
};

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
/// Larger than the replies that streams request.
const REPLY_OCTETS_MAX: usize = 1024;
/// The time for which missed messages are made up after the system was busy; beyond it the rate is
/// not kept.
const ARREARS_MAX_SECS: f64 = 0.05;
/// How long answers are waited for after the last message. In a closed loop, a message without an
/// answer for this time counts as lost.
const PATIENCE: Duration = Duration::from_secs(5);
/// More messages each second than a closed loop is expected to send.
const CLOSED_PER_SEC: f64 = 200_000.0;

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

struct Run<'a> {
    socket: &'a UdpSocket,
    streams: &'a mut [Stream],
    drive: Drive,
    tallies: Vec<Tally>,
    /// Every message of the run, by its xid.
    sent: Vec<Sent>,
    /// Messages before this position are answered or given up.
    settled: usize,
    waiting: usize,
    began_at: Instant,
    /// The same moment on the clock with which the system notes when replies arrive.
    began: SystemTime,
    replies: Vec<u8>,
}

struct Tally {
    sent: u64,
    /// Time in which the rate could not be kept.
    skipped_secs: f64,
    answered: u64,
    naks: u64,
    latency: Stopwatch,
}

#[derive(Clone, Copy)]
struct Sent {
    stream: u32,
    is_open: bool,
    at_nanos: u64,
}

impl<'a> Run<'a> {
    fn new(
        socket: &'a UdpSocket,
        streams: &'a mut [Stream],
        drive: Drive,
        duration: Duration,
    ) -> anyhow::Result<Self> {
        // A list that grows would be copied in the middle of the run, and the messages of that time
        // would be late.
        let per_sec = match drive {
            Drive::Open => streams.iter().map(|stream| stream.per_sec).sum(),
            Drive::Closed(_) => CLOSED_PER_SEC,
        };
        let expected = per_sec * duration.as_secs_f64();
        let tally = || {
            Ok(Tally {
                sent: 0,
                skipped_secs: 0.0,
                answered: 0,
                naks: 0,
                latency: Stopwatch::new()?,
            })
        };
        Ok(Self {
            socket,
            tallies: streams.iter().map(|_| tally()).collect::<anyhow::Result<_>>()?,
            streams,
            drive,
            sent: Vec::with_capacity(expected as usize + BATCH),
            settled: 0,
            waiting: 0,
            began_at: Instant::now(),
            began: SystemTime::now(),
            replies: vec![0; BATCH * REPLY_OCTETS_MAX],
        })
    }

    fn send_for(&mut self, duration: Duration) -> anyhow::Result<()> {
        while self.began_at.elapsed() < duration {
            let sent = self.send_some()?;
            let received = self.receive()?;
            if sent + received == 0 {
                self.sleep(Duration::from_micros(50))?;
            }
        }
        Ok(())
    }

    fn wait_for_the_rest(&mut self) -> anyhow::Result<()> {
        let began = Instant::now();
        while self.waiting > 0 && began.elapsed() < PATIENCE {
            if self.receive()? == 0 {
                self.sleep(Duration::from_millis(1))?;
                self.give_up_old();
            }
        }
        Ok(())
    }

    /// Sends the messages that are due, at most a batch.
    fn send_some(&mut self) -> anyhow::Result<usize> {
        let elapsed = self.began_at.elapsed();
        let at_nanos = u64::try_from(elapsed.as_nanos()).unwrap_or(u64::MAX);
        let room = match self.drive {
            Drive::Open => BATCH,
            Drive::Closed(window) => {
                self.give_up_old();
                window.saturating_sub(self.waiting).min(BATCH)
            }
        };
        let mut chosen: Vec<(usize, usize)> = Vec::with_capacity(BATCH);
        while chosen.len() < room {
            let Some(stream) = self.next_stream(elapsed.as_secs_f64()) else { break };
            let (Some(found), Some(tally)) =
                (self.streams.get_mut(stream), self.tallies.get_mut(stream))
            else {
                break;
            };
            let position = (tally.sent % found.messages.len() as u64) as usize;
            tally.sent += 1;
            let xid = (self.sent.len() as u32).to_be_bytes();
            if let Some(field) = found.messages.get_mut(position).and_then(|it| it.get_mut(4..8)) {
                field.copy_from_slice(&xid);
            }
            self.sent.push(Sent { stream: stream as u32, is_open: true, at_nanos });
            self.waiting += 1;
            chosen.push((stream, position));
        }
        self.hand_over(&chosen)?;
        Ok(chosen.len())
    }

    /// Returns the stream whose next message is due first.
    fn next_stream(&mut self, elapsed_secs: f64) -> Option<usize> {
        let mut latest: Option<(f64, usize)> = None;
        for (number, (stream, tally)) in self.streams.iter().zip(&mut self.tallies).enumerate() {
            let at_secs = tally.skipped_secs + tally.sent as f64 / stream.per_sec;
            if self.drive == Drive::Open {
                if at_secs > elapsed_secs {
                    continue;
                }
                let beyond = elapsed_secs - ARREARS_MAX_SECS - at_secs;
                tally.skipped_secs += beyond.max(0.0);
            }
            if latest.is_none_or(|(earliest, _)| at_secs < earliest) {
                latest = Some((at_secs, number));
            }
        }
        latest.map(|(_, number)| number)
    }

    fn hand_over(&self, chosen: &[(usize, usize)]) -> anyhow::Result<()> {
        let messages: Vec<[IoSlice<'_>; 1]> = (chosen.iter())
            .filter_map(|(stream, at)| self.streams.get(*stream)?.messages.get(*at))
            .map(|octets| [IoSlice::new(octets)])
            .collect();
        let mut next = 0;
        while next < messages.len() {
            let rest = messages.len() - next;
            let mut headers = MultiHeaders::<SockaddrIn>::preallocate(rest, None);
            let addresses: Vec<Option<SockaddrIn>> = vec![None; rest];
            let outcome = sendmmsg(
                self.socket.as_raw_fd(),
                &mut headers,
                messages.iter().skip(next),
                &addresses,
                [],
                MsgFlags::MSG_DONTWAIT,
            );
            match outcome.map(Iterator::count) {
                Ok(sent) => next += sent.max(1),
                // No program listens at the moment, or none received an earlier message.
                Err(Errno::ECONNREFUSED) => next += 1,
                Err(Errno::EAGAIN | Errno::ENOBUFS) => {
                    std::thread::sleep(Duration::from_micros(50))
                }
                Err(Errno::EINTR) => {}
                Err(error) => return Err(error).context("cannot send"),
            }
        }
        Ok(())
    }

    /// Receives a batch of replies, and returns how many there were.
    fn receive(&mut self) -> anyhow::Result<usize> {
        let space = cmsg_space!(TimeSpec);
        let mut headers = MultiHeaders::<SockaddrIn>::preallocate(BATCH, Some(space));
        let mut slices: Vec<[IoSliceMut<'_>; 1]> = self
            .replies
            .chunks_exact_mut(REPLY_OCTETS_MAX)
            .map(|it| [IoSliceMut::new(it)])
            .collect();
        let outcome = recvmmsg(
            self.socket.as_raw_fd(),
            &mut headers,
            slices.iter_mut(),
            MsgFlags::MSG_DONTWAIT,
            None,
        );
        // Not when this program reads them, which may be late.
        let arrived = |message: &RecvMsg<'_, '_, SockaddrIn>| {
            message.cmsgs().ok()?.find_map(|cmsg| match cmsg {
                ControlMessageOwned::ScmTimestampns(time) => Some(Duration::from(time)),
                _ => None,
            })
        };
        let received: Vec<(usize, Option<Duration>)> = match outcome {
            Ok(received) => received.map(|message| (message.bytes, arrived(&message))).collect(),
            Err(Errno::EAGAIN | Errno::EINTR | Errno::ECONNREFUSED) => return Ok(0),
            Err(error) => return Err(error).context("cannot receive"),
        };
        let now = self.began_at.elapsed();
        let began = self.began.duration_since(UNIX_EPOCH).unwrap_or_default();
        for (slot, (length, arrived)) in received.iter().enumerate() {
            let start = slot * REPLY_OCTETS_MAX;
            let reply = self.replies.get(start..start + length).and_then(xid_and_type);
            let Some((xid, message_type)) = reply else { continue };
            let Some(sent) = self.sent.get_mut(xid as usize).filter(|sent| sent.is_open) else {
                continue;
            };
            sent.is_open = false;
            self.waiting = self.waiting.saturating_sub(1);
            if let Some(tally) = self.tallies.get_mut(sent.stream as usize) {
                let arrived = arrived.map_or(now, |at| at.saturating_sub(began));
                let latency = arrived.saturating_sub(Duration::from_nanos(sent.at_nanos));
                match message_type {
                    OFFER | ACK => {
                        tally.answered += 1;
                        tally.latency.record(latency);
                    }
                    _ => tally.naks += 1,
                }
            }
        }
        Ok(received.len())
    }

    /// Gives up messages that have waited too long, which makes room in the window.
    fn give_up_old(&mut self) {
        let now_nanos = u64::try_from(self.began_at.elapsed().as_nanos()).unwrap_or(u64::MAX);
        let patience_nanos = PATIENCE.as_nanos() as u64;
        while let Some(oldest) = self.sent.get_mut(self.settled) {
            if oldest.is_open {
                if now_nanos.saturating_sub(oldest.at_nanos) < patience_nanos {
                    return;
                }
                oldest.is_open = false;
                self.waiting = self.waiting.saturating_sub(1);
            }
            self.settled += 1;
        }
    }

    fn sleep(&self, at_most: Duration) -> anyhow::Result<()> {
        let mut waiting = [PollFd::new(self.socket.as_fd(), PollFlags::POLLIN)];
        match ppoll(&mut waiting, Some(TimeSpec::from_duration(at_most)), None) {
            Ok(_) | Err(Errno::EINTR) => Ok(()),
            Err(error) => Err(error).context("cannot wait for replies"),
        }
    }
}

impl Tally {
    fn report(self, name: &str) -> StreamReport {
        let Self { sent, answered, naks, latency, .. } = self;
        StreamReport { name: name.to_owned(), sent, answered, naks, latency: latency.percentiles() }
    }
}

const OFFER: u8 = 2;
const ACK: u8 = 5;

/// Returns xid, and option 53 from the options field.
fn xid_and_type(reply: &[u8]) -> Option<(u32, u8)> {
    let xid = reply.get(4..8).and_then(|octets| <[u8; 4]>::try_from(octets).ok())?;
    let mut rest = reply.get(240..)?;
    loop {
        rest = match rest {
            [53, 1, message_type, ..] => return Some((u32::from_be_bytes(xid), *message_type)),
            [0, tail @ ..] => tail,
            [_, length, tail @ ..] => tail.get(usize::from(*length)..)?,
            _ => return None,
        };
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

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
