//! `lessor plugin inspect`: shows what a plugin file contains, without calling its hooks.

use std::{
    io::{self, Write},
    path::Path,
    process::ExitCode,
};

use lessor_policy_host::PluginReport;
use lessor_settings::Grants;
use serde::Serialize;

use crate::{
    ReadPlugin,
    output::{Tone, size, toned},
    workbench::{KeptCode, PluginFile, PreparedPlugin, Workbench, read_case},
};

#[derive(Debug, clap::Args)]
pub(crate) struct InspectArguments {
    #[command(flatten)]
    plugin: PluginFile,
    /// Print a JSON object.
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct InspectReport<'a> {
    file: &'a Path,
    accepted: bool,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    plugin: Option<&'a PluginReport>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    mistakes: Vec<String>,
}

pub(crate) fn run(
    arguments: &InspectArguments,
    read_plugin: ReadPlugin,
) -> anyhow::Result<ExitCode> {
    let file = &arguments.plugin.file;
    let inspected = inspect(&arguments.plugin, read_plugin);
    let mistakes = inspected.as_ref().err().cloned().unwrap_or_default();
    let mut out = io::stdout().lock();
    if arguments.json {
        let report = InspectReport {
            file,
            accepted: inspected.is_ok(),
            plugin: inspected.as_ref().ok(),
            mistakes,
        };
        writeln!(out, "{}", serde_json::to_string(&report)?)?;
    } else if let Ok(report) = &inspected {
        print(&mut lessor_terminal::stdout(), file, report)?;
        let is_prepared = is_script(&arguments.plugin) || has_settings(&arguments.plugin);
        let verdict = if is_prepared { ACCEPTED } else { CODE_ACCEPTED };
        writeln!(out, "{}", toned(verdict, Tone::Good))?;
    } else {
        let mut err = io::stderr().lock();
        writeln!(err, "{} would be refused:", file.display())?;
        mistakes.iter().try_for_each(|mistake| writeln!(err, "  {}", mistake.trim()))?;
    }
    Ok(if inspected.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Returns the report on the file, or every mistake in it and in its settings. For a script, only
/// its interpreter knows the hooks.
fn inspect(plugin: &PluginFile, read_plugin: ReadPlugin) -> Result<PluginReport, Vec<String>> {
    if is_script(plugin) {
        let report = prepare(plugin, read_plugin)?.report().cloned();
        return report.ok_or_else(|| vec!["it is not a plugin".to_owned()]);
    }
    let kept = KeptCode::open();
    let runtime = kept.runtime().map_err(|refused| refused.0)?;
    let report = runtime.inspect(&plugin.file).map_err(|errors| {
        errors.iter().map(|error| format!("it {}", error.problem)).collect::<Vec<_>>()
    })?;
    if has_settings(plugin) {
        prepare(plugin, read_plugin)?;
    }
    Ok(report)
}

fn prepare(plugin: &PluginFile, read_plugin: ReadPlugin) -> Result<PreparedPlugin, Vec<String>> {
    let workbench = Workbench::open(plugin, read_plugin);
    let prepared = workbench.and_then(|workbench| workbench.prepare(&read_case(None)?));
    prepared.map_err(|refused| refused.0)
}

fn is_script(plugin: &PluginFile) -> bool {
    plugin.file.extension().is_some_and(|ending| ending == "rhai" || ending == "js")
}

/// Whether there is a file with the plugin's settings and grants.
fn has_settings(plugin: &PluginFile) -> bool {
    plugin.settings.is_some() || plugin.file.with_extension("toml").exists()
}

fn print(out: &mut impl Write, file: &Path, report: &PluginReport) -> io::Result<()> {
    let mut line = |name: &str, value: String| writeln!(out, "  {name:10} {value}");
    line("file", format!("{}, {}", file.display(), size(report.octets)))?;
    line("sha256", report.digest.clone())?;
    if let Some(interpreter) = &report.interpreter {
        line("run by", interpreter.display().to_string())?;
    }
    line("hooks", report.hooks.iter().map(|hook| hook.name()).collect::<Vec<_>>().join(", "))?;
    // For a script these are those of its interpreter, and do not describe the script.
    if report.interpreter.is_none() {
        line("exports", report.exports.join(NEXT_LINE))?;
        line("imports", none_or(&report.imports, "nothing"))?;
    }
    if !report.denied_imports.is_empty() {
        line("WASI", report.denied_imports.join(NEXT_LINE))?;
        line(
            "",
            "policies have no WASI: a call of a WASI function ends the call of the plugin"
                .to_owned(),
        )?;
    }
    if !report.capabilities.is_empty() {
        let grants: Grants = report.capabilities.iter().copied().collect();
        line("grants", format!("grants = {grants}"))?;
        line("", "belongs in the settings file beside the plugin".to_owned())?;
    }
    line(
        "starts with",
        format!(
            "{} of memory, {} table elements",
            size(report.memory_bytes_min),
            report.table_elements_min
        ),
    )
}

const ACCEPTED: &str = "The server would load it.";
/// A policy may need settings or grants, and without a sidecar file it is unknown which it will
/// get.
const CODE_ACCEPTED: &str = "The server would accept its code. There is no settings file beside \
     it; `lessor plugin run` shows whether it works without settings.";

/// A line break, and indentation up to the column of the values.
const NEXT_LINE: &str = "\n             ";

fn none_or(names: &[String], nothing: &str) -> String {
    if names.is_empty() { nothing.to_owned() } else { names.join(NEXT_LINE) }
}
