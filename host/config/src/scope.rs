//! Reads what one level of the configuration (`[server]`, a network, a subnet, a pool, a
//! reservation) sets for the replies to its clients. The keys are the same on every level.
//!
//! Does not know the levels themselves. Invariant: what a level says does not contradict itself.

mod boot;
mod names;
mod sending;
mod times;

use lessor_core::{LeaseTime, LeaseTimes, ScopeFields, ScopeSettings, option::code};

use crate::{options::Options, reader::Table};

pub(crate) use self::{boot::header_text, names::host_name, times::lease_part};

/// The lease times of a subnet if no level sets any.
const LEASE_TIME: LeaseTime = LeaseTime { default_secs: 3_600, min_secs: 60, max_secs: 86_400 };

/// What one level sets.
#[derive(Clone, Default)]
pub(crate) struct Level {
    pub(crate) options: Options,
    fields: ScopeFields,
}

/// The settings of a subnet, with those of the levels around it.
pub(crate) struct OfSubnet {
    pub(crate) options: Options,
    pub(crate) lease_time: LeaseTime,
    pub(crate) settings: ScopeSettings,
}

impl Level {
    /// Reads the keys of a level. Its table of options is `options`, which is not in the same table
    /// for `[server]`.
    pub(crate) fn read(table: &Table, options: Options) -> Self {
        let fields = ScopeFields {
            boot: boot::read(table),
            times: times::read(table),
            sending: sending::read(table, &options),
            names: names::read(table),
        };
        Self { options, fields }
    }

    /// Reads the keys of a level with its table of options.
    pub(crate) fn of(table: &Table) -> Self {
        let options = table.get("options").map(|value| Options::read(&value)).unwrap_or_default();
        Self::read(table, options)
    }

    /// A level that sets options only.
    pub(crate) fn without_keys(options: Options) -> Self {
        Self { options, fields: ScopeFields::default() }
    }

    /// What the level sets besides options.
    pub(crate) fn settings(&self) -> ScopeSettings {
        self.fields.clone().into()
    }

    /// The settings of a subnet at this level, with those of the levels around it, the nearest
    /// first.
    pub(crate) fn within(self, around: &[&Self]) -> OfSubnet {
        let outermost_first = around.iter().rev().copied().chain([&self]);
        let lease_time = outermost_first
            .fold(LEASE_TIME, |lease_time, level| lease_time.within(&level.fields.times));
        let Self { options, fields } = around.iter().fold(self, |inner, outer| inner.or(outer));
        let LeaseTimes { renewal, rebinding, .. } = fields.times;
        // The lease times of all levels are in `lease_time`.
        let times = LeaseTimes { renewal, rebinding, ..LeaseTimes::default() };
        OfSubnet { options, lease_time, settings: ScopeFields { times, ..fields }.into() }
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
        Self { options, fields: self.fields.or(&outer.fields) }
    }
}
