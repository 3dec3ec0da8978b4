//! Decides when the system should drop DISCOVERs before they are read, and which share of them.
//!
//! In an overload, reading messages only to drop them takes the time in which others could be
//! answered. As long as a few lines send most of the messages, the [backlog](crate::backlog) has to
//! read them, because only it knows the lines and drops those of the lines that send most. Once the
//! lines of a relay hold about the same, it can only drop some at random, and the system does that
//! at a lower cost. It begins when the backlog is half full and still grows: reading what fills the
//! other half would delay the renewals behind it. Does not touch sockets. Invariant: only DISCOVERs
//! of relays whose lines hold about the same are dropped, and only while more arrives than can be
//! answered.

use std::{
    collections::BTreeSet,
    net::Ipv4Addr,
    time::{Duration, Instant},
};

use lessor_net::Thinning;

/// How long messages are counted before the share is adjusted.
pub(super) const WINDOW: Duration = Duration::from_millis(10);

/// The share of the messages that are read and not answered, above which thinning begins.
const EXCESS_MIN: f64 = 0.1;

/// How many messages are read for each one that is answered. The rest shows that the overload goes
/// on.
const READ_FOR_EACH_ANSWER: f64 = 1.15;

/// The factors by which the share changes at once, at the least and at the most.
const STEP_MIN: f64 = 0.25;
const STEP_MAX: f64 = 1.25;

/// The smallest share that passes.
const PASSED_MIN: f64 = 1.0 / 64.0;

/// Counts the DISCOVERs of one endpoint, and adjusts the share of them that passes.
#[derive(Debug)]
pub(super) struct Thinner {
    began: Instant,
    read: u32,
    dropped: u32,
    /// Messages that were read while the backlog was more than half full, and wait.
    crowding: u32,
    /// The messages of the backlog when the window began.
    waiting: usize,
    relays: BTreeSet<Ipv4Addr>,
    passed: f64,
    /// Losses that become known until this time are those of the filter.
    filters_until: Option<Instant>,
}

/// What has to be done with the filter of the endpoint.
#[derive(Debug, PartialEq)]
pub(super) enum Adjustment {
    /// Replace it.
    Thin(Thinning),
    /// Remove it.
    Stop,
}

impl Thinner {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            began: now,
            read: 0,
            dropped: 0,
            crowding: 0,
            waiting: 0,
            relays: BTreeSet::new(),
            passed: 1.0,
            filters_until: None,
        }
    }

    /// Returns whether a filter is in use.
    pub(super) fn is_active(&self) -> bool {
        self.passed < 1.0
    }

    /// Returns whether the losses that become known at `now` are those of the filter.
    pub(super) fn explains_losses(&self, now: Instant) -> bool {
        self.is_active() || self.filters_until.is_some_and(|until| now < until)
    }

    /// Counts a DISCOVER that was read.
    pub(super) fn note_read(&mut self) {
        self.read += 1;
    }

    /// Counts a DISCOVER of this relay that was dropped for lack of room, while the lines of the
    /// relay held about the same.
    pub(super) fn note_dropped(&mut self, relay: Ipv4Addr) {
        self.dropped += 1;
        self.note_relay(relay);
    }

    /// Counts a DISCOVER of this relay that waits in a backlog that is more than half full, while
    /// the lines of the relay hold about the same.
    pub(super) fn note_crowding(&mut self, relay: Ipv4Addr) {
        self.crowding += 1;
        self.note_relay(relay);
    }

    /// Returns what to do with the filter, at most once in a window, if so many messages wait.
    pub(super) fn adjust(&mut self, now: Instant, waiting: usize) -> Option<Adjustment> {
        if now.saturating_duration_since(self.began) < WINDOW {
            return None;
        }
        let growth = u32::try_from(waiting.saturating_sub(self.waiting)).unwrap_or(u32::MAX);
        let excess = f64::from(self.dropped) + f64::from(growth.min(self.crowding));
        let read = f64::from(self.read);
        (self.began, self.read, self.dropped) = (now, 0, 0);
        (self.crowding, self.waiting) = (0, waiting);
        if !self.is_active() && excess <= EXCESS_MIN * read {
            self.relays.clear();
            return None;
        }
        let step = match excess > 0.0 {
            true => READ_FOR_EACH_ANSWER * (read - excess) / read,
            false => STEP_MAX,
        };
        self.passed = (self.passed * step.clamp(STEP_MIN, STEP_MAX)).clamp(PASSED_MIN, 1.0);
        match Thinning::new(self.relays.iter().copied(), self.passed) {
            Some(thinning) if self.is_active() => Some(Adjustment::Thin(thinning)),
            _ => {
                *self = Self { filters_until: Some(now + WINDOW), waiting, ..Self::new(now) };
                Some(Adjustment::Stop)
            }
        }
    }

    fn note_relay(&mut self, relay: Ipv4Addr) {
        if self.relays.len() < Thinning::RELAYS_MAX {
            self.relays.insert(relay);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RELAY: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);

    /// Lets `arriving` messages arrive in each of `windows` windows, of which the server answers
    /// `answered`. Returns the share that passes in the end.
    fn run(thinner: &mut Thinner, arriving: f64, answered: f64, windows: u32) -> f64 {
        for _ in 0..windows {
            let read = arriving * thinner.passed;
            (0..read as u32).for_each(|_| thinner.note_read());
            (answered as u32..read as u32).for_each(|_| thinner.note_dropped(RELAY));
            thinner.adjust(thinner.began + WINDOW, 0);
        }
        thinner.passed
    }

    #[test]
    fn a_lasting_overload_is_thinned_to_little_more_than_can_be_answered() {
        let mut thinner = Thinner::new(Instant::now());
        for arriving in [2_000.0, 20_000.0, 1_000.0] {
            let passed = run(&mut thinner, arriving, 400.0, 30);
            let read = arriving * passed;
            assert!((400.0..501.0).contains(&read), "{read} of {arriving}");
        }
    }

    #[test]
    fn a_backlog_that_fills_up_is_thinned_before_anything_is_dropped() {
        let mut thinner = Thinner::new(Instant::now());
        let (mut waiting, arriving, answered, room) = (0, 2_000.0, 400, 32_000);
        for _ in 0..200 {
            let read = (arriving * thinner.passed) as usize;
            for number in 0..read {
                thinner.note_read();
                if waiting + number > room / 2 {
                    thinner.note_crowding(RELAY);
                }
            }
            waiting = (waiting + read).saturating_sub(answered);
            thinner.adjust(thinner.began + WINDOW, waiting);
            assert!(waiting < room);
        }
        assert!(waiting > room / 2, "{waiting}");
        assert!((0.2..0.3).contains(&thinner.passed), "{}", thinner.passed);
    }

    #[test]
    fn what_can_be_answered_is_not_thinned() {
        let mut thinner = Thinner::new(Instant::now());
        assert_eq!(run(&mut thinner, 400.0, 400.0, 100), 1.0);
        assert_eq!(run(&mut thinner, 420.0, 400.0, 100), 1.0, "few are dropped");
        assert!(!thinner.explains_losses(thinner.began));
        assert!(thinner.relays.is_empty());
    }

    #[test]
    fn an_overload_that_ends_is_thinned_no_longer() {
        for arriving in [0.0, 10.0, 300.0] {
            let mut thinner = Thinner::new(Instant::now());
            assert_eq!(run(&mut thinner, 1_000_000.0, 400.0, 10), PASSED_MIN);
            assert!(thinner.explains_losses(thinner.began));
            assert_eq!(run(&mut thinner, arriving, 400.0, 20), 1.0, "{arriving}");
            assert!(!thinner.is_active() && thinner.relays.is_empty());
        }
    }

    #[test]
    fn a_filter_is_reported_when_it_begins_and_ends() {
        let start = Instant::now();
        let mut thinner = Thinner::new(start);
        (0..100).for_each(|_| thinner.note_read());
        (0..50).for_each(|_| thinner.note_dropped(RELAY));
        assert_eq!(thinner.adjust(start + WINDOW / 2, 0), None);
        let began = thinner.adjust(start + WINDOW, 0);
        assert_eq!(began, Thinning::new([RELAY], 1.15 * 0.5).map(Adjustment::Thin));
        let mut adjusted = Vec::new();
        for window in 2..10 {
            adjusted.extend(thinner.adjust(start + window * WINDOW, 0));
        }
        assert_eq!(adjusted.len(), 3, "{adjusted:?}");
        assert_eq!(adjusted.last(), Some(&Adjustment::Stop));
        assert!(thinner.explains_losses(start + 4 * WINDOW));
        assert!(!thinner.explains_losses(start + 6 * WINDOW));
    }

    #[test]
    fn the_relays_have_a_limit() {
        let mut thinner = Thinner::new(Instant::now());
        for number in 0..1_000 {
            thinner.note_dropped(Ipv4Addr::from(number));
        }
        assert_eq!(thinner.relays.len(), Thinning::RELAYS_MAX);
    }
}
