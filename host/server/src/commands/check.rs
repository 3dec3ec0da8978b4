//! `lessor check`: reports what `serve` would say about a configuration and its plugins, without
//! serving.

mod warm;

use std::{path::Path, process::ExitCode, sync::Arc};

use lessor_config::Configuration;
use lessor_core::{Pool, WhySkipped};
use lessor_generation::{
    ConfigurationRefused, GenerationParts, GenerationSources, description, named, never_apply,
    patience,
};
use lessor_lookup::SourceStatus;
use lessor_net::Host;
use lessor_policy_host::{Runtime, RuntimeError, RuntimeSettings};

use lessor_serving::{drained_pools, workers_of};

use crate::{ConfigurationFile, colour_on_stderr};

#[derive(Debug, clap::Args)]
pub(crate) struct CheckArguments {
    #[command(flatten)]
    file: ConfigurationFile,
    /// Keep the compiled policies in the folder of the server, for its next start.
    ///
    /// Run this after an upgrade and before the restart: the new server then serves at once. Root
    /// does this as the user of the server. The policies of the last accepted generation are
    /// compiled too.
    #[arg(long)]
    warm: bool,
}

/// Prints every mistake, or a summary of what would serve.
pub(crate) fn run(arguments: &CheckArguments) -> anyhow::Result<ExitCode> {
    let path = &arguments.file.config;
    if arguments.warm {
        return warm::run(path);
    }
    Ok(report(path))
}

/// Does the same without arguments.
pub(crate) fn report(path: &Path) -> ExitCode {
    let runtime =
        runtime(path).map_err(|error| ConfigurationRefused { mistakes: vec![error.to_string()] });
    print(runtime.and_then(|runtime| check(path, &runtime)))
}

fn print(checked: Result<String, ConfigurationRefused>) -> ExitCode {
    match checked {
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

/// Creates the runtime for plugins in a command that is not a server. Compiled code is cached for
/// the user, so that the next command need not compile it; only the server uses the server's
/// folder.
#[cfg(feature = "compile")]
pub(crate) fn runtime(_: &Path) -> Result<Arc<Runtime>, RuntimeError> {
    let compiled: Vec<_> = lessor_generation::installed_compiled().into_iter().collect();
    let settings = RuntimeSettings { compiled, ..RuntimeSettings::default() };
    let cache = lessor_policy_host::user_cache();
    let runtime = Runtime::new(RuntimeSettings { cache, ..settings.clone() });
    // A command works without a cache, too.
    runtime.or_else(|_| Runtime::new(settings))
}

/// Creates the runtime for plugins in a command that is not a server. Without a compiler, it has
/// only what is in the folder of this configuration's server.
#[cfg(not(feature = "compile"))]
pub(crate) fn runtime(config: &Path) -> Result<Arc<Runtime>, RuntimeError> {
    // Mistakes in the configuration are reported when it is read with its plugins.
    let configuration = lessor_generation::load_configuration(config, false).ok();
    let compiled = configuration.as_ref().map(lessor_generation::compiled_folders);
    let compiled = compiled.unwrap_or_default();
    let cache = configuration.and_then(|found| found.plugins).and_then(|plugins| plugins.cache);
    Runtime::new(RuntimeSettings { cache, compiled, ..RuntimeSettings::default() })
}

fn check(path: &Path, runtime: &Arc<Runtime>) -> Result<String, ConfigurationRefused> {
    let GenerationParts { configuration, lookups, chain, .. } =
        lessor_generation::read(runtime, path, colour_on_stderr(), None)?;
    let mistakes = named::unknown(&configuration, &lookups, &chain);
    if !mistakes.is_empty() {
        return Err(ConfigurationRefused { mistakes });
    }
    let networks = configuration.topology.networks();
    let subnets = networks.iter().map(|network| network.subnets.len() as u64).sum();
    let pools =
        networks.iter().flat_map(|network| &network.subnets).flat_map(|subnet| &subnet.pools);
    let addresses: u64 = pools.map(Pool::size).sum();
    let reservations = networks.iter().flat_map(|network| &network.subnets);
    let of_subnets: usize = reservations.map(|subnet| subnet.reservations.len()).sum();
    let shared = configuration.topology.shared_reservations().list().len();
    let reservations = (of_subnets + shared) as u64;
    let mut lines = vec![format!(
        "{} is valid: {}, {}, {} in pools, {}, {}",
        path.display(),
        counted(networks.len() as u64, "network", "s"),
        counted(subnets, "subnet", "s"),
        counted(addresses, "address", "es"),
        counted(reservations, "reservation", "s"),
        counted(chain.plugins().count() as u64, "plugin", "s"),
    )];
    let classes: Vec<&str> =
        configuration.topology.classes().iter().map(|(_, class)| &*class.name).collect();
    if !classes.is_empty() {
        lines.push(format!("  classes {}", classes.join(", ")));
    }
    for file in &configuration.class_files {
        let (path, values) = (file.path.display(), counted(file.values, "value", "s"));
        let note = if file.values == 0 { "; no message can be among them" } else { "" };
        lines.push(format!("  class file {path}: {values}{note}"));
    }
    for file in &configuration.reservation_files {
        let (path, rows) = (file.path.display(), counted(file.reservations, "reservation", "s"));
        lines.push(format!("  reservations {path}: {rows}"));
    }
    lines.extend(sources(&lookups));
    let never_apply = never_apply::warnings(&configuration.topology);
    lines.extend(never_apply.into_iter().map(|warning| format!("  warning: {warning}")));
    let notes = lessor_config::without_effect(&configuration).into_iter();
    lines.extend(notes.map(|note| format!("  note: {note}")));
    lines.extend(skipped(&configuration));
    lines.extend(passed_over(&configuration));
    lines.extend(drained(&configuration));
    let plugins = chain.plugins();
    let warning = patience::warning(&chain, workers_of(&configuration));
    lines.extend(plugins.map(|plugin| format!("  {}", description(plugin))));
    lines.extend(warning.map(|warning| format!("  warning: {warning}")));
    Ok(lines.join("\n"))
}

/// Returns a line for each source of lookups, and one for each warning about it.
fn sources(lookups: &GenerationSources) -> Vec<String> {
    let mut lines = Vec::new();
    for source in lookups.sources().status() {
        let SourceStatus { name, kind, location, rows, .. } = source;
        lines.push(match lookups.sources().table(&name) {
            Some(_) => {
                format!("  lookup {name} ({kind}): {location}, {}", counted(rows, "row", "s"))
            }
            // The database checked the query when it was opened.
            None if kind == "sqlite" => {
                format!("  lookup {name} ({kind}): {location}, its query is valid")
            }
            None => format!("  lookup {name} ({kind}): {location}, not contacted by a check"),
        });
        let warnings = lookups.sources().warnings();
        let own = warnings.into_iter().filter(|(source, _)| *source == name);
        lines.extend(own.map(|(_, warning)| format!("    warning: {warning}")));
    }
    lines
}

/// The number of pools whose skipped addresses are listed.
const POOLS_LISTED_MAX: usize = 20;

/// Returns a line for each pool with addresses that no client can have: the file is correct, but
/// the pool has fewer addresses than its range. What the file excludes is not listed.
fn skipped(configuration: &Configuration) -> Vec<String> {
    let networks = configuration.topology.networks();
    let subnets = networks.iter().flat_map(|network| &network.subnets);
    let line = |pool: &Pool| {
        let ranges = pool.rules.skipped.ranges().iter();
        let noted = ranges.filter(|range| range.why != WhySkipped::Excluded);
        let noted = noted.map(|range| format!("{} {}", range.first, range.why.meaning()));
        let noted: Vec<String> = noted.collect();
        let is_any = !noted.is_empty();
        is_any.then(|| format!("  pool {} skips: {}", pool.name, noted.join(", ")))
    };
    let mut lines: Vec<String> =
        subnets.flat_map(|subnet| &subnet.pools).filter_map(line).collect();
    let others = lines.len().saturating_sub(POOLS_LISTED_MAX);
    lines.truncate(POOLS_LISTED_MAX);
    if others > 0 {
        lines.push(format!("  and {} with such addresses", counted(others as u64, "pool", "s")));
    }
    lines
}

/// Returns a line for each address of the host's interfaces that is in a pool: the file is correct,
/// but the pool has one address less than it seems to have.
fn passed_over(configuration: &Configuration) -> Vec<String> {
    let links = Host::links_now();
    let interfaces = configuration.server.interfaces.iter().filter_map(|name| links.named(name));
    let addresses =
        interfaces.flat_map(|link| link.addresses.iter().map(|address| (&link.name, *address)));
    // The host's addresses are no addresses of a VPN.
    let networks = configuration.topology.networks().iter();
    let networks = networks.filter(|network| network.vpn.is_none());
    let subnets = || networks.clone().flat_map(|network| &network.subnets);
    let pool_of =
        |address| subnets().flat_map(|subnet| &subnet.pools).find(|p| p.contains(address));
    let line = |(name, address)| {
        let Pool { name: pool, .. } = pool_of(address)?;
        Some(format!("  pool {pool}: {address} is the address of {name} and is not allocated"))
    };
    addresses.filter_map(line).collect()
}

/// Returns a line for each pool that an operator drained on the server with this configuration.
fn drained(configuration: &Configuration) -> Vec<String> {
    let networks = configuration.topology.networks();
    let has = |network: &str, pool: &str| {
        let found = networks.iter().find(|found| *found.name == *network);
        let mut pools = found.into_iter().flat_map(|found| &found.subnets).flat_map(|of| &of.pools);
        pools.any(|found| *found.name == *pool)
    };
    let line = |(network, pool): (String, String)| match has(&network, &pool) {
        true => {
            format!("  pool {pool} of network {network} is drained: new clients get none of it")
        }
        false => format!(
            "  warning: pool {pool} of network {network} is drained and not configured; `lessor pool \
             open {pool} --network {network}` forgets that"
        ),
    };
    drained_pools(configuration).into_iter().map(line).collect()
}

fn counted(count: u64, noun: &str, plural: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { plural })
}
