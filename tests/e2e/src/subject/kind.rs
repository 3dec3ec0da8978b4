//! The servers: their names, their programs, and their start.

use std::process::Command;

use super::{Running, Service, Site, dhcpd, dnsmasq, kea, lessor};

/// A DHCP server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum Kind {
    Lessor,
    Kea,
    Dhcpd,
    Dnsmasq,
}

impl Kind {
    /// All servers.
    pub const ALL: [Self; 4] = [Self::Lessor, Self::Kea, Self::Dhcpd, Self::Dnsmasq];

    /// Returns its name in arguments and variables.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Lessor => "lessor",
            Self::Kea => "kea",
            Self::Dhcpd => "dhcpd",
            Self::Dnsmasq => "dnsmasq",
        }
    }

    /// Returns its title in a table, with the installed version.
    ///
    /// # Panics
    /// Panics if its program is not installed.
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
    pub fn start(self, site: &Site, service: &Service) -> Option<Running> {
        match self {
            Self::Lessor => lessor::start(site, service),
            Self::Kea => kea::start(site, service),
            Self::Dhcpd => dhcpd::start(site, service),
            Self::Dnsmasq => dnsmasq::start(site, service),
        }
    }
}
