//! Files that attack the compiler, and incomplete files.

use std::{fs, path::PathBuf, thread, time::Duration};

use lessor_guests::hostile::{hungry_to_compile, slow_to_compile};
use lessor_policy_host::{
    CompileLimit, CompileLimits, CompileProblem, CompilerSettings, PluginProblem, Runtime,
    RuntimeSettings,
};
use tempfile::TempDir;

use crate::common::{guest, runtime_without_cache, settings_without_cache};

const LIMITS: CompileLimits =
    CompileLimits { memory_octets: 512 << 20, processor_secs: 100, wall_secs: 200 };

/// A file in a temporary folder.
struct PolicyFile {
    _folder: TempDir,
    path: PathBuf,
}

fn file(octets: &[u8]) -> PolicyFile {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("50-hostile.wasm");
    fs::write(&path, octets).unwrap();
    PolicyFile { _folder: folder, path }
}

fn minimal() -> Vec<u8> {
    fs::read(guest("minimal")).unwrap()
}

fn limited(limits: CompileLimits) -> RuntimeSettings {
    let settings = settings_without_cache();
    RuntimeSettings { compiler: CompilerSettings { limits, ..settings.compiler }, ..settings }
}

/// The problem of the file under these limits.
#[track_caller]
fn refused(octets: &[u8], limits: CompileLimits) -> (PluginProblem, String) {
    let file = file(octets);
    let runtime = Runtime::with_instances_max(limited(limits), 4).unwrap();
    let mut errors = runtime.inspect(&file.path).expect_err("this is not to be accepted");
    assert_eq!(errors.len(), 1, "{errors:?}");
    let text = errors[0].to_string();
    assert!(text.contains("50-hostile"), "{text}");
    (*errors.remove(0).problem, text)
}

#[test]
fn a_function_that_takes_gigabytes_meets_the_limit_of_memory() {
    let (problem, text) = refused(&hungry_to_compile(&minimal()), LIMITS);
    let limit = CompileLimit::MemoryMib(512);
    assert!(
        matches!(problem, PluginProblem::Compile(CompileProblem::Limit(found)) if found == limit),
        "{text}"
    );
    assert!(text.contains("more memory than the limit, 512 MiB"), "{text}");
}

#[test]
fn a_file_that_takes_minutes_meets_the_limit_of_processor_time() {
    let octets = slow_to_compile(&minimal());
    let (problem, text) = refused(&octets, CompileLimits { processor_secs: 1, ..LIMITS });
    let limit = CompileLimit::ProcessorSecs(1);
    assert!(
        matches!(problem, PluginProblem::Compile(CompileProblem::Limit(found)) if found == limit),
        "{text}"
    );
}

#[test]
fn a_file_that_takes_minutes_meets_the_limit_of_the_clock() {
    let octets = slow_to_compile(&minimal());
    let (problem, text) = refused(&octets, CompileLimits { wall_secs: 1, ..LIMITS });
    let limit = CompileLimit::WallSecs(1);
    assert!(
        matches!(problem, PluginProblem::Compile(CompileProblem::Limit(found)) if found == limit),
        "{text}"
    );
}

#[test]
fn a_compilation_ends_when_it_is_cancelled() {
    let file = file(&slow_to_compile(&minimal()));
    let runtime = runtime_without_cache();
    let errors = thread::scope(|scope| {
        let compiling = scope.spawn(|| runtime.inspect(&file.path).unwrap_err());
        thread::sleep(Duration::from_millis(500));
        runtime.stop_compiling();
        compiling.join().unwrap()
    });
    assert!(
        matches!(*errors[0].problem, PluginProblem::Compile(CompileProblem::ServerStops)),
        "{}",
        errors[0]
    );
    let errors = runtime.inspect(&file.path).unwrap_err();
    assert!(
        matches!(*errors[0].problem, PluginProblem::Compile(CompileProblem::ServerStops)),
        "{}",
        errors[0]
    );
}

#[test]
fn a_file_that_was_cut_short_anywhere_is_reported() {
    let whole = minimal();
    let runtime = runtime_without_cache();
    let steps = 60;
    for step in 0..steps {
        let length = 8 + (whole.len() - 9) * step / steps;
        let cut = file(&whole[..length]);
        let errors = runtime.inspect(&cut.path).expect_err("it is not whole");
        let text = errors[0].to_string();
        let is_explained = text.contains("damaged or incomplete")
            || text.contains("without a description of its interfaces");
        assert!(is_explained, "{length} of {}: {text}", whole.len());
    }
}

#[test]
fn damage_is_never_a_panic() {
    let whole = minimal();
    let runtime = runtime_without_cache();
    let mut random = 0x2545_f491_4f6c_dd1d_u64;
    let mut refusals = 0;
    for _ in 0..60 {
        let mut octets = whole.clone();
        for _ in 0..4 {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            let position = 8 + random as usize % (octets.len() - 8);
            octets[position] ^= (random >> 32) as u8 | 1;
        }
        refusals += usize::from(runtime.inspect(&file(&octets).path).is_err());
    }
    assert!(refusals > 10, "{refusals}");
}

#[test]
fn a_program_that_cannot_be_started_or_is_no_compiler_is_named() {
    let inspect = |program: &str| {
        let compiler = CompilerSettings { program: program.into(), limits: LIMITS };
        let settings = RuntimeSettings { compiler, ..RuntimeSettings::default() };
        let runtime = Runtime::with_instances_max(settings, 4).unwrap();
        runtime.inspect(&guest("minimal")).unwrap_err()[0].to_string()
    };
    let text = inspect("/nowhere/lessor");
    assert!(text.contains("/nowhere/lessor, cannot be started"), "{text}");
    let text = inspect("/bin/false");
    assert!(text.contains("ended without an answer"), "{text}");
    let text = inspect("/bin/echo");
    assert!(text.contains("ended without an answer"), "{text}");
}
