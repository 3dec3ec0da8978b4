//! Tracks which neighbours answer ARP, according to the kernel's table.
//!
//! A datagram to one that answers leaves at once. A datagram to any other waits in the kernel for
//! seconds and occupies the socket's send buffer. Does not limit how much may wait; see
//! [`super::trials`]. Invariant: memory is bounded however many addresses senders invent.

use std::{
    collections::HashMap,
    net::Ipv4Addr,
    sync::{Mutex, PoisonError},
};

use netlink_packet_route::{
    AddressFamily,
    neighbour::{
        NeighbourAddress, NeighbourAttribute, NeighbourFlags, NeighbourMessage, NeighbourState,
    },
};

/// A neighbour: the index of the interface, and the address there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Neighbour {
    pub(super) index: u32,
    pub(super) address: Ipv4Addr,
}

/// What is known of a neighbour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// The kernel knows its hardware address.
    Answers,
    /// The kernel knew its hardware address before.
    AnsweredBefore,
    /// It never answered.
    Unknown,
}

/// Every neighbour that answers or answered before. Shared by all endpoints.
#[derive(Debug, Default)]
pub(super) struct Neighbours {
    /// Whether each neighbour answers now; those that are `false` answered before.
    answers: Mutex<HashMap<Neighbour, bool>>,
}

/// The number of neighbours that are remembered after they stopped answering.
const SILENT_MAX: usize = 4096;

impl Neighbours {
    /// Replaces the whole state, after notifications were lost.
    pub(super) fn replace(&self, messages: &[NeighbourMessage]) {
        let mut answers = self.lock();
        answers.values_mut().for_each(|answers| *answers = false);
        for message in messages {
            note(&mut answers, message, false);
        }
    }

    /// Applies a notification of the kernel.
    pub(super) fn note(&self, message: &NeighbourMessage, is_deleted: bool) {
        note(&mut self.lock(), message, is_deleted);
    }

    /// Returns what is known of each of `neighbours`.
    pub(super) fn standings(&self, neighbours: &[Option<Neighbour>]) -> Vec<Option<Standing>> {
        let answers = self.lock();
        let standing = |neighbour: &Neighbour| match answers.get(neighbour) {
            Some(true) => Standing::Answers,
            Some(false) => Standing::AnsweredBefore,
            None => Standing::Unknown,
        };
        neighbours.iter().map(|neighbour| neighbour.as_ref().map(standing)).collect()
    }

    /// Returns whether this neighbour answers.
    pub(super) fn answers(&self, neighbour: &Neighbour) -> bool {
        self.lock().get(neighbour).copied().unwrap_or(false)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<Neighbour, bool>> {
        self.answers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn note(answers: &mut HashMap<Neighbour, bool>, message: &NeighbourMessage, is_deleted: bool) {
    let header = &message.header;
    if header.family != AddressFamily::Inet || header.flags.contains(NeighbourFlags::Proxy) {
        return;
    }
    let address = message.attributes.iter().find_map(|attribute| match attribute {
        NeighbourAttribute::Destination(NeighbourAddress::Inet(address)) => Some(*address),
        _ => None,
    });
    let Some(address) = address else { return };
    let neighbour = Neighbour { index: header.ifindex, address };
    if !is_deleted && has_hardware_address(header.state) {
        answers.insert(neighbour, true);
        return;
    }
    // Only neighbours that answered are remembered, because any sender can make the server send to
    // an address.
    if let Some(answered) = answers.get_mut(&neighbour) {
        *answered = false;
        if answers.values().len() > SILENT_MAX
            && answers.values().filter(|answers| !**answers).count() > SILENT_MAX
        {
            answers.retain(|_, answers| *answers);
        }
    }
}

/// Returns whether the kernel sends to a neighbour in this state without waiting (NUD_VALID).
fn has_hardware_address(state: NeighbourState) -> bool {
    matches!(
        state,
        NeighbourState::Reachable
            | NeighbourState::Stale
            | NeighbourState::Delay
            | NeighbourState::Probe
            | NeighbourState::Permanent
            | NeighbourState::Noarp
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(number: u32, state: NeighbourState) -> NeighbourMessage {
        let mut message = NeighbourMessage::default();
        message.header.family = AddressFamily::Inet;
        message.header.ifindex = 1;
        message.header.state = state;
        let address = NeighbourAddress::Inet(Ipv4Addr::from(number));
        message.attributes.push(NeighbourAttribute::Destination(address));
        message
    }

    fn standing(neighbours: &Neighbours, number: u32) -> Standing {
        let neighbour = Neighbour { index: 1, address: Ipv4Addr::from(number) };
        neighbours.standings(&[Some(neighbour)])[0].unwrap()
    }

    #[test]
    fn a_neighbour_answers_until_the_kernel_says_otherwise() {
        let neighbours = Neighbours::default();
        assert_eq!(standing(&neighbours, 7), Standing::Unknown);
        neighbours.note(&message(7, NeighbourState::Failed), false);
        assert_eq!(standing(&neighbours, 7), Standing::Unknown);
        neighbours.note(&message(7, NeighbourState::Stale), false);
        assert_eq!(standing(&neighbours, 7), Standing::Answers);
        neighbours.note(&message(7, NeighbourState::Failed), false);
        assert_eq!(standing(&neighbours, 7), Standing::AnsweredBefore);
        neighbours.replace(&[message(7, NeighbourState::Reachable)]);
        assert_eq!(standing(&neighbours, 7), Standing::Answers);
        neighbours.replace(&[]);
        assert_eq!(standing(&neighbours, 7), Standing::AnsweredBefore);
    }

    #[test]
    fn silent_neighbours_are_remembered_up_to_a_limit() {
        let neighbours = Neighbours::default();
        for number in 0..=SILENT_MAX as u32 {
            neighbours.note(&message(number, NeighbourState::Reachable), false);
            neighbours.note(&message(number, NeighbourState::Reachable), true);
        }
        assert!(neighbours.lock().len() <= SILENT_MAX);
    }
}
