//! The demo's access network: a relay, and subscribers that extend their leases as real clients do,
//! from their own address to the server's.
//!
//! For that their addresses must be this machine's. So the demo moves to a network namespace of its
//! own if the system allows it, which takes no root where user namespaces are allowed; otherwise
//! renewals go through the relay, and the demo says so.

use std::{
    net::{Ipv4Addr, SocketAddrV4},
    process::{Command, Stdio},
};

use anyhow::{Context, ensure};
use lessor_load::{Answer, Client, Relay, Subscriber};
use nix::{
    sched::{CloneFlags, unshare},
    unistd::{Uid, getgid, getuid},
};

use super::{LINK, PATIENCE, RELAY, SERVER};

/// Where the demo runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Network {
    /// In a namespace of its own, made by root.
    Private,
    /// In one that came with a user namespace.
    PrivateToUser,
    /// Beside everything else on this machine.
    Shared,
}

/// The relay, and the subscribers' own way to the server.
pub(super) struct Access {
    pub(super) relay: Relay,
    network: Network,
}

impl Access {
    pub(super) fn open(network: Network) -> anyhow::Result<Self> {
        let relay = Relay::bind(SocketAddrV4::new(RELAY, 0), SERVER, Some(LINK))?;
        Ok(Self { relay, network })
    }

    /// How subscribers extend their leases, for people.
    pub(super) const fn description(&self) -> &'static str {
        match self.network {
            Network::Private | Network::PrivateToUser => {
                "(in a network of its own: subscribers renew by unicast, without the relay)"
            }
            Network::Shared => {
                "(this system lets the demo have no network of its own: subscribers renew through the \
                 relay, which says that they sent it by unicast)"
            }
        }
    }

    /// A subscriber extends the lease of its address.
    pub(super) fn renew(
        &mut self,
        subscriber: &Subscriber,
        address: Ipv4Addr,
    ) -> anyhow::Result<Answer> {
        if self.network == Network::Shared {
            return Ok(self.relay.renew(subscriber, address, PATIENCE)?);
        }
        let mut client = Client::bind(address, SERVER)
            .with_context(|| format!("cannot speak for the client with {address}"))?;
        Ok(client.renew(subscriber, PATIENCE)?)
    }

    /// What to write before a command that is to reach the server's sockets.
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

/// Moves this process, before it starts any other, to a network where every address of `prefix` is
/// its own; stays where it is if the system does not allow that.
///
/// # Errors
/// If the new network cannot be set up.
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
