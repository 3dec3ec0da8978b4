//! What a compiled component is found by: a label, which the file also contains, so that a file
//! that does not fit says what it was compiled for.

use std::{env::consts::OS, fmt};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::DIGEST_OCTETS;
use crate::{Allocation, allocation::CODE_SETTINGS, contract::VERSION, target::Target};

/// The version of wasmtime, which compiles other code in each version.
const WASMTIME: &str = "48.0.8";
/// The version of what an examination finds, which changes with it: `contract::examine`.
const EXAMINATION: &str = "examination 1";
/// The longest label, in octets.
pub(super) const LABEL_OCTETS_MAX: usize = 1_024;

/// What identifies a compiled component: the component that it was compiled from, and everything
/// that its code depends on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Key {
    pub(super) label: Label,
    /// A line of JSON.
    pub(super) line: Vec<u8>,
    /// SHA-256 of the line.
    pub(super) digest: [u8; DIGEST_OCTETS],
}

/// What a compiled component was compiled from, and for what.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct Label {
    /// SHA-256 of the component.
    pub(super) component: String,
    wasmtime: String,
    settings: String,
    memory: String,
    architecture: String,
    system: String,
    features: Vec<String>,
}

impl Key {
    /// The key of the component with this SHA-256, compiled for engines with this allocation. It
    /// does not depend on the features of this program, because one without a compiler loads what
    /// another has compiled.
    pub(crate) fn new(
        allocation: Allocation,
        target: Target,
        component_digest: &[u8; DIGEST_OCTETS],
    ) -> Self {
        Self::of(Label {
            component: hex::encode(component_digest),
            wasmtime: WASMTIME.to_owned(),
            settings: CODE_SETTINGS.to_owned(),
            memory: allocation.name().to_owned(),
            architecture: target.architecture().to_owned(),
            system: OS.to_owned(),
            features: target.features().into_iter().map(str::to_owned).collect(),
        })
    }

    fn of(label: Label) -> Self {
        // A label has only text and cannot fail to be written.
        let mut line = serde_json::to_vec(&label).unwrap_or_default();
        line.push(b'\n');
        let digest = Sha256::digest(&line).into();
        Self { label, line, digest }
    }
}

impl Key {
    /// The key of what was found when the file with this SHA-256 was examined.
    pub(crate) fn of_examination(file_digest: &[u8; DIGEST_OCTETS]) -> Self {
        Self::of(Label {
            component: format!("file {}", hex::encode(file_digest)),
            wasmtime: WASMTIME.to_owned(),
            settings: format!("{EXAMINATION}, {VERSION}"),
            memory: String::new(),
            architecture: String::new(),
            system: String::new(),
            features: Vec::new(),
        })
    }

    /// What the code is compiled for, for people.
    pub(crate) fn made_for(&self) -> String {
        self.label.to_string()
    }
}

impl Label {
    /// Reads the label at the beginning of a text.
    pub(super) fn read(text: &[u8]) -> Option<Self> {
        let searched = text.get(..text.len().min(LABEL_OCTETS_MAX))?;
        let line = searched.split_inclusive(|octet| *octet == b'\n').next()?;
        serde_json::from_slice(line).ok()
    }
}

/// What the code was compiled for. The label may be of a file of any origin.
impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { wasmtime, settings, memory, architecture, system, features, .. } = self;
        let features = match features.len() {
            0 => "no further features".to_owned(),
            _ => features.join(" "),
        };
        let text = format!(
            "{architecture} {system}, {features}, wasmtime {wasmtime}, settings {settings}, {memory} \
             memory"
        );
        f.write_str(&text.replace(char::is_control, " "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::target::Architecture;

    #[test]
    fn what_is_compiled_differently_has_another_key() {
        let key = |allocation, target, octet| Key::new(allocation, target, &[octet; DIGEST_OCTETS]);
        let pooled = key(Allocation::Pooled, Target::Here, 7);
        assert_eq!(pooled, key(Allocation::Pooled, Target::Here, 7));
        let others = [
            key(Allocation::OnDemand, Target::Here, 7),
            key(Allocation::Pooled, Target::Here, 8),
            key(Allocation::Pooled, Target::Baseline(Architecture::Aarch64), 7),
            key(Allocation::Pooled, Target::Baseline(Architecture::X86_64), 7),
            Key::of_examination(&[7; DIGEST_OCTETS]),
        ];
        for other in others {
            assert_ne!(pooled.digest, other.digest, "{}", other.label);
        }
    }

    #[test]
    fn a_label_fits_with_every_feature_and_is_read_back() {
        let key = Key::new(Allocation::OnDemand, Target::Here, &[7; DIGEST_OCTETS]);
        assert!(key.line.len() < LABEL_OCTETS_MAX, "{} octets", key.line.len());
        assert_eq!(Label::read(&key.line), Some(key.label));
        assert_eq!(Label::read(b"no label"), None);
    }

    #[test]
    fn the_version_of_wasmtime_is_the_one_that_is_used() {
        let lock = include_str!("../../../../Cargo.lock");
        let (_, package) = lock.split_once("name = \"wasmtime\"\n").unwrap();
        let version = package.lines().next().unwrap();
        assert_eq!(version, format!("version = {WASMTIME:?}"), "set WASMTIME to this version");
    }
}
