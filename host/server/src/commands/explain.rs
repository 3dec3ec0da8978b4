//! `lessor explain`: explains step by step what would happen to a client now.
//!
//! Asks the running server; if none runs, the explanation is made from the configuration and the
//! store.

mod print;

use std::{
    io::{self, IsTerminal},
    net::Ipv4Addr,
    process::ExitCode,
    sync::Arc,
};

use anyhow::bail;
use lessor_core::{VpnName, option::code};
use lessor_foresight::explain::{ClientMessageKind, ExplainAnswer, Octets, Subject, offline};

use super::{
    check,
    client::{ClientArguments, octets},
};
use crate::{asking, colour_on_stderr, questions::Question};

#[derive(Debug, clap::Args)]
pub(crate) struct ExplainArguments {
    #[command(flatten)]
    file: crate::ConfigurationFile,
    /// The message that the client sends.
    #[arg(long, value_enum, default_value_t = ClientMessageKind::Discover)]
    kind: ClientMessageKind,
    #[command(flatten)]
    client: ClientArguments,
    /// The relay that forwards the message.
    #[arg(long, value_name = "ADDRESS", conflicts_with = "link")]
    relay_address: Option<Ipv4Addr>,
    /// The server's address on the link that the client is on.
    #[arg(long, value_name = "ADDRESS")]
    link: Option<Ipv4Addr>,
    /// The link that the relay selects (option 82, sub-option 5).
    #[arg(long, value_name = "ADDRESS", conflicts_with = "link")]
    link_selection: Option<Ipv4Addr>,
    /// The VPN that the relay selects, by its name (option 82, sub-option 151).
    #[arg(long, value_name = "NAME", value_parser = vpn, conflicts_with = "link")]
    vpn: Option<VpnName>,
    /// The interface of the server that the client is on.
    #[arg(long, value_name = "NAME", conflicts_with_all = ["relay_address", "vpn"])]
    interface: Option<String>,
    /// The subnet that the client selects (option 118).
    #[arg(long, value_name = "ADDRESS")]
    subnet_selection: Option<Ipv4Addr>,
    /// The client can receive broadcasts only: it sets the BROADCAST flag.
    #[arg(long)]
    broadcast: bool,
    /// The address that the client requests, uses, declines or releases; by default that of its
    /// lease on record.
    #[arg(long, value_name = "ADDRESS")]
    address: Option<Ipv4Addr>,
    /// The server whose offer the client accepts (option 54).
    #[arg(long, value_name = "ADDRESS")]
    server_identifier: Option<Ipv4Addr>,
    /// The vendor class (option 60).
    #[arg(long, value_name = "OCTETS", value_parser = octets)]
    vendor_class: Option<Octets>,
    /// Another option of the message, by code or by a name that is registered or that the
    /// configuration declares: 77=iptv, user-class=hex:0469707476.
    #[arg(long = "option", value_name = "OPTION=OCTETS", value_parser = option)]
    options: Vec<(String, Octets)>,
    /// The options that the client requests, by code; by default all that are configured.
    #[arg(long, value_name = "CODES", value_delimiter = ',')]
    parameters: Vec<u8>,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

/// Gets the explanation and prints it.
pub(crate) fn run(arguments: &ExplainArguments) -> anyhow::Result<ExitCode> {
    let subject = arguments.subject();
    let asked = asking::ask_one(&arguments.file.config, Question::Explain(subject.clone()));
    let answer = match asked {
        Ok(answer) => answer,
        Err(no_answer) if lessor_control::is_forbidden(&no_answer) => return Err(no_answer),
        Err(no_answer) => {
            let config = &arguments.file.config;
            let runtime = check::runtime(config)?;
            offline(&runtime, config, colour_on_stderr(), &subject, &no_answer)?
        }
    };
    let explanation = match answer {
        ExplainAnswer::Explained(explanation) => explanation,
        ExplainAnswer::Refused(why) => bail!("{why}"),
    };
    if arguments.json {
        println!("{}", serde_json::to_string(&explanation)?);
    } else {
        let colour = io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
        print::print(&explanation, colour)?;
    }
    Ok(ExitCode::SUCCESS)
}

impl ExplainArguments {
    fn subject(&self) -> Subject {
        let mut options = self.options.clone();
        if let Some(class) = &self.vendor_class {
            options.push((code::VENDOR_CLASS.to_string(), class.clone()));
        }
        Subject {
            kind: self.kind,
            hardware_address: self.client.hardware_address,
            client_identifier: self.client.client_id.clone(),
            circuit_id: self.client.circuit_id.clone(),
            remote_id: self.client.remote_id.clone(),
            relay_address: self.relay_address,
            link: self.link,
            link_selection: self.link_selection,
            vpn: self.vpn.clone(),
            interface: self.interface.as_deref().map(Arc::from),
            subnet_selection: self.subnet_selection,
            is_broadcast: self.broadcast,
            address: self.address,
            server_identifier: self.server_identifier,
            options,
            parameters: self.parameters.clone(),
        }
    }
}

/// Parses the name of a VPN.
pub(super) fn vpn(text: &str) -> Result<VpnName, String> {
    VpnName::try_from(text.to_owned()).map_err(str::to_owned)
}

/// Parses the name and the value of an option. The server knows which names there are.
fn option(text: &str) -> Result<(String, Octets), String> {
    let wanted = "wanted a code or name, =, and text or hex: and octets, such as 77=iptv";
    let (name, value) = text.split_once('=').filter(|(name, _)| !name.is_empty()).ok_or(wanted)?;
    Ok((name.to_owned(), octets(value)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_named_by_code_or_name_and_given_as_text_or_octets() {
        let named = |name: &str, octets: &[u8]| Ok((name.to_owned(), Octets(octets.to_vec())));
        assert_eq!(option("77=iptv"), named("77", b"iptv"));
        assert_eq!(option("host-name=hex:00ff"), named("host-name", &[0, 255]));
        assert_eq!(option("acme-profile=a=b"), named("acme-profile", b"a=b"));
        for wrong in ["77", "=1", "77=hex:0"] {
            assert!(option(wrong).unwrap_err().contains("wanted"), "{wrong}");
        }
    }
}
