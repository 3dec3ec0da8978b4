//! Handles the answers of storage to the changes of an exchange: it made them, rejected them, or
//! never received them.
//!
//! Does not write to the store. Invariant: the engines that own the addresses receive each answer
//! once, and the exchanges that wait for these changes are woken.

use lessor_core::{Change, Changes, NetworkId, Reason, RequestKind, StorageAnswer, Timestamp};
use lessor_stages::{Retired, Written};
use smallvec::SmallVec;

use super::{Exchange, Finished, Next, Pipeline};
use crate::{
    backlog::AGE_MAX,
    held::{Engines, Held},
    shards::Shards,
};

/// How many times a request is decided again after a conflict in storage before it is dropped.
pub(super) const CONFLICTS_MAX: u8 = 3;

/// How many times the engines that own the addresses of a change are looked for. Each attempt takes
/// another reload.
const ATTEMPTS_MAX: usize = 8;

impl Pipeline<'_> {
    /// Handles the answer of storage. After a conflict, the request is decided again.
    pub(crate) fn committed(
        &self,
        held: &mut Held,
        now: Timestamp,
        exchange: Exchange<Written>,
        answer: &StorageAnswer,
    ) -> Next {
        let Exchange { mut notes, stage: mut written } = exchange;
        let changes = written.take_changes();
        self.settle(&mut held.engines, now, &changes, answer);
        let took_too_long = took_too_long(notes.decided_at, now);
        let failure = match answer {
            // The lease time that the reply promises began long ago. The client asks again.
            StorageAnswer::Made => took_too_long.map(|detail| (Reason::TooOld, Some(detail))),
            StorageAnswer::NotMade => Some((Reason::StoreFailed, None)),
            StorageAnswer::Conflict(_) => {
                let kind = written.decided().asked().request().kind;
                match why_not_again(kind, notes.conflicts, took_too_long) {
                    None => {
                        notes.conflicts += 1;
                        let stage = written.into_asked();
                        return self.go_on(held, now, Exchange { notes, stage });
                    }
                    failure => failure,
                }
            }
        };
        let mut finished = Finished::of(notes, written);
        if *answer == StorageAnswer::Made {
            finished.changes = changes;
        }
        if let Some((reason, detail)) = failure {
            finished.fail(reason, detail);
        }
        Next::End(finished)
    }

    /// Ends an exchange whose changes never reach storage.
    pub(crate) fn abandon(
        &self,
        held: &mut Held,
        now: Timestamp,
        exchange: Exchange<Written>,
        reason: Reason,
    ) -> Finished {
        let Exchange { notes, stage: mut written } = exchange;
        let changes = written.take_changes();
        self.settle(&mut held.engines, now, &changes, &StorageAnswer::NotMade);
        let mut finished = Finished::of(notes, written);
        finished.fail(reason, None);
        finished
    }

    /// Passes the answer to the engines that own the addresses. That is the engine that decided,
    /// unless a reload has moved some of the addresses to others.
    pub(crate) fn settle(
        &self,
        engines: &mut Engines,
        now: Timestamp,
        changes: &Changes,
        answer: &StorageAnswer,
    ) {
        if changes.is_empty() {
            return;
        }
        for _ in 0..ATTEMPTS_MAX {
            if settle_in(engines.shards(), now, changes, answer).is_ok() {
                return;
            }
            engines.renew();
        }
        tracing::error!(?changes, "no engine received the answer of storage");
    }
}

/// Returns why an exchange is not decided again after a conflict. A client that released its
/// address may have requested it again since, and may have it from another server.
fn why_not_again(
    kind: RequestKind,
    conflicts: u8,
    took_too_long: Option<String>,
) -> Option<(Reason, Option<String>)> {
    let is_farewell = matches!(kind, RequestKind::Release | RequestKind::Decline);
    if is_farewell || conflicts >= CONFLICTS_MAX {
        return Some((Reason::StoreConflict, None));
    }
    took_too_long.map(|detail| (Reason::TooOld, Some(detail)))
}

/// Returns a description if storage took longer than a client waits. A client that was not answered
/// may have moved on by then.
fn took_too_long(decided_at: Timestamp, now: Timestamp) -> Option<String> {
    let took_ms = decided_at.ms_until(now);
    let is_too_long = u128::try_from(took_ms).is_ok_and(|took_ms| took_ms > AGE_MAX.as_millis());
    is_too_long.then(|| format!("storage took {} s", took_ms / 1000))
}

/// Passes the answer to these engines. An engine that already has it ignores it.
fn settle_in(
    shards: &Shards,
    now: Timestamp,
    changes: &Changes,
    answer: &StorageAnswer,
) -> Result<(), Retired> {
    let addresses = || changes.iter().map(|change| change.binding.address);
    let topology = shards.topology();
    let located = changes.iter().map(|Change { binding, .. }| {
        topology.locate_address(binding.vpn.as_ref(), binding.address)
    });
    let located: SmallVec<[Option<NetworkId>; 1]> =
        located.map(|found| found.map(|found| found.network)).collect();
    let mut networks: SmallVec<[NetworkId; 1]> = located.iter().copied().flatten().collect();
    networks.sort_unstable();
    networks.dedup();
    for network in networks {
        let woken = shards.with_waiting(network, |engine, waiting| {
            engine.settle(now, changes, answer);
            waiting.take(addresses())
        })?;
        woken.into_iter().for_each(|wake| wake());
    }
    if located.contains(&None) {
        shards.settle_strays(changes, answer)?;
    }
    Ok(())
}
