//! A start whose policies are not compiled: clients are served meanwhile, as far as the operator
//! allows, and what was compiled takes over without a lost message.

use std::{
    fs,
    net::Ipv4Addr,
    path::Path,
    process::Command,
    thread,
    time::{Duration, Instant},
};

use lessor_e2e::{Notifications, Server, Setup, built, heavy, relay, wait};
use lessor_guests::hostile::hungry_to_compile;
use lessor_load::{Answer, Subscriber};

const SUBNETS: &str = r#"
    [[subnet]]
    prefix = "100.64.0.0/16"
    lease-time = "1h"

    [[subnet.pool]]
    name = "residential"
    range = "100.64.1.0-100.64.9.255"
"#;
const LINK: Ipv4Addr = Ipv4Addr::new(100, 64, 0, 1);
/// What the configuration, the policy that was accepted last, and the script set.
const CONFIGURED_SECS: u32 = 3_600;
const ACCEPTED_SECS: u32 = 777;
const SCRIPT_SECS: u32 = 600;
const ACCEPTED: &str = "[settings]\nlease-time-secs = 777\n";
const JAVASCRIPT: &str = "function decide(request, terms) { terms.leaseTimeSecs = 600; }\n";
/// Its interpreter is compiled in a fraction of the time.
const RHAI: &str = "fn decide(request, terms) { terms.lease_time_secs = 600; }\n";
const EXPLAIN: &[&str] = &["explain", "--link", "100.64.0.1", "--circuit-id", "line-9"];
const NO_POLICIES: &str = "until-compiled = \"no-policies\"";
/// The time within which a client has an answer after the start of a server. Otherwise it is less
/// than a second; a busy machine takes longer to examine a new interpreter.
const ANSWERS_WITHIN: Duration = Duration::from_secs(10);
/// The time within which the interpreter of JavaScript is compiled, on a busy machine.
const COMPILES_WITHIN: Duration = Duration::from_secs(600);

#[test]
fn the_last_accepted_generation_serves_until_a_script_is_compiled() {
    let _alone = heavy();
    let mut server = with_accepted_policy();
    assert_eq!(acquire(&server, 1), ACCEPTED_SECS);
    assert!(server.stop().success());
    server.setup().remove_policy("10-policy");
    server.setup().put_script("20-speed.js", JAVASCRIPT, "");

    let began = Instant::now();
    server.start_again();
    assert_eq!(acquire(&server, 2), ACCEPTED_SECS);
    println!("the first answer came after {:?}", began.elapsed());
    assert!(began.elapsed() < ANSWERS_WITHIN, "{:?}", began.elapsed());
    server.process().says("ANOTHER GENERATION SERVES", wait::SOON);
    let shown = said(&server, &["status"]);
    let words = ["THE GENERATION ACCEPTED AT ", "20-speed", "is not compiled yet", "residential"];
    words.iter().for_each(|word| assert!(shown.contains(word), "no {word:?} in {shown}"));
    wait::within(ANSWERS_WITHIN, "the status to name the file that is compiled", || {
        said(&server, &["status"]).contains("javascript.wasm, for ").then_some(())
    });
    assert!(said(&server, EXPLAIN).contains("last accepted"));
    assert!(server.metrics().contains("lessor_serves_until_compiled 1"));
    // The copy stays that of what was accepted.
    assert!(server.folder().join("store/last-accepted/plugins/10-policy.wasm").exists());

    let lost_none = renewed_until_taken_over(&mut server);
    println!("{lost_none} messages were answered meanwhile");
    assert_eq!(acquire(&server, 3), SCRIPT_SECS);
    let stand_ins: Vec<_> = server
        .journal()
        .into_iter()
        .filter(|line| line.lease_time_secs.is_some())
        .map(|line| (line.lease_time_secs, line.stand_in))
        .collect();
    let wanted = |(secs, stand_in): &(Option<u32>, Option<String>)| match *secs {
        Some(SCRIPT_SECS) => stand_in.is_none(),
        _ => stand_in.as_deref() == Some("last-accepted"),
    };
    // The first two lines are of the start before.
    assert!(stand_ins.len() > 4 && stand_ins.iter().skip(2).all(wanted), "{stand_ins:?}");
    let status = server.status();
    assert_eq!((status.generation, status.plugins.len(), status.reloads), (2, 1, 0));
    assert!(!said(&server, &["status"]).contains("ACCEPTED AT"));
    assert!(server.folder().join("store/last-accepted/plugins/20-speed.js").exists());

    // The next start compiles nothing, although the cache is gone.
    assert!(server.stop().success());
    fs::remove_dir_all(server.folder().join("store/compiled")).unwrap();
    starts_at_once(&mut server);
}

#[test]
fn no_policies_decide_until_they_are_compiled_if_that_is_allowed() {
    let _alone = heavy();
    let setup = Setup::on_loopback(SUBNETS).without_shared_code().with_plugin_setting(NO_POLICIES);
    setup.put_script("20-speed.rhai", RHAI, "");
    let began = Instant::now();
    let mut server = setup.start();
    assert_eq!(acquire(&server, 1), CONFIGURED_SECS);
    println!("the first answer came after {:?}", began.elapsed());
    assert!(began.elapsed() < ANSWERS_WITHIN, "{:?}", began.elapsed());
    assert!(said(&server, &["status"]).contains("NO POLICIES DECIDE since "));
    let explained = said(&server, EXPLAIN);
    assert!(explained.contains("without policies"), "{explained}");
    let line = server.journal_says("the first lease", |line| line.lease_time_secs.is_some());
    assert_eq!(line.stand_in.as_deref(), Some("no-policies"));
    // Nothing was accepted yet.
    assert!(!server.folder().join("store/last-accepted").exists());
    renewed_until_taken_over(&mut server);
    assert_eq!(acquire(&server, 2), SCRIPT_SECS);
    assert!(server.folder().join("store/last-accepted/plugins/20-speed.rhai").exists());
    // A reload is an ordinary one.
    assert!(server.reload().accepted);
    assert_eq!(server.status().generation, 3);

    // After an upgrade, nothing that is there can be used. A check beforehand replaces it.
    assert!(server.stop().success());
    forget_compiled(&server);
    let check = server.ask(&["check", "--warm"]);
    assert!(check.status.success(), "{}", String::from_utf8_lossy(&check.stderr));
    starts_at_once(&mut server);
}

#[test]
fn the_sockets_stay_closed_and_every_command_says_why() {
    let _alone = heavy();
    // That no answer is better than one without the policy weighs more than the permission.
    for (setting, sidecar) in [("", ""), (NO_POLICIES, "on-failure = \"drop\"\n")] {
        let manager = Notifications::open();
        let setup = Setup::on_loopback(SUBNETS)
            .without_shared_code()
            .with_plugin_setting(setting)
            .with_environment("NOTIFY_SOCKET", manager.path());
        setup.put_script("20-speed.rhai", RHAI, sidecar);
        let mut process = setup.launch();
        process.says("THE SOCKETS STAY CLOSED", wait::SOON);
        process.says("20-speed", wait::SOON);
        let told = manager.next();
        let wanted =
            ["STATUS=the server starts, and its sockets are closed", "EXTEND_TIMEOUT_USEC="];
        for words in wanted {
            assert!(told.iter().any(|line| line.starts_with(words)), "no {words:?} in {told:?}");
        }
        let status = lessor(&setup, &["status"]);
        let why = "it has compiled policies for ";
        assert!(status.contains(why) && status.contains("20-speed"), "{status}");
        let waited = lessor(&setup, &["status", "--wait", "1s"]);
        assert!(waited.contains("within 1 s") && waited.contains(why), "{waited}");
        let subscriber = Subscriber::new([2, 0, 0, 0, 0, 1], "line");
        let patience = Duration::from_millis(200);
        let answer = relay(setup.listens_at(), LINK).discover(&subscriber, patience);
        assert!(!matches!(answer, Ok(Answer::Offer(_))), "{answer:?}");

        let ready = thread::scope(|scope| {
            // Whatever is sent has to be read.
            let told = scope.spawn(|| until_ready(&manager));
            let waited = lessor(&setup, &["status", "--wait", "600s"]);
            assert!(waited.contains("generation 1 "), "{waited}");
            told.join().unwrap()
        });
        assert_eq!(ready, ["READY=1"]);
        let lease = relay(setup.listens_at(), LINK).acquire(&subscriber, ANSWERS_WITHIN).unwrap();
        assert_eq!(lease.lease_time_secs, SCRIPT_SECS);
    }
}

#[test]
fn a_server_without_policies_ends_if_they_turn_out_to_be_unusable() {
    let _alone = heavy();
    let setup = Setup::on_loopback(SUBNETS).without_shared_code().with_plugin_setting(NO_POLICIES);
    setup.put_policy("50-hostile", &hungry(), "");
    let mut process = setup.launch();
    process.says("serving", wait::SOON);
    assert!(!process.ended(COMPILES_WITHIN).success());
    let said = process.output();
    assert!(said.contains("no policies can serve") && said.contains("50-hostile"), "{said}");
}

#[test]
fn the_last_accepted_generation_stays_if_the_policies_turn_out_to_be_unusable() {
    let _alone = heavy();
    let mut server = with_accepted_policy();
    assert!(server.stop().success());
    server.setup().put_policy("50-hostile", &hungry(), "");
    server.start_again();
    assert_eq!(acquire(&server, 1), ACCEPTED_SECS);
    server.process().says("THE CONFIGURATION CANNOT SERVE", COMPILES_WITHIN);
    wait::soon("the metric to say so", || {
        server.metrics().contains("lessor_serves_last_accepted 1").then_some(())
    });
    assert!(server.metrics().contains("lessor_serves_until_compiled 0"));
    assert_eq!(acquire(&server, 2), ACCEPTED_SECS);
    let shown = said(&server, &["status"]);
    assert!(shown.contains("50-hostile") && !shown.contains("until these"), "{shown}");
}

#[test]
fn a_stop_does_not_wait_for_the_compiler() {
    let _alone = heavy();
    let setup = Setup::on_loopback(SUBNETS).without_shared_code().with_plugin_setting(NO_POLICIES);
    setup.put_script("20-speed.rhai", RHAI, "");
    let mut server = setup.start();
    assert_eq!(acquire(&server, 1), CONFIGURED_SECS);
    assert!(server.stop().success());
    let said = server.process().output();
    assert!(!said.contains("CANNOT SERVE") && !said.contains("taken over"), "{said}");
}

#[test]
fn code_for_the_whole_architecture_serves_and_code_for_another_does_not() {
    let policy = built::policy("misbehaving");
    let setup = || {
        let setup = Setup::on_loopback(SUBNETS)
            .without_shared_code()
            .with_plugin_setting("cache = \"cache\"");
        setup.with_policy("10-policy", "misbehaving", ACCEPTED)
    };
    let compile = |setup: &Setup, target: &str| {
        let mut command = Command::new(built::lessor());
        command.args(["plugin", "compile", "--target", target, "--cache"]);
        command.arg(setup.folder().join("cache")).arg(&policy).output().unwrap()
    };
    let (own, other) = match std::env::consts::ARCH {
        "aarch64" => ("aarch64-unknown-linux-gnu", "x86_64-unknown-linux-gnu"),
        _ => ("x86_64-unknown-linux-musl", "aarch64-unknown-linux-gnu"),
    };
    let first = setup();
    assert!(compile(&first, own).status.success());
    let mut server = first.start();
    assert_eq!(acquire(&server, 1), ACCEPTED_SECS);
    assert!(!server.process().output().contains("not compiled yet"));
    let cached = fs::read_dir(server.folder().join("cache")).unwrap().count();
    assert_eq!(cached, 3, "two ways to allocate memory, and what was found; none was added");

    let second = setup();
    let compiled = compile(&second, other);
    let said = String::from_utf8_lossy(&compiled.stderr).into_owned();
    assert!(!compiled.status.success(), "this build has no feature `cross`");
    assert!(said.contains("feature `cross`"), "{said}");
    let said = String::from_utf8_lossy(&compile(&second, "z80").stderr).into_owned();
    assert!(said.contains("\"z80\"") && said.contains("x86_64-unknown-linux-gnu"), "{said}");
}

/// Starts a server whose policy sets [`ACCEPTED_SECS`].
#[track_caller]
fn with_accepted_policy() -> Server {
    let setup = Setup::on_loopback(SUBNETS).without_shared_code();
    setup.with_policy("10-policy", "misbehaving", ACCEPTED).start()
}

/// Reads notifications until the server is ready, and returns that one.
fn until_ready(manager: &Notifications) -> Vec<String> {
    let mut told = manager.next();
    while !told.iter().any(|line| line == "READY=1") {
        told = manager.next();
    }
    told
}

fn hungry() -> Vec<u8> {
    hungry_to_compile(&fs::read(built::policy("minimal")).unwrap())
}

/// Renews one lease until the compiled policies decide. Every message must be answered. Returns the
/// number of messages.
#[track_caller]
fn renewed_until_taken_over(server: &mut Server) -> u32 {
    let subscriber = Subscriber::new([2, 0, 0, 0, 1, 1], "renewing");
    let mut relay = relay(server.address(), LINK);
    let mut lease = relay.acquire(&subscriber, ANSWERS_WITHIN).unwrap();
    let (began, mut renewed) = (Instant::now(), 0);
    while lease.lease_time_secs != SCRIPT_SECS {
        assert!(began.elapsed() < COMPILES_WITHIN, "the script does not take over");
        lease = relay.acquire(&subscriber, ANSWERS_WITHIN).unwrap();
        renewed += 1;
        thread::sleep(Duration::from_millis(5));
    }
    server.process().says("the compiled policies have taken over", wait::SOON);
    renewed
}

/// Starts a server again, which serves with its script and compiles nothing.
#[track_caller]
fn starts_at_once(server: &mut Server) {
    let began = Instant::now();
    server.start_again();
    assert_eq!(acquire(server, 4), SCRIPT_SECS);
    println!("the first answer came after {:?}", began.elapsed());
    assert!(began.elapsed() < ANSWERS_WITHIN, "{:?}", began.elapsed());
    assert_eq!(server.status().generation, 1);
    assert!(!server.process().output().contains("not compiled yet"));
}

fn forget_compiled(server: &Server) {
    for folder in ["store/compiled", "store/last-accepted/compiled"] {
        let _ = fs::remove_dir_all(server.folder().join(folder));
    }
}

#[track_caller]
fn acquire(server: &Server, number: u8) -> u32 {
    let subscriber = Subscriber::new([2, 0, 0, 0, 0, number], format!("line-{number}").as_str());
    let lease = relay(server.address(), LINK).acquire(&subscriber, ANSWERS_WITHIN).unwrap();
    lease.lease_time_secs
}

fn said(server: &Server, arguments: &[&str]) -> String {
    let output = server.ask(arguments);
    String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()
}

fn lessor(setup: &Setup, arguments: &[&str]) -> String {
    let configuration: &Path = &setup.folder().join("lessor.toml");
    let mut command = Command::new(built::lessor());
    let output = command.args(arguments).arg("--config").arg(configuration).output().unwrap();
    String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()
}
