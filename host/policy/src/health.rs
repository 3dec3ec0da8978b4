//! Health: how all instances of a plugin behave, which clients, lines and links it is not called
//! for, and when it is suspended.
//!
//! Both depend on the processor time that faults cost, not on their number: a fault that costs
//! little affects its packet only. Each fault is charged to its client, its line and its link. A
//! client, line or link whose faults cost too much is shut out: the plugin is not called for it for
//! some time, and still serves all others. A client exhausts its budget before its line does, and a
//! line before its link. The plugin is suspended for all packets only if the faults of many clients
//! cost more than its own budget. The pause doubles each time, up to a limit.
//!
//! Invariant: faults of a single line never suspend a plugin.

mod accounts;
mod budget;
mod offender;
mod report;
mod status;

use std::{
    collections::{BTreeMap, HashMap},
    sync::{
        Mutex, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use self::{
    accounts::{Accounts, LINK_FAULT_MS_MAX},
    budget::{Budget, Spent},
    offender::Party,
};
pub use self::{
    offender::Offender,
    status::{LastFault, OffenderStatus, Suspension},
};
pub(crate) use self::{
    offender::{Chargeable, Culprit},
    status::clock_in,
};
use crate::{
    FaultKind,
    belongings::LogBudget,
    fault::Fault,
    limits::{
        FAULT_ACCOUNTS_MAX, FAULT_MS_PER_SEC, OFFENDERS_SHOWN_MAX, SUSPENSION_MS_MAX,
        SUSPENSION_MS_MIN,
    },
};

/// How a plugin behaves.
pub(crate) struct Health {
    began: Instant,
    faults: [AtomicU64; FaultKind::ALL.len()],
    /// In milliseconds since `began`; 0 if the plugin was never suspended.
    suspended_until_ms: AtomicU64,
    /// The latest end of any shut-out, in milliseconds since `began`. Calls before this time look
    /// at the table.
    shut_out_until_ms: AtomicU64,
    shut_out: RwLock<HashMap<Party, Instant>>,
    /// Whether faults have consequences.
    suspends: bool,
    /// Limits how many faults are logged.
    pub(crate) log: LogBudget,
    history: Mutex<FaultHistory>,
}

struct FaultHistory {
    accounts: Accounts,
    spent: Spent,
    suspensions: u64,
    suspension_caused_by: Option<Offender>,
    last_fault: Option<(Instant, Fault, Option<Culprit>)>,
}

/// The consequence of a fault, in addition to the failed call.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Consequence {
    /// One client, line or link is not served by the plugin for this long.
    ShutOut { who: Offender, pause: Duration, faults: u64, cost: Duration },
    /// The plugin is not called at all for this long. `worst` is the party whose faults cost most.
    Suspended { pause: Duration, worst: Option<(Offender, u64, Duration)> },
}

/// The budget for all faults of a plugin.
const PLUGIN: Budget = Budget {
    ms_per_sec: FAULT_MS_PER_SEC,
    fault_ms_max: LINK_FAULT_MS_MAX,
    pause_ms_min: SUSPENSION_MS_MIN,
    pause_ms_max: SUSPENSION_MS_MAX,
};

impl Health {
    pub(crate) fn new(began: Instant) -> Self {
        Self {
            began,
            faults: Default::default(),
            suspended_until_ms: AtomicU64::new(0),
            shut_out_until_ms: AtomicU64::new(0),
            shut_out: RwLock::default(),
            suspends: true,
            log: LogBudget::default(),
            history: Mutex::new(FaultHistory {
                accounts: Accounts::default(),
                spent: Spent::new(began),
                suspensions: 0,
                suspension_caused_by: None,
                last_fault: None,
            }),
        }
    }

    /// The health of a rehearsal. Current suspensions and shut-outs last as long as here,
    /// and new faults have no consequences.
    pub(crate) fn rehearsed(&self) -> Self {
        let copy = |of: &AtomicU64| AtomicU64::new(of.load(Ordering::Relaxed));
        let shut_out = self.shut_out.read().unwrap_or_else(PoisonError::into_inner).clone();
        Self {
            suspended_until_ms: copy(&self.suspended_until_ms),
            shut_out_until_ms: copy(&self.shut_out_until_ms),
            shut_out: RwLock::new(shut_out),
            suspends: false,
            ..Self::new(self.began)
        }
    }

    /// Whether this is the health of a rehearsal, whose faults concern nobody but its caller.
    pub(crate) fn is_rehearsal(&self) -> bool {
        !self.suspends
    }

    /// Returns the reason why the plugin must not be called at `now` for this subject, if there is
    /// one.
    pub(crate) fn refuses(&self, now: Instant, subject: &impl Chargeable) -> Option<FaultKind> {
        let now_ms = self.since_start_ms(now);
        if now_ms < self.suspended_until_ms.load(Ordering::Relaxed) {
            return Some(FaultKind::Suspended);
        }
        if now_ms >= self.shut_out_until_ms.load(Ordering::Relaxed) {
            return None;
        }
        let shut_out = self.shut_out.read().unwrap_or_else(PoisonError::into_inner);
        let is_out = |party: Party| shut_out.get(&party).is_some_and(|until| now < *until);
        subject.culprit().parties().any(is_out).then_some(FaultKind::ShutOut)
    }

    /// Counts a call that was not made.
    pub(crate) fn count(&self, kind: FaultKind) {
        if let Some(count) = self.faults.get(kind as usize) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Counts a fault, charges its cost to the party that caused it, and returns the consequences.
    pub(crate) fn note_fault(
        &self,
        now: Instant,
        fault: Fault,
        cost: Duration,
        culprit: Option<Culprit>,
    ) -> Vec<Consequence> {
        self.count(fault.kind);
        let mut history = self.history.lock().unwrap_or_else(PoisonError::into_inner);
        history.last_fault = Some((now, fault, culprit.clone()));
        let mut follows = Vec::new();
        if !self.suspends {
            return follows;
        }
        let is_out = |party: &Party| self.is_shut_out(now, party);
        let shut_out =
            culprit.and_then(|culprit| history.accounts.charge(now, &culprit, cost, is_out));
        let is_spent = history.spent.charge(now, cost, &PLUGIN);
        if let Some(accounts::ShutOut { party, pause, faults, cost }) = shut_out {
            let who = Offender::of(&party);
            self.shut_out(now, party, pause);
            follows.push(Consequence::ShutOut { who, pause, faults, cost });
        }
        let is_suspended =
            self.since_start_ms(now) < self.suspended_until_ms.load(Ordering::Relaxed);
        if !is_spent || is_suspended {
            // If the plugin is suspended already, this call began before the suspension.
            return follows;
        }
        let pause = history.spent.pause(now, &PLUGIN);
        history.suspensions += 1;
        let worst = history.accounts.worst(1).into_iter().next();
        let worst =
            worst.map(|(party, account)| (Offender::of(party), account.faults, account.cost));
        history.suspension_caused_by = worst.as_ref().map(|(who, ..)| who.clone());
        self.suspended_until_ms.store(self.since_start_ms(now + pause), Ordering::Relaxed);
        follows.push(Consequence::Suspended { pause, worst });
        follows
    }

    /// The number of faults of each kind.
    pub(crate) fn faults(&self) -> BTreeMap<FaultKind, u64> {
        let counts = self.faults.iter().map(|count| count.load(Ordering::Relaxed));
        FaultKind::ALL.into_iter().zip(counts).collect()
    }

    /// The number of failed calls, where those for one line, or for one client without a line,
    /// count at most `max` times, plus the number of calls that were not made because of a
    /// suspension.
    pub(crate) fn faults_at_most(&self, max: u64) -> u64 {
        let suspended = self.faults.get(FaultKind::Suspended as usize);
        let suspended = suspended.map_or(0, |count| count.load(Ordering::Relaxed));
        let history = self.history.lock().unwrap_or_else(PoisonError::into_inner);
        suspended + history.accounts.faults_at_most(max)
    }

    /// The current suspension, if there is one.
    pub(crate) fn suspension(&self, now: Instant) -> Option<Suspension> {
        let until = self.suspended_until_ms.load(Ordering::Relaxed);
        let rest = until.saturating_sub(self.since_start_ms(now));
        let remaining = Duration::from_millis(rest);
        (rest > 0).then(|| {
            let history = self.history.lock().unwrap_or_else(PoisonError::into_inner);
            let caused_by = history.suspension_caused_by.clone();
            Suspension { remaining, until: clock_in(remaining), caused_by }
        })
    }

    /// The number of suspensions.
    pub(crate) fn suspensions(&self) -> u64 {
        self.history.lock().unwrap_or_else(PoisonError::into_inner).suspensions
    }

    /// The parties that are shut out, followed by those whose faults cost most.
    pub(crate) fn offenders(&self, now: Instant) -> Vec<OffenderStatus> {
        let history = self.history.lock().unwrap_or_else(PoisonError::into_inner);
        let mut offenders: Vec<_> = history
            .accounts
            .worst(usize::MAX)
            .into_iter()
            .map(|(party, account)| {
                let until = self.shut_out_until(now, party);
                let shut_out = until.map(|until| {
                    let remaining = until.saturating_duration_since(now);
                    Suspension { remaining, until: clock_in(remaining), caused_by: None }
                });
                OffenderStatus {
                    who: Offender::of(party),
                    faults: account.faults,
                    cost: account.cost,
                    last_ago: now.saturating_duration_since(account.last),
                    shut_out,
                }
            })
            .collect();
        offenders.sort_by_key(|offender| offender.shut_out.is_none());
        offenders.truncate(OFFENDERS_SHOWN_MAX);
        offenders
    }

    /// The number of clients, lines and links that are shut out.
    pub(crate) fn shut_out_count(&self, now: Instant) -> usize {
        let shut_out = self.shut_out.read().unwrap_or_else(PoisonError::into_inner);
        shut_out.values().filter(|until| now < **until).count()
    }

    pub(crate) fn last_fault(&self, now: Instant) -> Option<LastFault> {
        let history = self.history.lock().unwrap_or_else(PoisonError::into_inner);
        let (then, fault, culprit) = history.last_fault.as_ref()?;
        let client = culprit.as_ref().and_then(|culprit| culprit.parties().next());
        Some(LastFault {
            kind: fault.kind,
            message: fault.message.clone(),
            caused_by: client.as_ref().map(Offender::of),
            ago: now.saturating_duration_since(*then),
        })
    }

    fn is_shut_out(&self, now: Instant, party: &Party) -> bool {
        self.shut_out_until(now, party).is_some()
    }

    fn shut_out_until(&self, now: Instant, party: &Party) -> Option<Instant> {
        let shut_out = self.shut_out.read().unwrap_or_else(PoisonError::into_inner);
        shut_out.get(party).copied().filter(|until| now < *until)
    }

    fn shut_out(&self, now: Instant, party: Party, pause: Duration) {
        let mut shut_out = self.shut_out.write().unwrap_or_else(PoisonError::into_inner);
        if shut_out.len() >= 3 * FAULT_ACCOUNTS_MAX {
            shut_out.retain(|_, until| now < *until);
        }
        if shut_out.len() >= 3 * FAULT_ACCOUNTS_MAX {
            let soonest = shut_out.iter().min_by_key(|(_, until)| **until);
            if let Some(soonest) = soonest.map(|(party, _)| party.clone()) {
                shut_out.remove(&soonest);
            }
        }
        shut_out.insert(party, now + pause);
        self.shut_out_until_ms.fetch_max(self.since_start_ms(now + pause), Ordering::Relaxed);
    }

    fn since_start_ms(&self, now: Instant) -> u64 {
        u64::try_from(now.saturating_duration_since(self.began).as_millis()).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests;
