//! Pools that an operator drains and opens again.
//!
//! Does not skip drained pools; the engines do. Invariant: a drain is on disk before the engine
//! knows it, so no restart forgets one that was acknowledged.

use std::{io, sync::Arc};

use lessor_core::Network;
use lessor_recording::Drained;

use super::{AnswerByHand, Deed, DoneByHand, NamedPool, NothingChanged, log};
use crate::{
    clock,
    drains::Drain,
    operator::{HandEvent, Operator},
    reload::Reloader,
    shards::Shards,
};

/// Drains a pool.
pub(super) fn drain(
    reloader: &Reloader,
    by: Operator,
    named: &NamedPool,
) -> Result<DoneByHand, AnswerByHand> {
    reloader.between_reloads(|_, engines| {
        let network = find(engines, named)?;
        let drain = Drain { since_ms: clock::now(), by: by.clone() };
        let drained = reloader.drains.drain(&network.name, &named.pool, drain);
        let changed = drained.map_err(failed)?;
        tell(reloader, engines, &network);
        Ok(done(reloader, engines, Deed::DrainedPool, changed, &network, named, by))
    })
}

/// Opens a drained pool, also one that the configuration does not have.
pub(super) fn open(
    reloader: &Reloader,
    by: Operator,
    named: &NamedPool,
) -> Result<DoneByHand, AnswerByHand> {
    reloader.between_reloads(|_, engines| {
        let network = match find(engines, named) {
            Ok(network) => network,
            Err(unknown) => return forget(reloader, by, named, unknown),
        };
        let changed = reloader.drains.open(&network.name, &named.pool).map_err(failed)?;
        tell(reloader, engines, &network);
        Ok(done(reloader, engines, Deed::OpenedPool, changed, &network, named, by))
    })
}

/// Forgets the drain of a pool that the configuration does not have.
fn forget(
    reloader: &Reloader,
    by: Operator,
    named: &NamedPool,
    unknown: NothingChanged,
) -> Result<DoneByHand, AnswerByHand> {
    let marks = reloader.drains.marks();
    let mut drained = marks.iter().filter(|(network, pools)| {
        named.network.as_ref().is_none_or(|wanted| wanted == *network)
            && pools.contains_key(&named.pool)
    });
    let (Some((network, _)), None) = (drained.next(), drained.next()) else {
        return Err(unknown.into());
    };
    reloader.drains.open(network, &named.pool).map_err(failed)?;
    let done = DoneByHand {
        pool: Some(named.pool.clone()),
        then: "the configuration does not have this pool; its drain is forgotten".to_owned(),
        ..DoneByHand::new(Deed::OpenedPool, true, network, by)
    };
    log(&done);
    Ok(done)
}

/// The only network that has a pool of this name.
fn find(engines: &Shards, named: &NamedPool) -> Result<Arc<Network>, NothingChanged> {
    let pool = &named.pool;
    let has = |network: &&Arc<Network>| {
        named.network.as_ref().is_none_or(|wanted| **wanted == *network.name)
            && network.subnets.iter().flat_map(|subnet| &subnet.pools).any(|of| *of.name == **pool)
    };
    let found: Vec<&Arc<Network>> = engines.topology().networks().iter().filter(has).collect();
    match &found[..] {
        [only] => Ok(Arc::clone(only)),
        [] => {
            let of =
                named.network.as_ref().map_or_else(String::new, |n| format!(" of network {n}"));
            let text = format!("there is no pool {pool}{of}; `lessor status` lists the pools");
            Err(NothingChanged::new("unknown-pool", text))
        }
        several => {
            let names: Vec<&str> = several.iter().take(8).map(|network| &*network.name).collect();
            let text = format!(
                "{} networks have a pool {pool}: {}; name one with --network",
                several.len(),
                names.join(", ")
            );
            Err(NothingChanged::new("several-pools", text))
        }
    }
}

/// Tells the engine of a network which of its pools are drained.
fn tell(reloader: &Reloader, engines: &Shards, network: &Arc<Network>) {
    let marks = reloader.drains.marks();
    let pools = marks.get(&*network.name);
    let names = || pools.into_iter().flatten().map(|(name, _)| Arc::from(name.as_str()));
    engines.for_wanted(
        |other| other.name == network.name,
        |engine| {
            engine.set_drained(names());
            if let Some(sequence) = reloader.shared.recorder.sequence().take() {
                let pools = engine.drained().map(ToString::to_string).collect();
                let network = network.name.to_string();
                reloader.shared.recorder.drained(Drained { sequence, network, pools });
            }
        },
    );
}

fn done(
    reloader: &Reloader,
    engines: &Shards,
    what: Deed,
    changed: bool,
    network: &Arc<Network>,
    named: &NamedPool,
    by: Operator,
) -> DoneByHand {
    let mut leases = 0;
    engines.for_wanted(
        |other| other.name == network.name,
        |engine| {
            let usage = engine.usage().into_iter().filter(|usage| *usage.pool == *named.pool);
            leases = usage.map(|usage| usage.leased).sum();
        },
    );
    let done = DoneByHand {
        vpn: network.vpn_name().map(ToString::to_string),
        pool: Some(named.pool.clone()),
        leases: Some(leases),
        ..DoneByHand::new(what, changed, &network.name, by.clone())
    };
    if changed {
        log(&done);
        let event = HandEvent {
            deed: what,
            network: Arc::clone(network),
            pool: done.pool.clone(),
            changes: Default::default(),
            from: None,
            by,
        };
        reloader.shared.observer.by_hand(event, None);
    }
    done
}

fn failed(error: io::Error) -> AnswerByHand {
    AnswerByHand::Failed(format!(
        "the drained pools cannot be written beside the leases: {error}; nothing was changed"
    ))
}
