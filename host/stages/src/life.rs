//! The way of an exchange through its stages, up to where it must wait.

use std::sync::Arc;

use lessor_core::{Arrival, Binding, Request, Selected, Terms};
use lessor_policy_host::{AnsweredLookup, TraceEntry, View};
use lessor_wire::Header;

use crate::{
    asked::Asked,
    consultation::{Consultation, Consulted},
    decided::{About, Attempted, Decided},
    ended::Ended,
    environment::Environment,
    informed::Planned,
    located::{Located, WantedState},
    moment::Moment,
    parsed::Parsed,
    policies::Policies,
    witness::Witness,
    written::Written,
};

/// Drives exchanges through their stages.
pub struct Life<'l, E, P, W> {
    /// What the exchange meets.
    pub environment: &'l mut E,
    /// The policies that it asks.
    pub policies: &'l mut P,
    /// Is notified at each stage.
    pub witness: &'l mut W,
    /// The time of its decision.
    pub moment: Moment,
}

/// Where an exchange is that has not ended.
#[allow(clippy::large_enum_variant, reason = "most exchanges are written; a box would be one each")]
#[derive(Debug)]
pub enum Pending<W> {
    /// It waits for lookups; [`Life::answered`] continues.
    LookUp(Planned),
    /// It waits for storage or for a probe; [`Life::go_on`] continues.
    Wait(Asked, W),
    /// It is decided.
    Written(Written),
}

/// The last stage that an exchange reached before it ended.
#[derive(Debug)]
pub enum Reached {
    /// None: the datagram is no valid request. Its header names the client, if it is long enough.
    Nothing(Option<Header>),
    /// [`Parsed`].
    Parsed(Parsed),
    /// [`Located`].
    Located(Located),
    /// [`Asked`].
    Asked(Asked),
    /// [`Decided`].
    Decided(Decided),
}

impl<E: Environment, P: Policies, W: Witness> Life<'_, E, P, W> {
    /// Begins the exchange of a datagram.
    ///
    /// # Errors
    /// If it ended.
    pub fn begin(
        &mut self,
        payload: &[u8],
        arrival: Arrival,
    ) -> Result<Pending<E::Wait>, Ended<Reached>> {
        let parsed = match Parsed::read(payload, arrival, self.environment.topology()) {
            Ok(parsed) => parsed,
            Err(malformed) => {
                let reached = Reached::Nothing(lessor_wire::header(payload));
                return Err(Ended::at(reached, malformed.reason, Some(malformed.to_string())));
            }
        };
        self.witness.parsed(parsed.request(), parsed.reply_source());
        let wanted = WantedState::by(self.policies, parsed.request().kind);
        let located = parsed.locate(self.environment, self.moment, wanted, self.witness)?;
        let consulted = self.consultation().begin(located)?;
        self.consulted(consulted)
    }

    /// Continues with an exchange that waited for lookups. Policies see the client's binding and
    /// the pools as they are now. It may have to wait again, for a second round of lookups.
    ///
    /// # Errors
    /// If it ended.
    pub fn answered(
        &mut self,
        planned: Planned,
        answers: Vec<AnsweredLookup>,
    ) -> Result<Pending<E::Wait>, Ended<Reached>> {
        let informed = planned.answer(answers, self.witness);
        let informed = informed.map(|located| self.refreshed(located))?;
        let consulted = self.consultation().informed(informed)?;
        self.consulted(consulted)
    }

    /// Continues with an exchange whose lookups other policies planned: these plan again.
    ///
    /// # Errors
    /// If it ended.
    pub fn plan_again(&mut self, planned: Planned) -> Result<Pending<E::Wait>, Ended<Reached>> {
        let located = self.refreshed(planned.into_located())?;
        let consulted = self.consultation().begin(located)?;
        self.consulted(consulted)
    }

    /// Has the engine decide, and makes the reply of its decision. Also continues with an exchange
    /// that waited for storage; the terms of its policies remain valid for it.
    ///
    /// # Errors
    /// If it ended.
    pub fn go_on(&mut self, asked: Asked) -> Result<Pending<E::Wait>, Ended<Reached>> {
        match asked.decide(self.environment, self.moment.at, self.witness)? {
            Attempted::Waits(asked, wait) => Ok(Pending::Wait(asked, wait)),
            Attempted::Decided(decided) => {
                let edited = decided.edit(self.policies, self.witness)?;
                Ok(Pending::Written(edited.write(self.witness)?))
            }
        }
    }

    fn consultation(&mut self) -> Consultation<'_, E, P, W> {
        Consultation { sources: self.environment, policies: self.policies, witness: self.witness }
    }

    fn consulted(&mut self, consulted: Consulted) -> Result<Pending<E::Wait>, Ended<Reached>> {
        match consulted {
            Consulted::Asked(asked) => self.go_on(asked),
            Consulted::LookUp(planned) => Ok(Pending::LookUp(planned)),
        }
    }

    fn refreshed(&mut self, located: Located) -> Result<Located, Ended<Located>> {
        let wanted = WantedState::by(self.policies, located.view().request.kind);
        located.refresh(self.environment, self.moment, wanted, self.witness)
    }
}

impl Reached {
    /// The request, or `None` if the datagram is none.
    pub const fn request(&self) -> Option<&Arc<Request>> {
        match self {
            Self::Nothing(_) => None,
            Self::Parsed(parsed) => Some(parsed.request()),
            Self::Located(located) => Some(&located.view.request),
            Self::Asked(asked) => Some(asked.request()),
            Self::Decided(decided) => Some(decided.asked().request()),
        }
    }

    /// The header of a datagram that is no valid request.
    pub const fn header(&self) -> Option<Header> {
        match self {
            Self::Nothing(header) => *header,
            _ => None,
        }
    }

    /// The place of the request and what is known of its client, if that was found.
    pub const fn located(&self) -> Option<&Located> {
        match self {
            Self::Nothing(_) | Self::Parsed(_) => None,
            Self::Located(located) => Some(located),
            Self::Asked(asked) => Some(asked.located()),
            Self::Decided(decided) => Some(decided.asked().located()),
        }
    }

    /// What determined the network and subnet, if they were found.
    pub fn selected(&self) -> Option<Selected> {
        self.located().and_then(Located::selected)
    }

    /// What the policies saw, or `None` if no network spans the request.
    pub fn view(&self) -> Option<&View> {
        self.located().map(Located::view)
    }

    /// The client's binding in server time, or `None` if nothing needed it.
    pub fn binding(&self) -> Option<&Arc<Binding>> {
        self.located().and_then(Located::binding)
    }

    /// The terms, if the policies were asked.
    pub const fn terms(&self) -> Option<&Terms> {
        match self {
            Self::Nothing(_) | Self::Parsed(_) | Self::Located(_) => None,
            Self::Asked(asked) => Some(asked.terms()),
            Self::Decided(decided) => Some(decided.asked().terms()),
        }
    }

    /// What the decision is about; nothing before there is one.
    pub fn about(&self) -> About {
        match self {
            Self::Decided(decided) => decided.about(),
            _ => About::default(),
        }
    }

    /// What each plugin planned to look up, set, and edited in the reply.
    pub fn trace(&self) -> impl Iterator<Item = &TraceEntry> {
        let planned = self.located().map(Located::planned).unwrap_or_default();
        let (set, edits): (&[_], &[_]) = match self {
            Self::Asked(asked) => (asked.set(), &[]),
            Self::Decided(decided) => (decided.asked().set(), decided.edits()),
            _ => (&[], &[]),
        };
        planned.iter().chain(set).chain(edits)
    }

    /// The same, without a copy.
    pub fn into_trace(self) -> Vec<TraceEntry> {
        match self {
            Self::Nothing(_) | Self::Parsed(_) => Vec::new(),
            Self::Located(located) => located.planned,
            Self::Asked(asked) => asked.into_trace(),
            Self::Decided(decided) => decided.into_trace(),
        }
    }
}

impl From<Ended<Parsed>> for Ended<Reached> {
    fn from(ended: Ended<Parsed>) -> Self {
        ended.map(Reached::Parsed)
    }
}

impl From<Ended<Located>> for Ended<Reached> {
    fn from(ended: Ended<Located>) -> Self {
        ended.map(Reached::Located)
    }
}

impl From<Ended<Asked>> for Ended<Reached> {
    fn from(ended: Ended<Asked>) -> Self {
        ended.map(Reached::Asked)
    }
}

impl From<Ended<Decided>> for Ended<Reached> {
    fn from(ended: Ended<Decided>) -> Self {
        ended.map(Reached::Decided)
    }
}
