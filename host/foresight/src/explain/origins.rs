//! Describes what each field and option of a reply is from.
//!
//! Does not find it out; the preview of the engine does.

use lessor_core::{HeaderField, Naming, OptionOrigin, Preview, Reply, option::code};
use lessor_policy_host::{Setting, TraceEntry};
use lessor_vocabulary::Catalogue;

use super::{FieldStep, HostNameStep, OptionStep, RefusedNameStep};

/// What the parts of one reply are from.
pub(super) struct Origins<'o> {
    pub(super) preview: &'o Preview,
    /// The names of the classes of the client.
    pub(super) classes: &'o [String],
    /// What the plugins did that set the terms.
    pub(super) set: &'o [TraceEntry],
    /// What the plugins did that edited the reply.
    pub(super) edits: &'o [TraceEntry],
    /// The options that are known by name.
    pub(super) catalogue: &'o Catalogue,
    /// The vendor class of the client, if it sent one.
    pub(super) vendor_class: Option<&'o [u8]>,
}

impl Origins<'_> {
    /// Returns the fields of the header that say what to boot.
    pub(super) fn fields(&self, reply: &Reply) -> Vec<FieldStep> {
        let steps = self.preview.field_origins.iter().map(|(field, origin)| {
            let (name, value) = match field {
                HeaderField::NextServer => ("next-server", reply.next_server_address.to_string()),
                HeaderField::ServerName => ("server-name", reply.server_name.to_string()),
                HeaderField::BootFile => ("boot-file", reply.boot_file.to_string()),
            };
            let is_it = |setting: &Setting| match field {
                HeaderField::NextServer => matches!(setting, Setting::NextServer(_)),
                HeaderField::ServerName => matches!(setting, Setting::ServerName(_)),
                HeaderField::BootFile => matches!(setting, Setting::BootFile(_)),
            };
            let value = value.escape_debug().to_string();
            FieldStep { name: name.to_owned(), value, set_by: self.described(*origin, is_it) }
        });
        steps.collect()
    }

    /// Returns the options of a reply.
    pub(super) fn options(&self, reply: &Reply) -> Vec<OptionStep> {
        let steps = reply.options.iter().map(|(option, value)| OptionStep {
            code: *option,
            name: self.catalogue.shown_name(*option).to_string(),
            value: self.catalogue.shown(*option, value, self.vendor_class),
            set_by: self.of_option(*option),
        });
        steps.collect()
    }

    /// Returns the name of the client, and the names that it does not have; `None` without either.
    pub(super) fn host_name(&self) -> Option<HostNameStep> {
        let Naming { name, refused } = &self.preview.naming;
        let is_it = |setting: &Setting| matches!(setting, Setting::Option(code::HOST_NAME, _));
        let described = |origin| self.described(origin, is_it);
        let refused = refused.iter().map(|refused| RefusedNameStep {
            option: self.catalogue.shown_name(refused.option).to_string(),
            set_by: described(refused.origin),
            fault: refused.fault,
            meaning: refused.fault.to_string(),
        });
        let step = HostNameStep {
            name: name.as_ref().map(|(name, _)| name.to_string()),
            set_by: name.as_ref().map(|(_, origin)| described(*origin)),
            refused: refused.collect(),
        };
        (step.name.is_some() || !step.refused.is_empty()).then_some(step)
    }

    fn of_option(&self, option: u8) -> String {
        let is_it = |setting: &Setting| match setting {
            Setting::Option(code, _) => *code == option,
            Setting::LeaseTimeSecs(_) => option == code::LEASE_TIME,
            Setting::Renewal(_) => option == code::RENEWAL_TIME,
            Setting::Rebinding(_) => option == code::REBINDING_TIME,
            Setting::ServerName(_) => option == code::TFTP_SERVER_NAME,
            Setting::BootFile(_) => option == code::BOOT_FILE_NAME,
            _ => false,
        };
        if let Some(plugin) = last(self.edits, is_it) {
            return plugin;
        }
        let found = self.preview.option_origins.iter().find(|(code, _)| *code == option);
        match found.map_or(OptionOrigin::Server, |(_, origin)| *origin) {
            OptionOrigin::Client if option == code::LEASE_TIME => {
                "the client, within the configured limits".to_owned()
            }
            OptionOrigin::Server if matches!(option, code::RENEWAL_TIME | code::REBINDING_TIME) => {
                "the lease time".to_owned()
            }
            origin => self.described(origin, is_it),
        }
    }

    /// Describes an origin; `is_it` returns whether a plugin's setting is what it is from.
    fn described(&self, origin: OptionOrigin, is_it: impl Fn(&Setting) -> bool) -> String {
        let text = match origin {
            OptionOrigin::Policy => {
                return last(self.set, is_it).unwrap_or_else(|| "a policy".to_owned());
            }
            OptionOrigin::Reservation => "the reservation",
            OptionOrigin::Class(position) => {
                let name = self.classes.get(usize::from(position));
                return name.map_or_else(|| "a class".to_owned(), |name| format!("class {name}"));
            }
            OptionOrigin::Pool => "the pool",
            OptionOrigin::Subnet => "the subnet",
            OptionOrigin::Prefix => "the subnet's prefix",
            OptionOrigin::Link => "the server's address on the link",
            OptionOrigin::HostRequirements => "RFC 1122",
            OptionOrigin::Generated => "the server, from the address",
            OptionOrigin::Client => "the client",
            OptionOrigin::Relay => "the relay",
            OptionOrigin::Record => "the record of the address",
            OptionOrigin::FillLevel => "how full the pool is (shorten)",
            OptionOrigin::Server => "the server",
        };
        text.to_owned()
    }
}

/// The last plugin with a setting for which `is_it` returns true.
fn last(entries: &[TraceEntry], is_it: impl Fn(&Setting) -> bool) -> Option<String> {
    let sets = |entry: &&TraceEntry| entry.set.iter().any(&is_it);
    entries.iter().rev().find(sets).map(|entry| format!("plugin {}", entry.plugin))
}
