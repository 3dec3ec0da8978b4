//! The options that a client gets, and their order.
//!
//! Does not encode values. Values come from layers: the terms of a policy take precedence over the
//! scopes. Options that follow from the prefix and the defaults of the Host Requirements come last.
//! The order is that of the client's parameter request list (RFC 2132 section 9.8), because options
//! that do not fit are left out from the end. Invariant: a reply contains an option at most once.

use std::{
    net::Ipv4Addr,
    sync::{Arc, LazyLock},
};

use ipnet::Ipv4Net;
use lessor_vocabulary::{ForClass, ForEnterprise, enterprises};
use smallvec::SmallVec;

use crate::{
    OptionDefinition, OptionKind, OptionSet, OptionValue, ReplyValue, RequestKind, SendRule,
    option::{code, is_of_dhcp_only, is_reserved_for_engine},
};

use super::{OptionOrigin, parameters::Parameters, scopes::Scope};

/// Option codes in the order of writing, each at most once.
struct Codes {
    list: SmallVec<[u8; 32]>,
    seen: [bool; 256],
    /// Whether they are for a BOOTP client.
    is_bootp: bool,
}

impl Parameters<'_> {
    /// Adds the subnet mask, the options with a value that the client asked for, and then those
    /// that the configuration or a policy sends without being asked. A client without a parameter
    /// request list gets everything that is configured.
    pub(super) fn write(&self, options: &mut Vec<(u8, ReplyValue)>) {
        for code in self.codes() {
            if let Some(value) = self.value(code) {
                options.push((code, value));
            }
        }
    }

    fn codes(&self) -> SmallVec<[u8; 32]> {
        let is_bootp = self.request.kind == RequestKind::Bootp;
        let mut codes = Codes { list: SmallVec::new(), seen: [false; 256], is_bootp };
        let asked_for = &self.request.parameter_request_list;
        if !asked_for.contains(&code::SUBNET_MASK) {
            // Without a mask a client falls back to the class of its address.
            codes.add(code::SUBNET_MASK);
        }
        for code in asked_for {
            codes.add(*code);
        }
        if asked_for.is_empty() {
            let sets = self.scopes.iter().map(|scope| scope.options);
            let mut configured: SmallVec<[u8; 32]> =
                sets.flat_map(OptionSet::iter).map(|(code, _)| code).collect();
            configured.extend(self.own_address_for().iter().copied());
            configured.sort_unstable();
            configured.into_iter().for_each(|code| codes.add_unasked(code));
        }
        let rules = self.scopes.iter().flat_map(|scope| scope.settings.sending.rules.iter());
        for (code, _) in rules.filter(|(_, rule)| *rule == SendRule::Always) {
            if self.send_rule(code) == Some(SendRule::Always) {
                codes.add_unasked(code);
            }
        }
        for (code, _) in &self.terms.options {
            codes.add_unasked(*code);
        }
        // A client that states a name gets to know which one it has (RFC 4702 section 4).
        for code in [code::HOST_NAME, code::CLIENT_FQDN] {
            if self.request.options.get(code).is_some() {
                codes.add_unasked(code);
            }
        }
        // Firmware ignores an offer of a file by HTTP without it, whether or not it asks for it. A
        // URL that is too long for the header stands only in its option.
        if self.vendor_class_of_http_boot().is_some() {
            codes.add_unasked(code::VENDOR_CLASS);
            if self.is_boot_file_only_in_option() {
                codes.add_unasked(code::BOOT_FILE_NAME);
            }
        }
        codes.put_mask_before_routers();
        codes.list
    }

    /// The value of an option, or `None` if it is not configured or a policy removed it.
    fn value(&self, code: u8) -> Option<ReplyValue> {
        self.value_and_origin(code).map(|(value, _)| value)
    }

    /// The value of an option, and the layer that it comes from.
    pub(super) fn value_and_origin(&self, code: u8) -> Option<(ReplyValue, OptionOrigin)> {
        if let Some(value) = self.by_policy(code) {
            return value.cloned().map(|value| (value.into(), OptionOrigin::Policy));
        }
        if self.send_rule(code) == Some(SendRule::Never) {
            return None;
        }
        if let Some((value, origin)) = self.configured(code) {
            return Some((self.with_final_zero(code, value), origin));
        }
        if let Some(value) = self.own_address(code) {
            return Some((value.into(), OptionOrigin::Link));
        }
        let of_prefix = |address: fn(&Ipv4Net) -> Ipv4Addr| {
            let prefix = self.subnet.map(|subnet| &subnet.prefix)?;
            Some((OptionValue::Address(address(prefix)).into(), OptionOrigin::Prefix))
        };
        match code {
            code::SUBNET_MASK => of_prefix(Ipv4Net::netmask),
            code::BROADCAST_ADDRESS => of_prefix(Ipv4Net::broadcast),
            // Old versions of Windows ask for routes under their own number only.
            code::MICROSOFT_ROUTES => self.value_and_origin(code::CLASSLESS_STATIC_ROUTES),
            code::HOST_NAME => self.generated_option(),
            code::CLIENT_FQDN => self.answer_to_fqdn(),
            code::VENDOR_CLASS => {
                let class = self.vendor_class_of_http_boot()?;
                Some((OptionValue::Text(class.to_owned()).into(), OptionOrigin::Client))
            }
            _ => {
                let value = HOST_REQUIREMENTS.get(code).map(Arc::clone);
                value.map(|value| (value.into(), OptionOrigin::HostRequirements))
            }
        }
    }

    /// The server's own address as the value of an option that the configuration wants it for.
    fn own_address(&self, code: u8) -> Option<OptionValue> {
        if !self.own_address_for().contains(&code) {
            return None;
        }
        let address = self.address_on_link()?;
        Some(match OptionDefinition::by_code(code)?.kind {
            OptionKind::Address => OptionValue::Address(address),
            _ => OptionValue::Addresses(vec![address]),
        })
    }

    /// The value of an option that a scope sets, or that follows from a boot field: options 66 and
    /// 67 contain what the header does. A scope that sets both means each as it stands.
    fn configured(&self, code: u8) -> Option<(ReplyValue, OptionOrigin)> {
        let of_scope =
            |scope: Scope<'_>| Some((self.chosen(scope.options.get(code)?)?, scope.origin));
        let set = self.scopes.iter().find_map(of_scope);
        let text = match code {
            code::TFTP_SERVER_NAME => self.server_name().map(|(name, by)| (name.to_string(), by)),
            code::BOOT_FILE_NAME => self.boot_file().map(|(name, by)| (name.to_string(), by)),
            _ => None,
        };
        match (set, text.filter(|(text, _)| !text.is_empty())) {
            (Some((_, of_option)), Some((text, of_field))) if of_field < of_option => {
                Some((OptionValue::Text(text).into(), of_field))
            }
            (None, Some((text, of_field))) => Some((OptionValue::Text(text).into(), of_field)),
            (set, _) => set,
        }
    }

    /// The value for the client of the request; `None` if it has none for its vendor.
    fn chosen(&self, value: &Arc<OptionValue>) -> Option<ReplyValue> {
        let sent = &self.request.options;
        let octets = match &**value {
            OptionValue::ByClass(values) => {
                ForClass::chosen(values, sent.get(code::VENDOR_CLASS)?)?.to_vec()
            }
            OptionValue::ByEnterprise(parts) => {
                let named = [
                    code::VENDOR_IDENTIFYING_VENDOR_CLASS,
                    code::VENDOR_IDENTIFYING_VENDOR_SPECIFIC,
                ];
                let named = named.into_iter().filter_map(|code| sent.get(code));
                let named: Vec<u32> = named.flat_map(enterprises).collect();
                ForEnterprise::chosen(parts, sent.get(code::VENDOR_CLASS), &named)?
            }
            _ => return Some(Arc::clone(value).into()),
        };
        Some(OptionValue::Octets(octets).into())
    }
}

impl Codes {
    /// Adds an option, unless only the engine may set it or the client does not know it.
    fn add(&mut self, code: u8) {
        let is_set_elsewhere = is_reserved_for_engine(code) || code == code::RAPID_COMMIT;
        if let Some(seen) = self.seen.get_mut(usize::from(code))
            && !*seen
            && !is_set_elsewhere
            && !(self.is_bootp && is_of_dhcp_only(code))
        {
            *seen = true;
            self.list.push(code);
        }
    }

    /// Adds an option that the client did not ask for, unless only clients that ask for it may get
    /// it (RFC 8925 section 3.3).
    fn add_unasked(&mut self, code: u8) {
        if code != code::IPV6_ONLY_PREFERRED {
            self.add(code);
        }
    }

    /// Puts the mask before the routers (RFC 2132 section 3.3).
    fn put_mask_before_routers(&mut self) {
        let position = |wanted: u8| self.list.iter().position(|code| *code == wanted);
        if let (Some(mask), Some(routers)) = (position(code::SUBNET_MASK), position(code::ROUTERS))
            && routers < mask
        {
            self.list.remove(mask);
            self.list.insert(routers, code::SUBNET_MASK);
        }
    }
}

/// The values for a client that asks for a parameter of the Host Requirements that is not
/// configured (RFC 2131 section 4.3.1): the defaults of RFC 1122.
static HOST_REQUIREMENTS: LazyLock<OptionSet> = LazyLock::new(|| {
    OptionSet::from_iter([
        (19, OptionValue::Flag(false)), // IP forwarding, 3.3.1
        (20, OptionValue::Flag(false)), // non-local source routing, 3.3.5
        (22, OptionValue::U16(576)),    // datagrams that can be reassembled, 3.3.2
        (23, OptionValue::U8(64)),      // time to live, 3.2.1.7 and the assigned numbers
        (29, OptionValue::Flag(false)), // mask discovery, 3.2.2.9
        (30, OptionValue::Flag(false)), // mask supplier, 3.2.2.9
        (34, OptionValue::Flag(false)), // trailers, 2.3.1
        (36, OptionValue::Flag(false)), // Ethernet rather than IEEE 802.3, 2.3.3
        (38, OptionValue::U32(7200)),   // TCP keep-alive, 4.2.3.6
    ])
});
