//! Installs what a fresh machine lacks: the Debian packages that the end-to-end tests use (real
//! clients, relays and generators) and that the example policies need, cargo-deb, and the
//! WebAssembly targets of the toolchain.

use std::{path::Path, process::Command};

use anyhow::{Context, bail};
use lessor_e2e::{DHCP_HELPER_FOLDER, needs::IPXE_ROM};
use lessor_guests::{add_wasm_targets, is_installed, target_folder};

use crate::command;

/// The programs that tests start, with their packages.
const TOOLS: [(&str, &str); 21] = [
    ("dhclient", "isc-dhcp-client"),
    ("dhcpcd", "dhcpcd-base"),
    ("udhcpc", "udhcpc"),
    ("bootpc", "bootpc"),
    ("dhcrelay", "isc-dhcp-relay"),
    ("dnsmasq", "dnsmasq-base"),
    ("kea-dhcp4", "kea-dhcp4-server"),
    ("dhcpd", "isc-dhcp-server"),
    ("qemu-system-x86_64", "qemu-system-x86"),
    ("networkctl", "systemd"),
    ("systemd-nspawn", "systemd-container"),
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
            .args(["install", "-y", "-qq", "--no-install-recommends", "--no-remove"])
            .args(missing)
            .env("DEBIAN_FRONTEND", "noninteractive")
            .env("RUNLEVEL", "1"),
    )
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
    install(&missing)?;
    crate::package::install_cargo_deb()?;
    unpack_dhcp_helper()
}

/// Unpacks dhcp-helper into the target folder, because Debian does not install it beside dhcpd and
/// dhcrelay.
fn unpack_dhcp_helper() -> anyhow::Result<()> {
    let folder = target_folder()?.join(DHCP_HELPER_FOLDER);
    if folder.exists() || is_installed("dhcp-helper") || !is_installed("apt-get") {
        return Ok(());
    }
    let download = tempfile::tempdir().context("cannot create a folder for a package")?;
    let mut command = Command::new("apt-get");
    command::run(command.args(["download", "-qq", "dhcp-helper"]).current_dir(download.path()))?;
    let files = std::fs::read_dir(download.path()).context("cannot read the folder")?;
    let package = files.flatten().next().context("apt-get downloaded no package")?.path();
    command::run(Command::new("dpkg-deb").arg("--extract").arg(package).arg(folder))
}

/// Returns the packages whose programs are missing, and the missing packages that the example
/// policies need.
pub(crate) fn missing() -> Vec<&'static str> {
    TOOLS
        .iter()
        .filter(|(program, _)| !is_installed(program))
        .map(|(_, package)| *package)
        .chain((!Path::new(IPXE_ROM).exists()).then_some("ipxe-qemu"))
        .chain(lessor_policies::missing_packages())
        .collect()
}
