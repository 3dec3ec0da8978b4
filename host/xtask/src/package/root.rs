//! A clean root of Debian for tests of packages.
//!
//! The tests do not change it: each works on a layer above it.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::Context;

use crate::{command::run, setup};

/// The release that packages must at least work on.
const RELEASE: &str = "bookworm";
/// What a small server has beside the packages of Debian's own minimum: a service manager, and the
/// tools with which the tests look at the network.
const PACKAGES: &str = "systemd,systemd-sysv,dbus,iproute2,logrotate,udhcpc";

/// Makes the root, unless there is one, and returns its folder.
///
/// # Errors
/// Returns an error without root, or if debootstrap fails.
pub(super) fn debian(folder: &Path) -> anyhow::Result<PathBuf> {
    if folder.join("usr").exists() {
        return Ok(folder.to_owned());
    }
    if !lessor_guests::is_installed("debootstrap") {
        setup::install(&["debootstrap"])?;
    }
    // A root that was not completed has another name.
    let unfinished = folder.with_extension("unfinished");
    if unfinished.exists() {
        std::fs::remove_dir_all(&unfinished)
            .with_context(|| format!("cannot remove {}", unfinished.display()))?;
    }
    let include = format!("--include={PACKAGES}");
    run(Command::new("debootstrap")
        .args(["--variant=minbase", &include, RELEASE])
        .arg(&unfinished))?;
    std::fs::rename(&unfinished, folder)
        .with_context(|| format!("cannot rename {}", unfinished.display()))?;
    Ok(folder.to_owned())
}
