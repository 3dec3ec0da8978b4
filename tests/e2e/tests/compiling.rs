//! Policies that are expensive to compile, and incomplete policies: each is refused, the message
//! gives its name and the limit, and clients do not notice.

use std::{
    fs::{self, File},
    os::fd::AsRawFd,
    path::Path,
    process::{Command, Output},
    thread,
    time::{Duration, Instant},
};

use lessor_e2e::{
    Server, Setup, built,
    bystanders::{Bystanders, LINK, SUBNETS},
    compiling::{compiles, is_gone},
    heavy,
    process_status::{children, field, niceness, peak_kib, read},
    relay,
};
use lessor_guests::hostile::{hungry_to_compile, slow_to_compile};
use lessor_load::Subscriber;
use nix::{
    fcntl::{FcntlArg, FdFlag, fcntl},
    sys::signal::{Signal, kill},
    unistd::Pid,
};

const HEALTHY: &str = "[settings]\nlease-time-secs = 777\n";
const LEASE_TIME_SECS: u32 = 777;
const HOSTILE: &str = "50-hostile";
/// The maximum growth of the server's memory while a policy is compiled that takes gigabytes.
const MORE_MEMORY_KIB_MAX: u64 = 64 << 10;
/// The timeout for a policy to reach the memory limit, on a busy machine.
const COMPILES_WITHIN: Duration = Duration::from_secs(60);
const AT_ONCE: Duration = Duration::from_secs(2);

#[test]
fn a_policy_that_takes_gigabytes_to_compile_harms_nobody() {
    let _alone = heavy();
    let setup = Setup::on_loopback(SUBNETS).without_shared_code().with_policy(
        "10-healthy",
        "misbehaving",
        HEALTHY,
    );
    let mut server = setup.start();
    let hostile = hungry_to_compile(&minimal());
    println!("the policy has {} octets", hostile.len());
    let bystanders = Bystanders::of(&mut server, LEASE_TIME_SECS);
    let before = peak_kib(server.process().id());
    let (watched, took) = bystanders.around(&mut server, |server| {
        server.setup().put_policy(HOSTILE, &hostile, "");
        let began = Instant::now();
        let reload = server.hang_up();
        assert!(!reload.accepted, "{}", reload.said);
        names_policy_and_limit(&reload.said);
        began.elapsed()
    });
    watched.conclude("a policy that takes gigabytes to compile");
    let after = peak_kib(server.process().id());
    println!("refused after {took:?}; peak of memory {before} KiB, then {after} KiB");
    assert!(after < before + MORE_MEMORY_KIB_MAX, "{before} KiB, then {after} KiB");
    assert_eq!(server.status().generation, 1);
    assert_eq!(server.status().plugin("10-healthy").faults.values().sum::<u64>(), 0);

    // The file still exists when the server starts again, which serves what it accepted last while
    // it tries.
    assert!(server.stop().success());
    server.start_again();
    server.process().says("THE CONFIGURATION CANNOT SERVE", COMPILES_WITHIN);
    names_policy_and_limit(&server.process().output());
    acquire(&server, 1);
    assert_eq!(server.status().plugins.len(), 1);
}

#[test]
fn tools_refuse_a_policy_that_takes_gigabytes_to_compile() {
    let _alone = heavy();
    let setup = Setup::on_loopback(SUBNETS).without_shared_code().with_argument("--strict");
    setup.put_policy(HOSTILE, &hungry_to_compile(&minimal()), "");
    let mut process = setup.launch();
    assert!(!process.ended(COMPILES_WITHIN).success());
    names_policy_and_limit(&process.output());
    let configuration = setup.folder().join("lessor.toml");
    let said = fails(lessor(setup.folder()).arg("check").arg("--config").arg(configuration));
    names_policy_and_limit(&said);
    let policy = setup.folder().join("plugins/50-hostile.wasm");
    for tool in ["inspect", "run"] {
        let said = fails(lessor(setup.folder()).args(["plugin", tool]).arg(&policy));
        names_policy_and_limit(&said);
    }
}

#[test]
fn a_policy_that_was_cut_short_is_explained() {
    let setup = Setup::on_loopback(SUBNETS).without_shared_code();
    let whole = minimal();
    for length in [0, 4, 8, 9, 100, whole.len() / 2, whole.len() - 1] {
        setup.put_policy(HOSTILE, &whole[..length], "");
        let said = setup.refused();
        assert!(said.contains(HOSTILE) && !said.contains("panicked"), "{length}: {said}");
        let policy = setup.folder().join("plugins/50-hostile.wasm");
        for tool in ["inspect", "run"] {
            let said = fails(lessor(setup.folder()).args(["plugin", tool]).arg(&policy));
            let words = ["damaged or incomplete", "not WebAssembly", "without a description"];
            assert!(words.iter().any(|word| said.contains(word)), "{tool}, {length}: {said}");
        }
    }
    let component = wat::parse_str("(component (type (func)))").unwrap();
    setup.put_policy(HOSTILE, &component[..component.len() - 1], "");
    let said = setup.refused();
    assert!(said.contains("damaged or incomplete"), "{said}");
}

#[test]
fn a_compiler_that_is_killed_costs_one_reload() {
    let mut server = Setup::on_loopback(SUBNETS).without_shared_code().start();
    for (signal, words) in [
        (
            Signal::SIGKILL,
            "killed by another process, or by the system because it ran out of memory",
        ),
        // What the kernel sends at the limit of processor time.
        (Signal::SIGXCPU, "more processor time than the limit, 300 s"),
        (Signal::SIGTERM, "was ended by signal 15"),
    ] {
        server.setup().put_policy(HOSTILE, &slow_to_compile(&minimal()), "");
        let id = server.process().id();
        let said = thread::scope(|scope| {
            let reloading = scope.spawn(|| server.hang_up());
            let child = compiles(id);
            kill(Pid::from_raw(child as i32), signal).unwrap();
            let reload = reloading.join().unwrap();
            assert!(!reload.accepted);
            reload.said
        });
        assert!(said.contains(HOSTILE) && said.contains(words), "{signal}: {said}");
        acquire(&server, 1);
        server.setup().remove_policy(HOSTILE);
        assert!(server.reload().accepted);
    }
}

#[test]
fn the_compiler_has_nothing_of_the_server_but_its_pipes() {
    // The server has an open file that its child processes would inherit.
    let inherited = File::open("/etc/hostname").unwrap();
    fcntl(&inherited, FcntlArg::F_SETFD(FdFlag::empty())).unwrap();
    let inherited = inherited.as_raw_fd();
    let mut server = Setup::on_loopback(SUBNETS)
        .without_shared_code()
        .with_environment("LESSOR_SECRET", "secret")
        .start();
    server.setup().put_policy(HOSTILE, &slow_to_compile(&minimal()), "");
    server.process().signal(Signal::SIGHUP);
    let child = compiles(server.process().id());
    let parent = server.process().id();

    assert!(open_files(parent).iter().any(|file| file.starts_with("socket:")));
    assert!(Path::new(&format!("/proc/{parent}/fd/{inherited}")).exists());
    let files = open_files(child);
    assert_eq!(files.len(), 3, "{files:?}");
    assert!(files.iter().all(|file| file.starts_with("pipe:")), "{files:?}");

    assert!(read(parent, "environ").contains("LESSOR_SECRET"));
    assert_eq!(read(child, "environ"), "");
    for capabilities in ["CapInh", "CapPrm", "CapEff", "CapAmb"] {
        assert_eq!(field(child, capabilities), "0000000000000000", "{capabilities}");
    }
    assert_eq!(field(child, "Threads"), "1");
    assert_eq!(read(child, "oom_score_adj").trim(), "1000");
    // The threads that prepare plugins add 10, and their child processes add another 10.
    assert_eq!(niceness(child), (niceness(parent) + 20).min(19));
    let limits = read(child, "limits");
    for (limit, value) in [
        ("Max cpu time", "300"),
        ("Max address space", "2147483648"),
        ("Max open files", "3"),
        ("Max processes", "0"),
        ("Max file size", "0"),
        ("Max core file size", "1"),
    ] {
        let line = limits.lines().find(|line| line.starts_with(limit)).unwrap();
        assert_eq!(line[limit.len()..].split_whitespace().next().unwrap(), value, "{line}");
    }
}

#[test]
fn the_compiler_ends_with_a_server_that_is_killed() {
    let mut server = Setup::on_loopback(SUBNETS).without_shared_code().start();
    server.setup().put_policy(HOSTILE, &slow_to_compile(&minimal()), "");
    server.process().signal(Signal::SIGHUP);
    let child = compiles(server.process().id());
    assert_eq!(children(server.process().id()), [child], "one compiles at a time");
    server.kill();
    is_gone(child, AT_ONCE);
}

#[test]
fn a_server_whose_program_was_replaced_compiles_on() {
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("lessor");
    // Copied by another process, because a file that is open for writing cannot be executed.
    let copied = Command::new("cp").arg(built::lessor()).arg(&program).status().unwrap();
    assert!(copied.success());
    let mut server =
        Setup::on_loopback(SUBNETS).without_shared_code().with_program(&program).start();
    fs::remove_file(&program).unwrap();
    fs::write(&program, "#!/bin/sh\nexit 7\n").unwrap();
    server.setup().put_policy("10-new", &minimal(), "");
    let reload = server.hang_up();
    assert!(reload.accepted, "{}", reload.said);
    assert_eq!(server.status().plugins.len(), 1);
}

fn minimal() -> Vec<u8> {
    fs::read(built::policy("minimal")).unwrap()
}

#[track_caller]
fn names_policy_and_limit(said: &str) {
    let words = [HOSTILE, "cannot be compiled: it needs more memory than the limit, 2048 MiB"];
    for word in words {
        assert!(said.contains(word), "no {word:?} in {said}");
    }
    assert!(!said.contains("panicked"), "{said}");
}

/// Returns a command for the binary, with a separate folder for compiled code.
fn lessor(folder: &Path) -> Command {
    let mut command = Command::new(built::lessor());
    command.env("XDG_CACHE_HOME", folder.join("cache")).env("NO_COLOR", "1");
    command
}

/// Checks that a command fails, and returns its output.
#[track_caller]
fn fails(command: &mut Command) -> String {
    let Output { status, stderr, .. } = command.output().unwrap();
    let said = String::from_utf8(stderr).unwrap();
    assert_eq!(status.code(), Some(1), "{said}");
    for trace in ["panicked", "backtrace", "RUST_BACKTRACE"] {
        assert!(!said.contains(trace), "{said}");
    }
    said
}

#[track_caller]
fn acquire(server: &Server, number: u8) {
    let subscriber = Subscriber::new([2, 0, 0, 0, 0, number], "line");
    relay(server.address(), LINK).acquire(&subscriber, Duration::from_secs(5)).unwrap();
}

fn open_files(process: u32) -> Vec<String> {
    let entries = fs::read_dir(format!("/proc/{process}/fd")).unwrap().flatten();
    let target = |path: &Path| fs::read_link(path).unwrap_or_default().display().to_string();
    entries.map(|entry| target(&entry.path())).collect()
}
