//! What the thread that writes the hosts file learns from the others: its settings, and that names
//! changed.
//!
//! Writes nothing; see [`crate::hosts_file`]. Invariant: nothing here waits.

use std::sync::Arc;

use arc_swap::ArcSwapOption;
use crossbeam_channel::{Receiver, Sender};
use lessor_config::HostsSettings;
use lessor_core::Change;

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

    /// What is written; `None` if nothing is.
    pub(crate) fn settings(&self) -> Option<Arc<HostsSettings>> {
        self.settings.load_full()
    }

    /// Receives a message if names changed since the last one was received.
    pub(crate) fn told(&self) -> &Receiver<()> {
        &self.told
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

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use lessor_core::{Binding, BindingState, ClientKey, HardwareAddress, HostName, Timestamp};

    use super::*;

    fn binding(name: Option<&str>) -> Binding {
        let at = Timestamp::from_unix_ms;
        let hardware_address = HardwareAddress::ethernet([2, 0, 0, 0, 0, 1]);
        Binding {
            address: Ipv4Addr::new(10, 0, 0, 1),
            vpn: None,
            client: ClientKey::Hardware(hardware_address),
            hardware_address,
            state: BindingState::Leased,
            began_at: at(1),
            changed_at: at(5),
            expires_at: at(10),
            subscriber: None,
            relay_information: None,
            relay_address: None,
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
