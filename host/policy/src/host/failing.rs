//! Lets policies report that they cannot continue, and why.

use thiserror::Error;

use super::{Guest, bindings::lessor::policy::failing};
use crate::limits::FAILURE_OCTETS_MAX;

/// The reason of a guest that ended its call itself.
#[derive(Debug, Error)]
#[error("{0}")]
pub(crate) struct GaveUp(pub(crate) String);

impl failing::Host for Guest {
    fn fail(&mut self, reason: String) -> wasmtime::Result<()> {
        let kept = reason.get(..reason.floor_char_boundary(FAILURE_OCTETS_MAX)).unwrap_or_default();
        Err(GaveUp(kept.replace(char::is_control, " ")).into())
    }
}
