//! The members of the workspace, according to cargo.
//!
//! Builds nothing. Invariant: a member that is left out of a build without features is the same in
//! it as in the build with all of them.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
};

use anyhow::{Context, bail};
use lessor_guests::cargo;
use serde::Deserialize;

/// The members of the workspace.
#[derive(Debug, Deserialize)]
pub(crate) struct Members {
    packages: Vec<Member>,
}

#[derive(Debug, Deserialize)]
struct Member {
    name: String,
    features: BTreeMap<String, Vec<String>>,
    dependencies: Vec<Dependency>,
}

#[derive(Debug, Deserialize)]
struct Dependency {
    name: String,
    /// `None` for crates from the registry.
    path: Option<PathBuf>,
    /// `None` unless it is used by tests or by the build only.
    kind: Option<String>,
}

impl Members {
    /// Asks cargo for them.
    ///
    /// # Errors
    /// If cargo does not know them.
    pub(crate) fn read() -> anyhow::Result<Self> {
        let mut command = cargo();
        command.args(["metadata", "--no-deps", "--format-version", "1", "--locked"]);
        let output = command.output().context("cannot run cargo")?;
        if !output.status.success() {
            bail!("cargo names no members: {}", String::from_utf8_lossy(&output.stderr));
        }
        serde_json::from_slice(&output.stdout).context("cannot read what cargo names")
    }

    /// The members that `root` depends on and that are built alike whatever features are wanted:
    /// they have none, and depend on none that has.
    pub(crate) fn independent_of_features(&self, root: &str) -> BTreeSet<&str> {
        let mut below = BTreeSet::new();
        self.add_below(root, &mut below);
        below.remove(root);
        let has_features = |name: &&str| {
            let mut with_it = BTreeSet::new();
            self.add_below(name, &mut with_it);
            with_it.iter().filter_map(|name| self.named(name)).any(|of| !of.features.is_empty())
        };
        below.into_iter().filter(|name| !has_features(name)).collect()
    }

    /// Adds a member and all members that it depends on.
    fn add_below<'m>(&'m self, name: &str, found: &mut BTreeSet<&'m str>) {
        let Some(member) = self.named(name).filter(|member| found.insert(&member.name)) else {
            return;
        };
        let uses = |of: &&Dependency| of.path.is_some() && of.kind.is_none();
        for dependency in member.dependencies.iter().filter(uses) {
            self.add_below(&dependency.name, found);
        }
    }

    fn named(&self, name: &str) -> Option<&Member> {
        self.packages.iter().find(|member| member.name == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_below_the_server_without_features_are_independent_of_them() {
        let members = Members::read().unwrap();
        let found = members.independent_of_features("lessor");
        for name in ["lessor-core", "lessor-config", "lessor-store", "lessor-wire"] {
            assert!(found.contains(name), "{name}: {found:?}");
        }
        // They have features, depend on one that has, or the server does not use them.
        for name in ["lessor", "lessor-lookup", "lessor-serving", "lessor-foresight", "lessor-e2e"]
        {
            assert!(!found.contains(name), "{name}: {found:?}");
        }
    }
}
