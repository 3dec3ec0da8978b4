//! Reads the configuration file as a whole.

use std::{mem, path::Path, sync::Arc};

use lessor_core::{IdentifierReach, VpnName};
use lessor_settings::SourceSettings;
use toml::{Spanned, de::DeTable};

use crate::{
    Surroundings,
    classes::{self, ReadClasses},
    collector::Collector,
    declarations,
    file_position::FilePosition,
    hosts, lookups,
    mistake::Draft,
    network::NetworkLevels,
    networks,
    options::Options,
    own_addresses::OwnAddresses,
    parts::TextParts,
    reader::{Table, Value},
    reservation::{self, Home},
    reservation_files,
    reserved::Reserved,
    scope::Level,
    sections,
    settings::{
        Configuration, ControlSettings, HostsSettings, JournalSettings, LogSettings,
        MetricsSettings, PluginSettings, ServerSettings, StoreSettings,
    },
    shapes::{self, Shape},
    spaces::OUTSIDE,
    subnet::{self, Around, NetworkSettings, PlacedSubnet},
    syntax,
    vpns::Vpns,
};

/// Reads the document in the collector's source. Returns `None` if a reported mistake prevents a
/// configuration.
pub(crate) fn read(collector: &Collector, surroundings: &Surroundings) -> Option<Configuration> {
    let document: Spanned<DeTable> = syntax::parse(collector);
    let subnets = |root: &Table, around: &Around| Some(subnets(root, around));
    read_root(&document, collector, surroundings, subnets).flatten()
}

/// Does the same one subnet after another. Returns `None` if the document has to be parsed as a
/// whole; what was reported until then is meaningless.
pub(crate) fn read_in_parts(
    collector: &Collector,
    surroundings: &Surroundings,
) -> Option<Option<Configuration>> {
    let parts = TextParts::of(collector.source().text())?;
    let document = DeTable::parse(&parts.rest).ok()?;
    if parts.subnets() == 0 || document.get_ref().contains_key("subnet") {
        return None;
    }
    read_root(&document, collector, surroundings, |_, around| {
        let mut subnets = Vec::with_capacity(parts.subnets());
        parts.for_each(|entries, span, offset| {
            let table = Table::open_part(collector, &shapes::SUBNET, entries, span, offset);
            subnets.extend(PlacedSubnet::read(&table, around));
        })?;
        Some(subnets)
    })
}

/// Reads the document with the subnets that `subnets` returns. Returns `None` if `subnets` does.
fn read_root(
    document: &Spanned<DeTable>,
    collector: &Collector,
    surroundings: &Surroundings,
    subnets: impl FnOnce(&Table, &Around) -> Option<Vec<PlacedSubnet>>,
) -> Option<Option<Configuration>> {
    let base = surroundings.base;
    let root = Table::open(collector, &shapes::DOCUMENT, document.get_ref(), document.span());

    collector.declare(declarations::read(&root, collector));
    let is_named = root.get("server").is_some() || root.misspells_any(&["server"]);
    let server_table = section(&root, "server", &shapes::SERVER);
    let defaults = NetworkSettings::of_server(server_table.as_ref());
    let Sections { store, plugins, lookups, control, journal, hosts, metrics, log } =
        Sections::read(&root, base, collector);

    let relays = server_table.as_ref().and_then(|table| table.get("relays"));
    let unknown_clients = server_table.as_ref().and_then(subnet::unknown_clients);
    let options = root.get("options").map(|value| Options::read(&value)).unwrap_or_default();
    let level = match &server_table {
        Some(table) => Level::read(table, options).with_bootp(table),
        None => Level::without_keys(options),
    };
    let identifier = level.settings().server_identifier;
    let server = sections::server(server_table.as_ref(), is_named, identifier, collector);
    let class = root.get("class");
    let interfaces = server.as_ref().map(|server| server.interfaces.as_slice());
    let mut classes = classes::read(class.as_ref(), surroundings, interfaces);
    let vpn = root.get("vpn");
    let vpns = vpn.as_ref().map(Vpns::read).unwrap_or_default();
    let network = root.get("network");
    let networks = network.as_ref().map(|value| NetworkLevels::read(value, &vpns));
    let around = Around {
        level,
        networks: networks.unwrap_or_default(),
        vpns,
        unknown_clients: unknown_clients.unwrap_or_default(),
        relays: relays.map(|value| value.prefixes().into()),
        classes: mem::take(&mut classes.roster),
    };
    let mut subnets = subnets(&root, &around)?;
    if let Some(value) = &network {
        let used = subnets.iter().filter_map(|subnet| subnet.shared.network.as_ref());
        around.networks.report_unused(value, used.map(|name| name.value.as_str()));
    }
    if let Some(value) = &vpn {
        let used = subnets.iter().filter_map(PlacedSubnet::vpn_name);
        around.vpns.report_unused(value, used);
    }
    let class_files = classes.files.clone();
    let listen = server_table.as_ref().and_then(|table| table.get("listen"));
    let own = own_addresses(server.as_ref(), listen.as_ref(), &classes, surroundings);
    let classes = classes.checked(class.as_ref(), &subnets, &around.networks);
    let mut reserved = Reserved::of_document(&mut subnets, own, collector);
    if let Some(value) = root.get("reservation") {
        let home_of = |vpn: Option<&VpnName>, address| reserved.home_of(vpn, address);
        let home = Home::Any { vpns: &around.vpns, home_of: &home_of };
        let (shape, named) = (&shapes::SHARED_RESERVATION, &around.classes);
        for read in reservation::read_tables(&value, shape, home, named) {
            let space = reserved.space_of(read.vpn.as_ref().map(VpnName::as_str));
            if let Some((space, placed)) = space.zip(read.in_document()) {
                reserved.add_in_document(space, placed, collector);
            }
        }
    }
    let reservations = root.get("reservations");
    let reservation_files = reservations.as_ref().map_or_else(Vec::new, |value| {
        let known = (&around.classes, &around.vpns);
        reservation_files::read(value, &lookups, surroundings, known, &mut reserved)
    });
    around.classes.report_unused(collector, reservations.is_some());
    let shared = reserved.finish(collector);
    let levels = &around.networks;
    let topology = networks::build(subnets, &defaults, levels, &classes, interfaces, collector);
    let (Some(server), Some(topology)) = (server, topology) else { return Some(None) };
    Some(Some(Configuration {
        server,
        store,
        plugins,
        lookups,
        control,
        journal,
        hosts,
        metrics,
        log,
        class_files,
        reservation_files,
        topology: topology
            .with_catalogue(Arc::clone(collector.catalogue()))
            .with_classes(classes)
            .with_shared_reservations(Arc::new(shared)),
    }))
}

/// The settings of sections that need nothing of the subnets.
struct Sections {
    store: StoreSettings,
    plugins: Option<PluginSettings>,
    lookups: Vec<SourceSettings>,
    control: ControlSettings,
    journal: Option<JournalSettings>,
    hosts: Option<HostsSettings>,
    metrics: Option<MetricsSettings>,
    log: LogSettings,
}

impl Sections {
    fn read(root: &Table, base: &Path, collector: &Collector) -> Self {
        let section = |key, shape| section(root, key, shape);
        let (store, state) = sections::store(section("store", &shapes::STORE).as_ref(), base);
        let plugins = section("plugins", &shapes::PLUGINS);
        let plugins = plugins.and_then(|table| sections::plugins(&table, base, &state));
        let lookups = lookups::read(root.get("lookup").as_ref(), base);
        let control = section("control", &shapes::CONTROL);
        let control = sections::control(control.as_ref(), base, &state, collector);
        let journal = section("journal", &shapes::JOURNAL);
        let journal = journal.and_then(|table| sections::journal(&table, base));
        let hosts = section("hosts", &shapes::HOSTS);
        let hosts = hosts.and_then(|table| hosts::read(&table, base));
        let metrics = section("metrics", &shapes::METRICS);
        let metrics = metrics.and_then(|table| sections::metrics(&table));
        let log = sections::log(section("log", &shapes::LOG).as_ref());
        Self { store, plugins, lookups, control, journal, hosts, metrics, log }
    }
}

fn section<'r>(root: &Table<'r>, key: &'static str, shape: &'static Shape) -> Option<Table<'r>> {
    root.get(key).and_then(|value| value.table(shape))
}

/// The server's own addresses that do not come from subnets: those of the host, which are in no
/// VPN, and the identifiers of classes.
fn own_addresses(
    server: Option<&ServerSettings>,
    listen: Option<&Value>,
    classes: &ReadClasses,
    surroundings: &Surroundings,
) -> OwnAddresses {
    let addresses_of = surroundings.addresses_of;
    let interfaces = server.into_iter().flat_map(|server| &server.interfaces);
    let on_host = interfaces.flat_map(|name| addresses_of(name)).collect();
    let mut own = OwnAddresses::new(on_host);
    if let (Some(server), Some(value)) = (server, listen) {
        let place = FilePosition::in_document(value.span());
        for listen in &server.listen {
            own.note(IdentifierReach::Space(OUTSIDE), *listen.ip(), place);
        }
    }
    for (identifier, place) in &classes.identifiers {
        own.note(IdentifierReach::of_class(), *identifier, *place);
    }
    own
}

fn subnets(root: &Table, around: &Around) -> Vec<PlacedSubnet> {
    let tables = match root.get("subnet") {
        Some(value) => value.tables(&shapes::SUBNET),
        None => {
            if !root.misspells_any(&["subnet"]) {
                let draft = Draft::found(
                    "the file has no subnet, so there are no addresses to assign",
                )
                .help("write [[subnet]] and below it, for example, prefix = \"100.64.0.0/16\"");
                root.collector().report_file_missing(draft);
            }
            Vec::new()
        }
    };
    tables.iter().filter_map(|table| PlacedSubnet::read(table, around)).collect()
}
