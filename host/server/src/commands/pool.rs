//! `lessor pool drain` and `open`: which pools of the running server give addresses to new clients.
//!
//! Decides nothing; the server does. Exits as `lessor leases add` does.

use std::process::ExitCode;

use lessor_serving::by_hand::{NamedPool, What};

use super::leases::by_hand::{SaidArguments, order};

#[derive(Debug, clap::Subcommand)]
pub(crate) enum PoolCommand {
    /// Give no address of a pool to new clients; its leases are renewed until they end.
    ///
    /// A drain survives restarts and reloads; `lessor status` shows it. Exits with 0 if the pool is
    /// drained, with 3 if the server refused and changed nothing, and with 1 if it could not be
    /// asked or could not write.
    Drain(PoolArguments),
    /// Give addresses of a drained pool to new clients again.
    ///
    /// Exits as `lessor pool drain` does.
    Open(PoolArguments),
}

#[derive(Debug, clap::Args)]
pub(crate) struct PoolArguments {
    /// The name of the pool.
    #[arg(value_name = "POOL")]
    pool: String,
    /// The name of its network, if several networks have a pool of this name.
    #[arg(long, value_name = "NAME")]
    network: Option<String>,
    #[command(flatten)]
    said: SaidArguments,
}

/// Runs the command.
pub(crate) fn run(command: &PoolCommand) -> anyhow::Result<ExitCode> {
    match command {
        PoolCommand::Drain(arguments) => order(What::Drain(arguments.named()), &arguments.said),
        PoolCommand::Open(arguments) => order(What::Open(arguments.named()), &arguments.said),
    }
}

impl PoolArguments {
    fn named(&self) -> NamedPool {
        NamedPool { network: self.network.clone(), pool: self.pool.clone() }
    }
}
