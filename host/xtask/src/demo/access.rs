//! The access network of the demo: a relay, and subscribers that extend their leases like real
//! clients, from their own address to that of the server.
//!
//! This requires that their addresses are addresses of this machine. So the demo moves to a
//! separate network namespace if the system allows it (without root if user namespaces are
//! allowed). Otherwise renewals go through the relay, and the demo reports this.

use std::{
    net::{Ipv4Addr, SocketAddrV4},
    process::{Command, Stdio},
};

use anyhow::{Context, ensure};
use lessor_load::{Answer, ClientSocket, Relay, Subscriber};
use nix::{
    sched::{CloneFlags, unshare},
    unistd::{Uid, getgid, getuid},
};

use super::{LINK, PATIENCE, RELAY, SERVER};

/// The network in which the demo runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Network {
    /// A separate namespace, created by root.
    Private,
    /// A separate namespace within a user namespace.
    PrivateToUser,
    /// The network of this machine.
    Shared,
}

/// The relay, and the network through which subscribers send by unicast.
pub(super) struct Access {
    pub(super) relay: Relay,
    network: Network,
}

impl Access {
    pub(super) fn open(network: Network) -> anyhow::Result<Self> {
        let relay = Relay::bind(SocketAddrV4::new(RELAY, 0), SERVER, Some(LINK))?;
        Ok(Self { relay, network })
    }

    /// Describes how subscribers extend their leases.
    pub(super) const fn description(&self) -> &'static str {
        match self.network {
            Network::Private | Network::PrivateToUser => {
                "(in a separate network: subscribers renew by unicast, without the relay)"
            }
            Network::Shared => {
                "(this system does not allow a separate network: subscribers renew through the \
                 relay, which reports that they sent it by unicast)"
            }
        }
    }

    /// Extends the lease of a subscriber's address.
    pub(super) fn renew(
        &mut self,
        subscriber: &Subscriber,
        address: Ipv4Addr,
    ) -> anyhow::Result<Answer> {
        if self.network == Network::Shared {
            return Ok(self.relay.renew(subscriber, address, PATIENCE)?);
        }
        let mut client = ClientSocket::bind(address, SERVER)
            .with_context(|| format!("cannot open a socket with the client's address {address}"))?;
        Ok(client.renew(subscriber, PATIENCE)?)
    }

    /// Returns the prefix for a command that connects to the server's sockets.
    pub(super) fn way_in(&self, server: u32) -> String {
        match self.network {
            Network::Private => format!("nsenter --target {server} --net "),
            Network::PrivateToUser => {
                format!("nsenter --target {server} --user --net --preserve-credentials ")
            }
            Network::Shared => String::new(),
        }
    }
}

/// Moves this process to a network in which every address of `prefix` is its own, or leaves it in
/// the shared network if the system does not allow that. Must be called before the process starts
/// others.
///
/// # Errors
/// Returns an error if the new network cannot be set up.
pub(super) fn private_network(prefix: &str) -> anyhow::Result<Network> {
    let has_ip = Command::new("ip").arg("-V").stdout(Stdio::null()).stderr(Stdio::null()).status();
    if !has_ip.is_ok_and(|status| status.success()) {
        return Ok(Network::Shared);
    }
    let (user, group) = (getuid(), getgid());
    let network = if unshare(CloneFlags::CLONE_NEWNET).is_ok() {
        Network::Private
    } else if unshare(CloneFlags::CLONE_NEWUSER | CloneFlags::CLONE_NEWNET).is_ok() {
        let map = |file: &str, text: String| {
            std::fs::write(format!("/proc/self/{file}"), text)
                .with_context(|| format!("cannot write /proc/self/{file}"))
        };
        map("setgroups", "deny".to_owned())?;
        map("uid_map", format!("{} {user} 1", Uid::from_raw(0)))?;
        map("gid_map", format!("0 {group} 1"))?;
        Network::PrivateToUser
    } else {
        return Ok(Network::Shared);
    };
    for arguments in
        [&["link", "set", "dev", "lo", "up"][..], &["route", "add", "local", prefix, "dev", "lo"]]
    {
        let status = Command::new("ip").args(arguments).status()?;
        ensure!(status.success(), "ip {}: {status}", arguments.join(" "));
    }
    Ok(network)
}
