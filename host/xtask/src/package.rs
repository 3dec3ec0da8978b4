//! `cargo xtask package`: the Debian package and the static tarball, from the same staged files.
//!
//! Does not test them, which the end-to-end tests `packages` do; `--test` runs these in a clean
//! Debian root. Invariant: what both contain is listed once, in [`staging`].

mod architecture;
mod deb;
mod root;
mod staging;
mod tarball;

use std::path::{Path, PathBuf};

use anyhow::Context;
use lessor_guests::{INTERPRETERS, RHAI, cargo, is_installed, target_folder};

pub(crate) use self::deb::install_cargo_deb;
use self::{architecture::Architecture, staging::Stage};
use crate::{
    artifacts::{self, Profile},
    command::run,
};

#[derive(Debug, clap::Args)]
pub(crate) struct PackageArguments {
    /// What to build; default: everything for this machine.
    #[arg(value_enum)]
    kinds: Vec<PackageKind>,
    /// The architecture of the tarball; default: that of this machine.
    #[arg(long, value_enum)]
    architecture: Option<Architecture>,
    /// Package the debug build, with the interpreter of Rhai only: quicker, and for trying.
    #[arg(long)]
    debug: bool,
    /// Test what was built in a clean root of Debian, which debootstrap makes. Needs root.
    #[arg(long)]
    test: bool,
}

/// What can be built.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum PackageKind {
    /// The Debian package, by cargo-deb.
    Deb,
    /// The static tarball, with an install script and a Containerfile.
    Tarball,
}

/// Builds the packages and prints their files.
///
/// # Errors
/// Returns an error if something does not build or a test fails.
pub(crate) fn run_command(arguments: &PackageArguments) -> anyhow::Result<()> {
    let wants = |kind| arguments.kinds.is_empty() || arguments.kinds.contains(&kind);
    let own = Architecture::own()?;
    let architecture = arguments.architecture.unwrap_or(own);
    let (profile, lessor, interpreters) = if arguments.debug {
        (Profile::Dev, artifacts::lessor(Profile::Dev)?, &[RHAI][..])
    } else {
        (Profile::Release, artifacts::released_lessor()?, &INTERPRETERS[..])
    };
    let stage = Stage::new(&stage_of(profile)?, &lessor, interpreters)?;
    let mut tested = Vec::new();
    if wants(PackageKind::Deb) {
        let package = deb::build(&stage, profile)?;
        println!("{}", package.display());
        tested.push(("LESSOR_DEB", "a_package", package));
    }
    if wants(PackageKind::Tarball) {
        let tarball = tarball::build(&stage, architecture, profile)?;
        println!("{}", tarball.display());
        // This machine cannot run a server for another one.
        if architecture == own {
            tested.push(("LESSOR_TARBALL", "the_tarball", tarball));
        }
    }
    if arguments.test { test(&tested) } else { Ok(()) }
}

/// Builds a Debian package of a server for tests, with one interpreter only. Returns `None` where
/// the tests of packages cannot run anyway: without root, or on another system than Debian.
///
/// # Errors
/// Returns an error if it cannot be built.
pub(crate) fn deb_for_tests(lessor: &Path) -> anyhow::Result<Option<PathBuf>> {
    if !nix::unistd::geteuid().is_root() || !is_installed("dpkg-deb") {
        return Ok(None);
    }
    let stage = Stage::new(&stage_of(Profile::Dev)?, lessor, &[RHAI])?;
    deb::build(&stage, Profile::Dev).map(Some)
}

/// Tests these packages in a clean root. Each has the variable that names its file, and the
/// beginning of the name of its test.
fn test(packages: &[(&str, &str, PathBuf)]) -> anyhow::Result<()> {
    let root = root::debian(&folder()?.join("debian"))?;
    let tests = ["test", "--package", "lessor-e2e", "--test", "packages", "--locked", "--"];
    let mut command = cargo();
    command.args(tests).args(["--nocapture", "--test-threads=1", "--include-ignored"]);
    command.env("LESSOR_DEB_ROOT", root).env("LESSOR_REQUIRE_E2E", "1");
    for (variable, name, file) in packages {
        command.arg(name).env(variable, file);
    }
    run(&mut command)
}

fn stage_of(profile: Profile) -> anyhow::Result<PathBuf> {
    Ok(folder()?.join(match profile {
        Profile::Dev => "debug",
        Profile::Release => "release",
    }))
}

fn folder() -> anyhow::Result<PathBuf> {
    let folder = target_folder()?.join("package");
    std::fs::create_dir_all(&folder)
        .with_context(|| format!("cannot create {}", folder.display()))?;
    Ok(folder)
}
