//! What the process may do: the user that it runs as, the capabilities that it keeps, and who can
//! read its files.
//!
//! Does not set the permissions of files that the server creates later, beyond the umask. Called
//! once, while there is no other thread: on Linux each thread has its own capabilities, and a new
//! thread inherits those of its creator. Invariant: only the server's user and group can read what
//! the server writes.

mod ownership;

use std::{os::unix::fs::MetadataExt, path::Path};

use anyhow::{Context, bail, ensure};
use caps::{CapSet, Capability, CapsHashSet};
use lessor_config::Configuration;
use nix::{
    sys::{
        prctl,
        stat::{Mode, umask},
    },
    unistd::{Gid, Group, Uid, User, geteuid, setgroups, setresgid, setresuid},
};

/// Permissions that no file has: write for the group, and everything for others.
const NEVER: u32 = 0o027;

/// If root started the process and `[server]` names a user, gives the server's files to that user,
/// switches to it and keeps the necessary capabilities. Returns messages for the log, which does
/// not exist yet.
///
/// # Errors
/// If the user or group does not exist, or the process may not do that.
pub(crate) fn limit(path: &Path, configuration: &Configuration) -> anyhow::Result<Vec<String>> {
    let before = umask(Mode::from_bits_truncate(NEVER));
    umask(before | Mode::from_bits_truncate(NEVER));
    let mut notes = Vec::new();
    let account = Account::configured(configuration)?;
    match &account {
        Some(account) if geteuid().is_root() => {
            ownership::hand_over(configuration, account, &mut notes)?;
            let kept =
                account.become_it(configuration.server.send_buffer_octets).with_context(|| {
                    format!("cannot become the user {:?} (server.user)", account.name)
                })?;
            let reservations = configuration.reservation_files.iter().map(|file| &*file.path);
            let of_classes = configuration.class_files.iter().map(|file| &*file.path);
            for path in std::iter::once(path).chain(of_classes).chain(reservations) {
                ensure!(
                    lessor_files::open(path).is_ok(),
                    "the user {0:?} (server.user) cannot read {1}, so no reload could; give the \
                     file to its group: chgrp {2} {1}",
                    account.name,
                    path.display(),
                    account.group_name
                );
            }
            notes.push(format!("runs as the user {}; keeps {kept}", account.name));
        }
        Some(account) if account.user != geteuid() => bail!(
            "the server was started as user {} and cannot become {:?} (server.user): start it as \
             root, or as that user",
            geteuid(),
            account.name
        ),
        _ => ownership::restrict(configuration, &mut notes),
    }
    // No process that it starts can regain the privileges that were dropped.
    prctl::set_no_new_privs().context("cannot set no_new_privs")?;
    Ok(notes)
}

/// If root runs a command that writes to a folder of the server, switches to the user of the
/// server: `server.user`, or otherwise the owner of the folder or, while it does not exist, of the
/// folder that it will be in. Returns the name of the user. Must be called while there is no other
/// thread.
///
/// # Errors
/// If the user does not exist, or the process may not do that.
pub fn become_owner(
    configuration: &Configuration,
    folder: &Path,
) -> anyhow::Result<Option<String>> {
    if !geteuid().is_root() {
        return Ok(None);
    }
    let account = match Account::configured(configuration)? {
        Some(account) => account,
        None => {
            let existing = folder.ancestors().find_map(|folder| folder.metadata().ok());
            let Some(owner) = existing.map(|found| found.uid()).filter(|owner| *owner != 0) else {
                return Ok(None);
            };
            let owner = User::from_uid(Uid::from_raw(owner))?.with_context(|| {
                format!("{} belongs to user {owner}, who does not exist", folder.display())
            })?;
            Account::of(owner.name, owner.uid, owner.gid)
        }
    };
    let become_it = || {
        setgroups(&[account.group])?;
        setresgid(account.group, account.group, account.group)?;
        setresuid(account.user, account.user, account.user)
    };
    become_it().with_context(|| format!("cannot become the user {:?}", account.name))?;
    Ok(Some(account.name))
}

/// A user of this machine, and a group.
struct Account {
    name: String,
    group_name: String,
    user: Uid,
    group: Gid,
}

impl Account {
    /// Returns the configured account, or `None` if there is none.
    fn configured(configuration: &Configuration) -> anyhow::Result<Option<Self>> {
        let Some(name) = &configuration.server.user else { return Ok(None) };
        let user = User::from_name(name)
            .with_context(|| format!("cannot look up the user {name:?} (server.user)"))?
            .with_context(|| {
                format!(
                    "there is no user {name:?} (server.user) on this machine; add it, for example \
                     with `useradd --system --no-create-home {name}`"
                )
            })?;
        let group = match &configuration.server.group {
            Some(name) => Group::from_name(name)
                .with_context(|| format!("cannot look up the group {name:?} (server.group)"))?
                .with_context(|| {
                    format!("there is no group {name:?} (server.group) on this machine; add it")
                })?,
            None => return Ok(Some(Self::of(name.clone(), user.uid, user.gid))),
        };
        Ok(Some(Self {
            name: name.clone(),
            group_name: group.name,
            user: user.uid,
            group: group.gid,
        }))
    }

    /// Returns the account of a user with this group.
    fn of(name: String, user: Uid, group: Gid) -> Self {
        let named = Group::from_gid(group).ok().flatten();
        let group_name = named.map_or_else(|| group.to_string(), |group| group.name);
        Self { name, group_name, user, group }
    }

    /// Changes user and group permanently, and keeps the capabilities that sockets need. Returns
    /// their names.
    fn become_it(&self, send_buffer_octets: usize) -> anyhow::Result<String> {
        let had = caps::read(None, CapSet::Permitted)?;
        let kept: CapsHashSet =
            needed(send_buffer_octets).into_iter().filter(|one| had.contains(one)).collect();
        for one in caps::all() {
            // The process cannot have a capability that this kernel does not know.
            let _ = caps::drop(None, CapSet::Bounding, one);
        }
        prctl::set_keepcaps(true)?;
        setgroups(&[self.group])?;
        setresgid(self.group, self.group, self.group)?;
        setresuid(self.user, self.user, self.user)?;
        prctl::set_keepcaps(false)?;
        caps::clear(None, CapSet::Inheritable)?;
        caps::set(None, CapSet::Permitted, &kept)?;
        caps::set(None, CapSet::Effective, &kept)?;
        let mut names: Vec<String> = kept.iter().map(ToString::to_string).collect();
        names.sort();
        Ok(if names.is_empty() { "no capability".to_owned() } else { names.join(", ") })
    }
}

/// Returns the capabilities that sockets need, including those that are opened later.
fn needed(send_buffer_octets: usize) -> Vec<Capability> {
    let mut needed = vec![
        // Port 67.
        Capability::CAP_NET_BIND_SERVICE,
        // Packet sockets, and sockets that are bound to an interface.
        Capability::CAP_NET_RAW,
    ];
    if !lessor_net::buffers_are_allowed(send_buffer_octets) {
        // This capability permits much more, so it is kept only where the limits of this machine
        // require it.
        needed.push(Capability::CAP_NET_ADMIN);
    }
    needed
}
