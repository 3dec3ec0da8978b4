//! Networks and reservations: measures the time to check a configuration and to start with it, and
//! the memory of each network and each reservation in a server that has received no message.

use std::{path::Path, time::Instant};

use crate::server::Server;

use super::{
    GrowthArguments,
    configuration::{has_room, write},
    document::Section,
    fresh,
    measured::{check, each, grouped, mib, resident_octets, secs},
};

/// Checks and starts each configuration.
///
/// # Errors
/// Returns an error if a configuration is refused.
pub(super) fn measure(
    lessor: &Path,
    folder: &Path,
    arguments: &GrowthArguments,
) -> anyhow::Result<Section> {
    let smallest = resident(lessor, folder, 1, 0)?.0;
    let mut rows = Vec::new();
    for subnets in &arguments.subnets {
        let mut without = smallest;
        for reservations in &arguments.reservations {
            if !has_room(*subnets, *reservations) {
                continue;
            }
            eprintln!("{} subnets, {} reservations …", grouped(*subnets), grouped(*reservations));
            let (octets, checked, start) = resident(lessor, folder, *subnets, *reservations)?;
            if *reservations == 0 {
                without = octets;
            }
            rows.push(vec![
                grouped(*subnets),
                grouped(*reservations),
                secs(checked.took),
                mib(checked.peak_octets),
                secs(start),
                mib(octets.saturating_sub(smallest)),
                each(without.saturating_sub(smallest), *subnets),
                each(octets.saturating_sub(without), *reservations),
            ]);
        }
    }
    let header = vec![
        "subnets",
        "reservations",
        "check s",
        "check peak MiB",
        "start s",
        "MiB",
        "octets a subnet",
        "octets a reservation",
    ];
    let title = "Subnets, each a separate network with a pool, and reservations by circuit id";
    Ok(Section { name: "networks", title, header, rows })
}

fn resident(
    lessor: &Path,
    folder: &Path,
    subnets: u32,
    reservations: u32,
) -> anyhow::Result<(u64, super::measured::Checked, std::time::Duration)> {
    let folder = fresh(folder, &format!("networks-{subnets}-{reservations}"))?;
    let config = write(&folder, subnets, reservations)?;
    let checked = check(lessor, &config)?;
    let began = Instant::now();
    let server = Server::start(lessor, &config)?;
    let start = began.elapsed();
    let octets = resident_octets(server.process())?;
    server.stop()?;
    std::fs::remove_dir_all(folder)?;
    Ok((octets, checked, start))
}
