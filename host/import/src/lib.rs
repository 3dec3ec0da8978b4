//! Imports what Kea, ISC dhcpd and dnsmasq have: configurations as `lessor.toml`, reservations, and
//! leases as records of the store. Moves leases between servers of this kind.
//!
//! ```text
//! kea, dhcpd, dnsmasq ──▶ model ──settle──▶ toml, reservations ──check──▶ files
//!                    └──▶ leases ──records of a configuration──▶ carry ──▶ store
//! portable ────────────────▶ leases
//!                    └──▶ report
//! ```
//!
//! What a server's statements come to stands in one table for each: `kea::keys`,
//! `dhcpd::statements` and `dnsmasq::keys`. Invariant: **an import is complete or changes
//! nothing.** Whatever cannot be read is refused with its line before anything is written; files
//! are written beside their places and renamed; leases are one batch of the store.

#![deny(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]
#![cfg_attr(not(test), deny(clippy::disallowed_methods))]

mod boot;
mod carry;
mod check;
mod condition;
mod declaring;
mod dhcpd;
mod dnsmasq;
mod expressing;
mod expression;
mod files;
mod input;
mod kea;
mod kept;
mod latest;
mod lease_records;
mod leases;
mod model;
mod option_names;
mod option_value;
mod pattern;
mod place;
pub mod portable;
mod report;
mod reservations;
mod settle;
mod toml;

use std::{
    net::Ipv4Addr,
    path::{Path, PathBuf},
};

use lessor_core::Topology;
use lessor_settings::StoreBackend;
use serde::Serialize;

pub use carry::{CarryError, Existing, carry};
pub use files::{UnplacedFiles, WriteError, unused_reservations};
pub use input::{CONFIGURATION_OCTETS_MAX, INCLUDES_DEPTH_MAX, INCLUDES_MAX, LEASES_OCTETS_MAX};
pub use lease_records::{LeaseRecord, LeaseTotals, ReadLeases};
pub use leases::Times;
pub use place::{Place, Refusal};
pub use report::{LineOutcome, Report, ReportEntry, Totals};

use input::Reader;
use kept::Kept;
use model::Site;

/// With more reservations than this, [`Reservations::Automatic`] writes them to a separate file.
pub const INLINE_RESERVATIONS_MAX: usize = 100;

/// The server that is imported from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum OldServer {
    /// Kea (kea-dhcp4).
    Kea,
    /// ISC dhcpd.
    Dhcpd,
    /// dnsmasq.
    Dnsmasq,
}

/// Where reservations are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reservations {
    /// In the configuration, or in a file if there are more than [`INLINE_RESERVATIONS_MAX`].
    #[default]
    Automatic,
    /// In the configuration.
    Inline,
    /// In a CSV file beside the configuration.
    File,
}

/// What the files of the other server do not say.
#[derive(Clone, Debug, Default)]
pub struct Wishes {
    /// The interfaces whose links have clients, instead of those in the file.
    pub interfaces: Vec<String>,
    /// The addresses that relays send to, instead of those in the file.
    pub listen: Vec<Ipv4Addr>,
    /// The folder of the store; `None` for that of a file that is replaced, or the default of the
    /// server.
    pub store: Option<String>,
    /// Whether a configuration that is at the target already is replaced. Its tables about the
    /// program, such as `[plugins]` and `[journal]`, are kept.
    pub replace: bool,
    /// Where reservations are written.
    pub reservations: Reservations,
}

/// What a reader of a configuration finds.
struct Found {
    site: Site,
    report: Report,
}

/// A configuration that was imported and is accepted by the server.
#[derive(Clone, Debug)]
pub struct Imported {
    /// The text of `lessor.toml`.
    pub configuration: String,
    /// The name and the text of the file of reservations.
    pub reservations: Option<(String, String)>,
    /// The headers of tables that are kept of the file that is replaced, such as `[journal]`.
    pub kept: Vec<String>,
    /// What became of each statement.
    pub report: Report,
    /// The subnets, for [`read_leases`].
    pub topology: Topology,
    /// The store of the new configuration.
    pub store: StoreBackend,
}

/// Imports a configuration for the file `target`, which is not written yet.
///
/// # Errors
/// Refuses files that cannot be read, and configurations without a subnet or an interface.
pub fn read_configuration(
    origin: OldServer,
    path: &Path,
    target: &Path,
    wishes: &Wishes,
) -> Result<Imported, Refusal> {
    let kept = match wishes.replace {
        true => kept::read(target, wishes.store.is_none())?,
        false => Kept::default(),
    };
    let mut reader = Reader::of_configuration();
    let text = reader.read(path)?;
    let Found { mut site, mut report } = match origin {
        OldServer::Kea => kea::configuration(&text, &mut reader)?,
        OldServer::Dhcpd => dhcpd::configuration(&text, &mut reader)?,
        OldServer::Dnsmasq => dnsmasq::configuration(&text, &mut reader)?,
    };
    wishes.apply(&mut site);
    if site.interfaces.is_empty() && site.listen.is_empty() {
        return Err(Refusal::new(
            format!("{} does not say which interfaces it serves", text.name),
            "name the interfaces whose links have clients with --interface, or the addresses that \
             relays send to with --listen",
        ));
    }
    settle::rename_classes(&mut site);
    check::classes(&mut site, &mut report);
    settle::settle(&mut site, &mut report);
    if site.subnets.is_empty() {
        let help = "name the configuration that has the subnets";
        return Err(Refusal::new(format!("{} has no subnet", text.name), help));
    }
    report.sort();
    let count = site.all_reservations().count();
    let fitting = reservations::fitting(&site).count();
    let in_file = match wishes.reservations {
        Reservations::Automatic => fitting > INLINE_RESERVATIONS_MAX,
        Reservations::Inline => false,
        Reservations::File => fitting > 0,
    };
    let name = in_file.then(|| files::reservations_name(target));
    let frame = toml::Frame {
        heading: format!("Imported from {} ({}).", text.name, origin.title()),
        reservations: name.as_deref(),
        store: wishes.store.as_deref(),
        kept: &kept.text,
    };
    let configuration = toml::text(&site, &frame);
    let reservations = name.map(|name| (name, reservations::csv(&site)));
    let read = check::read(&configuration, reservations.as_ref(), target, count)?;
    let (topology, store) = (read.topology, read.store.backend);
    Ok(Imported { configuration, reservations, kept: kept.headers, report, topology, store })
}

/// Reads files of leases, from the oldest to the newest, as records of the networks of a
/// configuration. The last line about an address counts.
///
/// # Errors
/// Refuses files that cannot be read, that are cut off, or that are not leases.
pub fn read_leases(
    origin: OldServer,
    paths: &[PathBuf],
    topology: &Topology,
    times: &Times,
) -> Result<ReadLeases, Refusal> {
    let mut reader = Reader::of_leases();
    let mut gathered = leases::Gathered::default();
    for path in paths {
        let files = match origin {
            OldServer::Kea => kea::lease_files(path),
            OldServer::Dhcpd | OldServer::Dnsmasq => vec![path.clone()],
        };
        for file in files {
            let text = reader.read(&file)?;
            match origin {
                OldServer::Kea => kea::leases(&text, times, &mut gathered)?,
                OldServer::Dhcpd => dhcpd::leases(&text, times, &mut gathered)?,
                OldServer::Dnsmasq => dnsmasq::leases(&text, &mut gathered)?,
            }
        }
    }
    Ok(gathered.records(topology, times))
}

impl OldServer {
    /// The name of the server.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Kea => "Kea",
            Self::Dhcpd => "ISC dhcpd",
            Self::Dnsmasq => "dnsmasq",
        }
    }
}

impl Wishes {
    fn apply(&self, site: &mut Site) {
        if !self.interfaces.is_empty() {
            site.interfaces.clone_from(&self.interfaces);
        }
        if !self.listen.is_empty() {
            site.listen.clone_from(&self.listen);
        }
        site.interfaces.sort();
        site.interfaces.dedup();
        site.listen.sort();
        site.listen.dedup();
    }
}
