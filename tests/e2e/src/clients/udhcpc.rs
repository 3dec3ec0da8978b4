//! udhcpc of BusyBox, the client of many home routers.

use std::net::Ipv4Addr;

use nix::sys::signal::Signal;
use tempfile::TempDir;

use super::{Client, INTERFACE, address_after, write_script};
use crate::{Host, Process, wait};

/// A running udhcpc.
#[derive(Debug)]
pub struct Udhcpc {
    process: Process,
    times_leased: usize,
    _folder: TempDir,
}

/// udhcpc configures nothing itself, so the script does.
const SCRIPT: &str = r#"#!/bin/sh
case "$1" in
    bound|renew)
        ip -4 address replace "$ip/${mask:-32}" dev "$interface"
        if [ -n "$router" ]; then ip -4 route replace default via "${router%% *}"; fi
        echo "script: $1 $ip" >&2 ;;
    deconfig) ip -4 address flush dev "$interface" ;;
esac
exit 0
"#;

impl Client for Udhcpc {
    fn start(host: &Host) -> Self {
        Self::start_with(host, &[])
    }

    fn acquires(&mut self) -> Ipv4Addr {
        self.times_leased += 1;
        // The script prints this line after it has configured the interface.
        let words = if self.times_leased == 1 { "script: bound " } else { "script: " };
        let line = self.process.says_again(words, self.times_leased, wait::SOON);
        line.rsplit(' ')
            .next()
            .and_then(|word| word.parse().ok())
            .unwrap_or_else(|| address_after(&line, words))
    }

    fn renews(&mut self) {
        self.process.signal(Signal::SIGUSR1);
        self.acquires();
    }

    fn releases(&mut self) {
        self.process.signal(Signal::SIGUSR2);
        self.process.says("entering released state", wait::SOON);
    }
}

impl Udhcpc {
    /// Starts the client with additional arguments.
    pub fn start_with(host: &Host, arguments: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("there is room for the client's files");
        let script = folder.path().join("script");
        write_script(&script, SCRIPT);
        let mut command = host.command("udhcpc");
        command.args(["-f", "-t", "10", "-T", "1", "-i", INTERFACE, "-s"]);
        command.arg(script).args(arguments);
        let output = folder.path().join("udhcpc.log");
        let process = Process::start("udhcpc", &mut command, &output);
        Self { process, times_leased: 0, _folder: folder }
    }

    /// Returns its process, for its output.
    pub fn process(&mut self) -> &mut Process {
        &mut self.process
    }
}
