//! Lets policies report that they cannot continue, and why.

use super::{Guest, bindings::lessor::policy::failing};
use crate::{fault::GaveUp, limits::FAILURE_OCTETS_MAX};

impl failing::Host for Guest {
    fn fail(&mut self, reason: String) -> wasmtime::Result<()> {
        let kept = reason.get(..reason.floor_char_boundary(FAILURE_OCTETS_MAX)).unwrap_or_default();
        Err(GaveUp(kept.replace(char::is_control, " ")).into())
    }
}
