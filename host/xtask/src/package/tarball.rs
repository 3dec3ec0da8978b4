//! The tarball: a server that is linked statically with musl, and needs nothing of the system.
//!
//! Its folders are those of a prefix such as `/usr`: the server finds its interpreters beside
//! itself. The other files of the stage are the same as in the Debian package.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, bail};
use lessor_guests::{cargo, is_installed, target_folder, workspace};

use super::{
    architecture::Architecture,
    staging::{Stage, copy},
};
use crate::{
    artifacts::{Profile, RELEASED_FEATURES},
    command::run,
    setup,
};

/// Files of the checkout, and what they are in the tarball.
const FILES: [(&str, &str); 6] = [
    ("LICENSE", "LICENSE"),
    ("docs/install.md", "INSTALL.md"),
    ("packaging/Containerfile", "Containerfile"),
    ("packaging/install.sh", "install.sh"),
    ("packaging/lessor.service", "lib/systemd/system/lessor.service"),
    ("packaging/lessor.toml", "share/lessor/lessor.toml"),
];

/// Builds the tarball and returns its file.
///
/// # Errors
/// Returns an error if something does not build or cannot be written.
pub(super) fn build(
    stage: &Stage,
    architecture: Architecture,
    profile: Profile,
) -> anyhow::Result<PathBuf> {
    let lessor = static_lessor(architecture, profile)?;
    let name = format!("lessor-{}-{}-linux", env!("CARGO_PKG_VERSION"), architecture.name());
    let parent = stage.folder().join("tarball");
    let folder = parent.join(&name);
    if folder.exists() {
        fs::remove_dir_all(&folder)
            .with_context(|| format!("cannot remove {}", folder.display()))?;
    }
    copy_all(&stage.files().join("usr"), &folder)?;
    copy_all(&stage.files().join("etc"), &folder.join("share/lessor/etc"))?;
    copy(&lessor, &folder.join("bin/lessor"))?;
    for (from, to) in FILES {
        copy(&workspace().join(from), &folder.join(to))?;
    }
    if architecture != Architecture::own()? {
        compile_for(architecture, stage, &folder)?;
    }
    let file = target_folder()?.join("package").join(format!("{name}.tar.gz"));
    // Owners and times do not depend on the machine that built it.
    run(Command::new("tar")
        .args(["--create", "--gzip", "--sort=name", "--owner=0", "--group=0", "--numeric-owner"])
        .arg("--file")
        .arg(&file)
        .arg("--directory")
        .arg(&parent)
        .arg(&name))?;
    Ok(file)
}

/// Builds the server for musl.
fn static_lessor(architecture: Architecture, profile: Profile) -> anyhow::Result<PathBuf> {
    let target = architecture.target();
    run(Command::new("rustup").args(["target", "add", target]).current_dir(workspace()))?;
    let mut command = cargo();
    command.args(["build", "--package", "lessor", "--locked", "--target", target]);
    let folder = match profile {
        Profile::Dev => "debug",
        Profile::Release => {
            command.args(["--release", "--features", RELEASED_FEATURES]);
            "release"
        }
    };
    if architecture == Architecture::own()? {
        // The compiler of the C library, for SQLite, mimalloc and ring.
        if !is_installed("musl-gcc") {
            setup::install(&["musl-tools"])?;
        }
    } else {
        add_cross_compiler(&mut command, architecture)?;
    }
    run(&mut command)?;
    Ok(target_folder()?.join(target).join(folder).join("lessor"))
}

/// Has the command compile C with clang and the headers of musl, and link with the linker of the
/// toolchain, which has the C library itself.
fn add_cross_compiler(command: &mut Command, architecture: Architecture) -> anyhow::Result<()> {
    let name = architecture.name();
    let headers = format!("/usr/include/{name}-linux-musl");
    if !is_installed("clang") || !Path::new(&headers).exists() {
        bail!(
            "found no C compiler with musl for {name}: it needs clang and {headers}. On Debian: \
             dpkg --add-architecture arm64 && apt-get update && apt-get install clang llvm \
             musl-dev:arm64"
        );
    }
    let variable = architecture.target().replace('-', "_");
    let flags = format!("--target={name}-linux-musl -isystem {headers}");
    command
        .env(format!("CC_{variable}"), "clang")
        .env(format!("AR_{variable}"), "llvm-ar")
        .env(format!("CFLAGS_{variable}"), flags)
        .env(format!("CARGO_TARGET_{}_LINKER", variable.to_uppercase()), "rust-lld");
    Ok(())
}

/// Replaces the compiled policies, which are for this architecture, by those for another one.
fn compile_for(architecture: Architecture, stage: &Stage, folder: &Path) -> anyhow::Result<()> {
    let compiled = folder.join("lib/lessor/compiled");
    fs::remove_dir_all(&compiled)
        .with_context(|| format!("cannot remove {}", compiled.display()))?;
    stage.compile_into(&compiled, architecture)
}

/// Copies a folder with everything in it.
fn copy_all(from: &Path, to: &Path) -> anyhow::Result<()> {
    let entries = fs::read_dir(from).with_context(|| format!("cannot read {}", from.display()))?;
    for entry in entries {
        let entry = entry.with_context(|| format!("cannot read {}", from.display()))?;
        let to = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy_all(&entry.path(), &to)?;
        } else {
            copy(&entry.path(), &to)?;
        }
    }
    Ok(())
}
