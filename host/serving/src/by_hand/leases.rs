//! Leases that an operator changes: asks the engine, waits for storage, and reports.
//!
//! Decides nothing. Invariant: the engine receives the result of every change that it decided, and
//! the exchanges that wait for it are woken.

use std::{
    net::Ipv4Addr,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use crossbeam_channel::Receiver;
use lessor_core::{
    AttemptByHand, Binding, ChangeByHand, Changes, Location, Network, RefusalByHand, StorageAnswer,
    Timestamp, VpnName,
};
use lessor_recording::ByHand;
use lessor_store::Submission;

use super::{
    AnswerByHand, ClientFacts, Deed, DoneByHand, NothingChanged, Target, log, texts,
    unknown_hardware_address,
};
use crate::{
    clock,
    held::Engines,
    observer::Message,
    operator::{HandEvent, Operator},
    order::Turn,
    reload::Reloader,
    ticket::Ticket,
};

/// How long a change waits for storage to answer for another change of its address.
const PATIENCE: Duration = Duration::from_secs(5);
/// How often a change is decided again, because it waited, other servers changed a record, or a
/// reload moved the engine.
const ATTEMPTS_MAX: usize = 16;

/// Numbers the changes, so that each waits for itself.
static NUMBER: AtomicU32 = AtomicU32::new(0);

/// What the engine said.
enum Said {
    Decided(Box<DecidedChange>),
    Already,
    Refused(RefusalByHand),
    /// Storage has to answer for another change first.
    Waits(Receiver<()>),
    /// Too many messages wait for the same change.
    Crowded,
}

/// A decision, and what is noted of it under the lock of its network.
struct DecidedChange {
    at: Timestamp,
    network: Arc<Network>,
    changes: Changes,
    /// Its place in the order of recorded decisions, if they are recorded.
    sequence: Option<u64>,
    /// Its place in the order of events.
    place: Option<Turn<Message>>,
}

/// Leases an address to a client.
pub(super) fn add(
    reloader: &Reloader,
    by: Operator,
    address: Ipv4Addr,
    vpn: Option<&VpnName>,
    client: &ClientFacts,
    secs: u32,
) -> Result<DoneByHand, AnswerByHand> {
    let (_, network) = owner_of(reloader, vpn, address)?;
    let key = client.key_in(&network)?;
    let shown = key.to_string();
    let hardware_address = client.hardware_address.unwrap_or_else(unknown_hardware_address);
    let change = ChangeByHand::Add { address, client: key, hardware_address, secs };
    let changed = make(reloader, &by, vpn, &change, Deed::AddedByHand)?;
    let done =
        DoneByHand { address: Some(address), ..done(Deed::AddedByHand, changed, &network, by) };
    Ok(reported(DoneByHand { client: Some(shown), ..done }))
}

/// Ends a lease or a quarantine.
pub(super) fn end(
    reloader: &Reloader,
    by: Operator,
    target: &Target,
) -> Result<DoneByHand, AnswerByHand> {
    let found = find(reloader, target)?;
    let (_, network) = owner_of(reloader, target.vpn.as_ref(), found.address)?;
    let change = ChangeByHand::End { address: found.address, client: Some(found.client.clone()) };
    let changed = make(reloader, &by, target.vpn.as_ref(), &change, Deed::EndedByHand)?;
    Ok(reported(DoneByHand {
        address: Some(found.address),
        client: Some(found.client.to_string()),
        ..done(Deed::EndedByHand, changed, &network, by)
    }))
}

/// Gives the client of a lease another address.
pub(super) fn move_to(
    reloader: &Reloader,
    by: Operator,
    target: &Target,
    to: Ipv4Addr,
) -> Result<DoneByHand, AnswerByHand> {
    let found = find(reloader, target)?;
    let vpn = target.vpn.as_ref();
    let (location, network) = owner_of(reloader, vpn, found.address)?;
    let (other, _) = owner_of(reloader, vpn, to)?;
    if location.network != other.network {
        let text = format!(
            "{to} is in another network than {}; the client can only get an address of the network \
             that it is in",
            found.address
        );
        return Err(NothingChanged::new("other-network", text).into());
    }
    let (from, client) = (found.address, Some(found.client.clone()));
    let change = ChangeByHand::Move { from, to, client };
    let changed = make(reloader, &by, vpn, &change, Deed::MovedByHand)?;
    Ok(reported(DoneByHand {
        address: Some(from),
        moves_to: Some(to),
        client: Some(found.client.to_string()),
        ..done(Deed::MovedByHand, changed, &network, by)
    }))
}

/// The lease or quarantine that a target names.
fn find(reloader: &Reloader, target: &Target) -> Result<Binding, AnswerByHand> {
    let Some(address) = target.address else {
        return target.client.lease(reloader, target.vpn.as_ref(), clock::now());
    };
    let (location, _) = owner_of(reloader, target.vpn.as_ref(), address)?;
    let engines = reloader.shared.engines.load_full();
    let found = engines.with_engine(location.network, |engine| engine.binding_at(address));
    let now = clock::now();
    let held = found.ok().flatten();
    let held = held.filter(|found| found.is_active(now) || found.is_quarantined(now));
    held.ok_or_else(|| texts::refusal(&RefusalByHand::NotLeased(address)).into())
}

/// The network that has an address.
fn owner_of(
    reloader: &Reloader,
    vpn: Option<&VpnName>,
    address: Ipv4Addr,
) -> Result<(Location, Arc<Network>), NothingChanged> {
    let engines = reloader.shared.engines.load_full();
    let location = engines.topology().locate_address(vpn, address);
    let network = location.and_then(|found| {
        engines.topology().networks().get(usize::try_from(found.network.0).ok()?)
    });
    location.zip(network.cloned()).ok_or_else(|| {
        let space = vpn.map_or_else(String::new, |vpn| format!(" of VPN {vpn}"));
        let text = format!(
            "{address} is in no configured subnet{space}; `lessor check` and `lessor status` list \
             what is configured"
        );
        NothingChanged::new("outside-subnets", text)
    })
}

/// Makes a change durable. Returns whether something had to be changed.
fn make(
    reloader: &Reloader,
    by: &Operator,
    vpn: Option<&VpnName>,
    change: &ChangeByHand,
    deed: Deed,
) -> Result<bool, AnswerByHand> {
    for _ in 0..ATTEMPTS_MAX {
        match ask(reloader, vpn, change)? {
            None => {}
            Some(Said::Already) => return Ok(false),
            Some(Said::Refused(refusal)) => return Err(texts::refusal(&refusal).into()),
            Some(Said::Waits(answered)) => {
                let _ = answered.recv_timeout(PATIENCE);
            }
            Some(Said::Crowded) => break,
            Some(Said::Decided(decided)) => match commit(reloader, &decided.changes) {
                StorageAnswer::Made => {
                    report(reloader, by, change, deed, *decided);
                    return Ok(true);
                }
                StorageAnswer::NotMade => {
                    return Err(AnswerByHand::Failed(
                        "storage takes no changes now; nothing was changed; `lessor status` says \
                         why, then try again"
                            .to_owned(),
                    ));
                }
                StorageAnswer::Conflict(_) => {}
            },
        }
    }
    Err(AnswerByHand::Failed(
        "other changes of the address or of its client were always on their way to storage; \
         nothing was changed; try again"
            .to_owned(),
    ))
}

/// Asks the engine that owns the address. Returns `None` if a reload has just replaced it.
fn ask(
    reloader: &Reloader,
    vpn: Option<&VpnName>,
    change: &ChangeByHand,
) -> Result<Option<Said>, NothingChanged> {
    let shared = &reloader.shared;
    let (location, _) = owner_of(reloader, vpn, change.address())?;
    let engines = shared.engines.load_full();
    let mut own = reloader.links().own_addresses().clone();
    own.set_configured(engines.topology().server_identifiers());
    let said = engines.with_waiting(location.network, |engine, waiting| {
        engine.set_own_addresses(&own);
        let at = clock::now();
        match engine.change_by_hand(at, change) {
            AttemptByHand::Already => Said::Already,
            AttemptByHand::Refused(refusal) => Said::Refused(refusal),
            AttemptByHand::Waits(address) => {
                let (answered, told) = crossbeam_channel::bounded(1);
                let ticket = Ticket::by_hand(NUMBER.fetch_add(1, Ordering::Relaxed));
                let wake = Box::new(move || {
                    let _ = answered.send(());
                });
                match waiting.note(address, ticket, wake) {
                    Ok(()) => Said::Waits(told),
                    Err(_) => Said::Crowded,
                }
            }
            AttemptByHand::Decided(changes) => {
                let addresses = changes.iter().map(|change| change.binding.address);
                let addresses: Vec<Ipv4Addr> = addresses.collect();
                Said::Decided(Box::new(DecidedChange {
                    at,
                    network: Arc::clone(engine.network()),
                    sequence: shared.recorder.sequence().take(),
                    place: shared.observer.place_of(engine, addresses),
                    changes,
                }))
            }
        }
    });
    Ok(said.ok())
}

/// Commits changes, and passes the answer of storage to the engines.
fn commit(reloader: &Reloader, changes: &Changes) -> StorageAnswer {
    let shared = &reloader.shared;
    let (sender, answered) = crossbeam_channel::bounded(1);
    let submission = Submission {
        decisions: vec![changes.clone()],
        on_done: Box::new(move |_, answers| {
            let _ = sender.send(answers.into_iter().next());
        }),
    };
    let submitted = shared.committer.submit(submission).map_err(drop);
    // Storage answers everything that it accepted once, or the process ends.
    let answer = submitted.ok().and_then(|()| answered.recv().ok().flatten());
    let answer = answer.unwrap_or(StorageAnswer::NotMade);
    let mut engines = Engines::of(&shared.engines);
    shared.pipeline().settle(&mut engines, clock::now(), changes, &answer);
    answer
}

/// Reports a change that is durable to everything that follows leases.
fn report(
    reloader: &Reloader,
    by: &Operator,
    change: &ChangeByHand,
    deed: Deed,
    decided: DecidedChange,
) {
    let shared = &reloader.shared;
    let DecidedChange { at, network, changes, sequence, place } = decided;
    shared.hosts.note(&changes);
    if let Some(sequence) = sequence {
        let (network, change) = (network.name.to_string(), change.clone());
        shared.recorder.by_hand(ByHand { sequence, at_ms: at, network, change });
    }
    let from = match change {
        ChangeByHand::Move { from, .. } => Some(*from),
        ChangeByHand::Add { .. } | ChangeByHand::End { .. } => None,
    };
    let event = HandEvent { deed, network, pool: None, changes, from, by: by.clone() };
    shared.observer.by_hand(event, place);
}

fn done(what: Deed, changed: bool, network: &Network, by: Operator) -> DoneByHand {
    let vpn = network.vpn_name().map(ToString::to_string);
    DoneByHand { vpn, ..DoneByHand::new(what, changed, &network.name, by) }
}

fn reported(done: DoneByHand) -> DoneByHand {
    if done.changed {
        log(&done);
    }
    done
}
