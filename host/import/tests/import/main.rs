//! Tests of imports, with configurations and leases that Kea, dhcpd and dnsmasq accept.

mod classes;
mod common;
mod damaged_leases;
mod dhcpd;
mod golden;
mod host_tags;
mod hostile;
mod kea_boot;
mod kea_reservations;
mod kept;
mod lease_times;
mod leases;
mod lines_of_dnsmasq;
mod merging;
mod options;
mod order_in_dhcpd;
mod order_of_dnsmasq;
mod relays;
mod reservations;
mod timers;
