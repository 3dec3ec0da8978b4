//! Shows a replay: a table or JSON lines, the differences, and a summary by reason.

use std::{
    collections::BTreeMap,
    io::{self, Write},
};

use lessor_core::{ClientKeyKind, Reason, Request, readable};
use lessor_foresight::{explain::verdict_text, replay::Compared};
use lessor_recording::{RecordedDecision, ReplyFacts};
use lessor_serving::clock::written;
use lessor_terminal::{Table, table};
use serde_json::json;

/// Shows inputs as they are decided, and their totals at the end.
pub(super) struct Output {
    json: bool,
    only_differences: bool,
    rows_max: usize,
    /// The names of the two sides: what was replayed, and what it is compared with.
    names: (&'static str, &'static str),
    has_other: bool,
    table: Table,
    rows: usize,
    differences: Vec<String>,
    /// The counts by reason, on both sides.
    reasons: BTreeMap<Reason, (u64, u64)>,
    inputs: u64,
    different: u64,
}

impl Output {
    pub(super) fn new(
        json: bool,
        only_differences: bool,
        rows_max: usize,
        names: (&'static str, &'static str),
        has_other: bool,
    ) -> Self {
        let table = table(&[
            "#",
            "time",
            "message",
            "client",
            "line",
            "reason",
            "address",
            "lease time",
            "plugins",
        ]);
        Self {
            json,
            only_differences,
            rows_max,
            names,
            has_other,
            table,
            rows: 0,
            differences: Vec::new(),
            reasons: BTreeMap::new(),
            inputs: 0,
            different: 0,
        }
    }

    /// Shows a note for the reader of the result.
    pub(super) fn note(&self, note: &str) -> io::Result<()> {
        if self.json {
            return writeln!(io::stdout(), "{}", json!({ "note": note }));
        }
        writeln!(io::stdout(), "note: {note}")
    }

    pub(super) fn input(&mut self, compared: Compared) -> io::Result<()> {
        self.inputs += 1;
        let differs = compared.differs();
        self.different += u64::from(differs);
        self.reasons.entry(compared.replayed.reason).or_default().0 += 1;
        if let Some(other) = &compared.other {
            self.reasons.entry(other.reason).or_default().1 += 1;
        }
        if self.only_differences && !differs {
            return Ok(());
        }
        if self.json {
            return self.say_json(&compared, differs);
        }
        self.rows += 1;
        if self.rows > self.rows_max {
            return Ok(());
        }
        self.table.add_row([
            compared.number.to_string(),
            written(compared.at),
            message(&compared),
            client(&compared),
            line(&compared),
            compared.replayed.reason.name().to_owned(),
            compared.replayed.address.map(|address| address.to_string()).unwrap_or_default(),
            compared.replayed.lease_time_secs.map(|secs| format!("{secs} s")).unwrap_or_default(),
            plugins(&compared.replayed),
        ]);
        if differs {
            self.differences.push(self.difference(&compared));
        }
        Ok(())
    }

    /// Shows the rest. Returns whether there are differences.
    pub(super) fn end(self) -> anyhow::Result<bool> {
        let mut out = io::stdout().lock();
        let (name, other_name) = self.names;
        if self.json {
            let by_reason: Vec<_> = self
                .reasons
                .iter()
                .map(|(reason, (count, other))| {
                    let other = self.has_other.then_some(other);
                    json!({ "reason": reason, name: count, other_name: other })
                })
                .collect();
            let differences = self.has_other.then_some(self.different);
            let summary =
                json!({ "inputs": self.inputs, "differences": differences, "reasons": by_reason });
            writeln!(out, "{}", json!({ "summary": summary }))?;
            return Ok(self.different > 0);
        }
        drop(out);
        let mut out = lessor_terminal::stdout();
        if self.rows > 0 {
            writeln!(out, "{}", self.table)?;
        }
        if self.rows > self.rows_max {
            let more = self.rows - self.rows_max;
            writeln!(out, "… and {more} more; --rows shows more of them, --json all")?;
        }
        for difference in &self.differences {
            writeln!(out, "\n{difference}")?;
        }
        if !self.differences.is_empty() {
            writeln!(out)?;
        }
        let mut header = vec!["reason", name];
        header.extend(self.has_other.then_some(other_name));
        header.push("meaning");
        let mut table = table(&header);
        for (reason, (count, other)) in &self.reasons {
            let mut row = vec![reason.name().to_owned(), count.to_string()];
            row.extend(self.has_other.then(|| other.to_string()));
            row.push(reason.meaning().to_owned());
            table.add_row(row);
        }
        writeln!(out, "{table}")?;
        let inputs = counted(self.inputs, "input");
        if self.has_other {
            let differences = match self.different {
                0 => "no differences".to_owned(),
                count => counted(count, "difference"),
            };
            writeln!(out, "{inputs}, {differences} between {name} and {other_name}")?;
        } else {
            writeln!(out, "{inputs}")?;
        }
        Ok(self.different > 0)
    }

    fn say_json(&self, compared: &Compared, differs: bool) -> io::Result<()> {
        let (name, other_name) = self.names;
        let request = compared.request.as_deref();
        let mut line = json!({
            "number": compared.number,
            "at-ms": compared.at,
            "message": request.map(|request| request.kind.name()),
            "client": request.map(client_of),
            "line": line(compared),
            name: compared.replayed,
        });
        if let (Some(other), Some(fields)) = (&compared.other, line.as_object_mut()) {
            fields.insert(other_name.to_owned(), json!(other));
            fields.insert("differs".to_owned(), json!(differs));
        }
        writeln!(io::stdout(), "{line}")
    }

    fn difference(&self, compared: &Compared) -> String {
        let (name, other_name) = self.names;
        let title = format!(
            "#{} {} {} {} {}",
            compared.number,
            written(compared.at),
            message(compared),
            client(compared),
            line(compared)
        );
        let mut lines = vec![title.trim_end().to_owned()];
        let Some(other) = &compared.other else { return lines.concat() };
        let replayed = &compared.replayed;
        lines.push(format!("  {other_name}: {}", in_short(other)));
        lines.push(format!("  {name}: {}", in_short(replayed)));
        if let (Some(before), Some(after)) = (&other.reply, &replayed.reply) {
            lines.extend(option_differences(before, after));
        }
        lines.join("\n")
    }
}

fn in_short(decided: &RecordedDecision) -> String {
    let mut text = decided.reason.name().to_owned();
    if let Some(address) = decided.address {
        text.push_str(&format!(" {address}"));
    }
    if let Some(secs) = decided.lease_time_secs {
        text.push_str(&format!(", {secs} s"));
    }
    let plugins = plugins(decided);
    if !plugins.is_empty() {
        text.push_str(&format!(" ({plugins})"));
    }
    text
}

/// Lists the fields and options that differ, or the order of the options if nothing else differs.
fn option_differences(before: &ReplyFacts, after: &ReplyFacts) -> Vec<String> {
    let mut lines = value_differences("", &before.fields, &after.fields);
    lines.extend(value_differences("option ", &before.options, &after.options));
    if before.destination != after.destination {
        let (before, after) = (before.destination, after.destination);
        lines.push(format!("  destination: {before:?} -> {after:?}"));
    }
    if lines.is_empty() && before.options != after.options {
        lines.push("  the options are in another order".to_owned());
    }
    lines
}

/// Lists the values that differ, by name.
fn value_differences(
    kind: &str,
    before: &[(String, String)],
    after: &[(String, String)],
) -> Vec<String> {
    let find = |values: &[(String, String)], name: &str| {
        let found = values.iter().find(|(found, _)| found == name);
        found.map_or_else(|| "absent".to_owned(), |(_, value)| value.clone())
    };
    let mut names: Vec<&str> = Vec::new();
    for (name, _) in before.iter().chain(after) {
        if !names.contains(&name.as_str()) {
            names.push(name);
        }
    }
    names
        .into_iter()
        .map(|name| (name, find(before, name), find(after, name)))
        .filter(|(_, before, after)| before != after)
        .map(|(name, before, after)| format!("  {kind}{name}: {before} -> {after}"))
        .collect()
}

fn message(compared: &Compared) -> String {
    compared.request.as_deref().map_or("", |request| request.kind.name()).to_owned()
}

fn client(compared: &Compared) -> String {
    compared.request.as_deref().map(client_of).unwrap_or_default()
}

/// Returns the client according to its message, whatever the client key of its network is.
fn client_of(request: &Request) -> String {
    let key = ClientKeyKind::default().key_of(request, None);
    key.map_or_else(|| request.hardware_address.to_string(), |key| key.to_string())
}

fn line(compared: &Compared) -> String {
    compared.request.as_deref().and_then(line_of).unwrap_or_default()
}

fn line_of(request: &Request) -> Option<String> {
    let information = request.relay_information.as_ref()?;
    information.circuit_id().or_else(|| information.remote_id()).map(readable)
}

/// Lists the plugins that did anything, and what they did.
fn plugins(decided: &RecordedDecision) -> String {
    let mut texts = Vec::new();
    for said in &decided.plugins {
        let mut what = said.set.clone();
        what.extend(said.verdict.as_ref().map(verdict_text));
        what.extend(said.fault.clone());
        if !what.is_empty() {
            texts.push(format!("{}: {}", said.plugin, what.join(", ")));
        }
    }
    texts.join("; ")
}

pub(super) fn counted(count: u64, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}
