//! The configured endpoints; each is open, or waits for its interface.
//!
//! Interfaces and addresses appear and disappear while the server runs. A thread follows the
//! kernel's notifications and makes the workers open, close and replace sockets. `lessor status`
//! shows the state of each endpoint, and the log each change. Does not receive or send; see
//! [`lessor_net`]. Invariant: an endpoint that does not serve is reported as such.

mod filter;
mod identifiers;
mod notice;
mod state;
mod watch;

use std::{
    net::Ipv4Addr,
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};

use lessor_config::ServerSettings;
use lessor_core::Timestamp;
use serde::{Deserialize, Serialize};

pub use self::state::EndpointState;
pub(crate) use self::watch::Watch;
use self::{
    notice::Notices,
    state::{ListenOn, Seen},
};
use lessor_net::{Endpoint, Host, NetError};

use crate::clock::{self, written};

/// One endpoint as `lessor status` shows it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct EndpointStatus {
    /// The name of the interface, or the address and port.
    pub endpoint: String,
    /// `link` or `relays`.
    pub kind: String,
    /// Whether it serves.
    pub state: EndpointState,
    /// The time of the last change of state; RFC 3339, UTC.
    pub since: String,
    /// Why it does not serve, and what to do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// The hardware address of the interface.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hardware_address: Option<String>,
    /// The IPv4 addresses of the interface.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub addresses: Vec<Ipv4Addr>,
}

/// The state of every endpoint, for `lessor status`.
#[derive(Debug, Default)]
pub(crate) struct Board(Mutex<Vec<EndpointStatus>>);

impl Board {
    /// Returns every endpoint in the order of the configuration: addresses for relays, then
    /// interfaces.
    pub(crate) fn endpoints(&self) -> Vec<EndpointStatus> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn put(&self, endpoints: Vec<EndpointStatus>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = endpoints;
    }
}

/// The endpoints of a configuration.
#[derive(Debug)]
pub(crate) struct Endpoints {
    host: Arc<Host>,
    slots: Vec<Slot>,
    board: Arc<Board>,
}

/// The endpoints of each worker; a position is empty while its endpoint cannot be open.
pub(crate) type Opened = Vec<Vec<Option<Endpoint>>>;

/// One endpoint.
#[derive(Debug)]
struct Slot {
    place: ListenOn,
    seen: Seen,
    since: Timestamp,
    notices: Notices,
    /// The worker that has its socket; `None` for addresses of relays, whose sockets every worker
    /// has and which stay open.
    owner: Option<Owner>,
}

/// The worker that has the socket of an interface.
#[derive(Clone, Copy, Debug)]
struct Owner {
    worker: usize,
    /// The position of the socket among the worker's endpoints.
    position: usize,
    /// The index of the interface that the socket is open on.
    open_on: Option<u32>,
}

impl Endpoints {
    /// Opens every endpoint that can be opened. Each worker gets the endpoints that it serves, each
    /// at a fixed position. An interface that is missing leaves its position empty.
    ///
    /// # Errors
    /// If another process uses an address or port, or a capability is missing, or an interface is
    /// not Ethernet.
    pub(crate) fn open(
        settings: &ServerSettings,
        host: Arc<Host>,
        workers: usize,
    ) -> Result<(Self, Opened), NetError> {
        let links = host.links();
        let present = settings.interfaces.iter().map(String::as_str);
        let present = present.filter(|name| links.named(name).is_some());
        Endpoint::refuse_taken(&settings.listen, present)?;
        let mut opened = Vec::new();
        for _ in 0..workers {
            let relayed = settings.listen.iter();
            let relayed: Result<Vec<_>, _> =
                relayed.map(|listen| Endpoint::relayed(&host, *listen).map(Some)).collect();
            opened.push(relayed?);
        }
        let mut slots: Vec<Slot> = Vec::new();
        // The endpoints of other workers have the same buffers as those of the first.
        for endpoint in opened.first().into_iter().flatten().flatten() {
            endpoint.warn_of_small_buffers(&host);
        }
        for listen in &settings.listen {
            let place = ListenOn::Relays(*listen);
            let seen = place.seen(&links);
            slots.push(Slot::new(place, seen, None));
        }
        for (number, name) in settings.interfaces.iter().enumerate() {
            let worker = number % workers.max(1);
            let Some(own) = opened.get_mut(worker) else { continue };
            let link = links.named(name);
            let endpoint = link.map(|link| Endpoint::on_link(&host, link)).transpose()?;
            if let Some(endpoint) = &endpoint {
                endpoint.warn_of_small_buffers(&host);
            }
            let open_on = link.map(|link| link.index);
            let owner = Owner { worker, position: own.len(), open_on };
            own.push(endpoint);
            let place = ListenOn::Link(name.as_str().into());
            let seen = place.seen(&links);
            slots.push(Slot::new(place, seen, Some(owner)));
        }
        let mut endpoints = Self { host, slots, board: Arc::default() };
        for slot in &mut endpoints.slots {
            slot.notices.tell(&slot.place, &slot.seen, true, Instant::now());
        }
        endpoints.publish();
        Ok((endpoints, opened))
    }

    /// Returns the board with the states of the endpoints, which stays up to date.
    pub(crate) fn board(&self) -> Arc<Board> {
        Arc::clone(&self.board)
    }

    fn publish(&self) {
        self.board.put(self.slots.iter().map(Slot::status).collect());
    }
}

impl Slot {
    fn new(place: ListenOn, seen: Seen, owner: Option<Owner>) -> Self {
        Self { place, seen, since: clock::now(), notices: Notices::default(), owner }
    }

    fn status(&self) -> EndpointStatus {
        EndpointStatus {
            endpoint: self.place.to_string(),
            kind: self.place.kind().to_owned(),
            state: self.seen.state,
            since: written(self.since),
            detail: self.seen.detail.clone(),
            hardware_address: self.seen.hardware_address.map(|address| address.to_string()),
            addresses: self.seen.addresses.to_vec(),
        }
    }
}
