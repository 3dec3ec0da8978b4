//! The names of the classes that a reservation gives to its owner.
//!
//! Does not know which classes there are. Invariant: there is at least one name, at most
//! [`ClassNames::MAX`], and none occurs twice.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// Names of classes. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<Arc<str>>", into = "Vec<Arc<str>>")]
pub struct ClassNames(Arc<[Arc<str>]>);

impl ClassNames {
    /// The maximum number of names.
    pub const MAX: usize = 16;

    /// Creates it from names. Returns `None` for no name, for too many, and if one occurs twice.
    pub fn new(names: Vec<Arc<str>>) -> Option<Self> {
        let is_twice = |(position, name)| names.iter().take(position).any(|other| other == name);
        let is_right = (1..=Self::MAX).contains(&names.len());
        (is_right && !names.iter().enumerate().any(is_twice)).then(|| Self(names.into()))
    }

    /// The names, in order.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<str>> {
        self.0.iter()
    }

    /// Returns whether a class of this name is among them.
    pub fn contains(&self, name: &str) -> bool {
        self.iter().any(|found| **found == *name)
    }
}

impl From<ClassNames> for Vec<Arc<str>> {
    fn from(names: ClassNames) -> Self {
        names.iter().cloned().collect()
    }
}

impl TryFrom<Vec<Arc<str>>> for ClassNames {
    type Error = String;

    fn try_from(names: Vec<Arc<str>>) -> Result<Self, Self::Error> {
        let found = names.len();
        Self::new(names).ok_or_else(|| {
            format!("found {found} names of classes; wanted 1 to {}, each once", Self::MAX)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(names: &[&str]) -> Option<ClassNames> {
        ClassNames::new(names.iter().map(|name| Arc::from(*name)).collect())
    }

    #[test]
    fn there_is_a_name_and_each_occurs_once() {
        let numbers: Vec<String> = (0..=ClassNames::MAX).map(|number| number.to_string()).collect();
        let numbers: Vec<&str> = numbers.iter().map(String::as_str).collect();
        assert_eq!(of(&[]), None);
        assert_eq!(of(&["a", "b", "a"]), None);
        assert_eq!(of(&numbers), None);
        let most = of(&numbers[1..]).unwrap();
        assert_eq!(most.iter().count(), ClassNames::MAX);
        assert!(most.contains("16") && !most.contains("0"));
        let text = serde_json::to_string(&most).unwrap();
        assert_eq!(serde_json::from_str::<ClassNames>(&text).unwrap(), most);
        for wrong in ["[]", r#"["a","a"]"#, "5"] {
            assert!(serde_json::from_str::<ClassNames>(wrong).is_err(), "{wrong}");
        }
    }
}
