//! Reads `[[lookup]]`: the sources that policies may query. Checks which keys each type of source
//! has. Whether the sources exist is checked when they are opened.

use std::{collections::HashMap, path::Path, time::Duration};

use lessor_settings::{
    CsvSettings, HttpSettings, JsonSettings, OnSourceFailure, PostgresqlSettings, RadiusSettings,
    RemoteLimits, SourceKind, SourceSettings, SqliteSettings,
};

use crate::{
    mistake::Draft,
    reader::{Table, Value},
    shapes::{LOOKUP, REMOTE},
    suggest::joined,
};

/// Shorter deadlines would cut off answers of a healthy source.
pub const LOOKUP_DEADLINE_MS_MIN: u32 = 5;
/// A client that waits longer sends again.
pub const LOOKUP_DEADLINE_MS_MAX: u32 = 10_000;
/// The maximum number of concurrent queries; no source needs more.
pub const LOOKUP_CONCURRENCY_MAX: usize = 256;
/// The maximum number of waiting queries; more would only make clients wait for longer than they
/// do.
pub const LOOKUP_QUEUE_MAX: usize = 65_536;
/// The maximum number of cached answers, each of about a kilobyte at most.
pub const LOOKUP_CACHE_ENTRIES_MAX: usize = 10_000_000;

/// More rows than a file that can be read has.
pub const LOOKUP_ROWS_MIN_MAX: u64 = 1_000_000_000;

/// The types of sources, and the keys of each besides `name` and `type`.
static TYPES: [(&str, &[&str]); 6] = [
    ("csv", &["path", "key", "delimiter", "rows-min"]),
    ("json", &["path", "key", "rows-min"]),
    ("sqlite", &["path", "query"]),
    ("postgresql", &["url", "query", "password-file", "ca-file"]),
    ("http", &["url", "headers", "bearer-token-file", "ca-file"]),
    (
        "radius",
        &[
            "server",
            "secret-file",
            "password-file",
            "nas-identifier",
            "require-message-authenticator",
        ],
    ),
];

/// Reads every valid `[[lookup]]`.
pub(crate) fn read(value: Option<&Value>, base: &Path) -> Vec<SourceSettings> {
    let mut names: HashMap<&str, Value> = HashMap::new();
    let mut lookups = Vec::new();
    for table in value.map(|value| value.tables(&LOOKUP)).unwrap_or_default() {
        let name = table.require("name", "\"subscribers\"");
        let named = name.as_ref().and_then(|value| Some((value.name()?, value.clone())));
        if let Some((name, value)) = &named
            && let Some(first) = names.insert(name, value.clone())
        {
            value.report(
                Draft::found(format!("two sources have the name {name:?}"))
                    .wanted("the second")
                    .related(first.span(), "the first")
                    .help("policies refer to sources by name: give each source a different name"),
            );
        }
        let kind = kind(&table, base);
        let failures = [("proceed", OnSourceFailure::Proceed), ("drop", OnSourceFailure::Drop)];
        let on_failure = table.get("on-failure").and_then(|value| value.choice(&failures));
        if let (Some((name, _)), Some(kind)) = (named, kind) {
            let on_failure = on_failure.unwrap_or_default();
            lookups.push(SourceSettings { name: name.to_owned(), kind, on_failure });
        }
    }
    lookups
}

fn kind(table: &Table, base: &Path) -> Option<SourceKind> {
    let types = TYPES.map(|(name, keys)| (name, (name, keys)));
    let (kind, keys) = table.require("type", "\"csv\"")?.choice(&types)?;
    let is_file = matches!(kind, "csv" | "json");
    refuse_others(table, kind, keys, is_file);
    // All keys are read before missing ones are reported, so that every mistake is found.
    let get_path = |key| table.get(key).and_then(|value| value.path(base));
    let require_path =
        |key, example| table.require(key, example).and_then(|value| value.path(base));
    let limits = if is_file { RemoteLimits::default() } else { limits(table) };
    match kind {
        "csv" => {
            let delimiter = table.get("delimiter").map(|value| delimiter(&value));
            let path = require_path("path", "\"/etc/lessor/subscribers.csv\"");
            let key = table.require("key", "\"circuit-id\"").and_then(|value| text(&value));
            let delimiter = delimiter.unwrap_or(Some(','));
            let rows_min = rows_min(table);
            let (path, key, delimiter) = (path?, key?, delimiter?);
            Some(SourceKind::Csv(CsvSettings { path, key, delimiter, rows_min }))
        }
        "json" => {
            let path = require_path("path", "\"/etc/lessor/subscribers.json\"");
            let key = table.get("key").and_then(|value| text(&value));
            let rows_min = rows_min(table);
            Some(SourceKind::Json(JsonSettings { path: path?, key, rows_min }))
        }
        "sqlite" => {
            let path = require_path("path", "\"/var/lib/billing/ports.db\"");
            let query = query(table);
            Some(SourceKind::Sqlite(SqliteSettings { path: path?, query: query? }, limits))
        }
        "postgresql" => {
            let url = table.require("url", "\"postgresql://lessor@db.example.net/billing\"");
            let url = url.and_then(|value| database_url(&value));
            let query = query(table);
            let (password_file, ca_file) = (get_path("password-file"), get_path("ca-file"));
            let (url, query) = (url?, query?);
            let settings = PostgresqlSettings { url, password_file, ca_file, query };
            Some(SourceKind::Postgresql(settings, limits))
        }
        "http" => {
            let url = table.require("url", "\"https://crm.example.net/ports/{key}\"");
            let url = url.and_then(|value| web_url(&value));
            let headers = table.get("headers").map(|value| headers(&value)).unwrap_or_default();
            let (bearer_token_file, ca_file) = (get_path("bearer-token-file"), get_path("ca-file"));
            let settings = HttpSettings { url: url?, headers, bearer_token_file, ca_file };
            Some(SourceKind::Http(settings, limits))
        }
        _ => {
            let server = table.require("server", "\"radius.example.net:1812\"");
            let server = server.and_then(|value| host_and_port(&value));
            let secret_file = require_path("secret-file", "\"/etc/lessor/radius.secret\"");
            let nas_identifier = table.get("nas-identifier").and_then(|value| text(&value));
            let must_be_signed = table.get("require-message-authenticator");
            let must_be_signed = must_be_signed.and_then(|value| value.flag());
            let settings = RadiusSettings {
                password_file: get_path("password-file"),
                nas_identifier: nas_identifier.unwrap_or_else(|| "lessor".to_owned()),
                require_message_authenticator: must_be_signed.unwrap_or(true),
                server: server?,
                secret_file: secret_file?,
            };
            Some(SourceKind::Radius(settings, limits))
        }
    }
}

/// Reports the keys that belong to other types only.
fn refuse_others(table: &Table, kind: &str, keys: &[&'static str], is_file: bool) {
    let own = || keys.iter().chain(REMOTE.keys.iter().filter(|_| !is_file)).copied();
    for key in LOOKUP.keys().filter(|key| !["name", "type"].contains(key)) {
        if let Some(value) = table.get(key).filter(|_| !own().any(|own| own == key)) {
            let draft = Draft::found(format!("unknown key `{key}` in a source of type {kind:?}"))
                .wanted("not allowed here");
            let keys =
                format!("its keys are {}", joined(["name", "type"].into_iter().chain(own())));
            let why = "; a file is held in memory and needs no limits";
            value.report(draft.help(if REMOTE.keys.contains(&key) { keys + why } else { keys }));
        }
    }
}

fn limits(table: &Table) -> RemoteLimits {
    let default = RemoteLimits::default();
    let number = |key, min, max, default: usize| {
        table.get(key).and_then(|value| value.number(min, max)).unwrap_or(default)
    };
    let time = |key, default| {
        let secs = table.get(key).and_then(|value| secs_or_none(&value));
        secs.map_or(default, |secs| Duration::from_secs(secs.into()))
    };
    let deadline_ms: Option<u32> = table
        .get("deadline-ms")
        .and_then(|value| value.number(LOOKUP_DEADLINE_MS_MIN, LOOKUP_DEADLINE_MS_MAX));
    let deadline = deadline_ms.map(|ms| Duration::from_millis(ms.into()));
    RemoteLimits {
        deadline: deadline.unwrap_or(default.deadline),
        concurrency_max: number(
            "concurrency-max",
            1,
            LOOKUP_CONCURRENCY_MAX,
            default.concurrency_max,
        ),
        queue_max: number("queue-max", 0, LOOKUP_QUEUE_MAX, default.queue_max),
        cache_ttl: time("cache-ttl", default.cache_ttl),
        negative_ttl: time("negative-ttl", default.negative_ttl),
        stale_for: time("stale-for", default.stale_for),
        cache_entries_max: number(
            "cache-entries-max",
            0,
            LOOKUP_CACHE_ENTRIES_MAX,
            default.cache_entries_max,
        ),
    }
}

fn rows_min(table: &Table) -> Option<u64> {
    table.get("rows-min").and_then(|value| value.number(0, LOOKUP_ROWS_MIN_MAX))
}

/// A duration, or 0 to disable.
fn secs_or_none(value: &Value) -> Option<u32> {
    match value.integer() {
        Some(0) => Some(0),
        _ => value.duration_secs(),
    }
}

fn text(value: &Value) -> Option<String> {
    const WANTED: &str = "a text that is not empty";
    let text = value.text(WANTED)?;
    if text.is_empty() {
        value.refuse(WANTED);
        return None;
    }
    Some(text.to_owned())
}

fn delimiter(value: &Value) -> Option<char> {
    const WANTED: &str = "one character, such as \";\" or \"\\t\"";
    let mut characters = value.text(WANTED)?.chars();
    match (characters.next(), characters.next()) {
        (Some(found), None) if found.is_ascii() && !"\"\r\n".contains(found) => Some(found),
        _ => {
            value.refuse(WANTED);
            None
        }
    }
}

fn query(table: &Table) -> Option<String> {
    const EXAMPLE: &str = "\"SELECT plan, pool FROM ports WHERE circuit_id = $1\"";
    const WANTED: &str = "a query with $1 in place of the key";
    let value = table.require("query", EXAMPLE)?;
    let text = value.text(WANTED)?;
    if text.contains("$1") {
        return Some(text.to_owned());
    }
    let help = "the key is passed as a parameter, outside of the query text: WHERE circuit_id = $1";
    value.refuse_with_help(WANTED, help);
    None
}

fn database_url(value: &Value) -> Option<String> {
    const WANTED: &str = "a URL such as \"postgresql://lessor@db.example.net/billing\"";
    let text = value.text(WANTED)?;
    let Some((_, rest)) =
        text.split_once("://").filter(|(scheme, _)| matches!(*scheme, "postgresql" | "postgres"))
    else {
        value.refuse(WANTED);
        return None;
    };
    let authority = rest.split(['/', '?']).next().unwrap_or_default();
    let has_password = authority.rsplit_once('@').is_some_and(|(user, _)| user.contains(':'));
    if has_password || text.contains("password=") {
        refuse_secret(value, "password-file");
        return None;
    }
    Some(text.to_owned())
}

fn web_url(value: &Value) -> Option<String> {
    const WANTED: &str = "a URL with {key} in it, such as \"https://crm.example.net/ports/{key}\"";
    let text = value.text(WANTED)?;
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let Some(rest) = rest else {
        value.refuse(WANTED);
        return None;
    };
    let (authority, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    if authority.contains('@') {
        refuse_secret(value, "bearer-token-file");
        return None;
    }
    if authority.is_empty() || !path.contains("{key}") {
        let help = "write {key} in the path or in the query; the key is percent-encoded there";
        value.refuse_with_help(WANTED, help);
        return None;
    }
    Some(text.to_owned())
}

fn refuse_secret(value: &Value, key: &str) {
    let draft = Draft::found("`url` contains credentials").wanted("wanted a URL without a secret");
    let draft =
        draft.help(format!("write the secret to a file that only lessor may read, and set {key}"));
    value.report(draft.secret(value.span()));
}

fn headers(value: &Value) -> Vec<(String, String)> {
    const WANTED: &str = "names and values, as in { X-Site = \"north\" }";
    let mut headers = Vec::new();
    for entry in value.entries(WANTED) {
        let name = entry.key.value;
        if name.eq_ignore_ascii_case("authorization") {
            let draft = Draft::found(format!("`{name}` is a secret")).wanted("not allowed here");
            let help = "write the token to a file and set bearer-token-file";
            value.collector().report(&entry.key.span, draft.help(help));
        } else if let Some(text) = entry.value.text("a text") {
            headers.push((name.to_owned(), text.to_owned()));
        }
    }
    headers
}

fn host_and_port(value: &Value) -> Option<String> {
    const WANTED: &str = "host and port, such as \"radius.example.net:1812\"";
    let text = value.text(WANTED)?;
    let parts = text.rsplit_once(':').filter(|(host, _)| !host.is_empty());
    match parts.map(|(_, port)| port.parse::<u16>()) {
        Some(Ok(port)) if port > 0 => Some(text.to_owned()),
        _ => {
            value.refuse(WANTED);
            None
        }
    }
}
