//! The probes that exchanges ask for before an address is offered.
//!
//! Does not send them; [`crate::prober`] does, and does not decide which addresses are probed: the
//! engine does, and holds the address meanwhile. Exchanges wait for the result with their worker,
//! as they do for storage (see [`crate::waiting`]), so a probe delays no other client. Invariants:
//! an address is probed once at a time; the number of probes is limited for each line, for each
//! link and in total.

mod under_way;

use std::{net::Ipv4Addr, sync::OnceLock};

use crossbeam_channel::{Receiver, Sender};
use lessor_core::{Origin, Probe};
use lessor_net::ProbeBell;

pub(crate) use self::under_way::NoProbe;
use self::under_way::UnderWay;

/// Passes probes to the thread that sends them.
#[derive(Debug)]
pub(crate) struct Probes {
    under_way: UnderWay,
    queue: Sender<Probe>,
    accepted: Receiver<Probe>,
    /// Wakes the thread; unset until it runs.
    bell: OnceLock<ProbeBell>,
}

impl Probes {
    /// Creates a queue that refuses probes until a thread takes them.
    pub(crate) fn new() -> Self {
        let (queue, accepted) = crossbeam_channel::bounded(UnderWay::TOTAL_MAX);
        Self { under_way: UnderWay::default(), queue, accepted, bell: OnceLock::new() }
    }

    /// Starts a probe for a client from `origin`, unless the address is probed already. Must be
    /// called under the lock of the engine that owns the address.
    ///
    /// # Errors
    /// If it must not be waited for, because too many are under way.
    pub(crate) fn begin(&self, probe: Probe, origin: Origin) -> Result<(), NoProbe> {
        let address = probe.address;
        if self.under_way.begin(address, origin, || self.queue.try_send(probe).is_ok())? {
            self.bell.get().into_iter().for_each(ProbeBell::ring);
        }
        Ok(())
    }

    /// Accepts probes from now on, and rings `bell` for each.
    pub(crate) fn open(&self, bell: ProbeBell) {
        let _ = self.bell.set(bell);
        self.under_way.open();
    }

    /// Accepts no more probes.
    pub(crate) fn close(&self) {
        self.under_way.close();
        self.bell.get().into_iter().for_each(ProbeBell::ring);
    }

    /// Returns whether probes are accepted.
    pub(crate) fn is_open(&self) -> bool {
        self.under_way.is_open()
    }

    /// Takes the next probe that was accepted, if there is one.
    pub(crate) fn next(&self) -> Option<Probe> {
        self.accepted.try_recv().ok()
    }

    /// Notes that the probe of an address has ended. Must be called under the lock of the engine
    /// that owns the address, when it takes the result: an exchange that waits from then on has to
    /// start another probe.
    pub(crate) fn end(&self, address: Ipv4Addr) {
        self.under_way.end(address);
    }
}
