//! The configuration file as a whole.

use std::{net::Ipv4Addr, path::Path};

use toml::{Spanned, de::DeTable};

use crate::{
    collector::{Collector, Draft},
    lookups, networks,
    options::Options,
    reader::Table,
    sections,
    settings::{Configuration, ServerSettings},
    shapes::{self, Shape},
    subnet::{self, Around, OwnAddresses, PlacedSubnet, Shared},
    syntax,
};

/// Reads the document in the collector's source; nothing if a mistake was reported that leaves no
/// configuration. `addresses_of` knows the addresses of the host's interfaces.
pub(crate) fn read(
    collector: &Collector,
    base: &Path,
    addresses_of: &dyn Fn(&str) -> Vec<Ipv4Addr>,
) -> Option<Configuration> {
    let document: Spanned<DeTable> = syntax::parse(collector);
    let root = Table::open(collector, &shapes::DOCUMENT, document.get_ref(), document.span());
    let section = |key, shape: &'static Shape| root.get(key).and_then(|value| value.table(shape));

    let is_named = root.get("server").is_some() || root.misspells_any(&["server"]);
    let server_table = section("server", &shapes::SERVER);
    let server = sections::server(server_table.as_ref(), is_named, collector);
    let defaults = Shared::of_server(server_table.as_ref());
    let store_table = section("store", &shapes::STORE);
    let (store, state) = sections::store(store_table.as_ref(), base);
    let plugins = section("plugins", &shapes::PLUGINS);
    let plugins = plugins.and_then(|table| sections::plugins(&table, base, &state));
    let lookups = lookups::read(root.get("lookup").as_ref(), base);
    let control_table = section("control", &shapes::CONTROL);
    let control = sections::control(control_table.as_ref(), base, &state, collector);
    let journal = section("journal", &shapes::JOURNAL);
    let journal = journal.and_then(|table| sections::journal(&table, base));
    let metrics = section("metrics", &shapes::METRICS);
    let metrics = metrics.and_then(|table| sections::metrics(&table));
    let log = sections::log(section("log", &shapes::LOG).as_ref());

    let relays = server_table.as_ref().and_then(|table| table.get("relays"));
    let unknown_clients = server_table.as_ref().and_then(subnet::unknown_clients);
    let around = Around {
        options: root.get("options").map(|value| Options::read(&value)).unwrap_or_default(),
        unknown_clients: unknown_clients.unwrap_or_default(),
        relays: relays.map(|value| value.prefixes().into()),
        own: server.as_ref().map(|server| own_addresses(server, addresses_of)).unwrap_or_default(),
    };
    let subnets = subnets(&root, &around);
    let topology = networks::build(subnets, &defaults, collector);
    Some(Configuration {
        server: server?,
        store,
        plugins,
        lookups,
        control,
        journal,
        metrics,
        log,
        topology: topology?,
    })
}

fn own_addresses(
    server: &ServerSettings,
    addresses_of: &dyn Fn(&str) -> Vec<Ipv4Addr>,
) -> OwnAddresses {
    let listen = server.listen.iter().map(|listen| *listen.ip());
    let own = listen.chain(server.server_identifier);
    OwnAddresses {
        in_file: own.filter(|address| !address.is_unspecified()).collect(),
        on_host: server.interfaces.iter().flat_map(|name| addresses_of(name)).collect(),
    }
}

fn subnets(root: &Table, around: &Around) -> Vec<PlacedSubnet> {
    let tables = match root.get("subnet") {
        Some(value) => value.tables(&shapes::SUBNET),
        None => {
            if !root.misspells_any(&["subnet"]) {
                let draft = Draft::found("the file has no subnet, so there is nothing to give out")
                    .help("write [[subnet]] and below it prefix = \"100.64.0.0/16\", for example");
                root.collector().report_file_missing(draft);
            }
            Vec::new()
        }
    };
    tables.iter().filter_map(|table| PlacedSubnet::read(table, around)).collect()
}
