//! Third-party relay agents: dhcrelay of the Internet Systems Consortium, dhcp-helper, and dnsmasq
//! as a relay.

use std::{net::Ipv4Addr, path::PathBuf, process::Command};

use tempfile::TempDir;

use crate::{Host, Process, wait};

/// The port of servers and relays, as `/proc/net/udp` shows it.
const PORT_67: &str = ":0043 ";

/// The folder below the target folder into which `cargo xtask setup` unpacks dhcp-helper.
pub const DHCP_HELPER_FOLDER: &str = "dhcp-helper";
const UNPACKED_DHCP_HELPER: &str = "dhcp-helper/usr/sbin/dhcp-helper";

/// A program that relays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RelayKind {
    /// Adds option 82. The circuit id is the name of its downstream interface.
    Dhcrelay,
    /// Like [`RelayKind::Dhcrelay`], for messages that another relay has already relayed: it
    /// forwards them with the option 82 of that relay.
    DhcrelayBehindAnother,
    /// Adds no option 82.
    DhcpHelper,
    /// Adds no option 82.
    Dnsmasq,
}

/// A running relay, which is killed when it is dropped.
#[derive(Debug)]
pub struct RelayAgent {
    _process: Process,
    _folder: TempDir,
}

impl RelayAgent {
    /// Starts dhcrelay on `host` between the links of two interfaces.
    pub fn start(host: &Host, downstream: &str, upstream: &str, server: Ipv4Addr) -> Self {
        Self::start_kind(RelayKind::Dhcrelay, host, downstream, upstream, server)
    }

    /// Starts a relay on `host` between the links of two interfaces, and waits until it listens.
    ///
    /// # Panics
    /// Panics if it does not listen soon.
    pub fn start_kind(
        kind: RelayKind,
        host: &Host,
        downstream: &str,
        upstream: &str,
        server: Ipv4Addr,
    ) -> Self {
        let folder = tempfile::tempdir().expect("there is room for an output file");
        let (name, mut command) = match kind {
            RelayKind::Dhcrelay => dhcrelay(host, "replace", downstream, upstream, server),
            RelayKind::DhcrelayBehindAnother => {
                dhcrelay(host, "forward", downstream, upstream, server)
            }
            RelayKind::DhcpHelper => {
                let program = dhcp_helper().expect("the test needs it");
                let mut command = host.command(program);
                command.args(["-d", "-u", "root", "-i", downstream, "-r"]);
                command.arg(folder.path().join("pid")).args(["-s", &server.to_string()]);
                ("dhcp-helper", command)
            }
            RelayKind::Dnsmasq => {
                let own = host.addresses(downstream);
                let own = own.first().expect("the interface has an address");
                let mut command = host.command("dnsmasq");
                command.args(["--keep-in-foreground", "--conf-file=/dev/null", "--port=0"]);
                command.args(["--user=root", "--log-facility=-", "--pid-file=", "--log-dhcp"]);
                command.arg(format!("--dhcp-relay={own},{server}"));
                ("dnsmasq", command)
            }
        };
        let mut process = Process::start(name, &mut command, &folder.path().join("relay.log"));
        if name == "dhcrelay" {
            process.says("Sending on   Socket", wait::SOON);
        }
        wait::soon("the relay to listen", || {
            let sockets = host.run_here(|| std::fs::read_to_string("/proc/thread-self/net/udp"));
            sockets.is_ok_and(|sockets| sockets.contains(PORT_67)).then_some(())
        });
        Self { _process: process, _folder: folder }
    }
}

/// Returns the program dhcp-helper: an installed one, or the one that `cargo xtask setup` has
/// unpacked, because Debian does not install it beside dhcpd and dhcrelay.
pub(crate) fn dhcp_helper() -> Option<PathBuf> {
    let unpacked = lessor_guests::target_folder().ok()?.join(UNPACKED_DHCP_HELPER);
    [PathBuf::from("/usr/sbin/dhcp-helper"), unpacked].into_iter().find(|path| path.is_file())
}

fn dhcrelay(
    host: &Host,
    mode: &str,
    downstream: &str,
    upstream: &str,
    server: Ipv4Addr,
) -> (&'static str, Command) {
    let mut command = host.command("dhcrelay");
    command.args(["-4", "-d", "-a", "-m", mode, "--no-pid"]);
    command.args(["-id", downstream, "-iu", upstream]).arg(server.to_string());
    ("dhcrelay", command)
}
