//! The tally: counts and measures during a run, and creates the report.

use std::{collections::BTreeMap, net::SocketAddrV4, time::Duration};

use anyhow::Context;
use hdrhistogram::Histogram;

use crate::{
    args::LoadArgs,
    mistake::Violation,
    report::{DuplicateAddress, Latency, LoadReport, Percentiles, UnexpectedReplies},
};

#[derive(Debug)]
pub(crate) struct Tally {
    pub(crate) acquired: u64,
    pub(crate) renewed: u64,
    pub(crate) released: u64,
    pub(crate) failed: u64,
    pub(crate) naks: u64,
    pub(crate) retransmissions: u64,
    pub(crate) packets_sent: u64,
    pub(crate) packets_received: u64,
    pub(crate) unexpected: UnexpectedReplies,
    pub(crate) discover_to_offer: LatencyHistogram,
    pub(crate) request_to_ack: LatencyHistogram,
    pub(crate) exchange: LatencyHistogram,
    mistakes: BTreeMap<&'static str, u64>,
    samples: Vec<String>,
    duplicate_addresses: Vec<DuplicateAddress>,
}

/// The contents of the report besides the counts.
#[derive(Debug)]
pub(crate) struct Circumstances {
    pub(crate) relays: Vec<SocketAddrV4>,
    pub(crate) seed: u64,
    /// The time until the last exchange ended.
    pub(crate) elapsed: Duration,
    /// The time until everything was done, and the part of it that was spent computing.
    pub(crate) lasted: Duration,
    pub(crate) busy: Duration,
    pub(crate) skipped_renewals: u64,
    pub(crate) replies_dropped_here: Option<u64>,
}

/// Latencies in microseconds, to three digits; the longest is exact.
#[derive(Debug)]
pub(crate) struct LatencyHistogram {
    histogram: Histogram<u64>,
    micros_max: u64,
}

impl Tally {
    pub(crate) fn new() -> anyhow::Result<Self> {
        Ok(Self {
            acquired: 0,
            renewed: 0,
            released: 0,
            failed: 0,
            naks: 0,
            retransmissions: 0,
            packets_sent: 0,
            packets_received: 0,
            unexpected: UnexpectedReplies::default(),
            discover_to_offer: LatencyHistogram::new()?,
            request_to_ack: LatencyHistogram::new()?,
            exchange: LatencyHistogram::new()?,
            mistakes: BTreeMap::new(),
            samples: Vec::new(),
            duplicate_addresses: Vec::new(),
        })
    }

    /// Counts a mistake in a message to the subscriber with this number.
    pub(crate) fn mistake(&mut self, client: u32, mistake: &Violation) {
        *self.mistakes.entry(mistake.kind()).or_default() += 1;
        self.sample(|| format!("client {client}: {mistake}"));
        if let Violation::DuplicateAddress { address, holder, client } = *mistake
            && self.duplicate_addresses.len() < LoadReport::SAMPLES_MAX
        {
            self.duplicate_addresses.push(DuplicateAddress { address, holder, client });
        }
    }

    /// Keeps a sentence for the report, if it is one of the first.
    pub(crate) fn sample(&mut self, sentence: impl FnOnce() -> String) {
        if self.samples.len() < LoadReport::SAMPLES_MAX {
            self.samples.push(sentence());
        }
    }

    /// Returns how many exchanges were ended by an ACK.
    pub(crate) fn completed(&self) -> u64 {
        self.acquired + self.renewed
    }

    /// Returns how many exchanges ended in another way.
    pub(crate) fn not_completed(&self) -> u64 {
        self.failed + self.naks
    }

    pub(crate) fn into_report(self, args: &LoadArgs, circumstances: Circumstances) -> LoadReport {
        let elapsed_secs = circumstances.elapsed.as_secs_f64();
        let ratio = |part: f64, whole: f64| if whole > 0.0 { part / whole } else { 0.0 };
        let busy = ratio(circumstances.busy.as_secs_f64(), circumstances.lasted.as_secs_f64());
        LoadReport {
            server: args.server,
            relays: circumstances.relays,
            clients: args.clients,
            window: args.window,
            seed: circumstances.seed,
            elapsed_secs,
            acquired: self.acquired,
            renewed: self.renewed,
            released: self.released,
            skipped_renewals: circumstances.skipped_renewals,
            exchanges_per_sec: ratio(self.completed() as f64, elapsed_secs),
            failed: self.failed,
            naks: self.naks,
            retransmissions: self.retransmissions,
            packets_sent: self.packets_sent,
            packets_received: self.packets_received,
            unexpected_replies: self.unexpected,
            replies_dropped_here: circumstances.replies_dropped_here,
            generator_busy_percent: busy * 100.0,
            latency: Latency {
                discover_to_offer: self.discover_to_offer.percentiles(),
                request_to_ack: self.request_to_ack.percentiles(),
                exchange: self.exchange.percentiles(),
            },
            mistakes: self.mistakes,
            samples: self.samples,
            duplicate_addresses: self.duplicate_addresses,
        }
    }
}

impl LatencyHistogram {
    /// The longest latency that is recorded, an hour; longer ones count as this.
    const MICROS_MAX: u64 = 3_600_000_000;

    pub(crate) fn new() -> anyhow::Result<Self> {
        let histogram = Histogram::new_with_bounds(1, Self::MICROS_MAX, 3)
            .context("cannot make a histogram of latencies")?;
        Ok(Self { histogram, micros_max: 0 })
    }

    pub(crate) fn record(&mut self, latency: Duration) {
        let micros = u64::try_from(latency.as_micros()).unwrap_or(Self::MICROS_MAX);
        let micros = micros.min(Self::MICROS_MAX);
        self.histogram.saturating_record(micros);
        self.micros_max = self.micros_max.max(micros);
    }

    pub(crate) fn percentiles(&self) -> Percentiles {
        let millis = |micros: u64| micros as f64 / 1000.0;
        // The histogram rounds up to the end of a bucket, which may exceed the longest latency.
        let at = |quantile| millis(self.histogram.value_at_quantile(quantile).min(self.micros_max));
        Percentiles {
            count: self.histogram.len(),
            p50: at(0.5),
            p90: at(0.9),
            p99: at(0.99),
            p99_9: at(0.999),
            max: millis(self.micros_max),
        }
    }
}
