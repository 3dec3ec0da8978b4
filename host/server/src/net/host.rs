//! The host that the server runs on, as the kernel describes it: read once at the start, and kept up
//! to date by whoever calls [`Host::refresh`] when the kernel notifies of a change.

use std::{
    io,
    sync::{Arc, Mutex, PoisonError},
};

use arc_swap::{ArcSwap, Cache};

use super::{NetError, links::Links, netlink::Netlink};

/// What endpoints know of the host. Shared by all of them.
#[derive(Debug)]
pub(crate) struct Host {
    links: Arc<ArcSwap<Links>>,
    questions: Mutex<Netlink>,
}

/// The newest [`Links`], as cheap as a look into memory.
pub(super) type LinksCache = Cache<Arc<ArcSwap<Links>>, Arc<Links>>;

impl Host {
    /// Reads the host's interfaces.
    ///
    /// # Errors
    /// If the kernel does not say.
    pub(crate) fn read() -> Result<Arc<Self>, NetError> {
        let host = Self {
            links: Arc::new(ArcSwap::default()),
            questions: Mutex::new(Netlink::open()?),
        };
        host.refresh().map_err(|error| NetError::system("list the interfaces", error))?;
        Ok(Arc::new(host))
    }

    /// Reads them again.
    ///
    /// # Errors
    /// If the kernel does not say; then what was known stays.
    pub(crate) fn refresh(&self) -> io::Result<()> {
        let mut questions = self.questions.lock().unwrap_or_else(PoisonError::into_inner);
        let (links, addresses) = questions.links()?;
        self.links.store(Arc::new(Links::new(links, addresses)));
        Ok(())
    }

    /// The interfaces, as they were last read.
    pub(crate) fn links(&self) -> Arc<Links> {
        self.links.load_full()
    }

    /// The same, for a reader that asks often.
    pub(super) fn links_cache(&self) -> LinksCache {
        Cache::new(Arc::clone(&self.links))
    }
}
