//! `cargo xtask growth`: measures the cost of a server as its leases, networks and reservations
//! grow. Memory is resident memory minus that of an empty server, after growth and after a restart.
//!
//! - `configuration` writes configurations of any size.
//! - `leases`, `networks`, `classes`, `reserved` and `fullness` are the measurements.
//! - `document` writes the tables in `docs/performance.md`.
//!
//! The memory of a lease, a network or a reservation is nearly the same on every machine; times
//! depend on the machine and its load.

mod classes;
pub(crate) mod configuration;
mod document;
mod fullness;
mod leases;
mod measured;
mod networks;
mod reserved;

use std::path::{Path, PathBuf};

use anyhow::Context;
use lessor_guests::workspace;

use crate::artifacts::{self, Profile};

use self::document::Section;

#[derive(Debug, clap::Args)]
pub(crate) struct GrowthArguments {
    /// Measure this program instead of building one.
    #[arg(long, value_name = "FILE")]
    lessor: Option<PathBuf>,
    /// Numbers of leases to measure.
    #[arg(long, value_delimiter = ',', default_value = "10000,100000,1000000,5000000")]
    leases: Vec<u32>,
    /// Numbers of subnets to measure; each subnet is a separate network.
    #[arg(long, value_delimiter = ',', default_value = "10,1000,10000,100000")]
    subnets: Vec<u32>,
    /// Numbers of reservations to measure with each number of subnets that has room for them.
    #[arg(long, value_delimiter = ',', default_value = "0,100000,1000000")]
    reservations: Vec<u32>,
    /// Write the tables to docs/performance.md.
    #[arg(long)]
    write: bool,
}

/// Builds the server for release, measures it, and prints the tables.
///
/// # Errors
/// Returns an error if a server does not start, if a client gets no address, or if a table cannot
/// be written.
pub(crate) fn run(arguments: &GrowthArguments) -> anyhow::Result<()> {
    let lessor = match &arguments.lessor {
        Some(lessor) => std::path::absolute(lessor)?,
        None => artifacts::lessor(Profile::Release)?,
    };
    let folder = tempfile::Builder::new().prefix("lessor-growth-").tempdir()?;
    let folder = folder.path();
    let mut sections = Vec::new();
    show(&mut sections, leases::measure(&lessor, folder, &arguments.leases)?);
    show(&mut sections, networks::measure(&lessor, folder, arguments)?);
    show(&mut sections, classes::measure(&lessor, folder)?);
    show(&mut sections, reserved::measure(&lessor, folder, &arguments.reservations)?);
    show(&mut sections, fullness::measure(&lessor, folder)?);
    if arguments.write {
        let path = workspace().join("docs/performance.md");
        document::put_into(&path, &sections)?;
    }
    Ok(())
}

fn show(sections: &mut Vec<Section>, section: Section) {
    println!("{}\n{}\n", section.title, section.table());
    sections.push(section);
}

/// Creates an empty folder for one measurement.
fn fresh(folder: &Path, name: &str) -> anyhow::Result<PathBuf> {
    let path = folder.join(name);
    std::fs::create_dir_all(&path).with_context(|| format!("cannot create {}", path.display()))?;
    Ok(path)
}
