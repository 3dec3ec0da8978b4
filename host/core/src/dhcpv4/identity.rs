//! Identity: which client sent a request, according to the client key of the network.
//!
//! Decides nothing about addresses. Invariant: a message that does not identify a client has none,
//! and therefore never reaches a decision about an address.
//!
//! A record keeps the key that it was created with. An operator may change the kind of key while
//! leases are active, and a device may begin to send a client identifier. The record counts as that
//! of a client with another key if all of this holds (`former_key`):
//!
//! - the message names the address of the record, in ciaddr if the client uses that, otherwise in
//!   option 50;
//! - the lease is active, and the client has no active lease under its new key;
//! - the message comes from the same hardware address, and not from another line;
//! - the same message would have the key on record if it were derived as another kind.
//!
//! The next ACK writes the new key. A client identifier is never a former key of a different client
//! identifier.

use std::{borrow::Cow, net::Ipv4Addr};

use serde::{Deserialize, Serialize};

use crate::{
    ClientKey, ClientKeyKind, HardwareAddress, Line, RelayInformation, Request,
    fixed_hash::fixed_hash,
    ledger::{Holder, KnownHolder, Record},
};

use super::{
    family::{Bindings, Facts, Ipv4, SlotView},
    plan::{Plan, address_of},
};

/// The client of a request.
#[derive(Clone, Debug)]
pub(super) struct Client {
    /// The current key; offers to the client and its next lease are recorded under this key.
    pub(super) key: KnownHolder<Ipv4>,
    /// The key of its lease on record if that is of another kind: the kind was changed since, or
    /// the client did not send a client identifier at that time.
    former_key: Option<Box<KnownHolder<Ipv4>>>,
}

impl Client {
    /// The key of its lease on record.
    pub(super) fn on_record(&self) -> &KnownHolder<Ipv4> {
        self.former_key.as_deref().unwrap_or(&self.key)
    }

    /// The keys of the client, that of its lease on record first.
    pub(super) fn each(&self) -> impl Iterator<Item = &KnownHolder<Ipv4>> {
        self.former_key.as_deref().into_iter().chain([&self.key])
    }

    /// The hash by which a pool of random order finds a place for the client.
    pub(super) fn place(&self) -> u64 {
        fixed_hash(&self.key.holder().octets())
    }
}

/// A client's key was seen with another hardware address or on another line than that of its active
/// lease: the device was replaced or moved, or two devices have the same key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct SeenElsewhere {
    /// The client.
    pub client: ClientKey,
    /// The address that it leases.
    pub address: Ipv4Addr,
    /// The hardware addresses of the lease and of the message, if they differ.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hardware_addresses: Option<(HardwareAddress, HardwareAddress)>,
    /// The lines of the lease and of the message, if they differ.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lines: Option<(Line, Line)>,
}

/// The client that sent `request`, or `None` if the request does not identify one.
pub(super) fn client_of(plan: &Plan, bindings: &Bindings, request: &Request) -> Option<Client> {
    let kind = plan.network().client_key_of(request);
    let information = relay_information_of(plan, bindings, request);
    let information = information.as_deref();
    let key = kind.key_of(request, information)?;
    let key = bindings.look_up(key);
    let former_key = former_key(bindings, kind, request, information, &key);
    Some(Client { former_key: former_key.map(|former| Box::new(bindings.look_up(former))), key })
}

/// See [`super::Engine::relay_information_of`].
pub(super) fn relay_information_of<'a>(
    plan: &Plan,
    bindings: &'a Bindings,
    request: &'a Request,
) -> Option<Cow<'a, RelayInformation>> {
    if let Some(own) = &request.relay_information {
        return Some(Cow::Borrowed(own));
    }
    let remembered = remembered(plan, bindings, request, |facts| facts.relay_information)?;
    Some(Cow::Owned(RelayInformation::from_octets(remembered)))
}

/// See [`super::Engine::relay_address_of`].
pub(super) fn relay_address_of(
    plan: &Plan,
    bindings: &Bindings,
    request: &Request,
) -> Option<Ipv4Addr> {
    match request.is_direct() {
        true => remembered(plan, bindings, request, |facts| facts.relay_address),
        false => Some(request.relay_address),
    }
}

/// What the record of a client says about it, if the client sent its message directly from the
/// address that it leases.
fn remembered<'a, T>(
    plan: &Plan,
    bindings: &'a Bindings,
    request: &Request,
    fact: impl FnOnce(Facts<'a>) -> Option<T>,
) -> Option<T> {
    let address = request.address_in_use().filter(|_| request.is_direct())?;
    let record = bindings.slot(u32::from(address))?.record()?;
    let found = fact(Facts::of(record))?;
    is_of_sender(plan, record, request).then_some(found)
}

/// How a request differs from the active lease of its client.
pub(super) fn seen_elsewhere(
    lease: SlotView<'_>,
    client: &ClientKey,
    request: &Request,
) -> Option<SeenElsewhere> {
    let record = lease.record()?;
    let (known, seen) = (Facts::of(record).hardware_address, request.hardware_address);
    let hardware_addresses =
        (known != seen && known.is_anybody() && seen.is_anybody()).then_some((known, seen));
    let lines = differing_lines(record, request.relay_information.as_ref());
    (hardware_addresses.is_some() || lines.is_some()).then(|| SeenElsewhere {
        client: client.clone(),
        address: address_of(lease.resource()),
        hardware_addresses,
        lines,
    })
}

/// The line of a record and the one in `information`, if they are known to differ.
pub(super) fn differing_lines(
    record: &Record<Ipv4>,
    information: Option<&RelayInformation>,
) -> Option<(Line, Line)> {
    let (known, seen) = (Facts::of(record).relay_information?, information?);
    if known == seen.octets() {
        return None;
    }
    let (known, seen) = (Line::of(&RelayInformation::from_octets(known))?, Line::of(seen)?);
    (known != seen).then_some((known, seen))
}

/// Returns whether a lease belongs to the sender of a message that names no line.
fn is_of_sender(plan: &Plan, record: &Record<Ipv4>, request: &Request) -> bool {
    let client = ClientKey::from_octets(record.holder());
    let is_key = |kind: ClientKeyKind| kind.key_of(request, None).as_ref() == Some(&client);
    let network = plan.network();
    // Before its classes are known, the message may have the key of any of them.
    let has_one_key = !network.classes.set_client_key;
    match (&client, network.client_key) {
        (ClientKey::Line(_) | ClientKey::LineAndHardware(_), _) => {
            Facts::of(record).hardware_address == request.hardware_address
        }
        (_, ClientKeyKind::ClientIdentifier) if has_one_key => {
            is_key(ClientKeyKind::ClientIdentifier)
        }
        _ => is_key(ClientKeyKind::ClientIdentifier) || is_key(ClientKeyKind::HardwareAddress),
    }
}

/// The key of another kind under which the lease of the address that the client names is recorded,
/// if that lease belongs to the client: see the module's documentation.
fn former_key(
    bindings: &Bindings,
    kind: ClientKeyKind,
    request: &Request,
    information: Option<&RelayInformation>,
    key: &KnownHolder<Ipv4>,
) -> Option<ClientKey> {
    let record = bindings.slot(u32::from(request.named_address()?))?.active()?;
    if key.is_holder_of(record)
        || Facts::of(record).hardware_address != request.hardware_address
        || differing_lines(record, information).is_some()
        || bindings.current_of(key).is_some_and(|current| current.active().is_some())
    {
        return None;
    }
    let mut others = ClientKeyKind::ALL.into_iter().filter(|other| *other != kind);
    others.find_map(|other| other.key_of(request, information).filter(|key| record.is_of(key)))
}
