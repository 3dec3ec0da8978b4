//! The kernel's notifications that the host has changed.
//!
//! Does not act on a change; see the server's `endpoints`. Invariant: if the kernel drops
//! notifications, their subjects are read again or count as changed.

use std::{io, os::fd::AsFd, sync::Arc, time::Duration};

use netlink_packet_route::RouteNetlinkMessage;
use nix::{
    errno::Errno,
    poll::{PollFd, PollFlags, poll},
    sys::eventfd::{EfdFlags, EventFd},
};

use super::{
    Host, NetError,
    netlink::{Group, Netlink},
};

/// A subscription to changes of interfaces, addresses, neighbours and routes.
#[derive(Debug)]
pub struct Changes {
    links: Netlink,
    neighbours: Netlink,
    routes: Netlink,
}

/// Ends the wait for changes permanently, from another thread. All clones end the same wait.
#[derive(Clone, Debug)]
pub struct StopSignal(Arc<EventFd>);

impl StopSignal {
    /// Creates a signal that was not given yet.
    ///
    /// # Errors
    /// If the system provides no eventfd.
    pub fn new() -> Result<Self, NetError> {
        EventFd::from_flags(EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK)
            .map(|event| Self(Arc::new(event)))
            .map_err(|error| NetError::system("create an eventfd", error))
    }

    /// Gives the signal.
    pub fn give(&self) {
        // The only possible failure is a full counter, and then the signal was given before.
        let _ = self.0.write(1);
    }
}

impl Changes {
    /// Subscribes to the notifications.
    ///
    /// # Errors
    /// If the system provides no netlink socket.
    pub fn subscribe() -> Result<Self, NetError> {
        // The sockets are separate, so that many notifications of one kind do not displace others.
        Ok(Self {
            links: Netlink::subscribe(&[Group::Links, Group::Addresses])?,
            neighbours: Netlink::subscribe(&[Group::Neighbours])?,
            routes: Netlink::subscribe(&[Group::Routes, Group::Rules])?,
        })
    }

    /// Waits until something has changed or `patience` is over. Returns `false` if `stop` was
    /// given.
    ///
    /// # Errors
    /// Those of `poll`.
    pub fn wait(&self, stop: &StopSignal, patience: Duration) -> io::Result<bool> {
        let stop = PollFd::new(stop.0.as_fd(), PollFlags::POLLIN);
        wait(&mut [stop, of(&self.links), of(&self.neighbours), of(&self.routes)], patience)
    }

    /// Applies the notifications to `host`. Returns whether its interfaces must be read again.
    ///
    /// # Errors
    /// Those of the sockets.
    pub fn take(&mut self, host: &Host) -> io::Result<bool> {
        self.take_neighbours(host)?;
        let mut have_routes_changed = false;
        let is_complete = self.routes.notifications(|_| have_routes_changed = true)?;
        if have_routes_changed || !is_complete {
            host.routes_changed();
        }
        let mut has_changed = false;
        let is_complete = self.links.notifications(|notified| {
            has_changed |= matches!(
                notified,
                RouteNetlinkMessage::NewLink(_)
                    | RouteNetlinkMessage::DelLink(_)
                    | RouteNetlinkMessage::NewAddress(_)
                    | RouteNetlinkMessage::DelAddress(_)
            );
        })?;
        Ok(has_changed || !is_complete)
    }

    fn take_neighbours(&mut self, host: &Host) -> io::Result<()> {
        let is_complete = self.neighbours.notifications(|notified| match notified {
            RouteNetlinkMessage::NewNeighbour(found) => host.neighbours().note(&found, false),
            RouteNetlinkMessage::DelNeighbour(found) => host.neighbours().note(&found, true),
            _ => {}
        })?;
        if !is_complete {
            host.refresh_neighbours()?;
        }
        Ok(())
    }
}

fn of(netlink: &Netlink) -> PollFd<'_> {
    PollFd::new(netlink.as_fd(), PollFlags::POLLIN)
}

/// Waits for `waiting`, and returns whether the first of them has nothing to read.
fn wait(waiting: &mut [PollFd<'_>], patience: Duration) -> io::Result<bool> {
    let timeout = u16::try_from(patience.as_millis()).unwrap_or(u16::MAX);
    match poll(waiting, timeout) {
        Ok(_) | Err(Errno::EINTR) => {}
        Err(error) => return Err(error.into()),
    }
    let stop = waiting.first().and_then(PollFd::any).unwrap_or(false);
    Ok(!stop)
}
