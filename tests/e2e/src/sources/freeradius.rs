//! A separate FreeRADIUS server with a file of users.

use std::{fs, net::Ipv4Addr, process::Command, time::Duration};

use tempfile::TempDir;

use super::free_port;
use crate::Process;

/// A running server, which ends when it is dropped.
pub struct FreeRadius {
    _folder: TempDir,
    port: u16,
    process: Process,
}

impl FreeRadius {
    /// The shared secret of clients on loopback.
    pub const SECRET: &'static str = "testing123";

    /// Starts a server with these users, in the format of its file `users`.
    pub fn start(users: &str) -> Self {
        let folder = TempDir::new().unwrap();
        let (port, root) = (free_port(), folder.path().display());
        for (name, text) in [
            ("dictionary", "$INCLUDE /usr/share/freeradius/dictionary\n".to_owned()),
            ("users", users.to_owned()),
            ("radiusd.conf", configuration(&root.to_string(), port)),
        ] {
            fs::write(folder.path().join(name), text).unwrap();
        }
        let mut command = Command::new("freeradius");
        command.args(["-f", "-l", "stdout", "-xx", "-d"]).arg(folder.path());
        let mut process = Process::start("freeradius", &mut command, &folder.path().join("log"));
        process.says("Ready to process requests", Duration::from_secs(60));
        Self { _folder: folder, port, process }
    }

    /// Returns the address on which the server listens.
    pub fn address(&self) -> String {
        format!("{}:{}", Ipv4Addr::LOCALHOST, self.port)
    }

    /// Returns the number of requests that it received.
    pub fn requests(&self) -> usize {
        self.process.times_said("Received Access-Request")
    }
}

fn configuration(root: &str, port: u16) -> String {
    let secret = FreeRadius::SECRET;
    format!(
        "prefix = /usr
         libdir = /usr/lib/freeradius
         db_dir = {root}
         logdir = {root}
         run_dir = {root}
         pidfile = {root}/pid
         max_request_time = 30
         security {{
             allow_core_dumps = no
         }}
         client loopback {{
             ipaddr = 127.0.0.1
             secret = {secret}
             require_message_authenticator = yes
         }}
         modules {{
             pap {{
             }}
             files {{
                 usersfile = {root}/users
             }}
         }}
         server default {{
             listen {{
                 type = auth
                 ipaddr = 127.0.0.1
                 port = {port}
             }}
             authorize {{
                 files
                 pap
             }}
             authenticate {{
                 Auth-Type PAP {{
                     pap
                 }}
             }}
             post-auth {{
                 update reply {{
                     Message-Authenticator := 0x00
                 }}
                 Post-Auth-Type REJECT {{
                     update reply {{
                         Message-Authenticator := 0x00
                     }}
                 }}
             }}
         }}
        "
    )
}
