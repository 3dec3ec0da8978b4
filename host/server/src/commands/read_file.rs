//! The arguments of commands that put a file of leases into a store: `lessor leases import` and
//! `lessor store import`.
//!
//! Does not read the file.

use std::path::PathBuf;

use clap::builder::{OsStringValueParser, TypedValueParser};

use crate::{ConfigurationFile, shown_path};

/// A file, the store that it is put into, and how the outcome is printed.
#[derive(Debug, clap::Args)]
pub(crate) struct ReadFileArguments {
    /// The file, as the command `export` beside this one writes it.
    #[arg(value_name = "FILE")]
    #[arg(value_parser = OsStringValueParser::new().try_map(shown_path))]
    pub(crate) from: PathBuf,
    #[command(flatten)]
    pub(crate) file: ConfigurationFile,
    /// Read the file to its end, print what would be done, and change nothing.
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Print one JSON object.
    #[arg(long)]
    pub(crate) json: bool,
}
