//! The second stage: a request whose network, subnet and client are known.

use std::sync::Arc;

use lessor_core::{Lease, Reason, Request};
use lessor_policy_host::{Absent, Lookups, TraceEntry, View};

use crate::{
    ended::Ended,
    environment::{self, Environment},
    moment::{Moment, in_clock_time},
    parsed::Parsed,
    why,
    witness::Witness,
};

/// A request that has a place, and what is known of its client.
#[derive(Clone, Debug)]
pub struct Located {
    pub(crate) view: View,
    /// The client's lease in server time; policies see it in clock time.
    pub(crate) lease: Option<Arc<Lease>>,
    /// The lookups that each plugin planned.
    pub(crate) planned: Vec<TraceEntry>,
}

impl Parsed {
    /// Finds the network, the subnet and the client of the request, and checks that the reply may
    /// be sent. The client's lease is looked up only if something needs it.
    ///
    /// # Errors
    /// If the reply must not be sent, no network spans the request, it identifies no client, or its
    /// relay is not served.
    pub fn locate(
        self,
        environment: &mut impl Environment,
        moment: Moment,
        wants_lease: bool,
        witness: &mut impl Witness,
    ) -> Result<Located, Ended<Self>> {
        if let Some((reason, detail)) = environment.refusal(self.request()) {
            return Err(Ended::at(self, reason, detail));
        }
        let wants_lease = wants_lease || witness.wants_lease();
        let (view, lease) = match see(self.request(), environment, moment, wants_lease, witness) {
            Ok(seen) => seen,
            Err((reason, detail)) => return Err(Ended::at(self, reason, Some(detail))),
        };
        match why::relay_not_served(&view) {
            Some(detail) => Err(Ended::at(self, Reason::RelayNotServed, Some(detail))),
            None => Ok(Located::new(view, lease)),
        }
    }
}

impl Located {
    /// Creates the stage of a request with this view. `lease` is the client's lease in server time.
    pub const fn new(view: View, lease: Option<Arc<Lease>>) -> Self {
        Self { view, lease, planned: Vec::new() }
    }

    /// What policies see of the request.
    pub const fn view(&self) -> &View {
        &self.view
    }

    /// The client's lease in server time, or `None` if it has none or nothing needed it.
    pub const fn lease(&self) -> Option<&Arc<Lease>> {
        self.lease.as_ref()
    }

    /// The lookups that each plugin planned.
    pub fn planned(&self) -> &[TraceEntry] {
        &self.planned
    }

    /// Reads again what may have changed while the exchange waited. Lookups stay as they are.
    ///
    /// # Errors
    /// If no network spans the request any more, or it identifies no client there.
    pub(crate) fn refresh(
        mut self,
        environment: &mut impl Environment,
        moment: Moment,
        wants_lease: bool,
        witness: &mut impl Witness,
    ) -> Result<Self, Ended<Self>> {
        let wants_lease = wants_lease || witness.wants_lease();
        match see(&self.view.request, environment, moment, wants_lease, witness) {
            Ok((view, lease)) => {
                let View { lookups, absent, .. } = self.view;
                self.view = View { lookups, absent, ..view };
                self.lease = lease;
                Ok(self)
            }
            Err((reason, detail)) => Err(Ended::at(self, reason, Some(detail))),
        }
    }
}

/// What policies may see of a request, and the client's lease in server time.
type Seen = (View, Option<Arc<Lease>>);

/// Returns what policies may see of a request.
///
/// # Errors
/// Why they may not see it.
fn see(
    request: &Arc<Request>,
    environment: &mut impl Environment,
    moment: Moment,
    wants_lease: bool,
    witness: &mut impl Witness,
) -> Result<Seen, (Reason, String)> {
    let seen = environment::where_it_belongs(environment, request, |environment| {
        let found = environment::find(environment.topology(), request);
        witness.found(found.as_ref());
        let found = found?;
        let kind = found.network.client_key;
        let own = request.relay_information.as_ref();
        let known = if wants_lease || (kind.needs_line() && own.is_none()) {
            environment.with_engine(found.location.network, |engine| {
                (engine.client_of(request), engine.lease_for(request).map(Arc::new))
            })
        } else {
            Ok((kind.key_of(request, own), None))
        };
        Some(known.map(|(client, lease)| (found, client, lease)))
    });
    let (found, client, lease) = seen?;
    witness.identified(client.as_ref(), lease.as_ref());
    let Some(client) = client else {
        let detail = why::unidentified_client(found.network.client_key);
        return Err((Reason::UnidentifiedClient, detail));
    };
    let view = View {
        now: moment.in_clock_time(),
        lease: lease.as_ref().map(|lease| in_clock_time(lease, moment.clock_offset_ms)),
        client,
        request: Arc::clone(request),
        network: found.network,
        subnet: found.location.subnet,
        lookups: Lookups::default(),
        absent: Absent::default(),
        catalogue: Arc::clone(environment.topology().catalogue()),
        final_by: None,
    };
    Ok((view, lease))
}
