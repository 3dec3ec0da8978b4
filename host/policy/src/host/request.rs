//! Requests as guests see them.

use std::collections::HashSet;

use lessor_core::{
    LookupAnswer, PoolUsage as CorePoolUsage, SourceRow,
    option::code::{HOST_NAME, VENDOR_CLASS},
    readable, relay,
};
use wasmtime::component::Resource;

use super::{
    Guest, address_octets, is_stale, lossy_text, optional_address, row_of, status_of,
    types::{
        ClientState, HostRequest, Ipv4Address, Ipv4Prefix, LookupStatus, PoolUsage, Request,
        RequestKind,
    },
};
use crate::fault::BadAnswer;

type Octets = Vec<u8>;

impl HostRequest for Guest {
    fn kind(&mut self, _: Resource<Request>) -> wasmtime::Result<RequestKind> {
        Ok(self.view()?.request.kind.into())
    }

    fn client_state(&mut self, _: Resource<Request>) -> wasmtime::Result<Option<ClientState>> {
        let request = &self.view()?.request;
        let is_request = request.kind == lessor_core::RequestKind::Request;
        Ok(is_request.then(|| request.client_state().into()))
    }

    fn transaction_id(&mut self, _: Resource<Request>) -> wasmtime::Result<u32> {
        Ok(self.view()?.request.transaction_id)
    }

    fn elapsed_secs(&mut self, _: Resource<Request>) -> wasmtime::Result<u16> {
        Ok(self.view()?.request.elapsed_secs)
    }

    fn hardware_type(&mut self, _: Resource<Request>) -> wasmtime::Result<u8> {
        Ok(self.view()?.request.hardware_address.kind())
    }

    fn hardware_address(&mut self, _: Resource<Request>) -> wasmtime::Result<Octets> {
        Ok(self.view()?.request.hardware_address.octets().to_vec())
    }

    fn client_identifier(&mut self, _: Resource<Request>) -> wasmtime::Result<Option<Octets>> {
        Ok(self.view()?.request.client_identifier.as_deref().map(<[u8]>::to_vec))
    }

    fn client_key(&mut self, _: Resource<Request>) -> wasmtime::Result<String> {
        Ok(self.view()?.client.to_string())
    }

    fn is_relayed(&mut self, _: Resource<Request>) -> wasmtime::Result<bool> {
        Ok(self.view()?.request.is_relayed())
    }

    fn relay_address(&mut self, _: Resource<Request>) -> wasmtime::Result<Option<Ipv4Address>> {
        Ok(optional_address(self.view()?.request.relay_address))
    }

    fn circuit_id(&mut self, request: Resource<Request>) -> wasmtime::Result<Option<Octets>> {
        self.relay_sub_option(request, relay::CIRCUIT_ID)
    }

    fn remote_id(&mut self, request: Resource<Request>) -> wasmtime::Result<Option<Octets>> {
        self.relay_sub_option(request, relay::REMOTE_ID)
    }

    fn relay_sub_option(
        &mut self,
        _: Resource<Request>,
        code: u8,
    ) -> wasmtime::Result<Option<Octets>> {
        let information = self.view()?.relay_information();
        Ok(information.and_then(|found| found.sub_option(code)).map(<[u8]>::to_vec))
    }

    fn relay_information_is_remembered(&mut self, _: Resource<Request>) -> wasmtime::Result<bool> {
        Ok(self.view()?.remembered_relay_information().is_some())
    }

    fn dhcp_option(&mut self, _: Resource<Request>, code: u8) -> wasmtime::Result<Option<Octets>> {
        Ok(self.view()?.request.options.get(code).map(<[u8]>::to_vec))
    }

    fn dhcp_option_codes(&mut self, _: Resource<Request>) -> wasmtime::Result<Octets> {
        Ok(self.view()?.request.options.iter().map(|(code, _)| code).collect())
    }

    fn parameter_request_list(&mut self, _: Resource<Request>) -> wasmtime::Result<Octets> {
        Ok(self.view()?.request.parameter_request_list.to_vec())
    }

    fn vendor_class(&mut self, _: Resource<Request>) -> wasmtime::Result<Option<String>> {
        Ok(self.view()?.request.options.get(VENDOR_CLASS).map(lossy_text))
    }

    fn host_name(&mut self, _: Resource<Request>) -> wasmtime::Result<Option<String>> {
        Ok(self.view()?.request.options.get(HOST_NAME).map(lossy_text))
    }

    fn checked_host_name(&mut self, _: Resource<Request>) -> wasmtime::Result<Option<String>> {
        Ok(self.view()?.request.stated_name().map(|name| name.to_string()))
    }

    fn requested_address(&mut self, _: Resource<Request>) -> wasmtime::Result<Option<Ipv4Address>> {
        Ok(self.view()?.request.requested_address.map(address_octets))
    }

    fn client_address(&mut self, _: Resource<Request>) -> wasmtime::Result<Option<Ipv4Address>> {
        Ok(optional_address(self.view()?.request.client_address))
    }

    fn requested_lease_time_secs(&mut self, _: Resource<Request>) -> wasmtime::Result<Option<u32>> {
        Ok(self.view()?.request.lease_time_secs)
    }

    fn network_name(&mut self, _: Resource<Request>) -> wasmtime::Result<String> {
        Ok(self.view()?.network.name.to_string())
    }

    fn vpn_name(&mut self, _: Resource<Request>) -> wasmtime::Result<Option<String>> {
        Ok(self.view()?.network.vpn_name().map(ToString::to_string))
    }

    fn subnet(&mut self, _: Resource<Request>) -> wasmtime::Result<Ipv4Prefix> {
        let prefix = self.view()?.subnet().map(|subnet| subnet.prefix).unwrap_or_default();
        Ok(Ipv4Prefix { address: address_octets(prefix.network()), length: prefix.prefix_len() })
    }

    fn interface_name(&mut self, _: Resource<Request>) -> wasmtime::Result<Option<String>> {
        Ok(self.view()?.request.arrival.interface.as_deref().map(str::to_owned))
    }

    fn classes(&mut self, _: Resource<Request>) -> wasmtime::Result<Vec<String>> {
        Ok(self.view()?.request.classes.names().map(|name| name.to_string()).collect())
    }

    fn lease_address(&mut self, _: Resource<Request>) -> wasmtime::Result<Option<Ipv4Address>> {
        Ok(self.view()?.binding.as_ref().map(|binding| address_octets(binding.address)))
    }

    fn lease_is_active(&mut self, _: Resource<Request>) -> wasmtime::Result<bool> {
        let view = self.view()?;
        Ok(view.binding.as_ref().is_some_and(|binding| binding.is_active(view.now)))
    }

    fn lease_expires_at_ms(&mut self, _: Resource<Request>) -> wasmtime::Result<Option<u64>> {
        Ok(self.view()?.binding.as_ref().map(|binding| binding.expires_at.unix_ms()))
    }

    fn server_time_ms(&mut self, _: Resource<Request>) -> wasmtime::Result<u64> {
        Ok(self.view()?.now.unix_ms())
    }

    fn circuit_id_text(&mut self, _: Resource<Request>) -> wasmtime::Result<Option<String>> {
        let information = self.view()?.relay_information();
        Ok(information.and_then(|found| found.circuit_id()).map(readable))
    }

    fn remote_id_text(&mut self, _: Resource<Request>) -> wasmtime::Result<Option<String>> {
        let information = self.view()?.relay_information();
        Ok(information.and_then(|found| found.remote_id()).map(readable))
    }

    fn hardware_address_text(&mut self, _: Resource<Request>) -> wasmtime::Result<String> {
        Ok(self.view()?.request.hardware_address.to_string())
    }

    fn lookup_status(
        &mut self,
        _: Resource<Request>,
        name: String,
    ) -> wasmtime::Result<LookupStatus> {
        Ok(status_of(self.lookup(&name)?))
    }

    fn lookup_field(
        &mut self,
        _: Resource<Request>,
        name: String,
        field: String,
    ) -> wasmtime::Result<Option<String>> {
        Ok(self.found_row(&name)?.and_then(|row| row.field(&field)).map(str::to_owned))
    }

    fn lookup_row(
        &mut self,
        _: Resource<Request>,
        name: String,
    ) -> wasmtime::Result<Option<String>> {
        Ok(self.found_row(&name)?.map(json_object))
    }

    fn lookup_is_stale(&mut self, _: Resource<Request>, name: String) -> wasmtime::Result<bool> {
        Ok(is_stale(self.lookup(&name)?))
    }

    fn pool_usage(
        &mut self,
        _: Resource<Request>,
        name: String,
    ) -> wasmtime::Result<Option<PoolUsage>> {
        let pools = self.pools()?.iter().filter(|usage| *usage.pool == *name);
        Ok(pools.map(guest_usage).reduce(|sum, one| PoolUsage {
            total: sum.total.saturating_add(one.total),
            leased: sum.leased.saturating_add(one.leased),
            free: sum.free.saturating_add(one.free),
        }))
    }

    fn pool_names(&mut self, _: Resource<Request>) -> wasmtime::Result<Vec<String>> {
        let mut names: Vec<String> = Vec::new();
        let mut seen = HashSet::new();
        for usage in self.pools()? {
            if seen.insert(&*usage.pool) {
                names.push(usage.pool.to_string());
            }
        }
        Ok(names)
    }

    fn packet(&mut self, _: Resource<Request>) -> wasmtime::Result<Octets> {
        Ok(self.view()?.request.packet.to_vec())
    }

    fn drop(&mut self, _: Resource<Request>) -> wasmtime::Result<()> {
        Ok(())
    }
}

impl Guest {
    fn lookup(&self, name: &str) -> Result<Option<&LookupAnswer>, BadAnswer> {
        Ok(self.view()?.lookup(&self.plugin, name))
    }

    fn found_row(&self, name: &str) -> Result<Option<&SourceRow>, BadAnswer> {
        Ok(row_of(self.lookup(name)?))
    }

    fn pools(&self) -> Result<&[CorePoolUsage], BadAnswer> {
        self.view()?.pools.as_deref().ok_or(BadAnswer::PoolsNotCounted)
    }
}

/// How full one pool is, as guests see it.
fn guest_usage(usage: &CorePoolUsage) -> PoolUsage {
    let counts = [usage.size, usage.leased, usage.free()];
    let [total, leased, free] = counts.map(|count| u32::try_from(count).unwrap_or(u32::MAX));
    PoolUsage { total, leased, free }
}

/// A row as a JSON object with string values.
pub(super) fn json_object(row: &SourceRow) -> String {
    let fields = row.fields().map(|(name, value)| (name.to_owned(), value.into()));
    serde_json::Value::Object(fields.collect()).to_string()
}
