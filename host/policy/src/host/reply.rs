//! Replies as guests see and edit them.

use std::sync::Arc;

use lessor_core::{BootFileName, OptionValue, Reply as CoreReply, ReplyValue, ServerName};
use wasmtime::component::Resource;

use super::{
    Guest,
    draft::OptionBudget,
    optional_address,
    types::{HostReply, Ipv4Address, OptionError, Reply, ReplyKind},
};
use crate::trace::{Setting, set_reply_option};

/// A copy of a reply that a call may change.
pub(crate) struct ReplyDraft {
    kind: ReplyKind,
    your_address: Option<Ipv4Address>,
    next_server: Option<Ipv4Address>,
    server_name: ServerName,
    boot_file: BootFileName,
    options: Vec<(u8, ReplyValue)>,
    changes: Vec<Setting>,
    budget: OptionBudget,
}

impl ReplyDraft {
    pub(super) fn new(reply: &CoreReply) -> Self {
        Self {
            kind: reply.kind.into(),
            your_address: optional_address(reply.your_address),
            next_server: optional_address(reply.next_server_address),
            server_name: reply.server_name.clone(),
            boot_file: reply.boot_file.clone(),
            options: reply.options.clone(),
            changes: Vec::new(),
            budget: OptionBudget::default(),
        }
    }

    /// Applies the changed options to the reply and returns the changes.
    pub(crate) fn apply(self, reply: &mut CoreReply) -> Vec<Setting> {
        if !self.changes.is_empty() {
            reply.options = self.options;
        }
        self.changes
    }

    fn set(&mut self, code: u8, value: Vec<u8>) {
        let value = Arc::new(OptionValue::Octets(value));
        set_reply_option(&mut self.options, code, &value);
        self.changes.push(Setting::Option(code, value));
    }

    fn remove(&mut self, code: u8) {
        self.options.retain(|(found, _)| *found != code);
        self.changes.push(Setting::NoOption(code));
    }
}

impl HostReply for Guest {
    fn kind(&mut self, _: Resource<Reply>) -> wasmtime::Result<ReplyKind> {
        Ok(self.reply()?.kind)
    }

    fn your_address(&mut self, _: Resource<Reply>) -> wasmtime::Result<Option<Ipv4Address>> {
        Ok(self.reply()?.your_address)
    }

    fn dhcp_option(&mut self, _: Resource<Reply>, code: u8) -> wasmtime::Result<Option<Vec<u8>>> {
        let reply = self.reply()?;
        let option = reply.options.iter().find(|(found, _)| *found == code);
        Ok(option.map(|(_, value)| {
            let mut octets = Vec::new();
            lessor_wire::encode_value(value, &mut octets);
            octets
        }))
    }

    fn option_codes(&mut self, _: Resource<Reply>) -> wasmtime::Result<Vec<u8>> {
        Ok(self.reply()?.options.iter().map(|(code, _)| *code).collect())
    }

    fn set_option(
        &mut self,
        _: Resource<Reply>,
        code: u8,
        value: Vec<u8>,
    ) -> wasmtime::Result<Result<(), OptionError>> {
        let reply = self.reply()?;
        Ok(reply.budget.spend(code, Some(&value)).map(|()| reply.set(code, value)))
    }

    fn remove_option(
        &mut self,
        _: Resource<Reply>,
        code: u8,
    ) -> wasmtime::Result<Result<(), OptionError>> {
        let reply = self.reply()?;
        Ok(reply.budget.spend(code, None).map(|()| reply.remove(code)))
    }

    fn next_server(&mut self, _: Resource<Reply>) -> wasmtime::Result<Option<Ipv4Address>> {
        Ok(self.reply()?.next_server)
    }

    fn server_name(&mut self, _: Resource<Reply>) -> wasmtime::Result<Option<String>> {
        let name = &self.reply()?.server_name;
        Ok((!name.is_empty()).then(|| name.to_string()))
    }

    fn boot_file(&mut self, _: Resource<Reply>) -> wasmtime::Result<Option<String>> {
        let name = &self.reply()?.boot_file;
        Ok((!name.is_empty()).then(|| name.to_string()))
    }

    fn drop(&mut self, _: Resource<Reply>) -> wasmtime::Result<()> {
        Ok(())
    }
}
