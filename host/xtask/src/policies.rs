//! `cargo xtask policies`: builds the shipped policies and the example in every language, and runs
//! the shared cases with each example.

use std::{
    path::Path,
    process::{Command, ExitCode, Stdio},
    time::Instant,
};

use anyhow::Context;
use lessor_policies::{LANGUAGES, Language, NotBuilt};
use lessor_terminal::{Table, right_align};
use serde::Deserialize;

use crate::{
    artifacts::{self, Profile},
    setup,
};

/// The case that is measured: a line in the table that has most of the settings.
const MEASURED_CASE: &str = "01-known-line.toml";

#[derive(Debug, clap::Args)]
pub(crate) struct PoliciesArguments {
    /// Measure with a release build of the server, which takes some minutes to build.
    #[arg(long)]
    release: bool,
    /// Do not install Debian packages.
    #[arg(long)]
    no_install: bool,
}

/// The result of one language.
struct LanguageResult {
    language: &'static Language,
    outcome: Result<Measured, NotBuilt>,
}

struct Measured {
    sum: Sum,
    bench: Bench,
}

/// The last line of `lessor plugin test --json`.
#[derive(Deserialize)]
struct Sum {
    cases: u64,
    passed: u64,
}

/// The output of `lessor plugin bench --json`.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Bench {
    file_octets: u64,
    compile_ms: f64,
    memory_octets: u64,
    hooks: Vec<HookBench>,
    failure: Option<Failure>,
}

#[derive(Deserialize)]
struct Failure {
    kind: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct HookBench {
    p50_us: f64,
    p99_us: f64,
}

/// Builds, tests and measures the policies; the exit code reports whether all languages decide the
/// same.
///
/// # Errors
/// Returns an error if a shipped policy or the server does not build, or if the server's tools
/// cannot be run.
pub(crate) fn run(arguments: &PoliciesArguments) -> anyhow::Result<ExitCode> {
    let began = Instant::now();
    for path in artifacts::policies()? {
        println!("{}", path.display());
    }
    let missing = lessor_policies::missing_packages();
    if !missing.is_empty() && !arguments.no_install {
        // Each language that needs a missing package reports it later.
        setup::install(&missing).unwrap_or_else(|error| eprintln!("{error:#}"));
    }
    let profile = if arguments.release { Profile::Release } else { Profile::Dev };
    let lessor = artifacts::lessor(profile)?;
    let interpreters = artifacts::interpreters()?;
    let mut rows = Vec::new();
    for language in LANGUAGES {
        let outcome = match language.build() {
            Ok(policy) => Ok(measure(&lessor, &policy, &interpreters)?),
            Err(problem) => Err(problem),
        };
        rows.push(LanguageResult { language, outcome });
    }
    println!("{}", table(&rows));
    println!("measured with {}; took {} s", lessor.display(), began.elapsed().as_secs());
    Ok(conclude(&rows))
}

fn measure(lessor: &Path, policy: &Path, interpreters: &Path) -> anyhow::Result<Measured> {
    eprintln!("$ lessor plugin test {}", policy.display());
    let cases = lessor_policies::cases();
    let test = |json: &[&str]| {
        let mut command = Command::new(lessor);
        command.args(["plugin", "test"]).arg(policy).arg("--cases").arg(&cases).args(json);
        command.arg("--interpreters").arg(interpreters);
        command
    };
    let said = test(&["--json"]).stderr(Stdio::inherit()).output();
    let said = String::from_utf8(said.context("cannot run lessor")?.stdout)?;
    let sum: Sum = serde_json::from_str(said.lines().last().unwrap_or_default())
        .with_context(|| format!("lessor plugin test {}: no sum", policy.display()))?;
    if sum.passed != sum.cases {
        // Runs again with readable output.
        test(&[]).status().context("cannot run lessor")?;
    }
    let mut bench = Command::new(lessor);
    bench.args(["plugin", "bench", "--json"]).arg(policy);
    bench.arg("--interpreters").arg(interpreters).arg("--request").arg(cases.join(MEASURED_CASE));
    eprintln!("$ lessor plugin bench {}", policy.display());
    let output = bench.stderr(Stdio::inherit()).output().context("cannot run lessor")?;
    let bench = serde_json::from_slice(&output.stdout)
        .with_context(|| format!("lessor plugin bench {}: {}", policy.display(), output.status))?;
    Ok(Measured { sum, bench })
}

fn table(rows: &[LanguageResult]) -> Table {
    const HEADER: [&str; 7] =
        ["language", "file, KiB", "compile, ms", "memory, KiB", "p50, µs", "p99, µs", "decisions"];
    let mut table = lessor_terminal::table(&HEADER);
    right_align(&mut table, 1..HEADER.len() - 1);
    for LanguageResult { language, outcome } in rows {
        let name = language.name.to_owned();
        let cells = match outcome {
            Ok(Measured { sum, bench }) => {
                let kib = |octets: u64| (octets / 1_024).to_string();
                let calls = bench.hooks.first();
                let us = |found: fn(&HookBench) -> f64| {
                    calls.map_or_else(String::new, |calls| format!("{:.1}", found(calls)))
                };
                // A failed call is shown but not counted, because it depends on the machine.
                let failed = bench.failure.as_ref().map(|failure| format!(", {}", failure.kind));
                let equal = if sum.passed == sum.cases { "equal" } else { "DIFFER" };
                vec![
                    name,
                    kib(bench.file_octets),
                    format!("{:.0}", bench.compile_ms),
                    kib(bench.memory_octets),
                    us(|calls| calls.p50_us),
                    us(|calls| calls.p99_us),
                    format!(
                        "{equal}: {} of {}{}",
                        sum.passed,
                        sum.cases,
                        failed.unwrap_or_default()
                    ),
                ]
            }
            Err(NotBuilt::Unable(_)) => vec![name, "SKIPPED".to_owned()],
            Err(NotBuilt::Failed(_)) => vec![name, "FAILED".to_owned()],
        };
        table.add_row(cells);
    }
    table
}

/// Prints the problems, and returns whether they are failures.
fn conclude(rows: &[LanguageResult]) -> ExitCode {
    let requires_all = std::env::var_os("LESSOR_REQUIRE_E2E").is_some();
    let mut code = ExitCode::SUCCESS;
    for LanguageResult { language, outcome } in rows {
        let is_failure = match outcome {
            Ok(Measured { sum, .. }) => sum.passed != sum.cases,
            Err(problem @ NotBuilt::Unable(_)) => {
                eprintln!("SKIPPED {}: {problem}", language.name);
                requires_all
            }
            Err(problem @ NotBuilt::Failed(_)) => {
                eprintln!("FAILED {}: {problem}", language.name);
                true
            }
        };
        if is_failure {
            code = ExitCode::FAILURE;
        }
    }
    code
}
