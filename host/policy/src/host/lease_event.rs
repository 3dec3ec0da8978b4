//! Lease events as guests see them.

use lessor_core::{ClientKey, LookupAnswer, readable, relay};
use wasmtime::component::Resource;

use super::{
    Guest, address_octets, is_stale,
    request::json_object,
    row_of, status_of,
    types::{HostLeaseEvent, Ipv4Address, LeaseEvent, LeaseEventKind, LookupStatus},
};
use crate::fault::BadAnswer;

type Octets = Vec<u8>;

impl HostLeaseEvent for Guest {
    fn kind(&mut self, _: Resource<LeaseEvent>) -> wasmtime::Result<LeaseEventKind> {
        Ok(self.event()?.kind.into())
    }

    fn address(&mut self, _: Resource<LeaseEvent>) -> wasmtime::Result<Ipv4Address> {
        Ok(address_octets(self.event()?.binding.address))
    }

    fn network_name(&mut self, _: Resource<LeaseEvent>) -> wasmtime::Result<String> {
        Ok(self.event()?.network_name.to_string())
    }

    fn vpn_name(&mut self, _: Resource<LeaseEvent>) -> wasmtime::Result<Option<String>> {
        Ok(self.event()?.binding.vpn.as_ref().map(ToString::to_string))
    }

    fn client_key(&mut self, _: Resource<LeaseEvent>) -> wasmtime::Result<String> {
        Ok(self.event()?.binding.client.to_string())
    }

    fn client_identifier(&mut self, _: Resource<LeaseEvent>) -> wasmtime::Result<Option<Octets>> {
        Ok(match &self.event()?.binding.client {
            ClientKey::Identifier(octets) => Some(octets.to_vec()),
            _ => None,
        })
    }

    fn hardware_type(&mut self, _: Resource<LeaseEvent>) -> wasmtime::Result<u8> {
        Ok(self.event()?.binding.hardware_address.kind())
    }

    fn hardware_address(&mut self, _: Resource<LeaseEvent>) -> wasmtime::Result<Octets> {
        Ok(self.event()?.binding.hardware_address.octets().to_vec())
    }

    fn circuit_id(&mut self, event: Resource<LeaseEvent>) -> wasmtime::Result<Option<Octets>> {
        self.relay_sub_option(event, relay::CIRCUIT_ID)
    }

    fn remote_id(&mut self, event: Resource<LeaseEvent>) -> wasmtime::Result<Option<Octets>> {
        self.relay_sub_option(event, relay::REMOTE_ID)
    }

    fn relay_sub_option(
        &mut self,
        _: Resource<LeaseEvent>,
        code: u8,
    ) -> wasmtime::Result<Option<Octets>> {
        let information = self.event()?.binding.relay_information.as_ref();
        Ok(information.and_then(|found| found.sub_option(code)).map(<[u8]>::to_vec))
    }

    fn began_at_ms(&mut self, _: Resource<LeaseEvent>) -> wasmtime::Result<u64> {
        Ok(self.event()?.binding.began_at.unix_ms())
    }

    fn expires_at_ms(&mut self, _: Resource<LeaseEvent>) -> wasmtime::Result<u64> {
        Ok(self.event()?.binding.expires_at.unix_ms())
    }

    fn server_time_ms(&mut self, _: Resource<LeaseEvent>) -> wasmtime::Result<u64> {
        Ok(self.event()?.now.unix_ms())
    }

    fn circuit_id_text(&mut self, _: Resource<LeaseEvent>) -> wasmtime::Result<Option<String>> {
        let information = self.event()?.binding.relay_information.as_ref();
        Ok(information.and_then(|found| found.circuit_id()).map(readable))
    }

    fn remote_id_text(&mut self, _: Resource<LeaseEvent>) -> wasmtime::Result<Option<String>> {
        let information = self.event()?.binding.relay_information.as_ref();
        Ok(information.and_then(|found| found.remote_id()).map(readable))
    }

    fn hardware_address_text(&mut self, _: Resource<LeaseEvent>) -> wasmtime::Result<String> {
        Ok(self.event()?.binding.hardware_address.to_string())
    }

    fn host_name(&mut self, _: Resource<LeaseEvent>) -> wasmtime::Result<Option<String>> {
        Ok(self.event()?.binding.host_name.as_ref().map(ToString::to_string))
    }

    fn pool_name(&mut self, _: Resource<LeaseEvent>) -> wasmtime::Result<Option<String>> {
        Ok(self.event()?.pool_name.as_deref().map(str::to_owned))
    }

    fn lookup_status(
        &mut self,
        _: Resource<LeaseEvent>,
        name: String,
    ) -> wasmtime::Result<LookupStatus> {
        Ok(status_of(self.event_lookup(&name)?))
    }

    fn lookup_field(
        &mut self,
        _: Resource<LeaseEvent>,
        name: String,
        field: String,
    ) -> wasmtime::Result<Option<String>> {
        let row = row_of(self.event_lookup(&name)?);
        Ok(row.and_then(|row| row.field(&field)).map(str::to_owned))
    }

    fn lookup_row(
        &mut self,
        _: Resource<LeaseEvent>,
        name: String,
    ) -> wasmtime::Result<Option<String>> {
        Ok(row_of(self.event_lookup(&name)?).map(json_object))
    }

    fn lookup_is_stale(&mut self, _: Resource<LeaseEvent>, name: String) -> wasmtime::Result<bool> {
        Ok(is_stale(self.event_lookup(&name)?))
    }

    fn drop(&mut self, _: Resource<LeaseEvent>) -> wasmtime::Result<()> {
        Ok(())
    }
}

impl Guest {
    fn event_lookup(&self, name: &str) -> Result<Option<&LookupAnswer>, BadAnswer> {
        Ok(self.event()?.lookup(&self.plugin, name))
    }
}
