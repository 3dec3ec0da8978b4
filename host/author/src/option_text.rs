//! Formats the values of options, which a policy sets as octets, as TOML in the format of a case.

use std::net::Ipv4Addr;

use lessor_core::{OptionDefinition, OptionKind};

/// The key of an option: its name, or its number if it has none.
pub(crate) fn name(code: u8) -> String {
    OptionDefinition::by_code(code)
        .map_or_else(|| code.to_string(), |definition| definition.name.to_owned())
}

/// The value in the format of the option's type. Without a type, it is formatted as text if it is
/// printable, and otherwise as octets.
pub(crate) fn value(code: u8, octets: &[u8]) -> String {
    let kind = OptionDefinition::by_code(code).map(|definition| definition.kind);
    let typed = match kind {
        Some(kind) => of_kind(kind, octets),
        None => plain_text(octets),
    };
    typed.unwrap_or_else(|| quoted(&format!("hex:{}", hex::encode(octets))))
}

/// A text in quotes.
pub(crate) fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

/// A list of items that are TOML already.
pub(crate) fn list(items: &[String]) -> String {
    format!("[{}]", items.join(", "))
}

/// Returns `None` if the octets are not valid for the type.
fn of_kind(kind: OptionKind, octets: &[u8]) -> Option<String> {
    Some(match kind {
        OptionKind::Address => address(octets)?,
        OptionKind::Addresses => list(&all::<4>(octets, address)?),
        OptionKind::Flag => match octets {
            [0] => "false".to_owned(),
            [1] => "true".to_owned(),
            _ => return None,
        },
        OptionKind::U8 => u8::from_be_bytes(octets.try_into().ok()?).to_string(),
        OptionKind::U16 => u16::from_be_bytes(octets.try_into().ok()?).to_string(),
        OptionKind::U16s => list(&all::<2>(octets, |pair| {
            Some(u16::from_be_bytes(pair.try_into().ok()?).to_string())
        })?),
        OptionKind::U32 => u32::from_be_bytes(octets.try_into().ok()?).to_string(),
        OptionKind::I32 => i32::from_be_bytes(octets.try_into().ok()?).to_string(),
        OptionKind::Text => plain_text(octets)?,
        OptionKind::DomainNames => list(&domain_names(octets)?),
        OptionKind::Routes => list(&routes(octets)?),
        OptionKind::Octets => return None,
    })
}

fn address(octets: &[u8]) -> Option<String> {
    let octets: [u8; 4] = octets.try_into().ok()?;
    Some(quoted(&Ipv4Addr::from(octets).to_string()))
}

/// Every item of a list; at least one.
fn all<const N: usize>(
    octets: &[u8],
    read: impl Fn(&[u8]) -> Option<String>,
) -> Option<Vec<String>> {
    let (items, rest) = octets.as_chunks::<N>();
    let is_list = rest.is_empty() && !items.is_empty();
    is_list.then(|| items.iter().filter_map(|item| read(item)).collect())
}

/// Text that is valid in a case: the prefix `hex:` would mean octets.
fn plain_text(octets: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(octets).ok()?;
    let is_plain =
        !text.is_empty() && !text.starts_with("hex:") && !text.contains(char::is_control);
    is_plain.then(|| quoted(text))
}

/// Domain names, which may contain pointers to earlier names (RFC 1035 section 4.1.4).
fn domain_names(octets: &[u8]) -> Option<Vec<String>> {
    let mut names = Vec::new();
    let mut place = 0;
    while place < octets.len() {
        let (name, after) = domain_name(octets, place)?;
        names.push(quoted(&name));
        place = after;
    }
    (!names.is_empty()).then_some(names)
}

/// Reads a name and returns the position after it. Pointers may only lead backwards, so this ends.
fn domain_name(octets: &[u8], start: usize) -> Option<(String, usize)> {
    let (mut labels, mut place, mut after) = (Vec::new(), start, None);
    loop {
        match octets.get(place..)? {
            [0, ..] => return Some((labels.join("."), after.unwrap_or(place + 1))),
            [high, low, ..] if *high >= 0xc0 => {
                let goal = usize::from(u16::from_be_bytes([high & 0x3f, *low]));
                after.get_or_insert(place + 2);
                place = if goal < place { goal } else { return None };
            }
            [length, rest @ ..] => {
                let label = rest.get(..usize::from(*length))?;
                labels.push(std::str::from_utf8(label).ok()?);
                place += 1 + label.len();
            }
            [] => return None,
        }
    }
}

fn routes(octets: &[u8]) -> Option<Vec<String>> {
    let mut routes = Vec::new();
    let mut rest = octets;
    while let [length, tail @ ..] = rest {
        let significant = usize::from(*length).div_ceil(8);
        let (prefix, tail) = tail.split_at_checked(significant)?;
        let (router, tail) = tail.split_at_checked(4)?;
        let mut network = [0; 4];
        network.get_mut(..significant)?.copy_from_slice(prefix);
        let to = quoted(&format!("{}/{length}", Ipv4Addr::from(network)));
        routes.push(format!("{{ to = {to}, via = {} }}", address(router)?));
        rest = tail;
    }
    (!routes.is_empty()).then_some(routes)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

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
            (121, &[33], "\"hex:21\""),
        ] {
            assert_eq!(value(code, octets), text, "option {code}");
            let case = format!("[request]\n[expect]\noptions.{} = {text}\n", name(code));
            let read = lessor_config::parse_case("case.toml", &case).unwrap();
            let mut again = Vec::new();
            lessor_wire::encode_value(&read.expectation.unwrap().options.set[0].1, &mut again);
            assert_eq!(again, octets, "option {code}");
        }
    }
}
