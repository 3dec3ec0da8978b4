//! The shadow in the demo: a new price list runs in parallel with the old one as a shadow, on live
//! traffic, and decides nothing; it is then made live.

use std::{
    fs,
    path::Path,
    process::Command,
    thread::sleep,
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use lessor_load::{Acquired, Answer};

use super::{SUBSCRIBERS, access::Access, foresight::show, subscriber};
use crate::server::Server;

/// The timeout of the shadow for its comparisons.
const THINKING_TIME: Duration = Duration::from_secs(60);
const GLANCE: Duration = Duration::from_millis(20);

/// The live price list, and the one that is tested.
const OLD: &str = "10-subscriber-table";
const NEW: &str = "11-new-prices";
/// Ada's lease time in each price list, in seconds.
const OLD_SECS: u32 = 3600;
const NEW_SECS: u32 = 7200;

/// The subscribers that renew while the shadow runs: Ada, Bela and Deniz's set-top box.
const RENEWING: [usize; 3] = [0, 1, 3];

/// Installs the new price list as a shadow, and lets subscribers renew: they get what the old price
/// list defines, and the shadow reports what would change.
pub(super) fn try_as_shadow(
    access: &mut Access,
    server: &Server,
    lessor: &Path,
    config: &Path,
    held: &[Acquired],
) -> anyhow::Result<()> {
    let plugins = config.with_file_name("plugins");
    fs::copy(plugins.join(format!("{OLD}.wasm")), plugins.join(format!("{NEW}.wasm")))?;
    let old = fs::read_to_string(plugins.join(format!("{OLD}.toml")))?;
    let new = old.replace(&OLD_SECS.to_string(), &NEW_SECS.to_string());
    ensure!(new != old, "the price list should have a line of {OLD_SECS} s");
    let sidecar = plugins.join(format!("{NEW}.toml"));
    fs::write(&sidecar, format!("mode = \"shadow\"\n{new}"))?;
    server.hang_up()?;
    ensure!(server.wait_for_reload()?, "the shadow should be accepted");
    for number in RENEWING {
        let ack = renew(access, held, number)?;
        ensure!(
            Some(ack.lease_time_secs) == held.get(number).map(|held| held.lease_time_secs),
            "a shadow decides nothing, but the lease time is {} s",
            ack.lease_time_secs
        );
    }
    let seen = wait_for_shadow(lessor, config)?;
    show(&Command::new(lessor).args(["shadow", "--config"]).arg(config).output()?)?;
    ensure!(
        (seen["agreed"].as_u64(), seen["differed"].as_u64()) == (Some(2), Some(1))
            && seen["differences"]["lease-time"] == 1,
        "the shadow should differ in Ada's lease time and in nothing else: {seen}"
    );
    Ok(())
}

/// Makes the shadow live and removes the old price list.
pub(super) fn promote(
    access: &mut Access,
    server: &Server,
    config: &Path,
    held: &[Acquired],
) -> anyhow::Result<()> {
    let plugins = config.with_file_name("plugins");
    let sidecar = plugins.join(format!("{NEW}.toml"));
    let promoted = fs::read_to_string(&sidecar)?.replace("\"shadow\"", "\"live\"");
    fs::write(&sidecar, promoted)?;
    fs::remove_file(plugins.join(format!("{OLD}.wasm")))?;
    fs::remove_file(plugins.join(format!("{OLD}.toml")))?;
    server.hang_up()?;
    ensure!(server.wait_for_reload()?, "the promotion should be accepted");
    let ack = renew(access, held, 0)?;
    println!("  Ada renewed {} and now has it for {} s", ack.address, ack.lease_time_secs);
    ensure!(ack.lease_time_secs == NEW_SECS, "Ada should have her lease for {NEW_SECS} s");
    Ok(())
}

fn renew(access: &mut Access, held: &[Acquired], number: usize) -> anyhow::Result<Acquired> {
    let expected = SUBSCRIBERS.get(number).context("no such subscriber")?;
    let lease = held.get(number).with_context(|| format!("no lease of {}", expected.name))?;
    match access.renew(&subscriber(number, expected), lease.address)? {
        Answer::Ack(acquired) => Ok(acquired),
        answer => anyhow::bail!("{} should be able to renew, but: {answer:?}", expected.name),
    }
}

/// Waits until the shadow has compared every renewal, and returns its result.
fn wait_for_shadow(lessor: &Path, config: &Path) -> anyhow::Result<serde_json::Value> {
    let started = Instant::now();
    loop {
        let output =
            Command::new(lessor).args(["shadow", "--json", "--config"]).arg(config).output()?;
        let summary: serde_json::Value = serde_json::from_slice(&output.stdout)
            .context("lessor shadow --json printed no JSON")?;
        let shadow = &summary["shadows"][0];
        if shadow["requests"].as_u64() == Some(RENEWING.len() as u64) {
            return Ok(shadow.clone());
        }
        ensure!(started.elapsed() < THINKING_TIME, "the shadow compared too little: {summary}");
        sleep(GLANCE);
    }
}
