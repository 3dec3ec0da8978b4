//! The classes of reservations, and pools for clients of some classes: names for them, and the
//! pools that each class may use.
//!
//! The other servers say of each pool which clients may have it; here a class names its pools. So
//! in each network with such a pool, a class names those that are for it, and then those that are
//! for all clients. Invariant: a pool that no class can be given is for policies only, and the
//! report says so.

use std::collections::{BTreeMap, BTreeSet};

use lessor_core::{ClassNames, PoolChoice};

use crate::{
    model::{Pool, Site},
    report::{LineOutcome, Report},
};

const FOR_POLICIES: &str =
    "only a policy may assign clients to it now, because it was for some clients only";
const EMPTY: &str = "the class has no test, and no reservation that is carried names it";
/// The name of pools that are for all clients.
const OPEN: &str = "others";
/// The number of characters of a name that are kept.
const NAME_LETTERS_MAX: usize = 60;

const CLASSES_MAX: usize = ClassNames::MAX;

/// Gives each class a name of the letters that names have here.
pub(super) fn rename(site: &mut Site) {
    let mut names: BTreeMap<String, String> = BTreeMap::new();
    let mut taken = BTreeSet::new();
    for class in &mut site.classes {
        let plain = plain(&class.name);
        let numbered = (2..).map(|number| format!("{plain}-{number}"));
        let free =
            std::iter::once(plain.clone()).chain(numbered).find(|name| !taken.contains(name));
        let name = free.unwrap_or(plain);
        taken.insert(name.clone());
        names.insert(std::mem::replace(&mut class.name, name.clone()), name);
    }
    let rename = |class: &mut String| match names.get(class) {
        Some(name) => class.clone_from(name),
        // No name of a class.
        None => class.insert(0, ' '),
    };
    let of_pools = site.subnets.iter_mut().flat_map(|subnet| &mut subnet.pools);
    let of_pools =
        of_pools.flat_map(|pool| pool.access.allowed.iter_mut().chain(&mut pool.access.denied));
    of_pools.for_each(rename);
    site.all_reservations_mut().flat_map(|reservation| &mut reservation.classes).for_each(rename);
}

/// Removes the classes of reservations that are not carried, or too many.
pub(super) fn drop_unknown(site: &mut Site, report: &mut Report) {
    let known: BTreeSet<String> = site.classes.iter().map(|class| class.name.clone()).collect();
    for reservation in site.all_reservations_mut() {
        let mut kept: Vec<String> = Vec::new();
        for class in std::mem::take(&mut reservation.classes) {
            if !known.contains(&class) {
                let note = format!("its class {:?} is not carried", class.trim_start());
                report.correct(reservation.entry, LineOutcome::Changed, note);
            } else if !kept.contains(&class) {
                kept.push(class);
            }
        }
        if kept.len() > CLASSES_MAX {
            let note = format!("it names only {CLASSES_MAX} classes");
            report.correct(reservation.entry, LineOutcome::Changed, note);
            kept.truncate(CLASSES_MAX);
        }
        reservation.classes = kept;
    }
}

/// Removes the classes that no client can belong to: without a condition, and in no reservation.
pub(super) fn drop_empty(site: &mut Site, report: &mut Report) {
    let reservations = site.all_reservations();
    let named: BTreeSet<&String> = reservations.flat_map(|found| &found.classes).collect();
    let mut empty: BTreeSet<String> = site
        .classes
        .iter()
        .filter(|class| class.condition.is_none() && !named.contains(&class.name))
        .map(|class| class.name.clone())
        .collect();
    site.classes.retain(|class| {
        let is_empty = empty.remove(&class.name);
        if is_empty {
            for entry in &class.entries {
                report.correct(*entry, LineOutcome::NotCarried, EMPTY);
            }
        }
        !is_empty
    });
}

/// A name of letters, digits, `-`, `_` and `.`, of which no two follow each other for others.
fn plain(name: &str) -> String {
    let mut plain = String::new();
    for letter in name.chars() {
        match letter {
            letter if letter.is_ascii_alphanumeric() || matches!(letter, '_' | '.') => {
                plain.push(letter);
            }
            _ if plain.is_empty() || plain.ends_with('-') => {}
            _ => plain.push('-'),
        }
    }
    let plain = plain.trim_end_matches('-');
    let plain: String = plain.chars().take(NAME_LETTERS_MAX).collect();
    if plain.is_empty() { "class".to_owned() } else { plain }
}

/// Gives pools to the classes that may use them.
pub(super) fn assign_pools(site: &mut Site, report: &mut Report) {
    let known: BTreeSet<String> = site.classes.iter().map(|class| class.name.clone()).collect();
    let mut networks: BTreeMap<String, Vec<&mut Pool>> = BTreeMap::new();
    for (position, subnet) in site.subnets.iter_mut().enumerate() {
        // A shared network cannot have the name of a subnet that is in none.
        let name = match &subnet.shared_network {
            Some(name) => format!("network {name}"),
            None => format!("subnet {position}"),
        };
        networks.entry(name).or_default().extend(&mut subnet.pools);
    }
    for mut pools in networks.into_values() {
        restrict(&mut pools, &known, report);
        let has_say = |pool: &&mut Pool| {
            !pool.by_policy_only && !pool.access.denied.is_empty()
                || pool.by_policy_only && !pool.access.allowed.is_empty()
        };
        if !pools.iter().any(has_say) {
            continue;
        }
        name(&mut pools);
        for class in &mut site.classes {
            let names = usable(&pools, &class.name);
            let are_new = names.into_iter().filter(|name| !class.pools.contains(name));
            class.pools.extend(are_new.collect::<Vec<_>>());
        }
    }
    for class in &mut site.classes {
        if class.pools.len() > PoolChoice::NAMES_MAX {
            let note = format!("it names only {} pools", PoolChoice::NAMES_MAX);
            let entries = class.entries.iter();
            entries.for_each(|entry| report.correct(*entry, LineOutcome::Changed, &note));
            class.pools.truncate(PoolChoice::NAMES_MAX);
        }
    }
}

/// Decides which pools are for policies only, because no class is known that may or may not have
/// them.
fn restrict(pools: &mut [&mut Pool], known: &BTreeSet<String>, report: &mut Report) {
    for pool in pools.iter_mut() {
        pool.access.allowed.retain(|class| known.contains(class));
        let is_denied_unknown = pool.access.denied.iter().any(|class| !known.contains(class));
        let was_for_some = pool.by_policy_only && pool.access.allowed.is_empty();
        if was_for_some || is_denied_unknown {
            close(pool, report);
        }
    }
    // A class that has no pool in its network cannot be kept away from others.
    let denied_by_all = |class: &String| {
        let mut open = pools.iter().filter(|pool| !pool.by_policy_only);
        open.all(|pool| pool.access.denied.contains(class))
    };
    let has_own = |class: &String| pools.iter().any(|pool| pool.access.is_for(class));
    let denied = pools.iter().flat_map(|pool| &pool.access.denied);
    let alone: BTreeSet<String> =
        denied.filter(|class| denied_by_all(class) && !has_own(class)).cloned().collect();
    for pool in pools.iter_mut().filter(|pool| !pool.by_policy_only) {
        if pool.access.denied.iter().any(|class| alone.contains(class)) {
            close(pool, report);
        }
    }
}

/// Leaves a pool to policies. What said who may have it is not carried.
fn close(pool: &mut Pool, report: &mut Report) {
    pool.by_policy_only = true;
    let entries = &pool.access.entries;
    entries.iter().for_each(|entry| report.correct(*entry, LineOutcome::NotCarried, FOR_POLICIES));
    let of_range = if entries.is_empty() { LineOutcome::NotCarried } else { LineOutcome::Changed };
    report.correct(pool.entry, of_range, FOR_POLICIES);
}

/// Names the pools of a network by the clients that may have them. The same name in another network
/// means a pool for the same clients.
fn name(pools: &mut [&mut Pool]) {
    let mut count: BTreeMap<String, usize> = BTreeMap::new();
    for pool in pools.iter_mut() {
        let access = &pool.access;
        let name = match (access.allowed.as_slice(), access.denied.as_slice()) {
            ([], []) if pool.by_policy_only => continue,
            ([], []) => OPEN.to_owned(),
            ([], denied) => format!("not-{}", denied.join("-or-")),
            (allowed, _) => allowed.join("-or-"),
        };
        let number = count.entry(name.clone()).or_default();
        *number += 1;
        pool.name = Some(match *number {
            1 => name,
            number => format!("{name}-{number}"),
        });
    }
}

/// The pools that a class may use: first its own, then those for all clients. None if the pools of
/// the network do not say anything about the class.
fn usable(pools: &[&mut Pool], class: &str) -> Vec<String> {
    let class = class.to_owned();
    let is_denied = |pool: &Pool| pool.access.denied.contains(&class);
    let is_own = |pool: &&&mut Pool| pool.access.is_for(&class);
    let is_open = |pool: &&&mut Pool| {
        pool.access.allowed.is_empty() && !pool.by_policy_only && !is_denied(pool)
    };
    if !pools.iter().any(|pool| is_own(&pool) || is_denied(pool)) {
        return Vec::new();
    }
    let own = pools.iter().filter(is_own);
    let open = pools.iter().filter(is_open);
    own.chain(open).filter_map(|pool| pool.name.clone()).collect()
}
