//! Tests of imports, with configurations and leases that Kea, dhcpd and dnsmasq accept.

mod classes;
mod common;
mod damaged_leases;
mod dhcpd;
mod golden;
mod host_tags;
mod hostile;
mod leases;
mod options;
mod relays;
mod reservations;
mod timers;
