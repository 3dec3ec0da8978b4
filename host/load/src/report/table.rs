//! The report as a person reads it.

use std::fmt;

use lessor_terminal::{indented_table, right_align};

use super::{Latency, LoadReport, Percentiles};

/// The indentation of the columns.
const INDENT: usize = 2;

impl fmt::Display for LoadReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{} behind {}, {} in {:.2} s: {} per second\n",
            counted(self.clients.into(), "client"),
            counted(self.relays.len() as u64, "relay"),
            counted(self.completed(), "exchange"),
            self.elapsed_secs,
            grouped(self.exchanges_per_sec.round() as u64),
        )?;
        self.write_counts(f)?;
        self.write_latency(f)?;
        self.write_verdict(f)
    }
}

impl LoadReport {
    fn write_counts(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unexpected = self.unexpected_replies;
        let always = [
            ("acquired", self.acquired, ""),
            ("renewed", self.renewed, ""),
            ("released", self.released, ""),
            ("failed", self.failed, ""),
            ("refused by NAK", self.naks, ""),
            ("sent again", self.retransmissions, ""),
            ("packets sent", self.packets_sent, ""),
            ("packets received", self.packets_received, ""),
        ];
        let if_any = [
            ("renewals skipped", self.skipped_renewals, "the lease had expired, or there was none"),
            ("out of turn", unexpected.out_of_turn, "replies that arrived too late"),
            ("unknown", unexpected.unknown_transaction, "replies to other transactions"),
            ("misaddressed", unexpected.wrong_hardware_address, "replies with another chaddr"),
            ("unreadable", unexpected.unreadable, "replies that are not DHCP messages"),
            ("dropped here", self.replies_dropped_here.unwrap_or(0), "not the server's fault"),
        ];
        let shown = always.into_iter().chain(if_any.into_iter().filter(|(_, count, _)| *count > 0));
        for (name, count, what) in shown {
            let line = format!("  {name:<17}{:>13}  {what}", grouped(count));
            writeln!(f, "{}", line.trim_end())?;
        }
        let busy = self.generator_busy_percent;
        let verdict = if busy >= 90.0 { "  the generator may be the bottleneck" } else { "" };
        writeln!(f, "  {:<17}{:>12.0}%{verdict}\n", "generator busy", busy)
    }

    fn write_latency(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Latency { discover_to_offer, request_to_ack, .. } = self.latency;
        if discover_to_offer.count + request_to_ack.count == 0 {
            return Ok(());
        }
        let mut table =
            indented_table(&["latency, ms", "p50", "p90", "p99", "p99.9", "max"], INDENT);
        for (name, percentiles) in [
            ("DISCOVER - OFFER", self.latency.discover_to_offer),
            ("REQUEST - ACK", self.latency.request_to_ack),
            ("DISCOVER - ACK", self.latency.exchange),
        ] {
            if percentiles.count > 0 {
                let Percentiles { p50, p90, p99, p99_9, max, .. } = percentiles;
                let values = [p50, p90, p99, p99_9, max].map(|value| format!("{value:.3}"));
                table.add_row(std::iter::once(name.to_owned()).chain(values));
            }
        }
        right_align(&mut table, 1..6);
        for line in table.lines() {
            writeln!(f, "{:INDENT$}{}", "", line.trim_end())?;
        }
        writeln!(f)
    }

    fn write_verdict(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.ok() {
            return match self.completed() {
                0 => writeln!(f, "nothing was done"),
                _ => writeln!(f, "no mistakes found"),
            };
        }
        let mistakes = self.mistakes.values().sum();
        let faults = [
            (self.failed, "failed"),
            (self.naks, "refused"),
            (mistakes, "mistakes"),
            (self.unexpected_replies.wrong_hardware_address, "misaddressed"),
            (self.unexpected_replies.unreadable, "unreadable"),
        ];
        let faults = faults.iter().filter(|(count, _)| *count > 0);
        let faults: Vec<_> =
            faults.map(|(count, what)| format!("{} {what}", grouped(*count))).collect();
        writeln!(f, "NOT OK: {}", faults.join(", "))?;
        if self.packets_received == 0 {
            writeln!(
                f,
                "  No reply arrived, so the run was stopped early. Check that a server listens \
                 at\n  {}, and that it has a subnet for the relay's address or for \
                 --link-selection.\n  `lessor status` counts the reasons.",
                self.server
            )?;
        }
        for (kind, count) in &self.mistakes {
            writeln!(f, "  {kind:<30}{:>10}", grouped(*count))?;
        }
        for sample in &self.samples {
            writeln!(f, "  - {sample}")?;
        }
        Ok(())
    }
}

/// Formats a number with thousands separators.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Returns `1 client` or `2,000 clients`.
pub(crate) fn counted(number: u64, noun: &str) -> String {
    format!("{} {noun}{}", grouped(number), if number == 1 { "" } else { "s" })
}
