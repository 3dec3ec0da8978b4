//! `cargo xtask compare`: compares the answers of this server, Kea, ISC dhcpd and dnsmasq to the
//! same packets, in separate network namespaces.
//!
//! The cases and the sites are those of the end-to-end tests, see `tests/e2e/src/compare`.

use anyhow::{Context, ensure};
use lessor_e2e::{
    compare::{cases, in_guide, play, put_into_guide},
    subject::Kind,
};
use lessor_guests::{is_installed, workspace};

use crate::{
    artifacts::{self, Profile},
    setup,
};

#[derive(Debug, clap::Args)]
pub(crate) struct CompareArguments {
    /// Write the table to docs/operators.md.
    #[arg(long)]
    write: bool,
    /// Run only the cases whose name contains this text; excludes --write.
    #[arg(conflicts_with = "write")]
    filter: Option<String>,
}

/// Builds the server, installs the others, runs every case with each of them, and prints the table.
///
/// # Errors
/// Returns an error without root, or if one of the servers is missing and cannot be installed.
pub(crate) fn run(arguments: &CompareArguments) -> anyhow::Result<()> {
    ensure!(nix::unistd::geteuid().is_root(), "needs root, for network namespaces with port 67");
    let wanted = Kind::ALL.into_iter().filter_map(Kind::program);
    let missing: Vec<&str> =
        wanted.filter(|(program, _)| !is_installed(program)).map(|(_, package)| package).collect();
    setup::install(&missing)?;
    if std::env::var_os("LESSOR_BIN").is_none() {
        artifacts::lessor(Profile::Dev)?;
    }
    let mut cases = cases();
    if let Some(filter) = &arguments.filter {
        cases.retain(|case| case.name.contains(filter.as_str()));
    }
    let titles: Vec<String> = Kind::ALL.into_iter().map(Kind::title).collect();
    let outcomes = play(&cases, &Kind::ALL, &|kind, case| eprintln!("{kind:?}: {}", case.name));
    let header: Vec<&str> =
        std::iter::once("case").chain(titles.iter().map(String::as_str)).collect();
    let mut table = lessor_terminal::table(&header);
    for outcome in &outcomes {
        table.add_row(std::iter::once(&outcome.case).chain(&outcome.answers));
    }
    println!("{table}");
    if arguments.write {
        let guide = workspace().join("docs/operators.md");
        let text = std::fs::read_to_string(&guide).context("cannot read the guide")?;
        std::fs::write(&guide, put_into_guide(&text, &in_guide(&titles, &outcomes)))
            .with_context(|| format!("cannot write {}", guide.display()))?;
    }
    Ok(())
}
