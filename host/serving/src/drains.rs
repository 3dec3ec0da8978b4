//! Remembers which pools are drained, since when and by whom. The file is beside the leases, so
//! that a restart does not forget it.
//!
//! Does not skip drained pools; the engines do. Invariant: the engines of every configuration that
//! serves know the drains that the file has.

use std::{
    collections::BTreeMap,
    io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use lessor_config::Configuration;
use lessor_core::{Engine, Network, Timestamp};
use serde::{Deserialize, Serialize};

use crate::{
    clock::{self, written},
    operator::Operator,
    shards::Shards,
};

/// The name of the file, in the folder that has the leases.
const FILE: &str = "drained-pools.json";
/// The largest size of the file, in octets; a larger file is damaged.
const FILE_OCTETS_MAX: u64 = 64 << 20;
/// Who may read the file: it names persons.
const MODE: u32 = 0o640;

/// The drained pools.
#[derive(Debug)]
pub(crate) struct Drains {
    /// `None` for a store in memory.
    path: Option<PathBuf>,
    marks: Mutex<Marks>,
}

/// Since when a pool is drained, and by whom.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Drain {
    /// The time, in server time.
    pub(crate) since_ms: Timestamp,
    /// The person who drained it.
    pub(crate) by: Operator,
}

/// The drained pools by name, for each network by name.
pub(crate) type Marks = BTreeMap<String, BTreeMap<String, Drain>>;

impl Drains {
    /// Reads the file of the server with this configuration. A damaged file is reported, and counts
    /// as empty.
    pub(crate) fn read(configuration: &Configuration) -> Self {
        let folder = configuration.store.backend.state_folder();
        let path = folder.map(|folder| folder.join(FILE));
        let marks = path.as_deref().map(read).unwrap_or_default();
        Self { path, marks: Mutex::new(marks) }
    }

    /// The drained pools.
    pub(crate) fn marks(&self) -> Marks {
        self.marks.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The drained pools, as they are shown.
    pub(crate) fn rows(&self) -> Vec<DrainRow> {
        let pools = self.marks().into_iter().flat_map(|(network, pools)| {
            pools.into_iter().map(move |(pool, Drain { since_ms, by })| DrainRow {
                network: network.clone(),
                pool,
                since: written(clock::shown(since_ms)),
                by,
            })
        });
        pools.collect()
    }

    /// Makes the engines of a configuration drain these pools, and no others. Must be called before
    /// they decide anything: at a start, and when a reload brings other engines.
    pub(crate) fn mark(&self, shards: &Shards) {
        let marks = self.marks();
        let set = |engine: &mut Engine| {
            let pools = marks.get(&*engine.network().name).into_iter().flat_map(BTreeMap::keys);
            let names: Vec<Arc<str>> = pools.map(|name| Arc::from(name.as_str())).collect();
            engine.set_drained(names);
        };
        shards.for_each(set);
        shards.for_wanted(|network| marks.contains_key(&*network.name), set);
    }

    /// Logs the drained pools that a configuration does not have.
    pub(crate) fn log_unknown(&self, shards: &Shards) {
        for (network, pools) in self.marks() {
            let known = shards.topology().networks().iter().find(|found| *found.name == *network);
            for pool in pools.keys().filter(|pool| !known.is_some_and(|known| has(known, pool))) {
                tracing::warn!(
                    network,
                    pool,
                    "a pool is drained that the configuration does not have; `lessor pool open` \
                     forgets it"
                );
            }
        }
    }

    /// Drains a pool, on disk first. Returns whether it was not drained before.
    ///
    /// # Errors
    /// If the file cannot be written; then nothing is changed.
    pub(crate) fn drain(&self, network: &str, pool: &str, drain: Drain) -> io::Result<bool> {
        self.change(|marks| {
            let pools = marks.entry(network.to_owned()).or_default();
            let is_new = !pools.contains_key(pool);
            if is_new {
                pools.insert(pool.to_owned(), drain);
            }
            is_new
        })
    }

    /// Opens a pool, on disk first. Returns whether it was drained.
    ///
    /// # Errors
    /// If the file cannot be written; then nothing is changed.
    pub(crate) fn open(&self, network: &str, pool: &str) -> io::Result<bool> {
        self.change(|marks| {
            let pools = marks.get_mut(network);
            let was_drained = pools.is_some_and(|pools| pools.remove(pool).is_some());
            marks.retain(|_, pools| !pools.is_empty());
            was_drained
        })
    }

    fn change(&self, change: impl FnOnce(&mut Marks) -> bool) -> io::Result<bool> {
        let mut marks = self.marks.lock().unwrap_or_else(PoisonError::into_inner);
        let mut next = marks.clone();
        let has_changed = change(&mut next);
        if has_changed {
            if let Some(path) = &self.path {
                lessor_files::replace_durably(path, MODE, &serde_json::to_vec(&next)?)?;
            }
            *marks = next;
        }
        Ok(has_changed)
    }
}

/// A drained pool in the form in which it is shown.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct DrainRow {
    /// The name of its network.
    pub network: String,
    /// The name of the pool.
    pub pool: String,
    /// RFC 3339, UTC.
    pub since: String,
    /// The person who drained it.
    pub by: Operator,
}

/// The drained pools that the server with this configuration has or would start with, for commands.
pub fn drained_pools(configuration: &Configuration) -> Vec<(String, String)> {
    let marks = Drains::read(configuration).marks();
    let pools = marks
        .into_iter()
        .flat_map(|(network, pools)| pools.into_keys().map(move |pool| (network.clone(), pool)));
    pools.collect()
}

fn has(network: &Network, pool: &str) -> bool {
    let mut pools = network.subnets.iter().flat_map(|subnet| &subnet.pools);
    pools.any(|found| *found.name == *pool)
}

fn read(path: &Path) -> Marks {
    match lessor_files::read(path, FILE_OCTETS_MAX) {
        Ok(octets) => serde_json::from_slice(&octets).unwrap_or_else(|error| {
            tracing::error!(
                path = %path.display(), %error,
                "ignoring a damaged file: no pool is drained; drain them again"
            );
            Marks::new()
        }),
        Err(error) => {
            if error.kind() != io::ErrorKind::NotFound {
                let path = path.display();
                tracing::error!(%path, %error, "cannot read which pools are drained");
            }
            Marks::new()
        }
    }
}
