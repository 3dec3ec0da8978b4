//! `lessor status`: prints the state of the running server.

mod awaiting;
mod clock;
mod meanwhile;
mod plugins;

use std::{
    io::{self, Write},
    process::ExitCode,
    time::Duration,
};

use lessor_core::{AfterDataLoss, PoolUsage, Reason};
use lessor_generation::last_accepted::Fallback;
use lessor_policy_host::PluginStatus;
use lessor_serving::{ClassRow, DrainRow, EndpointStatus, HoldRow, LeftOut, Status, metrics};
use lessor_terminal::{Table, right_align, table};

use crate::{asking, questions::Question};

#[derive(Debug, clap::Args)]
pub(crate) struct StatusArguments {
    #[command(flatten)]
    file: crate::ConfigurationFile,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
    /// Print the text format of Prometheus, for the textfile collector of its node exporter.
    #[arg(long, conflicts_with = "json")]
    prometheus: bool,
    /// Wait until the server answers, at most this long: 10s, 5m. Exits with 1 if it does not.
    #[arg(long, value_name = "DURATION", value_parser = awaiting::duration)]
    wait: Option<Duration>,
}

/// Prints the status of the running server.
pub(crate) fn run(arguments: &StatusArguments) -> anyhow::Result<ExitCode> {
    let config = &arguments.file.config;
    let status: Status = match arguments.wait {
        Some(within) => awaiting::ask(config, within)?,
        None => asking::ask_one(config, Question::Status)?,
    };
    if arguments.prometheus {
        write!(io::stdout(), "{}", metrics::page(&status))?;
    } else if arguments.json {
        writeln!(io::stdout(), "{}", serde_json::to_string(&status)?)?;
    } else {
        print(&status)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Prints the list of reasons.
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
    let mut out = lessor_terminal::stdout();
    print_generation(&mut out, status)?;
    print_endpoints(&mut out, &status.endpoints)?;
    print_pools(&mut out, status)?;
    print_decisions(&mut out, status)?;
    print_policies(&mut out, status)?;
    print_lookups(&mut out, status)?;
    print_store(&mut out, status)?;
    clock::print(&mut out, &status.clock)?;
    print_messages(&mut out, status)?;
    if let Some(complaint) = &status.store.complaint {
        writeln!(out, "store: {complaint}")?;
    }
    print_losses(&mut out, status)
}

/// What serves, since when, and why it is not what the configuration says.
fn print_generation(out: &mut impl Write, status: &Status) -> io::Result<()> {
    writeln!(
        out,
        "generation {} has served since {}; {} reloads, {} refused, {} rolled back",
        status.generation,
        status.serving_since,
        status.reloads,
        status.reloads_refused,
        status.rollbacks
    )?;
    if let Some(Fallback { accepted_at, mistakes }) = &status.fallback {
        writeln!(
            out,
            "THE CONFIGURATION CANNOT SERVE: the generation accepted at {accepted_at} has served \
             since the start; correct this and reload:"
        )?;
        for mistake in mistakes {
            writeln!(out, "{}", mistake.trim_end())?;
        }
    }
    if let Some(meanwhile) = &status.meanwhile {
        meanwhile::print(out, meanwhile)?;
    }
    if let Some(failed) = status.rolled_back_from {
        writeln!(
            out,
            "rolled back from generation {failed}, whose policies failed too often; the log has \
             their faults, a reload tries again"
        )?;
    }
    Ok(())
}

/// How full pools are, and which of them give no addresses to new clients.
fn print_pools(out: &mut impl Write, status: &Status) -> io::Result<()> {
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
    for HoldRow { network, after_data_loss, until } in &status.holds {
        let served = match after_data_loss {
            AfterDataLoss::Probe => "probed before new clients get them",
            AfterDataLoss::Hold | AfterDataLoss::Serve => "not given to new clients",
        };
        writeln!(
            out,
            "network {network}: started without records; until {until} addresses that an unknown \
             client may hold are {served} (after-data-loss)"
        )?;
    }
    for DrainRow { network, pool, since, by } in &status.drained {
        let note = by.note.as_ref().map_or_else(String::new, |note| format!(": {note}"));
        writeln!(
            out,
            "pool {pool} of network {network}: drained since {since} by {by}{note}; its leases are \
             renewed, and new clients get none (lessor pool open)"
        )?;
    }
    Ok(())
}

/// How often each reason and each class occurred.
fn print_decisions(out: &mut impl Write, status: &Status) -> io::Result<()> {
    let mut reasons = table(&["reason", "count", "meaning"]);
    for (reason, count) in &status.reasons {
        reasons.add_row([reason.name().to_owned(), count.to_string(), reason.meaning().to_owned()]);
    }
    right_align(&mut reasons, 1..2);
    writeln!(out, "{reasons}")?;
    if !status.classes.is_empty() {
        let mut classes = table(&["class", "offers", "acks", "naks", "unanswered"]);
        for ClassRow { class, offers, acks, naks, unanswered } in &status.classes {
            let counts = [offers, acks, naks, unanswered].map(ToString::to_string);
            classes.add_row([class.clone()].into_iter().chain(counts));
        }
        right_align(&mut classes, 1..5);
        writeln!(out, "{classes}")?;
    }
    Ok(())
}

/// The policies and their shadows.
fn print_policies(out: &mut impl Write, status: &Status) -> io::Result<()> {
    if !status.plugins.is_empty() {
        writeln!(out, "{}", plugin_table(&status.plugins))?;
        plugins::print(out, &status.plugins)?;
    }
    for shadow in &status.shadows.shadows {
        writeln!(
            out,
            "shadow {}: {} requests, {} of them decided differently; see `lessor shadow`",
            shadow.plugin.name, shadow.requests, shadow.differed
        )?;
    }
    Ok(())
}

/// The flushes of the store and its last error.
fn print_store(out: &mut impl Write, status: &Status) -> io::Result<()> {
    let store = &status.store;
    writeln!(
        out,
        "store: {} changes in {} flushes, longest {} µs, {} failed",
        store.changes, store.flushes, store.longest_flush_us, store.failed_flushes
    )?;
    if let Some(error) = &store.last_error {
        writeln!(out, "store: last error: {error}")?;
    }
    Ok(())
}

/// Messages and replies that were not as they should be.
fn print_messages(out: &mut impl Write, status: &Status) -> io::Result<()> {
    if status.keys_seen_elsewhere > 0 {
        writeln!(
            out,
            "clients: {} messages of a client key with another hardware address, or behind another \
             line, than its active lease has; the journal names them",
            status.keys_seen_elsewhere
        )?;
    }
    if status.offered_unprobed > 0 {
        writeln!(
            out,
            "probes: {} addresses were offered unprobed, because too many were probed at a time or \
             the probe could not be sent; the log has the error",
            status.offered_unprobed
        )?;
    }
    if status.messages_cut_short > 0 {
        writeln!(
            out,
            "messages: {} ended within an option and were read up to it",
            status.messages_cut_short
        )?;
    }
    if status.options_left_out + status.relay_information_left_out > 0 {
        writeln!(
            out,
            "replies: no room for {} options, and {} times none for option 82",
            status.options_left_out, status.relay_information_left_out
        )?;
    }
    Ok(())
}

/// What was dropped or not written, because a limit was reached.
fn print_losses(out: &mut impl Write, status: &Status) -> io::Result<()> {
    for (limit, dropped) in status.limits.iter().filter(|(_, dropped)| *dropped > 0) {
        writeln!(out, "dropped at the limit {}: {dropped}; {}", limit.name(), limit.advice())?;
    }
    if status.events_lost > 0 {
        let lost = status.events_lost;
        writeln!(out, "journal: {lost} events lost because it could not be written fast enough")?;
    }
    if let Some(problem) = &status.journal_problem {
        writeln!(out, "journal: NOT WRITTEN: {problem}")?;
    }
    let LeftOut { malformed, unanswered, answered } = status.journal_lines_left_out;
    if malformed + unanswered + answered > 0 {
        writeln!(
            out,
            "journal: too many to be written: lines of {malformed} malformed messages, {unanswered} \
             without an answer, {answered} that changed no lease"
        )?;
    }
    if status.log_lines_lost > 0 {
        let lost = status.log_lines_lost;
        writeln!(out, "log: {lost} lines lost because standard error was not read in time")?;
    }
    Ok(())
}

fn print_endpoints(out: &mut impl Write, endpoints: &[EndpointStatus]) -> io::Result<()> {
    let mut rows = table(&["endpoint", "for", "state", "since", "addresses", "why"]);
    for endpoint in endpoints {
        let addresses: Vec<_> = endpoint.addresses.iter().map(ToString::to_string).collect();
        rows.add_row([
            endpoint.endpoint.clone(),
            endpoint.kind.clone(),
            endpoint.state.to_string(),
            endpoint.since.clone(),
            addresses.join(" "),
            endpoint.detail.clone().unwrap_or_default(),
        ]);
    }
    writeln!(out, "{rows}")
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
        let state = if source.is_down { "down" } else { "up" };
        let state = match (&source.last_error, &source.last_error_at) {
            (Some(error), Some(at)) => format!("{state}; at {at}: {error}"),
            (Some(error), None) => format!("{state}: {error}"),
            (None, _) => state.to_owned(),
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
        match status.waiting_for_lookups {
            1 => writeln!(out, "lookups: 1 message waits for them now")?,
            waiting => writeln!(out, "lookups: {waiting} messages wait for them now")?,
        }
    }
    Ok(())
}

/// Tabulates the behaviour of plugins.
fn plugin_table(plugins: &[PluginStatus]) -> Table {
    let header = ["plugin", "mode", "calls", "faults", "mean µs", "99 % µs", "longest µs"];
    let mut table = table(&[&header[..], &["state"]].concat());
    for plugin in plugins {
        let faults = plugin.faults.iter().filter(|(_, count)| **count > 0);
        let faults: Vec<_> = faults.map(|(kind, count)| format!("{count} {kind}")).collect();
        table.add_row([
            plugin.name.to_string(),
            plugin.mode.name().to_owned(),
            plugin.calls.to_string(),
            faults.join(", "),
            micros(plugin.call_time_mean()),
            micros(plugin.call_time_p99),
            micros(plugin.call_time_max),
            plugins::state(plugin),
        ]);
    }
    right_align(&mut table, 2..3);
    right_align(&mut table, 4..7);
    table
}

/// Formats microseconds for people.
pub(crate) fn micros(duration: Duration) -> String {
    format!("{:.1}", duration.as_nanos() as f64 / 1_000.0)
}
