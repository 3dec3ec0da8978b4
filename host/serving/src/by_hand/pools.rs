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
        let network = only(having(engines, named), named)?;
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
        let networks = having(engines, named);
        if networks.is_empty() {
            return forget(reloader, by, named);
        }
        let network = only(networks, named)?;
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
) -> Result<DoneByHand, AnswerByHand> {
    let marks = reloader.drains.marks();
    let mut drained = marks.iter().filter(|(network, pools)| {
        named.network.as_ref().is_none_or(|wanted| wanted == *network)
            && pools.contains_key(&named.pool)
    });
    let (Some((network, _)), None) = (drained.next(), drained.next()) else {
        return Err(unknown(named).into());
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

/// The networks that have a pool of this name.
fn having(engines: &Shards, named: &NamedPool) -> Vec<Arc<Network>> {
    let has = |network: &&Arc<Network>| {
        let mut pools = network.subnets.iter().flat_map(|subnet| &subnet.pools);
        named.network.as_ref().is_none_or(|wanted| **wanted == *network.name)
            && pools.any(|pool| *pool.name == *named.pool)
    };
    engines.topology().networks().iter().filter(has).map(Arc::clone).collect()
}

fn only(networks: Vec<Arc<Network>>, named: &NamedPool) -> Result<Arc<Network>, NothingChanged> {
    match <[_; 1]>::try_from(networks) {
        Ok([network]) => Ok(network),
        Err(none) if none.is_empty() => Err(unknown(named)),
        Err(several) => {
            let names: Vec<&str> = several.iter().take(8).map(|network| &*network.name).collect();
            let text = format!(
                "{} networks have a pool {}: {}; name one with --network",
                several.len(),
                named.pool,
                names.join(", ")
            );
            Err(NothingChanged::new("several-pools", text))
        }
    }
}

fn unknown(named: &NamedPool) -> NothingChanged {
    let of = named.network.as_ref().map_or_else(String::new, |n| format!(" of network {n}"));
    let text = format!("there is no pool {}{of}; `lessor status` lists the pools", named.pool);
    NothingChanged::new("unknown-pool", text)
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
