//! The classes of a request, which are found before its client is: a class can say by which
//! property clients are distinguished.
//!
//! Decides nothing. Invariant: without configured classes nothing is looked up.

use std::{borrow::Cow, sync::Arc};

use lessor_core::{RelayInformation, Request};

use crate::environment::{self, Environment};

/// Adds the classes of the configuration that serves now to a request, in place of those that it
/// had.
pub(crate) fn classify(request: &mut Arc<Request>, environment: &mut impl Environment) {
    let is_without = |topology: &lessor_core::Topology| topology.classes().is_empty();
    if is_without(environment.topology()) && request.classes.is_empty() {
        return;
    }
    let remembered = remembered_relay_information(request, environment);
    let information = request.relay_information.as_ref().or(remembered.as_ref());
    let found = environment.topology().classes().of(request, information);
    if found != request.classes {
        Arc::make_mut(request).classes = found;
    }
}

/// What the relay of a client said last, for a message that the client sent directly, if a class
/// is about that.
fn remembered_relay_information(
    request: &Request,
    environment: &mut impl Environment,
) -> Option<RelayInformation> {
    let is_needed = environment.topology().classes().reads_relay_information();
    if !is_needed || request.relay_information.is_some() || !request.is_direct() {
        return None;
    }
    let remembered = environment::where_it_belongs(environment, request, |environment| {
        let network = environment.topology().locate(request)?.network;
        Some(environment.with_engine(network, |engine| {
            engine.relay_information_of(request).map(Cow::into_owned)
        }))
    });
    // A request that belongs nowhere ends in the next step, which says why.
    remembered.ok().flatten()
}
