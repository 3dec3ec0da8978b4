//! The name of a client: which of several names it has, and how a reply tells the client.
//!
//! Does not check names; [`HostName`] does. In descending precedence: what a policy or a scope sets
//! as option 12, what the client states in option 81 or 12, the name on record with its address, a
//! name made from the address. Invariant: a client whose name is refused gets everything else that
//! it would get with the name.

use smallvec::SmallVec;

use crate::{HostName, HostNameRule, NameFault, OptionValue, ReplyValue, option::code};

use super::{
    OptionOrigin,
    family::Facts,
    parameters::Parameters,
    preview::{Naming, RefusedName},
};

impl Parameters<'_> {
    /// The name of the client.
    pub(super) fn naming(&self) -> Naming {
        let mut refused = SmallVec::new();
        let mut take = |option, origin, name: Result<HostName, NameFault>| match name {
            Ok(name) => Some((name, origin)),
            Err(fault) => {
                refused.push(RefusedName { option, origin, fault });
                None
            }
        };
        let given = self.given_name().and_then(|(octets, origin)| {
            let name = HostName::sanitised(octets);
            let name = name.and_then(|name| name.completed(self.domain().as_ref()));
            take(code::HOST_NAME, origin, name)
        });
        let rule = self.host_name_rule();
        let name = given.or_else(|| {
            let stated = self.request.stated_names().into_iter();
            let stated = stated.filter(|_| rule.takes_stated()).find_map(|(option, name)| {
                let name = name.and_then(|name| name.of_client_in(self.domain().as_ref()));
                take(option, OptionOrigin::Client, name)
            });
            stated.or_else(|| self.remembered_name(rule)).or_else(|| self.generated_name())
        });
        Naming { name, refused }
    }

    /// What option 81 of the reply says to a client that sent it.
    pub(super) fn answer_to_fqdn(&self) -> Option<(ReplyValue, OptionOrigin)> {
        let fqdn = self.request.options.client_fqdn()?;
        let (name, origin) = self.naming().name?;
        Some((OptionValue::Octets(fqdn.answer(&name)).into(), origin))
    }

    /// Option 12 of the reply to a client with a generated name. The names that scopes and policies
    /// set are sent as they set them.
    pub(super) fn generated_option(&self) -> Option<(ReplyValue, OptionOrigin)> {
        if !self.host_name_rule().generates() {
            return None;
        }
        let (name, origin) = self.naming().name?;
        let label = OptionValue::Text(name.first_label().to_owned());
        (origin == OptionOrigin::Generated).then(|| (label.into(), origin))
    }

    fn host_name_rule(&self) -> HostNameRule {
        let rule = self.first(|settings| settings.names.rule);
        rule.map(|(rule, _)| rule).unwrap_or_default()
    }

    /// The domain of names without one: option 15, unless that is not a domain name.
    fn domain(&self) -> Option<HostName> {
        let (value, _) = self.set(code::DOMAIN_NAME)?;
        HostName::of_domain(value)
    }

    /// The octets of the name that a policy or a scope sets.
    fn given_name(&self) -> Option<(&[u8], OptionOrigin)> {
        let (value, origin) = self.set(code::HOST_NAME)?;
        match value {
            OptionValue::Text(text) => Some((text.as_bytes(), origin)),
            OptionValue::Octets(octets) => Some((octets, origin)),
            _ => None,
        }
    }

    /// The value of an option that a policy or a scope sets, whether or not it is sent.
    fn set(&self, code: u8) -> Option<(&OptionValue, OptionOrigin)> {
        if let Some(value) = self.by_policy(code) {
            return Some((&**value?, OptionOrigin::Policy));
        }
        self.scopes.iter().find_map(|scope| Some((&**scope.options.get(code)?, scope.origin)))
    }

    /// The name on record, if the client has had the address last and the name does not contradict
    /// the rule.
    fn remembered_name(&self, rule: HostNameRule) -> Option<(HostName, OptionOrigin)> {
        let (bindings, client) = self.on_record.filter(|_| rule.takes_stated())?;
        let record = bindings.slot(u32::from(self.address))?.record()?;
        let name = Facts::of(record).host_name.filter(|_| client.is_holder_of(record))?;
        let name = HostName::from_own_octets(name)?;
        let is_generated = self.generated_name().is_some_and(|(generated, _)| generated == name);
        (!is_generated).then_some((name, OptionOrigin::Record))
    }

    fn generated_name(&self) -> Option<(HostName, OptionOrigin)> {
        if !self.host_name_rule().generates() || self.address.is_unspecified() {
            return None;
        }
        let prefix = self.first(|settings| settings.names.prefix.as_ref());
        let name = HostName::generated(prefix.map(|(prefix, _)| prefix), self.address);
        let name = name.completed(self.domain().as_ref()).ok()?;
        Some((name, OptionOrigin::Generated))
    }
}
