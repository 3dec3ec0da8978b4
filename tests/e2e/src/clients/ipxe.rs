//! A machine in QEMU that boots over the network with iPXE.

use std::path::Path;

use tempfile::TempDir;

use crate::{Host, Process, needs::IPXE_ROM};

/// A running machine, which is switched off when it is dropped.
#[derive(Debug)]
pub struct Ipxe {
    process: Process,
    _folder: TempDir,
}

/// The interface of the machine on its host.
const TAP: &str = "tap0";

impl Ipxe {
    /// Switches on a machine on the link of interface `eth0` of a host, which then is a switch and
    /// has no address.
    pub fn start(host: &Host, hardware_address: &str) -> Self {
        host.ip(&["tuntap", "add", "dev", TAP, "mode", "tap"]);
        host.ip(&["link", "add", "switch", "type", "bridge"]);
        for interface in ["eth0", TAP] {
            host.ip(&["link", "set", "dev", interface, "master", "switch", "up"]);
        }
        host.ip(&["link", "set", "dev", "switch", "up"]);
        let folder = tempfile::tempdir().expect("there is room for an output file");
        let mut command = host.command("qemu-system-x86_64");
        // Emulated: in a virtual machine, iPXE can hang on KVM, and it needs a few seconds only.
        command.args(["-machine", "pc,accel=tcg,graphics=off", "-m", "96"]);
        command.args(["-nodefaults", "-no-user-config", "-display", "none"]);
        command.args(["-serial", "stdio", "-netdev"]);
        command.arg(format!("tap,id=net,ifname={TAP},script=no,downscript=no"));
        command.arg("-device");
        command
            .arg(format!("e1000,netdev=net,mac={hardware_address},romfile={IPXE_ROM},bootindex=1"));
        let process = Process::start("qemu", &mut command, &folder.path().join("console.log"));
        Self { process, _folder: folder }
    }

    /// Returns what the machine has written to its console.
    pub fn console(&self) -> String {
        self.process.output()
    }
}

/// Starts a TFTP server on a host: dnsmasq, which logs each file that it has sent.
pub fn tftp_server(host: &Host, folder: &Path) -> Process {
    let mut command = host.command("dnsmasq");
    command.args(["--keep-in-foreground", "--conf-file=/dev/null", "--port=0", "--user=root"]);
    command.args(["--log-facility=-", "--pid-file=", "--enable-tftp"]);
    command.arg(format!("--tftp-root={}", folder.display()));
    let log = folder.join("tftp.log");
    Process::start("dnsmasq", &mut command, &log)
}
