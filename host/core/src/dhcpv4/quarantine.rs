//! The accounts that a declined address counts against.
//!
//! Decides nothing: `farewell` decides whether one more is too many. An address counts against the
//! client that declined it, that client's line, and its subscriber. Option 82 names the line: a
//! client chooses its hardware address and its client identifier, but not its line. Invariant:
//! every record of a client counts against it and against exactly one line or link.

use std::sync::Arc;

use smallvec::SmallVec;

use crate::{Binding, ClientKey, QuarantineMax, RelayInformation};

use super::probes::NOBODY;

/// An account that a quarantined address counts against.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Account {
    /// The client that declined it.
    Client(ClientKey),
    /// The line that the relay agent named: circuit id and remote id.
    Line(Option<Box<[u8]>>, Option<Box<[u8]>>),
    /// The network, for a client whose line no relay agent names.
    Link,
    /// The subscriber that the lease counted against.
    Subscriber(Arc<str>),
}

/// The accounts of a quarantined address, according to its record. An address that answered a
/// probe counts against nobody.
pub(super) fn accounts_of(record: &Binding) -> SmallVec<[Account; 3]> {
    if record.client == NOBODY {
        return SmallVec::new();
    }
    let line = Account::of_line(record.relay_information.as_ref());
    let subscriber = record.subscriber.as_ref().map(|name| Account::Subscriber(Arc::clone(name)));
    [Account::Client(record.client.clone()), line].into_iter().chain(subscriber).collect()
}

impl Account {
    /// The account of the line in `information`, or that of the link if it names none.
    pub(super) fn of_line(information: Option<&RelayInformation>) -> Self {
        let part = |part: Option<&[u8]>| part.filter(|octets| !octets.is_empty()).map(Box::from);
        let circuit_id = part(information.and_then(RelayInformation::circuit_id));
        let remote_id = part(information.and_then(RelayInformation::remote_id));
        match (circuit_id, remote_id) {
            (None, None) => Self::Link,
            (circuit_id, remote_id) => Self::Line(circuit_id, remote_id),
        }
    }

    /// The maximum number of quarantined addresses of this account.
    pub(super) fn max(&self, limits: &QuarantineMax) -> usize {
        let max = match self {
            Self::Client(_) => limits.client,
            Self::Line(..) => limits.line,
            Self::Link => limits.link,
            Self::Subscriber(_) => limits.subscriber,
        };
        usize::try_from(max.get()).unwrap_or(usize::MAX)
    }
}
