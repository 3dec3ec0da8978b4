//! Quarantined addresses: which accounts each counts for, and which address of a pool has been
//! quarantined longest.
//!
//! Decides nothing: `farewell` decides whether one more is too many. An address counts for the
//! client that declined it, for that client's line, and for its subscriber. Option 82 names the
//! line: a client chooses its hardware address and its client identifier, but not its line.
//! Invariant: every active quarantine, and every one on its way to storage, is counted once under each
//! of its accounts; the former is listed in its pool unless the address is offered.

use std::{collections::BTreeSet, sync::Arc};

use foldhash::fast::FixedState;
use smallvec::SmallVec;

use crate::{ClientKey, Lease, QuarantineMax, RelayInformation, Timestamp};

use super::{
    ordered::Ordered,
    table::{Keyed, Left, Table},
};

/// Every quarantine of a network.
#[derive(Clone, Debug)]
pub(super) struct Quarantines {
    accounts: Table<SetAside>,
    /// By pool: when each address was declined.
    listed: Vec<BTreeSet<(Timestamp, u32)>>,
}

/// An account that a quarantined address counts for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Account {
    /// The client that declined it.
    Client(ClientKey),
    /// The line that the relay agent named: circuit id and remote id.
    Line(Option<Box<[u8]>>, Option<Box<[u8]>>),
    /// The network, for a client whose line no relay agent names.
    Link,
    /// The subscriber that the lease counted against.
    Subscriber(Arc<str>),
}

/// The addresses that count for one account, by the end of their quarantine.
#[derive(Clone, Debug)]
struct SetAside {
    account: Account,
    ends: Ordered,
}

impl Keyed for SetAside {
    type Key = Account;

    fn key(&self) -> &Account {
        &self.account
    }
}

impl Account {
    /// The accounts of a declined address, by its record.
    pub(super) fn all_of(record: &Lease) -> SmallVec<[Self; 3]> {
        let line = Self::of_line(record.relay_information.as_ref());
        let subscriber = record.subscriber.as_ref().map(|name| Self::Subscriber(Arc::clone(name)));
        [Self::Client(record.client.clone()), line].into_iter().chain(subscriber).collect()
    }

    /// The account of the line that `information` names, else that of the link.
    pub(super) fn of_line(information: Option<&RelayInformation>) -> Self {
        let part = |part: Option<&[u8]>| part.filter(|octets| !octets.is_empty()).map(Box::from);
        let circuit_id = part(information.and_then(RelayInformation::circuit_id));
        let remote_id = part(information.and_then(RelayInformation::remote_id));
        match (circuit_id, remote_id) {
            (None, None) => Self::Link,
            (circuit_id, remote_id) => Self::Line(circuit_id, remote_id),
        }
    }

    /// How many addresses it may have in quarantine.
    pub(super) fn max(&self, limits: &QuarantineMax) -> usize {
        let max = match self {
            Self::Client(_) => limits.client,
            Self::Line(..) => limits.line,
            Self::Link => limits.link,
            Self::Subscriber(_) => limits.subscriber,
        };
        usize::try_from(max.get()).unwrap_or(usize::MAX)
    }
}

impl SetAside {
    fn nothing(account: Account) -> Self {
        Self { account, ends: Ordered::new() }
    }
}

impl Quarantines {
    /// No address is quarantined.
    pub(super) fn new(pools: usize, hasher: &FixedState) -> Self {
        Self { accounts: Table::new(hasher), listed: vec![BTreeSet::new(); pools] }
    }

    /// How many addresses count for an account.
    pub(super) fn count(&self, account: &Account) -> usize {
        self.accounts.get(account).map_or(0, |found| found.ends.len())
    }

    /// The addresses of an account whose quarantine has ended.
    pub(super) fn ended(&self, account: &Account, now: Timestamp) -> impl Iterator<Item = u32> {
        let entries = self.accounts.get(account).into_iter().flat_map(|found| found.ends.entries());
        entries.take_while(move |(end, _)| *end <= now).map(|(_, address)| address)
    }

    /// The quarantined addresses of a pool, in the order in which they were declined.
    pub(super) fn of_pool(&self, pool: usize) -> impl Iterator<Item = (Timestamp, u32)> {
        self.listed.get(pool).into_iter().flatten().copied()
    }

    /// Counts a quarantine that begins.
    pub(super) fn begin(&mut self, record: &Lease) {
        for account in Account::all_of(record) {
            self.accounts.change(
                &account,
                || SetAside::nothing(account.clone()),
                |found| {
                    found.ends.insert(entry_of(record));
                    Left::Something
                },
            );
        }
    }

    /// Stops counting a quarantine that ended.
    pub(super) fn end(&mut self, record: &Lease) {
        for account in Account::all_of(record) {
            // In the copy that a preview decides on, other accounts are missing.
            self.accounts.change(
                &account,
                || SetAside::nothing(account.clone()),
                |found| {
                    found.ends.remove(entry_of(record));
                    if found.ends.len() == 0 { Left::Nothing } else { Left::Something }
                },
            );
        }
    }

    /// Lists an address of a pool.
    pub(super) fn list(&mut self, pool: usize, declined_at: Timestamp, address: u32) {
        if let Some(listed) = self.listed.get_mut(pool) {
            listed.insert((declined_at, address));
        }
    }

    /// Removes an address of a pool from the list.
    pub(super) fn unlist(&mut self, pool: usize, declined_at: Timestamp, address: u32) {
        if let Some(listed) = self.listed.get_mut(pool) {
            listed.remove(&(declined_at, address));
        }
    }

    /// Empties the lists; from now on there are `pools` pools.
    pub(super) fn lay_out(&mut self, pools: usize) {
        self.listed = vec![BTreeSet::new(); pools];
    }

    /// A copy of what counts for `accounts`, and of the first `limit` addresses of each pool.
    pub(super) fn head(&self, accounts: &[Account], limit: usize, hasher: &FixedState) -> Self {
        let mut copied = Table::new(hasher);
        for found in accounts.iter().filter_map(|account| self.accounts.get(account)) {
            copied.put(found.clone());
        }
        let first = |listed: &BTreeSet<_>| listed.iter().take(limit).copied().collect();
        Self { accounts: copied, listed: self.listed.iter().map(first).collect() }
    }

    /// Every listed address, and those of every account; an address may come more than once.
    pub(super) fn addresses(&self, accounts: &[Account]) -> impl Iterator<Item = u32> {
        let of_accounts = accounts.iter().filter_map(|account| self.accounts.get(account));
        let of_accounts = of_accounts.flat_map(|found| found.ends.iter());
        self.listed.iter().flatten().map(|(_, address)| *address).chain(of_accounts)
    }

    /// How many accounts there are.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.accounts.len()
    }
}

fn entry_of(record: &Lease) -> (Timestamp, u32) {
    (record.expires_at, u32::from(record.address))
}
