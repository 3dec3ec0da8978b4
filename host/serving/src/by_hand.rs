//! Changes that an operator makes by hand on a running server: of leases, and of pools that are
//! drained.
//!
//! Decides nothing: the engine decides about leases, and storage settles them as it does those of
//! clients. Invariant: a change is acknowledged only when it is on disk, and when the journal, if
//! there is one, names the person who made it.

mod client;
mod leases;
mod pools;
mod texts;

use std::{fmt, net::Ipv4Addr};

use lessor_control::{Peer, Say, json_line};
use lessor_core::{HardwareAddress, VpnName};
use serde::{Deserialize, Serialize};

use crate::{
    operator::{Deed, Note, Operator},
    reload::Reloader,
};

pub use self::client::ClientFacts;

/// What an operator wants, and what it says of itself.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct OrderByHand {
    /// What to change.
    pub what: What,
    /// The user that called `sudo`, according to the caller.
    pub claimed_sudo_user: Option<Note>,
    /// Why.
    pub note: Option<Note>,
}

/// A change by hand.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum What {
    /// Leases an address to a client.
    Add {
        /// The address.
        address: Ipv4Addr,
        /// The VPN whose address it is.
        vpn: Option<VpnName>,
        /// The client.
        client: ClientFacts,
        /// The duration of the lease, in seconds.
        secs: u32,
    },
    /// Ends a lease or a quarantine.
    End(Target),
    /// Gives the client of a lease another address.
    Move {
        /// The lease.
        target: Target,
        /// The other address.
        to: Ipv4Addr,
    },
    /// Drains a pool.
    Drain(NamedPool),
    /// Opens a drained pool.
    Open(NamedPool),
}

/// A lease, by its address or by its client.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Target {
    /// The address.
    pub address: Option<Ipv4Addr>,
    /// The VPN whose address it is, or in which the client is searched.
    pub vpn: Option<VpnName>,
    /// What is known of the client.
    pub client: ClientFacts,
}

/// A pool, by its name.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct NamedPool {
    /// The name of its network; `None` if only one network has a pool of this name.
    pub network: Option<String>,
    /// Its name.
    pub pool: String,
}

/// The answer of the server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AnswerByHand {
    /// It is as the operator wanted.
    Done(Box<DoneByHand>),
    /// Nothing was changed, because of the state of the server.
    Refused(NothingChanged),
    /// Nothing was changed, because the server could not write.
    Failed(String),
}

/// A change that was made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct DoneByHand {
    /// What was done, as the journal names it.
    pub what: Deed,
    /// Whether something was changed: `false` if it was so before.
    pub changed: bool,
    /// The name of the network.
    pub network: String,
    /// The VPN of the network.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vpn: Option<String>,
    /// The pool that was drained or opened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pool: Option<String>,
    /// The address of the lease that was added or ended, or from which the client moves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<Ipv4Addr>,
    /// The address to which the client moves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub moves_to: Option<Ipv4Addr>,
    /// The client key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<String>,
    /// How many leases the drained pool still has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub leases: Option<u64>,
    /// The person who is on record for it.
    pub by: Operator,
    /// What happens next.
    pub then: String,
}

/// Why nothing was changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct NothingChanged {
    /// The cause in one word, for scripts.
    pub cause: String,
    /// What was found, and what to do.
    pub text: String,
}

impl DoneByHand {
    fn new(what: Deed, changed: bool, network: &str, by: Operator) -> Self {
        Self {
            what,
            changed,
            network: network.to_owned(),
            vpn: None,
            pool: None,
            address: None,
            moves_to: None,
            client: None,
            leases: None,
            by,
            then: texts::then(what, changed).to_owned(),
        }
    }
}

impl fmt::Display for DoneByHand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { address, moves_to, client, pool, leases, network, .. } = self;
        f.write_str(if self.changed { self.what.name() } else { "unchanged" })?;
        pool.iter().try_for_each(|pool| write!(f, ": pool {pool}"))?;
        address.iter().try_for_each(|address| write!(f, ": {address}"))?;
        moves_to.iter().try_for_each(|address| write!(f, " to {address}"))?;
        client.iter().try_for_each(|client| write!(f, " of {client}"))?;
        write!(f, ", network {network}")?;
        leases.iter().try_for_each(|leases| write!(f, ", {leases} leased"))?;
        write!(f, ", by {}", self.by)
    }
}

impl NothingChanged {
    fn new(cause: &str, text: impl Into<String>) -> Self {
        Self { cause: cause.to_owned(), text: text.into() }
    }
}

impl From<NothingChanged> for AnswerByHand {
    fn from(refusal: NothingChanged) -> Self {
        Self::Refused(refusal)
    }
}

/// Makes the change that a caller of the control socket wants, and says what became of it.
pub fn answer(reloader: &Reloader, peer: Peer, order: OrderByHand, say: &mut Say<'_>) -> bool {
    let OrderByHand { what, claimed_sudo_user, note } = order;
    let by = Operator::of(peer, claimed_sudo_user, note);
    let done = match what {
        What::Add { address, vpn, client, secs } => {
            leases::add(reloader, by, address, vpn.as_ref(), &client, secs)
        }
        What::End(target) => leases::end(reloader, by, &target),
        What::Move { target, to } => leases::move_to(reloader, by, &target, to),
        What::Drain(named) => pools::drain(reloader, by, &named),
        What::Open(named) => pools::open(reloader, by, &named),
    };
    say(json_line(&done.map_or_else(|answer| answer, |done| AnswerByHand::Done(Box::new(done)))))
}

/// Logs what an operator did: a journal is not everywhere.
fn log(done: &DoneByHand) {
    tracing::info!(
        network = done.network,
        pool = done.pool,
        address = done.address.map(tracing::field::display),
        moves_to = done.moves_to.map(tracing::field::display),
        client = done.client,
        by = %done.by,
        note = done.by.note.as_ref().map(Note::as_str),
        "{}",
        done.what.name()
    );
}

/// A hardware address that is not known.
fn unknown_hardware_address() -> HardwareAddress {
    HardwareAddress::new(HardwareAddress::ETHERNET, &[])
        .unwrap_or_else(|| HardwareAddress::ethernet([0; 6]))
}
