//! `terms`: what the script wants for the request.

use lessor_policy::{BeyondLimit, Terms};

use crate::{
    Function, Object, Property, Value,
    object::{absent, argument},
    value::wanted,
};

pub(crate) static TERMS: Object = Object {
    name: "terms",
    is_global: false,
    properties: &[
        Property::write("pool", |value| {
            let name = value.as_text("terms.pool")?;
            set(|terms| terms.set_pool(name))
        }),
        Property::write("address", |value| {
            let address = value.as_address("terms.address")?;
            set(|terms| terms.set_address(address))
        }),
        Property::write("lease_time_secs", |value| {
            let secs = value.as_number("the lease time", "a number of seconds")?;
            set(|terms| terms.set_lease_time_secs(secs))
        }),
    ],
    functions: &[
        Function::new("option", 2, |_, arguments| {
            let name = argument(arguments, 0).as_option_name()?;
            let (code, octets) = argument(arguments, 1).as_encoded_option(&name)?;
            let refused = |error| format!("option {name}: {error}");
            set(|terms| terms.set_option(code, octets))?.map_err(refused)?;
            Ok(Value::Nothing)
        }),
        Function::new("remove_option", 1, |_, arguments| {
            let name = argument(arguments, 0).as_option_name()?;
            let code = lessor_policy::OptionSetting::code(&name)?;
            let refused = |error| format!("option {name}: {error}");
            set(|terms| terms.remove_option(code))?.map_err(refused)?;
            Ok(Value::Nothing)
        }),
        Function::with_optional("subscriber", (2, 3), |_, arguments| {
            const MAX: &str = "how many leases it may have, at least 1";
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
            set(|terms| terms.set_subscriber(name, leases_max, beyond))?;
            Ok(Value::Nothing)
        }),
    ],
};

fn set<T>(act: impl FnOnce(&Terms) -> T) -> Result<T, String> {
    Terms::entered(act).ok_or_else(|| absent("terms"))
}
