//! `lessor completions` and `lessor man-pages`: what is installed beside the program, made from the
//! definition of its command line.

use std::{
    fs,
    io::{self, Write},
    path::PathBuf,
};

use anyhow::Context;
use clap::Command;
use clap_complete::Shell;

/// The arguments of `lessor completions`.
#[derive(Debug, clap::Args)]
pub(crate) struct CompletionsArguments {
    /// The shell that reads them.
    #[arg(value_enum)]
    shell: Shell,
}

/// The arguments of `lessor man-pages`.
#[derive(Debug, clap::Args)]
pub(crate) struct ManPagesArguments {
    /// The folder for the pages, which is created.
    folder: PathBuf,
}

/// Prints the completions of a shell.
///
/// # Errors
/// If standard output cannot be written.
pub(crate) fn complete(
    arguments: &CompletionsArguments,
    mut command: Command,
) -> anyhow::Result<()> {
    // The generator panics if its writer fails, as a closed pipe does.
    let mut text = Vec::new();
    clap_complete::generate(arguments.shell, &mut command, "lessor", &mut text);
    Ok(io::stdout().write_all(&text)?)
}

/// Writes a page for each command that is not hidden.
///
/// # Errors
/// If the folder cannot be written.
pub(crate) fn write_pages(arguments: &ManPagesArguments, command: Command) -> anyhow::Result<()> {
    let folder = &arguments.folder;
    let cannot = || format!("cannot write {}", folder.display());
    fs::create_dir_all(folder).with_context(cannot)?;
    // Only the first line of the version: the others list features.
    let command = command.long_version(None::<&str>);
    clap_mangen::generate_to(command, folder).with_context(cannot)
}
