//! `cargo xtask growth`: what a server costs as what it serves grows. Memory is resident memory less that
//! of an empty server, after growth and after a restart.
//!
//! - `configuration`: configurations of any size.
//! - `leases`, `networks`, `fullness`: what is measured of each.
//! - `document`: the tables in `docs/performance.md`.
//!
//! The figures are of this machine at this time. What a lease, a network or a reservation takes is nearly
//! the same elsewhere; times are not.

pub(crate) mod configuration;
mod document;
mod fullness;
mod leases;
mod measured;
mod networks;

use std::path::{Path, PathBuf};

use anyhow::Context;

use crate::{
    artifacts::{self, Profile},
    checkout,
};

use self::document::Section;

#[derive(Debug, clap::Args)]
pub(crate) struct GrowthArguments {
    /// Measure this program instead of building one.
    #[arg(long, value_name = "FILE")]
    lessor: Option<PathBuf>,
    /// How many leases, one after the other.
    #[arg(long, value_delimiter = ',', default_value = "10000,100000,1000000,5000000")]
    leases: Vec<u32>,
    /// How many subnets, each a network of its own.
    #[arg(long, value_delimiter = ',', default_value = "10,1000,10000,100000")]
    subnets: Vec<u32>,
    /// How many reservations, with each number of subnets that has room for them.
    #[arg(long, value_delimiter = ',', default_value = "0,100000,1000000")]
    reservations: Vec<u32>,
    /// Put the tables into docs/performance.md.
    #[arg(long)]
    write: bool,
}

/// Builds the server for release, measures it, prints the tables.
///
/// # Errors
/// If a server does not start, does not give an address to everybody, or a table cannot be written.
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
    show(&mut sections, fullness::measure(&lessor, folder)?);
    if arguments.write {
        let path = checkout::root().join("docs/performance.md");
        document::put_into(&path, &sections)?;
    }
    Ok(())
}

fn show(sections: &mut Vec<Section>, section: Section) {
    println!("{}\n{}\n", section.title, section.table());
    sections.push(section);
}

/// A folder for one measurement, empty.
fn fresh(folder: &Path, name: &str) -> anyhow::Result<PathBuf> {
    let path = folder.join(name);
    std::fs::create_dir_all(&path).with_context(|| format!("cannot make {}", path.display()))?;
    Ok(path)
}
