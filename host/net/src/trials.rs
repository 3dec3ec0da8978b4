//! Limits what may be in flight to neighbours that are not known to answer ARP.
//!
//! A datagram to such a neighbour waits in the kernel for the answer. Each neighbour gets a few
//! datagrams, and none for a while if it does not answer; the number of neighbours that are tried
//! at a time is limited, too. Does not know which neighbours answer. Invariant: all datagrams that
//! wait fit into one small send buffer.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use super::neighbours::Neighbour;

/// The neighbours that are being tried, and those that did not answer.
#[derive(Debug)]
pub(super) struct Trials {
    /// The number of neighbours that may be tried at a time.
    max: usize,
    looked_at: Option<Instant>,
    under_way: HashMap<Neighbour, Trial>,
    /// The time until which nothing is sent to each.
    resting: HashMap<Neighbour, Instant>,
}

#[derive(Debug)]
struct Trial {
    began: Instant,
    sent: u32,
    answered_before: bool,
}

/// How long a trial lasts. The kernel asks three times, a second apart, and then drops what waits.
const TRIAL: Duration = Duration::from_millis(3_500);

/// How long nothing is sent to a neighbour that never answered. When it sends something itself, the
/// kernel learns its address, and it is served at once.
const REST: Duration = Duration::from_secs(10);

/// As [`REST`], for a neighbour that answered before.
const REST_IF_ANSWERED_BEFORE: Duration = Duration::from_secs(1);

/// The number of datagrams to each neighbour in a trial.
const DATAGRAMS_MAX: u32 = 2;

/// The number of neighbours that are tried at a time, as far as there is room for them. Each takes
/// a place in the kernel's table of neighbours, which has room for 512 by default.
const TRIALS_MAX: usize = 256;
const TRIALS_MIN: usize = 16;

/// What the kernel counts for one datagram, its bookkeeping included.
const DATAGRAM_OCTETS: usize = 1_280;

/// Neighbours that answered before have separate places: their hardware address will probably be
/// known again soon, and until then more datagrams may be in flight to them.
const RETURNS_MAX: usize = 6;
const RETURN_DATAGRAMS_MAX: u32 = 16;

/// While there is no room, the shortest time between two checks of the neighbours that are being
/// tried.
const LOOK_AGAIN_AFTER: Duration = Duration::from_millis(1);

/// The number of neighbours that are remembered not to answer. Others are tried again sooner.
const RESTING_MAX: usize = 4_096;

impl Trials {
    /// Allows as many trials as a send buffer of this size has room for, as the system counts it.
    pub(super) fn new(send_buffer_octets: usize) -> Self {
        let returns = RETURNS_MAX * RETURN_DATAGRAMS_MAX as usize;
        let datagrams = (send_buffer_octets / DATAGRAM_OCTETS).saturating_sub(returns);
        let max = (datagrams / DATAGRAMS_MAX as usize).clamp(TRIALS_MIN, TRIALS_MAX);
        Self { max, looked_at: None, under_way: HashMap::new(), resting: HashMap::new() }
    }

    /// Returns whether one more datagram may be sent to `neighbour`, which is not known to answer.
    /// `answers` returns whether another neighbour answers by now.
    pub(super) fn admit(
        &mut self,
        neighbour: Neighbour,
        answered_before: bool,
        now: Instant,
        answers: impl Fn(&Neighbour) -> bool,
    ) -> bool {
        if let Some(trial) = self.under_way.get_mut(&neighbour) {
            if trial.is_over(now) {
                self.rest(now);
                return false;
            }
            let may = trial.sent < trial.datagrams_max();
            trial.sent += u32::from(may);
            return may;
        }
        if self.resting.get(&neighbour).is_some_and(|until| now < *until) {
            return false;
        }
        let mut answered_before = answered_before;
        if answered_before && self.count(true) >= RETURNS_MAX {
            self.make_room(now, &answers);
            answered_before = self.count(true) < RETURNS_MAX;
        }
        if !answered_before && self.count(false) >= self.max {
            self.make_room(now, &answers);
            if self.count(false) >= self.max {
                return false;
            }
        }
        self.resting.remove(&neighbour);
        self.under_way.insert(neighbour, Trial { began: now, sent: 1, answered_before });
        true
    }

    /// Notes that `neighbour` answers.
    pub(super) fn succeeded(&mut self, neighbour: Neighbour) {
        if !self.under_way.is_empty() {
            self.under_way.remove(&neighbour);
        }
        if !self.resting.is_empty() {
            self.resting.remove(&neighbour);
        }
    }

    /// Removes the neighbours that answer by now, and ends the trials whose time is over.
    fn make_room(&mut self, now: Instant, answers: impl Fn(&Neighbour) -> bool) {
        let is_due = |at| now.saturating_duration_since(at) >= LOOK_AGAIN_AFTER;
        if self.looked_at.is_none_or(is_due) {
            self.looked_at = Some(now);
            self.under_way.retain(|neighbour, _| !answers(neighbour));
            self.rest(now);
        }
    }

    fn count(&self, answered_before: bool) -> usize {
        let trials = self.under_way.values();
        trials.filter(|trial| trial.answered_before == answered_before).count()
    }

    /// Ends the trials of the neighbours that have not answered in time.
    fn rest(&mut self, now: Instant) {
        let resting = &mut self.resting;
        if resting.len() >= RESTING_MAX {
            resting.retain(|_, until| now < *until);
        }
        self.under_way.retain(|neighbour, trial| {
            let is_over = trial.is_over(now);
            if is_over && resting.len() < RESTING_MAX {
                resting.insert(*neighbour, now + trial.rest());
            }
            !is_over
        });
    }
}

impl Trial {
    fn is_over(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.began) >= TRIAL
    }

    const fn datagrams_max(&self) -> u32 {
        if self.answered_before { RETURN_DATAGRAMS_MAX } else { DATAGRAMS_MAX }
    }

    const fn rest(&self) -> Duration {
        if self.answered_before { REST_IF_ANSWERED_BEFORE } else { REST }
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    fn neighbour(number: usize) -> Neighbour {
        Neighbour { index: 1, address: Ipv4Addr::from(number as u32) }
    }

    #[test]
    fn a_neighbour_that_does_not_answer_gets_little_and_is_then_left_alone() {
        let start = Instant::now();
        let mut trials = Trials::new(212_992);
        let mut admitted = |at, count| {
            (0..count).filter(|_| trials.admit(neighbour(0), false, at, |_| false)).count()
        };
        assert_eq!(admitted(start, 100), DATAGRAMS_MAX as usize);
        assert_eq!(admitted(start + TRIAL / 2, 100), 0);
        assert_eq!(admitted(start + TRIAL, 100), 0);
        assert_eq!(admitted(start + TRIAL + REST / 2, 100), 0);
        assert_eq!(admitted(start + TRIAL + REST, 100), DATAGRAMS_MAX as usize);
    }

    #[test]
    fn one_that_answered_before_gets_more_and_is_tried_again_soon() {
        let start = Instant::now();
        let mut trials = Trials::new(212_992);
        let mut admitted = |at, count| {
            (0..count).filter(|_| trials.admit(neighbour(0), true, at, |_| false)).count()
        };
        assert_eq!(admitted(start, 100), RETURN_DATAGRAMS_MAX as usize);
        assert_eq!(admitted(start + TRIAL, 1), 0);
        assert_eq!(admitted(start + TRIAL + REST_IF_ANSWERED_BEFORE, 1), 1);
    }

    #[test]
    fn there_is_a_limit_to_what_is_in_flight_to_all_of_them() {
        let start = Instant::now();
        let mut trials = Trials::new(212_992);
        let mut admitted = 0;
        for number in 0..50_000 {
            admitted +=
                usize::from(trials.admit(neighbour(number), number % 2 == 0, start, |_| false));
        }
        assert!(admitted <= TRIALS_MAX + RETURNS_MAX, "{admitted}");
        // They make room for others when their time is over.
        assert!(trials.admit(neighbour(60_000), false, start + TRIAL, |_| false));
        for round in 1..100 {
            let at = start + TRIAL * 2 * round;
            for number in 0..TRIALS_MAX {
                trials.admit(neighbour(round as usize * 1000 + number), false, at, |_| false);
            }
        }
        assert!(
            trials.resting.len() <= RESTING_MAX
                && trials.under_way.len() <= TRIALS_MAX + RETURNS_MAX
        );
    }

    #[test]
    fn one_that_answers_is_forgotten() {
        let start = Instant::now();
        let mut trials = Trials::new(212_992);
        while trials.admit(neighbour(0), false, start, |_| false) {}
        trials.succeeded(neighbour(0));
        assert_eq!(trials.under_way.len() + trials.resting.len(), 0);
        // No further datagram to it is needed to make room for others.
        for number in 0..TRIALS_MAX * 2 {
            trials.admit(neighbour(number), false, start, |_| false);
        }
        assert!(trials.admit(neighbour(TRIALS_MAX * 3), false, start + LOOK_AGAIN_AFTER, |_| true));
        assert_eq!(trials.under_way.len(), 1);
        assert!(trials.admit(neighbour(0), false, start, |_| false));
    }
}
