//! The writer: a thread that writes the state of plugins to disk. It waits briefly after the first
//! change, so that one flush covers many changes, and retries writes that failed.

use std::{
    collections::BTreeMap,
    error::Error,
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, Thread},
    time::Duration,
};

use super::Belongings;
use crate::{
    background,
    limits::{STATE_RETRY_EVERY_MS, STATE_WRITE_AFTER_MS},
};

/// Why the state of plugins could not be read or written.
pub type StateStoreError = Box<dyn Error + Send + Sync>;

/// Storage that keeps the state of plugins over restarts.
pub trait StateStore: fmt::Debug + Send + Sync {
    /// Passes every key and value of a plugin to `each`.
    ///
    /// # Errors
    /// If they cannot be read. The plugin then starts without state, and its changes are not
    /// written.
    fn load(
        &self,
        plugin: &str,
        each: &mut dyn FnMut(&str, KeptValue),
    ) -> Result<(), StateStoreError>;

    /// The names of plugins that have state in this store.
    ///
    /// # Errors
    /// If the names cannot be read.
    fn owners(&self) -> Result<Vec<Arc<str>>, StateStoreError>;

    /// Makes changes durable, all or none.
    ///
    /// # Errors
    /// If they could not be written; they are passed again later.
    fn write(&self, changes: &[StateChange]) -> Result<(), StateStoreError>;
}

/// A key whose value changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateChange {
    /// The plugin.
    pub plugin: Arc<str>,
    /// The key; 1 to 255 octets.
    pub key: Arc<str>,
    /// The new value; `None` if the key was removed.
    pub value: Option<KeptValue>,
}

/// A value of a plugin's state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptValue {
    /// The value.
    pub value: Arc<[u8]>,
    /// When it was last set, in milliseconds since the Unix epoch, in server time; 0 if that is
    /// unknown.
    pub set_at_ms: u64,
    /// The number of the line that added the key; 0 if there is none.
    pub line: u64,
}

/// Writes the state of plugins to disk.
pub(crate) struct Writer {
    store: Arc<dyn StateStore>,
    thread: OnceLock<Option<Thread>>,
    is_wanted: AtomicBool,
    is_closed: AtomicBool,
    watched: Mutex<Vec<Weak<Belongings>>>,
    /// The changes to write, the newest value of each key; locked during the write.
    waiting: Mutex<Waiting>,
}

/// A plugin and its key.
type StateKey = (Arc<str>, Arc<str>);

#[derive(Default)]
struct Waiting {
    changes: BTreeMap<StateKey, Option<KeptValue>>,
    has_failed: bool,
}

impl Writer {
    pub(super) fn new(store: Arc<dyn StateStore>) -> Arc<Self> {
        Arc::new(Self {
            store,
            thread: OnceLock::new(),
            is_wanted: AtomicBool::new(false),
            is_closed: AtomicBool::new(false),
            watched: Mutex::default(),
            waiting: Mutex::default(),
        })
    }

    /// Reads the state of a plugin, after all pending changes are written.
    pub(super) fn load(
        &self,
        plugin: &str,
        each: &mut dyn FnMut(&str, KeptValue),
    ) -> Result<(), StateStoreError> {
        self.flush();
        self.store.load(plugin, each)
    }

    /// The names of plugins that have state on disk.
    pub(super) fn owners(&self) -> Result<Vec<Arc<str>>, StateStoreError> {
        self.store.owners()
    }

    /// Starts to write the changes of a plugin.
    pub(super) fn watch(self: &Arc<Self>, belongings: &Arc<Belongings>) {
        {
            let mut watched = self.watched();
            watched.retain(|known| known.strong_count() > 0);
            let known = Arc::downgrade(belongings);
            if !watched.iter().any(|other| other.ptr_eq(&known)) {
                watched.push(known);
            }
        }
        self.thread.get_or_init(|| match self.start() {
            Ok(thread) => Some(thread),
            Err(error) => {
                tracing::error!(
                    %error,
                    "the state of plugins is written only when the server stops: no thread could \
                     be started"
                );
                None
            }
        });
    }

    fn start(self: &Arc<Self>) -> std::io::Result<Thread> {
        let (known, told) = std::sync::mpsc::channel();
        let writer = Arc::downgrade(self);
        background::spawn("policy-state", move || {
            let _ = known.send(thread::current());
            run(&writer);
        })?;
        told.recv().map_err(std::io::Error::other)
    }

    /// Schedules a write.
    pub(super) fn wake(&self) {
        if !self.is_wanted.swap(true, Ordering::AcqRel)
            && let Some(Some(thread)) = self.thread.get()
        {
            thread.unpark();
        }
    }

    /// Takes over the changes of a plugin that is being dropped.
    pub(super) fn leave(&self, changes: Vec<StateChange>) {
        if !changes.is_empty() {
            self.waiting().add(changes);
            self.wake();
        }
    }

    /// Writes all changes. Returns whether this succeeded.
    pub(super) fn flush(&self) -> bool {
        let mut waiting = self.waiting();
        let watched: Vec<_> = self.watched().iter().filter_map(Weak::upgrade).collect();
        for belongings in &watched {
            let mut changes = Vec::new();
            belongings.state.take_unwritten(&mut |change| changes.push(change));
            waiting.add(changes);
        }
        let removed = waiting.write(&*self.store);
        // Dropping the belongings takes this lock.
        drop(waiting);
        for (plugin, key) in removed.iter().flatten() {
            let of_plugin = watched.iter().find(|found| found.state.plugin() == plugin);
            if let Some(belongings) = of_plugin {
                belongings.state.settle_removal(key);
            }
        }
        removed.is_some()
    }

    /// Stops the thread after a last write.
    pub(super) fn close(&self) {
        self.is_closed.store(true, Ordering::Release);
        if let Some(Some(thread)) = self.thread.get() {
            thread.unpark();
        }
        self.flush();
    }

    fn watched(&self) -> MutexGuard<'_, Vec<Weak<Belongings>>> {
        self.watched.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    fn add(&mut self, changes: Vec<StateChange>) {
        let keyed = |change: StateChange| ((change.plugin, change.key), change.value);
        self.changes.extend(changes.into_iter().map(keyed));
    }

    /// Writes pending changes. Returns the keys whose removal was written, or `None` if the write
    /// failed.
    fn write(&mut self, store: &dyn StateStore) -> Option<Vec<StateKey>> {
        if self.changes.is_empty() {
            return Some(Vec::new());
        }
        let changes: Vec<StateChange> = self
            .changes
            .iter()
            .map(|((plugin, key), value)| StateChange {
                plugin: Arc::clone(plugin),
                key: key.clone(),
                value: value.clone(),
            })
            .collect();
        match store.write(&changes) {
            Ok(()) => {
                if std::mem::take(&mut self.has_failed) {
                    tracing::info!("the state of plugins is written to disk again");
                }
                let written = std::mem::take(&mut self.changes).into_iter();
                Some(written.filter(|(_, value)| value.is_none()).map(|(key, _)| key).collect())
            }
            Err(error) => {
                if !std::mem::replace(&mut self.has_failed, true) {
                    tracing::error!(
                        %error,
                        changes = changes.len(),
                        "the state of plugins cannot be written to disk; the server retries"
                    );
                }
                None
            }
        }
    }
}

fn run(writer: &Weak<Writer>) {
    let mut pause_ms = STATE_WRITE_AFTER_MS;
    loop {
        {
            let Some(writer) = writer.upgrade() else { return };
            if writer.is_closed.load(Ordering::Acquire) {
                return;
            }
            if !writer.is_wanted.load(Ordering::Acquire) {
                drop(writer);
                thread::park();
                continue;
            }
        }
        thread::sleep(Duration::from_millis(pause_ms));
        let Some(writer) = writer.upgrade() else { return };
        writer.is_wanted.store(false, Ordering::Release);
        let is_done = writer.flush();
        pause_ms = if is_done { STATE_WRITE_AFTER_MS } else { STATE_RETRY_EVERY_MS };
        if !is_done {
            writer.is_wanted.store(true, Ordering::Release);
        }
    }
}
