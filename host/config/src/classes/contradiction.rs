//! Finds conditions that no message can meet, because two of their tests contradict each other.
//!
//! Compares tests of the same octets, and looks into `any` and `not`. Does not find everything:
//! a set with many values is not compared with another one. Invariant: what is reported can never
//! be met.

use lessor_core::{Condition, Fitting, Test};

use crate::{mistake::Draft, reader::Value};

/// Values of a test, beyond which it is not compared with another one.
const COMPARED_MAX: usize = 256;

/// Reports a condition that no message can meet.
pub(super) fn report(condition: &Condition, value: &Value) {
    if is_never_met(condition.tests(), &[]) {
        let draft = Draft::found("no message meets this: its tests contradict each other")
            .wanted("wanted tests that hold together");
        value.report(draft.help("alternatives are several values of one test, or any = [ … ]"));
    }
}

/// Returns whether these tests, and those of the conditions around them, cannot hold together.
fn is_never_met(tests: &[Test], around: &[&Test]) -> bool {
    let all: Vec<&Test> = tests.iter().chain(around.iter().copied()).collect();
    all.iter().enumerate().any(|(position, test)| match test {
        Test::Any(conditions) if position < tests.len() => {
            let others: Vec<&Test> =
                all.iter().filter(|other| !std::ptr::eq(**other, *test)).copied().collect();
            conditions.iter().all(|condition| is_never_met(condition.tests(), &others))
        }
        Test::Not(condition) => match condition.tests() {
            [denied] => all.iter().any(|test| implies(test, denied)),
            _ => false,
        },
        test => all.iter().skip(position + 1).any(|other| excludes(test, other)),
    })
}

/// Returns whether two tests cannot hold together.
fn excludes(one: &Test, other: &Test) -> bool {
    match (one, other) {
        (Test::Octets(fact, reading, one), Test::Octets(other_fact, other_reading, other)) => {
            let is_same = fact == other_fact && reading == other_reading;
            // One of several items can fit the one test, and another item the other.
            is_same && !reading.has_items() && fitting_exclude(one, other)
        }
        (Test::HardwareAddress(one), Test::HardwareAddress(other)) => {
            is_small(one.len() + other.len())
                && one.iter().all(|one| {
                    other.iter().all(|other| !one.starts_with(other) && !other.starts_with(one))
                })
        }
        (Test::Interface(one), Test::Interface(other)) => {
            one.iter().all(|one| !other.contains(one))
        }
        // A client behind a relay is on the link of no interface.
        (Test::Relay(_), Test::Interface(_)) | (Test::Interface(_), Test::Relay(_)) => true,
        (Test::Relay(one), Test::Relay(other)) => one.addresses.iter().all(|one| {
            let mut others = other.addresses.iter();
            others.all(|other| !one.contains(other) && !other.contains(one))
        }),
        _ => false,
    }
}

fn fitting_exclude(one: &Fitting, other: &Fitting) -> bool {
    let values = [&one.equal, &one.starting, &other.equal, &other.starting];
    let count = values.into_iter().map(lessor_core::OctetSet::len).sum();
    if one.anything || other.anything || !is_small(count) {
        return false;
    }
    let accepts = |fitting: &Fitting, octets: &[u8]| {
        fitting.equal.contains(octets) || fitting.starting.contains_start_of(octets)
    };
    let meets = |start: &[u8], other: &Fitting| {
        other.starting.contains_start_of(start)
            || other.equal.iter().chain(other.starting.iter()).any(|it| it.starts_with(start))
    };
    !one.equal.iter().any(|octets| accepts(other, octets))
        && !one.starting.iter().any(|start| meets(start, other))
}

/// Returns whether `denied` holds wherever `test` does.
fn implies(test: &Test, denied: &Test) -> bool {
    match (test, denied) {
        (Test::Octets(fact, reading, fitting), Test::Octets(other, other_reading, denied)) => {
            let is_same = fact == other && reading == other_reading;
            let is_covered = denied.anything
                || (!fitting.anything
                    && is_small(fitting.equal.len() + fitting.starting.len())
                    && fitting.equal.iter().all(|octets| denied.fits_as(*reading, octets))
                    && fitting.starting.iter().all(|it| denied.starting.contains_start_of(it)));
            is_same && is_covered
        }
        (Test::HardwareAddress(set), Test::HardwareAddress(denied)) => {
            is_small(set.len()) && set.iter().all(|start| denied.contains_start_of(start))
        }
        (test, denied) => test == denied,
    }
}

const fn is_small(values: usize) -> bool {
    values <= COMPARED_MAX
}
