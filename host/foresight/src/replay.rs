//! Replays recorded or captured traffic against a configuration and its policies.
//!
//! Everything is done in memory, without sockets, clock (time comes from the file) or store. Does
//! not print. Invariant: the same file, configuration and policies give the same decisions.

mod capture;

use std::{
    collections::HashSet,
    io::{self, Read},
    net::Ipv4Addr,
    path::Path,
    sync::Arc,
};

use anyhow::bail;
use lessor_config::Configuration;
use lessor_core::{ClientKey, ClientKeyKind, PoolUsage, ProbeResult, Reason, Request, Timestamp};
use lessor_generation::GenerationParts;
use lessor_policy_host::AnsweredLookup;
use lessor_recording::{ByHand, Datagram, Drained, RecordedDecision, RecordedEvent, Recording};
use lessor_serving::replica::{InitialState, Replayed, Replica};
use lessor_stages::Moment;

use self::capture::Capture;

/// The file that is replayed.
#[derive(Clone, Copy, Debug)]
pub struct ReplaySource<'s> {
    /// A recording made by `lessor record`, or a capture (pcap or pcapng).
    pub file: &'s Path,
    /// Whether a truncated recording is accepted, and replayed up to its end.
    pub incomplete: bool,
    /// The server's address on the captured link, if its replies do not show it.
    pub link: Option<Ipv4Addr>,
}

/// One input, its decision, and the decision that it is compared with.
pub struct Compared {
    /// The number of the input, from 1.
    pub number: u64,
    /// When it was decided, in clock time.
    pub at: Timestamp,
    /// The request; `None` if it could not be parsed.
    pub request: Option<Arc<Request>>,
    /// What is decided now.
    pub replayed: RecordedDecision,
    /// What that is compared with, if there is anything.
    pub other: Option<RecordedDecision>,
}

/// A replay that is ready to run.
pub struct Replay {
    traffic: Traffic,
    replica: Replica,
    /// Decides the same traffic, for comparison.
    other: Option<Replica>,
}

impl Compared {
    /// Returns whether a client would notice the difference.
    pub fn differs(&self) -> bool {
        self.other.as_ref().is_some_and(|other| !other.is_alike(&self.replayed))
    }
}

/// The traffic that is replayed.
struct Traffic {
    state: InitialState,
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
        pools: Vec<PoolUsage>,
        lookups: Vec<AnsweredLookup>,
        recorded: Option<Box<RecordedDecision>>,
    },
    Probed {
        at: Timestamp,
        network: String,
        address: Ipv4Addr,
        result: ProbeResult,
    },
    Reclaim {
        at: Timestamp,
        network: String,
        limit: usize,
    },
    /// An operator changed a lease.
    ByHand(ByHand),
    /// An operator drained or opened a pool.
    Drained(Drained),
    /// Everything that has ended is reclaimed.
    ReclaimAll {
        at: Timestamp,
    },
}

impl Replay {
    /// Reads the traffic, and makes a replica of a server with each set of configuration and
    /// policies. The traffic is decided by `set`, and by `against` for comparison.
    ///
    /// # Errors
    /// If the file cannot be read or has no input, or a plugin cannot be instantiated.
    pub fn prepare(
        source: &ReplaySource<'_>,
        set: &GenerationParts,
        against: Option<&GenerationParts>,
    ) -> anyhow::Result<Self> {
        let traffic = read_traffic(source, &set.configuration)?;
        let is_input = |happening: &Happening| matches!(happening, Happening::Input { .. });
        if !traffic.happenings.iter().any(is_input) {
            bail!(nothing_to_replay(source.file, &traffic));
        }
        let replica = Replica::new(set, &traffic.state)?;
        let other = match against {
            Some(set) => Some(Replica::new(set, &traffic.state)?),
            None => None,
        };
        Ok(Self { traffic, replica, other })
    }

    /// Returns notes for the reader of the result.
    pub fn notes(&self) -> &[String] {
        &self.traffic.notes
    }

    /// Returns whether the file is a recording, which says what was decided.
    pub const fn is_recording(&self) -> bool {
        self.traffic.is_recording
    }

    /// Decides every input, and passes it to `each`. Returns how many lookups counted as
    /// unavailable, because they were neither recorded nor in a file.
    ///
    /// # Errors
    /// Those of `each`.
    pub fn run(self, mut each: impl FnMut(Compared) -> io::Result<()>) -> io::Result<u64> {
        let Self { traffic, mut replica, mut other } = self;
        let mut number = 0;
        for happening in traffic.happenings {
            match happening {
                Happening::Probed { at, network, address, result } => {
                    for replica in [Some(&replica), other.as_ref()].into_iter().flatten() {
                        replica.probed(at, &network, address, result);
                    }
                }
                Happening::Reclaim { at, network, limit } => {
                    for replica in [Some(&replica), other.as_ref()].into_iter().flatten() {
                        replica.reclaim(at, &network, limit);
                    }
                }
                Happening::ByHand(ByHand { at_ms, network, change, .. }) => {
                    for replica in [Some(&replica), other.as_ref()].into_iter().flatten() {
                        replica.change_by_hand(at_ms, &network, &change);
                    }
                }
                Happening::Drained(Drained { network, pools, .. }) => {
                    for replica in [Some(&replica), other.as_ref()].into_iter().flatten() {
                        replica.drain(&network, &pools);
                    }
                }
                Happening::ReclaimAll { at } => {
                    for replica in [Some(&replica), other.as_ref()].into_iter().flatten() {
                        replica.reclaim_all(at);
                    }
                }
                Happening::Input { at, datagram, pools, lookups, recorded } => {
                    number += 1;
                    let model = recorded.as_deref();
                    let Replayed { request, decided } =
                        replica.decide(at, &datagram, &pools, &lookups, model);
                    let other = match &mut other {
                        Some(other) => {
                            let model = Some(model.unwrap_or(&decided));
                            Some(other.decide(at, &datagram, &pools, &lookups, model).decided)
                        }
                        None => recorded.map(|recorded| *recorded),
                    };
                    let at = at.at.moved_by_ms(at.clock_offset_ms);
                    each(Compared { number, at, request, replayed: decided, other })?;
                }
            }
        }
        Ok(replica.unanswered() + other.as_ref().map_or(0, Replica::unanswered))
    }
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

fn read_traffic(
    source: &ReplaySource<'_>,
    configuration: &Configuration,
) -> anyhow::Result<Traffic> {
    let path = source.file;
    let mut magic = [0; 4];
    let is_capture = lessor_files::open(path)
        .and_then(|mut file| file.read_exact(&mut magic))
        .is_ok_and(|()| capture::is_capture(magic));
    if is_capture {
        return Ok(of_capture(capture::read(path)?, source.link, configuration));
    }
    Ok(of_recording(lessor_recording::read(path, source.incomplete)?))
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
            counted(end.lost, "input")
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
        RecordedEvent::Input(input) => Happening::Input {
            at: Moment { at: input.at_ms, clock_offset_ms: input.clock_offset_ms },
            datagram: input.datagram,
            pools: input.pools,
            lookups: input.lookups,
            recorded: Some(Box::new(input.decision)),
        },
        RecordedEvent::Probed(found) => Happening::Probed {
            at: found.at_ms,
            network: found.network,
            address: found.address,
            result: found.result,
        },
        RecordedEvent::Reclaim(found) => {
            Happening::Reclaim { at: found.at_ms, network: found.network, limit: found.limit }
        }
        RecordedEvent::ByHand(found) => Happening::ByHand(found),
        RecordedEvent::Drained(found) => Happening::Drained(found),
    });
    let spoken_for = Arc::new(spoken_for);
    let state = InitialState { now: header.began_at_ms, bindings, offers, no_records, spoken_for };
    Traffic { state, happenings: happenings.collect(), notes, is_recording: true }
}

const fn generation_of(step: &RecordedEvent) -> Option<u64> {
    match step {
        RecordedEvent::Input(input) => Some(input.generation),
        RecordedEvent::Probed(_)
        | RecordedEvent::Reclaim(_)
        | RecordedEvent::ByHand(_)
        | RecordedEvent::Drained(_) => None,
    }
}

/// Returns whether the reason may be that of a free address which the engine chose.
const fn is_from_pool(reason: Reason) -> bool {
    matches!(reason, Reason::OfferedFromPool | Reason::OfferedInsteadOfReserved)
}

/// Returns the free address that a client was given.
fn from_pool(step: &RecordedEvent) -> Option<Ipv4Addr> {
    let RecordedEvent::Input(input) = step else { return None };
    input.decision.address.filter(|_| is_from_pool(input.decision.reason))
}

/// Returns the bindings of clients at their first appearance in the recording.
fn bindings_at_first_sight(steps: &[RecordedEvent]) -> Vec<lessor_core::Binding> {
    let mut seen: HashSet<(Option<&str>, Option<ClientKey>)> = HashSet::new();
    let mut bindings = Vec::new();
    for step in steps {
        let RecordedEvent::Input(input) = step else { continue };
        let input: &lessor_recording::RecordedInput = input;
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
        counted(capture.datagrams.len() as u64, "datagram"),
        counted(capture.passed_over, "other frame"),
        counted(capture.cut, "frame")
    )];
    if capture.broadcasts() > 0 {
        match link.or(capture.server_address()).or_else(|| only_link(configuration)) {
            Some(address) => {
                capture.arrive_on_link(address);
                notes.push(format!(
                    "{} broadcast on the link; the server's address there is assumed to be \
                     {address}",
                    counted(capture.broadcasts() as u64, "datagram")
                ));
            }
            None => notes.push(format!(
                "{} broadcast on a link, and the server's address there is unknown; give it with \
                 --link",
                counted(capture.broadcasts() as u64, "datagram")
            )),
        }
    }
    let now = capture.datagrams.first().map(|(at, _)| *at).unwrap_or_default();
    let mut happenings = Vec::new();
    for (at, datagram) in capture.datagrams {
        happenings.push(Happening::ReclaimAll { at });
        let at = Moment { at, clock_offset_ms: 0 };
        happenings.push(Happening::Input {
            at,
            datagram,
            pools: Vec::new(),
            lookups: Vec::new(),
            recorded: None,
        });
    }
    Traffic {
        state: InitialState { now, ..InitialState::default() },
        happenings,
        notes,
        is_recording: false,
    }
}

/// Returns an address on the only subnet, if there is only one.
fn only_link(configuration: &Configuration) -> Option<Ipv4Addr> {
    let networks = configuration.topology.networks();
    let mut subnets = networks.iter().flat_map(|network| &network.subnets);
    let only = subnets.next().filter(|_| subnets.next().is_none())?;
    only.prefix.hosts().next()
}

fn counted(count: u64, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}
