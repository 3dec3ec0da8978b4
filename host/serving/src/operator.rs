//! The person who makes a change by hand, as far as the server knows, and what that person did.
//!
//! Decides nothing: a process that may open the control socket may change everything. Invariant:
//! the user is the one that the kernel names; what the caller says of itself is marked as a claim.

use std::{fmt, net::Ipv4Addr, str::FromStr, sync::Arc};

use lessor_control::Peer;
use lessor_core::{Changes, Network};
use nix::unistd::{Uid, User};
use serde::{Deserialize, Serialize};

/// The longest note, in characters.
pub const NOTE_CHARS_MAX: usize = 200;

/// The person who makes a change by hand.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Operator {
    /// The name of the user that the calling process runs as, or its number if it has no name.
    pub user: String,
    /// The number of that user.
    pub user_id: u32,
    /// The user that called `sudo`, according to the calling process.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub claimed_sudo_user: Option<Note>,
    /// Why the change is made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<Note>,
}

/// A text of one line, which can be shown anywhere.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Note(String);

/// What an operator did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Deed {
    /// A lease was added.
    AddedByHand,
    /// A lease or a quarantine was ended.
    EndedByHand,
    /// A client is moved to another address.
    MovedByHand,
    /// A pool was drained.
    DrainedPool,
    /// A pool was opened.
    OpenedPool,
}

/// A change by hand that is durable, for the journal and for policies.
#[derive(Clone, Debug)]
pub(crate) struct HandEvent {
    pub(crate) deed: Deed,
    pub(crate) network: Arc<Network>,
    pub(crate) pool: Option<String>,
    pub(crate) changes: Changes,
    /// The address from which the client moves.
    pub(crate) from: Option<Ipv4Addr>,
    pub(crate) by: Operator,
}

impl Deed {
    /// The name in the journal.
    pub const fn name(self) -> &'static str {
        match self {
            Self::AddedByHand => "added-by-hand",
            Self::EndedByHand => "ended-by-hand",
            Self::MovedByHand => "moved-by-hand",
            Self::DrainedPool => "drained-pool",
            Self::OpenedPool => "opened-pool",
        }
    }
}

impl Operator {
    /// The person behind a caller of the control socket.
    pub(crate) fn of(peer: Peer, claimed_sudo_user: Option<Note>, note: Option<Note>) -> Self {
        let user_id = peer.user_id;
        let user = User::from_uid(Uid::from_raw(user_id)).ok().flatten();
        let user = user.map_or_else(|| user_id.to_string(), |user| user.name);
        Self { user, user_id, claimed_sudo_user, note }
    }
}

impl fmt::Display for Operator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.user)?;
        match &self.claimed_sudo_user {
            Some(claimed) => write!(f, " (for {claimed}, as it says)"),
            None => Ok(()),
        }
    }
}

impl Note {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Note {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let count = text.chars().count();
        if text.trim().is_empty() || count > NOTE_CHARS_MAX || text.chars().any(char::is_control) {
            return Err(format!(
                "found {count} characters; wanted one line of text with 1 to {NOTE_CHARS_MAX} \
                 characters, none of them a control character"
            ));
        }
        Ok(Self(text.to_owned()))
    }
}

impl TryFrom<String> for Note {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Note> for String {
    fn from(note: Note) -> Self {
        note.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_is_one_line_that_can_be_shown() {
        for text in ["because", "ticket 4711: ü", &"x".repeat(NOTE_CHARS_MAX)] {
            assert_eq!(text.parse::<Note>().unwrap().as_str(), text);
        }
        for text in ["", "  ", "two\nlines", "\u{1b}[31m", &"x".repeat(NOTE_CHARS_MAX + 1)] {
            assert!(text.parse::<Note>().unwrap_err().contains("wanted one line"), "{text:?}");
        }
        assert!(serde_json::from_str::<Note>("\"a\\u0000b\"").is_err());
    }

    #[test]
    fn the_user_is_the_one_of_the_process() {
        let root = Operator::of(Peer { user_id: 0 }, Some("alice".parse().unwrap()), None);
        assert_eq!(root.to_string(), "root (for alice, as it says)");
        let unknown = Operator::of(Peer { user_id: 3_999_999_999 }, None, None);
        assert_eq!(unknown.user, "3999999999");
    }
}
