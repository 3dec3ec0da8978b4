//! The requirements of a test, and its outcome on a machine that does not meet them.
//!
//! A test that cannot run reports this on standard error, past the capture of output, and passes.
//! With `LESSOR_REQUIRE_E2E=1`, as in continuous integration, it fails instead.

use std::{io::Write, path::Path, process::Command, sync::OnceLock};

/// The option ROM of iPXE for network cards of Intel.
pub const IPXE_ROM: &str = "/usr/lib/ipxe/qemu/pxe-e1000.rom";
/// systemd-networkd, which is in no `PATH`.
pub const SYSTEMD_NETWORKD: &str = "/usr/lib/systemd/systemd-networkd";

/// Ends the test with a message unless the machine meets these requirements: `root` for network
/// namespaces, `patience` for fetching packages, or a program such as `dhclient`.
///
/// ```no_run
/// # fn test() {
/// lessor_e2e::require!(root, dhclient, tcpdump);
/// # }
/// ```
#[macro_export]
macro_rules! require {
    ($($need:ident),+ $(,)?) => {
        if !$crate::needs::are_met(&[$(stringify!($need)),+]) {
            return;
        }
    };
}

/// Returns whether all requirements are met, and prints what is missing.
///
/// # Panics
/// Panics if something is missing and `LESSOR_REQUIRE_E2E` is set.
pub fn are_met(needs: &[&str]) -> bool {
    let missing: Vec<String> = needs.iter().filter_map(|need| what_is_missing(need)).collect();
    if missing.is_empty() {
        return true;
    }
    let test = std::thread::current().name().unwrap_or("a test").to_owned();
    let missing = missing.join(", ");
    assert!(
        std::env::var_os("LESSOR_REQUIRE_E2E").is_none(),
        "{test} needs {missing}, and LESSOR_REQUIRE_E2E is set"
    );
    let _ = writeln!(std::io::stderr(), "SKIPPED {test}: needs {missing}");
    false
}

fn what_is_missing(need: &str) -> Option<String> {
    if need == "root" {
        return namespaces_refused()
            .map(|why| format!("root, to make network namespaces and mounts ({why})"));
    }
    if need == "patience" {
        // npm and pip fetch packages again each time.
        let is_asked_for = std::env::var_os("LESSOR_REQUIRE_E2E").is_some();
        let minutes = "minutes, to fetch packages (LESSOR_REQUIRE_E2E=1 grants them)";
        return (!is_asked_for).then(|| minutes.to_owned());
    }
    if need == "small_lessor" {
        let how = "a server without features (cargo xtask test builds it)";
        return crate::built::small_lessor().is_none().then(|| how.to_owned());
    }
    if need == "lessor_deb" {
        let how = "a Debian package of the server (cargo xtask test builds it)";
        return crate::built::deb().is_none().then(|| how.to_owned());
    }
    let is_there = match need {
        "faketime" => crate::clock::library().is_some(),
        "dhcp_helper" => crate::relay_agent::dhcp_helper().is_some(),
        "ipxe_rom" => Path::new(IPXE_ROM).exists(),
        "kea_dhcp4" => is_in_path("kea-dhcp4"),
        "loop_disk" => return no_loop_disk(),
        "qemu" => is_in_path("qemu-system-x86_64"),
        "systemd_nspawn" => is_in_path("systemd-nspawn"),
        "systemd_networkd" => Path::new(SYSTEMD_NETWORKD).exists(),
        "tun" => Path::new("/dev/net/tun").exists(),
        "wasi_libc" => Path::new("/usr/include/wasm32-wasi/stdlib.h").exists(),
        program => is_in_path(program),
    };
    if is_there {
        return None;
    }
    Some(match package_of(need) {
        Some(package) => format!("{need} (Debian package {package})"),
        None => need.to_owned(),
    })
}

/// Returns the reason why no file system can be created on a loop device, or `None` if one can.
fn no_loop_disk() -> Option<String> {
    if !Path::new("/dev/loop-control").exists() {
        return Some("loop devices (the kernel has none: modprobe loop)".to_owned());
    }
    let is_there = is_in_path("mkfs.ext4");
    (!is_there).then(|| "mkfs.ext4 (Debian package e2fsprogs)".to_owned())
}

/// Returns the reason why no network namespace can be created, or `None` if one can.
fn namespaces_refused() -> Option<String> {
    static REFUSED: OnceLock<Option<String>> = OnceLock::new();
    let refused = REFUSED.get_or_init(|| {
        // This namespace ends with its process.
        match Command::new("unshare").args(["--net", "--mount", "ip", "link"]).output() {
            Ok(output) if output.status.success() => None,
            Ok(output) => Some(String::from_utf8_lossy(&output.stderr).trim().to_owned()),
            Err(error) => Some(format!("unshare (Debian package util-linux): {error}")),
        }
    });
    refused.clone()
}

fn is_in_path(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let system = ["/usr/sbin", "/sbin"].map(Path::new).map(Path::to_owned);
    std::env::split_paths(&path).chain(system).any(|folder| folder.join(program).is_file())
}

fn package_of(program: &str) -> Option<&'static str> {
    Some(match program {
        "bootpc" => "bootpc",
        "clang" => "clang",
        "dhclient" => "isc-dhcp-client",
        "dhcp_helper" => "dhcp-helper",
        "dhcpcd" => "dhcpcd-base",
        "dhcpd" => "isc-dhcp-server",
        "dhcrelay" => "isc-dhcp-relay",
        "dnsmasq" => "dnsmasq-base",
        "faketime" => "faketime",
        "freeradius" => "freeradius",
        "ip" => "iproute2",
        "ipxe_rom" => "ipxe-qemu",
        "kea_dhcp4" => "kea-dhcp4-server",
        "make" => "make",
        "npm" => "npm",
        "perfdhcp" => "kea-admin",
        "qemu" => "qemu-system-x86",
        "python3" => "python3-venv",
        "psql" => "postgresql",
        "strace" => "strace",
        "systemd_nspawn" => "systemd-container",
        "systemd_networkd" => "systemd",
        "tcpdump" => "tcpdump",
        "udhcpc" => "udhcpc",
        "unshare" => "util-linux",
        "wasi_libc" => "wasi-libc",
        _ => return None,
    })
}
