//! `lessor check`: what `serve` would say of a configuration and its plugins, without serving.

use std::{path::Path, process::ExitCode};

use lessor_policy_host::{Runtime, RuntimeSettings};

use crate::{
    colour_on_stderr,
    generation::{self, Refusal},
};

/// Prints every mistake, or what would serve.
pub(crate) fn run(path: &Path) -> ExitCode {
    match check(path) {
        Ok(summary) => {
            println!("{summary}");
            ExitCode::SUCCESS
        }
        Err(refusal) => {
            eprintln!("{refusal}");
            ExitCode::FAILURE
        }
    }
}

fn check(path: &Path) -> Result<String, Refusal> {
    let colour = colour_on_stderr();
    let configuration = generation::load_configuration(path, colour);
    // The plugins are checked even if the rest has mistakes, so that all come out in one go.
    let directory = match &configuration {
        Ok(configuration) => configuration.plugin_directory().map(Path::to_owned),
        Err(_) => lessor_config::plugin_directory(path),
    };
    let mut refusal = Refusal::default();
    let mut plugins = Vec::new();
    // No cache is written: a check leaves no trace.
    let runtime = Runtime::new(RuntimeSettings::default())
        .map_err(|error| Refusal { mistakes: vec![error.to_string()] })?;
    match generation::build_chain(&runtime, directory.as_deref(), colour) {
        Ok(chain) => {
            plugins = chain
                .plugins()
                .map(|plugin| format!("  {} ({})", plugin.name, generation::hook_names(plugin)))
                .collect();
        }
        Err(found) => refusal.mistakes.extend(found.mistakes),
    }
    match configuration {
        Err(found) => refusal.mistakes.splice(0..0, found.mistakes).for_each(drop),
        Ok(configuration) if refusal.mistakes.is_empty() => {
            let networks = configuration.topology.networks();
            let subnets = networks.iter().map(|network| network.subnets.len()).sum::<usize>();
            let addresses = networks
                .iter()
                .flat_map(|network| &network.subnets)
                .flat_map(|subnet| &subnet.pools)
                .map(lessor_core::Pool::size)
                .sum::<u64>();
            let mut lines = vec![format!(
                "{} is right: {}, {}, {} in pools, {}",
                path.display(),
                counted(networks.len() as u64, "network"),
                counted(subnets as u64, "subnet"),
                if addresses == 1 { "1 address".into() } else { format!("{addresses} addresses") },
                counted(plugins.len() as u64, "plugin"),
            )];
            lines.extend(plugins);
            return Ok(lines.join("\n"));
        }
        Ok(_) => {}
    }
    Err(refusal)
}

fn counted(count: u64, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}
