//! The thread that follows the kernel's notifications and updates the endpoints.
//!
//! Does not define the states; see [`super::state`]. Invariant: an endpoint that could not be
//! opened is tried again.

use std::{
    collections::BTreeSet,
    io,
    sync::Arc,
    thread::JoinHandle,
    time::{Duration, Instant},
};

use anyhow::Context;

use super::{
    Endpoints, Slot, filter, identifiers,
    state::{EndpointState, ListenOn},
};
use lessor_net::{Changes, Endpoint, Host, StopSignal};

use crate::{clock, shared::Shared, vital, worker::EndpointSender};

/// The shortest time between two reads of the interfaces, however often the kernel notifies.
const READ_AGAIN_AFTER: Duration = Duration::from_millis(100);

/// The interval at which failed opens are retried and pending log lines are checked.
const LOOK_AGAIN_AFTER: Duration = Duration::from_secs(1);

/// The longest time between two reads of the interfaces, because a notification could be lost.
const READ_ANYWAY_AFTER: Duration = Duration::from_secs(10);

/// The interval at which routes and filters are checked, because they may change without a change
/// of any interface.
const FILTERS_AGAIN_AFTER: Duration = Duration::from_secs(60);

/// The number of warnings about filters at a time, and of those remembered so that they are not
/// repeated.
const WARNINGS_MAX: usize = 8;
const WARNINGS_REMEMBERED_MAX: usize = 1024;

/// A running watch.
#[derive(Debug)]
pub(crate) struct Watch {
    stop: StopSignal,
    thread: JoinHandle<()>,
}

struct Watcher {
    endpoints: Endpoints,
    shared: Arc<Shared>,
    workers: Vec<EndpointSender>,
    /// When the reverse path filter was last checked, and which warnings were logged.
    filters_at: Option<Instant>,
    warned: BTreeSet<String>,
    changes: Changes,
    stop: StopSignal,
}

impl Watch {
    /// Makes `endpoints` follow the changes of the host. Each worker receives its endpoints through
    /// its sender, in the order of the workers that they were opened for.
    ///
    /// # Errors
    /// If the system provides no netlink socket or no thread.
    pub(crate) fn start(
        endpoints: Endpoints,
        shared: Arc<Shared>,
        workers: Vec<EndpointSender>,
    ) -> anyhow::Result<Self> {
        let changes = Changes::subscribe()?;
        let stop = StopSignal::new()?;
        let watcher = Watcher {
            endpoints,
            shared,
            workers,
            filters_at: None,
            warned: BTreeSet::new(),
            changes,
            stop: stop.clone(),
        };
        let thread = vital::spawn("links", move || watcher.run())
            .context("cannot start the thread that watches interfaces")?;
        Ok(Self { stop, thread })
    }

    /// Stops the watch and waits for its thread.
    pub(crate) fn stop(self) {
        self.stop.give();
        // The thread cannot have panicked: see `vital`.
        let _ = self.thread.join();
    }
}

impl Watcher {
    fn run(mut self) -> anyhow::Result<()> {
        // Something may have changed before the subscription began.
        if let Err(error) = self.endpoints.host.refresh_neighbours() {
            tracing::warn!(%error, "cannot read the neighbours from the kernel");
        }
        let mut is_due = true;
        let mut read_at = Instant::now();
        loop {
            if is_due || read_at.elapsed() >= READ_ANYWAY_AFTER {
                read_at = Instant::now();
                is_due = false;
                if let Err(error) = self.endpoints.host.refresh() {
                    tracing::warn!(%error, "cannot read the interfaces from the kernel");
                }
            }
            let has_changed = self.endpoints.follow(&self.workers);
            self.look_at_filters(has_changed);
            // Changes of neighbours are applied at once; interfaces are read when they are due.
            let looked_at = Instant::now();
            loop {
                let wanted = if is_due { READ_AGAIN_AFTER } else { LOOK_AGAIN_AFTER };
                let since = if is_due { read_at } else { looked_at };
                let pause = wanted.saturating_sub(since.elapsed());
                if pause.is_zero() {
                    break;
                }
                // The pause is rounded up, so that the wait does not end early again and again.
                let pause = pause + Duration::from_millis(1);
                if !self
                    .changes
                    .wait(&self.stop, pause)
                    .context("cannot wait for notifications of the kernel")?
                {
                    return Ok(());
                }
                is_due |= self.changes.take(&self.endpoints.host)?;
            }
        }
    }
}

impl Watcher {
    /// Warns once about each source that the kernel will filter although the configuration wants it
    /// served.
    fn look_at_filters(&mut self, has_changed: bool) {
        let is_due = |at: Instant| at.elapsed() >= FILTERS_AGAIN_AFTER;
        if !has_changed && !self.filters_at.is_none_or(is_due) {
            return;
        }
        self.filters_at = Some(Instant::now());
        let Endpoints { host, slots, .. } = &self.endpoints;
        let places: Vec<&ListenOn> = slots.iter().map(|slot| &slot.place).collect();
        let engines = self.shared.engines.load_full();
        let (links, topology) = (host.links(), engines.topology());
        let unreachable = identifiers::warnings(&links, topology, &places);
        let dropped = filter::warnings(host, &links, topology, &places);
        let found = unreachable.into_iter().chain(dropped);
        let mut untold = found.filter(|text| !self.warned.contains(text));
        let told: Vec<String> = untold.by_ref().take(WARNINGS_MAX).collect();
        let left_out = untold.count();
        for warning in &told {
            tracing::warn!("{warning}");
        }
        if left_out > 0 {
            tracing::warn!("the same applies to {left_out} other levels or relays");
        }
        if self.warned.len() > WARNINGS_REMEMBERED_MAX {
            self.warned.clear();
        }
        self.warned.extend(told);
    }
}

impl Endpoints {
    /// Updates every endpoint to the current interfaces of the host. Returns whether anything has
    /// changed.
    fn follow(&mut self, workers: &[EndpointSender]) -> bool {
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
        has_any_changed
    }
}

impl Slot {
    /// Makes the worker close the socket of an interface that is gone, and open one on the
    /// interface that has its name now.
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
        // An interface that is not Ethernet is not opened.
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
