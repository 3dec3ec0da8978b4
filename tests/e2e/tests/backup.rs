//! Backups are made of a running server under load and restored, files that are not what was
//! written are refused and change nothing, and leases move to another server.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    net::Ipv4Addr,
    os::unix::fs::{PermissionsExt, symlink},
    path::{Path, PathBuf},
    process::Output,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use lessor_e2e::{Server, Setup, guide::Guide, heavy, relay};
use lessor_load::{Answer, Subscriber};

const SUBNETS: &str = r#"
    [[subnet]]
    prefix = "100.64.0.0/16"
    lease-time = "1h"
    unknown-clients = "adopt"

    [[subnet.pool]]
    name = "residential"
    range = "100.64.1.0-100.64.250.255"
"#;
const LINK: Ipv4Addr = Ipv4Addr::new(100, 64, 0, 1);
const PATIENCE: Duration = Duration::from_secs(10);
/// The number of concurrent relays, each with its own subscribers.
const RELAYS: u8 = 4;
/// The number of backups that are made under load.
const BACKUPS: usize = 6;
/// The longest time without an ACK during a backup. A message that is lost on a busy machine is
/// sent again after less than this.
const PAUSE_MAX: Duration = Duration::from_secs(8);

#[test]
fn every_command_of_the_guide_works() {
    let guide = Guide::read("docs/backup.md");
    let titles: Vec<&str> = guide.titles().collect();
    guide.run(&titles);
}

/// Subscribers by the addresses that were acknowledged to them.
type Acknowledged = Arc<Mutex<BTreeMap<Ipv4Addr, (u8, u16)>>>;

#[test]
fn a_backup_under_load_has_what_was_acknowledged_before_and_nobody_waits_for_it() {
    let _alone = heavy();
    let server = Setup::on_loopback(SUBNETS).start();
    let (acknowledged, is_over) = (Acknowledged::default(), Arc::new(AtomicBool::new(false)));
    let load: Vec<JoinHandle<Duration>> =
        (0..RELAYS).map(|number| acquire_until(&server, number, &acknowledged, &is_over)).collect();
    while acknowledged.lock().unwrap().len() < 100 {
        thread::sleep(Duration::from_millis(10));
    }
    let file = server.folder().join("leases.backup");
    let (mut last, mut backed_up) = (String::new(), BTreeSet::new());
    for _ in 0..BACKUPS {
        let before: BTreeSet<Ipv4Addr> = acknowledged.lock().unwrap().keys().copied().collect();
        let said = succeeds(&server, &["store", "export", file.to_str().unwrap(), "--json"]);
        last = fs::read_to_string(&file).unwrap();
        backed_up = addresses(&last);
        let missing: Vec<&Ipv4Addr> = before.difference(&backed_up).collect();
        assert!(missing.is_empty(), "{missing:?} were acknowledged before; {said}");
        assert!(said.contains(r#""server-running":true"#), "{said}");
        assert!(said.contains(&format!(r#""leases":{}"#, backed_up.len())), "{said}");
        succeeds(&server, &["store", "verify"]);
        let text = succeeds(&server, &["leases", "export"]);
        let exported = text.lines().count() - 2;
        assert!(exported >= backed_up.len(), "{exported} leases after {}", backed_up.len());
    }
    is_over.store(true, Ordering::SeqCst);
    for relay in load {
        let pause = relay.join().unwrap();
        assert!(pause < PAUSE_MAX, "a relay waited for {pause:?} while backups were made");
    }
    let held = acknowledged.lock().unwrap().clone();
    assert!(held.len() > backed_up.len(), "no lease was granted after the last backup");
    drop(server);

    // The machine is lost, and the backup is restored on another one.
    let mut server = Setup::on_loopback(SUBNETS).start();
    assert!(server.stop().success());
    let copy = server.folder().join("leases.backup");
    fs::write(&copy, last).unwrap();
    let said = succeeds(&server, &["store", "import", copy.to_str().unwrap()]);
    assert!(said.contains("A server was running then"), "{said}");
    server.start_again();
    let restored: BTreeSet<Ipv4Addr> = server.leases().iter().map(|row| row.address).collect();
    assert_eq!(restored, backed_up);
    let mut relay = relay(server.address(), LINK);
    for address in restored.iter().step_by(restored.len() / 50 + 1) {
        let subscriber = subscriber(held[address]);
        let answer = relay.renew(&subscriber, *address, PATIENCE).unwrap();
        assert!(matches!(answer, Answer::Ack(_)), "{address}: {answer:?}");
    }
}

fn subscriber((relay, number): (u8, u16)) -> Subscriber {
    let [high, low] = number.to_be_bytes();
    Subscriber::new([2, 0, 0, relay, high, low], format!("relay{relay}-{number}"))
}

/// Acquires leases until it is over. Returns the longest time between two of them.
fn acquire_until(
    server: &Server,
    number: u8,
    acknowledged: &Acknowledged,
    is_over: &Arc<AtomicBool>,
) -> JoinHandle<Duration> {
    let mut relay = relay(server.address(), LINK);
    let (acknowledged, is_over) = (Arc::clone(acknowledged), Arc::clone(is_over));
    thread::spawn(move || {
        let (mut longest, mut last) = (Duration::ZERO, Instant::now());
        for client in 0..=u16::MAX {
            if is_over.load(Ordering::SeqCst) {
                break;
            }
            let acquired = relay.acquire(&subscriber((number, client)), PATIENCE).unwrap();
            acknowledged.lock().unwrap().insert(acquired.address, (number, client));
            longest = longest.max(last.elapsed());
            last = Instant::now();
        }
        longest
    })
}

/// The addresses in a backup.
fn addresses(backup: &str) -> BTreeSet<Ipv4Addr> {
    let records = backup.lines().filter_map(|line| {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        Some(line.get("address")?.as_str()?.parse().unwrap())
    });
    records.collect()
}

/// A stopped server with leases, and a backup of it.
fn stopped() -> (Server, PathBuf) {
    let mut server = Setup::on_loopback(SUBNETS).start();
    let mut relay = relay(server.address(), LINK);
    for client in 0..20 {
        relay.acquire(&subscriber((0, client)), PATIENCE).unwrap();
    }
    assert!(server.stop().success());
    let file = server.folder().join("leases.backup");
    let said = succeeds(&server, &["store", "export", file.to_str().unwrap()]);
    assert!(said.contains("has the 20 leases"), "{said}");
    (server, file)
}

#[test]
fn a_backup_that_is_not_what_was_written_is_refused_with_its_line_and_changes_nothing() {
    let (server, file) = stopped();
    let whole = fs::read_to_string(&file).unwrap();
    let lines: Vec<&str> = whole.lines().collect();
    let flipped = whole.replacen("\"record\":\"01", "\"record\":\"02", 1);
    let without = [&lines[..5], &lines[6..]].concat().join("\n") + "\n";
    let twice = [&lines[..6], &lines[5..]].concat().join("\n") + "\n";
    let cut = whole[..whole.len() / 2].to_owned();
    let cut_line = cut.lines().count();
    let cases = [
        ("cut off", cut, cut_line),
        ("cut off between lines", lines[..9].join("\n") + "\n", 10),
        ("changed", flipped, 2),
        ("a record is missing", without, 6),
        ("a record twice", twice, 7),
        ("empty", String::new(), 1),
        ("another file", "[server]\n".to_owned(), 1),
        ("hostile", "{\"lessor-store-backup\":1}\u{1b}]0;x\u{7}\n".to_owned(), 1),
    ];
    let store = server.folder().join("store");
    let before = contents(&store);
    let leases = server.leases();
    for (what, text, line) in cases {
        fs::write(&file, text).unwrap();
        for replace in [&["--replace"][..], &["--dry-run"], &[]] {
            let arguments = [&["store", "import", file.to_str().unwrap()], replace].concat();
            let said = fails(&server, &arguments);
            let place = format!("leases.backup:{line}: ");
            assert!(said.contains(&place), "{what}: {place} is not in {said}");
            assert!(!said.contains('\u{1b}'), "{what}: {said:?}");
        }
        assert_eq!(contents(&store), before, "{what}");
    }
    fs::write(&file, &whole).unwrap();
    assert_eq!(server.leases(), leases);
}

#[test]
fn a_backup_goes_into_an_empty_store_or_in_place_of_one_that_is_moved_aside() {
    let (mut server, file) = stopped();
    let file = file.to_str().unwrap().to_owned();
    let leases = server.leases();
    server.start_again();
    let said = fails(&server, &["store", "import", &file, "--replace"]);
    assert!(said.contains("in use"), "{said}");
    let mut relay = relay(server.address(), LINK);
    relay.acquire(&subscriber((1, 1)), PATIENCE).unwrap();
    assert!(server.stop().success());
    assert_eq!(server.leases().len(), 21);

    let said = fails(&server, &["store", "import", &file]);
    assert!(said.contains("has leases") && said.contains("--replace"), "{said}");
    let said = succeeds(&server, &["store", "import", &file, "--dry-run"]);
    assert!(said.contains("Nothing was changed"), "{said}");
    assert_eq!(server.leases().len(), 21);
    let said = succeeds(&server, &["store", "import", &file, "--replace"]);
    assert!(said.contains("The store that was there is in"), "{said}");
    assert!(!said.contains("A server was running"), "{said}");
    assert_eq!(server.leases(), leases);

    // A damaged store is replaced, too.
    let log = server.folder().join("store/leases/leases");
    fs::write(log.join("mark"), "").unwrap();
    assert!(fails(&server, &["store", "export", "-"]).contains("is damaged"));
    assert!(fails(&server, &["store", "import", &file]).contains("has damage"));
    succeeds(&server, &["store", "import", &file, "--replace"]);
    server.start_again();
    assert_eq!(server.leases(), leases);
    let aside = fs::read_dir(server.folder().join("store/leases")).unwrap();
    let aside = aside.filter(|entry| {
        let name = entry.as_ref().unwrap().file_name();
        name.to_string_lossy().starts_with("leases.replaced-")
    });
    assert!(aside.count() >= 1);
}

#[test]
fn a_server_that_may_lack_leases_holds_addresses_back_from_new_clients() {
    let subnets = format!("{SUBNETS}\n")
        .replace("unknown-clients", "after-data-loss = \"hold\"\n    unknown-clients");
    let mut server = Setup::on_loopback(&subnets).start();
    let mut relay = relay(server.address(), LINK);
    // A first lease, so that the network has records. A new network holds, too.
    server.stop();
    fs::write(
        server.folder().join("leases.csv"),
        "address,state,hardware-address,expires-at\n\
         100.64.1.1,leased,02:00:00:00:00:01,never\nend\n",
    )
    .unwrap();
    let leases = server.folder().join("leases.csv");
    succeeds(&server, &["leases", "import", leases.to_str().unwrap()]);
    fs::remove_file(server.folder().join("store/no-records-since.json")).unwrap();
    server.start_again();
    relay.acquire(&subscriber((0, 0)), PATIENCE).unwrap();
    let file = server.folder().join("leases.backup");
    let file = file.to_str().unwrap().to_owned();
    succeeds(&server, &["store", "export", &file]);
    // A lease that is not in the backup.
    let unknown = relay.acquire(&subscriber((0, 1)), PATIENCE).unwrap();
    server.kill();
    succeeds(&server, &["store", "import", &file, "--replace"]);
    server.start_again();
    let hold = server.process().says("no records of leases", PATIENCE);
    assert!(hold.contains("until"), "{hold}");
    let known = relay.acquire(&subscriber((0, 0)), PATIENCE).unwrap();
    assert_ne!(known.address, unknown.address);
    let stranger = relay.acquire(&subscriber((0, 2)), Duration::from_secs(2));
    assert!(stranger.is_err(), "{stranger:?}");
    let answer = relay.renew(&subscriber((0, 1)), unknown.address, PATIENCE).unwrap();
    assert!(matches!(answer, Answer::Ack(_)), "{answer:?}");
}

#[test]
fn an_export_replaces_the_file_behind_a_link_and_keeps_its_mode() {
    let mut server = Setup::on_loopback(SUBNETS).start();
    assert!(server.stop().success());
    let (file, link) = (server.folder().join("real"), server.folder().join("link"));
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    for command in ["store", "leases"] {
        fs::write(&file, "").unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
        symlink("real", &link).unwrap();
        succeeds(&server, &[command, "export", link.to_str().unwrap()]);
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert!(fs::metadata(&file).unwrap().len() > 0);
        assert_eq!(mode(&file), 0o640);
        fs::remove_file(&file).unwrap();
        let said = fails(&server, &[command, "export", link.to_str().unwrap()]);
        assert!(said.contains("a link to a file that does not exist"), "{said}");
        fs::remove_file(&link).unwrap();
        succeeds(&server, &[command, "export", link.to_str().unwrap()]);
        assert_eq!(mode(&link), 0o600, "a new file is for its owner only");
        fs::remove_file(&link).unwrap();
    }
}

#[test]
fn leases_move_to_another_server_and_back_without_a_change() {
    let mut server = Setup::on_loopback(SUBNETS).start();
    let mut first = relay(server.address(), LINK);
    let held: Vec<(Subscriber, Ipv4Addr)> = (0..30)
        .map(|client| {
            let subscriber = subscriber((3, client));
            let address = first.acquire(&subscriber, PATIENCE).unwrap().address;
            (subscriber, address)
        })
        .collect();
    let running = succeeds(&server, &["leases", "export"]);
    assert!(server.stop().success());
    for (form, name) in [(&[][..], "leases.csv"), (&["--json"], "leases.jsonl")] {
        let mut other = Setup::on_loopback(SUBNETS).start();
        assert!(other.stop().success());
        let file = other.folder().join(name);
        let file = file.to_str().unwrap();
        succeeds(&server, &[&["leases", "export", file], form].concat());
        let text = fs::read_to_string(file).unwrap();
        if form.is_empty() {
            assert_eq!(text, running, "a stopped server has the same leases");
        }
        let said = succeeds(&other, &["leases", "import", file]);
        assert!(said.contains("30 active, 0 ended"), "{said}");
        let back = succeeds(&other, &[&["leases", "export"], form].concat());
        assert_eq!(back, text, "{name}");
        assert_eq!(other.leases(), server.leases(), "{name}");
        assert!(fails(&other, &["leases", "import", file]).contains("--merge"));
        succeeds(&other, &["leases", "import", file, "--merge"]);

        other.start_again();
        let mut relay = relay(other.address(), LINK);
        for (subscriber, address) in &held {
            let answer = relay.renew(subscriber, *address, PATIENCE).unwrap();
            assert!(matches!(answer, Answer::Ack(_)), "{address}: {answer:?}");
        }
        let new = relay.acquire(&subscriber((4, 1)), PATIENCE).unwrap().address;
        assert!(held.iter().all(|(_, address)| *address != new), "{new} is leased twice");
        let said = fails(&other, &["leases", "import", file, "--merge"]);
        assert!(said.contains("in use"), "{said}");
    }
}

#[test]
fn leases_that_contradict_each_other_are_refused_with_their_line_and_change_nothing() {
    let mut server = Setup::on_loopback(SUBNETS).start();
    assert!(server.stop().success());
    let store = server.folder().join("store");
    let before = contents(&store);
    let row = |address: &str, mac: u8, circuit: &str| {
        format!("{address},leased,02:00:00:00:00:{mac:02x},{circuit},2090-01-01T00:00:00Z\n")
    };
    let header = "address,state,hardware-address,circuit-id,expires-at\n";
    let one = row("100.64.1.1", 1, "a");
    let cases = [
        (format!("{header}{one}{}end\n", row("100.64.1.1", 2, "b")), 3, "line 2 has one"),
        (format!("{header}{one}"), 2, "cut off"),
        (format!("{header}{one}100.64.1.9,leas"), 3, "2 columns, not 5"),
        (format!("{header}{one}end\n{one}"), 4, "behind the end"),
        (format!("{header}{}end\n", row("100.64.1", 1, "a")), 2, "not an IPv4 address"),
        (format!("{header}{}end\n", one.replace("2090-01-01T00:00:00Z", "soon")), 2, "not a time"),
        (format!("{header}{}end\n", one.replace("leased", "lent")), 2, "not a state"),
        (format!("{header}{}end\n", one.replace(":01,", ":zz,")), 2, "not a hardware address"),
        (format!("{header}{}end\n", one.replace(",a,", ",hex:1,")), 2, "not a text, or hex:"),
        ("{\"address\":\"100.64.1.1\"".to_owned(), 1, "no JSON object"),
        ("{\"address\":7}\n{\"end\":true}\n".to_owned(), 1, "not a text"),
        ("lease 100.64.1.1 {\n}\n".to_owned(), 1, "does not name the column"),
    ];
    let file = server.folder().join("leases.txt");
    for (text, line, words) in cases {
        fs::write(&file, &text).unwrap();
        let said = fails(&server, &["leases", "import", file.to_str().unwrap()]);
        let place = format!("leases.txt:{line}: ");
        assert!(said.contains(&place) && said.contains(words), "{place}{words}: {said}\n{text}");
        assert_eq!(contents(&store), before, "{words}");
    }
    // What is in no subnet is reported, and everything else is carried.
    let elsewhere = row("192.0.2.1", 7, "a");
    fs::write(&file, format!("{header}{one}{elsewhere}end\n")).unwrap();
    let output = server.ask(&["leases", "import", file.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(3), "{}", said(&output));
    assert!(said(&output).contains("is in no subnet"), "{}", said(&output));
    assert_eq!(server.leases().len(), 1);
}

#[track_caller]
fn succeeds(server: &Server, arguments: &[&str]) -> String {
    let output = server.ask(arguments);
    assert!(output.status.success(), "lessor {}: {}", arguments.join(" "), said(&output));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[track_caller]
fn fails(server: &Server, arguments: &[&str]) -> String {
    let output = server.ask(arguments);
    assert_eq!(output.status.code(), Some(1), "lessor {}: {}", arguments.join(" "), said(&output));
    said(&output)
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&[&*output.stdout, &*output.stderr].concat()).into_owned()
}

/// The files of a folder and what is in them.
fn contents(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.is_file() {
                let octets = fs::read(&path).unwrap();
                found.insert(path, octets);
            }
        }
    }
    found
}
