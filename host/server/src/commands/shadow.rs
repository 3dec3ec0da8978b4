//! `lessor shadow`: shows the results of shadow plugins.

use std::{
    io::{self, Write},
    process::ExitCode,
};

use lessor_policy_host::ShadowDifference;
use lessor_serving::{ShadowSummary, clock::written};
use lessor_terminal::{Table, right_align, table};

use super::status::micros;
use crate::{asking, questions::Question};

/// The number of examples of each shadow plugin that are shown.
const SHOWN_EXAMPLES_MAX: usize = 10;

#[derive(Debug, clap::Args)]
pub(crate) struct ShadowArguments {
    #[command(flatten)]
    file: crate::ConfigurationFile,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
    /// Exit with 1 unless every shadow plugin agreed in at least one request and differed in none,
    /// and no sample was lost.
    #[arg(long)]
    expect_agreement: bool,
}

/// Prints the results of the shadow plugins of the running server.
pub(crate) fn run(arguments: &ShadowArguments) -> anyhow::Result<ExitCode> {
    let summary: ShadowSummary = asking::ask_one(&arguments.file.config, Question::Shadow)?;
    if arguments.json {
        writeln!(io::stdout(), "{}", serde_json::to_string(&summary)?)?;
    } else {
        print(&summary)?;
    }
    let is_success = summary.agrees() || !arguments.expect_agreement;
    Ok(if is_success { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn print(summary: &ShadowSummary) -> io::Result<()> {
    let mut out = lessor_terminal::stdout();
    let ShadowSummary { generation, serving_since, found, .. } = summary;
    if found.shadows.is_empty() {
        return writeln!(
            out,
            "generation {generation} has no shadow plugins; write mode = \"shadow\" into the file \
             beside a plugin and reload"
        );
    }
    writeln!(out, "generation {generation} has served since {serving_since}")?;
    let mut requests =
        table(&["shadow", "requests", "agreed", "differed", "not comparable", "differences"]);
    for shadow in &found.shadows {
        let differences = shadow.differences.iter();
        let differences = differences.map(|(kind, count)| format!("{count} {kind}"));
        requests.add_row([
            shadow.plugin.name.to_string(),
            shadow.requests.to_string(),
            shadow.agreed.to_string(),
            shadow.differed.to_string(),
            shadow.not_comparable.to_string(),
            differences.collect::<Vec<_>>().join(", "),
        ]);
    }
    right_align(&mut requests, 1..5);
    writeln!(out, "{requests}")?;
    writeln!(out, "{}", times(summary))?;
    let lost = [
        (found.waiting as u64, "still wait to be compared"),
        (found.lost, "were not compared because the shadows could not keep up"),
        (summary.lines_left_out, "differences are not in the journal, which takes 100 a second"),
    ];
    for (count, what) in lost.into_iter().filter(|(count, _)| *count > 0) {
        writeln!(out, "{count} {what}")?;
    }
    let examples: Vec<&ShadowDifference> =
        found.shadows.iter().flat_map(|shadow| last(&shadow.examples)).collect();
    if !examples.is_empty() {
        writeln!(out, "the newest differences:")?;
        writeln!(out, "{}", example_table(&examples))?;
    }
    Ok(())
}

/// Tabulates how long calls take, of shadow plugins and of live ones.
fn times(summary: &ShadowSummary) -> Table {
    let mut times = table(&["plugin", "mode", "calls", "mean µs", "50 % µs", "99 % µs", "faults"]);
    let shadows = summary.found.shadows.iter().map(|shadow| &shadow.plugin);
    for plugin in summary.live.iter().chain(shadows) {
        let faults = plugin.faults.iter().filter(|(_, count)| **count > 0);
        times.add_row([
            plugin.name.to_string(),
            plugin.mode.name().to_owned(),
            plugin.calls.to_string(),
            micros(plugin.call_time_mean()),
            micros(plugin.call_time_p50),
            micros(plugin.call_time_p99),
            faults.map(|(kind, count)| format!("{count} {kind}")).collect::<Vec<_>>().join(", "),
        ]);
    }
    right_align(&mut times, 2..6);
    times
}

fn example_table(examples: &[&ShadowDifference]) -> Table {
    let mut shown = table(&["time", "shadow", "message", "client", "line", "live", "shadow says"]);
    for example in examples {
        let side = |side: fn(&lessor_policy_host::Difference) -> &Option<String>| {
            let differences = example.differences.iter().map(|difference| {
                let text = side(difference).as_deref().unwrap_or("–");
                format!("{}: {text}", difference.kind)
            });
            differences.collect::<Vec<_>>().join("\n")
        };
        shown.add_row([
            written(example.time),
            example.plugin.to_string(),
            example.message.clone(),
            example.client.clone(),
            example.circuit_id.clone().unwrap_or_default(),
            side(|difference| &difference.live),
            side(|difference| &difference.shadow),
        ]);
    }
    shown
}

fn last(examples: &[ShadowDifference]) -> &[ShadowDifference] {
    examples.get(examples.len().saturating_sub(SHOWN_EXAMPLES_MAX)..).unwrap_or_default()
}
