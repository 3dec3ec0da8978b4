//! The second stage: a request whose network, subnet and client are known.

use std::sync::Arc;

use lessor_core::{Binding, Reason, Request, RequestKind, Selected};
use lessor_policy_host::{Absent, Lookups, Pools, TraceEntry, View};

use crate::{
    classified::classify,
    ended::Ended,
    environment::{self, Environment},
    moment::{Moment, in_clock_time},
    parsed::Parsed,
    policies::Policies,
    why,
    witness::Witness,
};

/// A request that has a place, and what is known of its client.
#[derive(Clone, Debug)]
pub struct Located {
    pub(crate) view: View,
    /// What determined the subnet, if that is known.
    selected: Option<Selected>,
    /// The client's binding in server time; policies see it in clock time.
    pub(crate) binding: Option<Arc<Binding>>,
    /// The lookups that each plugin planned.
    pub(crate) planned: Vec<TraceEntry>,
}

/// What policies may read of the state of a network.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WantedState {
    /// The client's binding.
    pub binding: bool,
    /// How full pools are.
    pub pools: bool,
}

impl WantedState {
    /// What these policies may read for messages of this kind.
    pub fn by(policies: &impl Policies, kind: RequestKind) -> Self {
        Self { binding: policies.wants_binding_of(kind), pools: policies.wants_pools_of(kind) }
    }
}

impl Parsed {
    /// Finds the classes, the network, the subnet and the client of the request, and checks that
    /// the reply may be sent. The state of the network is read only as far as something needs it.
    ///
    /// # Errors
    /// If the reply must not be sent, no network spans the request, it identifies no client, or its
    /// relay or its protocol is not served.
    pub fn locate(
        mut self,
        environment: &mut impl Environment,
        moment: Moment,
        wanted: WantedState,
        witness: &mut impl Witness,
    ) -> Result<Located, Ended<Self>> {
        if let Some((reason, detail)) = environment.refusal(self.request()) {
            return Err(Ended::at(self, reason, detail));
        }
        classify(self.request_mut(), environment);
        let seen = match see(self.request(), environment, moment, wanted, witness) {
            Ok(seen) => seen,
            Err((reason, detail)) => return Err(Ended::at(self, reason, Some(detail))),
        };
        match why::not_served(&seen.view) {
            Some((reason, detail)) => Err(Ended::at(self, reason, Some(detail))),
            None => Ok(Located {
                selected: Some(seen.selected),
                ..Located::new(seen.view, seen.binding)
            }),
        }
    }
}

impl Located {
    /// Creates the stage of a request with this view. `binding` is the client's binding in server
    /// time.
    pub const fn new(view: View, binding: Option<Arc<Binding>>) -> Self {
        Self { view, selected: None, binding, planned: Vec::new() }
    }

    /// What policies see of the request.
    pub const fn view(&self) -> &View {
        &self.view
    }

    /// What determined the subnet; `None` for a stage that was described rather than reached.
    pub const fn selected(&self) -> Option<Selected> {
        self.selected
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
        wanted: WantedState,
        witness: &mut impl Witness,
    ) -> Result<Self, Ended<Self>> {
        classify(&mut self.view.request, environment);
        match see(&self.view.request, environment, moment, wanted, witness) {
            Ok(seen) => {
                let View { lookups, absent, .. } = self.view;
                self.view = View { lookups, absent, ..seen.view };
                self.selected = Some(seen.selected);
                self.binding = seen.binding;
                Ok(self)
            }
            Err((reason, detail)) => Err(Ended::at(self, reason, Some(detail))),
        }
    }
}

/// A request whose place and client are known.
struct Seen {
    view: View,
    selected: Selected,
    /// The client's binding in server time.
    binding: Option<Arc<Binding>>,
}

/// Returns what policies may see of a request.
///
/// # Errors
/// Why they may not see it.
fn see(
    request: &Arc<Request>,
    environment: &mut impl Environment,
    moment: Moment,
    wanted: WantedState,
    witness: &mut impl Witness,
) -> Result<Seen, (Reason, String)> {
    let wants_binding = wanted.binding || witness.wants_binding();
    let seen = environment::where_it_belongs(environment, request, |environment| {
        let found = environment::find(environment.topology(), request);
        witness.found(found.as_ref());
        let found = found?;
        let kind = found.network.client_key_of(request);
        let own = request.relay_information.as_ref();
        let needs_engine = wants_binding || wanted.pools || (kind.needs_line() && own.is_none());
        let known = if needs_engine {
            environment.with_engine(found.selected.location.network, |engine| {
                let binding = engine.binding_for(request).map(Arc::new);
                let pools = wanted.pools.then(|| engine.usage_for(request));
                (engine.client_of(request), binding, pools)
            })
        } else {
            Ok((kind.key_of(request, own), None, None))
        };
        Some(known.map(|(client, binding, pools)| (found, client, binding, pools)))
    });
    let (found, client, binding, pools) = seen?;
    witness.identified(client.as_ref(), binding.as_ref());
    let Some(client) = client else {
        let detail = why::unidentified_client(found.network.client_key_of(request));
        return Err((Reason::UnidentifiedClient, detail));
    };
    let pools: Option<Pools> = pools.map(|counted| environment.pools(counted).into());
    pools.iter().for_each(|pools| witness.counted(pools));
    let view = View {
        now: moment.in_clock_time(),
        binding: binding.as_ref().map(|binding| in_clock_time(binding, moment.clock_offset_ms)),
        client,
        request: Arc::clone(request),
        network: found.network,
        subnet: found.selected.location.subnet,
        pools,
        lookups: Lookups::default(),
        absent: Absent::default(),
        catalogue: Arc::clone(environment.topology().catalogue()),
        final_by: None,
    };
    Ok(Seen { view, selected: found.selected, binding })
}
