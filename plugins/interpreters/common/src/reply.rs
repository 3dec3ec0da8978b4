//! `reply`: the OFFER or ACK that the server is about to send.

use lessor_policy::Reply;

use crate::{
    Function, Object, Property, Value,
    kinds::reply_kind,
    value::object::{absent, argument},
};

pub(crate) static REPLY: Object = Object {
    name: "reply",
    is_global: false,
    properties: &[
        Property::read("kind", |_| show(|reply| Value::text(reply_kind(reply.kind())))),
        Property::read("your_address", |_| {
            show(|reply| Value::or_nothing(reply.your_address(), Value::address))
        }),
        Property::read("next_server", |_| {
            show(|reply| Value::or_nothing(reply.next_server(), Value::address))
        }),
        Property::read("server_name", |_| {
            show(|reply| Value::or_nothing(reply.server_name(), Value::Text))
        }),
        Property::read("boot_file", |_| {
            show(|reply| Value::or_nothing(reply.boot_file(), Value::Text))
        }),
        Property::read("option_codes", |_| show(|reply| Value::numbers(&reply.option_codes()))),
    ],
    functions: &[
        Function::with_optional("option", (1, 2), |_, arguments| {
            let name = argument(arguments, 0).as_option_name()?;
            let Some(value) = arguments.get(1) else {
                let code = argument(arguments, 0).as_option_code()?;
                return show(|reply| {
                    Value::or_nothing(reply.dhcp_option(code), |octets| {
                        Value::of_option(code, &octets)
                    })
                });
            };
            let (code, octets) = value.as_encoded_option(&name)?;
            let refused = |error| format!("option {name}: {error}");
            show(|reply| reply.set_option(code, octets))?.map_err(refused)?;
            Ok(Value::Nothing)
        }),
        Function::new("remove_option", 1, |_, arguments| {
            let name = argument(arguments, 0).as_option_name()?;
            let code = argument(arguments, 0).as_option_code()?;
            let refused = |error| format!("option {name}: {error}");
            show(|reply| reply.remove_option(code))?.map_err(refused)?;
            Ok(Value::Nothing)
        }),
    ],
};

fn show<T>(act: impl FnOnce(&Reply) -> T) -> Result<T, String> {
    Reply::entered(act).ok_or_else(|| absent("reply"))
}
