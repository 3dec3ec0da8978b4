//! Formats the values of options, which a policy sets as octets, as TOML in the format of a case.

use lessor_core::OptionValue;
use lessor_vocabulary::{Catalogue, OptionSetting, hexadecimal, value_text};

/// The key of an option: its name, or its number if it has none.
pub(crate) fn name(code: u8, catalogue: &Catalogue) -> String {
    catalogue.name(code).map_or_else(|| code.to_string(), ToOwned::to_owned)
}

/// The value in the format of the option's type. Without a type, it is formatted as text if it is
/// printable. A value that would not be read as the same octets is formatted as octets.
pub(crate) fn value(code: u8, octets: &[u8], catalogue: &Catalogue) -> String {
    let written = catalogue.decode(code, octets, None);
    let name = name(code, catalogue);
    // What consists of parts, or of what vendors define, has no type of its own.
    if !matches!(written, OptionSetting::Text(_))
        && catalogue.encode(&name, &written).is_ok_and(|(_, again)| again == octets)
    {
        return toml_of(&written);
    }
    let typed = match catalogue.kind(code).filter(|kind| !kind.is_layout()) {
        Some(kind) => kind.decode(octets),
        None => value_text(octets).map(|text| OptionValue::Text(text.to_owned())),
    };
    let same = typed.filter(|value| value.to_octets() == octets);
    same.map_or_else(
        || quoted(&hexadecimal::text(octets)),
        |value| toml_of(&OptionSetting::from(&value)),
    )
}

/// A text in quotes.
pub(crate) fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

/// A list of items that are TOML already.
pub(crate) fn list(items: &[String]) -> String {
    format!("[{}]", items.join(", "))
}

fn toml_of(value: &OptionSetting) -> String {
    match value {
        OptionSetting::Flag(flag) => flag.to_string(),
        OptionSetting::Number(number) => number.to_string(),
        OptionSetting::Text(text) | OptionSetting::Other(text) => quoted(text),
        OptionSetting::List(items) => list(&items.iter().map(toml_of).collect::<Vec<_>>()),
        OptionSetting::Table(members) => {
            let members = members.iter().map(|(key, value)| format!("{key} = {}", toml_of(value)));
            format!("{{ {} }}", members.collect::<Vec<_>>().join(", "))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The text is read back as the same octets.
    #[test]
    fn values_are_written_as_a_case_has_them() {
        for (code, octets, text) in [
            (1, &[255, 255, 0, 0][..], "\"255.255.0.0\""),
            (6, &[192, 0, 2, 1, 192, 0, 2, 2], r#"["192.0.2.1", "192.0.2.2"]"#),
            (19, &[1], "true"),
            (23, &[64], "64"),
            (26, &[5, 220], "1500"),
            (2, &[255, 255, 255, 255], "-1"),
            (15, b"example.net", "\"example.net\""),
            (119, b"\x01a\x07example\0\x01b\xc0\x02", r#"["a.example", "b.example"]"#),
            (121, &[0, 100, 64, 0, 1], r#"[{ to = "0.0.0.0/0", via = "100.64.0.1" }]"#),
            (43, b"abc", "\"hex:616263\""),
            (224, b"a \"b\"", "'a \"b\"'"),
            (224, b"hex:00", "\"hex:6865783a3030\""),
            (6, &[1, 2, 3], "\"hex:010203\""),
            (119, &[0xc0, 0], "\"hex:c000\""),
            // Names that are not compressed would be read as other octets.
            (119, b"\x01a\0\x01a\0", "\"hex:016100016100\""),
            (121, &[33], "\"hex:21\""),
        ] {
            let catalogue = Catalogue::registered();
            assert_eq!(value(code, octets, catalogue), text, "option {code}");
            let case = format!("[request]\n[expect]\noptions.{} = {text}\n", name(code, catalogue));
            let read = lessor_config::parse_case("case.toml", &case).unwrap();
            let mut again = Vec::new();
            lessor_wire::encode_value(&read.expectation.unwrap().options.set[0].1, &mut again);
            assert_eq!(again, octets, "option {code}");
        }
    }
}
