//! One run of streams: sends what is due, receives, and counts what was answered.

use std::{
    io::{IoSlice, IoSliceMut},
    net::UdpSocket,
    os::fd::{AsFd, AsRawFd},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use anyhow::Context;
use nix::{
    cmsg_space,
    errno::Errno,
    poll::{PollFd, PollFlags, ppoll},
    sys::{
        socket::{
            ControlMessageOwned, MsgFlags, MultiHeaders, RecvMsg, SockaddrIn, recvmmsg, sendmmsg,
        },
        time::TimeSpec,
    },
};

use crate::tally::LatencyHistogram;

use super::{BATCH, Drive, Stream, StreamReport};

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

pub(super) const OFFER: u8 = 2;
const ACK: u8 = 5;

pub(super) struct Run<'a> {
    socket: &'a UdpSocket,
    streams: &'a mut [Stream],
    drive: Drive,
    pub(super) tallies: Vec<Tally>,
    /// Every message of the run, by its xid.
    sent: Vec<Sent>,
    /// Messages before this position are answered or given up.
    settled: usize,
    waiting: usize,
    pub(super) began_at: Instant,
    /// The same moment on the clock with which the system notes when replies arrive.
    began: SystemTime,
    replies: Vec<u8>,
}

pub(super) struct Tally {
    sent: u64,
    /// Time in which the rate could not be kept.
    skipped_secs: f64,
    pub(super) answered: u64,
    naks: u64,
    latency: LatencyHistogram,
}

#[derive(Clone, Copy)]
struct Sent {
    stream: u32,
    is_open: bool,
    at_nanos: u64,
}

impl<'a> Run<'a> {
    pub(super) fn new(
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
                latency: LatencyHistogram::new()?,
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

    pub(super) fn send_for(&mut self, duration: Duration) -> anyhow::Result<()> {
        while self.began_at.elapsed() < duration {
            let sent = self.send_some()?;
            let received = self.receive()?;
            if sent + received == 0 {
                self.sleep(Duration::from_micros(50))?;
            }
        }
        Ok(())
    }

    pub(super) fn wait_for_the_rest(&mut self) -> anyhow::Result<()> {
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
    pub(super) fn report(self, name: &str) -> StreamReport {
        let Self { sent, answered, naks, latency, .. } = self;
        StreamReport { name: name.to_owned(), sent, answered, naks, latency: latency.percentiles() }
    }
}

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
