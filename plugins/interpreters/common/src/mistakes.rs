//! Messages about unknown names, with the name that was probably intended. Both languages have the
//! same messages, each in its spelling.

use lessor_vocabulary::{HOOKS, near};

use crate::{DECIDE, FUNCTIONS, LetterCase, Object};

/// Names from RFCs and other software, with the names of the script API.
const KNOWN_ELSEWHERE: [(&str, &str); 25] = [
    ("bootfile", "boot_file"),
    ("chaddr", "hardware_address"),
    ("ciaddr", "client_address"),
    ("clientid", "client_identifier"),
    ("duration", "lease_time_secs"),
    ("expires", "expires_at_ms"),
    ("file", "boot_file"),
    ("filename", "boot_file"),
    ("gateway", "relay_address"),
    ("giaddr", "relay_address"),
    ("ip", "address"),
    ("mac", "hardware_address"),
    ("messagetype", "kind"),
    ("network", "network_name"),
    ("option82", "circuit_id"),
    ("secs", "elapsed_secs"),
    ("siaddr", "next_server"),
    ("sname", "server_name"),
    ("t1", "renewal_time_secs"),
    ("t2", "rebinding_time_secs"),
    ("time", "server_time_ms"),
    ("ttl", "lease_time_secs"),
    ("type", "kind"),
    ("xid", "transaction_id"),
    ("yiaddr", "your_address"),
];

impl Object {
    /// Returns the message about reading `name`, a property in the script's spelling that the
    /// object does not have.
    pub fn unknown_property(&self, case: LetterCase, name: &str) -> String {
        let object = self.name;
        let readable = self.properties.iter().filter(|property| property.get.is_some());
        let properties: Vec<&str> = readable.map(|property| property.name).collect();
        let functions: Vec<&str> = self.functions.iter().map(|function| function.name).collect();
        let near = nearest(name, properties.iter().chain(&functions).copied());
        if let Some(near) = near {
            let call = if functions.contains(&near) { "(…)" } else { "" };
            return format!("{object} has no {name}; did you mean {}{call}?", case.spell(near));
        }
        let functions = functions.iter().map(|name| format!("{}(…)", case.spell(name)));
        let all = properties.iter().map(|name| case.spell(name)).chain(functions);
        format!("{object} has no {name}; it has {}", listed(all))
    }

    /// Returns the message about setting `name`, a property in the script's spelling that cannot be
    /// set, because it does not exist or because it can only be read or called.
    pub fn cannot_set(&self, case: LetterCase, name: &str) -> String {
        let object = self.name;
        let is_function = self.functions.iter().any(|found| case.spell(found.name) == name);
        if is_function {
            return format!("{object}.{name} is a function: call it, {object}.{name}(…)");
        }
        let is_property = self.properties.iter().any(|found| case.spell(found.name) == name);
        let can_set = self.properties.iter().filter(|property| property.set.is_some());
        let can_set: Vec<&str> = can_set.map(|property| property.name).collect();
        match (is_property, &can_set[..]) {
            (true, _) => format!("{object}.{name} can be read, but not set{}", in_terms(self)),
            (false, []) => {
                format!("{object} has no {name}, and nothing in it can be set{}", in_terms(self))
            }
            (false, names) => {
                if let Some(near) = nearest(name, names.iter().copied()) {
                    return format!("{object} has no {name}; did you mean {}?", case.spell(near));
                }
                let functions = self.functions.iter().map(|function| function.name);
                if let Some(near) = nearest(name, functions.clone()) {
                    let near = case.spell(near);
                    return format!(
                        "{object} has no {name} to set; did you mean the function \
                         {object}.{near}(…)?"
                    );
                }
                let functions = functions.map(|name| format!("{}(…)", case.spell(name)));
                let all = names.iter().map(|name| case.spell(name)).chain(functions);
                format!("{object} has no {name}; it has {}", listed(all))
            }
        }
    }

    /// Returns the message about reading `name`, a property that can only be set.
    pub fn cannot_read(&self, case: LetterCase, name: &str) -> String {
        format!("{}.{} can be set, but not read", self.name, case.spell(name))
    }
}

/// Returns the message about calling `name`, a function that does not exist; `own` are the
/// functions that the script defines.
pub fn unknown_function<'a>(
    case: LetterCase,
    name: &str,
    own: impl IntoIterator<Item = &'a str>,
) -> String {
    if let Some(absent) = absent_function(name) {
        return absent;
    }
    let ours = FUNCTIONS.iter().map(|function| case.spell(function.name));
    let known: Vec<String> = own.into_iter().map(str::to_owned).chain(ours).collect();
    match nearest(name, known.iter().map(String::as_str)) {
        Some(near) => format!("there is no function {name}; did you mean {near}(…)?"),
        None => format!(
            "there is no function {name}: the script defines none of that name, and neither does \
             the server. Correct the name, or define it"
        ),
    }
}

/// Returns `. Did you mean decide where it says decied?` if one of a script's functions is almost a
/// hook.
pub fn almost_a_hook<'a>(case: LetterCase, functions: impl IntoIterator<Item = &'a str>) -> String {
    let hooks: Vec<String> = HOOKS.iter().map(|hook| case.spell(hook.function)).collect();
    let names: Vec<&str> =
        std::iter::once(DECIDE).chain(hooks.iter().map(String::as_str)).collect();
    let meant = functions.into_iter().find_map(|function| {
        let letters = plain(function).chars().count();
        nearest(function, names.iter().copied())
            .filter(|_| letters > 3)
            .map(|hook| (function, hook))
    });
    meant.map_or_else(String::new, |(found, hook)| {
        format!(". Did you mean {hook} where it says {found}?")
    })
}

/// Returns the message about a function, in any spelling, that exists elsewhere but not for
/// policies.
pub fn absent_function(name: &str) -> Option<String> {
    let why = match plain(name).as_str() {
        "sleep" | "delay" | "settimeout" | "setinterval" | "setimmediate" | "queuemicrotask" => {
            "a policy cannot wait, because the client waits for its decision"
        }
        "random" | "rand" | "randomint" | "crypto" => {
            "there are no random numbers, so that a client that asks twice gets the same answer"
        }
        "timestamp" | "now" | "systemtime" => {
            "the only clock is the server's time of the call, in milliseconds since 1970"
        }
        "fetch" | "xmlhttprequest" | "require" | "httpget" | "open" | "readfile" | "exec"
        | "system" | "process" | "fs" | "net" | "socket" => {
            "a policy has no files, no network and no other modules; plan a lookup, and the \
             server gets the data"
        }
        "import" | "module" | "exports" => "a script is a single file without modules",
        "exit" | "quit" => "a function ends with `return`",
        "console" | "println" | "printf" | "alert" => "write log(\"…\")",
        _ => return None,
    };
    Some(format!("there is no {name}: {why}"))
}

/// Returns the name in `known` that was probably intended by `found`: the same name in another
/// spelling, its equivalent in other software, a name that begins with it or
/// is its beginning, or a name that differs by a few letters.
pub fn nearest<'a>(found: &str, known: impl Iterator<Item = &'a str> + Clone) -> Option<&'a str> {
    let wanted = plain(found);
    let is_same = |name: &&str| plain(name) == wanted;
    let elsewhere = KNOWN_ELSEWHERE.iter().find(|(name, _)| *name == wanted).map(|(_, here)| *here);
    let begins = |name: &&str| {
        let name = plain(name);
        let shorter = name.len().min(wanted.len());
        shorter >= 4 && (name.starts_with(&wanted) || wanted.starts_with(&name))
    };
    let letters_max = (wanted.chars().count() / 3).max(1);
    let distance = |name: &str| near::distance(&wanted, &plain(name));
    known
        .clone()
        .find(is_same)
        .or_else(|| elsewhere.and_then(|here| known.clone().find(|name| *name == here)))
        .or_else(|| known.clone().find(|name| distance(name) == 1))
        .or_else(|| known.clone().find(begins))
        .or_else(|| {
            let close = known.map(|name| (distance(name), name));
            close.filter(|(far, _)| *far <= letters_max).min_by_key(|(far, _)| *far).map(|(_, n)| n)
        })
}

/// Returns a name without the differences between spellings.
fn plain(name: &str) -> String {
    let letters = name.chars().filter(|letter| letter.is_alphanumeric());
    letters.flat_map(char::to_lowercase).collect()
}

fn in_terms(object: &Object) -> &'static str {
    if object.name == "request" { "; use terms to set what the client gets" } else { "" }
}

fn listed(names: impl Iterator<Item = String>) -> String {
    names.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::OBJECTS;

    fn object(name: &str) -> &'static Object {
        OBJECTS.into_iter().find(|object| object.name == name).unwrap()
    }

    #[test]
    fn names_that_there_are_not_lead_to_those_that_there_are() {
        let request = |name| object("request").unknown_property(LetterCase::Camel, name);
        for (name, wanted) in [
            ("circuit_id", "request has no circuit_id; did you mean circuitId?"),
            ("circuitID", "request has no circuitID; did you mean circuitId?"),
            ("vendorClas", "request has no vendorClas; did you mean vendorClass?"),
            ("vendorClassIdentifier", "did you mean vendorClass?"),
            ("mac", "did you mean hardwareAddress?"),
            ("giaddr", "did you mean relayAddress?"),
            ("options", "did you mean option(…)?"),
            ("leaseAddr", "did you mean leaseAddress?"),
            ("zebra", "request has no zebra; it has kind, clientState, "),
        ] {
            let said = request(name);
            assert!(said.contains(wanted), "{name}: {said}");
        }
        let said = object("request").unknown_property(LetterCase::Snake, "circuitId");
        assert_eq!(said, "request has no circuitId; did you mean circuit_id?");
    }

    #[test]
    fn what_cannot_be_set_says_why() {
        let set = |name, property| object(name).cannot_set(LetterCase::Camel, property);
        assert_eq!(set("terms", "poool"), "terms has no poool; did you mean pool?");
        assert_eq!(
            set("terms", "leaseTime"),
            "terms has no leaseTime; did you mean leaseTimeSecs?"
        );
        assert_eq!(set("terms", "option"), "terms.option is a function: call it, terms.option(…)");
        assert_eq!(
            set("terms", "options"),
            "terms has no options to set; did you mean the function terms.option(…)?"
        );
        assert_eq!(
            set("request", "kind"),
            "request.kind can be read, but not set; use terms to set what the client gets"
        );
        assert_eq!(set("event", "pool"), "event has no pool, and nothing in it can be set");
        let zebra = set("terms", "zebra");
        assert!(zebra.starts_with("terms has no zebra; it has pool, pools, address, "), "{zebra}");
    }

    #[test]
    fn functions_that_there_are_not_are_explained() {
        let call = |name| unknown_function(LetterCase::Snake, name, ["is_paid"]);
        assert_eq!(call("ignor"), "there is no function ignor; did you mean ignore(…)?");
        assert_eq!(call("isPaid"), "there is no function isPaid; did you mean is_paid(…)?");
        assert!(call("sleep").starts_with("there is no sleep: a policy cannot wait"));
        assert!(call("zebra").contains("Correct the name, or define it"));
        let said = almost_a_hook(LetterCase::Camel, ["helper", "onDiscovr"]);
        assert_eq!(said, ". Did you mean onDiscover where it says onDiscovr?");
        assert_eq!(almost_a_hook(LetterCase::Camel, ["helper"]), "");
    }
}
