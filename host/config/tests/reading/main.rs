//! The results of reading valid files.

mod options;
mod server;
mod subnets;

use std::path::Path;

use lessor_config::Configuration;
use lessor_core::{Network, OptionSet, OptionValue, Subnet};

const SERVER: &str = "[server]\nlisten = [\"192.0.2.1\"]\n";

#[track_caller]
fn parse(text: &str) -> Configuration {
    match lessor_config::parse("test.toml", text, Path::new("/srv/lessor")) {
        Ok(configuration) => configuration,
        Err(mistakes) => panic!("{mistakes}"),
    }
}

/// The networks of a configuration with these subnets.
#[track_caller]
fn networks(subnets: &str) -> Vec<Network> {
    let configuration = parse(&format!("{SERVER}{subnets}"));
    configuration.topology.networks().iter().map(|network| Network::clone(network)).collect()
}

#[track_caller]
fn subnet(rest: &str) -> Subnet {
    let mut networks = networks(&format!("[[subnet]]\nprefix = \"100.64.0.0/16\"\n{rest}"));
    networks.remove(0).subnets.remove(0)
}

fn value(options: &OptionSet, code: u8) -> OptionValue {
    OptionValue::clone(options.get(code).unwrap())
}
