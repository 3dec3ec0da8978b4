//! Drafts: the terms that a call has set so far. A draft counts only if the call returns.

use std::{collections::BTreeMap, net::Ipv4Addr, num::NonZeroU32, sync::Arc};

use lessor_core::{
    BootFileName, Fraction, HeaderText, LeasePart, OptionValue, PoolChoice, ServerName,
    SubscriberLimit, Terms as CoreTerms, option::is_reserved_for_engine,
};
use lessor_vocabulary::option::OPTION_OCTETS_MAX;
use wasmtime::component::Resource;

use super::{
    Guest, address_octets,
    types::{BeyondLimit, HostTerms, Ipv4Address, OptionError, Terms},
};
use crate::{
    fault::BadAnswer,
    limits::{OPTIONS_MAX, OPTIONS_OCTETS_MAX, POOL_NAME_OCTETS_MAX, SUBSCRIBER_NAME_OCTETS_MAX},
    trace::Setting,
};

/// The terms that a call sets for a request.
#[derive(Default)]
pub(crate) struct DraftTerms {
    /// The terms that earlier plugins of the chain have set.
    earlier: CoreTerms,
    /// The pool or the address; the later setting replaces the earlier one.
    place: Option<Setting>,
    lease_time_secs: Option<u32>,
    renewal: Option<LeasePart>,
    rebinding: Option<LeasePart>,
    next_server: Option<Ipv4Addr>,
    server_name: Option<ServerName>,
    boot_file: Option<BootFileName>,
    subscriber: Option<SubscriberLimit>,
    options: Vec<Setting>,
    is_final: bool,
    budget: OptionBudget,
}

impl DraftTerms {
    /// Creates a draft for a plugin that is called after others have set `earlier`.
    pub(super) fn after(earlier: &CoreTerms) -> Self {
        Self { earlier: earlier.clone(), ..Self::default() }
    }

    /// Returns each setting once, options in the order of the calls.
    pub(crate) fn into_settings(self) -> Vec<Setting> {
        let mut settings = self.options;
        settings.extend(self.place);
        settings.extend(self.lease_time_secs.map(Setting::LeaseTimeSecs));
        settings.extend(self.renewal.map(Setting::Renewal));
        settings.extend(self.rebinding.map(Setting::Rebinding));
        settings.extend(self.next_server.map(Setting::NextServer));
        settings.extend(self.server_name.map(Setting::ServerName));
        settings.extend(self.boot_file.map(Setting::BootFile));
        settings.extend(self.subscriber.map(Setting::Subscriber));
        settings.extend(self.is_final.then_some(Setting::Final));
        settings
    }

    fn pool(&self) -> Option<&PoolChoice> {
        match &self.place {
            Some(Setting::Pool(choice)) => Some(choice),
            Some(_) => None,
            None => self.earlier.pool.as_ref(),
        }
    }

    fn address(&self) -> Option<Ipv4Addr> {
        match self.place {
            Some(Setting::Address(address)) => Some(address),
            Some(_) => None,
            None => self.earlier.address,
        }
    }

    fn renewal(&self) -> Option<LeasePart> {
        self.renewal.or(self.earlier.renewal)
    }

    fn rebinding(&self) -> Option<LeasePart> {
        self.rebinding.or(self.earlier.rebinding)
    }

    /// The options by code: a value, or `None` if the option is removed.
    fn options(&self) -> BTreeMap<u8, Option<&OptionValue>> {
        let earlier = self.earlier.options.iter();
        let mut options: BTreeMap<_, _> =
            earlier.map(|(code, value)| (*code, value.as_deref())).collect();
        for setting in &self.options {
            match setting {
                Setting::Option(code, value) => options.insert(*code, Some(&**value)),
                Setting::NoOption(code) => options.insert(*code, None),
                _ => None,
            };
        }
        options
    }
}

/// Seconds, if the time is given in seconds.
const fn secs_of(part: LeasePart) -> Option<u32> {
    match part {
        LeasePart::Secs(secs) => Some(secs),
        LeasePart::Fraction(_) => None,
    }
}

/// The part of the lease time, if the time is given as such.
fn fraction_of(part: LeasePart) -> Option<f64> {
    match part {
        LeasePart::Secs(_) => None,
        LeasePart::Fraction(fraction) => Some(fraction.number()),
    }
}

fn fraction(found: f64) -> Result<LeasePart, BadAnswer> {
    let fraction = Fraction::from_number(found).ok_or(BadAnswer::Fraction { found })?;
    Ok(LeasePart::Fraction(fraction))
}

fn pool_name(name: String) -> Result<Arc<str>, BadAnswer> {
    match name.len() {
        octets if octets > POOL_NAME_OCTETS_MAX => Err(BadAnswer::PoolName { octets }),
        _ => Ok(name.into()),
    }
}

/// A text for the header; `what` names it in the fault.
fn header_text<const OCTETS_MAX: usize>(
    what: &'static str,
    text: &str,
) -> Result<HeaderText<OCTETS_MAX>, BadAnswer> {
    HeaderText::new(text).map_err(|error| BadAnswer::HeaderText { what, error })
}

/// Counts the options that a call has set and removed, and the octets that it has set.
#[derive(Default)]
pub(super) struct OptionBudget {
    options: usize,
    octets: usize,
}

impl OptionBudget {
    /// Checks whether a call may also set option `code` to `value`, or remove it, and counts it.
    pub(super) fn spend(&mut self, code: u8, value: Option<&[u8]>) -> Result<(), OptionError> {
        let octets = value.map_or(0, <[u8]>::len);
        if is_reserved_for_engine(code) {
            return Err(OptionError::ReservedCode);
        }
        if octets > OPTION_OCTETS_MAX {
            return Err(OptionError::ValueTooLong);
        }
        if self.options == OPTIONS_MAX || self.octets + octets > OPTIONS_OCTETS_MAX {
            return Err(OptionError::TooManyOptions);
        }
        self.options += 1;
        self.octets += octets;
        Ok(())
    }
}

impl HostTerms for Guest {
    fn set_pool(&mut self, _: Resource<Terms>, name: String) -> wasmtime::Result<()> {
        self.draft()?.place = Some(Setting::Pool(pool_name(name)?.into()));
        Ok(())
    }

    fn set_pools(&mut self, _: Resource<Terms>, names: Vec<String>) -> wasmtime::Result<()> {
        let found = names.len();
        let names = names.into_iter().map(pool_name).collect::<Result<Vec<_>, _>>()?;
        let choice = PoolChoice::new(names).ok_or(BadAnswer::Pools { found })?;
        self.draft()?.place = Some(Setting::Pool(choice));
        Ok(())
    }

    fn set_address(&mut self, _: Resource<Terms>, address: Ipv4Address) -> wasmtime::Result<()> {
        let (a, b, c, d) = address;
        self.draft()?.place = Some(Setting::Address(Ipv4Addr::new(a, b, c, d)));
        Ok(())
    }

    fn set_lease_time_secs(&mut self, _: Resource<Terms>, secs: u32) -> wasmtime::Result<()> {
        self.draft()?.lease_time_secs = Some(secs);
        Ok(())
    }

    fn set_option(
        &mut self,
        _: Resource<Terms>,
        code: u8,
        value: Vec<u8>,
    ) -> wasmtime::Result<Result<(), OptionError>> {
        let draft = self.draft()?;
        Ok(draft.budget.spend(code, Some(&value)).map(|()| {
            let value = Arc::new(OptionValue::Octets(value));
            draft.options.push(Setting::Option(code, value));
        }))
    }

    fn remove_option(
        &mut self,
        _: Resource<Terms>,
        code: u8,
    ) -> wasmtime::Result<Result<(), OptionError>> {
        let draft = self.draft()?;
        let spent = draft.budget.spend(code, None);
        Ok(spent.map(|()| draft.options.push(Setting::NoOption(code))))
    }

    fn set_subscriber(
        &mut self,
        _: Resource<Terms>,
        name: String,
        leases_max: u32,
        beyond: BeyondLimit,
    ) -> wasmtime::Result<()> {
        let refused = BadAnswer::Subscriber { octets: name.len(), leases_max };
        let fits = (1..=SUBSCRIBER_NAME_OCTETS_MAX).contains(&name.len());
        let leases_max = NonZeroU32::new(leases_max).filter(|_| fits).ok_or(refused)?;
        let beyond = match beyond {
            BeyondLimit::Refuse => lessor_core::BeyondLimit::Refuse,
            BeyondLimit::ReplaceOldest => lessor_core::BeyondLimit::ReplaceOldest,
        };
        let limit = SubscriberLimit { name: name.into(), leases_max, beyond };
        self.draft()?.subscriber = Some(limit);
        Ok(())
    }

    fn set_next_server(
        &mut self,
        _: Resource<Terms>,
        address: Ipv4Address,
    ) -> wasmtime::Result<()> {
        let (a, b, c, d) = address;
        self.draft()?.next_server = Some(Ipv4Addr::new(a, b, c, d));
        Ok(())
    }

    fn set_server_name(&mut self, _: Resource<Terms>, name: String) -> wasmtime::Result<()> {
        self.draft()?.server_name = Some(header_text("name of the boot server", &name)?);
        Ok(())
    }

    fn set_boot_file(&mut self, _: Resource<Terms>, name: String) -> wasmtime::Result<()> {
        self.draft()?.boot_file = Some(header_text("name of the boot file", &name)?);
        Ok(())
    }

    fn set_renewal_time_secs(&mut self, _: Resource<Terms>, secs: u32) -> wasmtime::Result<()> {
        self.draft()?.renewal = Some(LeasePart::Secs(secs));
        Ok(())
    }

    fn set_renewal_fraction(&mut self, _: Resource<Terms>, found: f64) -> wasmtime::Result<()> {
        self.draft()?.renewal = Some(fraction(found)?);
        Ok(())
    }

    fn set_rebinding_time_secs(&mut self, _: Resource<Terms>, secs: u32) -> wasmtime::Result<()> {
        self.draft()?.rebinding = Some(LeasePart::Secs(secs));
        Ok(())
    }

    fn set_rebinding_fraction(&mut self, _: Resource<Terms>, found: f64) -> wasmtime::Result<()> {
        self.draft()?.rebinding = Some(fraction(found)?);
        Ok(())
    }

    fn set_final(&mut self, _: Resource<Terms>) -> wasmtime::Result<()> {
        self.draft()?.is_final = true;
        Ok(())
    }

    fn pool(&mut self, _: Resource<Terms>) -> wasmtime::Result<Option<String>> {
        Ok(self.draft()?.pool().map(|choice| choice.first().to_string()))
    }

    fn pools(&mut self, _: Resource<Terms>) -> wasmtime::Result<Vec<String>> {
        let choice = self.draft()?.pool();
        Ok(choice.into_iter().flat_map(PoolChoice::names).map(ToString::to_string).collect())
    }

    fn address(&mut self, _: Resource<Terms>) -> wasmtime::Result<Option<Ipv4Address>> {
        Ok(self.draft()?.address().map(address_octets))
    }

    fn lease_time_secs(&mut self, _: Resource<Terms>) -> wasmtime::Result<Option<u32>> {
        let draft = self.draft()?;
        Ok(draft.lease_time_secs.or(draft.earlier.lease_time_secs))
    }

    fn dhcp_option(&mut self, _: Resource<Terms>, code: u8) -> wasmtime::Result<Option<Vec<u8>>> {
        Ok(match self.draft()?.options().remove(&code).flatten() {
            Some(OptionValue::Octets(octets)) => Some(octets.clone()),
            // Terms come from plugins, and plugins set octets only.
            _ => None,
        })
    }

    fn option_codes(&mut self, _: Resource<Terms>) -> wasmtime::Result<Vec<u8>> {
        let options = self.draft()?.options();
        Ok(options.iter().filter(|(_, value)| value.is_some()).map(|(code, _)| *code).collect())
    }

    fn removed_option_codes(&mut self, _: Resource<Terms>) -> wasmtime::Result<Vec<u8>> {
        let options = self.draft()?.options();
        Ok(options.iter().filter(|(_, value)| value.is_none()).map(|(code, _)| *code).collect())
    }

    fn subscriber(&mut self, _: Resource<Terms>) -> wasmtime::Result<Option<String>> {
        let draft = self.draft()?;
        let limit = draft.subscriber.as_ref().or(draft.earlier.subscriber.as_ref());
        Ok(limit.map(|limit| limit.name.to_string()))
    }

    fn next_server(&mut self, _: Resource<Terms>) -> wasmtime::Result<Option<Ipv4Address>> {
        let draft = self.draft()?;
        Ok(draft.next_server.or(draft.earlier.next_server).map(address_octets))
    }

    fn server_name(&mut self, _: Resource<Terms>) -> wasmtime::Result<Option<String>> {
        let draft = self.draft()?;
        let name = draft.server_name.as_ref().or(draft.earlier.server_name.as_ref());
        Ok(name.map(|name| name.to_string()))
    }

    fn boot_file(&mut self, _: Resource<Terms>) -> wasmtime::Result<Option<String>> {
        let draft = self.draft()?;
        let name = draft.boot_file.as_ref().or(draft.earlier.boot_file.as_ref());
        Ok(name.map(|name| name.to_string()))
    }

    fn renewal_time_secs(&mut self, _: Resource<Terms>) -> wasmtime::Result<Option<u32>> {
        Ok(self.draft()?.renewal().and_then(secs_of))
    }

    fn renewal_fraction(&mut self, _: Resource<Terms>) -> wasmtime::Result<Option<f64>> {
        Ok(self.draft()?.renewal().and_then(fraction_of))
    }

    fn rebinding_time_secs(&mut self, _: Resource<Terms>) -> wasmtime::Result<Option<u32>> {
        Ok(self.draft()?.rebinding().and_then(secs_of))
    }

    fn rebinding_fraction(&mut self, _: Resource<Terms>) -> wasmtime::Result<Option<f64>> {
        Ok(self.draft()?.rebinding().and_then(fraction_of))
    }

    fn drop(&mut self, _: Resource<Terms>) -> wasmtime::Result<()> {
        Ok(())
    }
}
