//! The host that the server runs on, as the kernel describes it.
//!
//! Does not follow changes: the caller of [`Host::refresh`] does, when the kernel notifies it.
//! Invariant: after a failed refresh the previous state remains.

use std::{
    io,
    net::Ipv4Addr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use arc_swap::{ArcSwap, Cache};

use super::{
    NetError,
    links::Links,
    neighbours::Neighbours,
    netlink::{Netlink, ROUTES_AT_ONCE_MAX},
    routes,
};

/// The state of the host that endpoints need, shared by all of them.
#[derive(Debug)]
pub struct Host {
    links: Arc<ArcSwap<Links>>,
    neighbours: Neighbours,
    /// Counts the changes of the routes.
    routes_version: AtomicU64,
    questions: Mutex<Netlink>,
    /// The size of the send buffer that each socket requests.
    send_buffer_octets: usize,
}

/// A cache of the newest [`Links`], as cheap as a read from memory.
pub(super) type LinksCache = Cache<Arc<ArcSwap<Links>>, Arc<Links>>;

impl Host {
    /// Reads the host's interfaces and neighbours. Sockets will request send buffers of
    /// `send_buffer_octets`.
    ///
    /// # Errors
    /// If the kernel does not answer.
    pub fn read(send_buffer_octets: usize) -> Result<Arc<Self>, NetError> {
        let host = Self {
            links: Arc::new(ArcSwap::default()),
            neighbours: Neighbours::default(),
            routes_version: AtomicU64::new(0),
            questions: Mutex::new(Netlink::open()?),
            send_buffer_octets,
        };
        host.refresh().map_err(|error| NetError::system("list the interfaces", error))?;
        host.refresh_neighbours()
            .map_err(|error| NetError::system("list the neighbours", error))?;
        Ok(Arc::new(host))
    }

    /// Returns the current interfaces, for a command that needs nothing else of the host. There are
    /// none if the kernel does not answer.
    pub fn links_now() -> Links {
        let read = || {
            let (links, addresses) = Netlink::open().ok()?.links().ok()?;
            Some(Links::new(links, addresses))
        };
        read().unwrap_or_default()
    }

    /// Reads the interfaces again.
    ///
    /// # Errors
    /// If the kernel does not answer; the previous state then remains.
    pub fn refresh(&self) -> io::Result<()> {
        let (links, addresses) = self.lock().links()?;
        self.links.store(Arc::new(Links::new(links, addresses)));
        self.routes_changed();
        Ok(())
    }

    /// Reads the neighbours again.
    ///
    /// # Errors
    /// If the kernel does not answer; the previous state then remains.
    pub fn refresh_neighbours(&self) -> io::Result<()> {
        let neighbours = self.lock().neighbours()?;
        self.neighbours.replace(&neighbours);
        Ok(())
    }

    /// Returns the index of the interface through which a datagram to each of `destinations`
    /// leaves, or `None` for one without a route.
    ///
    /// # Errors
    /// If the kernel does not answer.
    pub fn ways(&self, destinations: &[Ipv4Addr]) -> io::Result<Vec<Option<u32>>> {
        let mut ways = Vec::with_capacity(destinations.len());
        for asked in destinations.chunks(ROUTES_AT_ONCE_MAX) {
            let routes = self.lock().routes(asked, None)?;
            ways.extend(routes.iter().map(|route| route.as_ref().and_then(routes::interface)));
        }
        Ok(ways)
    }

    /// Returns the size of the send buffer that each socket requests, in octets.
    pub(super) const fn send_buffer_octets(&self) -> usize {
        self.send_buffer_octets
    }

    /// Returns which neighbours answer.
    pub(super) const fn neighbours(&self) -> &Neighbours {
        &self.neighbours
    }

    /// Returns a number that changes after each change of the routes.
    pub(super) fn routes_version(&self) -> u64 {
        self.routes_version.load(Ordering::Acquire)
    }

    /// Notes that the routes have changed.
    pub(super) fn routes_changed(&self) {
        self.routes_version.fetch_add(1, Ordering::Release);
    }

    fn lock(&self) -> MutexGuard<'_, Netlink> {
        self.questions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the interfaces as they were last read.
    pub fn links(&self) -> Arc<Links> {
        self.links.load_full()
    }

    /// Returns a pointer that always leads to the newest interfaces.
    pub(super) fn shared_links(&self) -> Arc<ArcSwap<Links>> {
        Arc::clone(&self.links)
    }

    /// As [`Self::shared_links`], for a reader that asks often.
    pub(super) fn links_cache(&self) -> LinksCache {
        Cache::new(Arc::clone(&self.links))
    }
}
