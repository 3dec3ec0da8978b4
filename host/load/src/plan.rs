//! The plan: which subscriber does what next.
//!
//! Either all subscribers finish a phase before the next phase begins, so that all leases are held
//! at once; or, with a duration, each subscriber repeats its rounds independently until the time is
//! up.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use crate::{args::LoadArgs, ledger::Ledger};

/// The next step of the plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NextTask {
    Start {
        client: u32,
        task: SubscriberTask,
    },
    /// Nothing can be started before an exchange in progress ends.
    Wait,
    Finished,
}

/// The task of a subscriber.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SubscriberTask {
    Acquire,
    Renew,
    Release,
}

#[derive(Debug)]
pub(crate) struct LoadPlan {
    clients: u32,
    renew: u32,
    release: bool,
    phases: VecDeque<Phase>,
    /// The next subscriber of a phase.
    cursor: u32,
    /// Renewals that were impossible, because the subscriber held no lease.
    skipped_renewals: u64,
}

#[derive(Debug)]
enum Phase {
    Acquire,
    Renew,
    Release,
    Rounds { until: Instant, idle: VecDeque<u32>, renewals: Vec<u32> },
}

impl LoadPlan {
    pub(crate) fn new(args: &LoadArgs, now: Instant) -> Self {
        let mut phases = VecDeque::new();
        match args.duration_secs {
            None => {
                phases.push_back(Phase::Acquire);
                phases.extend((0..args.renew).map(|_| Phase::Renew));
            }
            Some(duration_secs) => phases.push_back(Phase::Rounds {
                until: now + Duration::from_secs(duration_secs),
                idle: (0..args.clients).collect(),
                renewals: vec![0; args.clients as usize],
            }),
        }
        if args.release {
            phases.push_back(Phase::Release);
        }
        let (clients, renew, release) = (args.clients, args.renew, args.release);
        Self { clients, renew, release, phases, cursor: 0, skipped_renewals: 0 }
    }

    /// Returns the next step, with this many exchanges in progress.
    pub(crate) fn next(&mut self, ledger: &Ledger, under_way: usize, now: Instant) -> NextTask {
        let (renew, release) = (self.renew, self.release);
        while let Some(phase) = self.phases.front_mut() {
            let task = match phase {
                Phase::Acquire => Some(SubscriberTask::Acquire),
                Phase::Renew => Some(SubscriberTask::Renew),
                Phase::Release => Some(SubscriberTask::Release),
                Phase::Rounds { until, idle, renewals } if now < *until => {
                    let Some(client) = idle.pop_front() else { return NextTask::Wait };
                    let holds = ledger.lease(client, now).is_some();
                    let Some(renewals) = renewals.get_mut(client as usize) else { continue };
                    let task = next_of_round(holds, renewals, renew, release);
                    return NextTask::Start { client, task };
                }
                Phase::Rounds { .. } => None,
            };
            if let Some(task) = task {
                while self.cursor < self.clients {
                    let client = self.cursor;
                    self.cursor += 1;
                    if task == SubscriberTask::Acquire || ledger.lease(client, now).is_some() {
                        return NextTask::Start { client, task };
                    }
                    self.skipped_renewals += u64::from(task == SubscriberTask::Renew);
                }
            }
            if under_way > 0 {
                return NextTask::Wait;
            }
            self.phases.pop_front();
            self.cursor = 0;
        }
        NextTask::Finished
    }

    /// Notes that a subscriber has finished its task.
    pub(crate) fn done(&mut self, client: u32) {
        if let Some(Phase::Rounds { idle, .. }) = self.phases.front_mut() {
            idle.push_back(client);
        }
    }

    /// Returns whether all leases are being released at once; in rounds, each RELEASE follows an
    /// exchange.
    pub(crate) fn is_giving_back(&self) -> bool {
        matches!(self.phases.front(), Some(Phase::Release))
    }

    pub(crate) fn skipped_renewals(&self) -> u64 {
        self.skipped_renewals
    }
}

/// Returns the next task of a round: acquire a lease, renew it as often as requested, release it if
/// requested. A subscriber that keeps its lease continues to renew it, or acquires it again if
/// there are no renewals.
fn next_of_round(holds: bool, renewals: &mut u32, renew: u32, release: bool) -> SubscriberTask {
    if !holds {
        *renewals = 0;
        SubscriberTask::Acquire
    } else if *renewals < renew {
        *renewals += 1;
        SubscriberTask::Renew
    } else if release {
        SubscriberTask::Release
    } else if renew > 0 {
        SubscriberTask::Renew
    } else {
        SubscriberTask::Acquire
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{acquired::Acquired, ledger::HeldLease, testing::offer};

    /// Runs a plan by hand in which every exchange succeeds at once. Returns tasks and clients in
    /// order.
    fn run(
        args: &LoadArgs,
        steps_max: usize,
        time_is_up_after: Option<usize>,
    ) -> Vec<(u32, SubscriberTask)> {
        let now = Instant::now();
        let mut plan = LoadPlan::new(args, now);
        let mut ledger = Ledger::new(args.clients);
        let mut done = Vec::new();
        loop {
            let is_over = time_is_up_after.is_some_and(|steps| done.len() >= steps);
            let at = if is_over { now + Duration::from_secs(6) } else { now };
            match plan.next(&ledger, 0, at) {
                NextTask::Start { client, task } => {
                    let held = HeldLease::new(&Acquired::from_reply(offer()).unwrap(), at);
                    match task {
                        SubscriberTask::Release => ledger.unbind(client),
                        _ => drop(ledger.bind(client, held, at)),
                    }
                    plan.done(client);
                    done.push((client, task));
                }
                NextTask::Wait => panic!("nothing is under way"),
                NextTask::Finished => return done,
            }
            assert!(done.len() <= steps_max, "{done:?}");
        }
    }

    #[test]
    fn all_finish_a_phase_before_the_next_begins() {
        let args = LoadArgs { clients: 2, renew: 1, release: true, ..LoadArgs::default() };
        let wanted = [SubscriberTask::Acquire, SubscriberTask::Renew, SubscriberTask::Release]
            .map(|task| [(0, task), (1, task)]);
        assert_eq!(run(&args, 6, None), wanted.concat());
    }

    #[test]
    fn a_phase_waits_for_what_is_under_way() {
        let args = LoadArgs { clients: 1, renew: 1, ..LoadArgs::default() };
        let (now, ledger) = (Instant::now(), Ledger::new(1));
        let mut plan = LoadPlan::new(&args, now);
        assert_eq!(
            plan.next(&ledger, 0, now),
            NextTask::Start { client: 0, task: SubscriberTask::Acquire }
        );
        assert_eq!(plan.next(&ledger, 1, now), NextTask::Wait);
        assert_eq!(plan.next(&ledger, 0, now), NextTask::Finished);
        assert_eq!(plan.skipped_renewals(), 1, "the client never got its lease");
    }

    #[test]
    fn with_a_duration_each_goes_its_own_rounds_and_ends_with_a_release() {
        let args = LoadArgs {
            clients: 1,
            renew: 2,
            release: true,
            duration_secs: Some(5),
            ..LoadArgs::default()
        };
        use SubscriberTask::{Acquire, Release, Renew};
        let tasks: Vec<_> = run(&args, 9, Some(6)).into_iter().map(|(_, task)| task).collect();
        assert_eq!(tasks, [Acquire, Renew, Renew, Release, Acquire, Renew, Release]);
        let args = LoadArgs { release: false, ..args };
        let tasks: Vec<_> = run(&args, 9, Some(5)).into_iter().map(|(_, task)| task).collect();
        assert_eq!(tasks, [Acquire, Renew, Renew, Renew, Renew]);
        let args = LoadArgs { renew: 0, ..args };
        let tasks: Vec<_> = run(&args, 9, Some(2)).into_iter().map(|(_, task)| task).collect();
        assert_eq!(tasks, [Acquire, Acquire]);
    }

    #[test]
    fn when_the_time_is_up_the_plan_waits_for_what_is_under_way_only() {
        let args = LoadArgs { clients: 2, duration_secs: Some(5), ..LoadArgs::default() };
        let (now, ledger) = (Instant::now(), Ledger::new(2));
        let mut plan = LoadPlan::new(&args, now);
        assert!(matches!(plan.next(&ledger, 0, now), NextTask::Start { client: 0, .. }));
        let later = now + Duration::from_secs(5);
        assert_eq!(plan.next(&ledger, 1, later), NextTask::Wait);
        assert_eq!(plan.next(&ledger, 0, later), NextTask::Finished);
    }
}
