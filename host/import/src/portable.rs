//! Leases in the form in which they move between servers: CSV or JSON lines, with a column or a
//! member for each property, which people can read and change.
//!
//! Does not say everything that a record has: what a newer release wrote there, its revision and
//! the pool are left out. Invariants: the last line of a file says that it is the end, so a file
//! that is cut off is not read; a lease that is written is read as it was.

mod read;
mod rows;
mod write;

pub use read::read;
pub use write::write;

use serde::Serialize;

/// The form of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Form {
    /// RFC 4180, with the names of the columns in the first line.
    Csv,
    /// An object on each line.
    JsonLines,
}

/// The names of the columns of CSV and of the members of JSON.
mod column {
    pub(super) const ADDRESS: &str = "address";
    pub(super) const VPN: &str = "vpn";
    pub(super) const STATE: &str = "state";
    pub(super) const HARDWARE_ADDRESS: &str = "hardware-address";
    pub(super) const CLIENT_IDENTIFIER: &str = "client-identifier";
    pub(super) const CIRCUIT_ID: &str = "circuit-id";
    pub(super) const REMOTE_ID: &str = "remote-id";
    pub(super) const RELAY_INFORMATION: &str = "relay-information";
    pub(super) const RELAY_ADDRESS: &str = "relay-address";
    pub(super) const HOST_NAME: &str = "host-name";
    pub(super) const SUBSCRIBER: &str = "subscriber";
    pub(super) const BEGAN_AT: &str = "began-at";
    pub(super) const CHANGED_AT: &str = "changed-at";
    pub(super) const EXPIRES_AT: &str = "expires-at";

    /// All of them, in the order of CSV.
    pub(super) const ALL: [&str; 14] = [
        ADDRESS,
        VPN,
        STATE,
        HARDWARE_ADDRESS,
        CLIENT_IDENTIFIER,
        CIRCUIT_ID,
        REMOTE_ID,
        RELAY_INFORMATION,
        RELAY_ADDRESS,
        HOST_NAME,
        SUBSCRIBER,
        BEGAN_AT,
        CHANGED_AT,
        EXPIRES_AT,
    ];
}

/// What the last line of a file says.
const END: &str = "end";
/// The time at which an infinite lease ends.
const NEVER: &str = "never";
/// The states that are written.
const LEASED: &str = "leased";
const QUARANTINED: &str = "quarantined";
