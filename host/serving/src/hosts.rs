//! The hosts file: the names of clients with a lease, for a resolver on the same machine.
//!
//! A thread of low priority lists the records of the engines and writes the file; see [`page`] for
//! its contents. Nothing waits for it. Because it lists records rather than following events, the
//! file is complete after a start, a reload and a moment of overload. Invariant: the file is written
//! at most once a second, and listing takes a small part of the time, however many leases there are.

mod pace;
mod page;

use std::{
    collections::HashSet,
    hash::{DefaultHasher, Hash, Hasher},
    net::Ipv4Addr,
    sync::Arc,
    thread::JoinHandle,
    time::{Duration, Instant},
};

use anyhow::Context;
use arc_swap::ArcSwapOption;
use crossbeam_channel::{Receiver, Sender, select};
use lessor_aside::Throttle;
use lessor_config::HostsSettings;
use lessor_core::{BindingState, Change, HostName, Timestamp};

use self::{
    pace::Pace,
    page::{Page, Taken},
};
use crate::{clock, shards, shared::Shared};

/// The resolver is another user.
const MODE: u32 = 0o644;
/// The maximum size of the file.
const FILE_OCTETS_MAX: usize = 64 << 20;
/// The shortest time between two log lines about a file that cannot be written, or is full.
const LOG_EVERY: Duration = Duration::from_secs(60);

/// A handle to the thread, through which it learns that names changed.
#[derive(Debug)]
pub(crate) struct Hosts {
    settings: ArcSwapOption<HostsSettings>,
    changed: Sender<()>,
    told: Receiver<()>,
}

impl Hosts {
    /// Creates the handle. Nothing is written before the thread starts.
    pub(crate) fn new(settings: Option<&HostsSettings>) -> Self {
        let (changed, told) = crossbeam_channel::bounded(1);
        let hosts = Self { settings: ArcSwapOption::empty(), changed, told };
        hosts.set(settings);
        hosts
    }

    /// Sets what is written from now on. The configuration may have other networks too, so the
    /// file is written again.
    pub(crate) fn set(&self, settings: Option<&HostsSettings>) {
        self.settings.store(settings.cloned().map(Arc::new));
        self.tell();
    }

    /// Notes changes that are durable. Never waits.
    pub(crate) fn note(&self, changes: &[Change]) {
        if changes.iter().any(changes_names) {
            self.tell();
        }
    }

    fn tell(&self) {
        // If there is no room, the thread has been told already.
        let _ = self.changed.try_send(());
    }
}

/// Returns whether the file may differ after a change. A renewal under the same name changes
/// nothing.
fn changes_names(change: &Change) -> bool {
    let now = change.binding.changed_at;
    let is_same = change.previous.as_ref().is_some_and(|previous| {
        previous.host_name == change.binding.host_name
            && previous.is_active(now) == change.binding.is_active(now)
            && previous.began_at == change.binding.began_at
    });
    let previous = change.previous.iter().filter_map(|previous| previous.host_name.as_ref());
    !is_same && change.binding.host_name.iter().chain(previous).next().is_some()
}

/// Starts the thread. It runs until the sender of `stop` is dropped, and then writes the file once
/// more if names changed.
///
/// # Errors
/// If the system provides no thread.
pub(crate) fn start(shared: Arc<Shared>, stop: Receiver<()>) -> anyhow::Result<JoinHandle<()>> {
    let writer = Writer {
        shared,
        written: None,
        noted: HashSet::new(),
        failures: Throttle::new(LOG_EVERY),
        full: Throttle::new(LOG_EVERY),
    };
    let work = move || {
        lessor_aside::lower_priority();
        writer.run(&stop);
    };
    let thread = std::thread::Builder::new().name("hosts".into()).spawn(work);
    thread.context("cannot start the thread that writes the hosts file")
}

struct Writer {
    shared: Arc<Shared>,
    /// The settings and the hash of the file that was written last.
    written: Option<(Arc<HostsSettings>, u64)>,
    /// The clients without an entry, because another one has the name, that the journal has.
    noted: HashSet<(Ipv4Addr, HostName)>,
    failures: Throttle,
    full: Throttle,
}

impl Writer {
    fn run(mut self, stop: &Receiver<()>) {
        let told = self.shared.hosts.told.clone();
        let mut pace = Pace::new(Instant::now());
        loop {
            let due_in = match self.shared.hosts.settings.load().is_some() {
                true => pace.due_in(Instant::now()),
                false => Duration::MAX,
            };
            if due_in.is_zero() {
                pace.begin(Instant::now());
                let next_end = self.write();
                pace.end(Instant::now(), next_end);
            }
            select! {
                recv(stop) -> _ => break,
                recv(told) -> _ => pace.note_change(),
                default(due_in.min(pace::LOOK_EVERY)) => {}
            }
        }
        if pace.is_changed() {
            self.write();
        }
    }

    /// Lists the names, and writes the file if it differs. Returns how long it is until the next
    /// of these leases ends; `None` if the file could not be written and must be tried again.
    fn write(&mut self) -> Option<Duration> {
        let settings = self.shared.hosts.settings.load_full()?;
        let now = clock::now();
        let (mut page, next_end) = self.list(&settings, now)?;
        let (text, left_out) = page.text(FILE_OCTETS_MAX);
        self.note_taken(page.taken());
        if left_out > 0
            && let Some(earlier) = self.full.pass()
        {
            let (path, entries_max) = (settings.path.display(), settings.entries_max);
            tracing::warn!(
                left_out,
                earlier,
                "the hosts file {path} is full ({entries_max} addresses or {FILE_OCTETS_MAX} \
                 octets); raise hosts.entries-max, or let clients of fewer subnets have names"
            );
        }
        let mut hasher = DefaultHasher::new();
        text.hash(&mut hasher);
        let written = (Arc::clone(&settings), hasher.finish());
        let is_there = || settings.path.exists();
        if self.written.as_ref() == Some(&written) && is_there() {
            return Some(next_end);
        }
        match lessor_files::replace(&settings.path, MODE, text.as_bytes()) {
            Ok(()) => {
                self.written = Some(written);
                Some(next_end)
            }
            Err(error) => {
                self.written = None;
                if let Some(earlier) = self.failures.pass() {
                    let path = settings.path.display();
                    tracing::warn!(
                        %error,
                        earlier,
                        "cannot write the hosts file {path}; the server tries again"
                    );
                }
                None
            }
        }
    }

    /// Lists the names of running leases, and how long it is until the next of the leases ends.
    fn list(&self, settings: &HostsSettings, now: Timestamp) -> Option<(Page, Duration)> {
        let mut page = Page::new(settings.domain.clone(), settings.entries_max);
        let mut next_end = Timestamp::NEVER;
        let mut newest = || self.shared.engines.load_full();
        let listed = shards::each_binding_once(&mut newest, |binding, _| {
            if let Some(name) = &binding.host_name
                && binding.state == BindingState::Leased
                && binding.is_active(now)
            {
                next_end = next_end.min(binding.expires_at);
                page.add(binding.address, name, binding.began_at);
            }
            true
        });
        listed.ok()?;
        let ms = u64::try_from(now.ms_until(next_end)).unwrap_or(u64::MAX);
        Some((page, Duration::from_millis(ms)))
    }

    /// Writes into the journal which clients have no entry because another one has the name, once
    /// each.
    fn note_taken(&mut self, taken: &[Taken]) {
        let key = |taken: &Taken| (taken.address, taken.name.clone());
        for found in taken.iter().filter(|taken| !self.noted.contains(&key(taken))) {
            self.shared.observer.name_taken(found.address, &found.name, found.held_by);
        }
        self.noted = taken.iter().map(key).collect();
    }
}

#[cfg(test)]
mod tests {
    use lessor_core::{Binding, ClientKey, HardwareAddress};

    use super::*;

    fn binding(name: Option<&str>) -> Binding {
        let at = Timestamp::from_unix_ms;
        let hardware_address = HardwareAddress::ethernet([2, 0, 0, 0, 0, 1]);
        Binding {
            address: Ipv4Addr::new(10, 0, 0, 1),
            client: ClientKey::Hardware(hardware_address),
            hardware_address,
            state: BindingState::Leased,
            began_at: at(1),
            changed_at: at(5),
            expires_at: at(10),
            subscriber: None,
            relay_information: None,
            host_name: name.map(|name| HostName::read(name).unwrap()),
            revision: 1,
            unknown_fields: Default::default(),
        }
    }

    #[test]
    fn only_changes_of_names_are_a_reason_to_list_them() {
        let change = |previous: Option<Binding>, binding: Binding| Change {
            binding: binding.into(),
            previous: previous.map(Arc::new),
        };
        let (named, nameless) = (binding(Some("pc")), binding(None));
        let released = Binding { state: BindingState::Released, ..named.clone() };
        let began_again = Binding { began_at: Timestamp::from_unix_ms(5), ..named.clone() };
        for (previous, binding, expected) in [
            (None, &nameless, false),
            (Some(&nameless), &nameless, false),
            (Some(&named), &named, false),
            (None, &named, true),
            (Some(&nameless), &named, true),
            (Some(&named), &nameless, true),
            (Some(&named), &released, true),
            (Some(&named), &began_again, true),
        ] {
            let change = change(previous.cloned(), binding.clone());
            assert_eq!(changes_names(&change), expected, "{change:?}");
        }
    }

    #[test]
    fn changes_that_nobody_reads_yet_never_wait() {
        let hosts = Hosts::new(None);
        for _ in 0..3 {
            hosts.set(None);
        }
        assert_eq!(hosts.told.len(), 1);
    }
}
