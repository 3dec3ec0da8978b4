//! The command that imports leases is killed while it runs.

use std::{fmt::Write, fs, net::Ipv4Addr, path::Path, thread, time::Instant};

use lessor_e2e::{Server, Setup, heavy, relay};

use crate::{PATIENCE, SUBNETS, renewed, subscriber, text};

/// The number of times that the command is killed.
const ROUNDS: u32 = 24;
/// The leases in the file. The first ones have addresses of the configured subnet.
const LEASES: u32 = 30_000;

#[test]
fn an_import_that_is_killed_puts_all_leases_into_the_store_or_none() {
    let _alone = heavy();
    let subnets = SUBNETS.replace("100.64.0.0/24", "100.64.0.0/16");
    let mut server = Setup::on_loopback(&subnets).start();
    assert!(server.stop().success());
    let file = server.folder().join("leases.csv");
    fs::write(&file, leases()).unwrap();
    let store = server.folder().join("store");

    let began = Instant::now();
    imports(&server, &file);
    let took = began.elapsed();
    let mut interrupted = 0;
    for round in 0..ROUNDS {
        fs::remove_dir_all(&store).unwrap();
        let mut command = server.command(&["leases", "import"]);
        let mut running = command.arg(&file).arg("--json").spawn().unwrap();
        // Earlier and later in the part that writes, and a little after it.
        thread::sleep(took * 3 * (round + 1) / (2 * ROUNDS));
        running.kill().unwrap();
        let is_complete = running.wait().unwrap().success();
        interrupted += u32::from(!is_complete);
        // The command may be killed before it creates the store.
        let count = if store.join("leases").exists() { count(&server) } else { 0 };
        assert!(count == LEASES || count == 0 && !is_complete, "round {round}: {count} leases");
        if count == 0 {
            imports(&server, &file);
        }
    }
    assert!(interrupted > 0, "every import ended within {took:?}");
    assert_eq!(count(&server), LEASES);
    server.start_again();
    let mut relay = relay(server.address(), Ipv4Addr::new(100, 64, 0, 1));
    for number in 10..20 {
        renewed(&mut relay, number, Ipv4Addr::new(100, 64, 0, number));
    }
    let stranger = relay.acquire(&subscriber(200), PATIENCE);
    assert!(stranger.is_err(), "every address of the pools is leased: {stranger:?}");
}

/// A lease for each address from 100.64.0.10.
fn leases() -> String {
    let mut csv = "address,state,hardware-address,circuit-id,expires-at\n".to_owned();
    for number in 10..10 + LEASES {
        let [_, _, high, low] = number.to_be_bytes();
        let address = format!("100.64.{high}.{low}");
        let hardware_address = format!("02:00:00:{high:02x}:01:{low:02x}");
        writeln!(csv, "{address},leased,{hardware_address},line{number},never").unwrap();
    }
    csv.push_str("end\n");
    csv
}

#[track_caller]
fn imports(server: &Server, file: &Path) {
    let output = server.command(&["leases", "import"]).arg(file).output().unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
}

/// The leases of a store without damage.
#[track_caller]
fn count(server: &Server) -> u32 {
    let verified = server.ask(&["store", "verify", "--json"]);
    assert!(verified.status.success(), "{verified:?}");
    let verified: serde_json::Value = serde_json::from_slice(&verified.stdout).unwrap();
    verified["leases"].as_u64().unwrap().try_into().unwrap()
}
