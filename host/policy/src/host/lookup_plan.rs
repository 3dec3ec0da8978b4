//! Lookup plans, as guests create them.

use std::sync::Arc;

use wasmtime::component::Resource;

use super::{
    Guest,
    types::{HostLookupPlan, LookupError, LookupPlan},
};
use crate::{
    PlannedLookup,
    limits::{LOOKUP_KEY_OCTETS_MAX, LOOKUP_NAME_OCTETS_MAX, LOOKUPS_MAX},
};

impl HostLookupPlan for Guest {
    fn add(
        &mut self,
        _: Resource<LookupPlan>,
        name: String,
        source: String,
        key: String,
    ) -> wasmtime::Result<Result<(), LookupError>> {
        if !(1..=LOOKUP_NAME_OCTETS_MAX).contains(&name.len())
            || !(1..=LOOKUP_KEY_OCTETS_MAX).contains(&key.len())
        {
            return Ok(Err(LookupError::UnusableKey));
        }
        if !self.lookup_sources.has_source(&source) {
            return Ok(Err(LookupError::UnknownSource));
        }
        let lookup = PlannedLookup {
            plugin: Arc::clone(&self.plugin),
            name: name.into(),
            source: source.into(),
            key: key.into(),
        };
        let (planned, earlier) = self.plan()?;
        let is_new = |name: &&Arc<str>| planned.iter().all(|lookup| lookup.name != **name);
        let names = planned.len() + earlier.iter().filter(is_new).count();
        let is_known = earlier.contains(&lookup.name);
        match planned.iter_mut().find(|earlier| earlier.name == lookup.name) {
            Some(earlier) => *earlier = lookup,
            None if is_known || names < LOOKUPS_MAX => planned.push(lookup),
            None => return Ok(Err(LookupError::TooManyLookups)),
        }
        Ok(Ok(()))
    }

    fn drop(&mut self, _: Resource<LookupPlan>) -> wasmtime::Result<()> {
        Ok(())
    }
}
