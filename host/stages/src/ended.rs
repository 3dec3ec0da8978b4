//! The end of an exchange that does not reach the next stage.

use lessor_core::Reason;

/// An exchange that ended before the next stage.
#[derive(Debug)]
pub struct Ended<S> {
    /// The stage that it reached.
    pub reached: S,
    /// The reason.
    pub reason: Reason,
    /// Details of the reason, if there are any.
    pub detail: Option<String>,
}

impl<S> Ended<S> {
    /// Ends an exchange at the stage `reached`.
    pub(crate) const fn at(reached: S, reason: Reason, detail: Option<String>) -> Self {
        Self { reached, reason, detail }
    }

    /// Converts the stage.
    pub(crate) fn map<T>(self, convert: impl FnOnce(S) -> T) -> Ended<T> {
        let Self { reached, reason, detail } = self;
        Ended { reached: convert(reached), reason, detail }
    }
}
