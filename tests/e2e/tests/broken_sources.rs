//! Sources that fail in part: lines that do not depend on the failing part lose nothing.

use std::{
    fs,
    net::{Ipv4Addr, SocketAddrV4},
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU16, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use lessor_e2e::{
    Server, Setup,
    attack::{Finding, scaled},
    heavy, relay,
    sources::{Answer, WebService},
    wait,
};
use lessor_load::{Subscriber, dhcproto::v4::MessageType};
use rusqlite::Connection;

const SUBNETS: &str = r#"
    [[subnet]]
    prefix = "100.64.0.0/16"
    lease-time = "1h"

    [[subnet.pool]]
    name = "residential"
    range = "100.64.1.0-100.64.250.255"
"#;
const LINK: Ipv4Addr = Ipv4Addr::new(100, 64, 0, 1);
const PATIENCE: Duration = Duration::from_secs(5);
/// The number of losses after which the test stops waiting for more.
const LOST_ENOUGH: u64 = 5;

/// The policy looks up the circuit id in the source, and writes the answer to option 224.
const POLICY: &str = r#"
    [settings]
    plan = [["line", "crm", "circuit-id"]]
    field = "plan"
"#;

fn started(source: &str) -> Server {
    on(Setup::on_loopback(SUBNETS), source)
}

fn on(setup: Setup, source: &str) -> Server {
    let source = format!("[[lookup]]\nname = \"crm\"\n{source}\n");
    setup.with_tables(&source).with_policy("10-planner", "planner", POLICY).start()
}

fn web_source(service: &WebService) -> String {
    format!(
        "type = \"http\"\nurl = \"http://{}/ports/{{key}}\"\non-failure = \"drop\"\n",
        service.address()
    )
}

fn line(number: usize, circuit_id: &str) -> Subscriber {
    let [_, _, _, _, _, _, high, low] = number.to_be_bytes();
    Subscriber::new([2, 0, 0, 1, high, low], circuit_id)
}

/// The results of the lines that do not depend on the failing part.
#[derive(Debug, Default)]
struct Bystanders {
    sent: u64,
    served: u64,
    took: Vec<Duration>,
    within: Duration,
}

impl Bystanders {
    /// Sends a DISCOVER from each line, with a pause in between. Each should get an OFFER with the
    /// line's row in option 224.
    fn send(
        server: SocketAddrV4,
        pause: Duration,
        lines: impl Iterator<Item = Subscriber>,
    ) -> Self {
        let mut relay = relay(server, LINK);
        let mut found = Self::default();
        let begun = Instant::now();
        for line in lines {
            if found.sent - found.served >= LOST_ENOUGH {
                break;
            }
            thread::sleep(pause);
            let message = relay.message(&line, MessageType::Discover).unwrap();
            let begun = Instant::now();
            let reply = relay.exchange(&message, PATIENCE).unwrap();
            found.took.push(begun.elapsed());
            found.sent += 1;
            let heard = reply.and_then(|reply| Some(reply.options.get(224)?.to_vec()));
            let heard = heard.map(|heard| String::from_utf8_lossy(&heard).into_owned());
            found.served +=
                u64::from(heard.is_some_and(|heard| heard.contains("LookupStatus::Found")));
        }
        found.within = begun.elapsed();
        found
    }

    fn p99(&self) -> Duration {
        let mut took = self.took.clone();
        took.sort_unstable();
        took[(took.len() * 99 / 100).min(took.len() - 1)]
    }

    fn rate(&self) -> u64 {
        (self.sent as f64 / self.within.as_secs_f64()) as u64
    }

    /// Reports what they lost during an attack, and fails the test if they lost anything.
    #[track_caller]
    fn conclude(self, attack: &str, before: &Self, slowest: Duration, more: &str) {
        let lost = self.sent - self.served;
        let note = format!(
            "{} exchanges/s, p99 {:.1} ms; before {} exchanges/s, p99 {:.1} ms{more}",
            self.rate(),
            self.p99().as_secs_f64() * 1e3,
            before.rate(),
            before.p99().as_secs_f64() * 1e3,
        );
        println!("{attack}: {lost} of {} lost; {note}", self.sent);
        Finding {
            attack: attack.to_owned(),
            subject: "DISCOVERs of other lines".to_owned(),
            sent: self.sent,
            served: self.served,
            refused: 0,
            lost,
            wanted: format!("lost 0, p99 < {} ms", slowest.as_millis()),
            note,
            held: lost == 0 && before.sent == before.served && self.p99() < slowest,
        }
        .conclude();
    }
}

/// Sends DISCOVERs from another thread until it is dropped.
struct Attack {
    is_over: Arc<AtomicBool>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Attack {
    /// Sends one message per `pause`; `line` returns the line of each number.
    fn begin(
        server: SocketAddrV4,
        pause: Duration,
        line: impl Fn(usize) -> Subscriber + Send + 'static,
    ) -> Self {
        let is_over = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&is_over);
        let thread = thread::spawn(move || {
            let mut relay = relay(server, LINK);
            for number in 0.. {
                if seen.load(Ordering::Relaxed) {
                    return;
                }
                let message = relay.message(&line(number), MessageType::Discover).unwrap();
                relay.exchange(&message, pause).unwrap();
            }
        });
        Self { is_over, thread: Some(thread) }
    }
}

impl Drop for Attack {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Returns a service that answers 500 for lines that begin with `bad`.
fn partly_broken() -> WebService {
    WebService::start(|asked| match asked.path.rsplit('/').next() {
        Some(line) if line.starts_with("bad") => Answer::status(500),
        _ => Answer::ok(r#"{"plan":"fast"}"#),
    })
}

/// No row of the bystanders is cached when they ask.
fn a_service_fails_for_some(
    attack: &str,
    bad: impl Fn(usize) -> String + Clone + Send + 'static,
) -> usize {
    let _alone = heavy();
    let service = partly_broken();
    let mut server = started(&web_source(&service));
    let count = scaled(1_000, 10_000);
    let lines = |first: usize| (first..first + count).map(|n| line(n, &format!("line-{n}")));
    // Slower than the attack, so that several failures occur between two of these messages.
    let pause = Duration::from_millis(3);
    let before = Bystanders::send(server.address(), pause, lines(0));
    let during = {
        let _attacks = [0, 1].map(|part| {
            let bad = bad.clone();
            Attack::begin(server.address(), Duration::from_millis(1), move |number| {
                line(50_000 + part * 1_000 + number % 1_000, &bad(2 * number + part))
            })
        });
        Bystanders::send(server.address(), pause, lines(20_000))
    };
    let asked = service.asked();
    let of_the_bad = asked.iter().filter(|asked| asked.path.contains("/bad")).count();
    let more = format!("; the service was asked {of_the_bad} times about what fails");
    assert_eq!(server.process().times_said("is left alone"), 0);
    let errors = server.process().times_said("lookup failed");
    let secs = during.within.as_secs();
    assert!(errors as u64 <= secs / 10 + 1, "{errors} lines in {secs} s");
    during.conclude(attack, &before, Duration::from_millis(500), &more);
    of_the_bad
}

#[test]
fn one_line_that_a_service_fails_for_takes_it_away_from_nobody() {
    let begun = Instant::now();
    let asked = a_service_fails_for_some("one line with status 500", |_| "bad".to_owned());
    // The server caches the failure for two seconds.
    let most = begun.elapsed().as_secs() / 2 + 1;
    assert!((1..=most).contains(&(asked as u64)), "{asked} questions, at most {most} wanted");
}

#[test]
fn many_lines_that_a_service_fails_for_take_it_away_from_nobody() {
    a_service_fails_for_some("many lines with status 500", |number| format!("bad-{number}"));
}

/// Creates a database of lines, with or without an index.
fn database(path: &Path, plan: &str, lines: usize, index: &str) {
    let mut database = Connection::open(path).unwrap();
    database.execute_batch("CREATE TABLE ports (port TEXT, plan TEXT)").unwrap();
    database.execute_batch(index).unwrap();
    let filling = database.transaction().unwrap();
    for number in 0..lines {
        let row = [format!("line-{number}"), plan.to_owned()];
        filling.execute("INSERT INTO ports VALUES (?1, ?2)", row).unwrap();
    }
    filling.commit().unwrap();
}

const INDEX: &str = "CREATE INDEX by_port ON ports (port)";

fn database_source(more: &str) -> String {
    format!(
        "type = \"sqlite\"\npath = \"ports.db\"\non-failure = \"drop\"\n\
         query = \"SELECT plan FROM ports WHERE port = $1\"\n{more}\n"
    )
}

/// Returns the nice values of the server's threads that query databases.
fn computing_threads(server: &mut Server) -> Vec<i64> {
    let tasks = fs::read_dir(format!("/proc/{}/task", server.process().id())).unwrap();
    let stats = tasks.filter_map(|task| fs::read_to_string(task.ok()?.path().join("stat")).ok());
    let niceness = |stat: String| {
        let (name, rest) = stat.rsplit_once(") ")?;
        name.ends_with("(lookup-sqlite").then(|| rest.split(' ').nth(16)?.parse().ok())?
    };
    stats.filter_map(niceness).collect()
}

#[test]
fn queries_that_scan_a_large_table_delay_nobody_who_is_remembered() {
    let _alone = heavy();
    let setup = Setup::on_loopback(SUBNETS);
    let rows = scaled(300_000, 1_000_000);
    database(&setup.folder().join("ports.db"), "fast", rows, "");
    let mut server = on(setup, &database_source("negative-ttl = 0\ndeadline-ms = 5000"));
    server.process().says("reads the whole of ports for each key (SCAN ports)", wait::SOON);
    let checked = server.ask(&["check"]);
    let checked = String::from_utf8_lossy(&checked.stdout).into_owned();
    assert!(checked.contains("warning: its query reads the whole of ports"), "{checked}");

    let known = |count: usize| (0..count).map(|n| line(n % 50, &format!("line-{}", n % 50)));
    Bystanders::send(server.address(), Duration::ZERO, known(50));
    let count = scaled(2_000, 20_000);
    let before = Bystanders::send(server.address(), Duration::ZERO, known(count));
    let during = {
        let _attack = Attack::begin(server.address(), Duration::from_millis(1), |number| {
            line(50_000 + number % 1_000, &format!("made-up-{number}"))
        });
        Bystanders::send(server.address(), Duration::ZERO, known(count))
    };
    let threads = computing_threads(&mut server);
    assert!((1..=2).contains(&threads.len()), "{threads:?}");
    assert!(threads.iter().all(|niceness| *niceness >= 10), "{threads:?}");
    let more = format!("; {} threads ask, nice {threads:?}", threads.len());
    during.conclude("queries that scan", &before, Duration::from_millis(500), &more);
}

fn plan_of(server: &Server, number: usize) -> String {
    let mut relay = relay(server.address(), LINK);
    let message =
        relay.message(&line(number, &format!("line-{number}")), MessageType::Discover).unwrap();
    let reply = relay.exchange(&message, PATIENCE).unwrap().expect("an OFFER");
    String::from_utf8(reply.options.get(224).unwrap().to_vec()).unwrap()
}

#[test]
fn a_database_that_is_replaced_is_asked_without_a_reload() {
    let _alone = heavy();
    let setup = Setup::on_loopback(SUBNETS);
    let (path, next) = (setup.folder().join("ports.db"), setup.folder().join("next.db"));
    database(&path, "old", 10, INDEX);
    let mut server = on(setup, &database_source(""));
    assert!(plan_of(&server, 1).contains("Some(\"old\")"));
    assert_eq!(server.process().times_said("reads the whole"), 0, "it has an index");
    database(&next, "new", 10, INDEX);
    fs::rename(&next, &path).unwrap();
    assert!(plan_of(&server, 2).contains("Some(\"new\")"));
    server.process().says("the database file was replaced", wait::SOON);
}

#[test]
fn a_file_that_was_cut_off_is_refused_at_a_reload_unless_that_is_allowed() {
    let _alone = heavy();
    let setup = Setup::on_loopback(SUBNETS);
    let file = setup.folder().join("ports.csv");
    let rows = |count| {
        (0..count).fold("port,plan\n".to_owned(), |text, n| text + &format!("line-{n},fast\n"))
    };
    fs::write(&file, rows(1_000)).unwrap();
    let source = "type = \"csv\"\npath = \"ports.csv\"\nkey = \"port\"";
    let mut server = on(setup, source);
    fs::write(&file, rows(3)).unwrap();
    let reload = server.hang_up();
    assert!(!reload.accepted, "{}", reload.said);
    let told = "has 3 rows, and 1000 rows of it are in use. So few rows look like a mistake; if \
                they are right, set `rows-min = 3`";
    assert!(reload.said.contains(told), "{}", reload.said);
    assert!(plan_of(&server, 500).contains("Some(\"fast\")"), "the old rows serve on");
    let path = server.folder().join("lessor.toml");
    let configuration = fs::read_to_string(&path).unwrap();
    let allowed = configuration.replace("key = \"port\"", "key = \"port\"\nrows-min = 3");
    fs::write(&path, allowed).unwrap();
    let reload = server.hang_up();
    assert!(reload.accepted, "{}", reload.said);
    assert!(plan_of(&server, 500).contains("LookupStatus::NotFound"));
}

#[test]
fn a_source_that_is_back_is_logged_and_alternating_errors_do_not_flood_the_log() {
    let _alone = heavy();
    let status = Arc::new(AtomicU16::new(502));
    let answered = Arc::clone(&status);
    let service = WebService::start(move |_| match answered.load(Ordering::SeqCst) {
        200 => Answer::ok(r#"{"plan":"fast"}"#),
        // A different error each time.
        status => {
            answered.store(status ^ 1, Ordering::SeqCst);
            Answer::status(status)
        }
    });
    let mut server = started(&web_source(&service));
    let begun = Instant::now();
    let mut to_server = relay(server.address(), LINK);
    for number in 0..300 {
        let line = line(number, &format!("line-{number}"));
        let message = to_server.message(&line, MessageType::Discover).unwrap();
        assert_eq!(to_server.exchange(&message, Duration::from_millis(10)).unwrap(), None);
    }
    server.process().says("lookup source is paused", wait::SOON);
    let secs = begun.elapsed().as_secs() as usize;
    let lines = server.process().times_said("lookup failed");
    assert!((1..=secs / 10 + 1).contains(&lines), "{lines} lines in {secs} s");
    let json = server.ask(&["status", "--json"]);
    let json = String::from_utf8_lossy(&json.stdout).into_owned();
    assert!(json.contains("\"last-error-at\":\"20"), "{json}");

    status.store(200, Ordering::SeqCst);
    wait::within(Duration::from_secs(60), "the source to be asked again", || {
        let line = line(400, &format!("line-{}", begun.elapsed().as_millis()));
        let message = to_server.message(&line, MessageType::Discover).unwrap();
        to_server.exchange(&message, Duration::from_millis(500)).unwrap()
    });
    server.process().says("lookup source answers again", wait::SOON);
}
