//! The attributes of an Access-Accept as fields of a row, under the names of the RFCs.

use std::{collections::BTreeMap, net::Ipv4Addr, sync::Arc};

use lessor_core::SourceRow;

use super::packet::Attributes;

/// The format of a value.
#[derive(Clone, Copy)]
enum Kind {
    Text,
    /// Text that may begin with a tag octet (RFC 2868 section 3.5).
    TaggedText,
    Integer,
    Address,
    Octets,
}

use Kind::{Address, Integer, Octets, TaggedText, Text};

/// The attributes of RFC 2865, RFC 2868, RFC 2869, RFC 4675 and RFC 7268.
const KNOWN: &[(u8, &str, Kind)] = &[
    (1, "User-Name", Text),
    (6, "Service-Type", Integer),
    (7, "Framed-Protocol", Integer),
    (8, "Framed-IP-Address", Address),
    (9, "Framed-IP-Netmask", Address),
    (10, "Framed-Routing", Integer),
    (11, "Filter-Id", Text),
    (12, "Framed-MTU", Integer),
    (18, "Reply-Message", Text),
    (22, "Framed-Route", Text),
    (25, "Class", Octets),
    (27, "Session-Timeout", Integer),
    (28, "Idle-Timeout", Integer),
    (29, "Termination-Action", Integer),
    (31, "Calling-Station-Id", Text),
    (62, "Port-Limit", Integer),
    (77, "Connect-Info", Text),
    (81, "Tunnel-Private-Group-Id", TaggedText),
    (85, "Acct-Interim-Interval", Integer),
    (87, "NAS-Port-Id", Text),
    (88, "Framed-Pool", Text),
    (90, "Tunnel-Client-Auth-Id", TaggedText),
    (97, "Framed-IPv6-Prefix", Octets),
    (99, "Framed-IPv6-Route", Text),
    (100, "Framed-IPv6-Pool", Text),
];
const VENDOR_SPECIFIC: u8 = 26;
const STATE: u8 = 24;
const MESSAGE_AUTHENTICATOR: u8 = 80;

/// The row of a reply. An attribute without a known name is called `Attribute-` and its number; a
/// vendor's attribute is called `Vendor-`, the vendor's number, `-` and the attribute's number.
/// Repeated attributes are joined with commas.
///
/// # Errors
/// If an attribute does not have the length that its type requires.
pub(super) fn row(attributes: &Attributes<'_>) -> Result<SourceRow, String> {
    let mut fields: Vec<(Arc<str>, String)> = Vec::new();
    let mut places: BTreeMap<String, usize> = BTreeMap::new();
    let mut add = |name: String, value: String| {
        if let Some((_, known)) = places.get(&name).and_then(|place| fields.get_mut(*place)) {
            known.push(',');
            known.push_str(&value);
            return;
        }
        fields.push((Arc::from(&*name), value));
        places.insert(name, fields.len() - 1);
    };
    for (code, value) in attributes.iter() {
        match code {
            MESSAGE_AUTHENTICATOR | STATE => {}
            VENDOR_SPECIFIC => {
                let Some((vendor, inner)) = value.split_first_chunk::<4>() else {
                    let octets = value.len();
                    return Err(format!("Vendor-Specific has {octets} octets; wanted at least 4"));
                };
                let vendor = u32::from_be_bytes(*vendor);
                match Attributes::parse(inner) {
                    Ok(inner) => inner.iter().for_each(|(code, value)| {
                        add(format!("Vendor-{vendor}-{code}"), printed(value));
                    }),
                    // Some vendors use another format (RFC 2865 section 5.26).
                    Err(_) => add(format!("Vendor-{vendor}"), printed(inner)),
                }
            }
            _ => {
                let known = KNOWN.iter().find(|(known, _, _)| *known == code);
                match known {
                    Some((_, name, kind)) => add((*name).to_owned(), text(name, *kind, value)?),
                    None => add(format!("Attribute-{code}"), printed(value)),
                }
            }
        }
    }
    Ok(fields.into_iter().map(|(name, value)| (name, value.into_boxed_str())).collect())
}

fn text(name: &str, kind: Kind, value: &[u8]) -> Result<String, String> {
    Ok(match (kind, value) {
        (Integer, &[a, b, c, d]) => u32::from_be_bytes([a, b, c, d]).to_string(),
        (Address, &[a, b, c, d]) => Ipv4Addr::new(a, b, c, d).to_string(),
        (Integer | Address, _) => {
            return Err(format!("{name} has {} octets; wanted 4", value.len()));
        }
        (TaggedText, [0..=0x1f, rest @ ..]) => printed(rest),
        (Text | TaggedText | Octets, _) => printed(value),
    })
}

/// Printable text as it is, and other octets in hexadecimal.
fn printed(value: &[u8]) -> String {
    match std::str::from_utf8(value) {
        Ok(text) if !text.chars().any(char::is_control) => text.to_owned(),
        _ => value.iter().fold("hex:".to_owned(), |text, octet| text + &format!("{octet:02x}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_have_the_names_of_the_standards() {
        let mut octets = Vec::new();
        for (code, value) in [
            (8, &[192, 0, 2, 7][..]),
            (27, &[0, 0, 14, 16]),
            (11, b"gold"),
            (11, b"night"),
            (25, &[0, 255]),
            (81, b"\x01307"),
            (88, b"residential"),
            (26, &[0, 0, 0, 9, 1, 7, b'a', b'=', b'b', b'c', b'd']),
            (26, &[0, 0, 0, 10, 1, 9, 7]),
            (200, b"own"),
            (80, &[0; 16]),
        ] {
            octets.extend([code, value.len() as u8 + 2]);
            octets.extend(value);
        }
        let row = row(&Attributes::parse(&octets).unwrap()).unwrap();
        let fields: Vec<_> = row.fields().collect();
        assert_eq!(
            fields,
            [
                ("Framed-IP-Address", "192.0.2.7"),
                ("Session-Timeout", "3600"),
                ("Filter-Id", "gold,night"),
                ("Class", "hex:00ff"),
                ("Tunnel-Private-Group-Id", "307"),
                ("Framed-Pool", "residential"),
                ("Vendor-9-1", "a=bcd"),
                ("Vendor-10", "hex:010907"),
                ("Attribute-200", "own"),
            ]
        );
    }

    #[test]
    fn a_value_of_another_length_than_its_kind_is_refused() {
        for (octets, what) in [
            (&[27, 4, 1, 1][..], "Session-Timeout has 2 octets; wanted 4"),
            (&[8, 7, 1, 1, 1, 1, 1], "Framed-IP-Address has 5 octets; wanted 4"),
            (&[26, 5, 0, 0, 9], "Vendor-Specific has 3 octets; wanted at least 4"),
        ] {
            assert_eq!(row(&Attributes::parse(octets).unwrap()).unwrap_err(), what);
        }
    }
}
