//! `lessor explain`: explains step by step what would happen to a client now.
//!
//! Asks the running server; if none runs, does the same from the configuration and the store.
//! Invariant: an explanation changes nothing: the engine previews, and plugins are called in a
//! rehearsal, with separate instances.

mod facts;
mod origins;
mod plugins;
mod print;
mod steps;
mod subject;
mod telling;
mod texts;

use std::{
    io::{self, IsTerminal},
    net::Ipv4Addr,
    path::Path,
    process::ExitCode,
    sync::PoisonError,
};

use anyhow::{Context, bail};
use clap::ValueEnum;
use lessor_config::{Configuration, ServerSettings};
use lessor_core::{
    HardwareAddress, Outcome, OwnAddresses, Reason, Timestamp, Verdict, option::recognise,
};
use lessor_net::{Host, OwnSockets};
use serde::{Deserialize, Serialize};

use crate::{
    check, clock, colour_on_stderr,
    control::{
        client,
        protocol::{Question, json_line},
    },
    generation::{self, Generation, Parts},
    heard::Heard,
    holds::Holds,
    leases,
    reload::Reloader,
    shards::Shards,
    stored,
};

pub(crate) use self::subject::Subject;

#[derive(Debug, clap::Args)]
pub(crate) struct ExplainArguments {
    #[command(flatten)]
    file: crate::ConfigurationFile,
    /// The message that the client sends.
    #[arg(long, value_enum, default_value_t = Kind::Discover)]
    kind: Kind,
    /// The client's hardware address.
    #[arg(long, value_name = "ADDRESS")]
    hardware_address: Option<HardwareAddress>,
    /// The client identifier (option 61), as text or as hex: followed by octets.
    #[arg(long, value_name = "OCTETS", value_parser = octets)]
    client_id: Option<Octets>,
    /// The circuit id of the client's line.
    #[arg(long, value_name = "OCTETS", value_parser = octets)]
    circuit_id: Option<Octets>,
    /// The remote id of the client's line.
    #[arg(long, value_name = "OCTETS", value_parser = octets)]
    remote_id: Option<Octets>,
    /// The relay that forwards the message.
    #[arg(long, value_name = "ADDRESS", conflicts_with = "link")]
    relay_address: Option<Ipv4Addr>,
    /// The server's address on the link that the client is on.
    #[arg(long, value_name = "ADDRESS")]
    link: Option<Ipv4Addr>,
    /// The link that the relay selects (option 82, sub-option 5).
    #[arg(long, value_name = "ADDRESS", conflicts_with = "link")]
    link_selection: Option<Ipv4Addr>,
    /// The subnet that the client selects (option 118).
    #[arg(long, value_name = "ADDRESS")]
    subnet_selection: Option<Ipv4Addr>,
    /// The client can receive broadcasts only: it sets the BROADCAST flag.
    #[arg(long)]
    broadcast: bool,
    /// The address that the client requests, uses, declines or releases; by default that of its
    /// lease on record.
    #[arg(long, value_name = "ADDRESS")]
    address: Option<Ipv4Addr>,
    /// The server whose offer the client accepts (option 54).
    #[arg(long, value_name = "ADDRESS")]
    server_identifier: Option<Ipv4Addr>,
    /// The vendor class (option 60).
    #[arg(long, value_name = "OCTETS", value_parser = octets)]
    vendor_class: Option<Octets>,
    /// Another option of the message, by code or name: 77=iptv, user-class=hex:0469707476.
    #[arg(long = "option", value_name = "OPTION=OCTETS", value_parser = option)]
    options: Vec<(u8, Octets)>,
    /// The options that the client requests, by code; by default all that are configured.
    #[arg(long, value_name = "CODES", value_delimiter = ',')]
    parameters: Vec<u8>,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

/// The messages that a client can send.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Kind {
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
}

/// Octets from the command line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Octets(#[serde(with = "hex")] Vec<u8>);

/// What would happen to a client.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Explanation {
    /// The source of the explanation.
    pub(crate) by: String,
    /// The clock time of the explanation.
    pub(crate) at_ms: Timestamp,
    /// What was not given and is assumed.
    pub(crate) assumed: Vec<String>,
    /// The message as it was understood: field and value.
    pub(crate) request: Vec<(String, String)>,
    pub(crate) location: Option<LocationStep>,
    pub(crate) client: String,
    /// The client's lease on record.
    pub(crate) lease: Option<leases::Row>,
    pub(crate) lookups: Vec<LookupStep>,
    pub(crate) plugins: Vec<PluginStep>,
    /// The combined terms of the policies.
    pub(crate) terms: Vec<String>,
    pub(crate) reservation: Option<String>,
    pub(crate) allocation: Vec<AllocationStep>,
    pub(crate) reason: Reason,
    pub(crate) outcome: Outcome,
    pub(crate) meaning: String,
    pub(crate) detail: Option<String>,
    pub(crate) reply: Option<ReplyStep>,
    /// How long each step took.
    pub(crate) took: Vec<(String, Microseconds)>,
}

impl Explanation {
    /// Returns whether the client receives an address.
    const fn has_address(&self) -> bool {
        matches!(self.outcome, Outcome::Offer | Outcome::Ack)
    }
}

/// Microseconds, with fractions.
pub(crate) type Microseconds = f64;

/// Where the client is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct LocationStep {
    pub(crate) network: String,
    pub(crate) subnet: String,
    /// The criterion, and the address that it names.
    pub(crate) by: String,
    pub(crate) address: Ipv4Addr,
}

/// A lookup of a plugin.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct LookupStep {
    pub(crate) plugin: String,
    pub(crate) source: String,
    pub(crate) key: String,
    pub(crate) answer: String,
}

/// One plugin, at one hook.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct PluginStep {
    pub(crate) plugin: String,
    pub(crate) hook: String,
    /// Why it is not called; `None` if it is.
    pub(crate) not_asked: Option<String>,
    pub(crate) set: Vec<String>,
    /// Its verdict, if that is not to proceed.
    pub(crate) verdict: Option<String>,
    pub(crate) fault: Option<String>,
    pub(crate) took_us: Option<Microseconds>,
}

/// An address that is considered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct AllocationStep {
    pub(crate) why: String,
    pub(crate) address: Option<Ipv4Addr>,
    pub(crate) pool: Option<String>,
    /// Why the client cannot have it; `None` if it can.
    pub(crate) obstacle: Option<String>,
}

/// The reply to the client.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct ReplyStep {
    pub(crate) kind: String,
    pub(crate) your_address: Ipv4Addr,
    pub(crate) destination: String,
    pub(crate) octets: usize,
    /// The fields of the header that say what to boot, as far as they are not empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) fields: Vec<FieldStep>,
    /// In the order of the reply.
    pub(crate) options: Vec<OptionStep>,
    /// The names of options that do not fit.
    pub(crate) left_out: Vec<String>,
}

/// One field of the reply's header.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct FieldStep {
    pub(crate) name: String,
    pub(crate) value: String,
    pub(crate) set_by: String,
}

/// One option of the reply.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct OptionStep {
    pub(crate) code: u8,
    pub(crate) name: String,
    pub(crate) value: String,
    pub(crate) set_by: String,
}

/// The answer of the server.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Answer {
    Explained(Box<Explanation>),
    /// It cannot explain, for this reason.
    Refused(String),
}

/// What an explanation is based on.
pub(crate) struct Place<'p> {
    generation: &'p Generation,
    engines: &'p Shards,
    server: &'p ServerSettings,
    /// The addresses of the server's host, if they are known.
    own_addresses: OwnAddresses,
    own_sockets: &'p OwnSockets,
    /// Where lines and clients were last heard, if a server runs.
    heard: Option<&'p Heard>,
    now: Timestamp,
    by: String,
}

/// Gets the explanation and prints it.
pub(crate) fn run(arguments: &ExplainArguments) -> anyhow::Result<ExitCode> {
    let subject = arguments.subject();
    let asked = client::ask_one(&arguments.file.config, Question::Explain(subject.clone()));
    let answer = match asked {
        Ok(answer) => answer,
        Err(no_answer) if client::is_forbidden(&no_answer) => return Err(no_answer),
        Err(no_answer) => offline(arguments, &subject, &no_answer)?,
    };
    let explanation = match answer {
        Answer::Explained(explanation) => explanation,
        Answer::Refused(why) => bail!("{why}"),
    };
    if arguments.json {
        println!("{}", serde_json::to_string(&explanation)?);
    } else {
        let colour = io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
        print::print(&explanation, colour)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Answers the question in the server, in one line.
pub(crate) fn answer(reloader: &Reloader, subject: &Subject) -> Vec<u8> {
    // The lock prevents a reload, which would replace the engines that are read.
    let _serving = reloader.serving.lock().unwrap_or_else(PoisonError::into_inner);
    let shared = &reloader.shared;
    let (generation, engines) = (shared.generation.load_full(), shared.engines.load_full());
    let place = Place {
        generation: &generation,
        engines: &engines,
        server: &reloader.started_with.server,
        own_addresses: reloader.host.links().own_addresses().clone(),
        own_sockets: &shared.own_sockets,
        heard: Some(&shared.heard),
        now: clock::now(),
        by: format!("the running server, generation {}", generation.number),
    };
    json_line(&place.answer(subject))
}

impl Place<'_> {
    fn answer(&self, subject: &Subject) -> Answer {
        match self.explain(subject) {
            Ok(explanation) => Answer::Explained(Box::new(explanation)),
            Err(error) => Answer::Refused(format!("{error:#}")),
        }
    }
}

/// Explains from the configuration and the store.
fn offline(
    arguments: &ExplainArguments,
    subject: &Subject,
    no_answer: &anyhow::Error,
) -> anyhow::Result<Answer> {
    let config = &arguments.file.config;
    let runtime = check::runtime(config)?;
    let Parts { configuration, lookups, chain, .. } =
        generation::read(&runtime, config, colour_on_stderr(), None)?;
    let (engines, from) = shards_of_store(&configuration, no_answer)?;
    let now = clock::now();
    let generation = Generation { number: 1, since: now, lookups, chain, rolled_back_from: None };
    let by = format!("no server runs; the configuration and {from}");
    let host = Host::read(0).context("cannot list the addresses of this host")?;
    let own_addresses = host.links().own_addresses().clone();
    let server = &configuration.server;
    let own_sockets = &OwnSockets::new(&server.listen, &server.interfaces, &host);
    let place = Place {
        generation: &generation,
        engines: &engines,
        server,
        own_addresses,
        own_sockets,
        heard: None,
        now,
        by,
    };
    Ok(place.answer(subject))
}

/// Creates engines with the leases of the store, and returns where the leases are from.
fn shards_of_store(
    configuration: &Configuration,
    no_answer: &anyhow::Error,
) -> anyhow::Result<(Shards, &'static str)> {
    let mut shards = Shards::new(configuration.topology.clone(), 0);
    let backend = &configuration.store.backend;
    if !backend.folder().is_some_and(Path::exists) {
        return Ok((shards, "no leases, because there is no store"));
    }
    let now = stored::at_rest(backend, |lease, now| shards.restore(now, lease))
        .with_context(|| format!("{no_answer:#}; and its store cannot be read"))?;
    Holds::new(configuration).recall(now, &shards);
    Ok((shards, "the leases of its store"))
}

impl ExplainArguments {
    fn subject(&self) -> Subject {
        let mut options = self.options.clone();
        if let Some(class) = &self.vendor_class {
            options.push((lessor_core::option::code::VENDOR_CLASS, class.clone()));
        }
        Subject {
            kind: self.kind,
            hardware_address: self.hardware_address,
            client_identifier: self.client_id.clone(),
            circuit_id: self.circuit_id.clone(),
            remote_id: self.remote_id.clone(),
            relay_address: self.relay_address,
            link: self.link,
            link_selection: self.link_selection,
            subnet_selection: self.subnet_selection,
            is_broadcast: self.broadcast,
            address: self.address,
            server_identifier: self.server_identifier,
            options,
            parameters: self.parameters.clone(),
        }
    }
}

/// Describes the verdict of a policy, for people.
pub(crate) fn verdict_text(verdict: &Verdict) -> String {
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

/// Parses text, or `hex:` and octets, as in the configuration.
fn octets(text: &str) -> Result<Octets, String> {
    let octets = match text.strip_prefix("hex:") {
        None => text.as_bytes().to_vec(),
        Some(digits) => hex::decode(digits).map_err(|error| {
            format!("{error}; wanted text, or hex: and pairs of hexadecimal digits")
        })?,
    };
    Ok(Octets(octets))
}

fn option(text: &str) -> Result<(u8, Octets), String> {
    let wanted = "wanted a code or name, =, and text or hex: and octets, such as 77=iptv";
    let (option, value) = text.split_once('=').ok_or(wanted)?;
    let (code, _) = recognise(option).map_err(|unrecognised| unrecognised.to_string())?;
    Ok((code, octets(value)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_named_by_code_or_name_and_given_as_text_or_octets() {
        assert_eq!(option("77=iptv"), Ok((77, Octets(b"iptv".to_vec()))));
        assert_eq!(option("host-name=hex:00ff"), Ok((12, Octets(vec![0, 255]))));
        for wrong in ["77", "300=1", "77=hex:0"] {
            assert!(option(wrong).unwrap_err().contains("wanted"), "{wrong}");
        }
        let unknown = option("dns=1").unwrap_err();
        assert_eq!(unknown, "no option is named `dns`; did you mean `domain-name-servers`?");
    }
}
