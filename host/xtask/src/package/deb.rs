//! The Debian package, built by cargo-deb from `[package.metadata.deb]` in the manifest of the
//! server.
//!
//! Does not compile the server. cargo-deb takes every path below `target/release` from the target
//! folder, which is the stage here, so that a package can have a server of any profile.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, bail};
use lessor_guests::{cargo, is_installed, without_package, workspace};

use super::staging::Stage;
use crate::{artifacts::Profile, command::run};

/// The version of the tool, which a change of its output must not change unseen.
const CARGO_DEB: &str = "3.8.0";

/// Installs cargo-deb among the programs of cargo, unless it is there. It stays there for other
/// checkouts.
///
/// # Errors
/// Returns an error if it cannot be installed.
pub(crate) fn install_cargo_deb() -> anyhow::Result<()> {
    if is_installed("cargo-deb") {
        return Ok(());
    }
    // xz of Debian is a library that may be missing; the other one is compiled in.
    run(cargo().args(["install", "--quiet", "--locked", "cargo-deb", "--version", CARGO_DEB]))
}

/// Builds the package, and compresses that of a release well, and returns its file.
///
/// # Errors
/// Returns an error if cargo-deb fails or is missing.
pub(super) fn build(stage: &Stage, profile: Profile) -> anyhow::Result<PathBuf> {
    install_cargo_deb()?;
    let output = stage.folder().join("lessor.deb");
    let mut command: Command = without_package("cargo-deb");
    command
        .current_dir(workspace())
        .args(["--package", "lessor", "--no-build", "--strip", "--no-dbgsym", "--quiet"])
        .arg("--output")
        .arg(&output)
        .env("CARGO_TARGET_DIR", stage.folder());
    if profile == Profile::Dev {
        command.arg("--fast");
    }
    run(&mut command)?;
    named(&output)
}

/// Gives the package the name that Debian's tools give it, with version and architecture.
fn named(package: &Path) -> anyhow::Result<PathBuf> {
    let format = "--showformat=${Package}_${Version}_${Architecture}.deb";
    let shown = Command::new("dpkg-deb").arg("--show").arg(format).arg(package).output();
    let shown = shown.context("cannot run dpkg-deb")?;
    if !shown.status.success() {
        bail!("dpkg-deb cannot read {}: {}", package.display(), shown.status);
    }
    let path = package.with_file_name(String::from_utf8_lossy(&shown.stdout).trim());
    std::fs::rename(package, &path)
        .with_context(|| format!("cannot rename {}", package.display()))?;
    Ok(path)
}
