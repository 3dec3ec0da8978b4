//! Files that are not regular files, and names that cannot be shown: each is refused at once, the
//! message names it, the server continues to serve, and no secret and no raw octet reaches a log, a
//! terminal or an answer.

use std::{
    ffi::OsStr,
    fs,
    net::Ipv4Addr,
    os::unix::{ffi::OsStrExt, fs::PermissionsExt, net::UnixListener},
    path::Path,
    process::{Command, Output},
    time::Duration,
};

use lessor_e2e::{Server, Setup, built, relay};
use lessor_load::Subscriber;
use nix::{sys::stat::Mode, unistd::mkfifo};

const SUBNETS: &str = r#"
    [[subnet]]
    prefix = "100.64.0.0/16"

    [[subnet.pool]]
    name = "residential"
    range = "100.64.1.0-100.64.1.255"
"#;
const LINK: Ipv4Addr = Ipv4Addr::new(100, 64, 0, 1);
/// The timeout of a command. A command that takes longer waits for the other end of a pipe.
const AT_ONCE_SECS: &str = "60";

#[test]
fn what_is_no_file_is_refused_at_once_wherever_it_is_named() {
    let mut server = Setup::on_loopback(SUBNETS).with_policy("10-policy", "minimal", "").start();
    let folder = server.folder().to_owned();
    let pipe = folder.join("pipe");
    mkfifo(&pipe, Mode::S_IRUSR).unwrap();
    let _socket = UnixListener::bind(folder.join("socket")).unwrap();

    // Files in the plugin directory.
    for (name, target, found) in [
        ("20-odd.wasm", "pipe", "it is a pipe"),
        ("20-odd.js", "pipe", "it is a pipe"),
        ("10-policy.toml", "pipe", "it is a pipe"),
        ("20-odd.wasm", "socket", "it is a socket"),
        ("20-odd.rhai", "/dev/zero", "it is a device"),
    ] {
        let path = folder.join("plugins").join(name);
        let _ = fs::remove_file(&path);
        std::os::unix::fs::symlink(folder.join(target), &path).unwrap();
        is_refused(&server, &[name, found, "wanted a regular file"]);
        fs::remove_file(&path).unwrap();
    }
    assert!(server.reload().accepted);

    // Files that the configuration names.
    let lookup = |lines: &str| {
        format!("{SUBNETS}\n[[lookup]]\nname = \"subscribers\"\n{lines}\n").replace("PIPE", "pipe")
    };
    for lines in [
        "type = \"csv\"\npath = \"PIPE\"\nkey = \"line\"",
        "type = \"json\"\npath = \"PIPE\"",
        "type = \"sqlite\"\npath = \"PIPE\"\nquery = \"SELECT 1 WHERE $1\"",
        "type = \"radius\"\nserver = \"192.0.2.1:1812\"\nsecret-file = \"PIPE\"",
        "type = \"http\"\nurl = \"https://192.0.2.1/{key}\"\nca-file = \"PIPE\"",
        "type = \"http\"\nurl = \"https://192.0.2.1/{key}\"\nbearer-token-file = \"PIPE\"",
        "type = \"postgresql\"\nurl = \"postgresql://a@192.0.2.1/b\"\nquery = \"SELECT $1\"\n\
         password-file = \"PIPE\"",
    ] {
        server.setup().put_subnets(&lookup(lines));
        is_refused(&server, &["subscribers", "pipe", "it is a pipe; wanted a regular file"]);
    }
    server.setup().put_subnets(SUBNETS);
    assert!(server.reload().accepted);
    serves(&server, 1);

    // Files that the command line names.
    let pipe = pipe.to_str().unwrap();
    for arguments in [
        &["check", "--config", pipe][..],
        &["serve", "--config", pipe],
        &["replay", pipe, "--config", folder.join("lessor.toml").to_str().unwrap()],
        &["plugin", "inspect", pipe],
    ] {
        let output = at_once(arguments);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(said.contains("it is a pipe; wanted a regular file"), "{arguments:?}: {said}");
        assert!(!output.status.success());
    }
    assert!(server.stop().success());
}

#[test]
fn a_journal_that_is_a_pipe_keeps_nobody_waiting() {
    let setup = Setup::on_loopback(SUBNETS);
    mkfifo(&setup.folder().join("journal.jsonl"), Mode::S_IRWXU).unwrap();
    let said = setup.refused();
    assert!(said.contains("journal.jsonl") && said.contains("it is a pipe"), "{said}");
}

#[test]
fn what_editors_leave_behind_is_no_plugin() {
    let server = Setup::on_loopback(SUBNETS).with_policy("10-policy", "minimal", "").start();
    let plugins = server.folder().join("plugins");
    for name in [
        ".10-policy.wasm",
        ".20-new.rhai.swp",
        "20-new.rhai~",
        "#20-new.rhai#",
        "10-policy.toml~",
        ".10-policy.toml",
        "20-new.js.swp",
    ] {
        fs::write(plugins.join(name), "neither a policy nor settings").unwrap();
    }
    // Emacs locks a file with a dangling link.
    std::os::unix::fs::symlink("somebody@host.123", plugins.join(".#10-policy.toml")).unwrap();
    let reload = server.reload();
    assert!(reload.accepted, "{}", reload.said);
    assert_eq!(server.status().plugins.len(), 1);
}

#[test]
fn names_that_cannot_be_shown_are_refused_and_blind_nobody() {
    let mut server = Setup::on_loopback(SUBNETS).with_policy("10-policy", "minimal", "").start();
    let plugins = server.folder().join("plugins");
    let component = fs::read(built::policy("minimal")).unwrap();
    for (name, shown) in [
        (&b"20-\xff.wasm"[..], r"20-\xFF.wasm"),
        (b"20-\x1b[2J.wasm", r"20-\u{1b}[2J.wasm"),
        (b"20-\n.rhai", r"20-\n.rhai"),
        (b"10-policy\xff.toml", r"10-policy\xFF.toml"),
    ] {
        let path = plugins.join(OsStr::from_bytes(name));
        fs::write(&path, &component).unwrap();
        is_refused(&server, &[shown, "cannot be used"]);
        fs::remove_file(&path).unwrap();
    }
    for arguments in [&["status"][..], &["status", "--json"], &["shadow"], &["shadow", "--json"]] {
        let output = server.ask(arguments);
        assert!(output.status.success(), "{arguments:?}");
        assert!(!output.stdout.is_empty(), "{arguments:?}");
        is_shown(&output.stdout);
    }
    is_shown(server.process().output().as_bytes());

    let unshown = server.folder().join(OsStr::from_bytes(b"lessor-\xff.toml"));
    fs::copy(server.folder().join("lessor.toml"), &unshown).unwrap();
    let output = Command::new(built::lessor()).arg("check").arg("--config").arg(&unshown).output();
    let output = output.unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("its name is not UTF-8"), "{said}");
    assert!(!output.status.success());
    serves(&server, 2);
}

#[test]
fn no_secret_is_shown_beside_a_mistake() {
    let server = Setup::on_loopback(SUBNETS)
        .with_policy("10-policy", "misbehaving", "")
        .with_policy("20-policy", "misbehaving", "")
        .start();
    let sidecar = server.folder().join("plugins/10-policy.toml");
    let other = server.folder().join("plugins/20-policy.toml");
    fs::write(
        &sidecar,
        "on-failure = \"explode\"\n[settings]\ncrm-password = \"hunter2\"\n# was hunter2 before\n\
         login = \"hunter2\"\nrate = 99999999999999999999\nold-token = hunter2\n",
    )
    .unwrap();
    fs::write(&other, "[settings]\napi-key = \"hunter2\nrate = 1\n").unwrap();
    fs::set_permissions(&sidecar, fs::Permissions::from_mode(0o600)).unwrap();
    let reload = server.reload();
    assert!(!reload.accepted);
    for words in ["explode", "99999999999999999999", "old-token", "20-policy.toml"] {
        assert!(reload.said.contains(words), "no {words:?} in: {}", reload.said);
    }
    let said = at_once(&["check", "--config", config(&server).to_str().unwrap()]);
    let said = [said.stdout, said.stderr].concat();
    for text in [reload.said, String::from_utf8(said).unwrap()] {
        assert!(!text.contains("hunter2"), "{text}");
    }
}

/// Checks that `lessor check` and a reload refuse the file at once, with these words.
#[track_caller]
fn is_refused(server: &Server, wanted: &[&str]) {
    let config = config(server);
    let config = config.to_str().unwrap();
    for arguments in [["check", "--config", config], ["reload", "--config", config]] {
        let output = at_once(&arguments);
        let said = String::from_utf8(output.stderr).unwrap();
        is_shown(said.as_bytes());
        assert!(!output.status.success(), "{}: {said}", arguments[0]);
        // Long lines are folded.
        let words = said.split_whitespace().filter(|word| *word != "│");
        let said = words.collect::<Vec<_>>().join(" ");
        for words in wanted {
            assert!(said.contains(words), "{}: no {words:?} in: {said}", arguments[0]);
        }
    }
}

fn config(server: &Server) -> std::path::PathBuf {
    Path::new(server.folder()).join("lessor.toml")
}

#[track_caller]
fn at_once(arguments: &[&str]) -> Output {
    let mut command = Command::new("timeout");
    let output = command.arg(AT_ONCE_SECS).arg(built::lessor()).args(arguments).output().unwrap();
    assert_ne!(output.status.code(), Some(124), "{arguments:?} waits for something");
    output
}

/// Checks that the octets are text without control characters except line feeds.
#[track_caller]
fn is_shown(octets: &[u8]) {
    let text = std::str::from_utf8(octets).unwrap();
    let control = text.chars().find(|c| c.is_control() && *c != '\n');
    assert_eq!(control, None, "{text:?}");
}

#[track_caller]
fn serves(server: &Server, number: u8) {
    let mut relay = relay(server.address(), LINK);
    let subscriber = Subscriber::new([2, 0, 0, 0, 0, number], "line");
    relay.acquire(&subscriber, Duration::from_secs(30)).unwrap();
}
