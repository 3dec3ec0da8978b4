//! Passes messages to the system in batches.
//!
//! Does not choose the socket of a message. Invariants: a message that cannot be sent does not keep
//! others from being sent, and the waiting time of one call is bounded.

use std::{
    io::{self, IoSlice},
    os::fd::{AsRawFd, BorrowedFd},
    thread,
    time::{Duration, Instant},
};

use nix::{
    cmsg_space,
    errno::Errno,
    libc,
    poll::{PollFd, PollFlags, poll},
    sys::socket::{ControlMessage, MsgFlags, MultiHeaders, SockaddrLike, sendmmsg},
};

use super::{SendFailure, SendReport, Unsent, batch::BATCH_DATAGRAMS};

/// The longest time that one call of [`super::Endpoint::send`] waits for room in the system's send
/// buffers: for a network card to send its queue, never for an answer to ARP. A worker that waits
/// receives nothing meanwhile.
pub(super) const SEND_PATIENCE_MS: u64 = 2;

/// How long to wait where the system does not signal that there is room again.
const PAUSE_MS: u64 = 1;

/// One message: its position among the replies, its parts, and its destination. If it has no
/// address, the parts contain the destination.
pub(super) struct Message<'a, S, const PARTS: usize> {
    pub(super) position: usize,
    pub(super) parts: [IoSlice<'a>; PARTS],
    pub(super) address: Option<S>,
}

/// The state of one call: the results so far, and how long it may still wait.
pub(super) struct Transmission {
    pub(super) report: SendReport,
    /// Set when the call first has to wait.
    deadline: Option<Instant>,
    /// How long the call may wait.
    patience: Duration,
}

impl Transmission {
    pub(super) fn new() -> Self {
        let patience = Duration::from_millis(SEND_PATIENCE_MS);
        Self { report: SendReport::default(), deadline: None, patience }
    }

    /// Creates the state of a call that does not wait.
    pub(super) fn without_patience() -> Self {
        Self { patience: Duration::ZERO, ..Self::new() }
    }

    /// Notes that the reply at `position` was not sent.
    pub(super) fn failed(&mut self, position: usize, error: impl Into<io::Error>) {
        self.refused(position, SendFailure::System(error.into()));
    }

    /// As [`Self::failed`], with any reason.
    pub(super) fn refused(&mut self, position: usize, failure: SendFailure) {
        self.report.failed.push(Unsent { position, failure });
    }

    /// Sends `messages` through `socket`, each with the same control messages. There is room for
    /// one packet information only.
    pub(super) fn transmit<'a, S: SockaddrLike + Copy, const PARTS: usize>(
        &mut self,
        socket: BorrowedFd<'_>,
        messages: impl Iterator<Item = Message<'a, S, PARTS>>,
        control: &[ControlMessage<'_>],
    ) {
        let mut messages = messages.peekable();
        while messages.peek().is_some() {
            let mut positions = Vec::with_capacity(BATCH_DATAGRAMS);
            let mut parts = Vec::with_capacity(BATCH_DATAGRAMS);
            let mut addresses = Vec::with_capacity(BATCH_DATAGRAMS);
            for message in messages.by_ref().take(BATCH_DATAGRAMS) {
                positions.push(message.position);
                parts.push(message.parts);
                addresses.push(message.address);
            }
            self.transmit_batch(socket, &positions, &parts, &addresses, control);
        }
    }

    fn transmit_batch<S: SockaddrLike + Copy, const PARTS: usize>(
        &mut self,
        socket: BorrowedFd<'_>,
        positions: &[usize],
        parts: &[[IoSlice<'_>; PARTS]],
        addresses: &[Option<S>],
        control: &[ControlMessage<'_>],
    ) {
        let room = (!control.is_empty()).then(|| cmsg_space!(libc::in_pktinfo));
        let mut headers = MultiHeaders::preallocate(positions.len(), room);
        let mut next = 0;
        while let Some(&position) = positions.get(next) {
            let outcome = sendmmsg(
                socket.as_raw_fd(),
                &mut headers,
                parts.iter().skip(next),
                addresses.get(next..).unwrap_or_default(),
                control,
                MsgFlags::MSG_DONTWAIT,
            );
            // An error is always that of the first message: an error of a later message is returned
            // once that message has become the first.
            match outcome.map(Iterator::count) {
                Ok(0) => {
                    self.failed(position, io::ErrorKind::WriteZero);
                    next += 1;
                }
                Ok(sent) => {
                    self.report.sent += sent;
                    next += sent;
                }
                Err(Errno::EINTR) => {}
                Err(Errno::EAGAIN) if self.wait_for_room(socket) => {}
                Err(Errno::ENOBUFS) if self.pause() => {}
                Err(error) => {
                    self.failed(position, error);
                    next += 1;
                }
            }
        }
    }

    /// Waits until `socket` accepts messages again. Returns `false` if the patience is over.
    fn wait_for_room(&mut self, socket: BorrowedFd<'_>) -> bool {
        let left = self.patience_left();
        let timeout = u16::try_from(left.as_millis()).unwrap_or(u16::MAX);
        let mut waiting = [PollFd::new(socket, PollFlags::POLLOUT)];
        // A signal or an error is noticed at the next attempt to send.
        timeout > 0 && poll(&mut waiting, timeout) != Ok(0)
    }

    /// Waits a moment, for a queue of the interface to drain. Returns `false` if the patience is
    /// over.
    fn pause(&mut self) -> bool {
        let patient = !self.patience_left().is_zero();
        if patient {
            thread::sleep(Duration::from_millis(PAUSE_MS));
        }
        patient
    }

    fn patience_left(&mut self) -> Duration {
        let now = Instant::now();
        self.deadline.get_or_insert(now + self.patience).saturating_duration_since(now)
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io::ErrorKind,
        os::{fd::AsFd as _, unix::net::UnixDatagram},
    };

    use super::*;

    /// More than a socket of this kind queues (`net.unix.max_dgram_qlen`, 10 by default).
    const COUNT: usize = BATCH_DATAGRAMS * 20;

    fn transmit(socket: &UnixDatagram, patience: Duration) -> SendReport {
        let payloads: Vec<_> = (0..COUNT).map(usize::to_be_bytes).collect();
        let messages = payloads.iter().enumerate().map(|(position, payload)| Message {
            position,
            parts: [IoSlice::new(payload)],
            address: None::<()>,
        });
        let mut transmission = Transmission { patience, ..Transmission::new() };
        transmission.transmit(socket.as_fd(), messages, &[]);
        transmission.report
    }

    #[test]
    fn a_full_socket_is_waited_for() {
        let (from, to) = UnixDatagram::pair().unwrap();
        to.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        let reader = thread::spawn(move || {
            thread::sleep(Duration::from_millis(PAUSE_MS));
            let mut octets = [0; size_of::<usize>()];
            (0..).take_while(|_| to.recv(&mut octets).is_ok_and(|length| length > 0)).count()
        });
        let report = transmit(&from, Duration::from_secs(5));
        from.send(&[]).unwrap();
        assert_eq!(report.sent + report.failed.len(), COUNT);
        assert_eq!(report.sent, COUNT);
        assert_eq!(reader.join().unwrap(), report.sent);
    }

    #[test]
    fn a_socket_that_stays_full_is_given_up() {
        let (from, _to) = UnixDatagram::pair().unwrap();
        let started = Instant::now();
        let report = transmit(&from, Duration::from_millis(SEND_PATIENCE_MS));
        assert!(started.elapsed() >= Duration::from_millis(SEND_PATIENCE_MS));
        let positions: Vec<_> = report.failed.iter().map(|unsent| unsent.position).collect();
        assert_eq!(positions, (report.sent..COUNT).collect::<Vec<_>>());
        assert!(
            report.failed.iter().all(|unsent| unsent.failure.kind() == Some(ErrorKind::WouldBlock))
        );
    }
}
