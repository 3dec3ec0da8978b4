//! Samples of options: every option of the catalogue with a value of its kind, values in every
//! form, and mistakes; and what the server is asked.

use lessor_vocabulary::{
    OptionDefinition, OptionKind, OptionSetting, encode_option,
    option::{code, recognise},
};
use serde_json::{Value, json};

/// A name, a value, and what encoding them yields.
pub(crate) struct Sample {
    pub(crate) name: String,
    pub(crate) value: Value,
    /// `code` and octets, or the mistake.
    pub(crate) wanted: Result<(u8, Vec<u8>), String>,
}

/// The name of an option that the server of the tests refuses, with these words.
pub(crate) const REFUSED: (&str, &str) = ("acme-refused", "option acme-refused: not like this");

/// Returns what the server of the tests answers for an option: code 0, and what it was asked.
pub(crate) fn asked(name: &str, value: &Value) -> Result<(u8, Vec<u8>), String> {
    match name == REFUSED.0 {
        true => Err(REFUSED.1.to_owned()),
        false => Ok((0, format!("{name} {value}").into_bytes())),
    }
}

/// Whether the SDKs for C, JavaScript and Python have the server encode an option that has a name:
/// its value consists of parts, or of what vendors define.
pub(crate) fn is_encoded_by_server(option: &OptionDefinition) -> bool {
    const VENDORS: [u8; 2] =
        [code::VENDOR_SPECIFIC_INFORMATION, code::VENDOR_IDENTIFYING_VENDOR_SPECIFIC];
    option.kind.is_layout() || VENDORS.contains(&option.code)
}

fn is_asked(name: &str) -> bool {
    match recognise(name).map(|(code, _)| OptionDefinition::by_code(code)) {
        Ok(Some(option)) => is_encoded_by_server(option),
        Ok(None) | Err(_) => true,
    }
}

/// Returns the samples, with what `lessor-vocabulary` makes of them.
pub(crate) fn samples() -> Vec<Sample> {
    let options = OptionDefinition::all().iter().chain(OptionDefinition::of_clients());
    let every = options.flat_map(|option| {
        let names = [option.name.to_owned(), option.code.to_string()];
        names.map(|name| (name, of_kind(&option.kind)))
    });
    let long: Vec<&str> = vec!["192.0.2.1"; 256];
    let names: Vec<String> = (0..70).map(|number| format!("n{number}.example.net")).collect();
    let repeated: Vec<&str> = vec!["a-long-label.of-a-name.example.net"; 40];
    let forms = [
        ("routers", json!("192.0.2.1")),
        ("routers", json!("hex:c0:00-02 01")),
        ("domain-search", json!("example.net.")),
        (
            "domain-search",
            json!(["a.example.net", "b.example.net", "b.example.net", "net", "a.org"]),
        ),
        ("domain-search", json!(["a.a.a"])),
        ("domain-search", json!(["Example.net", "b.example.net"])),
        ("domain-search", json!(names)),
        ("classless-static-routes", json!({"to": "10.128.0.0/9", "via": "192.0.2.1"})),
        (
            "classless-static-routes",
            json!([{"via": "192.0.2.1", "to": "0.0.0.0/0"}, {"to": "10.0.0.1/32", "via": "192.0.2.2"}]),
        ),
        ("time-offset", json!(-2_147_483_648_i64)),
        ("ipv6-only-preferred", json!(4_294_967_295_u64)),
        ("ip-forwarding", json!(false)),
        ("host-name", json!("é ∑ 𝄞 \"quoted\"")),
        ("43", json!("abc")),
        ("224", json!("abc")),
        ("224", json!("hex:")),
        ("80", json!("hex:")),
        ("acme-profile", json!({"id": 7, "servers": ["192.0.2.10"]})),
        ("vendor-specific-information", json!({"acme": {"acs-url": "https://acs.example.net/ä"}})),
        ("bcmcs-domains", json!(["example.net", true, null, -1])),
        (REFUSED.0, json!([])),
    ];
    let mistakes = [
        ("dns", json!("192.0.2.1")),
        ("router", json!("192.0.2.1")),
        ("domainSearch", json!([])),
        ("domain_name_servers", json!([])),
        ("zebra", json!(1)),
        ("256", json!(1)),
        ("51", json!(60)),
        ("lease-time", json!(60)),
        ("routers", json!("here")),
        ("routers", json!(" 192.0.2.1")),
        ("routers", json!("192.0.02.1")),
        ("routers", json!("2001:db8::1")),
        ("routers", json!([])),
        ("routers", json!(["192.0.2.1", 5])),
        ("routers", json!(null)),
        ("routers", json!({"a": 1})),
        ("routers", json!(long)),
        ("interface-mtu", json!(65_536)),
        ("interface-mtu", json!(-1)),
        ("interface-mtu", json!("1492")),
        ("interface-mtu", json!(1.5)),
        ("time-offset", json!(2_147_483_648_i64)),
        ("ip-forwarding", json!("yes")),
        ("ip-forwarding", json!("Off")),
        ("ip-forwarding", json!(1)),
        ("host-name", json!("")),
        ("host-name", json!(5)),
        ("43", json!(5)),
        ("43", json!("hex:0")),
        ("43", json!("hex:0g")),
        ("224", json!("")),
        ("224", json!([1])),
        ("domain-search", json!("a b")),
        ("domain-search", json!("a..b")),
        ("domain-search", json!("")),
        ("domain-search", json!("x".repeat(64))),
        ("domain-search", json!(["a.example", 1])),
        ("domain-search", json!(repeated)),
        ("classless-static-routes", json!("0.0.0.0/0")),
        ("classless-static-routes", json!({"to": "0.0.0.0/0"})),
        ("classless-static-routes", json!({"to": "10.0.0.1", "via": "192.0.2.1"})),
        ("classless-static-routes", json!({"to": "10.0.0.1/8", "via": "192.0.2.1"})),
        ("classless-static-routes", json!({"to": "10.0.0.0/33", "via": "192.0.2.1"})),
        ("classless-static-routes", json!({"to": "10.0.0.0/8", "via": "here"})),
    ];
    let others = forms.into_iter().chain(mistakes).map(|(name, value)| (name.to_owned(), value));
    every
        .chain(others)
        .map(|(name, value)| {
            let wanted = match is_asked(&name) {
                true => asked(&name, &value),
                false => encode_option(&name, &written(&value)),
            };
            Sample { name, value, wanted }
        })
        .collect()
}

fn of_kind(kind: &OptionKind) -> Value {
    match kind {
        OptionKind::Address => json!("192.0.2.1"),
        OptionKind::Addresses => json!(["192.0.2.1", "192.0.2.2"]),
        OptionKind::Flag => json!(true),
        OptionKind::U8 => json!(255),
        OptionKind::U16 => json!(65_535),
        OptionKind::U16s => json!([1, 65_535]),
        OptionKind::U32 => json!(4_294_967_295_u64),
        OptionKind::I32 => json!(-1),
        OptionKind::Text => json!("a text"),
        OptionKind::DomainNames => json!(["example.net", "a.example.net"]),
        OptionKind::Routes => json!([{"to": "10.0.0.0/8", "via": "192.0.2.1"}]),
        OptionKind::Octets => json!("hex:0a0b"),
        // The server of the tests takes anything.
        _ => json!({"a": [1, "b"]}),
    }
}

fn written(value: &Value) -> OptionSetting {
    match value {
        Value::Null => OptionSetting::Other("nothing".to_owned()),
        Value::Bool(flag) => OptionSetting::Flag(*flag),
        Value::Number(number) => number
            .as_i64()
            .map_or_else(|| OptionSetting::Other(number.to_string()), OptionSetting::Number),
        Value::String(text) => OptionSetting::Text(text.clone()),
        Value::Array(items) => OptionSetting::List(items.iter().map(written).collect()),
        Value::Object(members) => OptionSetting::Table(
            members.iter().map(|(key, value)| (key.clone(), written(value))).collect(),
        ),
    }
}
