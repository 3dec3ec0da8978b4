//! Remembers which networks were put into service without any lease on storage, because of a new
//! installation, a cutover from another server, or a lost store, and since when. The file is beside
//! the leases, so that a restart does not forget it.
//!
//! Does not hold or probe addresses; the engine decides that ([`lessor_core::AfterDataLoss`]).
//! Invariant: only networks that are configured to hold or to probe are noted.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use lessor_config::Configuration;
use lessor_core::{AfterDataLoss, Network, Timestamp};

use crate::{clock::written, shards::Shards};

/// The name of the file, in the folder that has the leases.
const FILE: &str = "no-records-since.json";
/// The largest size of the file; a larger file is damaged.
const NOTE_OCTETS_MAX: u64 = 64 << 20;
/// The owner may write it, and the group may read it.
const MODE: u32 = 0o640;

/// The file that says since when networks have records.
#[derive(Debug)]
pub(crate) struct Holds {
    /// `None` for a store in memory, which never has records at a start.
    path: Option<PathBuf>,
}

/// When each network, by name, was put into service without records.
type Marks = BTreeMap<String, Timestamp>;

impl Holds {
    pub(crate) fn new(configuration: &Configuration) -> Self {
        let folder = configuration.store.backend.state_folder();
        Self { path: folder.map(|folder| folder.join(FILE)) }
    }

    /// Informs each engine that holds or probes since when it has records, and remembers it. Must
    /// be called before the engine decides anything: at a start, once the leases are restored, and
    /// when a reload adds networks.
    pub(crate) fn mark(&self, now: Timestamp, shards: &Shards) {
        let remembered = self.read();
        let marks = tell(&remembered, now, shards, |network, since, until| {
            let served = match network.after_data_loss {
                AfterDataLoss::Probe => "are probed before new clients get them",
                AfterDataLoss::Hold | AfterDataLoss::Serve => "are not given to new clients",
            };
            tracing::warn!(
                network = &*network.name,
                no_records_since = written(since),
                until = written(until),
                "there are no records of leases: addresses that an unknown client may hold {served}"
            );
        });
        if marks != remembered {
            self.write(&marks);
        }
    }

    /// As [`Self::mark`], but remembers and logs nothing: for a command that only needs the state
    /// in which a server would start.
    pub(crate) fn recall(&self, now: Timestamp, shards: &Shards) {
        tell(&self.read(), now, shards, |_, _, _| ());
    }

    /// Remembers that the leases of all networks that hold or probe are incomplete from `now` on,
    /// for the next start.
    ///
    /// # Errors
    /// If that cannot be written.
    pub(crate) fn begin(&self, now: Timestamp, configuration: &Configuration) -> io::Result<()> {
        let networks = configuration.topology.networks().iter();
        let concerned = networks.filter(|network| network.after_data_loss != AfterDataLoss::Serve);
        let marks: Marks = concerned.map(|network| (network.name.to_string(), now)).collect();
        match &self.path {
            Some(path) if !marks.is_empty() => write(path, &marks),
            _ => Ok(()),
        }
    }

    fn read(&self) -> Marks {
        let Some(path) = &self.path else { return Marks::new() };
        match lessor_files::read(path, NOTE_OCTETS_MAX) {
            Ok(octets) => serde_json::from_slice(&octets).unwrap_or_else(|error| {
                tracing::error!(path = %path.display(), %error, "ignoring a damaged file");
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

    /// If the file is lost, a hold ends early at the next start, which is no reason not to serve
    /// now.
    fn write(&self, marks: &Marks) {
        let Some(path) = &self.path else { return };
        if let Err(error) = write(path, marks) {
            tracing::error!(
                path = %path.display(),
                %error,
                "cannot write which networks have no records: after a restart, new clients may get \
                 addresses that unknown clients hold"
            );
        }
    }
}

/// Informs the engines since when they have no records, if they have to hold or to probe because of
/// that. Calls `began` for each engine that did not know it yet, with the network, the beginning
/// and the end of that time.
fn tell(
    remembered: &Marks,
    now: Timestamp,
    shards: &Shards,
    began: impl Fn(&Network, Timestamp, Timestamp),
) -> Marks {
    let mut marks = Marks::new();
    let is_concerned = |network: &Network| network.after_data_loss != AfterDataLoss::Serve;
    shards.for_wanted(is_concerned, |engine| {
        let network = Arc::clone(engine.network());
        let has_records = engine.bindings().next().is_some();
        let known = engine.no_records_since();
        // If the network lost its records once more, the mark is too old.
        let remembered = remembered.get(&*network.name).copied().filter(|_| has_records);
        let fresh = (!has_records).then_some(now);
        let Some(since) = known.or(remembered).or(fresh) else { return };
        engine.set_no_records_since(since);
        let Some(until) = engine.records_missing_until(now) else { return };
        marks.insert(network.name.to_string(), since);
        if known.is_none() {
            began(&network, since, until);
        }
    });
    marks
}

/// Replaces the file, or removes it if there is nothing to remember.
fn write(path: &Path, marks: &Marks) -> io::Result<()> {
    if marks.is_empty() {
        fs::remove_file(path)?;
        return lessor_files::sync_folder(path.parent().unwrap_or(Path::new("/")));
    }
    lessor_files::replace_durably(path, MODE, &serde_json::to_vec(marks)?)
}
