//! The stages from a located request to the terms of its policies, with their lookups between.
//!
//! Knows no engine: the server, explanations and replays come here through [`Life`](crate::Life);
//! shadows and the authors' tools come here directly. Invariant: the order of these stages is
//! written here only.

use lessor_core::{Reason, Reply};

use crate::{
    asked::Asked,
    decided::{Decided, Edited},
    ended::Ended,
    environment::LookupAnswers,
    informed::{Informed, Planned},
    located::Located,
    policies::Policies,
    witness::Witness,
};

/// Asks the policies of an exchange.
pub struct Consultation<'c, S, P, W> {
    /// Answers their lookups.
    pub sources: &'c mut S,
    /// The policies.
    pub policies: &'c mut P,
    /// Is notified at each stage.
    pub witness: &'c mut W,
}

/// Where an exchange is whose policies are asked.
#[allow(clippy::large_enum_variant, reason = "most exchanges are asked; a box would be one each")]
#[derive(Debug)]
pub enum Consulted {
    /// The policies set the terms.
    Asked(Asked),
    /// It waits for lookups.
    LookUp(Planned),
}

impl<S: LookupAnswers, P: Policies, W: Witness> Consultation<'_, S, P, W> {
    /// Asks the policies what to look up, and then for their terms.
    ///
    /// # Errors
    /// If it ended.
    pub fn begin(&mut self, located: Located) -> Result<Consulted, Ended<Located>> {
        if !self.policies.has_lookups_for(located.view().request.kind) {
            return Ok(self.ask(located.without_lookups()));
        }
        let planned = located.plan(self.policies, self.witness)?;
        match planned.answer_known(|planned| self.sources.known(planned), self.witness) {
            Ok(informed) => self.informed(informed),
            Err(planned) => Ok(Consulted::LookUp(planned)),
        }
    }

    /// Continues after a round of lookups: asks for the second one, if there may be one, and then
    /// for the terms.
    ///
    /// # Errors
    /// If it ended.
    pub(crate) fn informed(&mut self, informed: Informed) -> Result<Consulted, Ended<Located>> {
        let informed = self.not_missing(informed)?;
        if !informed.may_plan_further(self.policies) {
            return Ok(self.ask(informed));
        }
        let planned = informed.plan_further(self.policies, self.witness)?;
        match planned.answer_known(|planned| self.sources.known(planned), self.witness) {
            Ok(informed) => {
                let informed = self.not_missing(informed)?;
                Ok(self.ask(informed))
            }
            Err(planned) => Ok(Consulted::LookUp(planned)),
        }
    }

    /// Has the policies edit a reply that no engine made, but a sample of an exchange or a
    /// described one.
    ///
    /// # Errors
    /// If a policy fails that must not be skipped.
    pub fn edit(&mut self, asked: Asked, reply: Reply) -> Result<Edited, Ended<Decided>> {
        asked.with_reply(reply, self.witness).edit(self.policies, self.witness)
    }

    fn ask(&mut self, informed: Informed) -> Consulted {
        Consulted::Asked(informed.ask(self.policies, self.witness))
    }

    /// Ends the exchange if a source has failed that it needs.
    fn not_missing(&self, informed: Informed) -> Result<Informed, Ended<Located>> {
        match self.sources.missing(&informed.located.view.lookups) {
            Some(why) => Err(Ended::at(informed.located, Reason::LookupFailed, Some(why))),
            None => Ok(informed),
        }
    }
}
