//! A server under test and the site around it: this server, Kea, ISC dhcpd or dnsmasq, in separate
//! network namespaces, with the same subnets, pools, options and reservation.
//!
//! The outcome of a message is what arrives, and where; the servers themselves are not queried. The
//! messages are built with dhcproto and etherparse, and read with the code of the load generator:
//! not with code of the server.
//!
//! - `packet`: messages as octets, valid and invalid ones.
//! - `site`: the hosts and links, and the frames that arrive.
//! - `service`: what every server is configured to do.
//! - `kind`: the servers; one file for each writes its configuration and starts it.

mod dhcpd;
mod dnsmasq;
mod kea;
mod kind;
mod lessor;
mod packet;
mod running;
mod service;
mod site;

pub use self::{
    kind::Kind,
    packet::{Packet, Type, device},
    running::Running,
    service::{
        Addition, INFINITE_SECS, NAME_SERVER, POOL_SIZE, RESERVED_ADDRESS, RESERVED_FOR, Service,
        TIME_SERVER,
    },
    site::{Answer, GIADDR, ON_LINK, Place, RELAY, Reply, SECOND_GIADDR, Site, TO_RELAY},
};
