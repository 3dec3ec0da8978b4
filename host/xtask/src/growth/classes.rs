//! Classes: measures what a class with a file of hardware addresses costs: the time to check it and
//! to start with it, its memory, and the time of an offer to clients that are tested for it.

use std::{
    fs::File,
    io::{BufWriter, Write},
    path::Path,
    time::Instant,
};

use anyhow::ensure;
use lessor_load::LoadArgs;

use crate::server::Server;

use super::{
    document::Section,
    fresh,
    leases::{configuration, load},
    measured::{check, each, grouped, mib, resident_octets, secs},
};

/// The numbers of hardware addresses; without any there is no class.
const ADDRESSES: [u32; 3] = [0, 100_000, 1_000_000];
/// The number of clients that repeatedly get an address and release it.
const CLIENTS: u32 = 4;
const SECS: u64 = 5;

/// Measures servers with each number of addresses.
///
/// # Errors
/// Returns an error if a configuration is refused, or if a client gets no address.
pub(super) fn measure(lessor: &Path, folder: &Path) -> anyhow::Result<Section> {
    let mut rows = Vec::new();
    let mut without = 0;
    for addresses in ADDRESSES {
        eprintln!("a class of {} hardware addresses …", grouped(addresses));
        let folder = fresh(folder, &format!("classes-{addresses}"))?;
        let config = folder.join("lessor.toml");
        write(&folder, &config, addresses)?;
        let checked = check(lessor, &config)?;
        let began = Instant::now();
        let server = Server::start(lessor, &config)?;
        let start = began.elapsed();
        let octets = resident_octets(server.process())?;
        if addresses == 0 {
            without = octets;
        }
        let probe = LoadArgs { duration_secs: Some(SECS), release: true, ..load(CLIENTS, 0, 1)? };
        let report = lessor_load::run(&probe)?;
        ensure!(report.failed == 0, "a client got no address: {report}");
        server.stop()?;
        std::fs::remove_dir_all(folder)?;
        let own = octets.saturating_sub(without);
        let offer = report.latency.discover_to_offer;
        rows.push(vec![
            grouped(addresses),
            secs(checked.took),
            mib(checked.peak_octets),
            secs(start),
            mib(own),
            each(own, addresses),
            format!("{:.3}", offer.p50),
            format!("{:.3}", offer.p99),
        ]);
    }
    let header = vec![
        "addresses",
        "check s",
        "check peak MiB",
        "start s",
        "MiB",
        "octets each",
        "offer p50 ms",
        "p99 ms",
    ];
    let title = "A class with a file of hardware addresses";
    Ok(Section { name: "classes", title, header, rows })
}

fn write(folder: &Path, config: &Path, addresses: u32) -> anyhow::Result<()> {
    let mut text = configuration("10.0.0.0/16", "10.0.0.2-10.0.255.254");
    if addresses > 0 {
        text += "\n[[class]]\nname = \"listed\"\nlease-time = \"10m\"\n\
                 match = { hardware-address = { in-file = \"devices.txt\" } }\n";
        let mut file = BufWriter::new(File::create(folder.join("devices.txt"))?);
        for number in 0..addresses {
            // Not in the order in which they are searched.
            let [a, b, c, d] = number.reverse_bits().to_be_bytes();
            writeln!(file, "0a:00:{a:02x}:{b:02x}:{c:02x}:{d:02x}")?;
        }
        file.flush()?;
    }
    std::fs::write(config, text)?;
    Ok(())
}
