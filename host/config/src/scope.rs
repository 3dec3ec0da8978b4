//! Reads what one level of the configuration (`[server]`, a network, a subnet, a pool, a
//! reservation) sets for the replies to its clients. The keys are the same on every level.
//!
//! Does not know the levels themselves. Invariant: what a level says does not contradict itself.

mod allocation;
mod boot;
mod messages;
mod names;
mod probing;
mod sending;
mod times;

use std::net::Ipv4Addr;

use lessor_core::{
    LeaseTime, LeaseTimes, ScopeFields, ScopeSettings, is_host_address, option::code,
};

use crate::{file_position::FilePosition, options::Options, reader::Table};

pub(crate) use self::{
    allocation::OfPools, boot::header_text, names::host_name, times::lease_part,
};

/// The lease times of a subnet if no level sets any.
const LEASE_TIME: LeaseTime = LeaseTime { default_secs: 3_600, min_secs: 60, max_secs: 86_400 };

/// What one level sets.
#[derive(Clone, Default)]
pub(crate) struct Level {
    pub(crate) options: Options,
    /// What it says about the pools at this level and below.
    pub(crate) pools: OfPools,
    fields: ScopeFields,
    /// The place of `server-identifier`.
    identifier: Option<FilePosition>,
}

/// The settings of a subnet, with those of the levels around it.
pub(crate) struct OfSubnet {
    pub(crate) options: Options,
    pub(crate) lease_time: LeaseTime,
    pub(crate) settings: ScopeSettings,
    pub(crate) pools: OfPools,
    /// The place of the `server-identifier` in the settings.
    pub(crate) identifier: Option<FilePosition>,
}

impl Level {
    /// Reads the keys of a level. Its table of options is `options`, which is not in the same table
    /// for `[server]`.
    pub(crate) fn read(table: &Table, options: Options) -> Self {
        let fields = ScopeFields {
            boot: boot::read(table),
            times: times::read(table),
            sending: sending::read(table, &options),
            pool: None,
            classes: None,
            server_identifier: server_identifier(table),
            messages: messages::read(table),
            names: names::read(table),
            probing: probing::read(table),
        };
        let identifier = table.get("server-identifier");
        let identifier = identifier.map(|value| FilePosition::in_document(value.span()));
        Self { options, pools: OfPools::read(table), fields, identifier }
    }

    /// Reads the keys of a level with its table of options.
    pub(crate) fn of(table: &Table) -> Self {
        let options = table.get("options").map(|value| Options::read(&value)).unwrap_or_default();
        Self::read(table, options)
    }

    /// The level with the keys about BOOTP, which only levels around an address have.
    pub(crate) fn with_bootp(mut self, table: &Table) -> Self {
        messages::read_bootp(table, &mut self.fields.messages);
        self
    }

    /// A level that sets options only.
    pub(crate) fn without_keys(options: Options) -> Self {
        Self { options, ..Self::default() }
    }

    /// What the level sets besides options.
    pub(crate) fn settings(&self) -> ScopeSettings {
        self.fields.clone().into()
    }

    /// The `server-identifier` of the level with its place in the document.
    pub(crate) fn identifier(&self) -> Option<(Ipv4Addr, FilePosition)> {
        self.fields.server_identifier.zip(self.identifier)
    }

    /// The settings of a subnet at this level, with those of the levels around it, the nearest
    /// first.
    pub(crate) fn within(self, around: &[&Self]) -> OfSubnet {
        let outermost_first = around.iter().rev().copied().chain([&self]);
        let lease_time = outermost_first
            .fold(LEASE_TIME, |lease_time, level| lease_time.within(&level.fields.times));
        let Self { options, pools, fields, identifier } =
            around.iter().fold(self, |inner, outer| inner.or(outer));
        let LeaseTimes { renewal, rebinding, cache_threshold, .. } = fields.times;
        // The lease times of all levels are in `lease_time`.
        let times = LeaseTimes { renewal, rebinding, cache_threshold, ..LeaseTimes::default() };
        let settings = ScopeFields { times, ..fields }.into();
        OfSubnet { options, lease_time, settings, pools, identifier }
    }

    /// This level and, where it says nothing, one around it. A boot field hides the option with the
    /// same meaning of the outer level.
    fn or(self, outer: &Self) -> Self {
        let is_hidden = |code| match code {
            code::TFTP_SERVER_NAME => self.fields.boot.server_name.is_some(),
            code::BOOT_FILE_NAME => !self.fields.boot.files.is_empty(),
            _ => false,
        };
        let options = self.options.or(&outer.options.without(is_hidden));
        let pools = self.pools.or(&outer.pools);
        let identifier = self.identifier.or(outer.identifier);
        Self { options, pools, fields: self.fields.or(&outer.fields), identifier }
    }
}

/// Reads `server-identifier`: an address that clients can send to.
fn server_identifier(table: &Table) -> Option<Ipv4Addr> {
    let value = table.get("server-identifier")?;
    let address = value.address()?;
    if !is_host_address(address) {
        value.refuse("an address that clients can send to");
        return None;
    }
    Some(address)
}
