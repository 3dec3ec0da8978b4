//! A separate PostgreSQL cluster in a temporary folder.

use std::{
    fs,
    net::Ipv4Addr,
    os::unix::{fs::chown, process::CommandExt},
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use nix::unistd::User;
use tempfile::TempDir;

use super::free_port;
use crate::{Process, wait};

/// The timeout of the server's start on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running server, which ends when it is dropped.
pub struct PostgreSql {
    folder: TempDir,
    port: u16,
    owner: Option<User>,
    process: Option<Process>,
}

impl PostgreSql {
    /// The password of the user `lessor`.
    pub const PASSWORD: &'static str = "to let";

    /// Creates a cluster and starts its server; with a certificate and its key, the server uses
    /// TLS.
    pub fn start(tls: Option<(&str, &str)>) -> Self {
        let folder = TempDir::new().unwrap();
        // The server refuses to run as root.
        let is_root = nix::unistd::geteuid().is_root();
        let owner = is_root.then(|| User::from_name("postgres").unwrap().expect("a user postgres"));
        let mut server = Self { folder, port: free_port(), owner, process: None };
        server.own(server.folder.path());
        let password = server.write("password", &format!("{}\n", Self::PASSWORD));
        let cluster = server.cluster();
        let mut initdb = server.command("initdb");
        initdb.args(["--username=lessor", "--auth=scram-sha-256", "--no-sync", "-D"]);
        let made = initdb.arg(&cluster).arg("--pwfile").arg(&password).output().unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        if let Some((certificate, key)) = tls {
            server.write("cluster/server.crt", certificate);
            server.write("cluster/server.key", key);
            server.write("cluster/postgresql.auto.conf", "ssl = on\n");
        }
        server.resume();
        server
    }

    /// Returns host and port, to be used in a URL after `user@`.
    pub fn address(&self) -> String {
        format!("{}:{}", Ipv4Addr::LOCALHOST, self.port)
    }

    /// Runs statements with `psql`.
    pub fn run(&self, statements: &str) {
        let output = self.psql(statements);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    /// Stops the server.
    pub fn pause(&mut self) {
        self.process = None;
    }

    /// Starts the server again.
    pub fn resume(&mut self) {
        let log = self.folder.path().join("log");
        let mut command = self.command("postgres");
        command.arg("-D").arg(self.cluster()).arg("-p").arg(self.port.to_string());
        command.arg("-k").arg(self.folder.path()).args(["-c", "fsync=off"]);
        self.process = Some(Process::start("postgres", &mut command, &log));
        wait::within(PATIENCE, "PostgreSQL to answer", || {
            self.psql("SELECT 1").status.success().then_some(())
        });
    }

    fn psql(&self, statements: &str) -> std::process::Output {
        let mut command = self.command("psql");
        command.args(["-X", "-q", "-U", "lessor", "-d", "postgres", "-v", "ON_ERROR_STOP=1", "-c"]);
        command.arg(statements).env("PGPASSWORD", Self::PASSWORD);
        command.arg("-h").arg(self.folder.path()).arg("-p").arg(self.port.to_string());
        command.output().unwrap()
    }

    fn cluster(&self) -> PathBuf {
        self.folder.path().join("cluster")
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        use std::os::unix::fs::PermissionsExt;
        let path = self.folder.path().join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        self.own(&path);
        path
    }

    fn own(&self, path: &Path) {
        if let Some(owner) = &self.owner {
            chown(path, Some(owner.uid.as_raw()), Some(owner.gid.as_raw())).unwrap();
        }
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(find(program));
        command.current_dir(self.folder.path());
        if let Some(owner) = &self.owner {
            command.uid(owner.uid.as_raw()).gid(owner.gid.as_raw());
        }
        command
    }
}

/// Returns the path of a program; Debian has a separate folder for each version.
fn find(program: &str) -> PathBuf {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut found: Vec<PathBuf> = versions
        .map(|version| version.path().join("bin").join(program))
        .filter(|path| path.is_file())
        .collect();
    found.sort();
    found.pop().unwrap_or_else(|| program.into())
}
