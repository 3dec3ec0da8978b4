//! Pools that are nearly full: measures the time of an offer to a client without a lease, one
//! client at a time.

use std::path::Path;

use anyhow::ensure;
use lessor_load::LoadArgs;

use crate::server::Server;

use super::{
    document::Section,
    fresh,
    leases::{configuration, load},
    measured::grouped,
};

/// The number of addresses in the pool of 10.0.0.0/16.
const POOL: u32 = 65_533;
/// The shares of leased addresses, in ten-thousandths.
const FULL: [u32; 4] = [0, 5_000, 9_900, 9_999];
/// The number of clients that repeatedly get an address and release it.
const CLIENTS: u32 = 4;
const SECS: u64 = 5;

/// Fills a pool and measures offers.
///
/// # Errors
/// Returns an error if a client gets no address.
pub(super) fn measure(lessor: &Path, folder: &Path) -> anyhow::Result<Section> {
    let mut rows = Vec::new();
    for full in FULL {
        let leases = (u64::from(POOL) * u64::from(full) / 10_000) as u32;
        eprintln!("a pool with {} of {} addresses leased …", grouped(leases), grouped(POOL));
        rows.push(row(lessor, &fresh(folder, &format!("full-{full}"))?, full, leases)?);
    }
    let header = vec!["full", "exchanges", "offer p50 ms", "p99 ms", "p99.9 ms"];
    let title = "DISCOVER to OFFER, one at a time, in a pool of 65,533 addresses";
    Ok(Section { name: "fullness", title, header, rows })
}

fn row(lessor: &Path, folder: &Path, full: u32, leases: u32) -> anyhow::Result<Vec<String>> {
    let config = folder.join("lessor.toml");
    std::fs::write(&config, configuration("10.0.0.0/16", "10.0.0.2-10.0.255.254"))?;
    let server = Server::start(lessor, &config)?;
    if leases > 0 {
        let report = lessor_load::run(&load(leases, 0, 256)?)?;
        ensure!(report.ok(), "the pool cannot be filled: {report}");
    }
    let probe = LoadArgs { duration_secs: Some(SECS), release: true, ..load(CLIENTS, leases, 1)? };
    let report = lessor_load::run(&probe)?;
    ensure!(report.failed == 0, "a client got no address: {report}");
    server.stop()?;
    std::fs::remove_dir_all(folder)?;
    let offer = report.latency.discover_to_offer;
    Ok(vec![
        format!("{:.2} %", f64::from(full) / 100.0),
        grouped(report.acquired as u32),
        format!("{:.3}", offer.p50),
        format!("{:.3}", offer.p99),
        format!("{:.3}", offer.p99_9),
    ])
}
