//! Verdicts: what a policy decides about a request.

/// What a policy decides about a request. Texts are for the operator's log; the server keeps the
/// first 256 octets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Verdict {
    /// Go on: ask the next policy, and answer under the terms.
    #[default]
    Proceed,
    /// Stay silent, for this reason.
    Ignore(String),
    /// Send a NAK where RFC 2131 allows one (in answer to a REQUEST), otherwise stay silent, for this
    /// reason.
    Refuse(String),
}

impl Verdict {
    /// Stay silent.
    pub fn ignore(reason: impl Into<String>) -> Self {
        Self::Ignore(reason.into())
    }

    /// Send a NAK where RFC 2131 allows one.
    pub fn refuse(reason: impl Into<String>) -> Self {
        Self::Refuse(reason.into())
    }
}

impl From<Verdict> for crate::__bindings::types::Verdict {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Proceed => Self::Proceed,
            Verdict::Ignore(reason) => Self::Ignore(reason),
            Verdict::Refuse(reason) => Self::Refuse(reason),
        }
    }
}
