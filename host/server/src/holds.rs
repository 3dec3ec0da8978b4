//! Networks that were taken into service without a record of any lease, by a new installation, a
//! cutover from another server, or a lost store: since when, kept beside the leases so that a
//! restart does not forget it.
//!
//! Not here: what follows from it; the engine decides that ([`lessor_core::AfterDataLoss`]).
//! Invariant: only networks that are configured to hold are noted.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
    sync::Arc,
};

use lessor_config::{Configuration, StoreBackend};
use lessor_core::{AfterDataLoss, Network, Timestamp};

use crate::{leases::written, shards::Shards};

/// The name of the file, in the folder that has the leases.
const FILE: &str = "no-records-since.json";
/// A file with more octets is damaged.
const NOTE_OCTETS_MAX: u64 = 64 << 20;

/// Where it is remembered since when networks have records.
#[derive(Debug)]
pub(crate) struct Holds {
    /// None for a store in memory: it never has records at a start.
    path: Option<PathBuf>,
}

/// By the name of a network, when it was taken into service without records.
type Marks = BTreeMap<String, Timestamp>;

impl Holds {
    pub(crate) fn new(configuration: &Configuration) -> Self {
        let path = match &configuration.store.backend {
            StoreBackend::Embedded { path } => path.parent().map(|folder| folder.join(FILE)),
            StoreBackend::Memory => None,
        };
        Self { path }
    }

    /// Tells each engine that is to hold since when it has records, before it decides anything: at a
    /// start, once the leases are restored, and when a reload brings networks. Remembers it.
    pub(crate) fn mark(&self, now: Timestamp, shards: &Shards) {
        let remembered = self.read();
        let marks = tell(&remembered, now, shards, |network, since, until| {
            tracing::warn!(
                network,
                no_records_since = written(since),
                until = written(until),
                "no records of leases: new clients get no address that an unknown client may hold"
            );
        });
        if marks != remembered {
            self.write(&marks);
        }
    }

    /// The same, for somebody who only looks: a server that starts now would go by it.
    pub(crate) fn recall(&self, now: Timestamp, shards: &Shards) {
        tell(&self.read(), now, shards, |_, _, _| ());
    }

    fn read(&self) -> Marks {
        let Some(path) = &self.path else { return Marks::new() };
        match lessor_files::read(path, NOTE_OCTETS_MAX) {
            Ok(octets) => serde_json::from_slice(&octets).unwrap_or_else(|error| {
                tracing::error!(path = %path.display(), %error, "ignoring a file that is damaged");
                Marks::new()
            }),
            Err(error) => {
                if error.kind() != io::ErrorKind::NotFound {
                    tracing::error!(path = %path.display(), %error, "cannot read the file");
                }
                Marks::new()
            }
        }
    }

    /// Losing it ends a hold early, at the next start, which is no reason not to serve now.
    fn write(&self, marks: &Marks) {
        let Some(path) = &self.path else { return };
        if let Err(error) = write(path, marks) {
            tracing::error!(
                path = %path.display(),
                %error,
                "cannot remember which networks have no records: after a restart, new clients may get \
                 addresses that unknown clients hold"
            );
        }
    }
}

/// Tells the engines since when they have no records, as far as that makes them hold. `began` hears of
/// each that it is news to: of the network, since when, and until when.
fn tell(
    remembered: &Marks,
    now: Timestamp,
    shards: &Shards,
    began: impl Fn(&str, Timestamp, Timestamp),
) -> Marks {
    let mut marks = Marks::new();
    let may_hold = |network: &Network| network.after_data_loss == AfterDataLoss::Hold;
    shards.for_wanted(may_hold, |engine| {
        let network = Arc::clone(engine.network());
        let has_records = engine.leases().next().is_some();
        let known = engine.no_records_since();
        // A mark of a network that lost its records once more is too old.
        let remembered = remembered.get(&*network.name).copied().filter(|_| has_records);
        let fresh = (!has_records).then_some(now);
        let Some(since) = known.or(remembered).or(fresh) else { return };
        engine.set_no_records_since(since);
        let Some(until) = engine.held_until(now) else { return };
        marks.insert(network.name.to_string(), since);
        if known.is_none() {
            began(&network.name, since, until);
        }
    });
    marks
}

/// Replaces the file, or removes it if there is nothing to remember.
fn write(path: &Path, marks: &Marks) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new(""));
    if marks.is_empty() {
        fs::remove_file(path)?;
    } else {
        let aside = path.with_extension("json.new");
        let mut file = File::create(&aside)?;
        file.write_all(&serde_json::to_vec(marks)?)?;
        file.sync_all()?;
        fs::rename(&aside, path)?;
    }
    lessor_files::sync_folder(folder)
}
