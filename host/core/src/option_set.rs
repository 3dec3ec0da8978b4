//! Sets of options: what one scope of the configuration sends.
//!
//! Does not know scopes. Invariant: a code occurs at most once.

use std::{collections::BTreeMap, sync::Arc};

use serde::{Deserialize, Serialize};

use crate::{OptionValue, option::recorded::Recorded};

/// Options by code, each at most once, in order of code. Cheap to clone.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Vec<(u8, Recorded)>", into = "Vec<(u8, Recorded)>")]
pub struct OptionSet(Arc<[(u8, Arc<OptionValue>)]>);

impl OptionSet {
    /// The option `code`.
    pub fn get(&self, code: u8) -> Option<&Arc<OptionValue>> {
        let position = self.0.binary_search_by_key(&code, |(found, _)| *found).ok()?;
        self.0.get(position).map(|(_, value)| value)
    }

    /// Every option, in order of code.
    pub fn iter(&self) -> impl Iterator<Item = (u8, &Arc<OptionValue>)> {
        self.0.iter().map(|(code, value)| (*code, value))
    }

    /// Returns whether there are no options.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl From<Vec<(u8, Recorded)>> for OptionSet {
    fn from(options: Vec<(u8, Recorded)>) -> Self {
        options.into_iter().map(|(code, Recorded(value))| (code, value)).collect()
    }
}

impl From<OptionSet> for Vec<(u8, Recorded)> {
    fn from(options: OptionSet) -> Self {
        options.iter().map(|(code, value)| (code, Recorded(Arc::clone(value)))).collect()
    }
}

/// Later values of the same code take precedence.
impl FromIterator<(u8, OptionValue)> for OptionSet {
    fn from_iter<I: IntoIterator<Item = (u8, OptionValue)>>(options: I) -> Self {
        options.into_iter().map(|(code, value)| (code, Arc::new(value))).collect()
    }
}

/// Later values of the same code take precedence.
impl FromIterator<(u8, Arc<OptionValue>)> for OptionSet {
    fn from_iter<I: IntoIterator<Item = (u8, Arc<OptionValue>)>>(options: I) -> Self {
        let by_code: BTreeMap<u8, Arc<OptionValue>> = options.into_iter().collect();
        match by_code.is_empty() {
            true => Self::default(),
            false => Self(by_code.into_iter().collect()),
        }
    }
}
