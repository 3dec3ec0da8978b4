//! A machine with its own root, service manager and network: a container of systemd-nspawn.
//!
//! Its root is a layer above that of this machine, or above the one that `LESSOR_DEB_ROOT` names,
//! so that packages can be installed without a trace. systemd is its first process, and units run
//! with all of their restrictions. Services of the root below do not start.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
    time::Duration,
};

use nix::mount::{MntFlags, umount2};
use tempfile::TempDir;

use crate::{Host, Process, wait};

/// How long a machine may take to boot while others use the processors.
const BOOT_PATIENCE: Duration = Duration::from_secs(60);

/// A machine that runs until it is dropped.
#[derive(Debug)]
pub struct Machine {
    // The first field, so that the container ends before its root is unmounted.
    container: Process,
    leader: u32,
    root: LayeredRoot,
}

/// A root whose changes are in memory.
#[derive(Debug)]
struct LayeredRoot {
    folder: TempDir,
}

impl Machine {
    /// Boots a machine whose network is that of `host`.
    ///
    /// # Panics
    /// Panics if it does not boot.
    #[track_caller]
    pub fn boot(host: &Host) -> Self {
        let root = LayeredRoot::mount();
        root.prepare();
        let mut command = Command::new("systemd-nspawn");
        command
            .args(["--quiet", "--boot", "--register=no", "--keep-unit", "--console=pipe"])
            .args(["--resolv-conf=off", "--timezone=off", "--link-journal=no"])
            .arg(format!("--directory={}", root.path().display()))
            .arg(format!("--network-namespace-path={}", host.path().display()))
            .arg("systemd.unit=basic.target");
        let output = root.folder.path().join("console");
        let mut container = Process::start("the machine", &mut command, &output);
        let id = container.id();
        let leader = wait::within(BOOT_PATIENCE, "the first process of the machine", || {
            assert!(container.is_running(), "the container ended: {}", container.output());
            first_process(id)
        });
        let machine = Self { container, leader, root };
        wait::within(BOOT_PATIENCE, "the machine to boot", || {
            let output = machine.command("systemctl").arg("is-system-running").output().ok()?;
            let said = String::from_utf8_lossy(&output.stdout).into_owned();
            ["running", "degraded"].contains(&said.trim()).then_some(())
        });
        machine
    }

    /// The root of the machine, as this machine sees it.
    pub fn root(&self) -> PathBuf {
        self.root.path()
    }

    /// The files that differ from the root below, as this machine sees them.
    pub fn changes(&self) -> PathBuf {
        self.root.folder.path().join("layer/upper")
    }

    /// Returns a command that runs a program on the machine, as root.
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new("nsenter");
        command
            .arg(format!("--target={}", self.leader))
            .args(["--mount", "--uts", "--ipc", "--net", "--pid", "--root", "--wd", "--"])
            .args([
                "env",
                "-i",
                "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            ])
            .args(["DEBIAN_FRONTEND=noninteractive", "HOME=/root", "LC_ALL=C.UTF-8"])
            .arg(program);
        command
    }

    /// Runs a shell command on the machine.
    pub fn sh(&self, script: &str) -> Output {
        let output = self.command("timeout").args(["120", "sh", "-c", script]).output();
        output.expect("nsenter can be run")
    }

    /// Runs a shell command on the machine and returns what it says.
    ///
    /// # Panics
    /// Panics if it fails.
    #[track_caller]
    pub fn succeeds(&self, script: &str) -> String {
        let output = self.sh(script);
        let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        assert!(output.status.success(), "{script}: {}\n{said}", output.status);
        said
    }

    /// Runs a shell command on the machine that fails, and returns what it says.
    ///
    /// # Panics
    /// Panics if it succeeds.
    #[track_caller]
    pub fn fails(&self, script: &str) -> String {
        let output = self.sh(script);
        let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        assert!(!output.status.success(), "{script} succeeds:\n{said}");
        said
    }

    /// Writes a file of the machine.
    ///
    /// # Panics
    /// Panics if it cannot be written.
    #[track_caller]
    pub fn write(&self, path: &str, text: &str) {
        // Not through the mount of this machine: the one inside may have others above it.
        let path_here = format!("/proc/{}/root{path}", self.leader);
        fs::write(&path_here, text).unwrap_or_else(|error| panic!("{path}: {error}"));
    }

    /// Copies a file of this machine to the machine.
    ///
    /// # Panics
    /// Panics if it cannot be copied.
    #[track_caller]
    pub fn receive(&self, from: &Path, to: &str) {
        let path_here = format!("/proc/{}/root{to}", self.leader);
        fs::copy(from, path_here).unwrap_or_else(|error| panic!("{to}: {error}"));
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let journal = self.command("journalctl").args(["--no-pager", "-u", "lessor"]).output();
            let journal = journal.map(|output| output.stdout).unwrap_or_default();
            eprintln!("--- journal of lessor ---\n{}", String::from_utf8_lossy(&journal));
        }
        self.container.kill();
    }
}

impl LayeredRoot {
    #[track_caller]
    fn mount() -> Self {
        let folder = tempfile::tempdir().expect("there is room for a folder");
        let (layer, merged) = (folder.path().join("layer"), folder.path().join("root"));
        fs::create_dir(&layer).expect("the folder is empty");
        fs::create_dir(&merged).expect("the folder is empty");
        mount(&["-t", "tmpfs", "-o", "mode=0755", "tmpfs"], &layer);
        let root = Self { folder };
        for part in ["upper", "work"] {
            fs::create_dir(layer.join(part)).expect("the layer is empty");
        }
        let below = std::env::var("LESSOR_DEB_ROOT").unwrap_or_else(|_| "/".to_owned());
        let layer = layer.display();
        let options = format!("lowerdir={below},upperdir={layer}/upper,workdir={layer}/work");
        mount(&["-t", "overlay", "-o", &options, "overlay"], &merged);
        root
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("root")
    }

    /// Removes what the root below has configured, so that only what is tested runs.
    fn prepare(&self) {
        let root = self.path();
        for folder in ["etc/systemd/system", "etc/systemd/network", "var/log/journal"] {
            let _ = fs::remove_dir_all(root.join(folder));
            fs::create_dir_all(root.join(folder)).expect("the layer can be written");
        }
        // Images of Debian for containers forbid packages to start services.
        let _ = fs::remove_file(root.join("usr/sbin/policy-rc.d"));
        let apt = "APT::Install-Recommends \"false\";\n";
        fs::write(root.join("etc/apt/apt.conf.d/99-test"), apt).expect("the layer can be written");
        // Without the names of disks, no unit waits for them.
        fs::write(root.join("etc/fstab"), "").expect("the layer can be written");
    }
}

impl Drop for LayeredRoot {
    fn drop(&mut self) {
        for mounted in ["root", "layer"] {
            let _ = umount2(&self.folder.path().join(mounted), MntFlags::MNT_DETACH);
        }
    }
}

#[track_caller]
fn mount(arguments: &[&str], on: &Path) {
    let output = Command::new("mount").args(arguments).arg(on).output().expect("mount can be run");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "mount {arguments:?}: {said}");
}

/// Returns the first process of a container: the descendant with the number 1 in a namespace.
fn first_process(of: u32) -> Option<u32> {
    let children = fs::read_to_string(format!("/proc/{of}/task/{of}/children")).ok()?;
    children.split_whitespace().filter_map(|id| id.parse().ok()).find_map(|id: u32| {
        let status = fs::read_to_string(format!("/proc/{id}/status")).ok()?;
        let numbers = status.lines().find_map(|line| line.strip_prefix("NSpid:"))?;
        let is_first =
            numbers.split_whitespace().count() > 1 && numbers.trim_end().ends_with("\t1");
        if is_first { Some(id) } else { first_process(id) }
    })
}
