//! systemd-networkd, the client of many servers and appliances.

use std::{net::Ipv4Addr, time::Duration};

use nix::sys::signal::Signal;
use tempfile::TempDir;

use super::{Client, INTERFACE, address_after};
use crate::{Host, Process, needs::SYSTEMD_NETWORKD, wait};

/// A running systemd-networkd.
///
/// Only a message bus can make it extend its lease, so the server should grant a short one.
#[derive(Debug)]
pub struct Networkd {
    process: Process,
    times_acknowledged: usize,
    _folder: TempDir,
}

/// networkd has its files in fixed folders, so the script mounts separate ones. It would wait for
/// udev if `/sys` could be written.
const SCRIPT: &str = r#"
mount -t tmpfs tmpfs /run/systemd && mkdir -p /run/systemd/network /run/systemd/netif &&
chown systemd-network: /run/systemd/netif && cp "$1" /run/systemd/network/10-client.network &&
if [ -d /etc/systemd/network ]; then mount -t tmpfs tmpfs /etc/systemd/network; fi &&
mount -o remount,ro /sys && exec "$2"
"#;

/// The timeout of a renewal: T1 and a random delay.
const RENEWAL_PATIENCE: Duration = Duration::from_secs(30);

impl Client for Networkd {
    fn start(host: &Host) -> Self {
        let folder = tempfile::tempdir().expect("there is room for the client's files");
        let configuration = folder.path().join("client.network");
        let text = format!(
            "[Match]\nName={INTERFACE}\n[Network]\nDHCP=ipv4\nLinkLocalAddressing=no\n\
             IPv6AcceptRA=no\n[DHCPv4]\nDUIDType=link-layer\nSendRelease=yes\n"
        );
        std::fs::write(&configuration, text).expect("the folder can be written");
        let mut command = host.command("sh");
        command.args(["-c", SCRIPT, "networkd"]).arg(configuration).arg(SYSTEMD_NETWORKD);
        command.env("SYSTEMD_LOG_TARGET", "console").env("SYSTEMD_LOG_LEVEL", "debug");
        command.env_remove("NOTIFY_SOCKET").env_remove("JOURNAL_STREAM");
        let process =
            Process::start("systemd-networkd", &mut command, &folder.path().join("networkd.log"));
        Self { process, times_acknowledged: 0, _folder: folder }
    }

    fn acquires(&mut self) -> Ipv4Addr {
        let words = "DHCPv4 address ";
        let line = self.process.says(words, RENEWAL_PATIENCE);
        self.times_acknowledged = self.process.times_said("DHCPv4 client: ACK");
        address_after(&line.replace('/', " "), words)
    }

    fn renews(&mut self) {
        self.times_acknowledged += 1;
        let count = self.times_acknowledged;
        self.process.says_again("DHCPv4 client: ACK", count, RENEWAL_PATIENCE);
    }

    fn releases(&mut self) {
        self.process.signal(Signal::SIGTERM);
        self.process.ended(wait::SOON);
    }
}
