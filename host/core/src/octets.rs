//! How octets are written down: as text in hexadecimal. For `#[serde(with = "…")]`.

use serde::{Deserialize, Deserializer, Serializer, de::Error};

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

/// The same for octets that may be missing.
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
