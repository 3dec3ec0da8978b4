//! Values of options as JSON: `{"address": "192.0.2.1"}`.
//!
//! The type is defined in another crate, which knows no JSON. The compiler compares the kinds here
//! with those of the type.

use std::{net::Ipv4Addr, sync::Arc};

use lessor_vocabulary::{ForClass, ForEnterprise, Ipv4Prefix, OptionValue};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

/// The forms of [`OptionValue`].
#[derive(Serialize, Deserialize)]
#[serde(remote = "OptionValue", rename_all = "kebab-case")]
pub(crate) enum Form {
    Address(Ipv4Addr),
    Addresses(Vec<Ipv4Addr>),
    Flag(bool),
    U8(u8),
    U16(u16),
    U16s(Vec<u16>),
    U32(u32),
    I32(i32),
    Text(String),
    DomainNames(Vec<String>),
    Routes(#[serde(with = "routes")] Vec<(Ipv4Prefix, Ipv4Addr)>),
    Octets(#[serde(with = "crate::octets")] Vec<u8>),
    ByClass(#[serde(with = "classes")] Vec<ForClass>),
    ByEnterprise(#[serde(with = "enterprises")] Vec<ForEnterprise>),
}

/// A value that is written and read in its [`Form`].
pub(crate) struct Recorded(pub(crate) Arc<OptionValue>);

impl Serialize for Recorded {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Form::serialize(&self.0, serializer)
    }
}

impl<'de> Deserialize<'de> for Recorded {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self(Arc::new(Form::deserialize(deserializer)?)))
    }
}

/// A list of options, each with its code and its value, or `None` for an option that is removed.
pub(crate) mod changes {
    use super::{Arc, Deserialize, Deserializer, OptionValue, Recorded, Serializer};

    type Changes = Vec<(u8, Option<Arc<OptionValue>>)>;

    pub(crate) fn serialize<S: Serializer>(
        list: &[(u8, Option<Arc<OptionValue>>)],
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        let recorded = |value: &Option<_>| value.as_ref().map(Arc::clone).map(Recorded);
        serializer.collect_seq(list.iter().map(|(code, value)| (code, recorded(value))))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Changes, D::Error> {
        let list = Vec::<(u8, Option<Recorded>)>::deserialize(deserializer)?;
        let value = |recorded: Option<Recorded>| recorded.map(|Recorded(value)| value);
        Ok(list.into_iter().map(|(code, recorded)| (code, value(recorded))).collect())
    }
}

/// Routes as pairs of texts: the destination and the router.
mod routes {
    use super::{Deserialize, Deserializer, Error, Ipv4Addr, Ipv4Prefix, Serializer};

    pub(super) fn serialize<S: Serializer>(
        routes: &[(Ipv4Prefix, Ipv4Addr)],
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(routes.iter().map(|(to, via)| (to.to_string(), via)))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Vec<(Ipv4Prefix, Ipv4Addr)>, D::Error> {
        let routes = Vec::<(String, Ipv4Addr)>::deserialize(deserializer)?;
        let read = |(to, via): (String, _)| Ok((to.parse().map_err(D::Error::custom)?, via));
        routes.into_iter().map(read).collect()
    }
}

/// Values by vendor class as pairs of texts: the class and the digits of the octets.
mod classes {
    use super::{Deserialize, Deserializer, Error, ForClass, Serializer};

    pub(super) fn serialize<S: Serializer>(
        values: &[ForClass],
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        let pair = |value: &ForClass| (value.class.clone(), hex::encode(&value.octets));
        serializer.collect_seq(values.iter().map(pair))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Vec<ForClass>, D::Error> {
        let values = Vec::<(String, String)>::deserialize(deserializer)?;
        let read = |(class, digits): (String, String)| {
            Ok(ForClass { class, octets: hex::decode(digits).map_err(D::Error::custom)? })
        };
        values.into_iter().map(read).collect()
    }
}

/// Parts by enterprise, each with its number, the class if it has one, and the digits of the
/// octets.
mod enterprises {
    use super::{Deserialize, Deserializer, Error, ForEnterprise, Serializer};

    pub(super) fn serialize<S: Serializer>(
        parts: &[ForEnterprise],
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        let tuple =
            |part: &ForEnterprise| (part.enterprise, part.class.clone(), hex::encode(&part.octets));
        serializer.collect_seq(parts.iter().map(tuple))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Vec<ForEnterprise>, D::Error> {
        let parts = Vec::<(u32, Option<String>, String)>::deserialize(deserializer)?;
        let read = |(enterprise, class, digits): (u32, Option<String>, String)| {
            let octets = hex::decode(digits).map_err(D::Error::custom)?;
            Ok(ForEnterprise { enterprise, class, octets })
        };
        parts.into_iter().map(read).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_every_kind_are_written_and_read_back() {
        let address = Ipv4Addr::new(192, 0, 2, 1);
        for (value, text) in [
            (OptionValue::Address(address), r#"{"address":"192.0.2.1"}"#),
            (OptionValue::Addresses(vec![address]), r#"{"addresses":["192.0.2.1"]}"#),
            (OptionValue::Flag(true), r#"{"flag":true}"#),
            (OptionValue::U8(7), r#"{"u8":7}"#),
            (OptionValue::U16(7), r#"{"u16":7}"#),
            (OptionValue::U16s(vec![7]), r#"{"u16s":[7]}"#),
            (OptionValue::U32(7), r#"{"u32":7}"#),
            (OptionValue::I32(-7), r#"{"i32":-7}"#),
            (OptionValue::Text("a".into()), r#"{"text":"a"}"#),
            (OptionValue::DomainNames(vec!["a".into()]), r#"{"domain-names":["a"]}"#),
            (
                OptionValue::Routes(vec![("10.0.0.0/8".parse().unwrap(), address)]),
                r#"{"routes":[["10.0.0.0/8","192.0.2.1"]]}"#,
            ),
            (OptionValue::Octets(vec![0, 255]), r#"{"octets":"00ff"}"#),
            (
                OptionValue::ByClass(vec![ForClass { class: "a".into(), octets: vec![1] }]),
                r#"{"by-class":[["a","01"]]}"#,
            ),
            (
                OptionValue::ByEnterprise(vec![ForEnterprise {
                    enterprise: 7,
                    class: None,
                    octets: vec![1],
                }]),
                r#"{"by-enterprise":[[7,null,"01"]]}"#,
            ),
        ] {
            assert_eq!(serde_json::to_string(&Recorded(Arc::new(value.clone()))).unwrap(), text);
            let read: Recorded = serde_json::from_str(text).unwrap();
            assert_eq!(*read.0, value);
        }
    }
}
