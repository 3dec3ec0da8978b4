//! Prints an explanation for people: one section for each step.

use std::io::{self, Write};

use lessor_core::Outcome;
use lessor_foresight::explain::{AllocationStep, Explanation, PluginStep, RefusedNameStep};
use lessor_serving::{clock::written, leases::LeaseRowState};
use lessor_terminal::{Table, indented_table, named};
use owo_colors::{OwoColorize, Style};

/// The indentation of everything but titles.
const MARGIN: usize = 2;
/// The indentation of the second column.
const INDENT: usize = 18;

/// Prints an explanation on standard output.
pub(super) fn print(explanation: &Explanation, colour: bool) -> io::Result<()> {
    let mut out = Sections { out: io::stdout().lock(), colour };
    out.title("Asked")?;
    out.line("by", &explanation.by)?;
    out.line("at", &written(explanation.at_ms))?;
    for assumed in &explanation.assumed {
        out.line("assumed", assumed)?;
    }
    out.title("Request")?;
    for (name, value) in &explanation.request {
        out.line(name, value)?;
    }
    out.title("Location")?;
    match &explanation.location {
        Some(found) => {
            if let Some(by) = &found.vpn_by {
                let vpn = found.vpn.as_deref().unwrap_or("none");
                out.line("vpn", &format!("{vpn}, by {by}"))?;
            }
            out.line("network", &found.network)?;
            let address = Some(found.address).filter(|address| !address.is_unspecified());
            let address = address.map(|address| format!(" {address}")).unwrap_or_default();
            out.line("subnet", &format!("{}, by {}{address}", found.subnet, found.by))?;
        }
        None => out.line("subnet", "none spans the client's location")?,
    }
    out.title("Client")?;
    out.line("key", &explanation.client)?;
    match &explanation.lease {
        Some(lease) => {
            let state = match lease.state {
                LeaseRowState::Leased => "leased until",
                LeaseRowState::Expired => "expired at",
                LeaseRowState::Released => "released; ended at",
                LeaseRowState::Quarantined => "declined; quarantined until",
                LeaseRowState::Ended => "ended by an operator; the client was promised it until",
            };
            let text = format!("{}, {state} {}", lease.address, lease.expires_at);
            out.line("lease on record", &text)?;
        }
        None => out.line("lease on record", "none")?,
    }
    if !explanation.classes.is_empty() {
        let named = explanation.classes.iter().map(|name| {
            match explanation.reserved_classes.contains(name) {
                true => format!("{name} (by its reservation)"),
                false => name.clone(),
            }
        });
        out.line("classes", &named.collect::<Vec<_>>().join(", "))?;
    }
    if let Some(limit) = &explanation.class_limit {
        out.line("limit", limit)?;
    }
    if !explanation.pools.is_empty() {
        out.title("Pools, as policies see them")?;
        let mut table = table(&["pool", "total", "leased", "free"]);
        for usage in &explanation.pools {
            let counts = [usage.size, usage.leased, usage.free()].map(|count| count.to_string());
            table.add_row(std::iter::once(usage.pool.to_string()).chain(counts));
        }
        out.table(&table)?;
    }
    if !explanation.lookups.is_empty() {
        out.title("Lookups")?;
        let mut table = table(&["plugin", "source", "key", "answer"]);
        for lookup in &explanation.lookups {
            table.add_row([&lookup.plugin, &lookup.source, &lookup.key, &lookup.answer]);
        }
        out.table(&table)?;
    }
    out.title("Policies")?;
    out.policies(explanation)?;
    if explanation.location.is_some() {
        out.title("Allocation")?;
        out.allocation(explanation)?;
    }
    out.title("Outcome")?;
    let style = match explanation.outcome {
        Outcome::Offer | Outcome::Ack => Style::new().green().bold(),
        Outcome::Nak | Outcome::Silence => Style::new().yellow().bold(),
        Outcome::Malformed | Outcome::Failure => Style::new().red().bold(),
    };
    out.styled("reason", explanation.reason.name(), style)?;
    out.line("meaning", &explanation.meaning)?;
    if let Some(detail) = &explanation.detail {
        out.line("detail", detail)?;
    }
    out.host_name(explanation)?;
    out.reply(explanation)?;
    out.title("Time")?;
    let took = explanation.took.iter().map(|(step, us)| format!("{step} {us} µs"));
    out.line("steps", &took.collect::<Vec<_>>().join(", "))
}

struct Sections<W> {
    out: W,
    colour: bool,
}

impl<W: Write> Sections<W> {
    fn title(&mut self, title: &str) -> io::Result<()> {
        if self.colour {
            return writeln!(self.out, "{}", title.bold());
        }
        writeln!(self.out, "{title}")
    }

    fn line(&mut self, name: &str, value: &str) -> io::Result<()> {
        writeln!(self.out, "{}", named(MARGIN, name, INDENT, value))
    }

    fn styled(&mut self, name: &str, value: &str, style: Style) -> io::Result<()> {
        if self.colour {
            let value = value.style(style).to_string();
            return writeln!(self.out, "{}", named(MARGIN, name, INDENT, &value));
        }
        self.line(name, value)
    }

    fn table(&mut self, table: &Table) -> io::Result<()> {
        for line in table.lines() {
            writeln!(self.out, "  {}", line.trim_end())?;
        }
        Ok(())
    }

    fn policies(&mut self, explanation: &Explanation) -> io::Result<()> {
        if explanation.plugins.is_empty() {
            let is_located = explanation.location.is_some();
            self.line("plugins", if is_located { "none" } else { "not asked: no subnet" })?;
        } else {
            let mut table = table(&["plugin", "hook", "verdict", "set", "µs"]);
            for step in &explanation.plugins {
                let took = step.took_us.map(|us| us.to_string()).unwrap_or_default();
                let set = step.set.join("\n");
                table.add_row([step.plugin.clone(), step.hook.clone(), verdict(step), set, took]);
            }
            self.table(&table)?;
        }
        let terms = match explanation.terms.as_slice() {
            [] => "none".to_owned(),
            terms => terms.join("; "),
        };
        self.line("terms", &terms)
    }

    fn allocation(&mut self, explanation: &Explanation) -> io::Result<()> {
        let reservation = explanation.reservation.as_deref().unwrap_or("none");
        self.line("reservation", reservation)?;
        if explanation.allocation.is_empty() {
            return self.line("addresses", "none is considered");
        }
        let mut table = table(&["address", "pool", "considered because", "chosen"]);
        for step in &explanation.allocation {
            let AllocationStep { why, address, pool, obstacle } = step;
            let address = address.map(|address| address.to_string()).unwrap_or_default();
            let chosen = match obstacle {
                Some(obstacle) => format!("no: {obstacle}"),
                None if explanation.has_address() => "yes".to_owned(),
                None => "no: see the outcome".to_owned(),
            };
            table.add_row([address, pool.clone().unwrap_or_default(), why.clone(), chosen]);
        }
        self.table(&table)?;
        explanation.probe.as_deref().map_or(Ok(()), |probe| self.line("probe", probe))
    }

    fn host_name(&mut self, explanation: &Explanation) -> io::Result<()> {
        let Some(step) = &explanation.host_name else { return Ok(()) };
        if let (Some(name), Some(set_by)) = (&step.name, &step.set_by) {
            self.line("host name", &format!("{name}, set by {set_by}"))?;
        }
        for refused in &step.refused {
            let RefusedNameStep { option, set_by, meaning, .. } = refused;
            self.line("refused name", &format!("{option}, set by {set_by}: {meaning}"))?;
        }
        Ok(())
    }

    fn reply(&mut self, explanation: &Explanation) -> io::Result<()> {
        let Some(reply) = &explanation.reply else { return self.line("reply", "none") };
        let address = match reply.your_address.is_unspecified() {
            true => String::new(),
            false => format!(" of {}", reply.your_address),
        };
        let text =
            format!("{}{address}, to {}, {} octets", reply.kind, reply.destination, reply.octets);
        self.line("reply", &text)?;
        let mut table = table(&["option", "", "value", "set by"]);
        for field in &reply.fields {
            table.add_row(["", &field.name, &field.value, &field.set_by]);
        }
        for option in &reply.options {
            let code = option.code.to_string();
            table.add_row([&code, &option.name, &option.value, &option.set_by]);
        }
        self.table(&table)?;
        if !reply.left_out.is_empty() {
            self.line("no room for", &reply.left_out.join(", "))?;
        }
        Ok(())
    }
}

fn verdict(step: &PluginStep) -> String {
    let fault = step.fault.as_ref().map(|fault| format!("fault: {fault}"));
    let not_asked = step.not_asked.clone();
    not_asked.or(fault).or(step.verdict.clone()).unwrap_or_else(|| "proceed".to_owned())
}

fn table(header: &[&str]) -> Table {
    indented_table(header, MARGIN)
}
