//! ISC dhcpd: `dhcpd.conf` and `dhcpd.leases`.

mod config;
mod definitions;
mod expression;
mod form;
mod grammar;
mod includes;
mod leases;
mod options;
mod owners;
mod pools;
mod statements;
mod vendor_classes;
mod word;

use crate::{
    Found,
    input::{Reader, Text},
    leases::{Gathered, Times},
    place::Refusal,
};

/// Reads a configuration.
pub(crate) fn configuration(text: &Text, reader: &mut Reader) -> Result<Found, Refusal> {
    config::read(text, reader)
}

/// Reads a file of leases.
pub(crate) fn leases(text: &Text, times: &Times, into: &mut Gathered) -> Result<(), Refusal> {
    leases::read(text, times, into)
}
