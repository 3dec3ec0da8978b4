//! Boot files by the kind of client that boots.
//!
//! A client is of several kinds: iPXE, of the architectures that it names, and any other. The first
//! kind that has a file decides; for each kind, the file of the most specific scope counts. A scope
//! with a file for any other client hides what the scopes around it say about all kinds.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use super::{BootFileName, ClientArchitecture};
use crate::{ReceivedOptions, option::code};

/// What iPXE sends as its user class (option 77), without the length that RFC 3004 requires.
const IPXE: &[u8] = b"iPXE";

/// The boot files of one scope, each for a kind of client. Cheap to clone.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Vec<(BootClient, BootFileName)>", into = "Vec<(BootClient, BootFileName)>")]
pub struct BootFiles(Option<Arc<[(BootClient, BootFileName)]>>);

/// A kind of client that boots, in order of precedence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BootClient {
    /// iPXE, which says so in its user class (option 77).
    Ipxe,
    /// A client that names this architecture in option 93 (RFC 4578).
    Architecture(ClientArchitecture),
    /// Any other client.
    Other,
}

impl BootClient {
    /// The kinds that a client is of, in order of precedence.
    fn of(sent: &ReceivedOptions) -> SmallVec<[Self; 4]> {
        let is_ipxe = sent.get(code::USER_CLASS).is_some_and(is_ipxe);
        let architectures = ClientArchitecture::of(sent).map(Self::Architecture);
        let ipxe = is_ipxe.then_some(Self::Ipxe).into_iter();
        ipxe.chain(architectures).chain([Self::Other]).collect()
    }
}

/// Returns whether a user class is that of iPXE, alone or in a list of user classes (RFC 3004).
fn is_ipxe(octets: &[u8]) -> bool {
    let mut rest = octets;
    while let Some((length, tail)) = rest.split_first() {
        let Some((class, after)) = tail.split_at_checked(usize::from(*length)) else { break };
        if class == IPXE {
            return true;
        }
        rest = after;
    }
    octets == IPXE
}

impl BootFiles {
    /// No files.
    pub(crate) const NONE: Self = Self(None);

    /// The same file for every client.
    pub fn for_all(name: BootFileName) -> Self {
        vec![(BootClient::Other, name)].into()
    }

    /// Returns whether there is no file.
    pub const fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// The files, in order of the kinds of clients.
    pub fn iter(&self) -> impl Iterator<Item = (BootClient, &BootFileName)> {
        self.0.iter().flat_map(|files| files.iter()).map(|(client, name)| (*client, name))
    }

    fn get(&self, client: BootClient) -> Option<&BootFileName> {
        self.iter().find(|(found, _)| *found == client).map(|(_, name)| name)
    }

    /// These files and, unless one of them is for any other client, those of a scope around this
    /// one for the kinds that these say nothing about.
    #[must_use]
    pub fn or(self, outer: &Self) -> Self {
        if self.get(BootClient::Other).is_some() {
            return self;
        }
        let added = outer.iter().filter(|(client, _)| self.get(*client).is_none());
        let all = self.iter().chain(added).map(|(client, name)| (client, name.clone()));
        all.collect::<Vec<_>>().into()
    }

    /// The file for a client that sent these options among those of several scopes, the most
    /// specific first, and what stands beside it.
    pub(crate) fn find<'f, T: Copy>(
        scopes: &[(&'f Self, T)],
        sent: &ReceivedOptions,
    ) -> Option<(&'f BootFileName, T)> {
        if scopes.iter().all(|(files, _)| files.is_empty()) {
            return None;
        }
        let hiding = scopes.iter().position(|(files, _)| files.get(BootClient::Other).is_some());
        let seen = hiding.and_then(|last| scopes.get(..=last)).unwrap_or(scopes);
        BootClient::of(sent).into_iter().find_map(|client| {
            seen.iter().find_map(|(files, beside)| Some((files.get(client)?, *beside)))
        })
    }
}

/// Later files for the same kind of client take precedence.
impl From<Vec<(BootClient, BootFileName)>> for BootFiles {
    fn from(mut files: Vec<(BootClient, BootFileName)>) -> Self {
        files.reverse();
        files.sort_by_key(|(client, _)| *client);
        files.dedup_by_key(|(client, _)| *client);
        Self((!files.is_empty()).then(|| files.into()))
    }
}

impl From<BootFiles> for Vec<(BootClient, BootFileName)> {
    fn from(files: BootFiles) -> Self {
        files.iter().map(|(client, name)| (client, name.clone())).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ipxe_is_recognised_with_and_without_the_length_of_its_class() {
        assert!(is_ipxe(b"iPXE") && is_ipxe(b"\x04iPXE") && is_ipxe(b"\x03abc\x04iPXE"));
        for other in [&b""[..], b"ipxe", b"iPXE2", b"\x05iPXE", b"\x04iPX", b"\xff\xff", b"\x00"] {
            assert!(!is_ipxe(other), "{other:?}");
        }
    }

    #[test]
    fn files_can_be_written_down_and_read_back() {
        let name = |text| BootFileName::new(text).unwrap();
        let files = BootFiles::from(vec![
            (BootClient::Other, name("a")),
            (BootClient::Architecture(ClientArchitecture(7)), name("b")),
            (BootClient::Ipxe, name("c")),
            (BootClient::Other, name("d")),
        ]);
        let text = serde_json::to_string(&files).unwrap();
        assert_eq!(text, r#"[["ipxe","c"],[{"architecture":7},"b"],["other","d"]]"#);
        assert_eq!(serde_json::from_str::<BootFiles>(&text).unwrap(), files);
    }
}
