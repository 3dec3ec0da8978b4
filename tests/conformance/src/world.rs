//! A subject that serves on a site of its own.

use std::{io::Write, net::Ipv4Addr};

use lessor_e2e::subject::{
    Kind, Packet, Place, RESERVED_FOR, Running, Service, Site, Type, device,
};

use crate::{
    Expected, Feature, Heard, Support, chosen,
    messages::{discover, selecting},
    subject,
};

/// A running subject, with a link of clients and a relay.
#[derive(Debug)]
pub struct World {
    /// What runs.
    pub kind: Kind,
    // Dropped before the hosts on which it runs.
    running: Running,
    /// The hosts and links around it.
    pub site: Site,
}

/// Starts the subject with these features, or ends the test if it does not support one of them.
///
/// ```no_run
/// # use lessor_conformance::{world, features::RAPID_COMMIT};
/// # fn test() {
/// let world = world!(RAPID_COMMIT);
/// # }
/// ```
#[macro_export]
macro_rules! world {
    ($($feature:expr),* $(,)?) => {
        $crate::world!($crate::Service::default(); $($feature),*)
    };
    ($service:expr; $($feature:expr),* $(,)?) => {
        match $crate::World::start($service, &[$(&$feature),*]) {
            Some(world) => world,
            None => return,
        }
    };
}

impl World {
    /// Starts the subject with these features. Returns `None`, and prints the reason, if it does
    /// not support one of them or this machine cannot run it.
    ///
    /// # Panics
    /// Panics if the subject does not start.
    #[track_caller]
    pub fn start(mut service: Service, features: &[&Feature]) -> Option<Self> {
        let kind = chosen();
        for feature in features {
            match feature.support(kind) {
                Support::Built => {}
                Support::By(addition) => service.additions.push(addition),
                Support::No(reason) => {
                    skip(&format!("{} has no {}: {reason}", kind.name(), feature.name));
                    return None;
                }
            }
        }
        if !subject::is_runnable(kind) {
            return None;
        }
        let site = Site::new(&["10.77.0.1/24"]);
        let running = kind.start(&site, &service);
        let running = running.unwrap_or_else(|| panic!("{} does not start", kind.name()));
        Some(Self { kind, running, site })
    }

    /// Kills the subject, as a power cut would, and starts it again.
    pub fn fails_and_starts_again(&mut self) {
        self.running.fails_and_starts_again();
    }

    /// Ends the test if the subject is one of these, and prints the reason.
    #[must_use]
    pub fn is_none_of(&self, kinds: &[Kind], reason: &str) -> bool {
        let is_one = kinds.contains(&self.kind);
        if is_one {
            skip(&format!("{}: {reason}", self.kind.name()));
        }
        !is_one
    }

    /// Gives a lease to a client on the link, and returns the ACK.
    #[track_caller]
    pub fn acquire(&self, number: u8) -> Heard {
        self.acquire_by(&discover(number))
    }

    /// Gives a lease to the device with a reservation.
    #[track_caller]
    pub fn acquire_reserved(&self) -> Heard {
        self.acquire_by(&Packet::new(Type::Discover, RESERVED_FOR))
    }

    /// Gives a lease to a client on the link that sends this client identifier (option 61).
    #[track_caller]
    pub fn acquire_as(&self, number: u8, identifier: &[u8]) -> Heard {
        let offer = self.site.broadcast(&discover(number).option(61, identifier)).offer();
        let request = selecting(device(number), &offer).option(61, identifier);
        self.site.broadcast(&request).ack()
    }

    /// Gives a lease to the client on the link that sent a DISCOVER without a client identifier.
    #[track_caller]
    pub fn acquire_by(&self, discover: &Packet) -> Heard {
        let offer = self.site.broadcast(discover).offer();
        self.site.broadcast(&selecting(discover.hardware_address, &offer)).ack()
    }

    /// Gives a lease to a client behind the relay at `giaddr`, and returns the ACK.
    #[track_caller]
    pub fn acquire_behind(&self, giaddr: Ipv4Addr, number: u8) -> Heard {
        let offer = self.site.relay(&discover(number).relayed_by(giaddr)).offer();
        self.site.relay(&selecting(device(number), &offer).relayed_by(giaddr)).ack()
    }

    /// Gives leases to clients on the link until the pool has no more addresses, beginning with
    /// client `first`. Returns the addresses.
    #[track_caller]
    pub fn exhaust(&self, first: u8) -> Vec<Ipv4Addr> {
        let mut addresses = Vec::new();
        for number in first..first + 32 {
            let answer = self.site.broadcast(&discover(number));
            if answer.reply().is_none() {
                return addresses;
            }
            let offer = answer.offer();
            let ack = self.site.broadcast(&selecting(device(number), &offer)).ack();
            assert!(matches!(ack.place, Place::ToYourAddress | Place::Broadcast));
            addresses.push(ack.said.your_address);
        }
        panic!("a pool of 8 addresses has given out {}", addresses.len());
    }
}

/// Prints, past the capture of output, that the test is skipped.
pub(crate) fn skip(reason: &str) {
    let test = std::thread::current().name().unwrap_or("a test").to_owned();
    // In one piece, so that lines of several tests do not mix.
    let _ = std::io::stderr().write_all(format!("SKIPPED {test}: {reason}\n").as_bytes());
}
