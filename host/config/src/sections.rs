//! Reads the tables about the server itself: all but subnets and options.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV4},
    num::NonZeroUsize,
    path::{Path, PathBuf},
    time::Duration,
};

use lessor_settings::StoreBackend;

use crate::{
    collector::Collector,
    mistake::Draft,
    reader::{Placed, Table, Value},
    selection::{interface_names, twice},
    settings::{
        ControlSettings, JournalSettings, LogFormat, LogLevel, LogSettings, MetricsSettings,
        PluginSettings, RollbackSettings, ServerSettings, StoreSettings, UntilCompiled,
    },
    shapes,
};

/// The maximum number of threads; no machine needs more.
pub const WORKERS_MAX: usize = 256;
/// The default size of a socket's send buffer, in KiB.
const SEND_BUFFER_KIB: usize = 8_192;
/// The minimum size of a send buffer in KiB; a smaller one does not hold a batch of replies.
const SEND_BUFFER_KIB_MIN: usize = 64;
/// The maximum size of a send buffer in KiB; no network card needs more.
const SEND_BUFFER_KIB_MAX: usize = 1 << 20;
/// The maximum number of waiting changes; more would only make clients wait for longer than they
/// do.
pub const WAITING_CHANGES_MAX: usize = 1_000_000;
/// The maximum number of waiting messages; more would only make clients wait for longer than they
/// do.
pub const WAITING_MESSAGES_MAX: usize = 1_000_000;
/// The maximum length of a Unix socket's path (`sun_path` without its terminating zero), in octets.
pub const SOCKET_PATH_OCTETS_MAX: usize = 107;
/// The maximum number of tolerated faults; an operator who tolerates more needs no rollback.
pub const ROLLBACK_FAULTS_MAX: u64 = 1_000_000;
/// How long the previous generation is kept in memory at most, in seconds.
const ROLLBACK_WINDOW_SECS_MAX: u32 = 3_600;
/// The port that messages suggest for metrics.
const METRICS_PORT: u16 = 9467;
/// The port of a DHCPv4 server (RFC 2131 section 4.1).
const SERVER_PORT: u16 = 67;

/// Reads `[server]`, without what it says about subnets. `server_identifier` is that of its level.
pub(crate) fn server(
    table: Option<&Table>,
    is_named: bool,
    server_identifier: Option<Ipv4Addr>,
    collector: &Collector,
) -> Option<ServerSettings> {
    let Some(table) = table else {
        if is_named {
            return None;
        }
        let draft =
            Draft::found("the file has no [server], so the server would receive no messages").help(
                "write [server] with interfaces = [\"eth0\"] for clients on the link, or \
                 listen = [\"192.0.2.1\"] for relayed clients",
            );
        collector.report_file_missing(draft);
        return None;
    };
    let interfaces = table.get("interfaces");
    let listen = table.get("listen");
    if interfaces.is_none() && listen.is_none() && !table.misspells_any(&["interfaces", "listen"]) {
        let draft = Draft::found("[server] has neither `interfaces` nor `listen`")
            .wanted("wanted at least one of them")
            .help(
                "interfaces = [\"eth0\"] serves clients on the link, \
                 listen = [\"192.0.2.1\"] relayed clients",
            );
        collector.report_missing(table.span(), draft);
    }
    let interfaces = interfaces.map_or_else(Vec::new, |value| {
        interface_names(&value).into_iter().map(|placed| placed.value).collect()
    });
    let listen = listen.map_or_else(Vec::new, |value| read_listen(&value, !interfaces.is_empty()));
    Some(ServerSettings {
        interfaces,
        listen,
        workers: table
            .get("workers")
            .and_then(|value| value.number(0, WORKERS_MAX))
            .and_then(NonZeroUsize::new),
        server_identifier,
        send_buffer_octets: table
            .get("send-buffer-kib")
            .and_then(|value| value.number(SEND_BUFFER_KIB_MIN, SEND_BUFFER_KIB_MAX))
            .unwrap_or(SEND_BUFFER_KIB)
            * 1024,
        user: table.get("user").and_then(|value| account(&value, "user")),
        group: read_group(table),
        waiting_messages_max: table
            .get("waiting-messages-max")
            .and_then(|value| value.number(1, WAITING_MESSAGES_MAX))
            .unwrap_or(WAITING_MESSAGES_DEFAULT),
    })
}

/// A group makes sense only with the user that the server switches to.
fn read_group(table: &Table) -> Option<String> {
    let value = table.get("group")?;
    if table.get("user").is_none() && !table.misspells_any(&["user"]) {
        value.report(
            Draft::found("[server] has `group` but no `user`")
                .wanted("wanted `user` as well")
                .help("write user = \"lessor\" to make the server switch to that user and group"),
        );
    }
    account(&value, "group")
}

/// Reads the name of a user or group. Whether it exists is checked when the server starts.
fn account(value: &Value, what: &str) -> Option<String> {
    let wanted = match what {
        "user" => "the name of a user of this machine, such as \"lessor\"",
        _ => "the name of a group of this machine, such as \"lessor\"",
    };
    let name = value.text(wanted)?;
    let is_name =
        !name.is_empty() && !name.contains(|found: char| found == ':' || found.is_whitespace());
    if !is_name {
        value.refuse(wanted);
        return None;
    }
    Some(name.to_owned())
}

fn read_listen(value: &Value, has_interfaces: bool) -> Vec<SocketAddrV4> {
    let mut seen: Vec<(SocketAddrV4, Value)> = Vec::new();
    for item in value.items() {
        let Some(address) = socket_address(&item) else { continue };
        if address.ip().is_unspecified() && has_interfaces {
            item.report(
                Draft::found(
                    "`listen` contains 0.0.0.0 (all addresses) together with `interfaces`",
                )
                .wanted("wanted one of the server's addresses")
                .help(
                    "write the address that relays send to; with both, every broadcast would \
                     arrive twice",
                ),
            );
            continue;
        }
        let clashes = |other: &SocketAddrV4| {
            other.port() == address.port()
                && (other.ip() == address.ip()
                    || other.ip().is_unspecified()
                    || address.ip().is_unspecified())
        };
        if let Some((other, first)) = seen.iter().find(|(other, _)| clashes(other)) {
            item.report(match *other == address {
                true => twice(&address.to_string(), first),
                false => all_and_one(other, &address, first),
            });
            continue;
        }
        seen.push((address, item));
    }
    seen.into_iter().map(|(address, _)| address).collect()
}

fn all_and_one(first: &SocketAddrV4, second: &SocketAddrV4, first_value: &Value) -> Draft {
    let one = if first.ip().is_unspecified() { second.ip() } else { first.ip() };
    Draft::found(format!("0.0.0.0 means all addresses, including {one}"))
        .wanted("the second time")
        .related(first_value.span(), "the first time")
        .help("remove one of them")
}

/// Reads an address of this host with a port, which defaults to 67.
fn socket_address(item: &Value) -> Option<SocketAddrV4> {
    const WANTED: &str = "an IPv4 address, with or without a port, such as \"192.0.2.1:67\"";
    let text = item.text(WANTED)?;
    let only_address = text.parse::<Ipv4Addr>().map(|ip| SocketAddrV4::new(ip, SERVER_PORT));
    let Ok(address) = only_address.or_else(|_| text.parse::<SocketAddrV4>()) else {
        match text.contains('[') || text.matches(':').count() > 1 {
            true => item.refuse_with_help(WANTED, "DHCPv4 does not run over IPv6"),
            false => item.refuse(WANTED),
        }
        return None;
    };
    if address.ip().is_broadcast() || address.ip().is_multicast() {
        item.refuse_with_help(WANTED, "write an address of this host");
        return None;
    }
    Some(address)
}

/// The folder for the server's state: for leases, and for everything that has no other place.
/// `None` if leases are kept in memory and the file names no folder.
pub(crate) type StateFolder = Option<Placed<PathBuf>>;

/// Reads `[store]`.
pub(crate) fn store(table: Option<&Table>, base: &Path) -> (StoreSettings, StateFolder) {
    let get = |key| table.and_then(|table| table.get(key));
    let path_value = get("path");
    let folder = path_value.as_ref().and_then(|value| Some(value.place(value.path(base)?)));
    let backends = [("embedded", true), ("memory", false)];
    let is_embedded = get("backend").and_then(|value| value.choice(&backends)).unwrap_or(true);
    let folder = match folder {
        None if is_embedded => {
            let span = table.map_or(0..0, |table| table.span().clone());
            Some(Placed { value: PathBuf::from(STATE_FOLDER), span })
        }
        folder => folder,
    };
    let backend = match &folder {
        Some(folder) if is_embedded => StoreBackend::Embedded { path: folder.value.join("leases") },
        _ => StoreBackend::Memory,
    };
    let waiting_changes_max = get("waiting-changes-max")
        .and_then(|value| value.number(1, WAITING_CHANGES_MAX))
        .unwrap_or(WAITING_CHANGES_DEFAULT);
    (StoreSettings { backend, waiting_changes_max }, folder)
}

/// The default folder for state (Filesystem Hierarchy Standard, `/var/lib`).
pub(crate) const STATE_FOLDER: &str = "/var/lib/lessor";

/// The messages of 20,000 clients that start at once, and half as many more.
const WAITING_MESSAGES_DEFAULT: usize = 32_768;

/// A tenth of the changes that a disk makes durable in a second.
const WAITING_CHANGES_DEFAULT: usize = 10_000;

const UNTIL_COMPILED: [(&str, UntilCompiled); 2] =
    [("wait", UntilCompiled::Wait), ("no-policies", UntilCompiled::NoPolicies)];

/// Reads `[plugins]`.
pub(crate) fn plugins(table: &Table, base: &Path, state: &StateFolder) -> Option<PluginSettings> {
    let directory = table.require("directory", "\"/etc/lessor/plugins\"");
    let cache = match table.get("cache") {
        Some(value) => value.path(base),
        None => state.as_ref().map(|folder| folder.value.join("compiled")),
    };
    let rollback = table.get("rollback").and_then(|value| value.table(&shapes::ROLLBACK));
    let rollback = rollback.and_then(|table| rollback_settings(&table));
    let interpreters = table.get("interpreters").and_then(|value| value.path(base));
    let until_compiled = table.get("until-compiled");
    let until_compiled = until_compiled.and_then(|value| value.choice(&UNTIL_COMPILED));
    Some(PluginSettings {
        directory: directory?.path(base)?,
        interpreters,
        cache,
        rollback,
        until_compiled: until_compiled.unwrap_or_default(),
    })
}

fn rollback_settings(table: &Table) -> Option<RollbackSettings> {
    let faults_max = table.require("faults-max", "100");
    let window = table.require("window", "\"60s\"");
    let faults_max = faults_max.and_then(|value| value.number(0, ROLLBACK_FAULTS_MAX));
    let window = window.and_then(|value| match value.duration_secs()? {
        secs if secs <= ROLLBACK_WINDOW_SECS_MAX => Some(Duration::from_secs(secs.into())),
        _ => {
            value.refuse("a duration of at most an hour");
            None
        }
    });
    Some(RollbackSettings { faults_max: faults_max?, window: window? })
}

/// Reads `[control]`.
pub(crate) fn control(
    table: Option<&Table>,
    base: &Path,
    state: &StateFolder,
    collector: &Collector,
) -> ControlSettings {
    let get = |key| table.and_then(|table| table.get(key));
    let is_enabled = get("enabled").and_then(|value| value.flag()).unwrap_or(true);
    let named = get("socket");
    let socket = match &named {
        Some(value) => value.path(base).map(|path| value.place(path)),
        None => state.as_ref().map(|folder| Placed {
            value: folder.value.join("control.sock"),
            span: folder.span.clone(),
        }),
    };
    if let Some(socket) = socket.as_ref().filter(|_| is_enabled) {
        let octets = socket.value.as_os_str().as_encoded_bytes().len();
        if octets > SOCKET_PATH_OCTETS_MAX {
            let path = socket.value.display();
            let found = format!("the path of the control socket has {octets} octets: {path}");
            let draft = Draft::found(found)
                .wanted(format!("wanted at most {SOCKET_PATH_OCTETS_MAX} octets"))
                .help("for example, write socket = \"/run/lessor/control.sock\" below [control]");
            collector.report(&socket.span, draft);
        }
    }
    ControlSettings { socket: socket.map(|placed| placed.value).filter(|_| is_enabled) }
}

/// Reads `[journal]`.
pub(crate) fn journal(table: &Table, base: &Path) -> Option<JournalSettings> {
    let path = table.require("path", "\"/var/log/lessor/journal.jsonl\"");
    let number = |key, min, max, default| {
        table.get(key).and_then(|value| value.number(min, max)).unwrap_or(default)
    };
    let octets = |mib: u64| mib << 20;
    let (file_min, file_max) = JOURNAL_FILE_MIB_RANGE;
    let (files_min, files_max) = JOURNAL_FILES_RANGE;
    let file_mib = number("file-mib-max", file_min, file_max, JOURNAL_FILE_MIB_DEFAULT);
    let files = table.get("files-max").and_then(|value| value.number(files_min, files_max));
    let free_mib = number("free-mib-min", 0, JOURNAL_FREE_MIB_MAX, JOURNAL_FREE_MIB_DEFAULT);
    Some(JournalSettings {
        path: path?.path(base)?,
        file_octets_max: octets(file_mib),
        files_max: files.unwrap_or(JOURNAL_FILES_DEFAULT),
        free_octets_min: octets(free_mib),
    })
}

/// The minimum and maximum size of one journal file, in MiB.
pub const JOURNAL_FILE_MIB_RANGE: (u64, u64) = (1, 1 << 20);
/// The minimum and maximum number of journal files that are kept.
pub const JOURNAL_FILES_RANGE: (usize, usize) = (2, 1_000);
/// The maximum free space that the journal can be configured to leave, in MiB.
pub const JOURNAL_FREE_MIB_MAX: u64 = 1 << 20;
/// Room for some five million lines.
const JOURNAL_FILE_MIB_DEFAULT: u64 = 1_024;
const JOURNAL_FILES_DEFAULT: usize = 4;
/// Room to write a million leases once more.
const JOURNAL_FREE_MIB_DEFAULT: u64 = 256;

/// Reads `[metrics]`.
pub(crate) fn metrics(table: &Table) -> Option<MetricsSettings> {
    const WANTED: &str = "an address of this host and a port, such as \"127.0.0.1:9467\"";
    let value = table.require("listen", "\"127.0.0.1:9467\"")?;
    let text = value.text(WANTED)?;
    match (text.parse::<SocketAddr>(), text.parse::<IpAddr>()) {
        (Ok(listen), _) if listen.port() != 0 => return Some(MetricsSettings { listen }),
        (Ok(_), _) => value.refuse_with_help(WANTED, "the port must be from 1 to 65535"),
        (_, Ok(IpAddr::V4(_))) => {
            value.refuse_with_help(WANTED, format!("did you mean \"{text}:{METRICS_PORT}\"?"));
        }
        (_, Ok(IpAddr::V6(_))) => {
            value.refuse_with_help(WANTED, format!("did you mean \"[{text}]:{METRICS_PORT}\"?"));
        }
        (Err(_), Err(_)) => value.refuse(WANTED),
    }
    None
}

/// Reads `[log]`.
pub(crate) fn log(table: Option<&Table>) -> LogSettings {
    let get = |key| table.and_then(|table| table.get(key));
    let formats = [("text", LogFormat::Text), ("json", LogFormat::Json)];
    let levels = [
        ("off", LogLevel::Off),
        ("error", LogLevel::Error),
        ("warn", LogLevel::Warn),
        ("info", LogLevel::Info),
        ("debug", LogLevel::Debug),
        ("trace", LogLevel::Trace),
    ];
    LogSettings {
        format: get("format").and_then(|value| value.choice(&formats)).unwrap_or_default(),
        level: get("level").and_then(|value| value.choice(&levels)).unwrap_or_default(),
    }
}
