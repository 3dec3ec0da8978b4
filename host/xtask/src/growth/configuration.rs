//! `cargo xtask configuration`: writes a configuration with any number of subnets, each a separate
//! network, and with reservations in a separate file.
//!
//! It does not run a server with this configuration.

use std::{
    fs::{self, File},
    io::{BufWriter, Write},
    net::Ipv4Addr,
    path::{Path, PathBuf},
};

use anyhow::{Context, ensure};

/// The address on which the server listens.
pub(crate) const LISTEN: &str = "127.0.0.1:16767";

/// All subnets are in 10.0.0.0/8.
const FIRST: u32 = u32::from_be_bytes([10, 0, 0, 0]);
const ADDRESSES: u32 = 1 << 24;
/// The number of addresses in the pool of each subnet.
const POOL: u32 = 20;
/// The number of other addresses: network address, router and broadcast address.
const NOT_FOR_CLIENTS: u32 = 3;

#[derive(Debug, clap::Args)]
pub(crate) struct ConfigurationArguments {
    /// Folder for the files; it is created if it does not exist.
    folder: PathBuf,
    /// Number of subnets; each is a separate network with a pool of 20 addresses.
    #[arg(long, default_value_t = 100_000)]
    subnets: u32,
    /// Number of lines with a reserved address, distributed over the subnets.
    #[arg(long, default_value_t = 1_000_000)]
    reservations: u32,
}

pub(crate) fn run(arguments: &ConfigurationArguments) -> anyhow::Result<()> {
    let path = write(&arguments.folder, arguments.subnets, arguments.reservations)?;
    println!("{}", path.display());
    Ok(())
}

/// Writes `lessor.toml` and, if there are reservations, `reservations.csv`, and returns the path of
/// the former. The store is the folder `store` beside them.
///
/// # Errors
/// Returns an error if the files cannot be written, or if 10.0.0.0/8 has no room for so many
/// subnets.
pub(crate) fn write(folder: &Path, subnets: u32, reservations: u32) -> anyhow::Result<PathBuf> {
    let layout = Layout::new(subnets, reservations)?;
    fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    let path = folder.join("lessor.toml");
    let written = layout.write_configuration(&path).and_then(|()| match reservations {
        0 => Ok(()),
        _ => layout.write_reservations(&folder.join("reservations.csv")),
    });
    written.with_context(|| format!("cannot write into {}", folder.display()))?;
    Ok(path)
}

/// Returns whether there is room for so many subnets and reservations.
pub(crate) fn has_room(subnets: u32, reservations: u32) -> bool {
    Layout::new(subnets, reservations).is_ok()
}

/// The division of the addresses into subnets.
struct Layout {
    subnets: u32,
    reservations: u32,
    /// The number of addresses of a subnet.
    size: u32,
}

impl Layout {
    fn new(subnets: u32, reservations: u32) -> anyhow::Result<Self> {
        ensure!(subnets > 0, "a configuration has at least one subnet");
        let size = (reservations.div_ceil(subnets) + POOL + NOT_FOR_CLIENTS).next_power_of_two();
        ensure!(
            u64::from(size) * u64::from(subnets) <= u64::from(ADDRESSES),
            "10.0.0.0/8 has no room for {subnets} subnets of {size} addresses: use fewer"
        );
        Ok(Self { subnets, reservations, size })
    }

    fn address(&self, subnet: u32, offset: u32) -> Ipv4Addr {
        Ipv4Addr::from(FIRST + subnet * self.size + offset)
    }

    fn write_configuration(&self, path: &Path) -> std::io::Result<()> {
        let mut file = BufWriter::new(File::create(path)?);
        if self.reservations > 0 {
            writeln!(file, "reservations = \"reservations.csv\"")?;
        }
        writeln!(file, "[server]\nlisten = [\"{LISTEN}\"]\n[store]\npath = \"store\"")?;
        writeln!(file, "[options]\ndomain-name-servers = [\"192.0.2.53\"]")?;
        let length = 32 - self.size.ilog2();
        for subnet in 0..self.subnets {
            let address = |offset| self.address(subnet, offset);
            writeln!(
                file,
                "\n[[subnet]]\nprefix = \"{}/{length}\"\noptions = {{ routers = [\"{}\"] }}\n\
                 [[subnet.pool]]\nrange = \"{}-{}\"",
                address(0),
                address(1),
                address(2),
                address(POOL + 1),
            )?;
        }
        file.flush()
    }

    fn write_reservations(&self, path: &Path) -> std::io::Result<()> {
        let mut file = BufWriter::new(File::create(path)?);
        writeln!(file, "circuit-id,address")?;
        for number in 0..self.reservations {
            let (subnet, onu) = (number % self.subnets, number / self.subnets);
            let address = self.address(subnet, POOL + 2 + onu);
            writeln!(file, "olt{subnet:06}/1/3/onu{onu},{address}")?;
        }
        file.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_has_as_many_subnets_and_reservations() {
        let folder = tempfile::tempdir().unwrap();
        for (subnets, reservations) in [(1, 0), (3, 10), (100, 1_000), (7, 3)] {
            let path = write(folder.path(), subnets, reservations).unwrap();
            let text = fs::read_to_string(path).unwrap();
            assert_eq!(text.matches("[[subnet]]").count(), subnets as usize);
            if reservations > 0 {
                let rows = fs::read_to_string(folder.path().join("reservations.csv")).unwrap();
                assert_eq!(rows.lines().count(), reservations as usize + 1);
            }
            let last = Layout::new(subnets, reservations).unwrap();
            let used = POOL + 2 + reservations.div_ceil(subnets);
            assert!(used < last.size, "{subnets} {reservations}");
        }
        assert!(Layout::new(1 << 20, 0).is_err());
    }
}
