//! The files of an installation, in the folders that they have below `/`.
//!
//! Does not know formats of packages. Invariant: what a package contains stands in [`FILES`], or is
//! made here by the server that the package contains.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::Context;
use lessor_guests::workspace;

use super::architecture::Architecture;
use crate::{artifacts, command::run};

/// Files of the checkout, and the folders or files that they become.
const FILES: [(&str, &str); 6] = [
    ("packaging/lessor.toml", "usr/share/lessor/lessor.toml"),
    ("packaging/logrotate.conf", "etc/logrotate.d/lessor"),
    ("packaging/sysctl.conf", "usr/lib/sysctl.d/50-lessor.conf"),
    ("CHANGELOG.md", "usr/share/doc/lessor/CHANGELOG.md"),
    ("docs", "usr/share/doc/lessor"),
    ("examples", "usr/share/doc/lessor/examples"),
];

/// Completions by shell, where each shell looks for those of packages.
const COMPLETIONS: [(&str, &str); 3] = [
    ("bash", "usr/share/bash-completion/completions/lessor"),
    ("fish", "usr/share/fish/vendor_completions.d/lessor.fish"),
    ("zsh", "usr/share/zsh/vendor-completions/_lessor"),
];

/// A folder with the staged files.
#[derive(Debug)]
pub(super) struct Stage {
    folder: PathBuf,
}

impl Stage {
    /// Stages the files around this server, with these interpreters.
    ///
    /// # Errors
    /// Returns an error if something does not build or a file cannot be written.
    pub(super) fn new(
        folder: &Path,
        lessor: &Path,
        interpreters: &[(&str, &str)],
    ) -> anyhow::Result<Self> {
        if folder.exists() {
            fs::remove_dir_all(folder)
                .with_context(|| format!("cannot remove {}", folder.display()))?;
        }
        let stage = Self { folder: folder.to_owned() };
        copy(lessor, &stage.files().join("lessor"))?;
        for (from, to) in FILES {
            copy(&workspace().join(from), &stage.files().join(to))?;
        }
        stage.add_manual(lessor)?;
        stage.add_policies(interpreters)?;
        Ok(stage)
    }

    /// The folder of the stage, which has the form of a target folder of cargo.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The folder with the server, `usr` and `etc`.
    pub(super) fn files(&self) -> PathBuf {
        self.folder.join("release")
    }

    /// Has the server write its manual pages and completions.
    fn add_manual(&self, lessor: &Path) -> anyhow::Result<()> {
        let pages = self.created("usr/share/man/man1")?;
        run(Command::new(lessor).arg("man-pages").arg(pages))?;
        for (shell, path) in COMPLETIONS {
            let output = Command::new(lessor).args(["completions", shell]).output();
            let output = output.with_context(|| format!("cannot run {}", lessor.display()))?;
            anyhow::ensure!(output.status.success(), "lessor completions {shell} failed");
            self.write(path, &output.stdout)?;
        }
        Ok(())
    }

    /// Adds the interpreters and the policies that ship, and what they are compiled to.
    fn add_policies(&self, interpreters: &[(&str, &str)]) -> anyhow::Result<()> {
        let built = artifacts::interpreters_of(interpreters)?;
        for (_, name) in interpreters {
            copy(&built.join(name), &self.files().join("usr/lib/lessor/interpreters").join(name))?;
        }
        for policy in artifacts::policies()? {
            let name = policy.file_name().unwrap_or_default();
            copy(&policy, &self.files().join("usr/lib/lessor/policies").join(name))?;
        }
        let compiled = self.files().join("usr/lib/lessor/compiled");
        self.compile_into(&compiled, Architecture::own()?)
    }

    /// Compiles the interpreters and policies for every processor of an architecture.
    ///
    /// # Errors
    /// Returns an error if the server of this stage cannot compile them.
    pub(super) fn compile_into(
        &self,
        folder: &Path,
        architecture: Architecture,
    ) -> anyhow::Result<()> {
        let mut command = Command::new(self.files().join("lessor"));
        command.args(["plugin", "compile", "--target", architecture.target(), "--cache"]);
        command.arg(folder);
        for kind in ["interpreters", "policies"] {
            let kind = self.files().join("usr/lib/lessor").join(kind);
            let entries = fs::read_dir(&kind);
            let entries = entries.with_context(|| format!("cannot read {}", kind.display()))?;
            command.args(entries.flatten().map(|entry| entry.path()));
        }
        run(&mut command)
    }

    fn created(&self, folder: &str) -> anyhow::Result<PathBuf> {
        let folder = self.files().join(folder);
        fs::create_dir_all(&folder)
            .with_context(|| format!("cannot create {}", folder.display()))?;
        Ok(folder)
    }

    fn write(&self, path: &str, octets: &[u8]) -> anyhow::Result<()> {
        let path = self.files().join(path);
        let folder = path.parent().unwrap_or(Path::new(""));
        fs::create_dir_all(folder)
            .and_then(|()| fs::write(&path, octets))
            .with_context(|| format!("cannot write {}", path.display()))
    }
}

/// Copies a file, or the files of a folder that git knows, to a path whose folder is created.
pub(super) fn copy(from: &Path, to: &Path) -> anyhow::Result<()> {
    if !from.is_dir() {
        let folder = to.parent().unwrap_or(Path::new(""));
        let copied = fs::create_dir_all(folder).and_then(|()| fs::copy(from, to));
        return copied.map(drop).with_context(|| format!("cannot copy {}", from.display()));
    }
    let listed = Command::new("git").args(["ls-files", "-z"]).current_dir(from).output();
    let listed = listed.context("cannot run git")?;
    for name in String::from_utf8_lossy(&listed.stdout).split_terminator('\0') {
        copy(&from.join(name), &to.join(name))?;
    }
    Ok(())
}
