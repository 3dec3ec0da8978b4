//! `lessor plugin`: the tools for plugin authors, with plugins read in the same way as by the
//! server.

use std::{path::Path, process::ExitCode, sync::Arc};

use lessor_author::PluginArguments;
use lessor_policy_host::PluginSource;

use crate::colour_on_stderr;

/// Runs one of the tools.
pub(crate) fn run(arguments: &PluginArguments) -> anyhow::Result<ExitCode> {
    lessor_author::run(arguments, read)
}

fn read(
    file: &Path,
    beside: Option<&Path>,
    interpreters: Option<&Path>,
) -> Result<PluginSource, String> {
    // What a case declares comes with the case.
    let catalogue = Arc::default();
    let colour = colour_on_stderr();
    lessor_generation::plugin_source(file.to_owned(), beside, interpreters, &catalogue, colour)
}
