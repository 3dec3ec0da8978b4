//! The thread that hears of changes from the kernel and has endpoints follow them.

use std::{
    io,
    sync::Arc,
    thread::JoinHandle,
    time::{Duration, Instant},
};

use anyhow::Context;

use super::{Endpoints, Slot, state::EndpointState};
use crate::{
    clock,
    net::{Changes, Endpoint, Host, Waker},
    vital,
    worker::EndpointSender,
};

/// However often the kernel notifies, interfaces are read no more often than this.
const READ_AGAIN_AFTER: Duration = Duration::from_millis(100);

/// What could not be opened is tried again, and what was not logged yet is looked at again, this often.
const LOOK_AGAIN_AFTER: Duration = Duration::from_secs(1);

/// Without any notification, interfaces are read again this often: one could have been lost.
const READ_ANYWAY_AFTER: Duration = Duration::from_secs(10);

/// A running watch.
#[derive(Debug)]
pub(crate) struct Watch {
    stop: Waker,
    thread: JoinHandle<()>,
}

struct Watcher {
    endpoints: Endpoints,
    workers: Vec<EndpointSender>,
    changes: Changes,
    stop: Waker,
}

impl Watch {
    /// Has `endpoints` follow what happens on the host. Each worker takes its endpoints through its
    /// sender, in the order of the workers that they were opened for.
    ///
    /// # Errors
    /// If the system gives no netlink socket or no thread.
    pub(crate) fn start(
        endpoints: Endpoints,
        workers: Vec<EndpointSender>,
    ) -> anyhow::Result<Self> {
        let changes = Changes::subscribe()?;
        let stop = Waker::new()?;
        let watcher = Watcher { endpoints, workers, changes, stop: stop.clone() };
        let thread = vital::spawn("links", move || watcher.run())
            .context("cannot start the thread that watches interfaces")?;
        Ok(Self { stop, thread })
    }

    /// Ends the watch and waits for its end.
    pub(crate) fn stop(self) {
        self.stop.wake();
        // It cannot have panicked: see `vital`.
        let _ = self.thread.join();
    }
}

impl Watcher {
    fn run(mut self) -> anyhow::Result<()> {
        // The first time right away: something may have changed since the endpoints were opened.
        let mut is_due = true;
        let mut read_at = Instant::now();
        loop {
            if is_due || read_at.elapsed() >= READ_ANYWAY_AFTER {
                read_at = Instant::now();
                is_due = false;
                if let Err(error) = self.endpoints.host.refresh() {
                    tracing::warn!(%error, "the kernel does not say what interfaces there are");
                }
            }
            self.endpoints.follow(&self.workers);
            let pause = match is_due {
                true => READ_AGAIN_AFTER.saturating_sub(read_at.elapsed()),
                false => LOOK_AGAIN_AFTER,
            };
            if !self.changes.wait(&self.stop, pause).context("cannot wait for the kernel")? {
                return Ok(());
            }
            is_due |= self.changes.take(&self.endpoints.host)?;
            let rest = READ_AGAIN_AFTER.saturating_sub(read_at.elapsed());
            if is_due && !rest.is_zero() && !self.changes.wait_quietly(&self.stop, rest)? {
                return Ok(());
            }
        }
    }
}

impl Endpoints {
    /// Brings every endpoint to where the host's interfaces have it now.
    fn follow(&mut self, workers: &[EndpointSender]) {
        let links = self.host.links();
        let now = Instant::now();
        let mut has_any_changed = false;
        for slot in &mut self.slots {
            let mut seen = slot.place.seen(&links);
            if let Err(error) = slot.reopen(&self.host, seen.index, workers) {
                seen.refuse(EndpointState::Failed, error.to_string());
            }
            let has_changed = seen != slot.seen;
            if has_changed {
                if seen.state != slot.seen.state {
                    slot.since = clock::now();
                }
                slot.seen = seen;
                has_any_changed = true;
            }
            slot.notices.tell(&slot.place, &slot.seen, has_changed, now);
        }
        if has_any_changed {
            self.publish();
        }
    }
}

impl Slot {
    /// Has the worker close the socket of an interface that is gone, and open one on that which has
    /// its name now.
    fn reopen(
        &mut self,
        host: &Arc<Host>,
        index: Option<u32>,
        workers: &[EndpointSender],
    ) -> io::Result<()> {
        let Some(owner) = &mut self.owner else { return Ok(()) };
        let Some(worker) = workers.get(owner.worker) else { return Ok(()) };
        let links = host.links();
        let link = index.and_then(|index| links.get(index));
        // What is not Ethernet is not opened.
        let link = link.filter(|link| link.hardware_address.is_some());
        let wanted = link.map(|link| link.index);
        if owner.open_on == wanted {
            return Ok(());
        }
        if owner.open_on.take().is_some() {
            worker.replace(owner.position, None);
        }
        let Some(link) = link else { return Ok(()) };
        match Endpoint::on_link(host, link) {
            Ok(endpoint) => {
                worker.replace(owner.position, Some(endpoint));
                owner.open_on = wanted;
                Ok(())
            }
            Err(error) => Err(io::Error::other(error.to_string())),
        }
    }
}

