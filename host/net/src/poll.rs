//! Waits for the first of these: a datagram, a call from another thread, a deadline.
//!
//! Does not read the datagrams. Invariant: a call that comes before or during a wait ends that
//! wait.

use std::{
    fmt, io,
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering},
    },
    time::{Duration, Instant},
};

use nix::{
    errno::Errno,
    sys::{
        epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout},
        eventfd::{EfdFlags, EventFd},
    },
};

use super::{Endpoint, NetError};

/// What a worker waits for: its endpoints, and the wakers through which other threads call it.
///
/// An endpoint is removed before it is dropped: a child process that was forked just before has a
/// copy of its socket until it starts its program, and epoll reports a socket while a copy is open.
/// The wait is level-triggered: an endpoint with datagrams left is ready again at once.
#[derive(Debug)]
pub struct Poller {
    epoll: Epoll,
    wakers: Vec<Waker>,
    events: [EpollEvent; Self::EVENTS_MAX],
}

/// Ends the wait of a [`Poller`] from another thread. Clones wake the same poller.
///
/// A call costs a system call only if the poller sleeps: a busy worker checks its messages before
/// it sleeps.
#[derive(Clone)]
pub struct Waker(Arc<Bell>);

struct Bell {
    event: EventFd,
    /// One of [`AWAKE`], [`ASLEEP`] and [`CALLED`].
    state: AtomicU8,
}

/// The poller does not sleep, and no waker was called since it last checked.
const AWAKE: u8 = 0;
/// The poller sleeps, or is about to.
const ASLEEP: u8 = 1;
/// A waker was called since the poller last checked.
const CALLED: u8 = 2;

/// The result of a wait.
#[derive(Debug)]
pub struct Ready<'a> {
    events: &'a [EpollEvent],
    is_woken: bool,
}

/// Marks the wakers among the events; no endpoint's token is that large.
const WAKER: u64 = u64::MAX;

impl Poller {
    /// The largest number of endpoints that one wait reports; the next wait reports the others.
    const EVENTS_MAX: usize = 64;

    /// Creates a poller that waits for nothing yet.
    ///
    /// # Errors
    /// If the system refuses, usually because too many files are open.
    pub fn new() -> Result<Self, NetError> {
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)
            .map_err(|error| NetError::system("create an epoll instance", error))?;
        let events = [EpollEvent::empty(); Self::EVENTS_MAX];
        Ok(Self { epoll, wakers: Vec::new(), events })
    }

    /// Waits for `endpoint` from now on and reports it as `token`.
    ///
    /// # Errors
    /// If the poller already waits for it, or the system refuses.
    pub fn add(&mut self, endpoint: &Endpoint, token: u32) -> Result<(), NetError> {
        self.epoll
            .add(endpoint, EpollEvent::new(EpollFlags::EPOLLIN, u64::from(token)))
            .map_err(|error| NetError::system(format!("wait on {endpoint}"), error))
    }

    /// Stops waiting for `endpoint`.
    ///
    /// # Errors
    /// If the poller does not wait for it, or the system refuses.
    pub fn remove(&mut self, endpoint: &Endpoint) -> Result<(), NetError> {
        self.epoll
            .delete(endpoint)
            .map_err(|error| NetError::system(format!("stop waiting on {endpoint}"), error))
    }

    /// Lets `waker` end the wait from now on.
    ///
    /// # Errors
    /// If it was added already, or the system refuses.
    pub fn add_waker(&mut self, waker: &Waker) -> Result<(), NetError> {
        // The event is edge-triggered, so it need not be read: its count means nothing.
        let flags = EpollFlags::EPOLLIN | EpollFlags::EPOLLET;
        self.epoll
            .add(&waker.0.event, EpollEvent::new(flags, WAKER))
            .map_err(|error| NetError::system("wait on a waker", error))?;
        self.wakers.push(waker.clone());
        Ok(())
    }

    /// Waits until an endpoint has something to receive, a waker was called, or `timeout_ms`
    /// milliseconds have passed. Without a timeout it may wait for ever. Signals do not end the
    /// wait.
    ///
    /// # Errors
    /// Those of `epoll_wait`, of which none is expected.
    pub fn wait(&mut self, timeout_ms: Option<u32>) -> io::Result<Ready<'_>> {
        let started = Instant::now();
        let called_before = self.fall_asleep(timeout_ms != Some(0));
        let timeout_ms = if called_before { Some(0) } else { timeout_ms };
        let count = loop {
            let left = timeout_ms.map(|timeout_ms| {
                Duration::from_millis(u64::from(timeout_ms)).saturating_sub(started.elapsed())
            });
            match self.epoll.wait(&mut self.events, timeout(left)) {
                Ok(count) => break count,
                Err(Errno::EINTR) => {}
                Err(error) => return Err(error.into()),
            }
        };
        let called_meanwhile = self.wake_up();
        let is_woken = called_before || called_meanwhile;
        Ok(Ready { events: self.events.get(..count).unwrap_or_default(), is_woken })
    }

    /// Makes wakers write to their events from now on. Returns whether one was called since the
    /// last wait, so that this wait must not sleep.
    fn fall_asleep(&self, may_sleep: bool) -> bool {
        let asleep = if may_sleep { ASLEEP } else { AWAKE };
        let called = |waker: &Waker| waker.0.state.swap(asleep, Ordering::AcqRel) == CALLED;
        self.wakers.iter().filter(|waker| called(waker)).count() > 0
    }

    /// Makes wakers stop writing to their events. Returns whether one was called during this wait.
    fn wake_up(&self) -> bool {
        let called = |waker: &Waker| waker.0.state.swap(AWAKE, Ordering::AcqRel) == CALLED;
        self.wakers.iter().filter(|waker| called(waker)).count() > 0
    }
}

impl Ready<'_> {
    /// Returns the tokens of the endpoints that have something to receive.
    pub fn tokens(&self) -> impl Iterator<Item = u32> {
        self.events.iter().filter_map(|event| u32::try_from(event.data()).ok())
    }

    /// Returns whether a waker was called since the last wait.
    pub fn woken(&self) -> bool {
        self.is_woken
    }
}

impl Waker {
    /// Creates a waker of no poller yet.
    ///
    /// # Errors
    /// If the system refuses, usually because too many files are open.
    pub fn new() -> Result<Self, NetError> {
        EventFd::from_flags(EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK)
            .map(|event| Self(Arc::new(Bell { event, state: AtomicU8::new(AWAKE) })))
            .map_err(|error| NetError::system("create an eventfd", error))
    }

    /// Ends the poller's wait, or its next one if it is not waiting. Many calls count as one.
    pub fn wake(&self) {
        if self.0.state.swap(CALLED, Ordering::AcqRel) == ASLEEP {
            // The only failure is a full counter, and then the poller is woken anyway.
            let _ = self.0.event.write(1);
        }
    }
}

impl fmt::Debug for Waker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Waker")
    }
}

/// Converts `left` to the unit of epoll, rounded up so that a deadline has passed when the wait
/// ends.
fn timeout(left: Option<Duration>) -> EpollTimeout {
    match left {
        None => EpollTimeout::NONE,
        Some(left) => {
            EpollTimeout::try_from(left.as_micros().div_ceil(1000)).unwrap_or(EpollTimeout::MAX)
        }
    }
}
