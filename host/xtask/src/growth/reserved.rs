//! Reservations of one network: measures their memory by what identifies their owners, the time of
//! an offer to an owner, and how long clients wait while a reload changes one of them.

use std::{
    fs::File,
    io::{BufWriter, Write},
    net::Ipv4Addr,
    path::Path,
    thread::{scope, sleep},
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use lessor_load::{LoadArgs, LoadReport};

use crate::server::Server;

use super::{
    configuration::LISTEN,
    document::Section,
    fresh,
    leases::load,
    measured::{each, grouped, resident_octets, secs},
};

/// The number of clients that repeatedly get an address and release it.
const CLIENTS: u32 = 4;
const SECS: u64 = 5;
/// How long clients are served before and after a reload.
const AROUND: Duration = Duration::from_secs(1);
/// The reserved addresses begin here.
const FIRST: u32 = u32::from_be_bytes([10, 64, 0, 0]);

/// What a row identifies its owner by, and what it reserves.
#[derive(Clone, Copy)]
enum RowKind {
    CircuitId,
    HardwareAddress,
    /// A line or a device.
    Both,
    /// A boot file only, which a thousand owners have in common.
    BootFile,
}

impl RowKind {
    const ALL: [Self; 4] = [Self::CircuitId, Self::HardwareAddress, Self::Both, Self::BootFile];

    const fn title(self) -> &'static str {
        match self {
            Self::CircuitId => "circuit id, address",
            Self::HardwareAddress => "hardware address, address",
            Self::Both => "circuit id or hardware address, address",
            Self::BootFile => "hardware address, boot file",
        }
    }

    const fn columns(self) -> &'static str {
        match self {
            Self::CircuitId => "circuit-id,address",
            Self::HardwareAddress => "hardware-address,address",
            Self::Both => "circuit-id,hardware-address,address",
            Self::BootFile => "hardware-address,boot-file",
        }
    }

    /// The row of the client with this number, whose circuit id is its hardware address.
    fn row(self, number: u32, address: Ipv4Addr) -> String {
        let [a, b, c, d] = number.to_be_bytes();
        let device = format!("02:4c:{a:02x}:{b:02x}:{c:02x}:{d:02x}");
        match self {
            Self::CircuitId | Self::HardwareAddress => format!("{device},{address}"),
            Self::Both => format!("{device},{device},{address}"),
            Self::BootFile => format!("{device},{}.cfg", number / 1_000),
        }
    }
}

/// Measures the largest of these numbers of reservations of each kind, beside none.
///
/// # Errors
/// Returns an error if a client gets no address, or if the server refuses a reload.
pub(super) fn measure(lessor: &Path, folder: &Path, counts: &[u32]) -> anyhow::Result<Section> {
    let count = counts.iter().copied().max().unwrap_or_default();
    let (without, row) = measured(lessor, folder, None, 0)?;
    let mut rows = vec![cells("none", 0, String::new(), row)];
    for kind in RowKind::ALL {
        eprintln!("{} reservations by {} …", grouped(count), kind.title());
        let (octets, row) = measured(lessor, folder, Some(kind), count)?;
        let octets = each(octets.saturating_sub(without), count);
        rows.push(cells(kind.title(), count, octets, row));
    }
    let header = vec![
        "owner, reserved",
        "reservations",
        "octets each",
        "offer p50 ms",
        "p99 ms",
        "reload s",
        "longest offer ms",
        "longest ACK ms",
    ];
    let title = "Reservations of one network: offers to owners, and exchanges during a reload";
    Ok(Section { name: "reservations", title, header, rows })
}

/// What was measured while clients were served.
struct ServedWhile {
    offers: LoadReport,
    reload: Duration,
    meanwhile: LoadReport,
}

fn cells(title: &str, count: u32, octets: String, row: ServedWhile) -> Vec<String> {
    let offer = &row.offers.latency.discover_to_offer;
    let ms = |value: f64| format!("{value:.3}");
    let longest = |of: &lessor_load::Percentiles| ms(of.max);
    let meanwhile = &row.meanwhile.latency;
    vec![
        title.to_owned(),
        grouped(count),
        octets,
        ms(offer.p50),
        ms(offer.p99),
        secs(row.reload),
        longest(&meanwhile.discover_to_offer),
        longest(&meanwhile.request_to_ack),
    ]
}

fn measured(
    lessor: &Path,
    folder: &Path,
    kind: Option<RowKind>,
    count: u32,
) -> anyhow::Result<(u64, ServedWhile)> {
    let folder = fresh(folder, &format!("reserved-{}", kind.map_or("none", RowKind::columns)))?;
    let config = folder.join("lessor.toml");
    std::fs::write(&config, configuration(kind.is_some()))?;
    let file = folder.join("reservations.csv");
    if let Some(kind) = kind {
        write(&file, kind, count, 0)?;
    }
    let server = Server::start(lessor, &config)?;
    let octets = resident_octets(server.process())?;
    let clients = LoadArgs { duration_secs: Some(SECS), release: true, ..load(CLIENTS, 0, 1)? };
    let offers = lessor_load::run(&clients)?;
    ensure!(offers.failed == 0, "a client got no address: {offers}");
    let (reload, meanwhile) = scope(|threads| {
        let serving = threads.spawn(|| lessor_load::run(&clients));
        sleep(AROUND);
        let next = folder.join("next.csv");
        if let Some(kind) = kind {
            write(&next, kind, count, 1)?;
            std::fs::rename(&next, &file)?;
        }
        let began = Instant::now();
        server.hang_up()?;
        ensure!(server.wait_for_reload()?, "the reload was refused:\n{}", server.log());
        let reload = began.elapsed();
        let meanwhile = serving.join().ok().context("the clients failed")??;
        anyhow::Ok((reload, meanwhile))
    })?;
    ensure!(meanwhile.failed == 0, "a client got no address: {meanwhile}");
    server.stop()?;
    std::fs::remove_dir_all(folder)?;
    Ok((octets, ServedWhile { offers, reload, meanwhile }))
}

fn configuration(has_file: bool) -> String {
    let file = if has_file { "reservations = \"reservations.csv\"\n" } else { "" };
    format!(
        "{file}[server]\nlisten = [\"{LISTEN}\"]\n[store]\npath = \"store\"\n\
         [[subnet]]\nprefix = \"10.0.0.0/8\"\nlease-time = \"1d\"\nmax-lease-time = \"1d\"\n\
         [[subnet.pool]]\nrange = \"10.0.0.2-10.0.255.254\"\n"
    )
}

/// Writes the reservations, of which the last one has an address that depends on `version`.
fn write(path: &Path, kind: RowKind, count: u32, version: u32) -> anyhow::Result<()> {
    let mut file = BufWriter::new(File::create(path)?);
    writeln!(file, "{}", kind.columns())?;
    for number in 0..count {
        let shift = if number + 1 == count { version } else { 0 };
        writeln!(file, "{}", kind.row(number, Ipv4Addr::from(FIRST + number + shift)))?;
    }
    file.flush()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_have_a_value_for_each_column() {
        for kind in RowKind::ALL {
            let row = kind.row(70_000, Ipv4Addr::new(10, 64, 0, 1));
            assert_eq!(row.split(',').count(), kind.columns().split(',').count(), "{row}");
            assert!(row.contains("02:4c:00:01:11:70"), "{row}");
        }
    }
}
