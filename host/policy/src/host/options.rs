//! Encodes and decodes options by name, for policies whose own tables lack what the configuration
//! declares.

use std::sync::Arc;

use lessor_core::option::code;
use lessor_vocabulary::OptionSetting;
use serde_json::Value;

use super::{Guest, bindings::lessor::policy::options};
use crate::limits::OPTION_TEXT_OCTETS_MAX;

impl options::Host for Guest {
    fn code(&mut self, name: String) -> wasmtime::Result<Result<u8, String>> {
        Ok(self.catalogue.recognise(&name).map_err(|unrecognised| unrecognised.to_string()))
    }

    fn encode(
        &mut self,
        name: String,
        value: String,
    ) -> wasmtime::Result<Result<(u8, Vec<u8>), String>> {
        if value.len() > OPTION_TEXT_OCTETS_MAX {
            let found = value.len();
            return Ok(Err(format!(
                "option {name}: the value is written in {found} octets; wanted at most \
                 {OPTION_TEXT_OCTETS_MAX}"
            )));
        }
        let written = match serde_json::from_str(&value) {
            Ok(value) => written(value),
            Err(error) => return Ok(Err(format!("option {name}: the value is not JSON: {error}"))),
        };
        let code = self.catalogue.recognise(&name);
        let kind = code.ok().and_then(|code| self.catalogue.kind(code));
        let written = written.with_numbers_as_octets(kind);
        Ok(self.catalogue.encode(&name, &written))
    }

    fn decode(&mut self, code: u8, value: Vec<u8>) -> wasmtime::Result<String> {
        let catalogue = Arc::clone(&self.catalogue);
        let options = self.view().ok().map(|view| &view.request.options);
        let vendor_class = options.and_then(|options| options.get(code::VENDOR_CLASS));
        Ok(catalogue.decode(code, &value, vendor_class).to_json())
    }
}

fn written(value: Value) -> OptionSetting {
    match value {
        Value::Bool(flag) => OptionSetting::Flag(flag),
        Value::Number(number) => number
            .as_i64()
            .map_or_else(|| OptionSetting::Other(number.to_string()), OptionSetting::Number),
        Value::String(text) => OptionSetting::Text(text),
        Value::Array(items) => OptionSetting::List(items.into_iter().map(written).collect()),
        Value::Object(members) => OptionSetting::Table(
            members.into_iter().map(|(key, value)| (key, written(value))).collect(),
        ),
        Value::Null => OptionSetting::Other("nothing".to_owned()),
    }
}
