//! What the process may do: whom it runs as, which capabilities it keeps, and who can read its files.
//!
//! Called once, while there is no other thread: on Linux each thread has capabilities of its own, and
//! those that are started later get what the first one has then. Invariant: nothing that the server
//! writes can be read by anybody but its user and group.

mod ownership;

use std::{fs, path::Path};

use anyhow::{Context, bail, ensure};
use caps::{CapSet, Capability, CapsHashSet};
use lessor_config::Configuration;
use nix::{
    sys::{
        prctl,
        stat::{Mode, umask},
    },
    unistd::{Group, Uid, User, geteuid, setgroups, setresgid, setresuid},
};

use crate::net;

/// Rights that files get for nobody: writing for the group, anything for others.
const NEVER: u32 = 0o027;

/// Makes the process what `[server]` says: it gives its files to the configured user, becomes that user,
/// and keeps the capabilities that it needs, if it was started as root. Returns what the log should
/// tell, since there is none yet.
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
            ensure!(
                fs::File::open(path).is_ok(),
                "the user {0:?} (server.user) cannot read {1}, so no reload could; give the file to its \
                 group: chgrp {2} {1}",
                account.name,
                path.display(),
                account.group_name
            );
            notes.push(format!("runs as the user {}; keeps {kept}", account.name));
        }
        Some(account) if account.user != geteuid() => bail!(
            "the server was started as user {} and cannot become {:?} (server.user): start it as root, \
             or as that user",
            geteuid(),
            account.name
        ),
        _ => ownership::restrict(configuration, &mut notes),
    }
    // Nothing that it runs can gain what it has given up.
    prctl::set_no_new_privs().context("cannot give up gaining privileges")?;
    Ok(notes)
}

/// A user of this machine, and a group.
struct Account {
    name: String,
    group_name: String,
    user: Uid,
    group: nix::unistd::Gid,
}

impl Account {
    /// The one that the configuration names; none if it names none.
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
            None => Group::from_gid(user.gid)
                .with_context(|| format!("cannot look up the group of the user {name:?}"))?
                .unwrap_or_else(|| Group {
                    name: user.gid.to_string(),
                    passwd: std::ffi::CString::default(),
                    gid: user.gid,
                    mem: Vec::new(),
                }),
        };
        Ok(Some(Self {
            name: name.clone(),
            group_name: group.name,
            user: user.uid,
            group: group.gid,
        }))
    }

    /// Changes user and group for good, and keeps the capabilities that sockets need. Returns their
    /// names.
    fn become_it(&self, send_buffer_octets: usize) -> anyhow::Result<String> {
        let had = caps::read(None, CapSet::Permitted)?;
        let kept: CapsHashSet =
            needed(send_buffer_octets).into_iter().filter(|one| had.contains(one)).collect();
        for one in caps::all() {
            // One that this kernel does not know cannot be had either.
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

/// The capabilities that sockets need, also those that are opened later.
fn needed(send_buffer_octets: usize) -> Vec<Capability> {
    let mut needed = vec![
        // Port 67.
        Capability::CAP_NET_BIND_SERVICE,
        // Packet sockets, and sockets that are bound to an interface.
        Capability::CAP_NET_RAW,
    ];
    if !net::buffers_are_allowed(send_buffer_octets) {
        // A right to do much more than that, and so kept only where the limits of this machine make it
        // necessary.
        needed.push(Capability::CAP_NET_ADMIN);
    }
    needed
}
