//! What is sent to the observer's thread.

use std::{net::Ipv4Addr, sync::Arc};

use crossbeam_channel::Sender;
use lessor_core::{Binding, HostName, Network};
use lessor_policy_host::ShadowDifference;

use crate::{event::Event, operator::HandEvent, watchers::Watching};

/// The messages to the observer's thread.
pub(crate) enum Message {
    Input(Box<Event>),
    Expired { network: Arc<Network>, leases: Vec<Binding> },
    ByHand { event: Arc<HandEvent>, written: Sender<()> },
    NameTaken { address: Ipv4Addr, name: HostName, held_by: Ipv4Addr },
    ShadowDifference(Box<ShadowDifference>),
    Watching(Box<Watching>),
    ReopenJournal,
    Stop,
}
