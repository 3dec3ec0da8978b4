//! What one reply is made from: the terms of its policies and the scopes of its address.
//!
//! Does not choose options; `options` does. The terms take precedence over the scopes. Invariant:
//! an OFFER and its ACK are made from the same parameters.

use std::{net::Ipv4Addr, sync::Arc};

use smallvec::SmallVec;

use crate::{
    BootFileName, BootFiles, CacheThreshold, Fraction, INFINITE_SECS, LeaseTime, OptionValue,
    ReplyValue, Request, RequestKind, ScopeSettings, SendRule, ServerName, Subnet, Terms,
    ledger::KnownHolder, option::code, times::RenewalTimes,
};

use super::{
    OptionOrigin,
    family::{Bindings, Ipv4},
    scopes::{Scope, Scopes},
};

/// The sources of one reply.
pub(super) struct Parameters<'c> {
    pub(super) request: &'c Request,
    pub(super) terms: &'c Terms,
    pub(super) subnet: Option<&'c Subnet>,
    pub(super) scopes: Scopes<'c>,
    /// The address of the client; 0.0.0.0 if it has none.
    pub(super) address: Ipv4Addr,
    /// The records and the client, for the name that is on record; `None` without an address. Few
    /// replies need it, so it is looked up only then.
    pub(super) on_record: Option<(&'c Bindings, &'c KnownHolder<Ipv4>)>,
}

/// The start of the vendor class of a client that boots by HTTP (UEFI specification, "HTTP Boot").
/// It ignores offers that do not return it.
const HTTP_CLIENT: &str = "HTTPClient";

/// The options in which a client states its own texts, which show whether it ends texts in a zero.
const TEXTS_OF_CLIENTS: [u8; 2] = [code::VENDOR_CLASS, code::HOST_NAME];

impl<'c> Parameters<'c> {
    /// The value of the most specific scope that sets one, and that scope.
    pub(super) fn first<T>(
        &self,
        of: impl Fn(&'c ScopeSettings) -> Option<T>,
    ) -> Option<(T, OptionOrigin)> {
        self.scopes.iter().find_map(|scope| Some((of(scope.settings)?, scope.origin)))
    }

    /// Option 54: the relay's override if there is one (RFC 5107), otherwise that of the most
    /// specific scope, otherwise the address of arrival.
    pub(super) fn server_identifier(&self) -> (Ipv4Addr, OptionOrigin) {
        let by_relay = self.request.overriding_server_identifier();
        let by_relay = by_relay.map(|address| (address, OptionOrigin::Relay));
        let by_scope = || self.first(|settings| settings.server_identifier);
        let of_arrival = (self.request.arrival.server_address, OptionOrigin::Server);
        by_relay.or_else(by_scope).unwrap_or(of_arrival)
    }

    /// Option 54 as it is written.
    pub(super) fn server_identifier_option(&self) -> (u8, ReplyValue) {
        let (address, _) = self.server_identifier();
        (code::SERVER_IDENTIFIER, OptionValue::Address(address).into())
    }

    /// The value that the policies set for an option, or the inner `None` if they removed it. The
    /// outer one means that they say nothing about it.
    pub(super) fn by_policy(&self, code: u8) -> Option<Option<&'c Arc<OptionValue>>> {
        let mut options = self.terms.options.iter().rev();
        options.find(|(found, _)| *found == code).map(|(_, value)| value.as_ref())
    }

    /// siaddr. A BOOTP client without any other boot server boots from the one that answers: it
    /// does not know option 54 (RFC 951 section 3).
    pub(super) fn next_server(&self) -> Option<(Ipv4Addr, OptionOrigin)> {
        let by_policy = self.terms.next_server.map(|address| (address, OptionOrigin::Policy));
        let itself = || {
            let is_bootp = self.request.kind == RequestKind::Bootp;
            is_bootp.then(|| (self.server_identifier().0, OptionOrigin::Server))
        };
        by_policy.or_else(|| self.first(|settings| settings.boot.next_server)).or_else(itself)
    }

    /// sname.
    pub(super) fn server_name(&self) -> Option<(&ServerName, OptionOrigin)> {
        let by_policy = self.terms.server_name.as_ref().map(|name| (name, OptionOrigin::Policy));
        by_policy.or_else(|| self.first(|settings| settings.boot.server_name.as_ref()))
    }

    /// file, according to the kind of client.
    pub(super) fn boot_file(&self) -> Option<(&BootFileName, OptionOrigin)> {
        if let Some(name) = &self.terms.boot_file {
            return Some((name, OptionOrigin::Policy));
        }
        let files = |scope: Scope<'c>| (&scope.settings.boot.files, scope.origin);
        let scopes: SmallVec<[(&BootFiles, OptionOrigin); 6]> =
            self.scopes.iter().map(files).collect();
        BootFiles::find(&scopes, &self.request.options)
    }

    /// siaddr as it is written.
    pub(super) fn next_server_address(&self) -> Ipv4Addr {
        self.next_server().map_or(Ipv4Addr::UNSPECIFIED, |(address, _)| address)
    }

    /// sname as it is written.
    pub(super) fn server_name_field(&self) -> ServerName {
        self.server_name().map(|(name, _)| name.clone()).unwrap_or_default()
    }

    /// file as it is written.
    pub(super) fn boot_file_field(&self) -> BootFileName {
        self.boot_file().map(|(name, _)| name.clone()).unwrap_or_default()
    }

    /// Adds the final zero to the text of option 66 or 67 if a scope says so or, if none says
    /// anything, for a client that ends its own texts in a zero. Old boot ROMs read on without it.
    pub(super) fn with_final_zero(&self, option: u8, value: ReplyValue) -> ReplyValue {
        let OptionValue::Text(text) = &*value else { return value };
        let is_of_boot = matches!(option, code::TFTP_SERVER_NAME | code::BOOT_FILE_NAME);
        match is_of_boot && !text.ends_with('\0') && self.wants_final_zero() {
            true => OptionValue::Text(format!("{text}\0")).into(),
            false => value,
        }
    }

    fn wants_final_zero(&self) -> bool {
        let configured = self.first(|settings| settings.boot.final_zero);
        configured.map(|(wanted, _)| wanted).unwrap_or_else(|| {
            let texts = TEXTS_OF_CLIENTS.iter().filter_map(|code| self.request.options.get(*code));
            texts.into_iter().any(|text| text.ends_with(&[0]))
        })
    }

    /// The vendor class that a client which boots by HTTP wants to see in an offer of a boot file,
    /// in the header or in option 67.
    pub(super) fn vendor_class_of_http_boot(&self) -> Option<&'static str> {
        let class = self.request.options.get(code::VENDOR_CLASS)?;
        if !class.starts_with(HTTP_CLIENT.as_bytes()) {
            return None;
        }
        let in_header = self.boot_file().is_some_and(|(file, _)| !file.is_empty());
        (in_header || self.boot_file_option().is_some()).then_some(HTTP_CLIENT)
    }

    /// Returns whether option 67 names a boot file that the header does not.
    pub(super) fn is_boot_file_only_in_option(&self) -> bool {
        let in_header = self.boot_file_field();
        self.boot_file_option().is_some_and(|value| match &*value {
            OptionValue::Text(text) => *text.trim_end_matches('\0') != *in_header,
            _ => true,
        })
    }

    /// Option 67, if it is to be sent and names a boot file.
    fn boot_file_option(&self) -> Option<ReplyValue> {
        let (value, _) = self.value_and_origin(code::BOOT_FILE_NAME)?;
        let is_empty =
            matches!(&*value, OptionValue::Text(text) if text.trim_end_matches('\0').is_empty());
        (!is_empty).then_some(value)
    }

    /// When option `code` is sent, if a scope says so.
    pub(super) fn send_rule(&self, code: u8) -> Option<SendRule> {
        self.first(|settings| settings.sending.rules.get(code)).map(|(rule, _)| rule)
    }

    /// Whether a client without an address gets its reply by broadcast regardless of what it wants.
    pub(super) fn always_broadcast(&self) -> bool {
        self.first(|settings| settings.sending.always_broadcast).is_some_and(|(always, _)| always)
    }

    /// The options whose value is the server's own address if nothing sets them.
    pub(super) fn own_address_for(&self) -> &'c [u8] {
        let configured = self.first(|settings| settings.sending.own_address_for.as_deref());
        configured.map(|(codes, _)| codes).unwrap_or_default()
    }

    /// The server's own address in the subnet of a client on one of its links.
    pub(super) fn address_on_link(&self) -> Option<Ipv4Addr> {
        if self.request.is_relayed() {
            return None;
        }
        let prefix = &self.subnet?.prefix;
        let own = self.request.arrival.link_addresses.as_deref()?;
        own.iter().copied().find(|address| prefix.contains(address))
    }

    /// Whether a DISCOVER may be answered with an ACK. A policy forbids that by removing option 80.
    pub(super) fn allows_rapid_commit(&self) -> bool {
        let is_forbidden = self.by_policy(code::RAPID_COMMIT) == Some(None);
        let allowed = self.first(|settings| settings.messages.rapid_commit);
        !is_forbidden && allowed.is_some_and(|(allowed, _)| allowed)
    }

    /// The lease time in seconds: that of the terms, otherwise what the client asks for, otherwise
    /// the default, within the limits of the scopes. None of these applies to a BOOTP client, which
    /// does not learn when its lease ends.
    pub(super) fn lease_time_secs(&self) -> u32 {
        if self.request.kind == RequestKind::Bootp {
            let configured = self.first(|settings| settings.messages.bootp_lease_secs);
            return configured.map_or(INFINITE_SECS, |(secs, _)| secs);
        }
        let Some(limits) = self.lease_time() else { return 1 };
        let secs = match self.terms.lease_time_secs {
            Some(secs) => secs,
            None => {
                let wanted = self.request.lease_time_secs.unwrap_or(limits.default_secs);
                wanted.max(limits.min_secs)
            }
        };
        secs.min(limits.max_secs).max(1)
    }

    /// What [`Self::lease_time_secs`] comes from.
    pub(super) fn lease_time_origin(&self) -> OptionOrigin {
        let of_scope = || self.first(|settings| settings.times.default_secs).map(|(_, by)| by);
        match (self.terms.lease_time_secs, self.request.lease_time_secs) {
            (Some(_), _) => OptionOrigin::Policy,
            (None, Some(_)) => OptionOrigin::Client,
            (None, None) => of_scope().unwrap_or(OptionOrigin::Subnet),
        }
    }

    /// The part of a lease within which an extension changes nothing.
    pub(super) fn cache_threshold(&self) -> Option<Fraction> {
        match self.first(|settings| settings.times.cache_threshold)? {
            (CacheThreshold::Within(part), _) => Some(part),
            (CacheThreshold::Never, _) => None,
        }
    }

    fn lease_time(&self) -> Option<LeaseTime> {
        let subnet = self.subnet?.lease_time;
        let narrow = |limits: LeaseTime, scope: Scope<'_>| limits.within(&scope.settings.times);
        Some(self.scopes.iter().rev().fold(subnet, narrow))
    }

    /// T1 and T2 of a lease of `lease_time_secs`.
    pub(super) fn renewal_times(&self, lease_time_secs: u32) -> Option<RenewalTimes> {
        let renewal = self.first(|settings| settings.times.renewal).map(|(part, _)| part);
        let rebinding = self.first(|settings| settings.times.rebinding).map(|(part, _)| part);
        let renewal = self.terms.renewal.or(renewal);
        let rebinding = self.terms.rebinding.or(rebinding);
        RenewalTimes::of(lease_time_secs, renewal, rebinding)
    }

    /// What T1 (option 58) or T2 (option 59) comes from; `None` for the lease time alone.
    pub(super) fn renewal_origin(&self, option: u8) -> Option<OptionOrigin> {
        let is_renewal = option == code::RENEWAL_TIME;
        let by_policy = if is_renewal { self.terms.renewal } else { self.terms.rebinding };
        let of_scope = |settings: &ScopeSettings| {
            if is_renewal { settings.times.renewal } else { settings.times.rebinding }
        };
        let by_policy = by_policy.map(|_| OptionOrigin::Policy);
        by_policy.or_else(|| self.first(of_scope).map(|(_, origin)| origin))
    }
}
