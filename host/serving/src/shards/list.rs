//! Every binding of a server, without a pause.

use std::{collections::HashMap, sync::Arc};

use lessor_core::{Binding, Engine, Topology, VpnName};
use lessor_stages::Retired;
use roaring::RoaringBitmap;

use super::Shards;

/// The number of bindings that are read before other threads may take the lock of their network.
const LISTED_AT_ONCE: usize = 1024;

/// The number of reloads that may interrupt a list of bindings before it fails.
pub(super) const RELOADS_MAX: usize = 16;

/// A list of bindings was interrupted by this many reloads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TooManyReloads(pub(crate) usize);

/// Visits every binding once, until `visit` returns that it has enough; returns whether it visited
/// all. A reload moves bindings to newer shards, so the rest is read from the newest.
///
/// # Errors
/// If too many reloads follow each other.
pub(crate) fn each_binding_once(
    newest: &mut dyn FnMut() -> Arc<Shards>,
    mut visit: impl FnMut(&Binding, &Topology) -> bool,
) -> Result<bool, TooManyReloads> {
    let mut visited: HashMap<Option<VpnName>, RoaringBitmap> = HashMap::new();
    for _ in 0..RELOADS_MAX {
        let shards = newest();
        let listed = shards.each_binding(|binding| {
            let of_vpn = match visited.get_mut(&binding.vpn) {
                Some(of_vpn) => of_vpn,
                None => visited.entry(binding.vpn.clone()).or_default(),
            };
            !of_vpn.insert(binding.address.into()) || visit(&binding, shards.topology())
        });
        if let Ok(is_complete) = listed {
            return Ok(is_complete);
        }
    }
    Err(TooManyReloads(RELOADS_MAX))
}

impl Shards {
    /// Visits every binding, network by network in order of address, until `visit` returns that it
    /// has enough; returns whether it visited all. A network is locked only while a few of its
    /// bindings are read.
    ///
    /// # Errors
    /// If a network was retired before its last lease; the newer shards have all of them.
    pub fn each_binding(&self, mut visit: impl FnMut(Binding) -> bool) -> Result<bool, Retired> {
        for shard in &self.shards {
            let Some(mut listing) = shard.lock().engine()?.map(Engine::listing) else { continue };
            loop {
                let listed =
                    shard.lock().engine()?.map(|engine| engine.list(&mut listing, LISTED_AT_ONCE));
                let bindings = listed.unwrap_or_default();
                if bindings.is_empty() {
                    break;
                }
                if !bindings.into_iter().all(&mut visit) {
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }
}
