//! `cargo xtask load`: measures the server under load, with and without a policy, and Kea for
//! comparison, with the same generator in the same run, in a separate network namespace.
//!
//! Kea writes its lease file without waiting for the disk; Lessor acknowledges only durable leases.
//! The absolute figures depend on the machine and its load; only their ratios are meaningful.

#![allow(
    clippy::indexing_slicing,
    reason = "only JSON is indexed, and that gives null for what is missing"
)]

use std::{
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

use anyhow::{Context, bail, ensure};
use lessor_guests::is_installed;
use lessor_terminal::{right_align, table};
use nix::sched::{CloneFlags, unshare};
use serde_json::{Value, json};

use crate::{
    artifacts::{self, Profile},
    command::run as run_command,
    server::Server,
};

#[derive(Debug, clap::Args)]
pub(crate) struct LoadArguments {
    /// Number of subscribers.
    #[arg(long, default_value_t = 100_000)]
    clients: u32,
    /// Number of concurrent exchanges.
    #[arg(long, default_value_t = 256)]
    window: u32,
}

/// A server that is measured.
struct MeasuredServer {
    name: String,
    /// Whether leases are on the disk before they are acknowledged.
    durable: &'static str,
    report: Value,
}

/// Builds the server for release, measures every subject, and prints the table.
///
/// # Errors
/// Returns an error without root, or if a subject does not serve or a client gets no address.
pub(crate) fn run(arguments: &LoadArguments) -> anyhow::Result<()> {
    ensure!(nix::unistd::geteuid().is_root(), "needs root, for a network namespace with port 67");
    let lessor = artifacts::lessor(Profile::Release)?;
    let policies = artifacts::policies()?;
    let table = policies.first().context("no policy was built")?;
    // From here on, no packet reaches the machine's own network.
    unshare(CloneFlags::CLONE_NEWNET).context("cannot create a network namespace")?;
    run_command(Command::new("ip").args(["link", "set", "lo", "up"]))?;

    let folder = tempfile::Builder::new().prefix("lessor-load-").tempdir()?;
    let mut subjects = Vec::new();
    for (name, policy) in [("lessor, no policy", None), ("lessor, subscriber-table", Some(table))] {
        let config = lay_out(folder.path(), name, policy.map(PathBuf::as_path), arguments.clients)?;
        let server = Server::start(&lessor, &config)?;
        let report = measure(&lessor, arguments)?;
        server.stop()?;
        subjects.push(MeasuredServer { name: name.to_owned(), durable: "yes", report });
    }
    if is_installed("kea-dhcp4") {
        let kea = Kea::start(folder.path())?;
        let report = measure(&lessor, arguments)?;
        subjects.push(MeasuredServer { name: kea.name()?, durable: "no", report });
    } else {
        println!(
            "Kea is not installed (Debian package kea-dhcp4-server), so there is no comparison"
        );
    }
    print(&subjects);
    let failed: Vec<&str> = subjects
        .iter()
        .filter(|subject| subject.report["acquired"] != arguments.clients)
        .map(|subject| subject.name.as_str())
        .collect();
    ensure!(failed.is_empty(), "not all clients got an address from {}", failed.join("; "));
    Ok(())
}

fn measure(lessor: &Path, arguments: &LoadArguments) -> anyhow::Result<Value> {
    let output = Command::new(lessor)
        .args(["load", "--json", "--server", "127.0.0.1:67", "--relay", "127.0.1.1:67"])
        .args(["--link-selection", "10.64.0.1", "--seed", "1"])
        .args(["--clients", &arguments.clients.to_string()])
        .args(["--window", &arguments.window.to_string()])
        .stderr(Stdio::inherit())
        .output()?;
    serde_json::from_slice(&output.stdout).context("the generator printed no report")
}

fn print(subjects: &[MeasuredServer]) {
    let mut table = table(&[
        "server",
        "leases/s",
        "ratio to the last",
        "p50 ms",
        "p99 ms",
        "max ms",
        "failed",
        "NAKs",
        "sent again",
        "mistakes",
        "durable",
    ]);
    let rate =
        |subject: &MeasuredServer| subject.report["exchanges-per-sec"].as_f64().unwrap_or(0.0);
    let last = subjects.last().map_or(0.0, rate);
    for subject in subjects {
        let report = &subject.report;
        let latency = &report["latency"]["exchange"];
        let number = |value: &Value| format!("{:.2}", value.as_f64().unwrap_or(0.0));
        table.add_row([
            subject.name.clone(),
            format!("{:.0}", rate(subject)),
            format!("{:.1}", rate(subject) / last),
            number(&latency["p50"]),
            number(&latency["p99"]),
            number(&latency["max"]),
            report["failed"].to_string(),
            report["naks"].to_string(),
            report["retransmissions"].to_string(),
            report["mistakes"].as_object().map_or(0, serde_json::Map::len).to_string(),
            subject.durable.to_owned(),
        ]);
    }
    right_align(&mut table, 1..10);
    println!("{table}");
}

/// Creates a folder with a configuration for the load, and the policy with one row for each
/// subscriber.
pub(crate) fn lay_out(
    folder: &Path,
    name: &str,
    policy: Option<&Path>,
    clients: u32,
) -> anyhow::Result<PathBuf> {
    let folder = folder.join(name.replace([',', ' '], "-"));
    let plugins = folder.join("plugins");
    std::fs::create_dir_all(&plugins)?;
    if let Some(policy) = policy {
        std::fs::copy(policy, plugins.join("10-subscriber-table.wasm"))?;
        let mut settings = String::from("[limits]\nmemory-mib = 256\n\n[settings.subscribers]\n");
        for n in 0..clients {
            let line = format!("olt{}/1/{}/onu{}", n / 1024, n / 32 % 32, n % 32);
            settings.push_str(&format!(
                "{line:?} = {{ pool = \"residential\", lease-time-secs = 7200 }}\n"
            ));
        }
        std::fs::write(plugins.join("10-subscriber-table.toml"), settings)?;
    }
    let config = folder.join("lessor.toml");
    let plugins = "[plugins]\ndirectory = \"plugins\"\n";
    std::fs::write(&config, configuration("", plugins))?;
    Ok(config)
}

/// Returns a configuration with one subnet, a pool of two million addresses, these additional keys
/// of `[server]` and these additional tables.
pub(crate) fn configuration(server: &str, tables: &str) -> String {
    format!(
        r#"[server]
listen = ["127.0.0.1:67"]
{server}
[store]
path = "store"

{tables}
[[subnet]]
prefix = "10.64.0.0/10"
lease-time = "2h"
options = {{ routers = ["10.64.0.1"], domain-name-servers = ["192.0.2.53"] }}

[[subnet.pool]]
name = "residential"
range = "10.64.1.0-10.95.255.255"
"#
    )
}

/// A running Kea with the same subnet and one thread for each core.
struct Kea {
    child: Child,
    log: PathBuf,
}

impl Kea {
    fn start(folder: &Path) -> anyhow::Result<Self> {
        let folder = folder.join("kea");
        std::fs::create_dir_all(&folder)?;
        let config = folder.join("kea.json");
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        let written = json!({ "Dhcp4": {
            "interfaces-config": { "interfaces": ["lo/127.0.0.1"], "dhcp-socket-type": "udp" },
            "lease-database": { "type": "memfile", "persist": true, "name": folder.join("leases.csv") },
            "multi-threading": { "enable-multi-threading": true, "thread-pool-size": threads },
            "valid-lifetime": 7200,
            "subnet4": [{
                "id": 1,
                "subnet": "10.64.0.0/10",
                "pools": [{ "pool": "10.64.1.0 - 10.95.255.255" }],
                "option-data": [
                    { "name": "routers", "data": "10.64.0.1" },
                    { "name": "domain-name-servers", "data": "192.0.2.53" },
                ],
            }],
            "loggers": [{ "name": "kea-dhcp4", "severity": "WARN",
                "output_options": [{ "output": "stdout" }] }],
        }});
        std::fs::write(&config, serde_json::to_vec_pretty(&written)?)?;
        let log = folder.join("log");
        let output = std::fs::File::create(&log)?;
        let child = Command::new("kea-dhcp4")
            .arg("-c")
            .arg(&config)
            .env("KEA_PIDFILE_DIR", &folder)
            .env("KEA_LOCKFILE_DIR", &folder)
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .spawn()
            .context("cannot start kea-dhcp4")?;
        let mut kea = Self { child, log };
        kea.wait_until_bound()?;
        Ok(kea)
    }

    /// Waits for Kea's socket, because Kea logs nothing at level WARN when it is ready.
    fn wait_until_bound(&mut self) -> anyhow::Result<()> {
        let started = Instant::now();
        while started.elapsed() < Duration::from_secs(20) {
            if self.child.try_wait()?.is_some() {
                break;
            }
            // 0100007F:0043 is 127.0.0.1:67.
            if std::fs::read_to_string("/proc/self/net/udp")?.contains("0100007F:0043") {
                return Ok(());
            }
            sleep(Duration::from_millis(50));
        }
        bail!("Kea does not serve; its log:\n{}", std::fs::read_to_string(&self.log)?)
    }

    fn name(&self) -> anyhow::Result<String> {
        let output = Command::new("kea-dhcp4").arg("-v").output()?;
        Ok(format!("Kea {}, memfile", String::from_utf8_lossy(&output.stdout).trim()))
    }
}

impl Drop for Kea {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
