//! What the RFCs demand of a DHCPv4 server, as black-box tests over UDP: a folder for each RFC, a
//! file for each section, and a test for each demand, named by what it demands.
//!
//! The subject is chosen by the variable `LESSOR_SUBJECT`: `lessor` (default), `kea`, `dhcpd` or
//! `dnsmasq`. The others are controls: a demand that all of them meet and this server does not is
//! probably a mistake of this server, and one that none of them meets is perhaps a mistake of the
//! test. `cargo xtask conformance --subject all` runs all of them.
//!
//! - [`World`]: a subject that serves on a site of its own.
//! - [`Heard`], [`Expected`]: what a client hears.
//! - [`features`]: what a subject has to be configured for, in the words of each subject, and what
//!   it does not support.
//! - [`bootp`]: replies to BOOTP clients.
//! - [`messages`]: messages of clients.
//! - [`report`]: the results of a run, as tables.
//!
//! **A demand that a subject does not meet fails, whatever the subject is; a demand on what the
//! subject does not have is skipped with the reason.**

pub mod bootp;
pub mod features;
mod heard;
pub mod messages;
pub mod report;
mod subject;
mod world;

pub use lessor_e2e::subject::{
    GIADDR, INFINITE_SECS, Kind, NAME_SERVER, ON_LINK, POOL_SIZE, Packet, Place, RELAY,
    RESERVED_ADDRESS, RESERVED_FOR, SECOND_GIADDR, Service, TIME_SERVER, TO_RELAY, Type, device,
};

pub use self::{
    features::{Feature, Support},
    heard::{Expected, Heard},
    subject::{VARIABLE, chosen},
    world::World,
};
