//! dhclient of the Internet Systems Consortium.

use std::{net::Ipv4Addr, path::PathBuf, process::Command, time::Duration};

use tempfile::TempDir;

use super::{Client, INTERFACE, address_after, write_script};
use crate::{Host, Process, wait};

/// A running dhclient.
///
/// It cannot be made to extend its lease, so the server should grant a short one.
#[derive(Debug)]
pub struct Dhclient {
    process: Process,
    start: Command,
    release: Command,
    starts: u32,
    times_bound: usize,
    folder: TempDir,
}

/// dhclient extends its lease with a datagram from its address, so the script must configure the
/// address.
const SCRIPT: &str = r#"#!/bin/sh
case "$reason" in
    BOUND|RENEW|REBIND|REBOOT)
        ip -4 address replace "$new_ip_address/$new_subnet_mask" dev "$interface"
        if [ -n "$new_routers" ]; then ip -4 route replace default via "${new_routers%% *}"; fi ;;
    PREINIT|EXPIRE|FAIL|RELEASE|STOP) ip -4 address flush dev "$interface" ;;
esac
exit 0
"#;

/// The timeout of a renewal: T1 and a random delay.
const RENEWAL_PATIENCE: Duration = Duration::from_secs(30);

impl Client for Dhclient {
    fn start(host: &Host) -> Self {
        let folder = tempfile::tempdir().expect("there is room for the client's files");
        write_script(&folder.path().join("script"), SCRIPT);
        std::fs::write(folder.path().join("dhclient.conf"), "timeout 20;\nretry 1;\n")
            .expect("the folder can be written");
        let command = |first: &[&str]| {
            let mut command = host.command("dhclient");
            command.args(first).args(["-4", "-v"]);
            for (option, file) in
                [("-cf", "dhclient.conf"), ("-lf", "leases"), ("-pf", "pid"), ("-sf", "script")]
            {
                command.arg(option).arg(folder.path().join(file));
            }
            command.arg(INTERFACE);
            command
        };
        let (mut start, release) = (command(&["-d"]), command(&["-r"]));
        let process = Process::start("dhclient", &mut start, &output(&folder, 1));
        Self { process, start, release, starts: 1, times_bound: 0, folder }
    }

    fn acquires(&mut self) -> Ipv4Addr {
        self.times_bound += 1;
        let line = self.process.says_again("bound to ", self.times_bound, RENEWAL_PATIENCE);
        let address = address_after(&line, "bound to ");
        // Its own record must agree.
        wait::soon("the address in dhclient's leases", || {
            let leases = std::fs::read_to_string(self.folder.path().join("leases")).ok()?;
            leases.contains(&format!("fixed-address {address};")).then_some(())
        });
        address
    }

    fn renews(&mut self) {
        self.acquires();
    }

    fn releases(&mut self) {
        let output = self.release.output().expect("dhclient can be run");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(said.contains("DHCPRELEASE"), "dhclient -r: {said}");
        self.process.ended(wait::SOON);
    }
}

impl Dhclient {
    /// Kills and restarts it, as a power cut would: it still has its lease, and the server was not
    /// notified.
    pub fn starts_again(&mut self) {
        self.process.kill();
        self.starts += 1;
        self.times_bound = 0;
        let output = output(&self.folder, self.starts);
        self.process = Process::start("dhclient", &mut self.start, &output);
    }

    /// Returns its process, for its output since the start.
    pub fn process(&mut self) -> &mut Process {
        &mut self.process
    }
}

fn output(folder: &TempDir, start: u32) -> PathBuf {
    folder.path().join(format!("dhclient-{start}.log"))
}
