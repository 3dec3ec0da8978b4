//! Explains step by step what would happen to a client now.
//!
//! Is based on a running server ([`answer`]) or on a configuration and its store ([`offline`]).
//! Invariant: an explanation changes nothing: the engine previews, and plugins are called in a
//! rehearsal, with separate instances.

mod facts;
mod origins;
mod plugins;
mod steps;
mod subject;
mod telling;
mod texts;

use std::{net::Ipv4Addr, path::Path, sync::Arc};

use anyhow::Context;
use clap::ValueEnum;
use lessor_config::{Configuration, ServerSettings};
use lessor_core::{NameFault, Outcome, PoolUsage, Reason, Timestamp, Verdict};
use lessor_generation::{Generation, GenerationParts};
use lessor_net::{Host, Links, OwnSockets};
use lessor_policy_host::Runtime;
use lessor_serving::{Heard, Reloader, Shards, clock, leases, stored};
use serde::{Deserialize, Serialize};

pub use self::subject::Subject;

/// The messages that a client can send.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum ClientMessageKind {
    /// The client looks for a server.
    Discover,
    /// The client accepts an offer (with --server-identifier) or verifies the address that it
    /// remembers.
    Request,
    /// The client extends its lease with this server.
    Renew,
    /// The client reports that another host uses its address.
    Decline,
    /// The client releases its address.
    Release,
    /// The client requests parameters only.
    Inform,
    /// The client knows BOOTP only; with --address, it has that address.
    Bootp,
}

/// Octets from the command line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Octets(#[serde(with = "hex")] pub Vec<u8>);

/// What would happen to a client.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Explanation {
    /// The source of the explanation.
    pub by: String,
    /// The clock time of the explanation.
    pub at_ms: Timestamp,
    /// What was not given and is assumed.
    pub assumed: Vec<String>,
    /// The message as it was understood: field and value.
    pub request: Vec<(String, String)>,
    /// Where the client is; `None` if no subnet spans it.
    pub location: Option<LocationStep>,
    /// The names of the classes of the client, in descending precedence.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub classes: Vec<String>,
    /// Those of the classes that the client has only because its reservation names them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reserved_classes: Vec<String>,
    /// The account that a class counts the client on, and its limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class_limit: Option<String>,
    /// The client key, or a description of the client while its network is not known.
    pub client: String,
    /// The client's lease on record.
    pub lease: Option<leases::LeaseRow>,
    /// How full pools are, if a policy reads it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pools: Vec<PoolUsage>,
    /// What was looked up for policies.
    pub lookups: Vec<LookupStep>,
    /// What each plugin did, in order.
    pub plugins: Vec<PluginStep>,
    /// The combined terms of the policies.
    pub terms: Vec<String>,
    /// The reservation of the client or its line.
    pub reservation: Option<String>,
    /// The name of the client.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host_name: Option<HostNameStep>,
    /// The addresses that are considered, in order.
    pub allocation: Vec<AllocationStep>,
    /// How the chosen address would be probed first, if it would be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probe: Option<String>,
    /// The reason in which the exchange would end.
    pub reason: Reason,
    /// The kind of that reason.
    pub outcome: Outcome,
    /// What that reason means.
    pub meaning: String,
    /// Details of the reason, if there are any.
    pub detail: Option<String>,
    /// The reply, if there would be one.
    pub reply: Option<ReplyStep>,
    /// How long each step took.
    pub took: Vec<(String, Microseconds)>,
}

impl Explanation {
    /// Returns whether the client receives an address.
    pub const fn has_address(&self) -> bool {
        matches!(self.outcome, Outcome::Offer | Outcome::Ack)
    }
}

/// Microseconds, with fractions.
pub type Microseconds = f64;

/// Where the client is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct LocationStep {
    /// The name of the network.
    pub network: String,
    /// The prefix of the subnet.
    pub subnet: String,
    /// The VPN of the network, if it is in one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vpn: Option<String>,
    /// The criterion that determined the address space, unless nothing did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vpn_by: Option<String>,
    /// The criterion that found it.
    pub by: String,
    /// The address that the criterion names.
    pub address: Ipv4Addr,
}

/// A lookup of a plugin.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct LookupStep {
    /// The name of the plugin.
    pub plugin: String,
    /// The name of the source.
    pub source: String,
    /// The key.
    pub key: String,
    /// The answer, as text.
    pub answer: String,
}

/// One plugin, at one hook.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct PluginStep {
    /// The name of the plugin.
    pub plugin: String,
    /// The name of the hook.
    pub hook: String,
    /// Why it is not called; `None` if it is.
    pub not_asked: Option<String>,
    /// What it set, as text.
    pub set: Vec<String>,
    /// Its verdict, if that is not to proceed.
    pub verdict: Option<String>,
    /// Its fault, if the call failed.
    pub fault: Option<String>,
    /// How long the call took.
    pub took_us: Option<Microseconds>,
}

/// The name that a client would have, and the names that it would not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct HostNameStep {
    /// The name, with its domain.
    pub name: Option<String>,
    /// What set it.
    pub set_by: Option<String>,
    /// The names that were refused.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub refused: Vec<RefusedNameStep>,
}

/// A name that was refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct RefusedNameStep {
    /// The name of the option that has it.
    pub option: String,
    /// What set the option.
    pub set_by: String,
    /// What is wrong with it.
    pub fault: NameFault,
    /// The fault, as text.
    pub meaning: String,
}

/// An address that is considered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct AllocationStep {
    /// Why it is considered.
    pub why: String,
    /// The address, if it is known.
    pub address: Option<Ipv4Addr>,
    /// The name of its pool.
    pub pool: Option<String>,
    /// Why the client cannot have it; `None` if it can.
    pub obstacle: Option<String>,
}

/// The reply to the client.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct ReplyStep {
    /// The name of the message.
    pub kind: String,
    /// The address that it gives to the client.
    pub your_address: Ipv4Addr,
    /// Where it would be sent.
    pub destination: String,
    /// Its size.
    pub octets: usize,
    /// The fields of its header that say what to boot, as far as they are not empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<FieldStep>,
    /// Its options, in their order.
    pub options: Vec<OptionStep>,
    /// The names of options that do not fit.
    pub left_out: Vec<String>,
}

/// One field of the reply's header.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct FieldStep {
    /// The name of the field.
    pub name: String,
    /// Its value, as text.
    pub value: String,
    /// What set it.
    pub set_by: String,
}

/// One option of the reply.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct OptionStep {
    /// The code of the option.
    pub code: u8,
    /// The name of the option.
    pub name: String,
    /// Its value, as text.
    pub value: String,
    /// What set it.
    pub set_by: String,
}

/// The answer of the server.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ExplainAnswer {
    /// The explanation.
    Explained(Box<Explanation>),
    /// It cannot explain, for this reason.
    Refused(String),
}

/// What an explanation is based on.
struct Basis<'p> {
    generation: &'p Generation,
    engines: &'p Shards,
    server: &'p ServerSettings,
    /// The interfaces of the server's host.
    links: Arc<Links>,
    own_sockets: &'p OwnSockets,
    /// Where lines and clients were last heard, if a server runs.
    heard: Option<&'p Heard>,
    now: Timestamp,
    by: String,
}

/// Says what the generation is, if it is not the one that is configured.
fn instead(generation: &Generation) -> String {
    generation.stand_in.map_or_else(String::new, |stand_in| format!(", {}", stand_in.meaning()))
}

/// Explains what would happen to a client of a running server.
pub fn answer(reloader: &Reloader, subject: &Subject) -> ExplainAnswer {
    reloader.between_reloads(|generation, engines| {
        let place = Basis {
            generation,
            engines,
            server: reloader.settings(),
            links: reloader.links(),
            own_sockets: reloader.own_sockets(),
            heard: Some(reloader.heard()),
            now: clock::now(),
            by: format!(
                "the running server, generation {}{}",
                generation.number,
                instead(generation)
            ),
        };
        place.answer(subject)
    })
}

impl Basis<'_> {
    fn answer(&self, subject: &Subject) -> ExplainAnswer {
        match self.explain(subject) {
            Ok(explanation) => ExplainAnswer::Explained(Box::new(explanation)),
            Err(error) => ExplainAnswer::Refused(format!("{error:#}")),
        }
    }
}

/// Explains from the configuration and the store, because no server answers.
///
/// # Errors
/// If one of them cannot be read; then with `no_answer`, which says why no server answers.
pub fn offline(
    runtime: &Arc<Runtime>,
    config: &Path,
    colour: bool,
    subject: &Subject,
    no_answer: &anyhow::Error,
) -> anyhow::Result<ExplainAnswer> {
    let GenerationParts { configuration, lookups, chain, .. } =
        lessor_generation::read(runtime, config, colour, None)?;
    let (engines, from) = engines_of_store(&configuration, no_answer)?;
    let now = clock::now();
    let generation = Generation {
        number: 1,
        since: now,
        lookups,
        chain,
        rolled_back_from: None,
        stand_in: None,
    };
    let by = format!("no server runs; the configuration and {from}");
    let host = Host::read(0).context("cannot list the addresses of this host")?;
    let server = &configuration.server;
    let own_sockets = &OwnSockets::new(&server.listen, &server.interfaces, &host);
    let place = Basis {
        generation: &generation,
        engines: &engines,
        server,
        links: host.links(),
        own_sockets,
        heard: None,
        now,
        by,
    };
    Ok(place.answer(subject))
}

/// Creates engines with the leases of the store, and returns where the leases are from.
fn engines_of_store(
    configuration: &Configuration,
    no_answer: &anyhow::Error,
) -> anyhow::Result<(Shards, &'static str)> {
    let engines = stored::engines(configuration)
        .with_context(|| format!("{no_answer:#}; and its store cannot be read"))?;
    Ok(match engines {
        Some(engines) => (engines, "the leases of its store"),
        None => {
            let none = Shards::new(configuration.topology.clone(), 0);
            (none, "no leases, because there is no store")
        }
    })
}

/// Describes the verdict of a policy, for people.
pub fn verdict_text(verdict: &Verdict) -> String {
    let with = |what: &str, why: &str| match why {
        "" => what.to_owned(),
        why => format!("{what}: {why}"),
    };
    match verdict {
        Verdict::Proceed => "proceed".to_owned(),
        Verdict::Ignore(why) => with("ignore", why),
        Verdict::Refuse(why) => with("refuse", why),
        Verdict::Drop(why) => with("drop", why),
    }
}
