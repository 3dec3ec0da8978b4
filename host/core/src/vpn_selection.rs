//! Which VPN a message selects, and which of its options says so (RFC 6607).
//!
//! Does not look it up; [`crate::Topology`] does.

use crate::{RelayInformation, Request, Vpn, VpnSelectedBy, VpnSelector, option::code, relay};

impl Request {
    /// What the message selects, and with which option. The relay's selection takes precedence over
    /// the client's (RFC 6607 section 7).
    pub fn vpn_selection(&self) -> Option<(VpnSelectedBy, VpnSelector<'_>)> {
        let by_relay = self.relay_vpn_selection().map(|found| (VpnSelectedBy::Relay, found));
        let by_client = || self.client_vpn_selection().map(|found| (VpnSelectedBy::Client, found));
        by_relay.or_else(by_client)
    }

    /// What the relay selects.
    pub fn relay_vpn_selection(&self) -> Option<VpnSelector<'_>> {
        self.said_by_relay(relay::VPN_SELECTION).map(VpnSelector::of)
    }

    /// What the client selects.
    pub fn client_vpn_selection(&self) -> Option<VpnSelector<'_>> {
        self.options.get(code::VIRTUAL_SUBNET).map(VpnSelector::of)
    }

    /// Returns whether the reply omits the relay's sub-option 152: `vpn` is the one that the relay
    /// selected, and the relay wants to know whether the server used it (RFC 6607 section 7.2).
    pub fn confirms_vpn_to_relay(&self, vpn: Option<&Vpn>) -> bool {
        let wants_to_know = self.said_by_relay(relay::VPN_SELECTION_CONTROL).is_some();
        wants_to_know && self.relay_vpn_selection().is_some_and(|selector| selector.selects(vpn))
    }
}

impl RelayInformation {
    /// The octets that a relay gets back if the server used the VPN that it selected: all but its
    /// question whether it did.
    pub fn octets_without_vpn_control(&self) -> Vec<u8> {
        self.octets_without(relay::VPN_SELECTION_CONTROL)
    }
}
