//! Output on a terminal is folded to its width: no line is longer.

use std::{fs::File, io::Read, net::Ipv4Addr, process::Command, time::Duration};

use lessor_e2e::{Setup, built, loopback_address, relay};
use lessor_load::Subscriber;
use nix::pty::{Winsize, openpty};

const SUBNETS: &str = r#"
    [[subnet]]
    prefix = "100.64.0.0/16"
    shared-network = "access-network-of-the-north"

    [[subnet.pool]]
    name = "residential-customers"
    range = "100.64.1.0-100.64.250.255"

    [[lookup]]
    name = "subscribers-of-the-north"
    type = "csv"
    path = "subscribers.csv"
    key = "circuit-id"
"#;
const LINK: Ipv4Addr = Ipv4Addr::new(100, 64, 0, 1);
const CIRCUIT: &str = "olt17.north.example.net/slot-3/port-12/onu-117";

#[test]
fn no_line_is_longer_than_a_terminal_of_80_or_of_60_columns() {
    let sidecar = "mode = \"shadow\"\n";
    let setup = Setup::on_loopback(SUBNETS)
        .with_policy("10-decides-nothing-at-all", "minimal", "")
        .with_policy("20-tries-something-else", "minimal", sidecar);
    std::fs::write(setup.folder().join("subscribers.csv"), "circuit-id,plan\n").unwrap();
    let server = setup.start();
    let subscriber = Subscriber::new([2, 0, 0, 0, 0, 1], CIRCUIT);
    relay(server.address(), LINK).acquire(&subscriber, Duration::from_secs(5)).unwrap();
    let policy = built::policy("minimal");
    let address = server.address().to_string();
    let relay_address = format!("{}:0", loopback_address());
    let load = ["load", "--server", &address, "--relay", &relay_address, "--clients", "20"];
    let load = [&load[..], &["--link-selection", "100.64.0.1"]].concat();
    let mut reasons = Command::new(built::lessor());
    reasons.arg("reasons");
    let mut load_command = Command::new(built::lessor());
    load_command.args(load);
    let mut bench = Command::new(built::lessor());
    bench.args(["plugin", "bench", "--calls", "10"]).arg(&policy);
    let mut commands = [
        server.command(&["status"]),
        server.command(&["leases"]),
        server.command(&["shadow"]),
        server.command(&["explain", "--circuit-id", CIRCUIT]),
        reasons,
        load_command,
        bench,
    ];
    for columns in [80, 60] {
        for command in &mut commands {
            let shown = shown(command, columns);
            assert!(shown.contains('│'), "{command:?} shows no table: {shown}");
            for line in shown.lines() {
                let width = line.chars().count();
                assert!(width <= columns.into(), "{width} of {columns}: {line}\n{shown}");
            }
        }
    }
    // Output to other destinations is not folded.
    let output = server.ask(&["leases"]);
    assert!(String::from_utf8_lossy(&output.stdout).contains(CIRCUIT));
}

/// Returns the output of a command on a terminal, without colours.
fn shown(command: &mut Command, columns: u16) -> String {
    let size = Winsize { ws_row: 24, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
    let terminal = openpty(&size, None).unwrap();
    let mut child = command
        .env("NO_COLOR", "1")
        .stdout(terminal.slave)
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    // The command keeps its handles; the terminal ends when the last one is closed.
    command.stdout(std::process::Stdio::null());
    let mut text = Vec::new();
    // Reading at the end of a terminal is an error.
    let _ = File::from(terminal.master).read_to_end(&mut text);
    child.wait().unwrap();
    String::from_utf8(text).unwrap().replace("\r\n", "\n")
}
