//! Accounts: what faults cost, by the party that caused them.
//!
//! Does not decide what happens to packets. Invariant: there are at most [`FAULT_ACCOUNTS_MAX`]
//! accounts of clients, of lines and of links, each. When there is no room, the account with the
//! lowest weight is evicted, so that invented clients displace no offender.

use std::{
    cmp::Reverse,
    collections::HashMap,
    time::{Duration, Instant},
};

use super::{
    budget::{Budget, Spent},
    offender::{Culprit, Party},
};
use crate::limits::{
    CLIENT_FAULT_MS_PER_SEC, FAULT_ACCOUNTS_MAX, FAULT_COST_WINDOW_SECS, LINE_FAULT_MS_PER_SEC,
    LINK_FAULT_MS_PER_SEC, SHUT_OUT_MS_MAX, SHUT_OUT_MS_MIN,
};

/// The cost of a plugin's faults, by the party that caused them.
#[derive(Default)]
pub(super) struct Accounts {
    clients: HashMap<Party, Account>,
    lines: HashMap<Party, Account>,
    links: HashMap<Party, Account>,
}

/// The cost of one party's faults.
pub(super) struct Account {
    pub(super) faults: u64,
    pub(super) cost: Duration,
    pub(super) last: Instant,
    spent: Spent,
}

/// The result of a charge that shuts a party out.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ShutOut {
    pub(super) party: Party,
    pub(super) pause: Duration,
    pub(super) faults: u64,
    pub(super) cost: Duration,
}

const fn budget(ms_per_sec: u64, fault_ms_max: u64) -> Budget {
    Budget {
        ms_per_sec,
        fault_ms_max,
        pause_ms_min: SHUT_OUT_MS_MIN,
        pause_ms_max: SHUT_OUT_MS_MAX,
    }
}

/// The maximum that one fault is charged to a line: the burst of a client's budget. A line is
/// therefore shut out only for the faults of several clients; a single client is shut out alone.
const LINE_FAULT_MS_MAX: u64 = CLIENT_FAULT_MS_PER_SEC * FAULT_COST_WINDOW_SECS;
/// The maximum that one fault is charged to a link and to the plugin, for the same reason.
pub(super) const LINK_FAULT_MS_MAX: u64 = LINE_FAULT_MS_PER_SEC * FAULT_COST_WINDOW_SECS;

const CLIENT: Budget = budget(CLIENT_FAULT_MS_PER_SEC, u64::MAX);
const LINE: Budget = budget(LINE_FAULT_MS_PER_SEC, LINE_FAULT_MS_MAX);
const LINK: Budget = budget(LINK_FAULT_MS_PER_SEC, LINK_FAULT_MS_MAX);

impl Accounts {
    /// Charges a fault to its client, its line and its link. Returns the widest of them that has
    /// exhausted its budget. Wider parties are charged so little for one fault that a client
    /// exhausts its budget long before its line does, and a line before its link. `is_out` returns
    /// whether a party is shut out already.
    pub(super) fn charge(
        &mut self,
        now: Instant,
        culprit: &Culprit,
        cost: Duration,
        is_out: impl Fn(&Party) -> bool,
    ) -> Option<ShutOut> {
        let mut shut_out = None;
        for party in culprit.parties() {
            let budget = budget_of(&party);
            let accounts = self.of_kind(&party);
            make_room(accounts, now, &party);
            let account = accounts.entry(party.clone()).or_insert_with(|| Account::new(now));
            account.faults += 1;
            account.cost += cost;
            account.last = now;
            let is_spent = account.spent.charge(now, cost, budget);
            if is_spent && !is_out(&party) {
                let pause = account.spent.pause(now, budget);
                let (faults, cost) = (account.faults, account.cost);
                shut_out = Some(ShutOut { party, pause, faults, cost });
            }
        }
        shut_out
    }

    /// The clients, lines and links whose faults cost most, in descending order.
    pub(super) fn worst(&self, count: usize) -> Vec<(&Party, &Account)> {
        let all = self.clients.iter().chain(&self.lines).chain(&self.links);
        let mut all: Vec<_> = all.filter(|(party, _)| self.tells_more(party)).collect();
        all.sort_by_key(|(_, account)| Reverse((account.cost, account.faults)));
        all.truncate(count);
        all
    }

    /// The number of faults, where those of one line, or of one client without a line, count at
    /// most `max` times.
    pub(super) fn faults_at_most(&self, max: u64) -> u64 {
        let without_line = self
            .clients
            .iter()
            .filter(|(party, _)| matches!(party, Party::Client(origin, _) if !origin.names_line()));
        self.lines.iter().chain(without_line).map(|(_, account)| account.faults.min(max)).sum()
    }

    /// Returns `false` for a line or link if one narrower party caused all of its faults.
    fn tells_more(&self, party: &Party) -> bool {
        let narrower = |is_in: &dyn Fn(&Party) -> bool, of: u64| {
            let all = self.clients.iter().chain(&self.lines);
            !all.filter(|(inner, _)| is_in(inner)).any(|(_, account)| account.faults == of)
        };
        match party {
            Party::Client(..) => true,
            Party::Line(origin) => {
                let faults = self.lines.get(party).map_or(0, |account| account.faults);
                narrower(&|inner| matches!(inner, Party::Client(of, _) if of == origin), faults)
            }
            Party::Link(link) => {
                let faults = self.links.get(party).map_or(0, |account| account.faults);
                let is_in = |inner: &Party| match inner {
                    Party::Client(of, _) | Party::Line(of) => of.link == *link,
                    Party::Link(_) => false,
                };
                narrower(&is_in, faults)
            }
        }
    }

    fn of_kind(&mut self, party: &Party) -> &mut HashMap<Party, Account> {
        match party {
            Party::Client(..) => &mut self.clients,
            Party::Line(_) => &mut self.lines,
            Party::Link(_) => &mut self.links,
        }
    }
}

impl Account {
    fn new(now: Instant) -> Self {
        Self { faults: 0, cost: Duration::ZERO, last: now, spent: Spent::new(now) }
    }
}

const fn budget_of(party: &Party) -> &'static Budget {
    match party {
        Party::Client(..) => &CLIENT,
        Party::Line(_) => &LINE,
        Party::Link(_) => &LINK,
    }
}

/// Evicts the account with the lowest weight if there is no room for another.
fn make_room(accounts: &mut HashMap<Party, Account>, now: Instant, party: &Party) {
    if accounts.len() < FAULT_ACCOUNTS_MAX || accounts.contains_key(party) {
        return;
    }
    let budget = budget_of(party);
    let weight = |account: &Account| account.spent.weight_ms(now, budget);
    let least = accounts.iter().min_by(|(_, one), (_, other)| {
        weight(one).total_cmp(&weight(other)).then(one.last.cmp(&other.last))
    });
    if let Some(least) = least.map(|(party, _)| party.clone()) {
        accounts.remove(&least);
    }
}

#[cfg(test)]
mod tests {
    use lessor_core::{ClientKey, Link, Origin};

    use super::*;

    /// A client of a line of a relay.
    fn culprit(client: u32, line: u32, relay: u32) -> Culprit {
        Culprit {
            origin: Origin {
                link: Link::Relay(relay.into()),
                circuit_id: Some(Box::from(line.to_be_bytes())),
                remote_id: None,
            },
            client: ClientKey::Identifier(Box::from(client.to_be_bytes())),
        }
    }

    fn nobody(_: &Party) -> bool {
        false
    }

    #[test]
    fn an_expensive_client_is_shut_out_alone_and_a_line_for_several() {
        let (mut accounts, now) = (Accounts::default(), Instant::now());
        let cost = Duration::from_secs(1);
        let first = accounts.charge(now, &culprit(1, 1, 1), cost, nobody).unwrap();
        assert!(matches!(first.party, Party::Client(..)), "{first:?}");
        assert_eq!(first.pause.as_millis(), u128::from(SHUT_OUT_MS_MIN));
        let second = accounts.charge(now, &culprit(2, 1, 1), cost, nobody).unwrap();
        assert!(matches!(second.party, Party::Line(_)), "{second:?}");
        let other = accounts.charge(now, &culprit(1, 2, 1), cost, nobody).unwrap();
        assert!(matches!(other.party, Party::Client(..)), "{other:?}");
    }

    #[test]
    fn cheap_faults_within_the_budget_shut_nobody_out() {
        let (mut accounts, began) = (Accounts::default(), Instant::now());
        for tenths in 0..10_000 {
            let now = began + Duration::from_millis(100 * tenths);
            let cost = Duration::from_micros(400);
            assert_eq!(accounts.charge(now, &culprit(1, 1, 1), cost, nobody), None);
        }
        assert_eq!(accounts.faults_at_most(100), 100);
    }

    #[test]
    fn made_up_clients_do_not_displace_an_offender() {
        let (mut accounts, now) = (Accounts::default(), Instant::now());
        let offender = culprit(7, 7, 7);
        accounts.charge(now, &offender, Duration::from_millis(30), nobody);
        for client in 100..100 + 4 * FAULT_ACCOUNTS_MAX as u32 {
            let made_up = culprit(client, client, client);
            accounts.charge(now, &made_up, Duration::from_micros(10), nobody);
        }
        for kind in [&accounts.clients, &accounts.lines, &accounts.links] {
            assert_eq!(kind.len(), FAULT_ACCOUNTS_MAX);
        }
        let (worst, account) = accounts.worst(1)[0];
        assert_eq!((worst, account.faults), (&offender.parties().next().unwrap(), 1));
    }
}
