//! Boot fields: `next-server`, `server-name`, `boot-file` and `boot-final-zero`.

use std::{net::Ipv4Addr, ops::Range};

use lessor_core::{
    Boot, BootClient, BootFiles, ClientArchitecture, HeaderText, HeaderTextError, is_host_address,
};
use toml::de::DeValue;

use crate::{
    mistake::Draft,
    reader::{KeyValue, Table, Value},
    suggest::{closest, joined},
};

/// The keys of a table of boot files that are not architectures, with what they mean.
const CLIENTS: [(&str, BootClient); 2] = [("ipxe", BootClient::Ipxe), ("other", BootClient::Other)];

pub(super) fn read(table: &Table) -> Boot {
    Boot {
        next_server: table.get("next-server").and_then(|value| next_server(&value)),
        server_name: table.get("server-name").and_then(|value| {
            header_text(&value, "the name of a server, such as \"boot.example.net\"")
        }),
        files: table.get("boot-file").map(|value| files(&value)).unwrap_or_default(),
        final_zero: table.get("boot-final-zero").and_then(|value| value.flag()),
    }
}

/// Reads the address of a server; 0.0.0.0 stands for none.
fn next_server(value: &Value) -> Option<Ipv4Addr> {
    let address = value.address()?;
    if !address.is_unspecified() && !is_host_address(address) {
        value.refuse("an address that clients can send to, or \"0.0.0.0\" for none");
        return None;
    }
    Some(address)
}

/// Reads a text that the header has room for.
pub(crate) fn header_text<const OCTETS_MAX: usize>(
    value: &Value,
    wanted: &str,
) -> Option<HeaderText<OCTETS_MAX>> {
    match HeaderText::new(value.text(wanted)?) {
        Ok(text) => Some(text),
        Err(error @ HeaderTextError::TooLong { .. }) => {
            let help = format!(
                "{error}; a longer text can be sent as an option only, to clients that ask for it"
            );
            value.refuse_with_help(wanted, help);
            None
        }
        Err(error @ HeaderTextError::Zero) => {
            value.refuse_with_help(wanted, error.to_string());
            None
        }
    }
}

/// Reads one file for all clients, or a table of files by the kind of client.
fn files(value: &Value) -> BootFiles {
    const WANTED: &str = "the name of a file, or a table such as \
                          { x64-uefi = \"ipxe.efi\", other = \"undionly.kpxe\" }";
    const FILE: &str = "the name of a file, such as \"pxelinux.0\"";
    if !matches!(value.raw(), DeValue::Table(_)) {
        return header_text(value, WANTED).map(BootFiles::for_all).unwrap_or_default();
    }
    let entries = value.entries(WANTED);
    if entries.is_empty() {
        let draft = Draft::found("the table names no file")
            .wanted("wanted a file for at least one kind of client")
            .help("remove the key; boot-file = \"\" sends none, even if a wider level sets one");
        value.report(draft);
    }
    let mut files = Vec::new();
    let mut places: Vec<(BootClient, Range<usize>)> = Vec::new();
    for entry in entries {
        let Some(client) = client(&entry, value) else { continue };
        if let Some((_, first)) = places.iter().find(|(found, _)| *found == client) {
            let draft = Draft::found(format!("`{}` names a client twice", entry.key.value))
                .wanted("the second time")
                .related(first, "the first time")
                .help("name each architecture once, by its name or by its number");
            value.collector().report(&entry.key.span, draft);
            continue;
        }
        places.push((client, entry.key.span.clone()));
        files.extend(header_text(&entry.value, FILE).map(|name| (client, name)));
    }
    files.into()
}

/// The kind of client that a key stands for.
fn client(entry: &KeyValue, table: &Value) -> Option<BootClient> {
    let key = entry.key.value;
    if let Some((_, client)) = CLIENTS.iter().find(|(name, _)| *name == key) {
        return Some(*client);
    }
    let number = key.parse::<u16>().ok().map(ClientArchitecture);
    if let Some(architecture) = number.or_else(|| ClientArchitecture::by_name(key)) {
        return Some(BootClient::Architecture(architecture));
    }
    let names = || CLIENTS.iter().map(|(name, _)| *name).chain(ClientArchitecture::names());
    let draft = Draft::found(format!("no kind of client is named `{key}`"));
    let draft = match synonym(key).or_else(|| closest(key, names())) {
        Some(name) => draft.wanted(format!("did you mean `{name}`?")),
        None => draft.wanted("unknown").help(format!(
            "the kinds are {}; write another architecture by its number in option 93",
            joined(names())
        )),
    };
    table.collector().report(&entry.key.span, draft);
    None
}

/// The name of what other software and people call it.
fn synonym(key: &str) -> Option<&'static str> {
    Some(match key {
        "bios" | "x86" | "legacy" | "pcbios" => "x86-bios",
        "uefi" | "efi" | "x64" | "x86-64" | "efi-x64" | "x86_64" | "amd64" | "x64-efi" => {
            "x64-uefi"
        }
        "efi-ia32" | "ia32" | "x86-efi" => "x86-uefi",
        "arm64" | "aarch64" | "arm64-efi" | "efi-arm64" => "arm64-uefi",
        "arm" | "arm32" | "efi-arm32" => "arm32-uefi",
        "http" | "uefi-http" => "x64-uefi-http",
        "iPXE" | "gpxe" => "ipxe",
        "default" | "any" | "*" | "else" => "other",
        _ => return None,
    })
}
