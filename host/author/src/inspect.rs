//! `lessor plugin inspect`: what a plugin file is, without running it.

use std::{
    io::{self, Write},
    path::{Path, PathBuf},
    process::ExitCode,
};

use lessor_policy_host::PluginReport;
use serde::Serialize;

use crate::output::{Tone, size, toned};

#[derive(Debug, clap::Args)]
pub(crate) struct InspectArguments {
    /// The plugin: a component or a core module.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// As one object of JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Report<'a> {
    file: &'a Path,
    accepted: bool,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    plugin: Option<&'a PluginReport>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    mistakes: Vec<String>,
}

pub(crate) fn run(arguments: &InspectArguments) -> anyhow::Result<ExitCode> {
    let inspected = lessor_policy_host::inspect(&arguments.file);
    let mistakes = inspected.as_ref().err().into_iter().flatten();
    let mistakes: Vec<String> = mistakes.map(|error| error.problem.to_string()).collect();
    let mut out = io::stdout().lock();
    if arguments.json {
        let report = Report {
            file: &arguments.file,
            accepted: inspected.is_ok(),
            plugin: inspected.as_ref().ok(),
            mistakes,
        };
        writeln!(out, "{}", serde_json::to_string(&report)?)?;
    } else if let Ok(report) = &inspected {
        print(&mut out, &arguments.file, report)?;
    } else {
        let mut err = io::stderr().lock();
        writeln!(err, "{} would be refused:", arguments.file.display())?;
        mistakes.iter().try_for_each(|mistake| writeln!(err, "  it {mistake}"))?;
    }
    Ok(if inspected.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn print(out: &mut impl Write, file: &Path, report: &PluginReport) -> io::Result<()> {
    let mut line = |name: &str, value: String| writeln!(out, "  {name:10} {value}");
    line("file", format!("{}, {}", file.display(), size(report.octets)))?;
    line("sha256", report.digest.clone())?;
    line("hooks", report.hooks.iter().map(|hook| hook.name()).collect::<Vec<_>>().join(", "))?;
    line("exports", report.exports.join("\n             "))?;
    line("imports", none_or(&report.imports, "nothing"))?;
    if !report.denied_imports.is_empty() {
        line("WASI", report.denied_imports.join("\n             "))?;
        line("", "policies get no WASI: a call of it ends the call of the plugin".to_owned())?;
    }
    if let Some(grants) = grants_line(report) {
        line("grants", grants)?;
        line("", "belongs into the file beside the plugin".to_owned())?;
    }
    line(
        "starts with",
        format!(
            "{} of memory, {} table elements",
            size(report.memory_bytes_min),
            report.table_elements_min
        ),
    )?;
    writeln!(out, "{}", toned("The server would load it.", Tone::Good))
}

/// What the file beside the plugin must grant, for what the plugin imports.
fn grants_line(report: &PluginReport) -> Option<String> {
    let short = |import: &String| import.split(['/', '@']).nth(1).map(|name| format!("{name:?}"));
    let imports = report.imports.iter().filter_map(short);
    let granted = ["\"log\"", "\"metrics\"", "\"state\"", "\"tables\""];
    let wanted: Vec<String> = imports.filter(|name| granted.contains(&name.as_str())).collect();
    (!wanted.is_empty()).then(|| format!("grants = [{}]", wanted.join(", ")))
}

fn none_or(names: &[String], nothing: &str) -> String {
    if names.is_empty() { nothing.to_owned() } else { names.join("\n             ") }
}
