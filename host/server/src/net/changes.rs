//! The kernel's notifications that something about the host has changed.

use std::{io, os::fd::AsFd, time::Duration};

use netlink_packet_route::RouteNetlinkMessage;
use nix::{
    errno::Errno,
    poll::{PollFd, PollFlags, poll},
};

use super::{
    Host, NetError, Waker,
    netlink::{Group, Netlink},
};

/// A subscription to changes of interfaces and addresses.
#[derive(Debug)]
pub(crate) struct Changes {
    links: Netlink,
}

impl Changes {
    /// Subscribes.
    ///
    /// # Errors
    /// If the system gives no netlink socket.
    pub(crate) fn subscribe() -> Result<Self, NetError> {
        Ok(Self { links: Netlink::subscribe(&[Group::Links, Group::Addresses])? })
    }

    /// Waits until something has changed or `patience` is over; false if `stop` was called.
    ///
    /// # Errors
    /// Those of `poll`.
    pub(crate) fn wait(&self, stop: &Waker, patience: Duration) -> io::Result<bool> {
        wait(&mut [PollFd::new(stop.as_fd(), PollFlags::POLLIN), of(&self.links)], patience)
    }

    /// Waits until `patience` is over, whatever changes; false if `stop` was called.
    ///
    /// # Errors
    /// Those of `poll`.
    pub(crate) fn wait_quietly(&self, stop: &Waker, patience: Duration) -> io::Result<bool> {
        wait(&mut [PollFd::new(stop.as_fd(), PollFlags::POLLIN)], patience)
    }

    /// Takes what the kernel notified of. Returns whether the interfaces of `host` must be read again.
    ///
    /// # Errors
    /// Those of the sockets.
    pub(crate) fn take(&mut self, _host: &Host) -> io::Result<bool> {
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
}

fn of(netlink: &Netlink) -> PollFd<'_> {
    PollFd::new(netlink.as_fd(), PollFlags::POLLIN)
}

/// Whether the first of them stayed quiet.
fn wait(waiting: &mut [PollFd<'_>], patience: Duration) -> io::Result<bool> {
    let timeout = u16::try_from(patience.as_millis()).unwrap_or(u16::MAX);
    match poll(waiting, timeout) {
        Ok(_) | Err(Errno::EINTR) => {}
        Err(error) => return Err(error.into()),
    }
    let stop = waiting.first().and_then(PollFd::any).unwrap_or(false);
    Ok(!stop)
}
