//! The Debian packages that the end-to-end tests use: real clients, relays and generators.

use std::{path::Path, process::Command};

use anyhow::bail;

use crate::command;

/// A program that tests start, and the package that has it.
const TOOLS: [(&str, &str); 9] = [
    ("dhclient", "isc-dhcp-client"),
    ("dhcpcd", "dhcpcd-base"),
    ("udhcpc", "udhcpc"),
    ("dhcrelay", "isc-dhcp-relay"),
    ("perfdhcp", "kea-admin"),
    ("tcpdump", "tcpdump"),
    ("ip", "iproute2"),
    ("strace", "strace"),
    ("unshare", "util-linux"),
];

/// Installs what is missing.
///
/// # Errors
/// Without root or apt-get, or if the installation fails.
pub(crate) fn install(missing: &[&str]) -> anyhow::Result<()> {
    if missing.is_empty() {
        return Ok(());
    }
    if !nix::unistd::geteuid().is_root() || !is_installed("apt-get") {
        bail!("needs root on Debian to install {}", missing.join(" "));
    }
    command::run(Command::new("apt-get").args(["update", "-qq"]))?;
    // The packages are for their programs only: no service of theirs is to start.
    command::run(
        Command::new("apt-get")
            .args(["install", "-y", "-qq", "--no-install-recommends"])
            .args(missing)
            .env("DEBIAN_FRONTEND", "noninteractive")
            .env("RUNLEVEL", "1"),
    )
}

/// `cargo xtask setup`.
///
/// # Errors
/// As [`install`].
pub(crate) fn run() -> anyhow::Result<()> {
    let missing = missing();
    if missing.is_empty() {
        println!("everything is there");
    }
    install(&missing)
}

/// The packages whose programs are not there.
pub(crate) fn missing() -> Vec<&'static str> {
    TOOLS
        .iter()
        .filter(|(program, _)| !is_installed(program))
        .map(|(_, package)| *package)
        .collect()
}

/// Whether a program is found, in the folders of system programs too.
pub(crate) fn is_installed(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(["/usr/sbin", "/sbin"].map(|folder| Path::new(folder).to_owned()))
        .any(|folder| folder.join(program).is_file())
}
