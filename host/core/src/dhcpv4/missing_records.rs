//! A network that started without any lease on storage, and until when that matters.
//!
//! Clients that this server does not know may have leased its addresses before it started.

use crate::{AfterDataLoss, Timestamp};

use super::Engine;

impl Engine {
    /// Records that the network started at `since` without any lease on storage: clients that this
    /// server does not know may have leased its addresses before then.
    pub fn set_no_records_since(&mut self, since: Timestamp) {
        self.no_records_since = Some(since);
    }

    /// When the network started without any lease on storage, if it did.
    pub fn no_records_since(&self) -> Option<Timestamp> {
        self.no_records_since
    }

    /// The time until which clients may have leases of which the server has no record; the latest
    /// of all subnets. Until then, their addresses are held back from new clients or probed. `None`
    /// if the network does neither, or no longer.
    pub fn records_missing_until(&self, now: Timestamp) -> Option<Timestamp> {
        let network = self.plan.network();
        let matters = network.after_data_loss != AfterDataLoss::Serve;
        let since = self.no_records_since().filter(|_| matters)?;
        let longest_secs = self.plan.longest_lease_secs().max()?;
        let longest_secs = longest_secs.max(self.shared_reservations.longest_lease_secs());
        Some(since.after_secs(longest_secs)).filter(|until| now < *until)
    }
}
