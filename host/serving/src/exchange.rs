//! Exchanges: each is one input on its way from the datagram to its one reason.
//!
//! The stages of an exchange are those of [`lessor_stages`]; here they meet a server, or a replay
//! of one: its engines, its storage, its observers. Does not wait for sockets, lookups or storage:
//! an exchange that must wait is returned, which is the worker's part.
//!
//! Invariant: an exchange ends in exactly one reason, and the engine receives the result of every
//! change that it decided for it.

mod environment;
mod finished;
mod notes;
mod reach;
mod settling;

use std::{sync::Arc, time::Instant};

use lessor_core::{PoolUsage, Preference, Reason, Request, StorageAnswer, Timestamp};
use lessor_net::Received;
use lessor_policy_host::{AnsweredLookup, Runner};
use lessor_stages::{Asked, Ended, Life, Moment, Planned, Reached, Written};

use self::{environment::Surroundings, notes::Watching};
use crate::{
    counters::Counters, held::Held, observer::Observer, probes::Probes, recorder::Sequence,
    waiting::Wake,
};

pub use self::reach::Reach;
pub(crate) use self::{
    finished::Finished,
    notes::{LookupTime, Notes},
};

/// Decides exchanges, without sockets, storage or threads. Borrows its parts from a running server,
/// or from a replay that has them in memory only.
#[derive(Clone, Copy)]
pub(crate) struct Pipeline<'s> {
    pub(crate) counters: &'s Counters,
    pub(crate) sequence: &'s Sequence,
    /// Knows the destinations that nothing is sent to.
    pub(crate) reach: &'s dyn Reach,
    /// Receives the events in the order of decisions; `None` in a replay.
    pub(crate) observer: Option<&'s Observer>,
    /// How far the clock that policies see is ahead of server time (see [`crate::clock`]).
    pub(crate) clock_offset_ms: i64,
    /// Chooses among free addresses in a replay; a server has no preference.
    pub(crate) preference: Option<Preference<'s>>,
    /// How full pools were for policies, by name, in a replay; a server counts.
    pub(crate) recorded_pools: &'s [PoolUsage],
    /// Probes addresses; `None` in a replay, which takes the results from the recording.
    pub(crate) probes: Option<&'s Probes>,
    /// Creates the notifications for exchanges that wait for storage; `None` in a replay, which
    /// never waits.
    pub(crate) wakes: Option<&'s dyn Wakes>,
}

/// Notifies exchanges that wait for storage when they can continue.
pub(crate) trait Wakes {
    /// Returns a number for an exchange that waits from now on, and the function to call once
    /// storage has answered.
    fn wake(&self) -> (u64, Wake);
}

/// An input that has not ended, at one of its stages.
#[derive(Debug)]
pub(crate) struct Exchange<S> {
    pub(crate) notes: Box<Notes>,
    pub(crate) stage: S,
}

/// What an exchange needs next.
#[derive(Debug)]
pub(crate) enum Next {
    /// Its lookups need answers; then [`Pipeline::looked_up`] continues.
    LookUp(Exchange<Planned>),
    /// It waits for storage under this number; then [`Pipeline::go_on`] continues.
    Wait(u64, Exchange<Asked>),
    /// Its changes must be durable before the reply leaves; then [`Pipeline::committed`] continues.
    Commit(Exchange<Written>),
    /// Its reply can be sent, if it has one.
    End(Finished),
}

impl Exchange<Planned> {
    /// Returns the request.
    pub(crate) fn request(&self) -> &Arc<Request> {
        &self.stage.located().view().request
    }

    /// Ends the exchange without its lookups.
    pub(crate) fn end(self, reason: Reason) -> Finished {
        Finished::ended(self.notes, self.stage.end(reason).into())
    }
}

impl Exchange<Asked> {
    /// Returns the request.
    pub(crate) fn request(&self) -> &Arc<Request> {
        self.stage.request()
    }

    /// Ends the exchange without a decision.
    pub(crate) fn end_undecided(mut self, reason: Reason) -> Finished {
        self.notes.forget_recording();
        Finished::ended(self.notes, self.stage.end(reason).into())
    }
}

impl Exchange<Written> {
    /// Returns the request.
    pub(crate) fn request(&self) -> &Arc<Request> {
        self.stage.decided().asked().request()
    }
}

#[allow(clippy::result_large_err, reason = "as in lessor-stages: a stage is moved, not copied")]
impl Pipeline<'_> {
    /// Decides one datagram that arrived at `since`.
    pub(crate) fn decide(
        &self,
        held: &mut Held,
        now: Timestamp,
        endpoint: usize,
        since: Instant,
        received: Received<'_>,
    ) -> Next {
        let Received { payload, is_cut, arrival, not_relayed, .. } = received;
        let mut notes = Box::new(Notes::new(endpoint, since, &arrival));
        if is_cut && !not_relayed {
            // It is not recorded: a replay could not know what was read of the whole message.
            let detail = format!("more than {} octets", payload.len());
            return Next::End(Finished::unread(notes, payload, Reason::TooLong, Some(detail)));
        }
        notes.record(self, now, held.generation.number, &arrival, payload, not_relayed);
        if not_relayed {
            return Next::End(Finished::unread(notes, payload, Reason::NotRelayed, None));
        }
        self.drive(held, now, notes, |life| life.begin(payload, arrival))
    }

    /// Returns the exchange of a datagram that is dropped before anything was decided, with what
    /// can be read of it, for the journal.
    pub(crate) fn omitted(
        &self,
        held: &Held,
        endpoint: usize,
        received: Received<'_>,
        reason: Reason,
        detail: String,
    ) -> Finished {
        let Received { payload, arrival, .. } = received;
        let topology = held.engines.shards().topology();
        let notes = Box::new(Notes::new(endpoint, Instant::now(), &arrival));
        let read = lessor_stages::Parsed::read(payload, arrival, topology);
        match read {
            Ok(parsed) => Finished::ended(notes, parsed.end(reason, Some(detail)).into()),
            Err(_malformed) => Finished::unread(notes, payload, reason, Some(detail)),
        }
    }

    /// Continues with an exchange that waited for lookups, once every lookup has its answer.
    pub(crate) fn looked_up(
        &self,
        held: &mut Held,
        now: Timestamp,
        exchange: Exchange<Planned>,
        answers: Vec<AnsweredLookup>,
    ) -> Next {
        let Exchange { notes, stage } = exchange;
        self.drive(held, now, notes, |life| life.answered(stage, answers))
    }

    /// Continues with an exchange whose lookups were planned by the policies of another generation:
    /// those of this one plan again, and the exchange may have to wait again.
    pub(crate) fn plan_again(
        &self,
        held: &mut Held,
        now: Timestamp,
        exchange: Exchange<Planned>,
    ) -> Next {
        let Exchange { notes, stage } = exchange;
        self.drive(held, now, notes, |life| life.plan_again(stage))
    }

    /// Continues with an exchange that waited for storage. The terms of its policies remain valid
    /// for it.
    pub(crate) fn go_on(&self, held: &mut Held, now: Timestamp, exchange: Exchange<Asked>) -> Next {
        let Exchange { notes, stage } = exchange;
        self.drive(held, now, notes, |life| life.go_on(stage))
    }

    /// Takes a step of an exchange's life.
    fn drive(
        &self,
        held: &mut Held,
        now: Timestamp,
        mut notes: Box<Notes>,
        step: impl FnOnce(&mut LifeOf<'_, '_, '_>) -> Stepped,
    ) -> Next {
        let Held { generation, runner, engines } = held;
        let mut environment =
            Surroundings { pipeline: self, engines, lookups: &generation.lookups };
        let mut witness = Watching { notes: &mut notes, pipeline: self, generation, now };
        let moment = Moment { at: now, clock_offset_ms: self.clock_offset_ms };
        let next = step(&mut Life {
            environment: &mut environment,
            policies: runner,
            witness: &mut witness,
            moment,
        });
        match next {
            Ok(lessor_stages::Pending::LookUp(stage)) => Next::LookUp(Exchange { notes, stage }),
            Ok(lessor_stages::Pending::Wait(stage, number)) => {
                Next::Wait(number, Exchange { notes, stage })
            }
            Ok(lessor_stages::Pending::Written(stage)) if stage.changes().is_empty() => {
                Next::End(Finished::of(notes, stage))
            }
            Ok(lessor_stages::Pending::Written(stage)) => Next::Commit(Exchange { notes, stage }),
            Err(ended) => {
                let mut finished = Finished::ended(notes, ended);
                let changes = std::mem::take(&mut finished.changes);
                self.settle(&mut held.engines, now, &changes, &StorageAnswer::NotMade);
                Next::End(finished)
            }
        }
    }
}

/// The life of an exchange in a server or in a replay.
type LifeOf<'l, 'e, 's> = Life<'l, Surroundings<'e, 's>, Runner, Watching<'e, 's>>;

/// The outcome of a step of an exchange's life.
type Stepped = Result<lessor_stages::Pending<u64>, Ended<Reached>>;

#[cfg(test)]
mod tests;
