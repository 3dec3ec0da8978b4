//! `event`: a change of a lease.

use lessor_policy::LeaseEvent;

use crate::{
    Function, Object, Property, Value,
    kinds::lease_event,
    lookup::LOOKUP,
    value::object::{absent, argument},
};

pub(crate) static EVENT: Object = Object {
    name: "event",
    is_global: false,
    properties: &[
        Property::read("kind", |_| tell(|event| Value::text(lease_event(event.kind())))),
        Property::read("address", |_| tell(|event| Value::address(event.address()))),
        Property::read("network_name", |_| tell(|event| Value::Text(event.network_name()))),
        Property::read("vpn_name", |_| {
            tell(|event| Value::or_nothing(event.vpn_name(), Value::Text))
        }),
        Property::read("client_key", |_| tell(|event| Value::Text(event.client_key()))),
        Property::read("client_identifier", |_| {
            tell(|event| {
                Value::or_nothing(event.client_identifier(), |octets| Value::octets(&octets))
            })
        }),
        Property::read("hardware_type", |_| tell(|event| Value::number(event.hardware_type()))),
        Property::read("hardware_address", |_| {
            tell(|event| Value::Text(with_colons(&event.hardware_address())))
        }),
        Property::read("circuit_id", |_| {
            tell(|event| Value::or_nothing(event.circuit_id(), |octets| Value::octets(&octets)))
        }),
        Property::read("remote_id", |_| {
            tell(|event| Value::or_nothing(event.remote_id(), |octets| Value::octets(&octets)))
        }),
        Property::read("pool_name", |_| {
            tell(|event| Value::or_nothing(event.pool_name(), Value::Text))
        }),
        Property::read("began_at_ms", |_| tell(|event| Value::number(event.began_at_ms()))),
        Property::read("expires_at_ms", |_| tell(|event| Value::number(event.expires_at_ms()))),
        Property::read("server_time_ms", |_| tell(|event| Value::number(event.server_time_ms()))),
        Property::read("host_name", |_| {
            tell(|event| Value::or_nothing(event.host_name(), Value::Text))
        }),
    ],
    functions: &[
        Function::new("relay_sub_option", 1, |_, arguments| {
            let code = argument(arguments, 0).as_number("sub-option", "a code from 0 to 255")?;
            tell(|event| {
                Value::or_nothing(event.relay_sub_option(code), |octets| Value::octets(&octets))
            })
        }),
        Function::new("lookup", 1, |_, arguments| {
            let name = argument(arguments, 0).as_text("lookup")?;
            Ok(Value::Object(&LOOKUP, name.to_owned()))
        }),
    ],
};

fn tell(act: impl FnOnce(&LeaseEvent) -> Value) -> Result<Value, String> {
    LeaseEvent::entered(act).ok_or_else(|| absent("event"))
}

/// Formats a hardware address as the server does.
fn with_colons(octets: &[u8]) -> String {
    let pairs: Vec<String> = octets.iter().map(|octet| format!("{octet:02x}")).collect();
    pairs.join(":")
}
