//! The classes of a request, which are found before its client is: a class can say by which
//! property clients are distinguished.
//!
//! Decides nothing. Invariant: without configured classes nothing is looked up.

use std::{borrow::Cow, net::Ipv4Addr, sync::Arc};

use lessor_core::{ClassNames, ClientPlace, Location, RelayInformation, Request, Topology};

use crate::environment::{self, Environment};

/// Adds the classes of the configuration that serves now to a request, in place of those that it
/// had.
pub(crate) fn classify(request: &mut Arc<Request>, environment: &mut impl Environment) {
    let is_without = |topology: &Topology| topology.classes().is_empty();
    if is_without(environment.topology()) && request.classes.is_empty() {
        return;
    }
    let recorded = recorded(request, environment);
    let topology = environment.topology();
    let place = place(request, topology, &recorded);
    let found = topology.classes().of(request, place, recorded.reserved.as_ref());
    if found != request.classes {
        Arc::make_mut(request).classes = found;
    }
}

/// Where the client is. Its network is looked for only if a class depends on it.
fn place<'p>(
    request: &'p Request,
    topology: &'p Topology,
    recorded: &'p Recorded,
) -> ClientPlace<'p> {
    let wants_network = topology.classes().reads_relay() && !request.is_relayed();
    let location = if wants_network { topology.locate(request) } else { None };
    let network = location.and_then(|location| topology.network(location));
    let own = request.relay_information.as_ref();
    ClientPlace {
        relay_information: own.or(recorded.relay_information.as_ref()),
        relay_address: recorded.relay_address,
        network: network.map(|network| &**network),
    }
}

/// What the engine knows of a client that its classes depend on.
#[derive(Default)]
struct Recorded {
    /// What the relay of the client said last.
    relay_information: Option<RelayInformation>,
    /// The relay itself; zero if it has none.
    relay_address: Option<Ipv4Addr>,
    /// The classes that the reservation of the client names.
    reserved: Option<ClassNames>,
}

/// What the engine knows of the client. It is asked for the relay of a message that the client sent
/// directly, and for what that said, if a class is about that, and for classes if reservations name
/// some.
fn recorded(request: &Request, environment: &mut impl Environment) -> Recorded {
    let topology = environment.topology();
    let reads_information = topology.classes().reads_relay_information();
    let has_none = request.relay_information.is_none() && request.is_direct();
    let wants_information = reads_information && has_none;
    let wants_relay = topology.classes().reads_relay() && request.is_direct();
    let wants_reserved = topology.reservations_name_classes();
    if !wants_information && !wants_relay && !wants_reserved {
        return Recorded::default();
    }
    let recorded = environment::where_it_belongs(environment, request, |environment| {
        let Location { network, subnet } = environment.topology().locate(request)?;
        Some(environment.with_engine(network, |engine| {
            let information = || engine.relay_information_of(request).map(Cow::into_owned);
            let reserved = || engine.reserved_classes(subnet, request);
            Recorded {
                relay_information: wants_information.then(information).flatten(),
                relay_address: wants_relay.then(|| engine.relay_address_of(request)).flatten(),
                reserved: wants_reserved.then(reserved).flatten(),
            }
        }))
    });
    // A request that belongs nowhere ends in the next step, which says why.
    recorded.unwrap_or_default()
}
