//! The compared servers, each with the same subnets, pools and reservation.

use std::{path::Path, process::Command, thread, time::Duration, time::Instant};

use serde_json::json;
use tempfile::TempDir;

use super::site::{Site, TO_RELAY};
use crate::{Process, Setup};

/// The hardware address of the device that has a reservation.
pub(super) const RESERVED_FOR: [u8; 6] = [2, 0, 0x5e, 0, 0x53, 0x99];

const START_PATIENCE: Duration = Duration::from_secs(30);
const INTERVAL: Duration = Duration::from_millis(20);

/// The subnets, each with the first and last address of its pool and its router.
const SUBNETS: [(&str, &str, &str, &str); 3] = [
    ("10.77.0.0", "10.77.0.10", "10.77.0.17", "10.77.0.1"),
    ("10.78.0.0", "10.78.0.100", "10.78.0.107", "10.78.0.1"),
    ("100.64.0.0", "100.64.0.10", "100.64.0.17", "100.64.0.1"),
];
/// The number of addresses of each pool.
pub(super) const POOL_SIZE: usize = 8;

/// A DHCP server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Kind {
    Lessor,
    Kea,
    Dhcpd,
    Dnsmasq,
}

/// A running server of a site, which is killed when it is dropped.
#[derive(Debug)]
pub(super) struct Running {
    _process: Process,
    _folder: Option<TempDir>,
    _setup: Option<Setup>,
}

impl Kind {
    /// All servers.
    pub const ALL: [Self; 4] = [Self::Lessor, Self::Kea, Self::Dhcpd, Self::Dnsmasq];

    /// Returns its title in the table, with the installed version.
    pub fn title(self) -> String {
        let said = |program: &str, argument: &str| {
            let output = Command::new(program).arg(argument).output();
            let output = output.unwrap_or_else(|error| panic!("{program}: {error}"));
            let said = [output.stdout, output.stderr].concat();
            String::from_utf8_lossy(&said).into_owned()
        };
        let first_with_digit = |said: String| {
            let mut words =
                said.split(|character: char| character.is_whitespace() || character == '-');
            let is_version = |word: &&str| word.starts_with(|first: char| first.is_ascii_digit());
            words.find(is_version).unwrap_or_default().to_owned()
        };
        match self {
            Self::Lessor => "Lessor".to_owned(),
            Self::Kea => format!("Kea {}", first_with_digit(said("kea-dhcp4", "-v"))),
            Self::Dhcpd => format!("ISC dhcpd {}", first_with_digit(said("dhcpd", "--version"))),
            Self::Dnsmasq => format!("dnsmasq {}", first_with_digit(said("dnsmasq", "-v"))),
        }
    }

    /// Returns the program and its Debian package, or `None` for this server, which is built.
    pub const fn program(self) -> Option<(&'static str, &'static str)> {
        match self {
            Self::Lessor => None,
            Self::Kea => Some(("kea-dhcp4", "kea-dhcp4-server")),
            Self::Dhcpd => Some(("dhcpd", "isc-dhcp-server")),
            Self::Dnsmasq => Some(("dnsmasq", "dnsmasq-base")),
        }
    }

    /// Starts it on the server's host of a site. Returns `None` if it refuses to serve.
    pub(super) fn start(self, site: &Site) -> Option<Running> {
        if self == Self::Lessor {
            let setup = Setup::on_link("eth0", &lessor_subnets())
                .with_server_setting(&format!("listen = [\"{TO_RELAY}:67\"]"))
                .with_server_setting("authoritative = true")
                .on(&site.server);
            setup.write();
            let log = setup.folder().join("server.log");
            let process = started("lessor", &mut setup.command(), &log, "serving")?;
            return Some(Running { _process: process, _folder: None, _setup: Some(setup) });
        }
        let folder = tempfile::tempdir().expect("there is room for a configuration");
        let process = match self {
            Self::Lessor | Self::Kea => start_kea(site, folder.path()),
            Self::Dhcpd => start_dhcpd(site, folder.path()),
            Self::Dnsmasq => start_dnsmasq(site, folder.path()),
        };
        Some(Running { _process: process?, _folder: Some(folder), _setup: None })
    }
}

fn lessor_subnets() -> String {
    let mut text = String::new();
    for (subnet, first, last, router) in SUBNETS {
        text.push_str(&format!(
            "[[subnet]]\nprefix = \"{subnet}/24\"\nlease-time = \"1h\"\n\
             options = {{ routers = [\"{router}\"], domain-name-servers = [\"192.0.2.53\"] }}\n\
             [[subnet.pool]]\nrange = \"{first}-{last}\"\n"
        ));
        if subnet == "10.77.0.0" {
            text.push_str(
                "[[subnet.reservation]]\nhardware-address = \"02:00:5e:00:53:99\"\n\
                 address = \"10.77.0.50\"\n",
            );
        }
    }
    text
}

fn start_kea(site: &Site, folder: &Path) -> Option<Process> {
    let subnets = (1..).zip(SUBNETS).map(|(id, (subnet, first, last, router))| {
        let reservations = match subnet {
            "10.77.0.0" => {
                json!([{ "hw-address": "02:00:5e:00:53:99", "ip-address": "10.77.0.50" }])
            }
            _ => json!([]),
        };
        json!({
            "id": id,
            "subnet": format!("{subnet}/24"),
            "pools": [{ "pool": format!("{first} - {last}") }],
            "reservations": reservations,
            "option-data": [
                { "name": "routers", "data": router },
                { "name": "domain-name-servers", "data": "192.0.2.53" },
            ],
        })
    });
    let written = json!({ "Dhcp4": {
        "interfaces-config": { "interfaces": ["eth0", "eth1"] },
        "lease-database": { "type": "memfile", "persist": false },
        "valid-lifetime": 3600,
        "authoritative": true,
        "subnet4": subnets.collect::<Vec<_>>(),
        "loggers": [{ "name": "kea-dhcp4", "severity": "INFO",
            "output_options": [{ "output": "stdout", "flush": true }] }],
    }});
    let config = folder.join("kea.json");
    std::fs::write(&config, written.to_string()).expect("the folder can be written");
    let mut command = site.server.command("kea-dhcp4");
    command.arg("-c").arg(&config);
    command.env("KEA_PIDFILE_DIR", folder).env("KEA_LOCKFILE_DIR", folder);
    started("kea-dhcp4", &mut command, &folder.join("log"), "DHCP4_STARTED")
}

fn start_dhcpd(site: &Site, folder: &Path) -> Option<Process> {
    let mut text = String::from(
        "authoritative;\nping-check false;\ndefault-lease-time 3600;\nmax-lease-time 86400;\n\
         ddns-update-style none;\noption domain-name-servers 192.0.2.53;\n\
         host reserved { hardware ethernet 02:00:5e:00:53:99; fixed-address 10.77.0.50; }\n",
    );
    for (subnet, first, last, router) in SUBNETS {
        text.push_str(&format!(
            "subnet {subnet} netmask 255.255.255.0 {{ range {first} {last}; option routers \
             {router}; }}\n"
        ));
    }
    let (config, leases) = (folder.join("dhcpd.conf"), folder.join("dhcpd.leases"));
    std::fs::write(&config, text).expect("the folder can be written");
    std::fs::write(&leases, "").expect("the folder can be written");
    let mut command = site.server.command("dhcpd");
    command.args(["-4", "-f", "-d", "-user", "root", "-group", "root", "-cf"]).arg(&config);
    command.arg("-lf").arg(&leases).arg("-pf").arg(folder.join("pid"));
    command.args(["eth0", "eth1"]);
    started("dhcpd", &mut command, &folder.join("log"), "Server starting service")
}

fn start_dnsmasq(site: &Site, folder: &Path) -> Option<Process> {
    let mut text = String::from(
        "port=0\ninterface=eth0\ninterface=eth1\ndhcp-authoritative\nno-ping\nno-resolv\nno-hosts\n\
         user=root\nlog-facility=-\npid-file=\ndhcp-option=option:dns-server,192.0.2.53\n\
         dhcp-host=02:00:5e:00:53:99,10.77.0.50\n",
    );
    text.push_str(&format!("dhcp-leasefile={}\n", folder.join("leases").display()));
    for (_, first, last, _) in SUBNETS {
        text.push_str(&format!("dhcp-range={first},{last},255.255.255.0,1h\n"));
    }
    let config = folder.join("dnsmasq.conf");
    std::fs::write(&config, text).expect("the folder can be written");
    let mut command = site.server.command("dnsmasq");
    command.arg("--keep-in-foreground").arg(format!("--conf-file={}", config.display()));
    started("dnsmasq", &mut command, &folder.join("log"), "started, version")
}

/// Starts a server and waits until it reports that it serves. Returns `None` if it exits before.
fn started(name: &str, command: &mut Command, log: &Path, ready: &str) -> Option<Process> {
    let mut process = Process::start(name, command, log);
    let until = Instant::now() + START_PATIENCE;
    loop {
        let is_running = process.is_running();
        if process.output().contains(ready) {
            return Some(process);
        }
        if !is_running {
            return None;
        }
        assert!(Instant::now() < until, "{name} does not serve:\n{}", process.output());
        thread::sleep(INTERVAL);
    }
}
