//! The arguments of `lessor load`, which are also the settings of the library.

use std::{
    net::{Ipv4Addr, SocketAddrV4},
    ops::RangeInclusive,
};

use anyhow::{Context, bail, ensure};
use clap::Parser;

use crate::{subscriber::Subscriber, template::Template};

/// Simulate subscribers behind one or more relay agents.
///
/// Every subscriber first acquires a lease (DISCOVER, OFFER, REQUEST, ACK). Then all of them renew
/// it as often as requested, and release it if requested. With a duration, each subscriber repeats
/// these steps independently until the time is up.
#[derive(Clone, Debug, PartialEq, clap::Args)]
pub struct LoadArgs {
    /// The server under load
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:67")]
    pub server: SocketAddrV4,

    /// The addresses that the relays send from. Each must be an address of this machine, and is
    /// also used as giaddr. With a port other than 67 (0: any free port), replies are requested at
    /// that port (RFC 8357)
    #[arg(long, value_name = "ADDRESS:PORT", value_delimiter = ',', default_value = "127.0.0.1:0")]
    pub relay: Vec<SocketAddrV4>,

    /// The subnet of the subscribers, sent to the server as link selection (RFC 3527); required if
    /// the address of the relay is outside of it
    #[arg(long, value_name = "ADDRESS")]
    pub link_selection: Option<Ipv4Addr>,

    /// The number of subscribers, distributed equally over the relays
    #[arg(long, value_name = "NUMBER", default_value_t = 1000,
        value_parser = clap::value_parser!(u32).range(1..=i64::from(Self::CLIENTS_MAX)))]
    pub clients: u32,

    /// The number of the first subscriber; its addresses and texts are derived from its number
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    pub first_client: u32,

    /// The largest number of exchanges in progress at once
    #[arg(long, value_name = "NUMBER", default_value_t = 64,
        value_parser = clap::value_parser!(u32).range(1..=i64::from(Self::WINDOW_MAX)))]
    pub window: u32,

    /// The largest number of exchanges started per second; by default as many as the window allows
    #[arg(long, value_name = "NUMBER")]
    pub rate: Option<u32>,

    /// A template for the circuit id: n in braces is replaced by the subscriber's number, also as
    /// {n/32}, {n%32}, {n/32%32+1}, calculated from left to right; {mac} by its hardware address
    #[arg(long, value_name = "TEMPLATE", default_value = "olt{n/1024}/1/{n/32%32}/onu{n%32}")]
    pub circuit_id: Template,

    /// A template for the remote id
    #[arg(long, value_name = "TEMPLATE")]
    pub remote_id: Option<Template>,

    /// A template for the client identifier (option 61); the octets of the text are sent
    #[arg(long, value_name = "TEMPLATE")]
    pub client_identifier: Option<Template>,

    /// A template for the host name (option 12)
    #[arg(long, value_name = "TEMPLATE")]
    pub host_name: Option<Template>,

    /// The vendor class (option 60)
    #[arg(long, value_name = "TEXT")]
    pub vendor_class: Option<String>,

    /// The first two octets of the hardware addresses, followed by the number of the subscriber
    #[arg(long, value_name = "OCTETS", default_value = "02:4c", value_parser = mac_prefix)]
    pub mac_prefix: [u8; 2],

    /// The number of times that each lease is renewed through the relay
    #[arg(long, value_name = "TIMES", default_value_t = 0)]
    pub renew: u32,

    /// Release every lease at the end (with a duration: after each round)
    #[arg(long)]
    pub release: bool,

    /// Continue for this time: each subscriber acquires a lease, renews it, releases it, and
    /// repeats
    #[arg(long, value_name = "SECONDS")]
    pub duration_secs: Option<u64>,

    /// How long to wait for a reply before the message is repeated; each further wait is twice as
    /// long (RFC 2131 section 4.1), up to 64 seconds
    #[arg(long, value_name = "MILLISECONDS", default_value_t = 1000)]
    pub timeout_ms: u64,

    /// How often a message is repeated before the exchange counts as failed
    #[arg(long, value_name = "TIMES", default_value_t = 3)]
    pub retries: u32,

    /// The seed of transaction ids and of the jitter of retransmissions; random by default
    #[arg(long, value_name = "NUMBER")]
    pub seed: Option<u64>,

    /// Print the report as JSON
    #[arg(long)]
    pub json: bool,
}

impl LoadArgs {
    /// The largest number of subscribers.
    pub const CLIENTS_MAX: u32 = 1 << 24;
    /// The largest number of relays.
    pub const RELAYS_MAX: usize = 64;
    /// The largest number of exchanges in progress.
    pub const WINDOW_MAX: u32 = 1 << 16;
    /// The largest number of exchanges started per second.
    pub const RATE_MAX: u32 = 1_000_000;
    /// The largest number of renewals of each lease.
    pub const RENEW_MAX: u32 = 10_000;
    /// The longest wait for a reply.
    pub const TIMEOUT_MS_MAX: u64 = 64_000;
    /// The largest number of retransmissions of a message.
    pub const RETRIES_MAX: u32 = 10;
    /// The longest run: a week.
    pub const DURATION_SECS_MAX: u64 = 7 * 24 * 3600;

    /// Returns the subscriber with this number.
    pub fn subscriber(&self, number: u32) -> Subscriber {
        let hardware_address = self.hardware_address(number);
        let expanded = |template: &Template| template.expand(number, hardware_address);
        let octets = |template: &Template| expanded(template).into_bytes();
        Subscriber {
            remote_id: self.remote_id.as_ref().map(octets),
            client_identifier: self.client_identifier.as_ref().map(octets),
            vendor_class: self.vendor_class.clone(),
            host_name: self.host_name.as_ref().map(expanded),
            ..Subscriber::new(hardware_address, octets(&self.circuit_id))
        }
    }

    /// Checks that every number is within its limits.
    pub(crate) fn check(&self) -> anyhow::Result<()> {
        let number = |name, found: u64, wanted: RangeInclusive<u64>| {
            let (least, most) = (wanted.start(), wanted.end());
            ensure!(wanted.contains(&found), "--{name} is {found}; wanted {least} to {most}");
            Ok(())
        };
        number("clients", self.clients.into(), 1..=Self::CLIENTS_MAX.into())?;
        number("window", self.window.into(), 1..=Self::WINDOW_MAX.into())?;
        number("renew", self.renew.into(), 0..=Self::RENEW_MAX.into())?;
        number("timeout-ms", self.timeout_ms, 1..=Self::TIMEOUT_MS_MAX)?;
        number("retries", self.retries.into(), 0..=Self::RETRIES_MAX.into())?;
        if let Some(rate) = self.rate {
            number("rate", rate.into(), 1..=Self::RATE_MAX.into())?;
        }
        if let Some(duration_secs) = self.duration_secs {
            number("duration-secs", duration_secs, 1..=Self::DURATION_SECS_MAX)?;
        }
        ensure!(
            self.first_client.checked_add(self.clients).is_some(),
            "--first-client {} and --clients {} exceed the greatest number, {}",
            self.first_client,
            self.clients,
            u32::MAX
        );
        match self.relay.len() {
            0 => bail!("--relay is empty; wanted at least one address such as 127.0.0.1:0"),
            found if found > Self::RELAYS_MAX => {
                bail!("--relay names {found} relays; wanted at most {}", Self::RELAYS_MAX)
            }
            _ => Ok(()),
        }
    }

    fn hardware_address(&self, number: u32) -> [u8; 6] {
        let [a, b] = self.mac_prefix;
        let [c, d, e, f] = number.to_be_bytes();
        [a, b, c, d, e, f]
    }
}

/// The defaults are those of the command line.
impl Default for LoadArgs {
    fn default() -> Self {
        #[derive(Parser)]
        #[command(no_binary_name = true)]
        struct CommandLine {
            #[command(flatten)]
            args: LoadArgs,
        }
        CommandLine::parse_from([""; 0]).args
    }
}

fn mac_prefix(text: &str) -> anyhow::Result<[u8; 2]> {
    let (first, second) = text.split_once(':').context("wanted two octets such as 02:4c")?;
    let octet = |text: &str| match text.len() {
        2 => u8::from_str_radix(text, 16).context("wanted hexadecimal octets such as 02:4c"),
        _ => bail!("wanted octets of two digits such as 02:4c"),
    };
    Ok([octet(first)?, octet(second)?])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Parser)]
    struct CommandLine {
        #[command(flatten)]
        args: LoadArgs,
    }

    fn parsed(arguments: &[&str]) -> Result<LoadArgs, clap::Error> {
        CommandLine::try_parse_from([&["load"], arguments].concat()).map(|line| line.args)
    }

    #[test]
    fn without_arguments_there_are_defaults_that_can_run() {
        let args = LoadArgs::default();
        assert_eq!(parsed(&[]).unwrap(), args);
        args.check().unwrap();
        assert_eq!(args.relay, ["127.0.0.1:0".parse().unwrap()]);
    }

    /// clap replaces `{n}` with a line break, which would split a help text.
    #[test]
    fn no_help_text_holds_what_clap_takes_for_a_line_break() {
        use clap::CommandFactory;

        for argument in CommandLine::command().get_arguments() {
            for help in argument.get_help().into_iter().chain(argument.get_long_help()) {
                assert!(!help.to_string().contains('\n'), "{help}");
                assert!(!help.to_string().contains("{n}"), "{help}");
            }
        }
    }

    #[test]
    fn relays_can_be_listed_or_repeated() {
        let listed = parsed(&["--relay", "127.0.1.1:67,127.0.1.2:67"]).unwrap();
        let repeated = parsed(&["--relay", "127.0.1.1:67", "--relay", "127.0.1.2:67"]).unwrap();
        assert_eq!(listed.relay, repeated.relay);
        assert_eq!(listed.relay.len(), 2);
    }

    #[test]
    fn a_subscriber_is_made_of_its_number() {
        let args =
            parsed(&["--remote-id", "{mac}", "--host-name", "cpe{n}", "--mac-prefix", "06:ff"]);
        let subscriber = args.unwrap().subscriber(1234);
        assert_eq!(subscriber.hardware_address, [6, 0xff, 0, 0, 4, 0xd2]);
        assert_eq!(subscriber.circuit_id, b"olt1/1/6/onu18");
        assert_eq!(subscriber.remote_id.as_deref(), Some(&b"06:ff:00:00:04:d2"[..]));
        assert_eq!(subscriber.host_name.as_deref(), Some("cpe1234"));
    }

    #[test]
    fn arguments_that_cannot_be_read_are_refused() {
        for arguments in [
            ["--clients", "0"],
            ["--clients", "16777217"],
            ["--window", "0"],
            ["--mac-prefix", "024c"],
            ["--mac-prefix", "2:4c"],
            ["--mac-prefix", "02:xx"],
            ["--circuit-id", "{port}"],
            ["--server", "localhost"],
        ] {
            assert!(parsed(&arguments).is_err(), "{arguments:?}");
        }
    }

    #[test]
    fn every_limit_is_kept_and_told() {
        let refused = |change: fn(&mut LoadArgs)| {
            let mut args = LoadArgs::default();
            change(&mut args);
            args.check().unwrap_err().to_string()
        };
        assert_eq!(refused(|args| args.clients = 0), "--clients is 0; wanted 1 to 16777216");
        assert!(refused(|args| args.clients = LoadArgs::CLIENTS_MAX + 1).contains("--clients"));
        assert!(refused(|args| args.window = LoadArgs::WINDOW_MAX + 1).contains("--window"));
        assert!(refused(|args| args.rate = Some(LoadArgs::RATE_MAX + 1)).contains("--rate"));
        assert!(refused(|args| args.renew = LoadArgs::RENEW_MAX + 1).contains("--renew"));
        assert!(
            refused(|args| args.timeout_ms = LoadArgs::TIMEOUT_MS_MAX + 1).contains("--timeout")
        );
        assert!(refused(|args| args.retries = LoadArgs::RETRIES_MAX + 1).contains("--retries"));
        assert!(
            refused(|args| args.duration_secs = Some(LoadArgs::DURATION_SECS_MAX + 1))
                .contains("--duration")
        );
        assert!(refused(|args| args.first_client = u32::MAX).contains("--first-client"));
        assert!(refused(|args| args.relay.clear()).contains("--relay"));
        assert!(
            refused(|args| args.relay = vec![args.server; LoadArgs::RELAYS_MAX + 1])
                .contains("65 relays")
        );
    }
}
