//! Modules that need each other.
//!
//! A module and its own parts may name each other: they are one thing in several files.

use std::collections::{BTreeMap, BTreeSet};

use crate::modules::Name;

/// Modules of which each leads to every other.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Circle<'n> {
    /// The modules.
    pub members: BTreeSet<&'n Name>,
    /// Which of them uses which.
    pub edges: Vec<(&'n Name, &'n Name)>,
}

/// The circles among the edges between the modules of a crate.
pub fn circles(edges: &BTreeSet<(Name, Name)>) -> Vec<Circle<'_>> {
    let is_one_thing = |from: &Name, to: &Name| from.starts_with(to) || to.starts_with(from);
    let mut used = BTreeMap::<&Name, Vec<&Name>>::new();
    for (from, to) in edges.iter().filter(|(from, to)| !is_one_thing(from, to)) {
        used.entry(from).or_default().push(to);
    }
    let reached: BTreeMap<&Name, BTreeSet<&Name>> =
        used.keys().map(|from| (*from, reached_from(from, &used))).collect();
    let leads_to = |from: &Name, to: &Name| reached.get(from).is_some_and(|all| all.contains(to));
    let mut circles = Vec::new();
    let mut seen = BTreeSet::new();
    for (from, all) in &reached {
        if !all.contains(from) || seen.contains(from) {
            continue;
        }
        let members: BTreeSet<&Name> =
            all.iter().copied().filter(|to| leads_to(to, from)).collect();
        let targets = |from| used.get(from).into_iter().flatten().map(move |to| (from, *to));
        let inside = members.iter().copied().flat_map(targets);
        let edges = inside.filter(|(_, to)| members.contains(to)).collect();
        seen.extend(members.iter().copied());
        circles.push(Circle { members, edges });
    }
    circles
}

fn reached_from<'n>(
    start: &'n Name,
    used: &BTreeMap<&'n Name, Vec<&'n Name>>,
) -> BTreeSet<&'n Name> {
    let mut reached = BTreeSet::new();
    let mut waiting = vec![start];
    while let Some(from) = waiting.pop() {
        let targets = used.get(from).into_iter().flatten();
        waiting.extend(targets.filter(|to| reached.insert(**to)));
    }
    reached
}
