//! The hosts file: the names of clients with a lease, for a resolver on the same machine.
//!
//! A thread of low priority lists the records of the engines and writes the file; [`page`] has its
//! contents. Nothing waits for it. Because it lists records rather than following events, the file
//! is complete after a start, a reload and an overload. Invariant: the file is written at most once
//! a second, and listing takes a small part of the time, however many leases there are.

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
use crossbeam_channel::{Receiver, select};
use lessor_aside::Throttle;
use lessor_config::HostsSettings;
use lessor_core::{BindingState, HostName, Timestamp};

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
        let told = self.shared.hosts.told().clone();
        let mut pace = Pace::new(Instant::now());
        loop {
            let due_in = match self.shared.hosts.settings().is_some() {
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
        let settings = self.shared.hosts.settings()?;
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
                // The addresses of VPNs overlap, so a resolver cannot answer with them.
                && binding.vpn.is_none()
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
