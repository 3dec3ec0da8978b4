//! `lessor plugin run`: runs a policy on one request.

use std::{
    io::{self, Write},
    path::PathBuf,
    process::ExitCode,
};

use lessor_config::Case;
use lessor_core::{option::code, readable};
use lessor_policy_host::Hook;
use serde::Serialize;

use crate::{
    ReadPlugin, option_text,
    outcome::{Call, CaseOutcome, Failure},
    output::{Tone, toned, written},
    request,
    workbench::{CannotRun, PluginFile, Workbench, read_case},
};

#[derive(Debug, clap::Args)]
pub(crate) struct RunArguments {
    #[command(flatten)]
    plugin: PluginFile,
    /// The request in TOML or JSON, or a case, of which `request` and `settings` are used. Defaults
    /// to a DISCOVER of a plain client.
    #[arg(long, short, value_name = "FILE")]
    request: Option<PathBuf>,
    /// Show the request as the policy reads it.
    #[arg(long)]
    trace: bool,
    /// Print a JSON object.
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct RunReport<'a> {
    plugin: &'a str,
    calls: &'a [Call],
    outcome: serde_json::Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    failure: Option<&'a Failure>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    unanswered_lookups: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    request: Option<&'a lessor_core::Request>,
}

pub(crate) fn run(arguments: &RunArguments, read_plugin: ReadPlugin) -> anyhow::Result<ExitCode> {
    let tried = read_case(arguments.request.as_deref()).and_then(|case| {
        let workbench = Workbench::open(&arguments.plugin, read_plugin)?;
        let outcome = workbench.attempt(&case)?;
        let view = request::view(&case.request);
        let view = view.map_err(|error| CannotRun(vec![format!("{error:#}")]))?;
        Ok((workbench, case, view, outcome))
    });
    let (workbench, case, view, outcome) = match tried {
        Ok(tried) => tried,
        Err(refused) => {
            refused.print()?;
            return Ok(ExitCode::FAILURE);
        }
    };
    let mut out = io::stdout().lock();
    if arguments.json {
        let report = RunReport {
            plugin: &workbench.source().name,
            calls: &outcome.calls,
            outcome: outcome.effects.to_json(),
            failure: outcome.failure.as_ref(),
            unanswered_lookups: &outcome.unanswered,
            request: arguments.trace.then_some(&*view.request),
        };
        writeln!(out, "{}", serde_json::to_string(&report)?)?;
    } else {
        if arguments.trace {
            print_request(&mut out, &view)?;
        }
        print(&mut out, &workbench.source().name, &case, &outcome)?;
    }
    Ok(if outcome.failure.is_some() { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn print(out: &mut impl Write, plugin: &str, case: &Case, outcome: &CaseOutcome) -> io::Result<()> {
    if outcome.calls.is_empty() {
        let hook = match case.request.event {
            Some(_) => Hook::OnLease,
            None => Hook::for_request(case.request.kind),
        };
        return writeln!(out, "{plugin} has no hook {hook}: it is not asked about this request");
    }
    for Call { hook, took } in &outcome.calls {
        let took = format!("{:.1} µs", took.as_nanos() as f64 / 1_000.0);
        writeln!(out, "{plugin} {hook} {}", toned(&took, Tone::Quiet))?;
    }
    for (key, value) in outcome.effects.lines_of_run() {
        let is_log = key == "log";
        if !is_log {
            writeln!(out, "  {key} = {value}")?;
        }
    }
    for line in outcome.effects.log.iter().flatten() {
        writeln!(out, "  {} {line}", toned("log:", Tone::Quiet))?;
    }
    for name in &outcome.unanswered {
        writeln!(
            out,
            "  lookup {name:?} counts as unavailable: the request has no answer for it. Write \
             lookups.{name} = {{ field = \"value\" }} or \"not-found\" into it"
        )?;
    }
    if let Some(failure) = &outcome.failure {
        writeln!(out, "  {}", toned(&failure.to_string(), Tone::Bad))?;
    }
    Ok(())
}

fn print_request(out: &mut impl Write, view: &lessor_policy_host::View) -> io::Result<()> {
    let request = &view.request;
    writeln!(out, "{} at {}", request.kind.name(), written(view.now))?;
    let mut line = |name: &str, value: String| writeln!(out, "  {name:33} {value}");
    line("client key", view.client.to_string())?;
    if request.kind == lessor_core::RequestKind::Request {
        line("client state", format!("{:?}", request.client_state()).to_lowercase())?;
    }
    line("network", format!("{} ({})", view.network.name, prefix(view)))?;
    if request.is_relayed() {
        line("relay address", request.relay_address.to_string())?;
    }
    if !request.client_address.is_unspecified() {
        line("client address", request.client_address.to_string())?;
    }
    for (code, octets) in request.relay_information.iter().flat_map(|relay| relay.sub_options()) {
        let name = match code {
            lessor_core::relay::CIRCUIT_ID => "circuit id".to_owned(),
            lessor_core::relay::REMOTE_ID => "remote id".to_owned(),
            code => format!("relay sub-option {code}"),
        };
        line(&name, readable(octets))?;
    }
    // These options are shown above in a clearer form.
    let is_shown = |code| matches!(code, code::MESSAGE_TYPE | code::RELAY_AGENT_INFORMATION);
    for (code, octets) in request.options.iter().filter(|(code, _)| !is_shown(*code)) {
        line(
            &format!("option {code} {}", view.catalogue.name(code).unwrap_or_default()),
            option_text::value(code, octets, &view.catalogue),
        )?;
    }
    if let Some(binding) = &view.binding {
        let state = if binding.is_active(view.now) { "runs" } else { "has ended" };
        line("lease on record", format!("{} {state}", binding.address))?;
    }
    Ok(())
}

fn prefix(view: &lessor_policy_host::View) -> String {
    view.network.subnets.first().map(|subnet| subnet.prefix.to_string()).unwrap_or_default()
}
