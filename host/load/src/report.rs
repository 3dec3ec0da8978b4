//! The report of a run: what was done, how long it took, and what the audit found.

mod table;

use std::{collections::BTreeMap, net::Ipv4Addr, net::SocketAddrV4};

use serde::Serialize;

pub(crate) use self::table::{counted, grouped};

/// The results of a run. `Display` prints the table for people; programs use its serialised form.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct LoadReport {
    /// The server under load.
    pub server: SocketAddrV4,
    /// The addresses that the relays sent from.
    pub relays: Vec<SocketAddrV4>,
    /// The number of subscribers.
    pub clients: u32,
    /// The largest number of exchanges in progress.
    pub window: u32,
    /// The seed of transaction ids and jitter.
    pub seed: u64,
    /// How long the run took, until its last exchange ended; RELEASEs after it are left out.
    pub elapsed_secs: f64,
    /// Leases acquired: DISCOVER, OFFER, REQUEST, ACK.
    pub acquired: u64,
    /// Leases renewed: REQUEST, ACK.
    pub renewed: u64,
    /// RELEASEs sent; nothing answers them.
    pub released: u64,
    /// Renewals left out, because the subscriber held no lease when its turn came.
    pub skipped_renewals: u64,
    /// Exchanges ended by an ACK, per second.
    pub exchanges_per_sec: f64,
    /// Exchanges given up: no reply to any transmission, or an unusable one.
    pub failed: u64,
    /// Exchanges ended by a NAK.
    pub naks: u64,
    /// Messages sent again.
    pub retransmissions: u64,
    /// Datagrams sent.
    pub packets_sent: u64,
    /// Datagrams received.
    pub packets_received: u64,
    /// Datagrams received that were not waited for.
    pub unexpected_replies: UnexpectedReplies,
    /// Replies that arrived but were dropped because this side did not read in time, if known; the
    /// server did not cause them.
    pub replies_dropped_here: Option<u64>,
    /// The share of one core that this side used. If it is near 100, the generator was the
    /// bottleneck.
    pub generator_busy_percent: f64,
    /// Latencies in milliseconds, from the first transmission of each message.
    pub latency: Latency,
    /// The number of mistakes of each kind; the kinds are those of [`crate::Violation::kind`].
    pub mistakes: BTreeMap<&'static str, u64>,
    /// The first mistakes and failures, as sentences.
    pub samples: Vec<String>,
    /// The first addresses that two subscribers held at once.
    pub duplicate_addresses: Vec<DuplicateAddress>,
}

/// Datagrams that were not waited for, by the reason.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct UnexpectedReplies {
    /// They belong to a transaction of this run that does not wait for such a reply (any more):
    /// mostly a second answer to a message that was sent twice.
    pub out_of_turn: u64,
    /// They belong to no transaction of this run.
    pub unknown_transaction: u64,
    /// They belong to a transaction of this run, with the hardware address of another subscriber.
    pub wrong_hardware_address: u64,
    /// They are not messages of a server.
    pub unreadable: u64,
}

/// Latencies of the parts of an exchange.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Latency {
    /// DISCOVER to OFFER.
    pub discover_to_offer: Percentiles,
    /// REQUEST to ACK, renewals included.
    pub request_to_ack: Percentiles,
    /// DISCOVER to ACK.
    pub exchange: Percentiles,
}

/// Percentiles of a latency, in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Percentiles {
    /// The number of measurements; without any, the others are 0.
    pub count: u64,
    /// The median.
    pub p50: f64,
    /// At most this for 90 of 100.
    pub p90: f64,
    /// At most this for 99 of 100.
    pub p99: f64,
    /// At most this for 999 of 1000.
    pub p99_9: f64,
    /// The longest.
    pub max: f64,
}

/// An address that two subscribers held at once, by their numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct DuplicateAddress {
    /// The address.
    pub address: Ipv4Addr,
    /// The subscriber that had it first.
    pub holder: u32,
    /// The subscriber that was also given it.
    pub client: u32,
}

impl LoadReport {
    /// The largest number of samples, and of duplicate addresses, that are kept.
    pub const SAMPLES_MAX: usize = 10;

    /// Returns how many exchanges were ended by an ACK.
    pub fn completed(&self) -> u64 {
        self.acquired + self.renewed
    }

    /// Returns whether every exchange was completed without any mistake: no exchange failed or was
    /// refused, and no reply was unreadable or for another subscriber.
    pub fn ok(&self) -> bool {
        self.failed == 0
            && self.naks == 0
            && self.mistakes.is_empty()
            && self.unexpected_replies.unreadable == 0
            && self.unexpected_replies.wrong_hardware_address == 0
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{
        args::LoadArgs,
        mistake::Violation,
        tally::{Circumstances, Tally},
    };

    fn tally() -> Tally {
        let mut tally = Tally::new().unwrap();
        (tally.acquired, tally.renewed, tally.released) = (12_000, 345, 12_000);
        (tally.packets_sent, tally.packets_received) = (60_690, 48_690);
        for millis in 1..=1000 {
            tally.discover_to_offer.record(Duration::from_millis(millis));
        }
        tally.request_to_ack.record(Duration::from_micros(250));
        tally
    }

    fn report(tally: Tally) -> LoadReport {
        tally.into_report(
            &LoadArgs { clients: 12_000, ..LoadArgs::default() },
            Circumstances {
                relays: vec!["127.0.1.1:40000".parse().unwrap()],
                seed: 7,
                elapsed: Duration::from_millis(2500),
                lasted: Duration::from_millis(2500),
                busy: Duration::from_millis(500),
                skipped_renewals: 0,
                replies_dropped_here: Some(0),
            },
        )
    }

    /// Returns whether two numbers are equal to three digits, which is the precision of the
    /// histogram.
    fn is_near(found: f64, wanted: f64) -> bool {
        (found - wanted).abs() <= wanted * 0.001
    }

    #[test]
    fn rates_and_percentiles_are_what_was_recorded() {
        let report = report(tally());
        assert_eq!(report.completed(), 12_345);
        assert!(is_near(report.exchanges_per_sec, 4938.0));
        assert!(is_near(report.generator_busy_percent, 20.0));
        let latency = report.latency.discover_to_offer;
        assert_eq!(latency.count, 1000);
        let found = [latency.p50, latency.p90, latency.p99, latency.p99_9, latency.max];
        for (found, wanted) in found.into_iter().zip([500.0, 900.0, 990.0, 999.0, 1000.0]) {
            assert!(is_near(found, wanted), "{found} {wanted}");
        }
        assert_eq!(report.latency.exchange, Percentiles::default());
    }

    #[test]
    fn a_latency_beyond_all_measure_counts_as_an_hour() {
        let mut tally = Tally::new().unwrap();
        tally.exchange.record(Duration::MAX);
        assert_eq!(report(tally).latency.exchange.max, 3_600_000.0);
    }

    #[test]
    fn a_clean_run_prints_a_table_that_ends_well() {
        let wanted = "\
12,000 clients behind 1 relay, 12,345 exchanges in 2.50 s: 4,938 per second

  acquired                12,000
  renewed                    345
  released                12,000
  failed                       0
  refused by NAK               0
  sent again                   0
  packets sent            60,690
  packets received        48,690
  generator busy             20%

  ┌──────────────────┬─────────┬─────────┬─────────┬─────────┬──────────┐
  │ latency, ms      ┆     p50 ┆     p90 ┆     p99 ┆   p99.9 ┆      max │
  ╞══════════════════╪═════════╪═════════╪═════════╪═════════╪══════════╡
  │ DISCOVER - OFFER ┆ 500.223 ┆ 900.095 ┆ 990.207 ┆ 999.423 ┆ 1000.000 │
  │ REQUEST - ACK    ┆   0.250 ┆   0.250 ┆   0.250 ┆   0.250 ┆    0.250 │
  └──────────────────┴─────────┴─────────┴─────────┴─────────┴──────────┘

no mistakes found
";
        assert_eq!(report(tally()).to_string(), wanted);
    }

    #[test]
    fn mistakes_are_counted_all_and_told_up_to_a_limit() {
        let mut tally = tally();
        tally.naks = 1;
        tally.unexpected.out_of_turn = 1234;
        let address = Ipv4Addr::new(100, 64, 0, 1);
        for client in 1..=1500 {
            tally.mistake(client, &Violation::DuplicateAddress { address, holder: 0, client });
        }
        tally.mistake(9, &Violation::Missing { what: "lease time (option 51)" });
        let report = report(tally);
        assert!(!report.ok());
        assert_eq!(report.mistakes["duplicate-address"], 1500);
        assert_eq!(report.samples.len(), LoadReport::SAMPLES_MAX);
        assert_eq!(report.duplicate_addresses.len(), LoadReport::SAMPLES_MAX);
        let text = report.to_string();
        let end = "
NOT OK: 1 refused, 1,501 mistakes
  duplicate-address                  1,500
  missing                                1
  - client 1: 100.64.0.1 is given to client 1 while client 0 holds it
";
        assert!(text.contains(end), "{text}");
        assert!(
            text.contains("  out of turn              1,234  replies that arrived too late"),
            "{text}"
        );
    }

    #[test]
    fn a_run_without_replies_says_where_to_look() {
        let mut tally = Tally::new().unwrap();
        (tally.failed, tally.packets_sent) = (12_000, 48_000);
        tally.sample(|| "client 0: no OFFER to 4 messages".to_owned());
        let wanted = "
  generator busy             20%

NOT OK: 12,000 failed
  No reply arrived, so the run was stopped early. Check that a server listens at
  127.0.0.1:67, and that it has a subnet for the relay's address or for --link-selection.
  `lessor status` counts the reasons.
  - client 0: no OFFER to 4 messages
";
        let text = report(tally).to_string();
        assert!(text.ends_with(wanted), "{text}");
    }

    #[test]
    fn any_single_fault_makes_a_report_not_ok() {
        let faulty = |change: fn(&mut LoadReport)| {
            let mut report = report(tally());
            assert!(report.ok());
            change(&mut report);
            !report.ok()
        };
        assert!(faulty(|report| report.failed = 1));
        assert!(faulty(|report| report.naks = 1));
        assert!(faulty(|report| report.mistakes = [("missing", 1)].into()));
        assert!(faulty(|report| report.unexpected_replies.unreadable = 1));
        assert!(faulty(|report| report.unexpected_replies.wrong_hardware_address = 1));
        assert!(!faulty(|report| report.unexpected_replies.out_of_turn = 1));
        assert!(!faulty(|report| report.retransmissions = 1));
    }

    #[test]
    fn a_report_is_also_json() {
        let json = serde_json::to_value(report(tally())).unwrap();
        assert_eq!(json["acquired"], 12_000);
        assert_eq!(json["relays"][0], "127.0.1.1:40000");
        assert_eq!(json["latency"]["request-to-ack"]["p99-9"], 0.25);
    }

    #[test]
    fn numbers_have_their_thousands_set_apart() {
        assert_eq!([counted(1, "lease"), counted(1000, "lease")], ["1 lease", "1,000 leases"]);
        for (number, text) in [(0, "0"), (999, "999"), (1000, "1,000"), (1_234_567, "1,234,567")] {
            assert_eq!(grouped(number), text);
        }
    }
}
