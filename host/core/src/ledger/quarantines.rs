//! Quarantines: which accounts each resource that is set aside counts for, and which resource of a pool
//! has been set aside longest.
//!
//! Decides nothing: whether one more is too many is decided elsewhere. For which accounts a resource
//! counts, its family says. Invariant: every active quarantine, and every one on its way to storage, is
//! counted once under each of its accounts; the former is listed in its pool unless it is offered.

use std::collections::BTreeSet;

use foldhash::fast::FixedState;

use crate::Timestamp;

use super::{
    family::Family,
    ordered::Ordered,
    record::Record,
    table::{Keyed, Left, Table},
};

/// Every quarantine.
#[derive(Clone, Debug)]
pub(crate) struct Quarantines<F: Family> {
    accounts: Table<SetAside<F>>,
    /// By pool: when each resource was declined.
    listed: Vec<BTreeSet<(Timestamp, F::Resource)>>,
}

/// The resources that count for one account, by the end of their quarantine.
#[derive(Clone, Debug)]
struct SetAside<F: Family> {
    account: F::Account,
    ends: Ordered<F::Resource>,
}

impl<F: Family> Keyed for SetAside<F> {
    type Key = F::Account;

    fn key(&self) -> &F::Account {
        &self.account
    }
}

impl<F: Family> SetAside<F> {
    fn nothing(account: F::Account) -> Self {
        Self { account, ends: Ordered::new() }
    }
}

impl<F: Family> Quarantines<F> {
    /// No resource is quarantined.
    pub(super) fn new(pools: usize, hasher: &FixedState) -> Self {
        Self { accounts: Table::new(hasher), listed: vec![BTreeSet::new(); pools] }
    }

    /// How many resources count for an account.
    pub(crate) fn count(&self, account: &F::Account) -> usize {
        self.accounts.get(account).map_or(0, |found| found.ends.len())
    }

    /// The resources of an account whose quarantine has ended.
    pub(super) fn ended(
        &self,
        account: &F::Account,
        now: Timestamp,
    ) -> impl Iterator<Item = F::Resource> {
        let entries = self.accounts.get(account).into_iter().flat_map(|found| found.ends.entries());
        entries.take_while(move |(end, _)| *end <= now).map(|(_, resource)| resource)
    }

    /// The quarantined resources of a pool, in the order in which they were declined.
    pub(crate) fn of_pool(&self, pool: usize) -> impl Iterator<Item = (Timestamp, F::Resource)> {
        self.listed.get(pool).into_iter().flatten().copied()
    }

    /// Counts a quarantine that begins.
    pub(super) fn begin(&mut self, resource: F::Resource, record: &Record<F>) {
        for account in F::accounts(resource, record) {
            self.accounts.change(
                &account,
                || SetAside::nothing(account.clone()),
                |found| {
                    found.ends.insert((record.expires_at(), resource));
                    Left::Something
                },
            );
        }
    }

    /// Stops counting a quarantine that ended.
    pub(super) fn end(&mut self, resource: F::Resource, record: &Record<F>) {
        for account in F::accounts(resource, record) {
            // In the copy that a preview decides on, other accounts are missing.
            self.accounts.change(
                &account,
                || SetAside::nothing(account.clone()),
                |found| {
                    found.ends.remove((record.expires_at(), resource));
                    if found.ends.len() == 0 { Left::Nothing } else { Left::Something }
                },
            );
        }
    }

    /// Lists a resource of a pool.
    pub(super) fn list(&mut self, pool: usize, declined_at: Timestamp, resource: F::Resource) {
        if let Some(listed) = self.listed.get_mut(pool) {
            listed.insert((declined_at, resource));
        }
    }

    /// Removes a resource of a pool from the list.
    pub(super) fn unlist(&mut self, pool: usize, declined_at: Timestamp, resource: F::Resource) {
        if let Some(listed) = self.listed.get_mut(pool) {
            listed.remove(&(declined_at, resource));
        }
    }

    /// Empties the lists; from now on there are `pools` pools.
    pub(super) fn lay_out(&mut self, pools: usize) {
        self.listed = vec![BTreeSet::new(); pools];
    }

    /// A copy of what counts for `accounts`, and of the first `limit` resources of each pool.
    pub(super) fn head(&self, accounts: &[F::Account], limit: usize, hasher: &FixedState) -> Self {
        let mut copied = Table::new(hasher);
        for found in accounts.iter().filter_map(|account| self.accounts.get(account)) {
            copied.put(found.clone());
        }
        let first = |listed: &BTreeSet<_>| listed.iter().take(limit).copied().collect();
        Self { accounts: copied, listed: self.listed.iter().map(first).collect() }
    }

    /// Every listed resource, and those of every account; a resource may come more than once.
    pub(super) fn resources(&self, accounts: &[F::Account]) -> impl Iterator<Item = F::Resource> {
        let of_accounts = accounts.iter().filter_map(|account| self.accounts.get(account));
        let of_accounts = of_accounts.flat_map(|found| found.ends.iter());
        self.listed.iter().flatten().map(|(_, resource)| *resource).chain(of_accounts)
    }

    /// How many accounts there are.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.accounts.len()
    }
}
