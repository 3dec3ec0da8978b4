//! The host's side of the contract: the implementation of the resource methods that guests call.
//!
//! Handles carry no data. A store works on one subject at a time, which is stored in its [`Guest`];
//! a handle only refers to the current subject. A call therefore needs no table of resources, and
//! nothing that a guest keeps outlives the call.

mod capabilities;
mod draft;
mod failing;
mod kinds;
mod lease_event;
mod limiter;
mod lookup_plan;
mod options;
mod reply;
mod request;

use std::{collections::HashMap, sync::Arc};

use lessor_core::{LookupAnswer, Reply, SourceRow};
use lessor_settings::{Grants, PluginLimits, StateRules};
use lessor_vocabulary::Catalogue;
use wasmtime::component::{HasSelf, Linker};

pub(crate) use self::{
    bindings::lessor::policy::types, draft::DraftTerms, limiter::Limiter, reply::ReplyDraft,
};
use crate::{
    LeaseEvent, LookupSources, PlannedLookup, View,
    belongings::{Belongings, MetricCell},
    fault::BadAnswer,
    health::{Chargeable as _, Culprit},
    stopwatch::Stopwatch,
};

#[allow(missing_docs, unreachable_pub, clippy::all, reason = "generated code")]
mod bindings {
    wasmtime::component::bindgen!({
        path: "../../wit",
        inline: "
            package lessor:host;
            world offered {
                import lessor:policy/types@0.1.2;
                import lessor:policy/failing@0.1.2;
                import lessor:policy/options@0.1.2;
                include lessor:policy/every-capability@0.1.2;
            }
        ",
        imports: { default: trappable },
    });
}

/// The data of a store: the subject of the current call, and its limits.
pub(crate) struct Guest {
    /// The name of the plugin.
    plugin: Arc<str>,
    subject: CallSubject,
    lookup_sources: Arc<dyn LookupSources>,
    catalogue: Arc<Catalogue>,
    grants: Grants,
    belongings: Arc<Belongings>,
    log_lines_per_sec_max: u32,
    state_rules: StateRules,
    /// The metrics that this instance has used.
    metrics: HashMap<Box<str>, Arc<MetricCell>>,
    pub(crate) limiter: Limiter,
    pub(crate) stopwatch: Stopwatch,
}

/// The subject of a call.
#[allow(clippy::large_enum_variant, reason = "an instance has one; it is replaced in place")]
enum CallSubject {
    Nothing,
    /// The names are those that the plugin has planned in the round before.
    Plan(View, Vec<PlannedLookup>, Vec<Arc<str>>),
    PlanEvent(LeaseEvent, Vec<PlannedLookup>),
    Request(View, DraftTerms),
    Reply(View, ReplyDraft),
    Lease(LeaseEvent),
}

impl Guest {
    /// Creates the data of a store of the plugin with this name.
    pub(crate) fn new(
        plugin: Arc<str>,
        limits: &PluginLimits,
        grants: Grants,
        belongings: Arc<Belongings>,
        lookup_sources: Arc<dyn LookupSources>,
        catalogue: Arc<Catalogue>,
    ) -> Self {
        Self {
            plugin,
            subject: CallSubject::Nothing,
            lookup_sources,
            catalogue,
            grants,
            belongings,
            log_lines_per_sec_max: limits.log_lines_per_sec_max,
            state_rules: limits.state,
            metrics: HashMap::new(),
            limiter: Limiter::new(limits),
            stopwatch: Stopwatch::new(),
        }
    }

    pub(crate) fn look_up_in(&mut self, sources: &Arc<dyn LookupSources>) {
        self.lookup_sources = Arc::clone(sources);
    }

    pub(crate) fn begin_plan(&mut self, view: &View) {
        let own = view.lookups.iter().filter(|lookup| lookup.plugin == self.plugin);
        let mut earlier: Vec<_> = own.map(|lookup| Arc::clone(&lookup.name)).collect();
        earlier.sort_unstable();
        earlier.dedup();
        self.subject = CallSubject::Plan(view.clone(), Vec::new(), earlier);
    }

    pub(crate) fn begin_plan_for_event(&mut self, event: &LeaseEvent) {
        self.subject = CallSubject::PlanEvent(event.clone(), Vec::new());
    }

    pub(crate) fn begin_request(&mut self, view: &View, earlier: &lessor_core::Terms) {
        self.subject = CallSubject::Request(view.clone(), DraftTerms::after(earlier));
    }

    pub(crate) fn begin_reply(&mut self, view: &View, reply: &Reply) {
        self.subject = CallSubject::Reply(view.clone(), ReplyDraft::new(reply));
    }

    pub(crate) fn begin_lease_event(&mut self, event: &LeaseEvent) {
        self.subject = CallSubject::Lease(event.clone());
    }

    /// Ends the call and returns the planned lookups.
    pub(crate) fn end_plan(&mut self) -> Vec<PlannedLookup> {
        match std::mem::replace(&mut self.subject, CallSubject::Nothing) {
            CallSubject::Plan(_, planned, _) | CallSubject::PlanEvent(_, planned) => planned,
            _ => Vec::new(),
        }
    }

    /// Ends the call and returns the terms that it set.
    pub(crate) fn end_request(&mut self) -> DraftTerms {
        match std::mem::replace(&mut self.subject, CallSubject::Nothing) {
            CallSubject::Request(_, draft) => draft,
            _ => DraftTerms::default(),
        }
    }

    /// Ends the call and returns the edited reply.
    pub(crate) fn end_reply(&mut self) -> Option<ReplyDraft> {
        match std::mem::replace(&mut self.subject, CallSubject::Nothing) {
            CallSubject::Reply(_, draft) => Some(draft),
            _ => None,
        }
    }

    /// Ends the call.
    pub(crate) fn end(&mut self) {
        self.subject = CallSubject::Nothing;
    }

    /// The client that the current call is made for, and the server's time in milliseconds since
    /// the Unix epoch; `None` outside of a message.
    fn culprit(&self) -> Option<(Culprit, u64)> {
        match &self.subject {
            CallSubject::Nothing => None,
            CallSubject::Plan(view, ..)
            | CallSubject::Request(view, _)
            | CallSubject::Reply(view, _) => Some((view.culprit(), view.now.unix_ms())),
            CallSubject::PlanEvent(event, _) | CallSubject::Lease(event) => {
                Some((event.culprit(), event.now.unix_ms()))
            }
        }
    }

    /// The server's time in the current call, in milliseconds since the Unix epoch; `None` outside
    /// of a message.
    fn now_ms(&self) -> Option<u64> {
        match &self.subject {
            CallSubject::Nothing => None,
            CallSubject::Plan(view, ..)
            | CallSubject::Request(view, _)
            | CallSubject::Reply(view, _) => Some(view.now.unix_ms()),
            CallSubject::PlanEvent(event, _) | CallSubject::Lease(event) => {
                Some(event.now.unix_ms())
            }
        }
    }

    fn view(&self) -> Result<&View, BadAnswer> {
        match &self.subject {
            CallSubject::Plan(view, ..)
            | CallSubject::Request(view, _)
            | CallSubject::Reply(view, _) => Ok(view),
            _ => Err(BadAnswer::NoSubject),
        }
    }

    /// The lookups that the current call has planned, and the names of those of the round before.
    fn plan(&mut self) -> Result<(&mut Vec<PlannedLookup>, &[Arc<str>]), BadAnswer> {
        match &mut self.subject {
            CallSubject::Plan(_, planned, earlier) => Ok((planned, earlier)),
            CallSubject::PlanEvent(_, planned) => Ok((planned, &[])),
            _ => Err(BadAnswer::NoSubject),
        }
    }

    fn draft(&mut self) -> Result<&mut DraftTerms, BadAnswer> {
        match &mut self.subject {
            CallSubject::Request(_, draft) => Ok(draft),
            _ => Err(BadAnswer::NoSubject),
        }
    }

    fn reply(&mut self) -> Result<&mut ReplyDraft, BadAnswer> {
        match &mut self.subject {
            CallSubject::Reply(_, reply) => Ok(reply),
            _ => Err(BadAnswer::NoSubject),
        }
    }

    fn event(&self) -> Result<&LeaseEvent, BadAnswer> {
        match &self.subject {
            CallSubject::PlanEvent(event, _) | CallSubject::Lease(event) => Ok(event),
            _ => Err(BadAnswer::NoSubject),
        }
    }
}

/// Adds the host functions of the contract to the linker.
pub(crate) fn add_to_linker(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    bindings::Offered::add_to_linker::<_, HasSelf<Guest>>(linker, |guest| guest)
}

impl types::Host for Guest {}

fn address_octets(address: std::net::Ipv4Addr) -> types::Ipv4Address {
    let [a, b, c, d] = address.octets();
    (a, b, c, d)
}

/// An address of the header, where zero means that there is none.
fn optional_address(address: std::net::Ipv4Addr) -> Option<types::Ipv4Address> {
    (!address.is_unspecified()).then(|| address_octets(address))
}

/// The status of a lookup, as guests see it.
const fn status_of(answer: Option<&LookupAnswer>) -> types::LookupStatus {
    match answer {
        None => types::LookupStatus::NotPlanned,
        Some(LookupAnswer::Found { .. }) => types::LookupStatus::Found,
        Some(LookupAnswer::NotFound) => types::LookupStatus::NotFound,
        Some(LookupAnswer::Unavailable(_)) => types::LookupStatus::Unavailable,
    }
}

/// The row that a lookup found, if it found one.
fn row_of(answer: Option<&LookupAnswer>) -> Option<&SourceRow> {
    match answer {
        Some(LookupAnswer::Found { row, .. }) => Some(row),
        _ => None,
    }
}

/// Whether what a lookup found is older than it should be.
const fn is_stale(answer: Option<&LookupAnswer>) -> bool {
    matches!(answer, Some(LookupAnswer::Found { is_stale: true, .. }))
}

fn lossy_text(octets: &[u8]) -> String {
    String::from_utf8_lossy(octets).into_owned()
}
