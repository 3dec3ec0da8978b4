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

/// The timeout of a lease: dhcpcd deliberately waits up to two seconds before it begins, and then
/// probes the address for some seconds.
const PATIENCE: Duration = Duration::from_secs(30);

/// dhcpcd has its state in fixed folders, so the script mounts separate ones for each instance.
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
    /// Starts the client with additional arguments.
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

    /// Returns its process, for its output.
    pub fn process(&mut self) -> &mut Process {
        &mut self.process
    }
}
