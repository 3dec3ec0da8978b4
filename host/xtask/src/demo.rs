//! `cargo xtask demo`: demonstrates a real server with its policies, real sockets and a few
//! subscribers behind a relay, and replaces a policy while the server runs.
//!
//! [`SUBSCRIBERS`] defines what the subscribers must get; the demo fails if a subscriber gets
//! anything else.

#![allow(
    clippy::indexing_slicing,
    reason = "only JSON is indexed, and that gives null for what is missing"
)]

mod access;
mod foresight;
mod trial;

use std::{
    collections::HashMap,
    io::{self, IsTerminal},
    net::{Ipv4Addr, SocketAddrV4},
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, ensure};
use lessor_guests::{RHAI, workspace};
use lessor_load::{Acquired, Answer, Subscriber};
use lessor_terminal::table;
use owo_colors::{OwoColorize, Style};

use self::{access::Access, foresight::Recording};
use crate::{artifacts, server::Server};

#[derive(Debug, clap::Args)]
pub(crate) struct DemoArguments {
    /// Exit after the demonstration instead of serving until Ctrl-C.
    #[arg(long)]
    once: bool,
}

/// The address that the demo's relay sends to: `listen` of examples/demo.toml.
const SERVER: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::LOCALHOST, 6767);
/// The address of the relay, and an address of the subnet whose subscribers it serves.
const RELAY: Ipv4Addr = Ipv4Addr::new(127, 0, 1, 1);
const LINK: Ipv4Addr = Ipv4Addr::new(100, 64, 0, 1);
/// The addresses of the subscribers.
const PREFIX: &str = "100.64.0.0/16";
const PATIENCE: Duration = Duration::from_secs(3);

/// A subscriber of the demo and what it must get.
struct Expected {
    name: &'static str,
    circuit_id: &'static str,
    vendor_class: Option<&'static str>,
    /// The beginning of the address, or the whole address.
    address: &'static str,
    lease_time_secs: u32,
    decided_by: &'static str,
}

const SUBSCRIBERS: [Expected; 6] = [
    Expected {
        name: "Ada, on the basic plan",
        circuit_id: "olt1/1/1/onu1",
        vendor_class: None,
        address: "100.64.1.",
        lease_time_secs: 3600,
        decided_by: "10-subscriber-table",
    },
    Expected {
        name: "Bela, with a fixed address",
        circuit_id: "olt1/1/3/onu17",
        vendor_class: None,
        address: "100.64.201.17",
        lease_time_secs: 86_400,
        decided_by: "10-subscriber-table",
    },
    Expected {
        name: "Carla, who has not paid",
        circuit_id: "olt1/1/2/onu7",
        vendor_class: None,
        address: "100.64.250.",
        lease_time_secs: 60,
        decided_by: "20-walled-garden",
    },
    Expected {
        name: "Deniz's set-top box",
        circuit_id: "olt1/1/4/onu3",
        vendor_class: Some("iptv-stb-4k"),
        address: "100.64.1.",
        lease_time_secs: 3600,
        decided_by: "30-vendor-options",
    },
    Expected {
        name: "an unknown line",
        circuit_id: "olt9/9/9/onu99",
        vendor_class: None,
        address: "100.64.250.",
        lease_time_secs: 60,
        decided_by: "20-walled-garden",
    },
    Expected {
        name: "Emil, on trial",
        circuit_id: "olt1/3/1/onu9",
        vendor_class: None,
        address: "100.64.1.",
        lease_time_secs: 600,
        decided_by: "15-trial-lines",
    },
];

/// The policy that is a script.
const SCRIPT: &str = "15-trial-lines.rhai";

/// The subscriber that pays in the second act.
const CARLA: usize = 2;

/// Builds the server and runs the demo.
///
/// # Errors
/// Returns an error if something does not build, or if a subscriber does not get what it must get.
pub(crate) fn run(arguments: &DemoArguments) -> anyhow::Result<()> {
    let lessor = artifacts::demo_lessor()?;
    let policies = artifacts::policies()?;
    artifacts::interpreters_of(&[RHAI])?;
    let folder = tempfile::Builder::new().prefix("lessor-demo-").tempdir()?;
    let config = lay_out(folder.path(), &policies)?;
    let network = access::private_network(PREFIX)?;
    say(&format!("Starting the server on {SERVER}, with the policies of {}", show(&config)));
    let server = Server::start(&lessor, &config)?;
    let mut access = Access::open(network).context("cannot bind the demo's relay")?;
    println!("  {}", access.description());

    say("Six subscribers behind a relay ask for an address, and their messages are recorded:");
    // Each sends a DISCOVER and a REQUEST.
    let recording = Recording::begin(&lessor, &config, 2 * SUBSCRIBERS.len())?;
    let held = first_act(&mut access, &server)?;
    let recording = recording.end()?;
    let carla = SUBSCRIBERS.get(CARLA).context("no Carla")?.circuit_id;
    say("The server explains its decision about Carla's line:");
    foresight::explain(&lessor, &config, carla)?;
    say("The recording is replayed against the policies as they would be if Carla had paid:");
    foresight::replay(&lessor, &config, &recording, carla)?;
    say("Carla pays: her line is removed from the unpaid lines, and SIGHUP reloads the server:");
    second_act(&mut access, &server, folder.path(), &held)?;
    say("New prices run as a shadow, which sees live traffic and decides nothing (SIGHUP):");
    trial::try_as_shadow(&mut access, &server, &lessor, &config, &held)?;
    say("The result is as intended: the shadow becomes live, the old prices go (SIGHUP):");
    trial::promote(&mut access, &server, &config, &held)?;
    say("A broken policy is installed (SIGHUP); the running generation continues to serve:");
    third_act(&mut access, &server, folder.path(), &held)?;
    print_styled("All subscribers got what the policies define.", Style::new().bold().green());

    if arguments.once {
        return server.stop();
    }
    println!("The server runs until Ctrl-C. Try these commands in another terminal:");
    let shown = show(&lessor);
    println!("  {shown} leases --config {}", config.display());
    println!("  {shown} status --config {}", config.display());
    let enter = access.way_in(server.process());
    println!("  {enter}{shown} load --server {SERVER} --link-selection {LINK} --clients 1000");
    server.wait()
}

/// Every subscriber gets a lease; a table shows the leases and the policies that decided.
fn first_act(access: &mut Access, server: &Server) -> anyhow::Result<Vec<Acquired>> {
    let mut held = Vec::new();
    for (number, expected) in SUBSCRIBERS.iter().enumerate() {
        let acquired = access
            .relay
            .acquire(&subscriber(number, expected), PATIENCE)
            .with_context(|| format!("{} got no lease", expected.name))?;
        held.push(acquired);
    }
    let decisions = decisions(server)?;
    let mut table =
        table(&["subscriber", "line", "address", "lease", "name servers", "decided by"]);
    for (expected, acquired) in SUBSCRIBERS.iter().zip(&held) {
        let decided = decisions.get(&acquired.address).cloned().unwrap_or_default();
        table.add_row([
            expected.name.to_owned(),
            expected.circuit_id.to_owned(),
            acquired.address.to_string(),
            format!("{} s", acquired.lease_time_secs),
            acquired
                .domain_name_servers
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
                .join(" "),
            decided.join("\n"),
        ]);
    }
    println!("{table}");
    for (expected, acquired) in SUBSCRIBERS.iter().zip(&held) {
        let Expected { name, address, lease_time_secs, decided_by, .. } = expected;
        let decided = decisions.get(&acquired.address).cloned().unwrap_or_default();
        ensure!(
            acquired.address.to_string().starts_with(address)
                && acquired.lease_time_secs == *lease_time_secs
                && decided.iter().any(|line| line.starts_with(decided_by)),
            "{name} should have {address}… for {lease_time_secs} s by {decided_by}, but has {} for \
             {} s by {decided:?}",
            acquired.address,
            acquired.lease_time_secs
        );
    }
    Ok(held)
}

/// Replaces a policy while the server runs, and checks that it applies to the next packet.
fn second_act(
    access: &mut Access,
    server: &Server,
    folder: &Path,
    held: &[Acquired],
) -> anyhow::Result<()> {
    let expected = SUBSCRIBERS.get(CARLA).context("no Carla")?;
    let before = held.get(CARLA).context("no lease of Carla")?;
    let carla = subscriber(CARLA, expected);
    ensure!(
        matches!(access.renew(&carla, before.address)?, Answer::Ack(_)),
        "before the reload Carla should be able to renew {}",
        before.address
    );
    strike_off(&folder.join("plugins"), expected.circuit_id)?;
    server.hang_up()?;
    ensure!(server.wait_for_reload()?, "the new policy should be accepted");
    let refused = access.renew(&carla, before.address)?;
    ensure!(
        matches!(refused, Answer::Nak { .. }),
        "after the reload Carla's walled-garden address should be refused, but: {refused:?}"
    );
    let after = access.relay.acquire(&carla, PATIENCE).context("Carla got no new lease")?;
    println!("  Carla had {} for {} s;", before.address, before.lease_time_secs);
    println!(
        "  her renewal was refused, and now she has {} for {} s",
        after.address, after.lease_time_secs
    );
    ensure!(
        after.address.to_string().starts_with("100.64.1."),
        "Carla should be among the residents"
    );
    Ok(())
}

/// Checks that a file that is not a policy changes nothing.
fn third_act(
    access: &mut Access,
    server: &Server,
    folder: &Path,
    held: &[Acquired],
) -> anyhow::Result<()> {
    let broken = folder.join("plugins/99-broken.wasm");
    std::fs::write(&broken, b"this is no policy")?;
    server.hang_up()?;
    ensure!(!server.wait_for_reload()?, "the broken policy should be refused");
    for line in server.log_since_reload() {
        println!("  {line}");
    }
    std::fs::remove_file(&broken)?;
    let expected = SUBSCRIBERS.first().context("no Ada")?;
    let ada = held.first().context("no lease of Ada")?;
    ensure!(
        matches!(access.renew(&subscriber(0, expected), ada.address)?, Answer::Ack(_)),
        "Ada should be able to renew while the broken policy is refused"
    );
    println!("  Ada renewed {} meanwhile", ada.address);
    Ok(())
}

/// Removes a line from the list of unpaid lines.
fn strike_off(plugins: &Path, circuit_id: &str) -> anyhow::Result<()> {
    let sidecar = plugins.join("20-walled-garden.toml");
    let paid = std::fs::read_to_string(&sidecar)?.replace(circuit_id, "nobody");
    Ok(std::fs::write(&sidecar, paid)?)
}

/// Creates a folder with configuration, policies and their settings, as an operator would.
fn lay_out(folder: &Path, policies: &[PathBuf]) -> anyhow::Result<PathBuf> {
    let examples = workspace().join("examples");
    let config = folder.join("lessor.toml");
    std::fs::copy(examples.join("demo.toml"), &config).context("cannot copy examples/demo.toml")?;
    let plugins = folder.join("plugins");
    std::fs::create_dir_all(&plugins)?;
    for (policy, place) in policies.iter().zip(["10", "30", "20"]) {
        let name = policy.file_stem().unwrap_or_default().to_string_lossy();
        std::fs::copy(policy, plugins.join(format!("{place}-{name}.wasm")))?;
        let sidecar = format!("{place}-{name}.toml");
        std::fs::copy(examples.join("demo-plugins").join(&sidecar), plugins.join(&sidecar))
            .with_context(|| format!("cannot copy examples/demo-plugins/{sidecar}"))?;
    }
    std::fs::copy(examples.join("demo-plugins").join(SCRIPT), plugins.join(SCRIPT))
        .with_context(|| format!("cannot copy examples/demo-plugins/{SCRIPT}"))?;
    Ok(config)
}

/// Returns the policies that decided about each acknowledged address, from the server's journal.
fn decisions(server: &Server) -> anyhow::Result<HashMap<Ipv4Addr, Vec<String>>> {
    let mut decisions = HashMap::new();
    for line in server.journal(|lines| {
        lines.iter().filter(|line| line["outcome"] == "ack").count() >= SUBSCRIBERS.len()
    })? {
        let Some(address) = line["address"].as_str().and_then(|text| text.parse().ok()) else {
            continue;
        };
        if line["outcome"] != "ack" {
            continue;
        }
        let plugins = line["plugins"].as_array().cloned().unwrap_or_default();
        let said = plugins
            .iter()
            .filter_map(|entry| {
                let set: Vec<&str> =
                    entry["set"].as_array()?.iter().filter_map(|set| set.as_str()).collect();
                let plugin = entry["plugin"].as_str()?;
                (!set.is_empty()).then(|| format!("{plugin}:\n  {}", set.join("\n  ")))
            })
            .collect();
        decisions.insert(address, said);
    }
    Ok(decisions)
}

fn subscriber(number: usize, expected: &Expected) -> Subscriber {
    Subscriber {
        vendor_class: expected.vendor_class.map(str::to_owned),
        ..Subscriber::new([0x02, 0, 0x5e, 0, 0x53, number as u8 + 1], expected.circuit_id)
    }
}

fn say(text: &str) {
    print_styled(text, Style::new().bold());
}

/// Prints a paragraph, in a style if that is wanted and the reader is a terminal.
fn print_styled(text: &str, style: Style) {
    let is_styled = io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    println!("\n{}", text.style(if is_styled { style } else { Style::new() }));
}

/// Returns a path relative to the current folder, if it is below it.
fn show(path: &Path) -> String {
    let here = std::env::current_dir().unwrap_or_default();
    path.strip_prefix(here).unwrap_or(path).display().to_string()
}
