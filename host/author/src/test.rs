//! `lessor plugin test`: runs a policy on a folder of cases.

use std::{
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

use anyhow::{Context, bail};
use lessor_config::{Case, FILE_OCTETS_MAX};
use serde::Serialize;

use crate::{
    ReadPlugin, cases,
    outcome::{CaseOutcome, Difference, Effects},
    output::{Tone, colour_on_stderr, counted, table, toned},
    workbench::{CannotRun, PluginFile, Workbench},
};

#[derive(Debug, clap::Args)]
pub(crate) struct TestArguments {
    #[command(flatten)]
    plugin: PluginFile,
    /// The folder with the cases.
    #[arg(long, default_value = "cases", value_name = "FOLDER")]
    cases: PathBuf,
    /// Write the policy's results into `expect` of every case instead of comparing them.
    #[arg(long)]
    update: bool,
    /// Print JSON lines: one object for each case, then the totals.
    #[arg(long)]
    json: bool,
}

/// The result of one case.
struct Tried {
    name: String,
    path: PathBuf,
    result: Result<CaseOutcome, CannotRun>,
    differences: Vec<Difference>,
    was_updated: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct CaseReport<'a> {
    case: &'a str,
    file: &'a Path,
    passed: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    mistakes: Option<&'a [String]>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    differences: &'a [Difference],
    #[serde(skip_serializing_if = "Option::is_none")]
    outcome: Option<serde_json::Value>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    updated: bool,
}

#[derive(Serialize)]
struct Sum {
    cases: usize,
    passed: usize,
    failed: usize,
}

pub(crate) fn run(arguments: &TestArguments, read_plugin: ReadPlugin) -> anyhow::Result<ExitCode> {
    let workbench = match Workbench::open(&arguments.plugin, read_plugin) {
        Ok(workbench) => workbench,
        Err(refused) => {
            refused.print()?;
            return Ok(ExitCode::FAILURE);
        }
    };
    let found = cases::find(&arguments.cases)?;
    let mut tried = Vec::new();
    for (name, path) in found {
        tried.push(attempt(&workbench, name, path, arguments.update));
    }
    let passed = tried.iter().filter(|case| case.is_passed()).count();
    if let Some(refused) = refusal_of_all(&tried).filter(|_| !arguments.json) {
        refused.print()?;
        return Ok(ExitCode::FAILURE);
    }
    let mut out = io::stdout().lock();
    if arguments.json {
        print_json(&mut out, &tried, passed)?;
    } else {
        print(&mut out, &tried, passed)?;
    }
    Ok(if passed == tried.len() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The problem that prevents every case, if it is the same for all: a missing or invalid file.
fn refusal_of_all(tried: &[Tried]) -> Option<&CannotRun> {
    let first = tried.first()?.result.as_ref().err()?;
    let is_alike = |case: &Tried| case.result.as_ref().is_err_and(|refused| refused.0 == first.0);
    (tried.len() > 1 && tried.iter().all(is_alike)).then_some(first)
}

fn attempt(workbench: &Workbench, name: String, path: PathBuf, update: bool) -> Tried {
    let mut tried = Tried {
        name,
        path,
        result: Err(CannotRun::default()),
        differences: vec![],
        was_updated: false,
    };
    let case = match lessor_config::load_case(&tried.path) {
        Ok(case) => case,
        Err(mistakes) => {
            tried.result = Err(CannotRun(vec![mistakes.render(colour_on_stderr())]));
            return tried;
        }
    };
    tried.result = workbench.attempt(&case);
    let Ok(outcome) = &tried.result else { return tried };
    if update {
        match rewrite(&tried.path, &case, outcome) {
            Ok(was_updated) => tried.was_updated = was_updated,
            Err(error) => tried.result = Err(CannotRun(vec![format!("{error:#}")])),
        }
        return tried;
    }
    match &case.expectation {
        Some(expectation) => {
            tried.differences = Effects::from(expectation).differences(&outcome.effects);
        }
        None => {
            let what = format!(
                "{} has no [expect]; add it, or let --update write it",
                tried.path.display()
            );
            tried.result = Err(CannotRun(vec![what]));
        }
    }
    tried
}

/// Writes the effects of the policy into the case if they differ. Returns whether they did.
fn rewrite(path: &Path, case: &Case, outcome: &CaseOutcome) -> anyhow::Result<bool> {
    let mut effects = outcome.effects.clone();
    let expected = case.expectation.as_ref().map(Effects::from);
    if expected.as_ref().is_some_and(|expected| expected.differences(&effects).is_empty()) {
        return Ok(false);
    }
    // The log is written only to cases that already expect one.
    if expected.is_none_or(|expected| expected.log.is_none()) {
        effects.log = None;
    }
    let text = lessor_files::read_text(path, FILE_OCTETS_MAX as u64)
        .with_context(|| format!("cannot read {}", path.display()))?;
    let text = with_expectation(&text, &effects.to_toml())
        .with_context(|| format!("{} was not changed", path.display()))?;
    lessor_config::parse_case(&path.display().to_string(), &text)
        .map_err(|mistakes| anyhow::anyhow!("{mistakes}"))?;
    fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(true)
}

/// Replaces the content of `[expect]` in a case. Comments in that table are lost, all others are
/// kept.
fn with_expectation(text: &str, expectation: &str) -> anyhow::Result<String> {
    if text.trim_start().starts_with('{') {
        bail!("only cases in TOML can be rewritten; write this one as TOML");
    }
    let lines: Vec<&str> = text.lines().collect();
    let header = |line: &&str| line.trim_start().starts_with('[');
    let is_own = |line: &str| {
        let line = line.trim_start();
        line.starts_with("[expect]") || line.starts_with("[expect.")
    };
    if lines.iter().any(|line| line.trim_start().starts_with("expect")) {
        bail!("write [expect] as a separate table with a header");
    }
    if !lines.iter().any(header) {
        bail!("it contains only a request; write [request] above it");
    }
    let start = lines.iter().position(|line| is_own(line)).unwrap_or(lines.len());
    let (before, after) = lines.split_at(start);
    let next = after.iter().position(|line| header(line) && !is_own(line));
    // Comments directly above a header belong to it.
    let is_comment = |line: &&&str| line.trim_start().starts_with('#');
    let of_next = |next| after.iter().take(next).rev().take_while(is_comment).count();
    let end = next.map_or(after.len(), |next| next - of_next(next));
    let (_, kept) = after.split_at(end);
    if kept.iter().any(|line| is_own(line)) {
        bail!("[expect] occurs in two places; write it once");
    }
    let mut result = before.join("\n").trim_end().to_owned();
    result.push_str("\n\n[expect]\n");
    result.push_str(expectation);
    if !kept.is_empty() {
        result.push('\n');
        result.push_str(&kept.join("\n"));
        result.push('\n');
    }
    Ok(result)
}

impl Tried {
    fn is_passed(&self) -> bool {
        self.result.is_ok() && self.differences.is_empty()
    }

    fn word(&self) -> String {
        match (&self.result, self.was_updated) {
            (Err(_), _) => toned("refused", Tone::Bad),
            (Ok(_), true) => toned("rewritten", Tone::Good),
            (Ok(_), false) if self.differences.is_empty() => toned("passed", Tone::Good),
            (Ok(_), false) => toned("differs", Tone::Bad),
        }
    }

    fn took(&self) -> Option<Duration> {
        let outcome = self.result.as_ref().ok()?;
        Some(outcome.calls.iter().map(|call| call.took).sum())
    }
}

fn print(out: &mut impl Write, tried: &[Tried], passed: usize) -> io::Result<()> {
    let mut rows = table(&["case", "result", "hooks", "µs"], 3);
    for case in tried {
        let hooks: Vec<&str> = case
            .result
            .iter()
            .flat_map(|outcome| outcome.calls.iter().map(|call| call.hook.name()))
            .collect();
        let took = case.took().map(|took| format!("{:.1}", took.as_nanos() as f64 / 1_000.0));
        rows.add_row([case.name.clone(), case.word(), hooks.join(", "), took.unwrap_or_default()]);
    }
    writeln!(out, "{rows}")?;
    if tried.iter().any(|case| !case.differences.is_empty()) {
        writeln!(out, "lines with - were expected, lines with + are what the policy does:")?;
    }
    for case in tried {
        print_case(out, case)?;
    }
    let failed = tried.len() - passed;
    let tone = if failed == 0 { Tone::Good } else { Tone::Bad };
    let sum = format!("{}: {passed} passed, {failed} failed", counted(tried.len(), "case"));
    writeln!(out, "{}", toned(&sum, tone))
}

fn print_case(out: &mut impl Write, case: &Tried) -> io::Result<()> {
    if case.is_passed() {
        return Ok(());
    }
    writeln!(out, "{}", case.path.display())?;
    let outcome = match &case.result {
        Ok(outcome) => outcome,
        Err(refused) => return write!(out, "{refused}"),
    };
    for line in case.differences.iter().flat_map(Difference::lines) {
        let tone = if line.starts_with('-') { Tone::Bad } else { Tone::Good };
        writeln!(out, "  {}", toned(&line, tone))?;
    }
    if let Some(failure) = &outcome.failure {
        writeln!(out, "  {failure}")?;
    }
    for name in &outcome.unanswered {
        writeln!(out, "  lookup {name:?} has no answer in [request.lookups]: it is unavailable")?;
    }
    Ok(())
}

fn print_json(out: &mut impl Write, tried: &[Tried], passed: usize) -> anyhow::Result<()> {
    for case in tried {
        let report = CaseReport {
            case: &case.name,
            file: &case.path,
            passed: case.is_passed(),
            mistakes: case.result.as_ref().err().map(|refused| refused.0.as_slice()),
            differences: &case.differences,
            outcome: case.result.as_ref().ok().map(|outcome| outcome.effects.to_json()),
            updated: case.was_updated,
        };
        writeln!(out, "{}", serde_json::to_string(&report)?)?;
    }
    let sum = Sum { cases: tried.len(), passed, failed: tried.len() - passed };
    writeln!(out, "{}", serde_json::to_string(&sum)?)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_expectation_is_replaced_where_it_stands() {
        let case = "# who\n[request]\nkind = \"inform\"\n\n[expect] # old\npool = \"a\"\n[expect.reply]\n\n\
                    # why\n[settings]\nx = 1\n";
        let expected = "# who\n[request]\nkind = \"inform\"\n\n[expect]\npool = \"b\"\n\n# why\n[settings]\nx = 1\n";
        assert_eq!(with_expectation(case, "pool = \"b\"\n").unwrap(), expected);
        assert_eq!(with_expectation(expected, "pool = \"b\"\n").unwrap(), expected);
    }

    #[test]
    fn an_expectation_is_added_where_there_is_none() {
        let added = with_expectation("[request]\n", "pool = \"b\"\n").unwrap();
        assert_eq!(added, "[request]\n\n[expect]\npool = \"b\"\n");
    }

    #[test]
    fn what_cannot_be_rewritten_is_left_alone() {
        for (text, why) in [
            ("{}", "TOML"),
            ("expect = { pool = \"a\" }\n[request]\n", "a separate table"),
            ("kind = \"inform\"\n", "[request]"),
            ("[expect]\n[request]\n[expect.reply]\n", "two places"),
        ] {
            let error = with_expectation(text, "").unwrap_err().to_string();
            assert!(error.contains(why), "{error}");
        }
    }
}
