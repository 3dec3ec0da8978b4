//! A third-party relay agent: dhcrelay of the Internet Systems Consortium.

use std::net::Ipv4Addr;

use tempfile::TempDir;

use crate::{Host, Process, wait};

/// A running dhcrelay that adds option 82. The circuit id is the name of its downstream interface.
#[derive(Debug)]
pub struct RelayAgent {
    _process: Process,
    _folder: TempDir,
}

impl RelayAgent {
    /// Starts dhcrelay on `host` between the links of two interfaces.
    pub fn start(host: &Host, downstream: &str, upstream: &str, server: Ipv4Addr) -> Self {
        let folder = tempfile::tempdir().expect("there is room for an output file");
        let mut command = host.command("dhcrelay");
        command.args(["-4", "-d", "-a", "-m", "replace", "--no-pid"]);
        command.args(["-id", downstream, "-iu", upstream]).arg(server.to_string());
        let output = folder.path().join("dhcrelay.log");
        let mut process = Process::start("dhcrelay", &mut command, &output);
        process.says("Sending on   Socket", wait::SOON);
        Self { _process: process, _folder: folder }
    }
}
