//! `terms`: what the script sets for the request.

use lessor_policy::{BeyondLimit, Terms};

use crate::{
    Function, Object, Property, Value,
    value::object::{absent, argument},
    value::wanted,
};

/// The largest number of pools in order of preference.
const POOLS_MAX: usize = 8;
/// The longest name of a boot server in octets; one more for the final zero fills the field sname.
const SERVER_NAME_OCTETS_MAX: usize = 63;
/// The longest name of a boot file in octets; one more for the final zero fills the field file.
const BOOT_FILE_OCTETS_MAX: usize = 127;

pub(crate) static TERMS: Object = Object {
    name: "terms",
    is_global: false,
    properties: &[
        Property::both(
            "pool",
            |_| with(|terms| Value::or_nothing(terms.pool(), Value::Text)),
            |value| {
                let name = value.as_text("terms.pool")?;
                with(|terms| terms.set_pool(name))
            },
        ),
        Property::both(
            "pools",
            |_| with(|terms| Value::List(terms.pools().into_iter().map(Value::Text).collect())),
            |value| {
                let names = value.as_texts("terms.pools", POOLS_MAX)?;
                with(|terms| terms.set_pools(names))
            },
        ),
        Property::both(
            "address",
            |_| with(|terms| Value::or_nothing(terms.address(), Value::address)),
            |value| {
                let address = value.as_address("terms.address")?;
                with(|terms| terms.set_address(address))
            },
        ),
        Property::both(
            "lease_time_secs",
            |_| with(|terms| Value::or_nothing(terms.lease_time_secs(), Value::number)),
            |value| {
                let secs = value.as_number("the lease time", "a number of seconds")?;
                with(|terms| terms.set_lease_time_secs(secs))
            },
        ),
        Property::both(
            "renewal_time_secs",
            |_| with(|terms| Value::or_nothing(terms.renewal_time_secs(), Value::number)),
            |value| {
                let secs = value.as_number("the renewal time", "a number of seconds")?;
                with(|terms| terms.set_renewal_time_secs(secs))
            },
        ),
        Property::both(
            "renewal_fraction",
            |_| with(|terms| Value::or_nothing(terms.renewal_fraction(), Value::Fraction)),
            |value| {
                let fraction = value.as_fraction("terms.renewal_fraction")?;
                with(|terms| terms.set_renewal_fraction(fraction))
            },
        ),
        Property::both(
            "rebinding_time_secs",
            |_| with(|terms| Value::or_nothing(terms.rebinding_time_secs(), Value::number)),
            |value| {
                let secs = value.as_number("the rebinding time", "a number of seconds")?;
                with(|terms| terms.set_rebinding_time_secs(secs))
            },
        ),
        Property::both(
            "rebinding_fraction",
            |_| with(|terms| Value::or_nothing(terms.rebinding_fraction(), Value::Fraction)),
            |value| {
                let fraction = value.as_fraction("terms.rebinding_fraction")?;
                with(|terms| terms.set_rebinding_fraction(fraction))
            },
        ),
        Property::both(
            "next_server",
            |_| with(|terms| Value::or_nothing(terms.next_server(), Value::address)),
            |value| {
                let address = value.as_address("terms.next_server")?;
                with(|terms| terms.set_next_server(address))
            },
        ),
        Property::both(
            "server_name",
            |_| with(|terms| Value::or_nothing(terms.server_name(), Value::Text)),
            |value| {
                let name = value.as_header_text("terms.server_name", SERVER_NAME_OCTETS_MAX)?;
                with(|terms| terms.set_server_name(name))
            },
        ),
        Property::both(
            "boot_file",
            |_| with(|terms| Value::or_nothing(terms.boot_file(), Value::Text)),
            |value| {
                let name = value.as_header_text("terms.boot_file", BOOT_FILE_OCTETS_MAX)?;
                with(|terms| terms.set_boot_file(name))
            },
        ),
        Property::read("option_codes", |_| with(|terms| Value::numbers(&terms.option_codes()))),
        Property::read("removed_option_codes", |_| {
            with(|terms| Value::numbers(&terms.removed_option_codes()))
        }),
    ],
    functions: &[
        Function::with_optional("option", (1, 2), |_, arguments| {
            let name = argument(arguments, 0).as_option_name()?;
            let Some(value) = arguments.get(1) else {
                let code = argument(arguments, 0).as_option_code()?;
                return with(|terms| {
                    Value::or_nothing(terms.dhcp_option(code), |octets| {
                        Value::of_option(code, &octets)
                    })
                });
            };
            let (code, octets) = value.as_encoded_option(&name)?;
            let refused = |error| format!("option {name}: {error}");
            with(|terms| terms.set_option(code, octets))?.map_err(refused)?;
            Ok(Value::Nothing)
        }),
        Function::new("remove_option", 1, |_, arguments| {
            let name = argument(arguments, 0).as_option_name()?;
            let code = argument(arguments, 0).as_option_code()?;
            let refused = |error| format!("option {name}: {error}");
            with(|terms| terms.remove_option(code))?.map_err(refused)?;
            Ok(Value::Nothing)
        }),
        Function::with_optional("subscriber", (0, 3), |_, arguments| {
            const MAX: &str = "the number of leases that it may have, at least 1";
            if arguments.is_empty() {
                return with(|terms| Value::or_nothing(terms.subscriber(), Value::Text));
            }
            let name = argument(arguments, 0).as_text("the subscriber's name")?;
            let leases_max: u32 = argument(arguments, 1).as_number("subscriber", MAX)?;
            let beyond = match argument(arguments, 2) {
                Value::Nothing => BeyondLimit::Refuse,
                Value::Text(text) if text == "refuse" => BeyondLimit::Refuse,
                Value::Text(text) if text == "replace-oldest" => BeyondLimit::ReplaceOldest,
                other => {
                    return Err(wanted("subscriber", "\"refuse\" or \"replace-oldest\"", other));
                }
            };
            with(|terms| terms.set_subscriber(name, leases_max, beyond))?;
            Ok(Value::Nothing)
        }),
        Function::new("set_final", 0, |_, _| {
            with(|terms| terms.set_final())?;
            Ok(Value::Nothing)
        }),
    ],
};

fn with<T>(act: impl FnOnce(&Terms) -> T) -> Result<T, String> {
    Terms::entered(act).ok_or_else(|| absent("terms"))
}
