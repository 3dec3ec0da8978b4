//! `install.sh` of the tarball in another root: which files it writes and removes, and what it
//! refuses. The installation with systemd is tested with the packages.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use lessor_e2e::{built, require};

/// Files of the checkout, and what they are in the tarball.
const FILES: [(&str, &str); 5] = [
    ("packaging/install.sh", "install.sh"),
    ("packaging/lessor.service", "lib/systemd/system/lessor.service"),
    ("packaging/sysctl.conf", "lib/sysctl.d/50-lessor.conf"),
    ("packaging/logrotate.conf", "share/lessor/etc/logrotate.d/lessor"),
    ("packaging/lessor.toml", "share/lessor/lessor.toml"),
];
/// Files that are built for the tarball; the script looks at their names only.
const BUILT: [&str; 6] = [
    "lib/lessor/policies/subscriber-table.wasm",
    "share/doc/lessor/install.md",
    "share/man/man1/lessor.1",
    "share/bash-completion/completions/lessor",
    "share/fish/vendor_completions.d/lessor.fish",
    "share/zsh/vendor-completions/_lessor",
];
const CONFIGURATION: &str = "etc/lessor/lessor.toml";
const UNIT: &str = "etc/systemd/system/lessor.service";

/// An unpacked tarball, and a root that it is installed into.
struct Site {
    folder: tempfile::TempDir,
}

impl Site {
    fn new() -> Self {
        let site = Self { folder: tempfile::tempdir().unwrap() };
        for (from, to) in FILES {
            site.adds(to, &fs::read(built::checkout().join(from)).unwrap());
        }
        for name in BUILT {
            site.adds(name, b"");
        }
        // The script asks the program for nothing but its version.
        site.adds("bin/lessor", b"#!/bin/sh\necho lessor 0\n");
        fs::create_dir_all(site.at("etc/logrotate.d")).unwrap();
        // So that the script creates no user.
        fs::write(site.at("etc/passwd"), "lessor:x:990:990::/nonexistent:/bin/false\n").unwrap();
        site
    }

    /// Adds a file to the tarball that only its owner can read.
    fn adds(&self, name: &str, contents: &[u8]) {
        let path = self.folder.path().join("tarball").join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, contents).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join("root").join(name)
    }

    fn runs(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new("sh");
        command.args(["-c", "umask 077; exec sh \"$@\"", "sh"]);
        command.arg(self.folder.path().join("tarball/install.sh")).arg("--root");
        command.arg(self.at("")).args(arguments).output().unwrap()
    }

    #[track_caller]
    fn succeeds(&self, arguments: &[&str]) -> String {
        let output = self.runs(arguments);
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
        said
    }

    #[track_caller]
    fn refuses(&self, arguments: &[&str], why: &str) {
        let before = self.files();
        let output = self.runs(arguments);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && said.contains(why), "{said}");
        assert_eq!(self.files(), before);
    }

    fn reads(&self, name: &str) -> String {
        fs::read_to_string(self.at(name)).unwrap()
    }

    /// The files in the root, without its folder.
    fn files(&self) -> Vec<String> {
        let (root, mut found) = (self.at(""), Vec::new());
        files_below(&root, &mut found);
        let shown = |path: PathBuf| path.strip_prefix(&root).unwrap().display().to_string();
        let mut files: Vec<String> = found.into_iter().map(shown).collect();
        files.sort();
        files
    }
}

#[test]
fn another_user_can_read_what_root_installs_with_any_umask() {
    require!(root);
    let site = Site::new();
    site.succeeds(&["--prefix", "/opt/lessor"]);
    for file in site.files() {
        let mode = fs::metadata(site.at(&file)).unwrap().permissions().mode();
        assert_eq!(mode & 0o044, 0o044, "{file} has mode {mode:o}");
        assert_eq!(mode & 0o022, 0, "{file} has mode {mode:o}");
    }
    for folder in ["etc/lessor", "etc/lessor/plugins", "opt/lessor", "opt/lessor/lib/lessor"] {
        let mode = fs::metadata(site.at(folder)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o755, "{folder}");
    }
    assert!(site.at("opt/lessor/share/zsh/site-functions/_lessor").exists());
}

#[test]
fn unit_and_configuration_name_the_folder_of_the_prefix() {
    require!(root);
    let site = Site::new();
    site.succeeds(&["--prefix", "/opt/lessor"]);
    assert!(site.reads(UNIT).contains("ExecStart=/opt/lessor/bin/lessor serve"));
    let configuration = site.reads(CONFIGURATION);
    assert!(!configuration.contains("/usr/"), "{configuration}");
    let policy = "/opt/lessor/lib/lessor/policies/subscriber-table.wasm";
    assert!(configuration.contains(policy) && site.at(&policy[1..]).exists(), "{configuration}");
    for wrong in ["opt", "/", "/opt/a b", "/opt/100%", "/opt|x"] {
        site.refuses(&["--prefix", wrong], "wanted a path");
    }
}

#[test]
fn an_upgrade_and_a_removal_need_no_prefix() {
    require!(root);
    let site = Site::new();
    let configured = [CONFIGURATION, "etc/passwd"];
    site.succeeds(&["--prefix", "/opt/lessor"]);
    let installed = site.files();
    site.succeeds(&[]);
    assert_eq!(site.files(), installed);
    site.succeeds(&["--uninstall"]);
    assert_eq!(site.files(), configured);
    site.refuses(&["--uninstall"], "found no");

    // The service has moved; the former program is removed without it.
    site.succeeds(&["--prefix", "/opt/lessor"]);
    let said = site.succeeds(&["--prefix", "/opt/other"]);
    assert!(said.contains("--uninstall --prefix /opt/lessor"), "{said}");
    site.refuses(&["--uninstall", "--prefix", "/usr/local"], "leave it out");
    site.succeeds(&["--uninstall", "--prefix", "/opt/lessor"]);
    assert!(site.at("opt/other/bin/lessor").exists() && site.at(UNIT).exists());
    site.succeeds(&["--uninstall"]);
    assert_eq!(site.files(), configured);
}

#[test]
fn package_and_tarball_are_not_installed_together() {
    require!(root);
    let site = Site::new();
    site.succeeds(&[]);
    // A package is installed over it, as before the package's warning is read.
    let unit = site.at("usr/lib/systemd/system/lessor.service");
    fs::create_dir_all(unit.parent().unwrap()).unwrap();
    fs::copy(built::checkout().join("packaging/lessor.service"), &unit).unwrap();
    site.refuses(&[], "Upgrade it, or remove it first");
    let said = site.succeeds(&["--uninstall"]);
    assert!(said.contains("systemctl enable --now lessor"), "{said}");
    assert!(!site.at(UNIT).exists() && !site.at("usr/local/bin/lessor").exists());
    assert!(unit.exists() && site.at("etc/logrotate.d/lessor").exists(), "it is the package's");
    site.refuses(&["--uninstall", "--prefix", "/usr"], "Remove the package instead");
}

fn files_below(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => files_below(&path, found),
            false => found.push(path),
        }
    }
}
