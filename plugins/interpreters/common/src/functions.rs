//! Functions that do not belong to an object.

use lessor_policy::{Ipv4Prefix, Verdict, log, option};

use crate::{Function, Value, value::object::argument, value::wanted};

/// Every function that does not belong to an object.
pub static FUNCTIONS: [Function; 8] = [
    Function::new("proceed", 0, |_, _| Ok(Value::Verdict(Verdict::Proceed))),
    Function::new("ignore", 1, |_, arguments| {
        let reason = argument(arguments, 0).as_text("ignore")?;
        Ok(Value::Verdict(Verdict::ignore(reason)))
    }),
    Function::new("refuse", 1, |_, arguments| {
        let reason = argument(arguments, 0).as_text("refuse")?;
        Ok(Value::Verdict(Verdict::refuse(reason)))
    }),
    Function::with_optional("log", (1, 2), |_, arguments| {
        let (level, line) = match arguments {
            [line] => ("info", line),
            _ => (argument(arguments, 0).as_text("log")?, argument(arguments, 1)),
        };
        let line = match line {
            Value::Text(line) => line.clone(),
            other => other.described(),
        };
        match level {
            "debug" => log::debug(line),
            "info" => log::info(line),
            "warn" => log::warn(line),
            "error" => log::error(line),
            _ => {
                let levels = "\"debug\", \"info\", \"warn\" or \"error\"";
                return Err(wanted("log", levels, argument(arguments, 0)));
            }
        }
        Ok(Value::Nothing)
    }),
    Function::new("in_prefix", 2, |_, arguments| {
        let prefix = prefix(argument(arguments, 1))?;
        let address = match argument(arguments, 0) {
            Value::Nothing => return Ok(Value::Flag(false)),
            address => address.as_address("in_prefix")?,
        };
        Ok(Value::Flag(prefix.contains(address)))
    }),
    Function::new("is_address", 1, |_, arguments| {
        Ok(Value::Flag(argument(arguments, 0).as_address("is_address").is_ok()))
    }),
    Function::new("octets", 1, |_, arguments| {
        let text = argument(arguments, 0).as_text("octets")?;
        let octets = option::octets_from_text(text).map_err(|error| error.to_string())?;
        Ok(Value::numbers(&octets))
    }),
    Function::new("text_of", 1, |_, arguments| {
        let Value::List(items) = argument(arguments, 0) else {
            return Err(wanted("text_of", "a list of octets", argument(arguments, 0)));
        };
        let octets: Result<Vec<u8>, String> =
            items.iter().map(|item| item.as_number("text_of", "octets from 0 to 255")).collect();
        Ok(Value::octets(&octets?))
    }),
];

fn prefix(value: &Value) -> Result<Ipv4Prefix, String> {
    let refused = || wanted("in_prefix", "a prefix such as \"192.0.2.0/24\"", value);
    let (address, length) = match value {
        Value::Text(text) => text.split_once('/').ok_or_else(refused)?,
        _ => return Err(refused()),
    };
    let address = address.parse().map_err(|_| refused())?;
    let length = length.parse().ok().filter(|length| *length <= 32).ok_or_else(refused)?;
    Ok(Ipv4Prefix { address, length })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(name: &str, arguments: &[Value]) -> Result<Value, String> {
        let function = FUNCTIONS.iter().find(|function| function.name == name).unwrap();
        function.invoke("", arguments)
    }

    #[test]
    fn addresses_are_found_in_their_prefixes() {
        let is_in = |address: &str, prefix: &str| {
            let found = call("in_prefix", &[Value::text(address), Value::text(prefix)]);
            found.map(|found| matches!(found, Value::Flag(true)))
        };
        assert_eq!(is_in("192.0.2.7", "192.0.2.0/24"), Ok(true));
        assert_eq!(is_in("192.0.3.7", "192.0.2.0/24"), Ok(false));
        assert!(is_in("192.0.2.7", "192.0.2.0/33").unwrap_err().contains("wanted a prefix"));
        assert!(is_in("here", "192.0.2.0/24").unwrap_err().contains("wanted an address"));
        let none = call("in_prefix", &[Value::Nothing, Value::text("0.0.0.0/0")]);
        assert!(matches!(none, Ok(Value::Flag(false))));
        for (address, wanted) in [(Value::text("192.0.2.7"), true), (Value::text("192.0.2"), false)]
        {
            let found = call("is_address", &[address]);
            assert!(matches!(found, Ok(Value::Flag(found)) if found == wanted));
        }
    }

    #[test]
    fn octets_and_texts_are_made_of_each_other() {
        let octets = call("octets", &[Value::text("hex:0004ff")]).unwrap();
        assert!(
            matches!(call("text_of", &[octets]), Ok(Value::Text(text)) if text == "hex:0004ff")
        );
        assert!(call("text_of", &[Value::List(vec![Value::Number(256)])]).is_err());
        assert_eq!(
            call("proceed", &[Value::Nothing]).unwrap_err(),
            "proceed: wanted 0 arguments, found 1"
        );
    }
}
