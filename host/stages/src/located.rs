//! The second stage: a request whose network, subnet and client are known.

use std::sync::Arc;

use lessor_core::{Binding, Reason, Request};
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
    /// The client's binding in server time; policies see it in clock time.
    pub(crate) binding: Option<Arc<Binding>>,
    /// The lookups that each plugin planned.
    pub(crate) planned: Vec<TraceEntry>,
}

impl Parsed {
    /// Finds the network, the subnet and the client of the request, and checks that the reply may
    /// be sent. The client's binding is looked up only if something needs it.
    ///
    /// # Errors
    /// If the reply must not be sent, no network spans the request, it identifies no client, or its
    /// relay or its protocol is not served.
    pub fn locate(
        self,
        environment: &mut impl Environment,
        moment: Moment,
        wants_binding: bool,
        witness: &mut impl Witness,
    ) -> Result<Located, Ended<Self>> {
        if let Some((reason, detail)) = environment.refusal(self.request()) {
            return Err(Ended::at(self, reason, detail));
        }
        let wants_binding = wants_binding || witness.wants_binding();
        let (view, binding) = match see(self.request(), environment, moment, wants_binding, witness)
        {
            Ok(seen) => seen,
            Err((reason, detail)) => return Err(Ended::at(self, reason, Some(detail))),
        };
        match why::not_served(&view) {
            Some((reason, detail)) => Err(Ended::at(self, reason, Some(detail))),
            None => Ok(Located::new(view, binding)),
        }
    }
}

impl Located {
    /// Creates the stage of a request with this view. `binding` is the client's binding in server
    /// time.
    pub const fn new(view: View, binding: Option<Arc<Binding>>) -> Self {
        Self { view, binding, planned: Vec::new() }
    }

    /// What policies see of the request.
    pub const fn view(&self) -> &View {
        &self.view
    }

    /// The client's binding in server time, or `None` if it has none or nothing needed it.
    pub const fn binding(&self) -> Option<&Arc<Binding>> {
        self.binding.as_ref()
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
        wants_binding: bool,
        witness: &mut impl Witness,
    ) -> Result<Self, Ended<Self>> {
        let wants_binding = wants_binding || witness.wants_binding();
        match see(&self.view.request, environment, moment, wants_binding, witness) {
            Ok((view, binding)) => {
                let View { lookups, absent, .. } = self.view;
                self.view = View { lookups, absent, ..view };
                self.binding = binding;
                Ok(self)
            }
            Err((reason, detail)) => Err(Ended::at(self, reason, Some(detail))),
        }
    }
}

/// What policies may see of a request, and the client's binding in server time.
type Seen = (View, Option<Arc<Binding>>);

/// Returns what policies may see of a request.
///
/// # Errors
/// Why they may not see it.
fn see(
    request: &Arc<Request>,
    environment: &mut impl Environment,
    moment: Moment,
    wants_binding: bool,
    witness: &mut impl Witness,
) -> Result<Seen, (Reason, String)> {
    let seen = environment::where_it_belongs(environment, request, |environment| {
        let found = environment::find(environment.topology(), request);
        witness.found(found.as_ref());
        let found = found?;
        let kind = found.network.client_key;
        let own = request.relay_information.as_ref();
        let known = if wants_binding || (kind.needs_line() && own.is_none()) {
            environment.with_engine(found.location.network, |engine| {
                (engine.client_of(request), engine.binding_for(request).map(Arc::new))
            })
        } else {
            Ok((kind.key_of(request, own), None))
        };
        Some(known.map(|(client, binding)| (found, client, binding)))
    });
    let (found, client, binding) = seen?;
    witness.identified(client.as_ref(), binding.as_ref());
    let Some(client) = client else {
        let detail = why::unidentified_client(found.network.client_key);
        return Err((Reason::UnidentifiedClient, detail));
    };
    let view = View {
        now: moment.in_clock_time(),
        binding: binding.as_ref().map(|binding| in_clock_time(binding, moment.clock_offset_ms)),
        client,
        request: Arc::clone(request),
        network: found.network,
        subnet: found.location.subnet,
        lookups: Lookups::default(),
        absent: Absent::default(),
        catalogue: Arc::clone(environment.topology().catalogue()),
        final_by: None,
    };
    Ok((view, binding))
}
