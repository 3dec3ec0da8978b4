//! A recording that runs: collects what workers leave, and sends it in order.
//!
//! Does not write the file, which belongs to the command (`lessor record`); lines are sent over the
//! control socket.

use std::{
    cmp::Reverse,
    collections::BinaryHeap,
    sync::{
        Arc, PoisonError, TryLockError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use crossbeam_channel::{Receiver, RecvTimeoutError};
use lessor_control::json_line;
use lessor_core::{BindingCopies, ClientKeyKind, Engine, Request, Timestamp, readable};
use lessor_recording::{
    Drained, EndReason, NoRecords, PluginDigest, RecordedInput, RecordingEnd, RecordingHeader,
    RecordingLine, VERSION,
};
use serde_json::json;
use sha2::{Digest, Sha256};

use super::{RECORDING_SECS_MAX, RecordRequest, Recorder, Session};
use crate::{clock, reload::Reloader, shared::Shared};

/// The number of lines that may wait to be written.
const WAITING_LINES_MAX: usize = 65_536;
/// How long a line waits for lines that were decided before it and take longer to finish.
const IN_ORDER_WITHIN: Duration = Duration::from_millis(500);
/// The interval at which the command is informed of the progress.
const PROGRESS_EVERY: Duration = Duration::from_millis(250);

/// Records as requested, and passes every line of the recording to `say`, with the progress in
/// between. Returns whether `say` accepted everything.
pub fn record(
    reloader: &Reloader,
    asked: &RecordRequest,
    say: &mut dyn FnMut(Vec<u8>) -> bool,
) -> bool {
    let recorder = &reloader.shared.recorder;
    let _taken = match recorder.taken.try_lock() {
        Ok(taken) => taken,
        Err(TryLockError::Poisoned(taken)) => taken.into_inner(),
        Err(TryLockError::WouldBlock) => {
            let refusal = "another recording is in progress; wait for its end, or stop it";
            return say(json_line(&json!({ "refused": refusal })));
        }
    };
    let (queue, lines) = crossbeam_channel::bounded(WAITING_LINES_MAX);
    let session = Arc::new(Session { queue, lost: AtomicU64::new(0) });
    recorder.session.store(Some(Arc::clone(&session)));
    let _ended = SwitchOff(recorder);
    let began = begin(reloader, asked);
    let mut writer = Writer {
        say,
        asked,
        lines,
        session,
        waiting: BinaryHeap::new(),
        inputs: 0,
        octets: 0,
        is_heard: true,
    };
    for line in &began {
        writer.write(line);
    }
    let why = writer.follow();
    recorder.stop();
    if writer.is_heard {
        // What is decided but not finished comes before what was recorded already.
        writer.collect(IN_ORDER_WITHIN);
    }
    recorder.session.store(None);
    writer.write_waiting(|_| true);
    let (inputs, lost) = (writer.inputs, writer.lost());
    writer.write(&RecordingLine::End(RecordingEnd { why, inputs, lost }));
    writer.is_heard
}

/// Stops recording when it is dropped, so that workers do no work for a recording that has ended in
/// any way.
struct SwitchOff<'r>(&'r Recorder);

impl Drop for SwitchOff<'_> {
    fn drop(&mut self) {
        self.0.stop();
        self.0.session.store(None);
    }
}

/// Starts recording, and returns the first lines of the recording.
fn begin(reloader: &Reloader, asked: &RecordRequest) -> Vec<RecordingLine> {
    // The lock prevents a reload, which would replace the engines that are read.
    let _serving = reloader.serving.lock().unwrap_or_else(PoisonError::into_inner);
    let shared = &reloader.shared;
    let (generation, engines) = (shared.generation.load_full(), shared.engines.load_full());
    let plugins = generation.chain.plugins();
    let mut lines = vec![RecordingLine::Recording(RecordingHeader {
        version: VERSION,
        server: env!("CARGO_PKG_VERSION").to_owned(),
        began_at_ms: clock::now(),
        generation: generation.number,
        configuration_digest: lessor_files::read(
            &reloader.path,
            lessor_config::FILE_OCTETS_MAX as u64,
        )
        .ok()
        .map(|octets| hex::encode(Sha256::digest(octets))),
        plugins: plugins
            .map(|plugin| PluginDigest { name: plugin.name.clone(), digest: plugin.digest.clone() })
            .collect(),
        with_leases: asked.with_leases,
        find: asked.find.clone(),
    })];
    engines.for_each(|engine| {
        let network = engine.network().name.to_string();
        let pools: Vec<String> = engine.drained().map(ToString::to_string).collect();
        if !pools.is_empty() {
            lines.push(RecordingLine::Drained(Drained {
                sequence: 0,
                network: network.clone(),
                pools,
            }));
        }
        let since_ms = engine.no_records_since();
        lines.extend(
            since_ms.map(|since_ms| RecordingLine::NoRecords(NoRecords { network, since_ms })),
        );
    });
    let switch_on = || shared.recorder.sequence.is_on.store(true, Ordering::Relaxed);
    if !asked.with_leases {
        switch_on();
        return lines;
    }
    // All locks are held, so the inputs that follow were decided after these bindings.
    let (bindings, offers) = engines.with_all(|engines| {
        let now = clock::now();
        let (mut bindings, mut offers): (Vec<BindingCopies>, Vec<_>) = (Vec::new(), Vec::new());
        for engine in engines {
            take_back_all(shared, now, engine);
            // Changes in flight are not recorded; in a replay, storage answers at once.
            bindings.push(engine.copies_if_made());
            offers.extend(engine.offers());
        }
        switch_on();
        (bindings, offers)
    });
    lines.extend(bindings.iter().flat_map(BindingCopies::bindings).map(RecordingLine::Binding));
    lines.extend(offers.into_iter().map(RecordingLine::Offer));
    lines
}

/// Reclaims everything that has ended: a replay does so when it restores the bindings.
fn take_back_all(shared: &Shared, now: Timestamp, engine: &mut Engine) {
    while engine.next_deadline().is_some_and(|deadline| deadline <= now) {
        let expired = engine.reclaim(now, WAITING_LINES_MAX);
        shared.observer.expired(engine.network(), expired);
    }
}

/// Writes lines in the order of their sequence, as far as they arrive in time.
struct Writer<'s> {
    say: &'s mut dyn FnMut(Vec<u8>) -> bool,
    asked: &'s RecordRequest,
    lines: Receiver<RecordingLine>,
    session: Arc<Session>,
    waiting: BinaryHeap<Reverse<Waiting>>,
    inputs: u64,
    octets: u64,
    /// Whether the command still reads.
    is_heard: bool,
}

struct Waiting {
    sequence: u64,
    since: Instant,
    line: RecordingLine,
}

impl Writer<'_> {
    /// Records until one of the limits is reached.
    fn follow(&mut self) -> EndReason {
        let began = Instant::now();
        let ends = began + Duration::from_secs(self.asked.secs_max.min(RECORDING_SECS_MAX));
        let mut said = began;
        loop {
            let now = Instant::now();
            if now >= ends {
                return EndReason::Time;
            }
            self.collect((ends - now).min(PROGRESS_EVERY));
            self.write_waiting(|waiting| waiting.since.elapsed() >= IN_ORDER_WITHIN);
            if said.elapsed() >= PROGRESS_EVERY {
                said = Instant::now();
                let progress =
                    json!({ "inputs": self.inputs, "octets": self.octets, "lost": self.lost() });
                self.say(json_line(&json!({ "progress": progress })));
            }
            if !self.is_heard {
                return EndReason::Stopped;
            }
            let waiting = self.waiting.iter().filter(|Reverse(found)| found.is_input()).count();
            if self.inputs + waiting as u64 >= self.asked.count_max {
                return EndReason::Count;
            }
            if self.octets >= self.asked.octets_max {
                return EndReason::Size;
            }
        }
    }

    /// Collects the lines that arrive within `patience`, or until there are as many inputs as
    /// requested.
    fn collect(&mut self, patience: Duration) {
        let until = Instant::now() + patience;
        loop {
            match self.lines.recv_deadline(until) {
                Ok(line) => {
                    if self.is_wanted(&line) {
                        let since = Instant::now();
                        let sequence = sequence_of(&line);
                        self.waiting.push(Reverse(Waiting { sequence, since, line }));
                    }
                    if self.waiting.len() >= WAITING_LINES_MAX {
                        return;
                    }
                }
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    fn is_wanted(&self, line: &RecordingLine) -> bool {
        match (line, &self.asked.find) {
            (RecordingLine::Input(input), Some(text)) => is_about(input, text),
            _ => true,
        }
    }

    /// Writes the waiting lines for which `is_due` returns true, but not more inputs than
    /// requested.
    fn write_waiting(&mut self, is_due: impl Fn(&Waiting) -> bool) {
        loop {
            let is_full = self.waiting.len() >= WAITING_LINES_MAX;
            if !self.waiting.peek().is_some_and(|Reverse(first)| is_full || is_due(first)) {
                return;
            }
            let Some(Reverse(waiting)) = self.waiting.pop() else { return };
            let has_room =
                self.inputs < self.asked.count_max && self.octets < self.asked.octets_max;
            if has_room {
                self.inputs += u64::from(waiting.is_input());
                self.write(&waiting.line);
            }
        }
    }

    fn write(&mut self, line: &RecordingLine) {
        let octets = json_line(line);
        self.octets += octets.len() as u64;
        self.say(octets);
    }

    fn say(&mut self, octets: Vec<u8>) {
        self.is_heard = self.is_heard && (self.say)(octets);
    }

    fn lost(&self) -> u64 {
        self.session.lost.load(Ordering::Relaxed)
    }
}

impl Waiting {
    const fn is_input(&self) -> bool {
        matches!(self.line, RecordingLine::Input(_))
    }
}

impl PartialEq for Waiting {
    fn eq(&self, other: &Self) -> bool {
        self.sequence == other.sequence
    }
}

impl Eq for Waiting {}

impl PartialOrd for Waiting {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Waiting {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.sequence.cmp(&other.sequence)
    }
}

const fn sequence_of(line: &RecordingLine) -> u64 {
    match line {
        RecordingLine::Input(input) => input.sequence,
        RecordingLine::Probed(probed) => probed.sequence,
        RecordingLine::Reclaim(reclaim) => reclaim.sequence,
        RecordingLine::ByHand(by_hand) => by_hand.sequence,
        RecordingLine::Drained(drained) => drained.sequence,
        _ => 0,
    }
}

/// Returns whether an input is of a client or line that contains `text`, as in `lessor leases
/// --find`.
fn is_about(input: &RecordedInput, text: &str) -> bool {
    let Ok(request) = lessor_wire::parse(&input.datagram.payload, input.datagram.arrival.clone())
    else {
        return false;
    };
    names(&request).iter().any(|name| name.contains(text))
}

/// Returns the names of the client and its line.
fn names(request: &Request) -> Vec<String> {
    let information = request.relay_information.as_ref();
    let line = [
        information.and_then(|information| information.circuit_id()),
        information.and_then(|information| information.remote_id()),
    ];
    let identifier = ClientKeyKind::default().key_of(request, None);
    let client = identifier.map(|key| key.to_string());
    let client = client.into_iter().chain([request.hardware_address.to_string()]);
    client.chain(line.into_iter().flatten().map(readable)).collect()
}
