//! Lists the fields of a message as they were understood, for people.

use lessor_core::{OptionValue, Request, RequestKind, option::code, readable};
use lessor_vocabulary::Catalogue;

/// Returns each field with its value.
pub(super) fn of(request: &Request, catalogue: &Catalogue) -> Vec<(String, String)> {
    let mut facts = vec![("message".to_owned(), request.kind.name().to_owned())];
    let mut add = |name: &str, value: String| facts.push((name.to_owned(), value));
    if request.kind == RequestKind::Request {
        let state = serde_json::to_value(request.client_state()).ok();
        let state = state.as_ref().and_then(|state| state.as_str()).unwrap_or_default();
        add("client state", state.to_owned());
    }
    add("hardware address", request.hardware_address.to_string());
    if request.wants_broadcast() {
        add("flags", "broadcast".to_owned());
    }
    if request.is_relayed() {
        add("relay address", request.relay_address.to_string());
    }
    for address in request.arrival.link_addresses.iter().flat_map(|addresses| &**addresses) {
        add("link address", address.to_string());
    }
    if !request.client_address.is_unspecified() {
        add("client address", request.client_address.to_string());
    }
    if let Some(information) = &request.relay_information {
        if let Some(circuit_id) = information.circuit_id() {
            add("circuit id", readable(circuit_id));
        }
        if let Some(remote_id) = information.remote_id() {
            add("remote id", readable(remote_id));
        }
        if let Some(selected) = request.link_selection() {
            add("link selection", selected.to_string());
        }
    }
    let vendor_class = request.options.get(code::VENDOR_CLASS);
    for (option, octets) in request.options.iter() {
        if !matches!(option, code::MESSAGE_TYPE | code::RELAY_AGENT_INFORMATION) {
            let value = match option {
                code::PARAMETER_REQUEST_LIST => {
                    let codes: Vec<_> = octets.iter().map(ToString::to_string).collect();
                    codes.join(",")
                }
                option => {
                    let value = OptionValue::Octets(octets.to_vec());
                    catalogue.shown(option, &value, vendor_class)
                }
            };
            add(&catalogue.shown_name(option).to_string().replace('-', " "), value);
        }
    }
    facts
}
