//! Verdicts: what a policy decides about a request.

/// The decision of a policy about a request. Reasons are for the operator's log; the server keeps
/// the first 256 octets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Verdict {
    /// Calls the next policy and answers under the terms.
    #[default]
    Proceed,
    /// Sends no answer, for this reason.
    Ignore(String),
    /// Sends a NAK where RFC 2131 allows one (in answer to a REQUEST), and otherwise no answer, for
    /// this reason.
    Refuse(String),
}

impl Verdict {
    /// Sends no answer.
    pub fn ignore(reason: impl Into<String>) -> Self {
        Self::Ignore(reason.into())
    }

    /// Sends a NAK where RFC 2131 allows one.
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
