//! The limit of a class: how many leases its clients may have, counted by what they share.
//!
//! Does not count; the engine does, under the name of an account as it does for policies.
//! Invariant: no two accounts have the same name, whether they are of one class or of two.

use std::{num::NonZeroU32, sync::Arc};

use serde::{Deserialize, Serialize};

use crate::{
    BeyondLimit, HardwareAddress, Line, RelayInformation, SubscriberLimit, octets::readable, relay,
};

/// How many leases the clients of a class may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct ClassLimit {
    /// The clients that are counted together.
    pub by: LimitBy,
    /// The maximum number of leases at a time.
    pub leases_max: NonZeroU32,
    /// What happens when they want another one.
    pub beyond: BeyondLimit,
}

/// What clients share that are counted together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LimitBy {
    /// The class.
    Class,
    /// The hardware address.
    HardwareAddress,
    /// The line: circuit id and remote id.
    Line,
    /// Sub-option 1 of option 82.
    CircuitId,
    /// Sub-option 2 of option 82.
    RemoteId,
    /// Sub-option 6 of option 82.
    SubscriberId,
}

impl LimitBy {
    /// Every property, with its name in the configuration.
    pub const ALL: [(&'static str, Self); 6] = [
        ("class", Self::Class),
        ("hardware-address", Self::HardwareAddress),
        ("line", Self::Line),
        ("circuit-id", Self::CircuitId),
        ("remote-id", Self::RemoteId),
        ("subscriber-id", Self::SubscriberId),
    ];
}

impl ClassLimit {
    /// The account of a message of class `class`, and its limit: the name is that of the class and,
    /// after a slash, what the clients share. `None` if the message does not have that.
    pub(crate) fn account(
        &self,
        class: &str,
        hardware_address: &HardwareAddress,
        relay_information: Option<&RelayInformation>,
    ) -> Option<SubscriberLimit> {
        let sub_option = |code| {
            let octets = relay_information?.sub_option(code)?;
            Some(format!("{class}/{}", unambiguous(octets)))
        };
        let name = match self.by {
            LimitBy::Class => Some(class.to_owned()),
            LimitBy::HardwareAddress => {
                hardware_address.is_anybody().then(|| format!("{class}/{hardware_address}"))
            }
            LimitBy::Line => {
                let line = relay_information.and_then(Line::of)?;
                Some(format!("{class}/{}", hex::encode(line.octets())))
            }
            LimitBy::CircuitId => sub_option(relay::CIRCUIT_ID),
            LimitBy::RemoteId => sub_option(relay::REMOTE_ID),
            LimitBy::SubscriberId => sub_option(relay::SUBSCRIBER_ID),
        };
        let Self { leases_max, beyond, .. } = *self;
        Some(SubscriberLimit { name: Arc::from(name?), leases_max, beyond })
    }
}

/// The octets as text if they are text, otherwise in hexadecimal after `hex:`.
fn unambiguous(octets: &[u8]) -> String {
    match octets.starts_with(b"hex:") {
        true => format!("hex:{}", hex::encode(octets)),
        false => readable(octets),
    }
}
