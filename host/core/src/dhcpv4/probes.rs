//! The probes of addresses that an engine remembers.
//!
//! Decides nothing; see `probing`. Invariant: the number of probes is limited, and each counts for
//! a limited time.

use std::collections::{BTreeMap, VecDeque};

use crate::{ClientKey, HardwareAddress, Probe, ProbeResult, Reason, Timestamp};

/// How long an address counts as probed, in seconds.
pub(super) const PROBED_FOR_SECS: u32 = 60;
/// How many probes an engine remembers. Beyond it, the oldest is forgotten, and its address may be
/// probed a second time.
const REMEMBERED_MAX: usize = 4096;

/// The client of a quarantine that no client asked for. No message identifies it
/// ([`HardwareAddress::is_anybody`]).
pub(super) const NOBODY: ClientKey = ClientKey::Hardware(NO_HARDWARE_ADDRESS);
pub(super) const NO_HARDWARE_ADDRESS: HardwareAddress = HardwareAddress::ethernet([0; 6]);

/// The probes that an engine remembers.
#[derive(Clone, Debug, Default)]
pub(super) struct Probes {
    by_address: BTreeMap<u32, ProbedAddress>,
    /// Each address with a time at which it was remembered, the oldest first. A newer entry of an
    /// address makes older ones void.
    order: VecDeque<(Timestamp, u32)>,
}

/// What is remembered of one address.
#[derive(Clone, Copy, Debug)]
struct ProbedAddress {
    at: Timestamp,
    /// Whether the result is known.
    is_over: bool,
    /// The reason for which the address was chosen, until it is offered.
    chosen_for: Option<Reason>,
}

/// What a decision does about probes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum Probed {
    /// Nothing.
    #[default]
    No,
    /// The address must be probed first. It was chosen for this reason.
    First(Probe, Reason),
    /// The address is offered after a probe, and this was the first offer of it.
    Before(u32),
}

impl Probes {
    /// Returns whether the address counts as probed.
    pub(super) fn is_probed(&self, now: Timestamp, address: u32) -> bool {
        self.by_address
            .get(&address)
            .is_some_and(|found| found.is_over && now < found.at.after_secs(PROBED_FOR_SECS))
    }

    /// The reason for which an address was chosen that was probed and not offered yet.
    pub(super) fn chosen_for(&self, address: u32) -> Option<Reason> {
        self.by_address.get(&address)?.chosen_for
    }

    fn remember(&mut self, address: u32, remembered: ProbedAddress) {
        self.by_address.insert(address, remembered);
        self.order.push_back((remembered.at, address));
        while self.by_address.len() > REMEMBERED_MAX || self.order.len() > 4 * REMEMBERED_MAX {
            let Some((at, oldest)) = self.order.pop_front() else { return };
            if self.by_address.get(&oldest).is_some_and(|found| found.at == at) {
                self.by_address.remove(&oldest);
            }
        }
    }

    /// Remembers what a decision did.
    pub(super) fn note(&mut self, now: Timestamp, probed: &Probed) {
        match probed {
            Probed::No => {}
            Probed::First(probe, reason) => {
                let address = u32::from(probe.address);
                let chosen_for = self.chosen_for(address).or(Some(*reason));
                self.remember(address, ProbedAddress { at: now, is_over: false, chosen_for });
            }
            Probed::Before(address) => {
                if let Some(found) = self.by_address.get_mut(address) {
                    found.chosen_for = None;
                }
            }
        }
    }

    /// Remembers the result of a probe.
    pub(super) fn end(&mut self, now: Timestamp, address: u32, result: ProbeResult) {
        match result {
            ProbeResult::Answered(_) => {
                self.by_address.remove(&address);
            }
            ProbeResult::Unanswered | ProbeResult::NotSent => {
                let chosen_for = self.chosen_for(address);
                self.remember(address, ProbedAddress { at: now, is_over: true, chosen_for });
            }
        }
    }
}
