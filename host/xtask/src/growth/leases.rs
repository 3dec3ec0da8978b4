//! Leases: measures the memory and disk space of each, and the time that a server takes to start
//! with them.

use std::{
    net::{Ipv4Addr, SocketAddrV4},
    path::Path,
    time::Instant,
};

use anyhow::ensure;
use lessor_load::{LoadArgs, Template};

use crate::server::Server;

use super::{
    configuration::LISTEN,
    document::Section,
    fresh,
    measured::{each, folder_octets, grouped, mib, resident_octets, secs},
};

const WINDOW: u32 = 1024;
/// All leases are in 10.0.0.0/8.
const LINK: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);

/// Grows a server to each number of leases and restarts it.
///
/// # Errors
/// Returns an error if a client gets no address.
pub(super) fn measure(lessor: &Path, folder: &Path, counts: &[u32]) -> anyhow::Result<Section> {
    let mut rows = Vec::new();
    for count in counts {
        eprintln!("{} leases …", grouped(*count));
        rows.push(row(lessor, &fresh(folder, &format!("leases-{count}"))?, *count)?);
    }
    let header = vec![
        "leases",
        "MiB grown",
        "octets each",
        "MiB started again",
        "octets each",
        "disk MiB",
        "start s",
        "leases/s",
    ];
    Ok(Section {
        name: "leases",
        title: "Leases of one subnet with a pool of 16 million addresses; option 82 has 30 octets",
        header,
        rows,
    })
}

fn row(lessor: &Path, folder: &Path, count: u32) -> anyhow::Result<Vec<String>> {
    let config = folder.join("lessor.toml");
    std::fs::write(&config, configuration("10.0.0.0/8", "10.0.0.2-10.255.255.254"))?;
    let server = Server::start(lessor, &config)?;
    let empty = resident_octets(server.process())?;
    let report = lessor_load::run(&load(count, 0, WINDOW)?)?;
    ensure!(
        report.ok() && report.acquired == u64::from(count),
        "not all clients were served: {report}"
    );
    let grown = resident_octets(server.process())?.saturating_sub(empty);
    server.stop()?;
    let disk = folder_octets(&folder.join("store"))?;
    let began = Instant::now();
    let server = Server::start(lessor, &config)?;
    let start = began.elapsed();
    let again = resident_octets(server.process())?.saturating_sub(empty);
    server.stop()?;
    std::fs::remove_dir_all(folder)?;
    Ok(vec![
        grouped(count),
        mib(grown),
        each(grown, count),
        mib(again),
        each(again, count),
        mib(disk),
        secs(start),
        grouped(report.exchanges_per_sec as u32),
    ])
}

/// Returns a configuration with one subnet that has one pool.
pub(super) fn configuration(prefix: &str, range: &str) -> String {
    format!(
        "[server]\nlisten = [\"{LISTEN}\"]\n[store]\npath = \"store\"\n\
         [[subnet]]\nprefix = \"{prefix}\"\nlease-time = \"1d\"\nmax-lease-time = \"1d\"\n\
         [[subnet.pool]]\nrange = \"{range}\"\n"
    )
}

/// Returns a load of clients, beginning with number `first`, each with 30 octets of option 82:
/// circuit id, remote id, link selection and relay source port.
pub(super) fn load(clients: u32, first: u32, window: u32) -> anyhow::Result<LoadArgs> {
    let template = |text: &str| text.parse::<Template>().map_err(anyhow::Error::from);
    Ok(LoadArgs {
        server: LISTEN.parse()?,
        relay: vec![SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0)],
        link_selection: Some(LINK),
        circuit_id: template("{mac}")?,
        remote_id: Some(template("r")?),
        clients,
        first_client: first,
        window,
        ..LoadArgs::default()
    })
}
