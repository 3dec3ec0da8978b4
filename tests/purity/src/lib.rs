//! Links the core into a WebAssembly module, so that a test can check its imports.
//! This is not a policy and never runs; it only prevents the linker from removing the engine.
#![allow(unsafe_code, reason = "an exported symbol is what makes the linker keep the engine")]

use std::sync::Arc;

use lessor_core::{
    AfterDataLoss, Attempt, Change, ClientKeyKind, Engine, Network, Request, StorageAnswer, Terms,
    Timestamp,
};

/// Calls every function of the engine, with inputs that the optimiser cannot know.
#[unsafe(no_mangle)]
pub extern "C" fn drive_engine(hash_seed: u64, now_unix_ms: u64) -> u64 {
    let network = Network {
        name: "probe".into(),
        vpn: None,
        subnets: Vec::new(),
        authoritative: true,
        offer_hold_secs: 60,
        quarantine_secs: 60,
        bounds: lessor_core::Bounds::default(),
        client_key: ClientKeyKind::default(),
        after_data_loss: AfterDataLoss::default(),
        classes: Default::default(),
    };
    let now = Timestamp::from_unix_ms(now_unix_ms);
    let mut engine = Engine::new(Arc::new(network), hash_seed);
    // The contents of a request do not matter, but it must come from an input.
    let input = hash_seed.to_string();
    if let (Ok(request), Ok(terms), Ok(change)) = (
        serde_json::from_str::<Request>(&input),
        serde_json::from_str::<Terms>(&input),
        serde_json::from_str::<Change>(&input),
    ) {
        let attempt = engine.decide(now, 0, &request, &terms);
        engine.settle(now, &[change], &StorageAnswer::NotMade);
        engine.reclaim(now, 1);
        return match attempt {
            Attempt::Decided(decision) => decision.changes.len() as u64,
            Attempt::Waits(wait) => u64::from(u32::from(wait.address)),
            Attempt::Probes(probe) => u64::from(u32::from(probe.address)),
        };
    }
    engine.next_deadline().map_or(0, Timestamp::unix_ms)
}
