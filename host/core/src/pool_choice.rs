//! The pools that a policy names, in order of preference.
//!
//! Does not know which pools there are. Invariant: there is at least one name, and at most
//! [`PoolChoice::NAMES_MAX`].

use std::{fmt, sync::Arc};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// Names of pools in order of preference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PoolChoice {
    first: Arc<str>,
    further: Arc<[Arc<str>]>,
}

impl PoolChoice {
    /// The maximum number of names.
    pub const NAMES_MAX: usize = 8;

    /// Creates a choice of these pools. Returns `None` for no name and for too many.
    pub fn new(names: impl IntoIterator<Item = Arc<str>>) -> Option<Self> {
        let mut names = names.into_iter();
        let first = names.next()?;
        let further: Arc<[_]> = names.take(Self::NAMES_MAX).collect();
        (further.len() < Self::NAMES_MAX).then_some(Self { first, further })
    }

    /// The preferred pool.
    pub const fn first(&self) -> &Arc<str> {
        &self.first
    }

    /// The pools in order of preference.
    pub fn names(&self) -> impl Iterator<Item = &Arc<str>> {
        std::iter::once(&self.first).chain(&*self.further)
    }

    /// Whether there is only one.
    pub fn is_single(&self) -> bool {
        self.further.is_empty()
    }
}

/// A choice of one pool.
impl<N: Into<Arc<str>>> From<N> for PoolChoice {
    fn from(name: N) -> Self {
        Self { first: name.into(), further: Arc::default() }
    }
}

/// Writes the names with commas between them.
impl fmt::Display for PoolChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.first)?;
        self.further.iter().try_for_each(|name| write!(f, ", {name}"))
    }
}

/// One name is written as a text, several as a list.
impl Serialize for PoolChoice {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.is_single() {
            true => self.first.serialize(serializer),
            false => serializer.collect_seq(self.names()),
        }
    }
}

impl<'de> Deserialize<'de> for PoolChoice {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum PoolNames {
            One(Arc<str>),
            Several(Vec<Arc<str>>),
        }
        match PoolNames::deserialize(deserializer)? {
            PoolNames::One(name) => Ok(Self::from(name)),
            PoolNames::Several(names) => {
                let found = names.len();
                let max = Self::NAMES_MAX;
                Self::new(names).ok_or_else(|| {
                    de::Error::custom(format!("found {found} pools; wanted 1 to {max}"))
                })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(count: usize) -> Option<PoolChoice> {
        PoolChoice::new((0..count).map(|number| number.to_string().into()))
    }

    #[test]
    fn there_is_a_name_and_there_are_not_too_many() {
        assert_eq!(of(0), None);
        assert_eq!(of(PoolChoice::NAMES_MAX + 1), None);
        let most = of(PoolChoice::NAMES_MAX).unwrap();
        assert_eq!(most.names().count(), PoolChoice::NAMES_MAX);
        assert!(!most.is_single() && of(1).unwrap().is_single());
        assert_eq!(of(3).unwrap().to_string(), "0, 1, 2");
    }

    #[test]
    fn choices_are_read_as_they_are_written() {
        for (choice, written) in
            [(of(1), r#""0""#), (of(2), r#"["0","1"]"#), (Some("a, b".into()), r#""a, b""#)]
        {
            let choice = choice.unwrap();
            assert_eq!(serde_json::to_string(&choice).unwrap(), written);
            assert_eq!(serde_json::from_str::<PoolChoice>(written).unwrap(), choice);
        }
        for wrong in ["[]", "5", &format!("[{}]", ["\"x\""; 9].join(","))] {
            assert!(serde_json::from_str::<PoolChoice>(wrong).is_err(), "{wrong}");
        }
    }
}
