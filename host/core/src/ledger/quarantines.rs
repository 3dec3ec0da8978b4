//! Quarantines: the accounts that each quarantined resource counts against, and the order in which
//! the resources of a pool were quarantined.
//!
//! Does not decide how many are too many; the family determines the accounts of a resource.
//! Invariant: every active quarantine, and every one in flight to storage, is counted once on each
//! of its accounts; an active one is also listed in its pool unless the resource is offered.

use std::collections::BTreeSet;

use crate::{Timestamp, keyed_hash::KeyedState};

use super::{
    family::{BindingRecord as _, Family},
    ordered::Ordered,
    table::{Keyed, Left, Table},
};

/// All quarantines.
#[derive(Clone, Debug)]
pub(crate) struct Quarantines<F: Family> {
    accounts: Table<SetAside<F>>,
    /// The quarantined resources of each pool, by the time at which they were declined.
    listed: Vec<BTreeSet<(Timestamp, F::Resource)>>,
}

/// The resources that count against one account, ordered by the end of their quarantine.
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
    /// Creates a collection without any quarantine.
    pub(super) fn new(pools: usize, hasher: &KeyedState) -> Self {
        Self { accounts: Table::new(hasher), listed: vec![BTreeSet::new(); pools] }
    }

    /// The number of resources that count against an account.
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
    pub(super) fn begin(&mut self, record: &F::Binding) {
        self.recount(record, |ends, entry| {
            ends.insert(entry);
        });
    }

    /// Stops counting a quarantine that ended.
    pub(super) fn end(&mut self, record: &F::Binding) {
        // The copy that a preview decides on does not contain other accounts.
        self.recount(record, |ends, entry| {
            ends.remove(entry);
        });
    }

    /// Changes what each account of a record counts. An account that counts nothing is removed.
    fn recount(
        &mut self,
        record: &F::Binding,
        change: impl Fn(&mut Ordered<F::Resource>, (Timestamp, F::Resource)),
    ) {
        let entry = (record.tenure().expires_at, record.resource());
        for account in F::accounts(record) {
            self.accounts.change(
                &account,
                || SetAside::nothing(account.clone()),
                |found| {
                    change(&mut found.ends, entry);
                    if found.ends.len() == 0 { Left::Nothing } else { Left::Something }
                },
            );
        }
    }

    /// Adds a resource to the list of its pool.
    pub(super) fn list(&mut self, pool: usize, declined_at: Timestamp, resource: F::Resource) {
        if let Some(listed) = self.listed.get_mut(pool) {
            listed.insert((declined_at, resource));
        }
    }

    /// Removes a resource from the list of its pool.
    pub(super) fn unlist(&mut self, pool: usize, declined_at: Timestamp, resource: F::Resource) {
        if let Some(listed) = self.listed.get_mut(pool) {
            listed.remove(&(declined_at, resource));
        }
    }

    /// Empties the lists and sets the number of pools.
    pub(super) fn lay_out(&mut self, pools: usize) {
        self.listed = vec![BTreeSet::new(); pools];
    }

    /// A copy of what counts against `accounts`, and of the first `limit` resources of each pool.
    pub(super) fn head(&self, accounts: &[F::Account], limit: usize, hasher: &KeyedState) -> Self {
        let mut copied = Table::new(hasher);
        for found in accounts.iter().filter_map(|account| self.accounts.get(account)) {
            copied.put(found.clone());
        }
        let first = |listed: &BTreeSet<_>| listed.iter().take(limit).copied().collect();
        Self { accounts: copied, listed: self.listed.iter().map(first).collect() }
    }

    /// Every listed resource, and the resources of these accounts; a resource may occur more than
    /// once.
    pub(super) fn resources(&self, accounts: &[F::Account]) -> impl Iterator<Item = F::Resource> {
        let of_accounts = accounts.iter().filter_map(|account| self.accounts.get(account));
        let of_accounts = of_accounts.flat_map(|found| found.ends.iter());
        self.listed.iter().flatten().map(|(_, resource)| *resource).chain(of_accounts)
    }

    /// The number of accounts.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.accounts.len()
    }
}
