//! dhcpcd by Roy Marples.

use std::{net::Ipv4Addr, process::Command, time::Duration};

use nix::sys::signal::Signal;
use tempfile::TempDir;

use super::{Client, INTERFACE, address_after};
use crate::{Host, Process, wait};

/// A running dhcpcd.
#[derive(Debug)]
pub struct Dhcpcd {
    process: Process,
    times_leased: usize,
    _folder: TempDir,
}

/// It waits up to two seconds before it begins, on purpose, and looks for another user of the
/// address for some seconds more.
const PATIENCE: Duration = Duration::from_secs(30);

/// Its state is kept in fixed places, so each instance sees folders of its own there.
const SCRIPT: &str = r#"
mkdir -p /run/dhcpcd && mount -t tmpfs tmpfs /run/dhcpcd && mount -t tmpfs tmpfs /var/lib/dhcpcd &&
exec "$0" "$@"
"#;

impl Client for Dhcpcd {
    fn start(host: &Host) -> Self {
        Self::start_with(host, &[])
    }

    fn acquires(&mut self) -> Ipv4Addr {
        self.times_leased += 1;
        let line = self.process.says_again(": leased ", self.times_leased, PATIENCE);
        let address = address_after(&line, ": leased ");
        self.process.says(&format!("adding IP address {address}/"), wait::SOON);
        address
    }

    fn renews(&mut self) {
        self.process.signal(Signal::SIGUSR1);
        self.acquires();
    }

    fn releases(&mut self) {
        self.process.signal(Signal::SIGALRM);
        self.process.ended(wait::SOON);
    }
}

impl Dhcpcd {
    /// Starts it with more arguments.
    pub fn start_with(host: &Host, arguments: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("there is room for the client's files");
        let configuration = folder.path().join("dhcpcd.conf");
        std::fs::write(&configuration, "duid\noption subnet_mask, routers, domain_name_servers\n")
            .expect("the folder can be written");
        let mut command: Command = host.command("sh");
        command.args(["-c", SCRIPT, "dhcpcd", "-B", "-4", "-d", "-c", "/bin/true", "-f"]);
        command.arg(configuration).args(arguments).arg(INTERFACE);
        let output = folder.path().join("dhcpcd.log");
        let process = Process::start("dhcpcd", &mut command, &output);
        Self { process, times_leased: 0, _folder: folder }
    }

    /// What it has said so far.
    pub fn process(&mut self) -> &mut Process {
        &mut self.process
    }
}
