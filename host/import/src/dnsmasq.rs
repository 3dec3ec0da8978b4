//! dnsmasq: its configuration, and its lease file.

mod config;
mod host;
mod keys;
mod leases;
mod lines;
mod names;
mod options;
mod range;
mod spelling;
mod tags;

use crate::{
    Found,
    input::{Reader, Text},
    leases::Gathered,
    place::Refusal,
};

/// Reads a configuration.
pub(crate) fn configuration(text: &Text, reader: &mut Reader) -> Result<Found, Refusal> {
    config::read(text, reader)
}

/// Reads a file of leases.
pub(crate) fn leases(text: &Text, into: &mut Gathered) -> Result<(), Refusal> {
    leases::read(text, into)
}
