//! Lookup plans, as guests create them.

use std::sync::Arc;

use wasmtime::component::Resource;

use super::{
    Guest, Subject,
    types::{HostLookupPlan, LookupError, LookupPlan},
};
use crate::{
    PlannedLookup,
    fault::BadAnswer,
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
        let Subject::Plan(_, planned) = &mut self.subject else {
            return Err(BadAnswer::NoSubject.into());
        };
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
        let has_room = planned.len() < LOOKUPS_MAX;
        match planned.iter_mut().find(|earlier| earlier.name == lookup.name) {
            Some(earlier) => *earlier = lookup,
            None if has_room => planned.push(lookup),
            None => return Ok(Err(LookupError::TooManyLookups)),
        }
        Ok(Ok(()))
    }

    fn drop(&mut self, _: Resource<LookupPlan>) -> wasmtime::Result<()> {
        Ok(())
    }
}
