//! `lessor status`: what the running server does.

use std::{
    io::{self, Write},
    process::ExitCode,
    sync::atomic::Ordering,
};

use comfy_table::{CellAlignment, Table, presets};
use lessor_core::{PoolUsage, Reason};
use lessor_lookup::SourceStatus;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    clock,
    control::{self, Question},
    leases::written,
    reload::Reloader,
};

#[derive(Debug, clap::Args)]
pub(crate) struct StatusArguments {
    #[command(flatten)]
    file: crate::ConfigurationFile,
    /// As one JSON object.
    #[arg(long)]
    json: bool,
}

/// What the server does.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Status {
    pub(crate) generation: u64,
    /// RFC 3339, UTC.
    pub(crate) serving_since: String,
    pub(crate) reloads: u64,
    pub(crate) reloads_refused: u64,
    /// How many inputs ended in each reason.
    pub(crate) reasons: Vec<(Reason, u64)>,
    pub(crate) pools: Vec<PoolRow>,
    /// As [`lessor_policy_host::PluginStatus`] writes itself.
    pub(crate) plugins: Vec<Value>,
    /// The sources that policies may have asked.
    pub(crate) lookups: Vec<SourceStatus>,
    /// Messages that wait for lookups now.
    pub(crate) waiting_for_lookups: u64,
    pub(crate) store: StoreStatus,
    /// Leases on storage that no configured network spans.
    pub(crate) stray_leases: usize,
    pub(crate) events_lost: u64,
    pub(crate) options_left_out: u64,
    pub(crate) relay_information_left_out: u64,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct PoolRow {
    pub(crate) network: String,
    #[serde(flatten)]
    pub(crate) usage: PoolUsage,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct StoreStatus {
    pub(crate) changes: u64,
    pub(crate) flushes: u64,
    pub(crate) failed_flushes: u64,
    pub(crate) longest_flush_us: u64,
    pub(crate) last_error: Option<String>,
}

impl Status {
    /// As it is now.
    pub(crate) fn of(reloader: &Reloader) -> Self {
        let shared = &reloader.shared;
        let generation = shared.generation.load_full();
        let now = clock::now();
        let mut pools = Vec::new();
        generation.shards.for_each(|engine| {
            let network = engine.network().name.to_string();
            pools.extend(
                engine
                    .usage(now)
                    .into_iter()
                    .map(|usage| PoolRow { network: network.clone(), usage }),
            );
        });
        let counters = &shared.counters;
        let store = shared.committer.status();
        let plugins = generation.chain.status();
        Self {
            generation: generation.number,
            serving_since: written(generation.since),
            reloads: counters.reloads.load(Ordering::Relaxed),
            reloads_refused: counters.reloads_refused.load(Ordering::Relaxed),
            reasons: counters.reasons(),
            pools,
            plugins: plugins
                .iter()
                .filter_map(|plugin| serde_json::to_value(plugin).ok())
                .collect(),
            lookups: generation.lookups.sources().status(),
            waiting_for_lookups: counters.waiting_for_lookups.load(Ordering::Relaxed),
            store: StoreStatus {
                changes: store.changes,
                flushes: store.flushes,
                failed_flushes: store.failed_flushes,
                longest_flush_us: store.longest_flush_us,
                last_error: store.last_error,
            },
            stray_leases: generation.shards.stray_leases(),
            events_lost: counters.events_lost.load(Ordering::Relaxed),
            options_left_out: counters.options_left_out.load(Ordering::Relaxed),
            relay_information_left_out: counters.relay_information_left_out.load(Ordering::Relaxed),
        }
    }
}

/// Prints the status of the running server.
pub(crate) fn run(arguments: &StatusArguments) -> anyhow::Result<ExitCode> {
    let status: Status = control::ask_one(&arguments.file.config, Question::Status)?;
    if arguments.json {
        writeln!(io::stdout(), "{}", serde_json::to_string(&status)?)?;
    } else {
        print(&status)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Prints the catalogue of reasons.
pub(crate) fn print_reasons(json: bool) -> io::Result<()> {
    let mut out = io::stdout().lock();
    if json {
        for reason in Reason::ALL {
            let line = serde_json::json!({
                "reason": reason.name(), "outcome": reason.outcome(), "meaning": reason.meaning(),
            });
            writeln!(out, "{line}")?;
        }
        return Ok(());
    }
    let mut table = table(&["reason", "outcome", "meaning"]);
    for reason in Reason::ALL {
        table.add_row([
            reason.name().to_owned(),
            format!("{:?}", reason.outcome()).to_lowercase(),
            reason.meaning().to_owned(),
        ]);
    }
    writeln!(out, "{table}")
}

fn print(status: &Status) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(
        out,
        "generation {} serves since {}; {} reloads, {} refused",
        status.generation, status.serving_since, status.reloads, status.reloads_refused
    )?;
    let mut pools = table(&["network", "pool", "size", "leased", "offered", "quarantined", "full"]);
    for row in &status.pools {
        let PoolUsage { pool, size, leased, offered, quarantined } = &row.usage;
        let taken = leased + offered + quarantined;
        pools.add_row([
            row.network.clone(),
            pool.to_string(),
            size.to_string(),
            leased.to_string(),
            offered.to_string(),
            quarantined.to_string(),
            format!("{:.1} %", 100.0 * taken as f64 / (*size).max(1) as f64),
        ]);
    }
    right_align(&mut pools, 2..7);
    writeln!(out, "{pools}")?;
    let mut reasons = table(&["reason", "count", "meaning"]);
    for (reason, count) in &status.reasons {
        reasons.add_row([reason.name().to_owned(), count.to_string(), reason.meaning().to_owned()]);
    }
    right_align(&mut reasons, 1..2);
    writeln!(out, "{reasons}")?;
    if !status.plugins.is_empty() {
        let mut plugins =
            table(&["plugin", "calls", "faults", "mean µs", "longest µs", "suspended for"]);
        for plugin in &status.plugins {
            let number = |key: &str| plugin.get(key).and_then(Value::as_u64).unwrap_or(0);
            let faults = plugin.get("faults").and_then(Value::as_object).into_iter().flatten();
            plugins.add_row([
                plugin.get("name").and_then(Value::as_str).unwrap_or_default().to_owned(),
                number("calls").to_string(),
                faults
                    .map(|(kind, count)| format!("{count} {kind}"))
                    .collect::<Vec<_>>()
                    .join(", "),
                (number("call-time-total-us") / number("calls").max(1)).to_string(),
                number("call-time-max-us").to_string(),
                plugin
                    .get("suspended-for-ms")
                    .and_then(Value::as_u64)
                    .map_or_else(String::new, |ms| format!("{ms} ms")),
            ]);
        }
        right_align(&mut plugins, 1..5);
        writeln!(out, "{plugins}")?;
    }
    print_lookups(&mut out, status)?;
    let store = &status.store;
    writeln!(
        out,
        "store: {} changes in {} flushes, longest {} µs, {} failed",
        store.changes, store.flushes, store.longest_flush_us, store.failed_flushes
    )?;
    if let Some(error) = &store.last_error {
        writeln!(out, "store: last error: {error}")?;
    }
    if status.events_lost > 0 {
        writeln!(out, "journal: {} events lost because it could not follow", status.events_lost)?;
    }
    Ok(())
}

fn print_lookups(out: &mut impl Write, status: &Status) -> io::Result<()> {
    if status.lookups.is_empty() {
        return Ok(());
    }
    let mut lookups = table(&[
        "lookup source",
        "type",
        "rows",
        "asked",
        "from memory",
        "fetched",
        "failed",
        "unavailable",
        "mean µs",
        "longest µs",
        "state",
    ]);
    for source in &status.lookups {
        let state = match (source.is_down, &source.last_error) {
            (true, Some(error)) => format!("down: {error}"),
            (true, None) => "down".to_owned(),
            (false, _) => "up".to_owned(),
        };
        lookups.add_row([
            source.name.clone(),
            source.kind.clone(),
            source.rows.to_string(),
            source.asked.to_string(),
            (source.hits + source.negative_hits + source.stale).to_string(),
            source.fetched.to_string(),
            (source.failures + source.timeouts + source.refused).to_string(),
            source.unavailable.to_string(),
            source.mean_us.to_string(),
            source.max_us.to_string(),
            state,
        ]);
    }
    right_align(&mut lookups, 2..10);
    writeln!(out, "{lookups}")?;
    if status.waiting_for_lookups > 0 {
        writeln!(out, "lookups: {} messages wait for them now", status.waiting_for_lookups)?;
    }
    Ok(())
}

fn table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::UTF8_FULL_CONDENSED);
    table.set_header(header);
    table
}

fn right_align(table: &mut Table, columns: std::ops::Range<usize>) {
    for column in columns {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
}
