//! `lessor leases add`, `end` and `move`: changes leases of the running server.
//!
//! Decides nothing; the server does. Exits with 0 if it is as wanted, with 3 if the server refused
//! and changed nothing, and with 1 if it could not be asked or could not write.

use std::{
    io::{self, Write},
    net::Ipv4Addr,
    process::ExitCode,
};

use anyhow::bail;
use lessor_core::VpnName;
use lessor_foresight::explain::Octets;
use lessor_serving::{
    by_hand::{AnswerByHand, ClientFacts, OrderByHand, Target, What},
    operator::Note,
};

use crate::{
    ConfigurationFile, asking,
    commands::{client::ClientArguments, explain::vpn},
    questions::Question,
};

/// The exit code if the server refused.
const REFUSED: u8 = 3;

#[derive(Debug, clap::Subcommand)]
pub(crate) enum LeaseChange {
    /// Lease an address to a client that has none.
    ///
    /// The client gets the address when it asks. Exits with 0 if it has the lease, with 3 if the
    /// server refused and changed nothing, and with 1 if it could not be asked or could not write.
    Add(AddArguments),
    /// End a lease, or the quarantine of an address.
    ///
    /// The address is free at once. A client that uses it is not told before its next renewal,
    /// which gets a NAK. Exits as `lessor leases add` does.
    End(EndArguments),
    /// Give a client another address of its network at its next renewal.
    ///
    /// Until then both addresses are kept for the client. Exits as `lessor leases add` does.
    Move(MoveArguments),
}

#[derive(Debug, clap::Args)]
pub(crate) struct AddArguments {
    /// The address.
    #[arg(value_name = "ADDRESS")]
    address: Ipv4Addr,
    #[command(flatten)]
    client: ClientArguments,
    /// The duration of the lease: 90s, 10m, 1h, 7d or infinite. A client that has the lease already
    /// keeps it until its end.
    #[arg(long = "for", value_name = "DURATION", value_parser = duration)]
    secs: u32,
    #[command(flatten)]
    shared: SharedArguments,
}

#[derive(Debug, clap::Args)]
pub(crate) struct EndArguments {
    #[command(flatten)]
    lease: LeaseArguments,
    #[command(flatten)]
    shared: SharedArguments,
}

#[derive(Debug, clap::Args)]
pub(crate) struct MoveArguments {
    #[command(flatten)]
    lease: LeaseArguments,
    /// The address that the client gets.
    #[arg(long, value_name = "ADDRESS")]
    to: Ipv4Addr,
    #[command(flatten)]
    shared: SharedArguments,
}

/// A lease, by its address or by its client.
#[derive(Debug, clap::Args)]
struct LeaseArguments {
    /// The address of the lease; otherwise say who the client is.
    #[arg(value_name = "ADDRESS", conflicts_with = "client", required_unless_present = "client")]
    address: Option<Ipv4Addr>,
    #[command(flatten)]
    client: ClientArguments,
}

#[derive(Debug, clap::Args)]
struct SharedArguments {
    /// The VPN that the address or the client is in.
    #[arg(long, value_name = "NAME", value_parser = vpn)]
    vpn: Option<VpnName>,
    #[command(flatten)]
    said: SaidArguments,
}

/// What all changes by hand have in common.
#[derive(Debug, clap::Args)]
pub(crate) struct SaidArguments {
    /// Why, for the journal: one line of at most 200 characters.
    #[arg(long, value_name = "TEXT")]
    note: Option<Note>,
    /// Print the answer as one JSON object.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    file: ConfigurationFile,
}

/// Asks the server for a change, and prints the answer.
pub(crate) fn run(change: &LeaseChange) -> anyhow::Result<ExitCode> {
    let (what, said) = match change {
        LeaseChange::Add(AddArguments { address, client, secs, shared }) => {
            let (address, vpn, client) = (*address, shared.vpn.clone(), facts(client));
            (What::Add { address, vpn, client, secs: *secs }, &shared.said)
        }
        LeaseChange::End(EndArguments { lease, shared }) => {
            (What::End(lease.target(shared)), &shared.said)
        }
        LeaseChange::Move(MoveArguments { lease, to, shared }) => {
            (What::Move { target: lease.target(shared), to: *to }, &shared.said)
        }
    };
    order(what, said)
}

/// Asks the server for any change by hand, and prints the answer.
pub(crate) fn order(what: What, said: &SaidArguments) -> anyhow::Result<ExitCode> {
    let claimed_sudo_user = std::env::var("SUDO_USER").ok().and_then(|user| user.parse().ok());
    let order = OrderByHand { what, claimed_sudo_user, note: said.note.clone() };
    let answer: AnswerByHand = asking::ask_one(&said.file.config, Question::ByHand(order))?;
    if said.json {
        writeln!(io::stdout(), "{}", serde_json::to_string(&answer)?)?;
    }
    match answer {
        AnswerByHand::Done(done) => {
            if !said.json {
                let lines = [done.to_string(), format!("  {}", done.then)];
                writeln!(lessor_terminal::stdout(), "{}", lines.join("\n"))?;
            }
            Ok(ExitCode::SUCCESS)
        }
        AnswerByHand::Refused(refusal) => {
            if !said.json {
                eprintln!("lessor: refused, nothing was changed: {}", refusal.text);
            }
            Ok(ExitCode::from(REFUSED))
        }
        AnswerByHand::Failed(_) if said.json => Ok(ExitCode::FAILURE),
        AnswerByHand::Failed(why) => bail!(why),
    }
}

impl LeaseArguments {
    fn target(&self, shared: &SharedArguments) -> Target {
        Target { address: self.address, vpn: shared.vpn.clone(), client: facts(&self.client) }
    }
}

fn facts(client: &ClientArguments) -> ClientFacts {
    let octets = |octets: &Option<Octets>| octets.as_ref().map(|Octets(octets)| octets.clone());
    ClientFacts {
        hardware_address: client.hardware_address,
        client_identifier: octets(&client.client_id),
        circuit_id: octets(&client.circuit_id),
        remote_id: octets(&client.remote_id),
    }
}

/// Parses the duration of a lease, in seconds.
fn duration(text: &str) -> Result<u32, String> {
    let secs = lessor_config::parse_duration(text).and_then(|secs| u32::try_from(secs).ok());
    secs.filter(|secs| *secs > 0)
        .ok_or_else(|| "wanted a duration, such as 90s, 10m, 1h, 7d or infinite".to_owned())
}
