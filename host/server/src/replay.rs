//! `lessor replay`: shows what a configuration and its policies decide for recorded or captured
//! traffic.
//!
//! Everything is done in memory, without sockets, clock (time comes from the file) or store. Exit
//! codes: 0 no differences, 1 differences, 2 the replay could not run.

mod capture;
mod output;
mod replica;

use std::{
    collections::HashSet,
    fs,
    io::Read,
    net::Ipv4Addr,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
};

use anyhow::{Context, bail};
use clap::ValueEnum;
use lessor_config::{Configuration, PluginSettings};
use lessor_core::{ClientKey, ClientKeyKind, Reason, Request, Timestamp};
use lessor_policy_host::{AnsweredLookup, Runtime};
use lessor_stages::Moment;

use self::{
    capture::Capture,
    output::Output,
    replica::{Replayed, Replica, State},
};
use crate::{
    check, colour_on_stderr,
    generation::{self, Parts},
    recording::{self, Datagram, Decided, Recording, Step},
};

#[derive(Debug, clap::Args)]
pub(crate) struct ReplayArguments {
    /// A recording made by `lessor record`, or a capture made by tcpdump (pcap or pcapng).
    file: PathBuf,
    #[command(flatten)]
    configuration: crate::ConfigurationFile,
    /// Use the policies of this folder instead of those of the configuration.
    #[arg(long, value_name = "DIR")]
    plugins: Option<PathBuf>,
    /// Compare with the decisions of this configuration, instead of with the recording.
    #[arg(long, value_name = "FILE")]
    against: Option<PathBuf>,
    /// Compare with the decisions of the policies of this folder.
    #[arg(long, value_name = "DIR")]
    against_plugins: Option<PathBuf>,
    /// Print one JSON object for each input and one for the summary.
    #[arg(long)]
    json: bool,
    /// The inputs to show.
    #[arg(long, value_enum, default_value_t = Only::All)]
    only: Only,
    /// The largest number of inputs in a table; JSON shows all.
    #[arg(long, default_value_t = 200, value_name = "N")]
    rows: usize,
    /// Accept a truncated recording, and replay it up to its end.
    #[arg(long)]
    incomplete: bool,
    /// The server's address on the captured link, if its replies do not show it.
    #[arg(long, value_name = "ADDRESS")]
    link: Option<Ipv4Addr>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Only {
    /// Every input.
    All,
    /// Inputs that are decided differently.
    Differences,
}

/// One input, its decision, and the decision that it is compared with.
struct Compared {
    number: u64,
    at: Timestamp,
    request: Option<Arc<Request>>,
    replayed: Decided,
    other: Option<Decided>,
}

impl Compared {
    fn differs(&self) -> bool {
        self.other.as_ref().is_some_and(|other| !other.is_alike(&self.replayed))
    }
}

/// The traffic that is replayed.
struct Traffic {
    state: State,
    happenings: Vec<Happening>,
    /// Notes for the reader of the result.
    notes: Vec<String>,
    is_recording: bool,
}

/// An event at a server.
enum Happening {
    Input {
        at: Moment,
        datagram: Datagram,
        lookups: Vec<AnsweredLookup>,
        recorded: Option<Box<Decided>>,
    },
    Reclaim {
        at: Timestamp,
        network: String,
        limit: usize,
    },
    /// Everything that has ended is reclaimed.
    ReclaimAll {
        at: Timestamp,
    },
}

/// Replays the file.
pub(crate) fn run(arguments: &ReplayArguments) -> ExitCode {
    match replay(arguments) {
        Ok(true) => ExitCode::FAILURE,
        Ok(false) => ExitCode::SUCCESS,
        Err(error) if crate::is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            crate::complain(&error);
            ExitCode::from(2)
        }
    }
}

/// Returns whether there are differences.
fn replay(arguments: &ReplayArguments) -> anyhow::Result<bool> {
    let config = &arguments.configuration.config;
    let runtime = check::runtime(config)?;
    let set = read_set(&runtime, config, arguments.plugins.as_deref())?;
    let is_compared = arguments.against.is_some() || arguments.against_plugins.is_some();
    let against = if is_compared {
        let config = arguments.against.as_deref().unwrap_or(config);
        Some(read_set(&runtime, config, arguments.against_plugins.as_deref())?)
    } else {
        None
    };
    let traffic = read_traffic(arguments, &set.configuration)?;
    if !traffic.happenings.iter().any(|happening| matches!(happening, Happening::Input { .. })) {
        bail!(nothing_to_replay(&arguments.file, &traffic));
    }
    let mut replica = Replica::new(&set, &traffic.state)?;
    let mut other = match &against {
        Some(set) => Some(Replica::new(set, &traffic.state)?),
        None => None,
    };
    let has_other = is_compared || traffic.is_recording;
    let names = if is_compared { ("replayed", "against") } else { ("replayed", "recorded") };
    let only_differences = arguments.only == Only::Differences;
    let mut output =
        Output::new(arguments.json, only_differences, arguments.rows, names, has_other);
    for note in &traffic.notes {
        output.note(note)?;
    }
    let mut number = 0;
    for happening in traffic.happenings {
        match happening {
            Happening::Reclaim { at, network, limit } => {
                for replica in [Some(&replica), other.as_ref()].into_iter().flatten() {
                    replica.reclaim(at, &network, limit);
                }
            }
            Happening::ReclaimAll { at } => {
                for replica in [Some(&replica), other.as_ref()].into_iter().flatten() {
                    replica.reclaim_all(at);
                }
            }
            Happening::Input { at, datagram, lookups, recorded } => {
                number += 1;
                let model = recorded.as_deref();
                let Replayed { request, decided } = replica.decide(at, &datagram, &lookups, model);
                let other = match &mut other {
                    Some(other) => {
                        let model = Some(model.unwrap_or(&decided));
                        Some(other.decide(at, &datagram, &lookups, model).decided)
                    }
                    None => recorded.map(|recorded| *recorded),
                };
                let at = at.at.moved_by_ms(at.clock_offset_ms);
                output.input(Compared { number, at, request, replayed: decided, other })?;
            }
        }
    }
    let unanswered = replica.unanswered() + other.as_ref().map_or(0, Replica::unanswered);
    if unanswered > 0 {
        output.note(&format!(
            "{} counted as unavailable: neither recorded nor in a csv or json file, and a replay \
             queries no other source",
            output::counted(unanswered, "lookup")
        ))?;
    }
    output.end()
}

fn nothing_to_replay(file: &Path, traffic: &Traffic) -> String {
    let (notes, advice) = match traffic.is_recording {
        true => (String::new(), "record while clients send requests"),
        false => (
            format!(" ({})", traffic.notes.join("; ")),
            "capture the server's traffic with tcpdump 'udp port 67' while clients send requests",
        ),
    };
    format!("{} has no input that could be replayed{notes}; {advice}", file.display())
}

/// Reads a configuration with its plugins, or with those of another folder.
fn read_set(
    runtime: &Arc<Runtime>,
    config: &Path,
    plugins: Option<&Path>,
) -> anyhow::Result<Parts> {
    let colour = colour_on_stderr();
    Ok(match plugins {
        None => generation::read(runtime, config, colour, None)?,
        Some(directory) => {
            fs::read_dir(directory).with_context(|| {
                format!("cannot read the folder {}; name one with policies", directory.display())
            })?;
            let mut configuration = generation::load_configuration(config, colour)?;
            let settings = configuration.plugins.take();
            let interpreters = settings.and_then(|settings| settings.interpreters);
            let directory = directory.to_owned();
            let settings = PluginSettings { directory, interpreters, cache: None, rollback: None };
            configuration.plugins = Some(settings);
            let (lookups, chain) = generation::build(runtime, &configuration, colour, None)?;
            Parts { configuration, lookups, chain, inputs: None }
        }
    })
}

fn read_traffic(
    arguments: &ReplayArguments,
    configuration: &Configuration,
) -> anyhow::Result<Traffic> {
    let path = &arguments.file;
    let mut magic = [0; 4];
    let is_capture = lessor_files::open(path)
        .and_then(|mut file| file.read_exact(&mut magic))
        .is_ok_and(|()| capture::is_capture(magic));
    if is_capture {
        return Ok(of_capture(capture::read(path)?, arguments.link, configuration));
    }
    Ok(of_recording(recording::read(path, arguments.incomplete)?))
}

fn of_recording(recording: Recording) -> Traffic {
    let Recording { header, mut bindings, offers, no_records, steps, end } = recording;
    let mut notes = Vec::new();
    if !header.with_leases {
        bindings = bindings_at_first_sight(&steps);
        notes.push(
            "recorded without --with-leases: leases of clients that are not in the file are \
             unknown, so pools may have more room than those of the server"
                .to_owned(),
        );
    }
    if let Some(text) = &header.find {
        notes.push(format!("only clients and lines that contain {text:?} were recorded"));
    }
    match end {
        Some(end) if end.lost > 0 => notes.push(format!(
            "the recorder lost {} more than are in the file: expect differences",
            output::counted(end.lost, "input")
        )),
        Some(_) => {}
        None => notes
            .push("the recording is truncated; only the part that is there is replayed".to_owned()),
    }
    let generations: HashSet<u64> = steps.iter().filter_map(generation_of).collect();
    if generations.len() > 1 {
        notes.push("the configuration was reloaded during the recording".to_owned());
    }
    let spoken_for = steps.iter().filter_map(from_pool).collect();
    let happenings = steps.into_iter().map(|step| match step {
        Step::Input(input) => Happening::Input {
            at: Moment { at: input.at_ms, clock_offset_ms: input.clock_offset_ms },
            datagram: input.datagram,
            lookups: input.lookups,
            recorded: Some(Box::new(input.decision)),
        },
        Step::Reclaim(found) => {
            Happening::Reclaim { at: found.at_ms, network: found.network, limit: found.limit }
        }
    });
    let spoken_for = Arc::new(spoken_for);
    let state = State { now: header.began_at_ms, bindings, offers, no_records, spoken_for };
    Traffic { state, happenings: happenings.collect(), notes, is_recording: true }
}

const fn generation_of(step: &Step) -> Option<u64> {
    match step {
        Step::Input(input) => Some(input.generation),
        Step::Reclaim(_) => None,
    }
}

/// Returns whether the reason may be that of a free address which the engine chose.
const fn is_from_pool(reason: Reason) -> bool {
    matches!(reason, Reason::OfferedFromPool | Reason::OfferedInsteadOfReserved)
}

/// Returns the free address that a client was given.
fn from_pool(step: &Step) -> Option<Ipv4Addr> {
    let Step::Input(input) = step else { return None };
    input.decision.address.filter(|_| is_from_pool(input.decision.reason))
}

/// Returns the bindings of clients at their first appearance in the recording.
fn bindings_at_first_sight(steps: &[Step]) -> Vec<lessor_core::Binding> {
    let mut seen: HashSet<(Option<&str>, Option<ClientKey>)> = HashSet::new();
    let mut bindings = Vec::new();
    for step in steps {
        let Step::Input(input) = step else { continue };
        let input: &recording::Input = input;
        let Datagram { arrival, payload, .. } = &input.datagram;
        let Ok(request) = lessor_wire::parse(payload.as_slice(), arrival.clone()) else { continue };
        let client = ClientKeyKind::default().key_of(&request, None);
        let is_new = seen.insert((input.decision.network.as_deref(), client));
        if let Some(binding) = input.binding.as_ref().filter(|_| is_new) {
            bindings.push(binding.clone());
        }
    }
    bindings
}

fn of_capture(
    mut capture: Capture,
    link: Option<Ipv4Addr>,
    configuration: &Configuration,
) -> Traffic {
    let mut notes = vec![format!(
        "a capture: {} to a server, {}, {} truncated; the server is assumed to have had no leases",
        output::counted(capture.datagrams.len() as u64, "datagram"),
        output::counted(capture.passed_over, "other frame"),
        output::counted(capture.cut, "frame")
    )];
    if capture.broadcasts() > 0 {
        match link.or(capture.server_address()).or_else(|| only_link(configuration)) {
            Some(address) => {
                capture.arrive_on_link(address);
                notes.push(format!(
                    "{} broadcast on the link; the server's address there is assumed to be \
                     {address}",
                    output::counted(capture.broadcasts() as u64, "datagram")
                ));
            }
            None => notes.push(format!(
                "{} broadcast on a link, and the server's address there is unknown; give it with \
                 --link",
                output::counted(capture.broadcasts() as u64, "datagram")
            )),
        }
    }
    let now = capture.datagrams.first().map(|(at, _)| *at).unwrap_or_default();
    let mut happenings = Vec::new();
    for (at, datagram) in capture.datagrams {
        happenings.push(Happening::ReclaimAll { at });
        let at = Moment { at, clock_offset_ms: 0 };
        happenings.push(Happening::Input { at, datagram, lookups: Vec::new(), recorded: None });
    }
    Traffic { state: State { now, ..State::default() }, happenings, notes, is_recording: false }
}

/// Returns an address on the only subnet, if there is only one.
fn only_link(configuration: &Configuration) -> Option<Ipv4Addr> {
    let networks = configuration.topology.networks();
    let mut subnets = networks.iter().flat_map(|network| &network.subnets);
    let only = subnets.next().filter(|_| subnets.next().is_none())?;
    only.prefix.hosts().next()
}
