//! Takes a message through the stages of an exchange without consequences.
//!
//! The stages are those of the server ([`lessor_stages`]); here the engine previews instead of
//! deciding, and lookups are waited for. Invariant: nothing is held, changed or counted.

use std::convert::Infallible;

use anyhow::{anyhow, bail};
use lessor_core::{Engine, NetworkId, Preview, Reason, Request, Topology};
use lessor_generation::ConfigurationRefused;
use lessor_policy_host::{AnsweredLookup, PlannedLookup};
use lessor_serving::{Reach as _, clock};
use lessor_stages::{
    Ended, Environment, Life, LookupAnswers, Moment, Pending, Reached, RequestToDecide, Retired,
    Ruling, Witness,
};

use super::{Basis, Explanation, Subject, telling::Telling};

impl Basis<'_> {
    /// Explains what would happen to the subject.
    pub(super) fn explain(&self, subject: &Subject) -> anyhow::Result<Explanation> {
        let message = subject.message(self)?;
        let chain = self.generation.chain.rehearsal(1).map_err(ConfigurationRefused::from)?;
        let mut runner = chain.runner().map_err(ConfigurationRefused::from)?;
        let mut environment = Previewing { place: self, preview: None, failure: None };
        let mut witness = Telling::new(self, &chain, message.assumed);
        let moment = Moment { at: self.now, clock_offset_ms: clock::offset_ms() };
        let mut life = Life {
            environment: &mut environment,
            policies: &mut runner,
            witness: &mut witness,
            moment,
        };
        let next = life.begin(&message.payload, message.arrival);
        if let Some(failure) = environment.failure {
            return Err(failure);
        }
        let (reason, detail) = match next {
            Ok(Pending::Written(written)) => {
                let (mut decided, _) = written.into_parts();
                (decided.reason(), decided.take_detail())
            }
            Ok(Pending::LookUp(_)) => bail!("a lookup has no answer; try again"),
            Ok(Pending::Wait(_, never)) => match never {},
            Err(Ended { reached: Reached::Nothing(_), detail, .. }) => {
                let why = anyhow!(detail.unwrap_or_default());
                return Err(
                    why.context("the message cannot be parsed; check the values of --option")
                );
            }
            Err(Ended { reason, detail, .. }) => (reason, detail),
        };
        Ok(witness.conclude(reason, detail, environment.preview))
    }
}

/// What a message meets that is explained.
struct Previewing<'p> {
    place: &'p Basis<'p>,
    /// The decision that the engine would make.
    preview: Option<Preview>,
    /// Why there can be no explanation.
    failure: Option<anyhow::Error>,
}

impl LookupAnswers for Previewing<'_> {
    fn known(&mut self, planned: Vec<PlannedLookup>) -> (Vec<AnsweredLookup>, Vec<PlannedLookup>) {
        let answers = self.place.generation.lookups.look_up(planned);
        let answers = answers.unwrap_or_else(|error| {
            self.failure = Some(error);
            Vec::new()
        });
        (answers, Vec::new())
    }

    fn missing(&self, lookups: &[AnsweredLookup]) -> Option<String> {
        self.place.generation.lookups.missing(lookups)
    }
}

impl Environment for Previewing<'_> {
    type Wait = Infallible;

    fn topology(&self) -> &Topology {
        self.place.engines.topology()
    }

    fn refusal(&self, request: &Request) -> Option<(Reason, Option<String>)> {
        self.place.own_sockets.refusal(request)
    }

    fn with_engine<T>(
        &self,
        network: NetworkId,
        work: impl FnOnce(&mut Engine) -> T,
    ) -> Result<T, Retired> {
        self.place.engines.with_engine(network, work)
    }

    fn renew(&mut self) {
        self.failure = Some(anyhow!("a reload is in progress; try again"));
    }

    fn decide(
        &mut self,
        question: RequestToDecide<'_>,
        _: &mut impl Witness,
    ) -> Result<Ruling<Infallible>, Retired> {
        let RequestToDecide { now, location, request, terms, .. } = question;
        let engines = self.place.engines;
        engines.with_engine(location.network, |engine| {
            let preview = engine.preview(now, location.subnet, request, terms);
            let decision = preview.decision.clone();
            self.preview = Some(preview);
            Ruling::of(decision, engine, engines.topology(), request)
        })
    }
}
