//! Open offers, as they are listed and restored.

use std::{net::Ipv4Addr, sync::Arc};

use serde::{Deserialize, Serialize};

use crate::{ClientKey, Origin, Timestamp, VpnName};

use super::{
    Engine,
    family::{Offer, SlotView},
    plan::address_of,
};

/// An address that is held for a client to which it was offered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct OpenOffer {
    /// The address.
    pub address: Ipv4Addr,
    /// The VPN whose address it is; `None` if it is in none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vpn: Option<VpnName>,
    /// The client to which it was offered.
    pub client: ClientKey,
    /// The subscriber on whose account it counts, if it counts on one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subscriber: Option<Arc<str>>,
    /// The origin of the DISCOVER. An offer without one is restored with an unknown origin.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<Arc<Origin>>,
    /// The end of the offer.
    pub expires_at: Timestamp,
}

impl Engine {
    /// Restores an open offer, after the bindings. An offer of an address outside the network's
    /// subnets is skipped.
    pub fn restore_offer(&mut self, offer: OpenOffer) {
        let OpenOffer { address, vpn, client, subscriber, origin, expires_at } = offer;
        let (resource, holder) = (u32::from(address), client);
        if self.owns(vpn.as_ref(), address) {
            let source = origin.unwrap_or_else(|| Arc::new(Origin::UNKNOWN));
            self.bindings.hold(Offer { resource, holder, subscriber, source, expires_at });
        }
    }

    /// Every open offer, in order of address.
    pub fn offers(&self) -> impl Iterator<Item = OpenOffer> {
        self.bindings.slots().filter_map(SlotView::offer).map(|offer| OpenOffer {
            address: address_of(offer.resource),
            vpn: self.network().vpn_name().cloned(),
            client: offer.holder.clone(),
            subscriber: offer.subscriber.clone(),
            origin: Some(Arc::clone(&offer.source)),
            expires_at: offer.expires_at,
        })
    }
}
