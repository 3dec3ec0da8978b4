//! Installs what a fresh machine lacks: the Debian packages that the end-to-end tests use (real
//! clients, relays and generators) and that the example policies need, and the WebAssembly targets
//! of the toolchain.

use std::{path::Path, process::Command};

use anyhow::{Context, bail};

use crate::{checkout, command};

/// The programs that tests start, with their packages.
const TOOLS: [(&str, &str); 14] = [
    ("dhclient", "isc-dhcp-client"),
    ("dhcpcd", "dhcpcd-base"),
    ("udhcpc", "udhcpc"),
    ("dhcrelay", "isc-dhcp-relay"),
    ("perfdhcp", "kea-admin"),
    ("tcpdump", "tcpdump"),
    ("ip", "iproute2"),
    ("strace", "strace"),
    ("faketime", "faketime"),
    ("unshare", "util-linux"),
    ("freeradius", "freeradius"),
    ("psql", "postgresql"),
    ("make", "make"),
    ("mkfs.ext4", "e2fsprogs"),
];

/// The targets of policies, the same as in rust-toolchain.toml.
const WASM_TARGETS: [&str; 2] = ["wasm32-unknown-unknown", "wasm32-wasip2"];

/// Installs missing packages.
///
/// # Errors
/// Returns an error without root or apt-get, or if the installation fails.
pub(crate) fn install(missing: &[&str]) -> anyhow::Result<()> {
    if missing.is_empty() {
        return Ok(());
    }
    if !nix::unistd::geteuid().is_root() || !is_installed("apt-get") {
        bail!("needs root on Debian to install {}", missing.join(" "));
    }
    command::run(Command::new("apt-get").args(["update", "-qq"]))?;
    // Only the programs of the packages are needed, so their services must not start.
    command::run(
        Command::new("apt-get")
            .args(["install", "-y", "-qq", "--no-install-recommends"])
            .args(missing)
            .env("DEBIAN_FRONTEND", "noninteractive")
            .env("RUNLEVEL", "1"),
    )
}

/// Installs the targets that the toolchain lacks. Rustup does this itself when it installs a
/// toolchain, but not for an existing one.
///
/// # Errors
/// Returns an error if rustup cannot install a target.
pub(crate) fn add_wasm_targets() -> anyhow::Result<()> {
    if !is_installed("rustup") {
        // The toolchain was not installed by rustup; cargo reports what it lacks.
        return Ok(());
    }
    let mut list = Command::new("rustup");
    let listed = list.args(["target", "list", "--installed"]).current_dir(checkout::root());
    let installed = listed.output().context("cannot run rustup")?;
    let installed = String::from_utf8_lossy(&installed.stdout);
    let is_missing = |target: &&str| !installed.lines().any(|line| line == *target);
    let missing: Vec<&str> = WASM_TARGETS.into_iter().filter(is_missing).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let mut add = Command::new("rustup");
    command::run(add.args(["target", "add"]).args(missing).current_dir(checkout::root()))
}

/// `cargo xtask setup`.
///
/// # Errors
/// Returns the errors of [`install`].
pub(crate) fn run() -> anyhow::Result<()> {
    add_wasm_targets()?;
    let missing = missing();
    if missing.is_empty() {
        println!("all packages are installed");
    }
    install(&missing)
}

/// Returns the packages whose programs are missing, and the missing packages that the example
/// policies need.
pub(crate) fn missing() -> Vec<&'static str> {
    TOOLS
        .iter()
        .filter(|(program, _)| !is_installed(program))
        .map(|(_, package)| *package)
        .chain(lessor_policies::missing_packages())
        .collect()
}

/// Returns whether a program is installed, also in the folders of system programs.
pub(crate) fn is_installed(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(["/usr/sbin", "/sbin"].map(|folder| Path::new(folder).to_owned()))
        .any(|folder| folder.join(program).is_file())
}
