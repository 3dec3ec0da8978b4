//! What can happen in a world.

use std::{fmt, net::Ipv4Addr};

use super::STEP_SECS;

/// The possible events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    Discover(u8, usize),
    Select(u8),
    Renew(u8, usize),
    Release(u8, usize),
    Decline(u8, usize),
    StorageMakes(usize),
    StorageFails(usize),
    StorageFailsButWrites(usize),
    StorageIsReadAgain(usize),
    StorageAnswers(usize),
    StorageAnswersTwice(usize),
    Learn(usize, Ipv4Addr),
    Restart(usize),
    TimePasses,
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Discover(client, server) => {
                write!(f, "client {client} asks server {server} for an address")
            }
            Self::Select(client) => write!(f, "client {client} takes its offer"),
            Self::Renew(client, server) => write!(f, "client {client} renews with server {server}"),
            Self::Release(client, server) => {
                write!(f, "client {client} releases, to server {server}")
            }
            Self::Decline(client, server) => {
                write!(f, "client {client} declines, to server {server}")
            }
            Self::StorageMakes(server) => write!(f, "storage writes for server {server}"),
            Self::StorageFails(server) => write!(f, "storage fails for server {server}"),
            Self::StorageFailsButWrites(server) => {
                write!(f, "storage fails for server {server}, but has written")
            }
            Self::StorageIsReadAgain(server) => {
                write!(f, "storage is read again for server {server}")
            }
            Self::StorageAnswers(server) => write!(f, "server {server} hears from storage"),
            Self::StorageAnswersTwice(server) => {
                write!(f, "server {server} hears the same from storage again")
            }
            Self::Learn(server, address) => write!(f, "server {server} learns of {address}"),
            Self::Restart(server) => write!(f, "server {server} starts again"),
            Self::TimePasses => write!(f, "{STEP_SECS} s pass"),
        }
    }
}
