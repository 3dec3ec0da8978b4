//! `lessor plugin bench`: measures the calls of a policy, made as the server makes them.

use std::{
    io::{self, Write},
    path::{Path, PathBuf},
    process::ExitCode,
    time::{Duration, Instant},
};

use anyhow::Context;
use clap::value_parser;
use lessor_config::Case;
use lessor_core::Terms;
use lessor_policy_host::{Hook, View};
use lessor_vocabulary::Shape;
use serde::Serialize;

use crate::{
    ReadPlugin,
    outcome::{CaseOutcome, Failure},
    output::{counted, size, table},
    request,
    workbench::{CannotRun, PluginFile, PreparedPlugin, Workbench, read_case},
};

/// The maximum number of calls of each hook.
pub const CALLS_MAX: u64 = 1_000_000;
/// The maximum duration of the calls, in seconds.
const SECONDS_MAX: u64 = 3_600;
/// The number of calls of each hook before the measurement.
const WARM_UP_CALLS: usize = 1_000;
/// The number of instances that are created to measure their creation.
const INSTANCES: usize = 5;

#[derive(Debug, clap::Args)]
pub(crate) struct BenchArguments {
    #[command(flatten)]
    plugin: PluginFile,
    /// The request, as for `run`. Defaults to a DISCOVER of a plain client.
    #[arg(long, short, value_name = "FILE")]
    request: Option<PathBuf>,
    /// The number of calls of each hook.
    #[arg(long, default_value_t = 10_000, value_parser = value_parser!(u64).range(1..=CALLS_MAX))]
    calls: u64,
    /// The maximum time for the calls of all hooks together, in seconds.
    #[arg(long, default_value_t = 10, value_parser = value_parser!(u64).range(1..=SECONDS_MAX))]
    seconds: u64,
    /// Print a JSON object.
    #[arg(long)]
    json: bool,
}

/// The results of the measurement.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct BenchReport {
    plugin: String,
    file_octets: u64,
    /// The time from the file to machine code.
    compile_ms: f64,
    /// The same once the code is in the cache.
    from_cache_ms: f64,
    /// The time to create and configure an instance: the median of several.
    instance_ms: f64,
    /// The memory of an instance after all calls.
    memory_octets: usize,
    hooks: Vec<HookReport>,
    #[serde(skip_serializing_if = "Option::is_none")]
    failure: Option<Failure>,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct HookReport {
    hook: Hook,
    calls: usize,
    p50_us: f64,
    p99_us: f64,
    max_us: f64,
}

pub(crate) fn run(arguments: &BenchArguments, read_plugin: ReadPlugin) -> anyhow::Result<ExitCode> {
    let folder = tempfile::tempdir().context("cannot make a folder for compiled code")?;
    let cache = folder.path().join("compiled");
    let measured = read_case(arguments.request.as_deref())
        .and_then(|case| measure(arguments, read_plugin, &cache, &case));
    let report = match measured {
        Ok(report) => report,
        Err(refused) => {
            refused.print()?;
            return Ok(ExitCode::FAILURE);
        }
    };
    if arguments.json {
        writeln!(io::stdout(), "{}", serde_json::to_string(&report)?)?;
    } else {
        print(&mut lessor_terminal::stdout(), &report)?;
    }
    Ok(if report.failure.is_some() { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn measure(
    arguments: &BenchArguments,
    read_plugin: ReadPlugin,
    cache: &Path,
    case: &Case,
) -> Result<BenchReport, CannotRun> {
    let prepare = || {
        let workbench = Workbench::with_cache(&arguments.plugin, read_plugin, cache)?;
        workbench.prepare(case)
    };
    let prepared_ms = |prepared: &PreparedPlugin| {
        let report = prepared.report();
        milliseconds(report.and_then(|report| report.prepared_in).unwrap_or_default())
    };
    let compile_ms = prepared_ms(&prepare()?);
    let mut prepared = prepare()?;
    let mut report = BenchReport {
        plugin: prepared.report().map(|report| report.name.clone()).unwrap_or_default(),
        file_octets: prepared.report().map_or(0, |report| report.octets),
        compile_ms,
        from_cache_ms: prepared_ms(&prepared),
        instance_ms: instance_ms(&prepared)?,
        memory_octets: 0,
        hooks: Vec::new(),
        failure: None,
    };
    let outcome = prepared.attempt(&case.request)?;
    if outcome.failure.is_some() {
        report.failure = outcome.failure;
        return Ok(report);
    }
    let until = Instant::now() + Duration::from_secs(arguments.seconds);
    let samples = Samples { calls: arguments.calls as usize, until };
    report.hooks = measure_hooks(&mut prepared, case, &outcome, &samples)?;
    report.memory_octets = prepared.runner.memory_octets();
    report.failure = prepared.failure();
    Ok(report)
}

/// The first instance exists already, and creating each further one also creates a spare in the
/// background, so this waits for the spare before each measurement.
fn instance_ms(prepared: &PreparedPlugin) -> Result<f64, CannotRun> {
    let mut took = Vec::new();
    for _ in 0..INSTANCES {
        prepared.wait_for_spare();
        let began = Instant::now();
        let runner = prepared.chain.runner()?;
        took.push(milliseconds(began.elapsed()));
        drop(runner);
    }
    took.sort_by(f64::total_cmp);
    Ok(took.get(INSTANCES / 2).copied().unwrap_or_default())
}

/// The limits of the samples that are taken.
struct Samples {
    calls: usize,
    until: Instant,
}

impl Samples {
    fn take(&self, hook: Hook, mut call: impl FnMut()) -> HookReport {
        for _ in 0..WARM_UP_CALLS.min(self.calls) {
            call();
            if Instant::now() > self.until {
                break;
            }
        }
        let mut took_ns = Vec::with_capacity(self.calls);
        while took_ns.len() < self.calls {
            let began = Instant::now();
            call();
            let ended = Instant::now();
            took_ns.push(u64::try_from((ended - began).as_nanos()).unwrap_or(u64::MAX));
            if ended > self.until {
                break;
            }
        }
        took_ns.sort_unstable();
        let at = |percent: usize| {
            let place = (took_ns.len() * percent).div_ceil(100).saturating_sub(1);
            took_ns.get(place).copied().unwrap_or_default() as f64 / 1_000.0
        };
        let (p50_us, p99_us, max_us) = (at(50), at(99), at(100));
        HookReport { hook, calls: took_ns.len(), p50_us, p99_us, max_us }
    }
}

fn measure_hooks(
    prepared: &mut PreparedPlugin,
    case: &Case,
    outcome: &CaseOutcome,
    samples: &Samples,
) -> Result<Vec<HookReport>, CannotRun> {
    let described = &case.request;
    let view = request::view(described).map_err(|error| CannotRun(vec![format!("{error:#}")]))?;
    let asked = match described.event {
        Some(_) => None,
        None => prepared.ask(described, view.clone(), &mut CaseOutcome::default()),
    };
    let nothing = Terms::default();
    let (view, terms) = match &asked {
        Some(asked) => (asked.view(), asked.terms()),
        None => (&view, &nothing),
    };
    let mut reports = Vec::new();
    for hook in outcome.calls.iter().map(|call| call.hook) {
        reports.push(match hook.shape() {
            Shape::Plan if hook == Hook::PlanFurtherLookups => samples.take(hook, || {
                std::hint::black_box(prepared.runner.plan_further(view));
            }),
            Shape::Plan => samples.take(hook, || {
                std::hint::black_box(prepared.runner.plan(view));
            }),
            Shape::PlanEvent => {
                let event = request::event(described, view);
                let mut observer = prepared.chain.observer()?;
                samples.take(hook, || {
                    std::hint::black_box(observer.plan(&event));
                })
            }
            Shape::Edit => measure_reply(prepared, case, view, terms, samples),
            Shape::Tell => {
                let event = request::event(described, view);
                let mut observer = prepared.chain.observer()?;
                samples.take(hook, || observer.on_lease(&event))
            }
            Shape::Decide => samples.take(hook, || {
                std::hint::black_box(prepared.runner.terms(view));
            }),
        });
    }
    Ok(reports)
}

fn measure_reply(
    prepared: &mut PreparedPlugin,
    case: &Case,
    view: &View,
    terms: &Terms,
    samples: &Samples,
) -> HookReport {
    let reply = request::reply(&case.request, view, terms);
    samples.take(Hook::ReplyOptions, || {
        let Some(mut reply) = reply.clone() else { return };
        std::hint::black_box(prepared.runner.edit_reply(view, &mut reply));
    })
}

fn print(out: &mut impl Write, report: &BenchReport) -> io::Result<()> {
    let mut rows = table(&["hook", "calls", "p50 µs", "p99 µs", "longest µs"], 1);
    for hook in &report.hooks {
        let HookReport { hook, calls, p50_us, p99_us, max_us } = hook;
        let micros = |us: &f64| format!("{us:.2}");
        let name = hook.to_string();
        rows.add_row([name, calls.to_string(), micros(p50_us), micros(p99_us), micros(max_us)]);
    }
    writeln!(out, "{rows}")?;
    writeln!(
        out,
        "file {}; compiled in {:.1} ms, read from the cache in {:.1} ms",
        size(report.file_octets),
        report.compile_ms,
        report.from_cache_ms
    )?;
    writeln!(
        out,
        "instance made and configured in {:.2} ms; its memory after {}: {}",
        report.instance_ms,
        counted(report.hooks.iter().map(|hook| hook.calls).sum(), "call"),
        size(report.memory_octets as u64)
    )?;
    report.failure.iter().try_for_each(|failure| writeln!(out, "{failure}"))
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1_000.0
}
