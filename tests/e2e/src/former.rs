//! A third-party server that clients move away from: it runs with a configuration of
//! tests/golden/import and writes its leases to a file.

use std::{fs, path::PathBuf, process::Command, time::Duration};

use nix::sys::signal::Signal;
use tempfile::TempDir;

use crate::{Host, Process, built, wait};

const START_PATIENCE: Duration = Duration::from_secs(30);

/// The kind of a third-party server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum FormerKind {
    Kea,
    Dhcpd,
    Dnsmasq,
}

/// A running server, which is killed when it is dropped.
#[derive(Debug)]
pub struct Former {
    // Dropped first, so that the process ends before its files.
    process: Process,
    files: Files,
}

/// Its folder.
#[derive(Debug)]
struct Files {
    kind: FormerKind,
    folder: TempDir,
}

impl FormerKind {
    /// Its name in `lessor import`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Kea => "kea",
            Self::Dhcpd => "dhcpd",
            Self::Dnsmasq => "dnsmasq",
        }
    }

    const fn file(self) -> &'static str {
        match self {
            Self::Kea => "kea-dhcp4.conf",
            Self::Dhcpd => "dhcpd.conf",
            Self::Dnsmasq => "dnsmasq.conf",
        }
    }

    /// Its line in the log when it serves.
    const fn ready(self) -> &'static str {
        match self {
            Self::Kea => "DHCP4_STARTED",
            Self::Dhcpd => "Server starting service",
            Self::Dnsmasq => "started, version",
        }
    }
}

impl Former {
    /// Starts the server on interface `eth0` of a host.
    ///
    /// # Panics
    /// Panics if it does not serve.
    pub fn start(kind: FormerKind, host: &Host) -> Self {
        let folder = tempfile::tempdir().expect("there is room for a folder");
        let golden = built::checkout().join("tests/golden/import");
        for entry in fs::read_dir(golden).expect("the checkout has it") {
            let path = entry.expect("it can be listed").path();
            let place = folder.path().join(path.file_name().unwrap_or_default());
            fs::copy(&path, place).expect("the folder can be written");
        }
        let files = Files { kind, folder };
        files.adapt();
        let mut command = files.command(host);
        command.current_dir(files.folder.path());
        let log = files.folder.path().join("server.log");
        let mut process = Process::start(kind.name(), &mut command, &log);
        process.says(kind.ready(), START_PATIENCE);
        Self { process, files }
    }

    /// The configuration with which it runs.
    pub fn configuration(&self) -> PathBuf {
        self.files.configuration()
    }

    /// Its file of leases.
    pub fn leases(&self) -> PathBuf {
        self.files.leases()
    }

    /// Stops it, so that its leases are complete.
    ///
    /// # Panics
    /// Panics if it does not stop soon.
    #[track_caller]
    pub fn stop(&mut self) {
        self.process.signal(Signal::SIGTERM);
        self.process.ended(wait::SOON);
    }
}

impl Files {
    fn configuration(&self) -> PathBuf {
        self.folder.path().join(self.kind.file())
    }

    fn leases(&self) -> PathBuf {
        self.folder.path().join("former.leases")
    }

    /// Puts the files of the server into its folder, and leaves out what a test machine does not
    /// have.
    fn adapt(&self) {
        let path = self.configuration();
        let text = fs::read_to_string(&path).expect("it was copied");
        let folder = self.folder.path().display().to_string();
        let leases = self.leases().display().to_string();
        let text = text
            .replace("/var/lib/kea/kea-leases4.csv", &leases)
            .replace("/run/kea/", &format!("{folder}/"))
            .replace("/var/lib/misc/dnsmasq.leases", &leases)
            .replace("dhcp-hostsfile=", &format!("dhcp-hostsfile={folder}/"))
            .replace("dhcp-script=", "# dhcp-script=")
            .replace("enable-ra\n", "")
            .replace("dhcp-range=fd00::10", "# dhcp-range=fd00::10");
        fs::write(&path, text).expect("the folder can be written");
        if self.kind == FormerKind::Dhcpd {
            fs::write(self.leases(), "").expect("the folder can be written");
        }
    }

    fn command(&self, host: &Host) -> Command {
        let (folder, configuration) = (self.folder.path(), self.configuration());
        match self.kind {
            FormerKind::Kea => {
                let mut command = host.command("kea-dhcp4");
                command.arg("-c").arg(configuration);
                command.env("KEA_PIDFILE_DIR", folder).env("KEA_LOCKFILE_DIR", folder);
                command
            }
            FormerKind::Dhcpd => {
                let mut command = host.command("dhcpd");
                command.args(["-4", "-f", "-d", "-user", "root", "-group", "root", "-cf"]);
                command.arg(configuration).arg("-lf").arg(self.leases());
                command.arg("-pf").arg(folder.join("pid")).arg("eth0");
                command
            }
            FormerKind::Dnsmasq => {
                let mut command = host.command("dnsmasq");
                command.args(["--keep-in-foreground", "--pid-file="]);
                command.arg(format!("--conf-file={}", configuration.display()));
                command
            }
        }
    }
}
