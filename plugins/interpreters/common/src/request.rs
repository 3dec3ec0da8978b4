//! `request`: the message of a client and what the server knows about it.

use lessor_policy::{PoolUsage, Request};

use crate::{
    Function, Object, Property, Value,
    kinds::{client_state, request_kind},
    lookup::LOOKUP,
    value::object::{absent, argument},
};

/// The word for the message of a BOOTP client.
const BOOTP: &str = "bootp";

pub(crate) static REQUEST: Object = Object {
    name: "request",
    is_global: false,
    properties: &[
        Property::read("kind", |_| {
            ask(|request| {
                let kind = request_kind(request.kind());
                Value::text(if request.is_bootp() { BOOTP } else { kind })
            })
        }),
        Property::read("client_state", |_| {
            ask(|request| {
                Value::or_nothing(request.client_state(), |state| Value::text(client_state(state)))
            })
        }),
        Property::read("transaction_id", |_| {
            ask(|request| Value::number(request.transaction_id()))
        }),
        Property::read("elapsed_secs", |_| ask(|request| Value::number(request.elapsed_secs()))),
        Property::read("hardware_type", |_| ask(|request| Value::number(request.hardware_type()))),
        Property::read("hardware_address", |_| {
            ask(|request| Value::Text(request.hardware_address_text()))
        }),
        Property::read("client_identifier", |_| {
            ask(|request| {
                Value::or_nothing(request.client_identifier(), |octets| Value::octets(&octets))
            })
        }),
        Property::read("client_key", |_| ask(|request| Value::Text(request.client_key()))),
        Property::read("is_relayed", |_| ask(|request| Value::Flag(request.is_relayed()))),
        Property::read("relay_address", |_| {
            ask(|request| Value::or_nothing(request.relay_address(), Value::address))
        }),
        Property::read("circuit_id", |_| {
            ask(|request| Value::or_nothing(request.circuit_id_text(), Value::Text))
        }),
        Property::read("remote_id", |_| {
            ask(|request| Value::or_nothing(request.remote_id_text(), Value::Text))
        }),
        Property::read("relay_information_is_remembered", |_| {
            ask(|request| Value::Flag(request.relay_information_is_remembered()))
        }),
        Property::read("option_codes", |_| {
            ask(|request| Value::numbers(&request.dhcp_option_codes()))
        }),
        Property::read("parameter_request_list", |_| {
            ask(|request| Value::numbers(&request.parameter_request_list()))
        }),
        Property::read("vendor_class", |_| {
            ask(|request| Value::or_nothing(request.vendor_class(), Value::Text))
        }),
        Property::read("host_name", |_| {
            ask(|request| Value::or_nothing(request.host_name(), Value::Text))
        }),
        Property::read("checked_host_name", |_| {
            ask(|request| Value::or_nothing(request.checked_host_name(), Value::Text))
        }),
        Property::read("requested_address", |_| {
            ask(|request| Value::or_nothing(request.requested_address(), Value::address))
        }),
        Property::read("client_address", |_| {
            ask(|request| Value::or_nothing(request.client_address(), Value::address))
        }),
        Property::read("requested_lease_time_secs", |_| {
            ask(|request| Value::or_nothing(request.requested_lease_time_secs(), Value::number))
        }),
        Property::read("network_name", |_| ask(|request| Value::Text(request.network_name()))),
        Property::read("vpn_name", |_| {
            ask(|request| Value::or_nothing(request.vpn_name(), Value::Text))
        }),
        Property::read("subnet", |_| {
            ask(|request| {
                let subnet = request.subnet();
                Value::Text(format!("{}/{}", subnet.address, subnet.length))
            })
        }),
        Property::read("interface_name", |_| {
            ask(|request| Value::or_nothing(request.interface_name(), Value::Text))
        }),
        Property::read("classes", |_| {
            ask(|request| Value::List(request.classes().into_iter().map(Value::Text).collect()))
        }),
        Property::read("lease_address", |_| {
            ask(|request| Value::or_nothing(request.lease_address(), Value::address))
        }),
        Property::read("lease_is_active", |_| {
            ask(|request| Value::Flag(request.lease_is_active()))
        }),
        Property::read("lease_expires_at_ms", |_| {
            ask(|request| Value::or_nothing(request.lease_expires_at_ms(), Value::number))
        }),
        Property::read("server_time_ms", |_| {
            ask(|request| Value::number(request.server_time_ms()))
        }),
        Property::read("packet", |_| ask(|request| Value::numbers(&request.packet()))),
    ],
    functions: &[
        Function::new("option", 1, |_, arguments| {
            let code = argument(arguments, 0).as_option_code()?;
            ask(|request| {
                Value::or_nothing(request.dhcp_option(code), |octets| {
                    Value::of_option(code, &octets)
                })
            })
        }),
        Function::new("relay_sub_option", 1, |_, arguments| {
            let code = argument(arguments, 0).as_number("sub-option", "a code from 0 to 255")?;
            ask(|request| {
                Value::or_nothing(request.relay_sub_option(code), |octets| Value::octets(&octets))
            })
        }),
        // Not a property: whatever lists those must not count pools.
        Function::new("pool_names", 0, |_, _| {
            ask(|request| Value::List(request.pool_names().into_iter().map(Value::Text).collect()))
        }),
        Function::new("pool_usage", 1, |_, arguments| {
            let name = argument(arguments, 0).as_text("pool_usage")?;
            ask(|request| {
                Value::or_nothing(request.pool_usage(name), |PoolUsage { total, leased, free }| {
                    let counts = [("total", total), ("leased", leased), ("free", free)];
                    let field =
                        |(name, count): (&str, u32)| (name.to_owned(), Value::number(count));
                    Value::Table(counts.map(field).into())
                })
            })
        }),
        Function::new("lookup", 1, |_, arguments| {
            let name = argument(arguments, 0).as_text("lookup")?;
            Ok(Value::Object(&LOOKUP, name.to_owned()))
        }),
    ],
};

pub(crate) fn ask(act: impl FnOnce(&Request) -> Value) -> Result<Value, String> {
    Request::entered(act).ok_or_else(|| absent("request"))
}
