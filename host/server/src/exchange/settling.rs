//! Handles the answers of storage to the changes of an exchange: it made them, rejected them, or
//! never received them.
//!
//! Does not write to the store. Invariant: the engines that own the addresses receive each answer
//! once, and the exchanges that wait for these changes are woken.

use lessor_core::{Answer, Changes, NetworkId, Reason, RequestKind, Timestamp};
use lessor_policy_host::Runner;
use smallvec::SmallVec;

use super::{Exchange, Pipeline, SUCCESSORS_MAX};
use crate::{backlog::AGE_MAX, generation::Generation, shards::Retired};

/// How many times a request is decided again after a conflict in storage before it is dropped.
pub(super) const CONFLICTS_MAX: u8 = 3;

impl Pipeline<'_> {
    /// Handles the answer of storage. Returns whether the exchange is finished; if not, it was
    /// decided again.
    pub(crate) fn committed(
        &self,
        runner: &mut Runner,
        now: Timestamp,
        exchange: &mut Exchange,
        answer: &Answer,
    ) -> bool {
        let changes = std::mem::take(&mut exchange.changes);
        self.settle(now, &changes, answer);
        match answer {
            Answer::Made => {
                // The lease time that the reply promises began long ago. The client asks again.
                if let Some(detail) = took_too_long(now, exchange) {
                    exchange.fail(Reason::TooOld, Some(detail));
                }
                exchange.changes = changes;
            }
            Answer::NotMade => exchange.fail(Reason::StoreFailed, None),
            Answer::Conflict(_) => match why_not_again(now, exchange) {
                Some((reason, detail)) => exchange.fail(reason, detail),
                None => {
                    exchange.conflicts += 1;
                    self.decide_under_terms(runner, now, exchange);
                    return false;
                }
            },
        }
        true
    }

    /// Ends an exchange whose changes never reach storage.
    pub(crate) fn abandon(
        &self,
        now: Timestamp,
        exchange: &mut Exchange,
        reason: Reason,
        detail: Option<String>,
    ) {
        let changes = std::mem::take(&mut exchange.changes);
        if !changes.is_empty() {
            self.settle(now, &changes, &Answer::NotMade);
        }
        exchange.fail(reason, detail);
    }

    /// Passes the answer to the engines that own the addresses. That is the engine that decided,
    /// unless a reload has moved some of the addresses to others.
    fn settle(&self, now: Timestamp, changes: &Changes, answer: &Answer) {
        for _ in 0..SUCCESSORS_MAX {
            let generation = self.generation.load();
            if settle_in(&generation, now, changes, answer).is_ok() {
                return;
            }
        }
        tracing::error!(?changes, "no engine received the answer of storage");
    }
}

/// Returns why an exchange is not decided again after a conflict. A client that released its
/// address may have requested it again since, and may have it from another server.
fn why_not_again(now: Timestamp, exchange: &Exchange) -> Option<(Reason, Option<String>)> {
    let kind = exchange.request().map(|request| request.kind);
    let is_farewell = matches!(kind, Some(RequestKind::Release | RequestKind::Decline));
    if is_farewell || exchange.conflicts >= CONFLICTS_MAX {
        return Some((Reason::StoreConflict, None));
    }
    took_too_long(now, exchange).map(|detail| (Reason::TooOld, Some(detail)))
}

/// Returns a description if storage took longer than a client waits. A client that was not answered
/// may have moved on by then.
fn took_too_long(now: Timestamp, exchange: &Exchange) -> Option<String> {
    let took_ms = exchange.decided_at.ms_until(now);
    let is_too_long = u128::try_from(took_ms).is_ok_and(|took_ms| took_ms > AGE_MAX.as_millis());
    is_too_long.then(|| format!("storage took {} s", took_ms / 1000))
}

/// Passes the answer to the engines of one generation. An engine that already has it ignores it.
fn settle_in(
    generation: &Generation,
    now: Timestamp,
    changes: &Changes,
    answer: &Answer,
) -> Result<(), Retired> {
    let shards = &generation.shards;
    let addresses = || changes.iter().map(|change| change.lease.address);
    let mut networks: SmallVec<[NetworkId; 1]> = addresses()
        .filter_map(|address| shards.topology().locate_address(address))
        .map(|location| location.network)
        .collect();
    networks.sort_unstable();
    networks.dedup();
    for network in networks {
        let woken = shards.with_waiting(network, |engine, waiting| {
            engine.settle(now, changes, answer);
            waiting.take(addresses())
        })?;
        woken.into_iter().for_each(|wake| wake());
    }
    Ok(())
}
