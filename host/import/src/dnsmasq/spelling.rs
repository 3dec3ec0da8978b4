//! Older spellings of tags as current ones: `net:` for `tag:`, no prefix at all, and `#` for `!`.
//!
//! Knows where each key may have tags, and nothing else about its values. Invariant: in what is
//! returned, a tag that a client needs begins with `tag:`, and one that it gets with `set:`.

use crate::option_value::Item;

/// Which parts of a value are tags.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tags {
    /// Those before the first address. Without a prefix, the tag is set.
    BeforeAddress,
    /// Those before the option. Without a prefix, it is `PREFIX`.
    BeforeOption(&'static str),
    /// Those at the beginning that have a prefix.
    Prefixed,
    /// All parts, each with a prefix.
    Each,
    /// All parts.
    All,
    /// The first part, which is set.
    First,
    /// Those that have a prefix; `net:` sets the tag.
    OfHost,
}

/// The keys with tags.
const KEYS: &[(&str, Tags)] = &[
    ("dhcp-range", Tags::BeforeAddress),
    ("dhcp-option", Tags::BeforeOption(NEEDED)),
    ("dhcp-option-force", Tags::BeforeOption(NEEDED)),
    ("dhcp-match", Tags::BeforeOption(SET)),
    ("dhcp-boot", Tags::Prefixed),
    ("tag-if", Tags::Each),
    ("dhcp-ignore", Tags::All),
    ("dhcp-broadcast", Tags::All),
    ("dhcp-mac", Tags::First),
    ("dhcp-vendorclass", Tags::First),
    ("dhcp-userclass", Tags::First),
    ("dhcp-circuitid", Tags::First),
    ("dhcp-remoteid", Tags::First),
    ("dhcp-subscrid", Tags::First),
    ("dhcp-host", Tags::OfHost),
];

const NEEDED: &str = "tag:";
const SET: &str = "set:";
const OLD: &str = "net:";

/// Spells the tags of a value in the current way.
pub(super) fn current(key: &str, items: &mut [Item]) {
    let Some((_, tags)) = KEYS.iter().find(|row| row.0 == key) else { return };
    for (position, item) in items.iter_mut().enumerate() {
        let prefix = prefix(&item.text);
        let is_tag = match tags {
            Tags::BeforeAddress => !is_address(&item.text),
            Tags::BeforeOption(_) if is_option(&item.text) => false,
            Tags::BeforeOption(_) if is_encapsulation(&item.text) => continue,
            Tags::BeforeOption(_) | Tags::All => !item.text.is_empty(),
            Tags::Each => prefix.is_some(),
            Tags::Prefixed => matches!(prefix, Some(NEEDED | OLD)),
            Tags::First => position == 0,
            Tags::OfHost => match prefix {
                Some(_) => true,
                None => continue,
            },
        };
        if !is_tag {
            return;
        }
        let current = match (tags, prefix) {
            (Tags::BeforeAddress, Some(SET) | None) | (Tags::First, _) => SET,
            (Tags::BeforeOption(wanted), _) => wanted,
            (Tags::OfHost, Some(OLD)) => SET,
            (Tags::OfHost | Tags::Each, Some(SET)) => SET,
            _ => NEEDED,
        };
        let kept = match (tags, prefix) {
            // `net:` is a part of the name.
            (Tags::First, Some(NEEDED | OLD)) => None,
            (_, prefix) => prefix,
        };
        let name = kept.and_then(|prefix| item.text.strip_prefix(prefix)).unwrap_or(&item.text);
        let name = match name.strip_prefix('#').filter(|_| current == NEEDED) {
            Some(excluded) => format!("!{excluded}"),
            None => name.to_owned(),
        };
        item.text = format!("{current}{name}");
    }
}

fn prefix(text: &str) -> Option<&'static str> {
    [NEEDED, SET, OLD].into_iter().find(|prefix| text.starts_with(prefix))
}

/// Whether a part has only the letters of addresses.
fn is_address(text: &str) -> bool {
    text.chars().all(|letter| letter.is_ascii_hexdigit() || matches!(letter, '.' | ':' | ' '))
}

fn is_option(text: &str) -> bool {
    let is_number = text.chars().all(|letter| letter.is_ascii_digit());
    is_number || text.starts_with("option:") || text.starts_with("option6:")
}

fn is_encapsulation(text: &str) -> bool {
    ["encap:", "vi-encap:", "vendor:", "pxe:"].iter().any(|prefix| text.starts_with(prefix))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_spelled_in_one_way() {
        for (key, value, wanted) in [
            ("dhcp-range", "net:red,10.0.0.1,static", "tag:red,10.0.0.1,static"),
            ("dhcp-range", "red,net:#blue,10.0.0.1,1h", "set:red,tag:!blue,10.0.0.1,1h"),
            ("dhcp-range", "set:red,tag:!blue,10.0.0.1", "set:red,tag:!blue,10.0.0.1"),
            ("dhcp-option", "red,net:#blue,3,net:x", "tag:red,tag:!blue,3,net:x"),
            ("dhcp-option", "red,encap:175,190,user", "tag:red,encap:175,190,user"),
            ("dhcp-option-force", "set:red,option:mtu,1", "tag:red,option:mtu,1"),
            ("dhcp-match", "red,option:client-arch,7", "set:red,option:client-arch,7"),
            ("dhcp-match", "net:red,60,x", "set:red,60,x"),
            ("dhcp-boot", "net:red,tag:#blue,file,net:x", "tag:red,tag:!blue,file,net:x"),
            ("dhcp-boot", "set:red,file", "set:red,file"),
            ("dhcp-ignore", "red,net:blue,tag:#known", "tag:red,tag:blue,tag:!known"),
            ("dhcp-broadcast", "red", "tag:red"),
            ("dhcp-broadcast", "", ""),
            ("dhcp-mac", "red,02:*:*:*:*:*", "set:red,02:*:*:*:*:*"),
            ("dhcp-vendorclass", "set:red,net:x", "set:red,net:x"),
            ("dhcp-userclass", "net:red,x", "set:net:red,x"),
            (
                "dhcp-host",
                "net:red,02:00:5e:00:53:01,tag:#b,a",
                "set:red,02:00:5e:00:53:01,tag:!b,a",
            ),
            ("tag-if", "set:red,tag:#blue", "set:red,tag:!blue"),
            ("tag-if", "set:red,net:blue", "set:red,tag:blue"),
            ("interface", "net:eth0", "net:eth0"),
        ] {
            let mut items: Vec<Item> = value.split(',').map(Item::bare).collect();
            current(key, &mut items);
            let texts: Vec<&str> = items.iter().map(|item| item.text.as_str()).collect();
            assert_eq!(texts.join(","), wanted, "{key}={value}");
        }
    }
}
