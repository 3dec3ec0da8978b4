//! Finds names in scripts that the configuration does not have: pools, and lookup sources.
//!
//! `lessor check` rejects such a script, because packets that reach the line get no answer or cause
//! a fault. A server that starts or reloads only warns: the line may be for another server that
//! shares the script, and a working service must not end because of it.

use std::collections::{BTreeSet, HashSet};

use lessor_config::Configuration;
use lessor_policy_host::{Chain, Named, NamedKind};

use crate::lookups::GenerationSources;

/// The names that the configuration has.
struct Known<'a> {
    pools: BTreeSet<&'a str>,
    /// Each source with whether policies may read it as a table in memory.
    sources: Vec<(String, bool)>,
}

/// Returns a line for each name in a script that does not exist, beginning with the plugin and the
/// place.
pub fn unknown(
    configuration: &Configuration,
    lookups: &GenerationSources,
    chain: &Chain,
) -> Vec<String> {
    let networks = configuration.topology.networks();
    let subnets = networks.iter().flat_map(|network| &network.subnets);
    let pools = subnets.flat_map(|subnet| &subnet.pools).map(|pool| &*pool.name).collect();
    let sources = lookups.sources().status().into_iter().map(|source| {
        let is_table = lookups.sources().table(&source.name).is_some();
        (source.name, is_table)
    });
    let known = Known { pools, sources: sources.collect() };
    let named =
        chain.plugins().flat_map(|plugin| plugin.named.iter().map(move |named| (plugin, named)));
    let mut told = HashSet::new();
    let lines = named.filter_map(|(plugin, named)| {
        let mistake = known.mistake(named)?;
        // Only the first place of a name is reported.
        if !told.insert((&plugin.name, named.kind, &named.name)) {
            return None;
        }
        let Named { line, column, .. } = named;
        let (name, path) = (&plugin.name, plugin.path.display());
        Some(format!("plugin {name} ({path}): line {line}, column {column}: {mistake}"))
    });
    lines.collect()
}

/// Logs such names as warnings, in a server that continues to serve.
pub fn log_unknown(configuration: &Configuration, lookups: &GenerationSources, chain: &Chain) {
    for line in unknown(configuration, lookups, chain) {
        tracing::warn!("{line}");
    }
}

impl Known<'_> {
    /// Returns what is wrong with a name, if anything.
    fn mistake(&self, named: &Named) -> Option<String> {
        let Named { kind, name, .. } = named;
        let sources = || self.sources.iter().map(|(source, _)| source.as_str());
        match kind {
            NamedKind::Pool if self.pools.contains(name.as_str()) => None,
            NamedKind::Pool => Some(format!(
                "there is no pool {name:?} in the configuration, so the clients sent there would \
                 get no address{}. Correct the name, or add the pool below a [[subnet]]",
                others(name, "pools", self.pools.iter().copied())
            )),
            NamedKind::Source if sources().any(|source| source == name) => None,
            NamedKind::Source => Some(format!(
                "there is no source {name:?} in the configuration, so this lookup would fail for \
                 each packet{}. Correct the name, or add a [[lookup]] with name = {name:?}",
                others(name, "sources", sources())
            )),
            NamedKind::Table => match self.sources.iter().find(|(source, _)| source == name) {
                Some((_, true)) => None,
                Some(_) => Some(format!(
                    "the source {name:?} is not a table in memory, as csv and json are: plan a \
                     lookup in it, and read the answer with request.lookup"
                )),
                None => Some(format!(
                    "there is no source {name:?} in the configuration{}. Correct the name, or add \
                     a [[lookup]] with name = {name:?} and type = \"csv\" or \"json\"",
                    others(
                        name,
                        "tables",
                        self.sources.iter().filter(|s| s.1).map(|s| s.0.as_str())
                    )
                )),
            },
        }
    }
}

/// Returns `; did you mean "garden"?`, or a list of all names.
fn others<'a>(name: &str, what: &str, known: impl Iterator<Item = &'a str>) -> String {
    let known: Vec<&str> = known.collect();
    match (lessor_config::nearest(name, known.iter().copied()), &known[..]) {
        (Some(near), _) => format!("; did you mean {near:?}"),
        (None, []) => format!("; it has no {what}"),
        (None, all) => {
            let all: Vec<String> = all.iter().map(|other| format!("{other:?}")).collect();
            format!("; its {what} are {}", all.join(", "))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mistake(kind: NamedKind, name: &str) -> Option<String> {
        let known = Known {
            pools: ["garden", "residential"].into(),
            sources: vec![("crm".to_owned(), false), ("ports".to_owned(), true)],
        };
        known.mistake(&Named { kind, name: name.to_owned(), line: 1, column: 1 })
    }

    #[test]
    fn names_that_stand_for_nothing_lead_to_those_that_do() {
        for (kind, name, wanted) in [
            (NamedKind::Pool, "gardn", "there is no pool \"gardn\" in the configuration, "),
            (NamedKind::Pool, "gardn", "did you mean \"garden\""),
            (NamedKind::Pool, "television", "its pools are \"garden\", \"residential\". "),
            (
                NamedKind::Source,
                "port",
                "did you mean \"ports\". Correct the name, or add a [[lookup]]",
            ),
            (NamedKind::Table, "crm", "is not a table in memory"),
            (NamedKind::Table, "billing", "its tables are \"ports\". "),
        ] {
            let said = mistake(kind, name).unwrap();
            assert!(said.contains(wanted), "{said}");
        }
        for (kind, name) in [
            (NamedKind::Pool, "garden"),
            (NamedKind::Source, "crm"),
            (NamedKind::Source, "ports"),
            (NamedKind::Table, "ports"),
        ] {
            assert_eq!(mistake(kind, name), None);
        }
    }
}
