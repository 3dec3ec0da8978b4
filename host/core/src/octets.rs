//! Textual forms of octets: hexadecimal for programs, with `#[serde(with = "…")]`; for people, text
//! where the octets are text.
//!
//! Does not interpret the octets. Invariant: the form for programs is read back as the same octets.

use serde::{Deserialize, Deserializer, Serializer, de::Error};

/// Octets in a form for people: as text if they are printable ASCII, otherwise as `hex:…`, a form
/// that the configuration also accepts.
pub fn readable(octets: &[u8]) -> String {
    match std::str::from_utf8(octets) {
        Ok(text) if octets.iter().all(|octet| matches!(octet, b' '..=b'~')) => text.to_owned(),
        _ => format!("hex:{}", hex::encode(octets)),
    }
}

pub(crate) fn serialize<T: AsRef<[u8]>, S: Serializer>(
    octets: &T,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&hex::encode(octets))
}

pub(crate) fn deserialize<'de, T: From<Vec<u8>>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<T, D::Error> {
    let text = String::deserialize(deserializer)?;
    hex::decode(text).map(T::from).map_err(D::Error::custom)
}

/// The form for programs, for octets that may be absent.
pub(crate) mod optional {
    use super::{Deserialize, Deserializer, Error, Serializer};

    pub(crate) fn serialize<T: AsRef<[u8]>, S: Serializer>(
        octets: &Option<T>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match octets {
            Some(octets) => serializer.collect_str(&hex::encode(octets)),
            None => serializer.serialize_none(),
        }
    }

    pub(crate) fn deserialize<'de, T: From<Vec<u8>>, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<T>, D::Error> {
        Option::<String>::deserialize(deserializer)?
            .map(|text| hex::decode(text).map(T::from).map_err(D::Error::custom))
            .transpose()
    }
}
