//! Crates that `Cargo.lock` has in several versions. Each costs the time to build it again and room
//! in the binary, so each has a cause that is known.

use std::collections::{BTreeMap, BTreeSet};

use toml::{Table, Value};

/// An older version of a crate that is there in a newer one too.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Duplicate {
    /// The crate.
    pub name: String,
    /// The version, as far as compatible versions share it: `1` or `0.22`.
    pub version: String,
    /// The crates that need this version.
    pub needed_by: BTreeSet<String>,
}

/// The older versions in a `Cargo.lock`, in order of crates and versions.
///
/// # Errors
/// If the text is no TOML.
pub fn duplicates(lock: &str) -> Result<BTreeSet<Duplicate>, toml::de::Error> {
    let lock: Table = lock.parse()?;
    let packages = lock.get("package").and_then(Value::as_array).into_iter().flatten();
    let mut versions = BTreeMap::<&str, BTreeSet<Vec<u64>>>::new();
    let mut needed = BTreeMap::<(&str, Vec<u64>), BTreeSet<String>>::new();
    for package in packages {
        let text = |key| package.get(key).and_then(Value::as_str).unwrap_or_default();
        versions.entry(text("name")).or_default().insert(numbers(text("version")));
        let dependencies = package.get("dependencies").and_then(Value::as_array);
        for dependency in dependencies.into_iter().flatten().filter_map(Value::as_str) {
            // The version is written only if there are several.
            if let Some((name, version)) = dependency.split_once(' ') {
                let by = needed.entry((name, numbers(version))).or_default();
                by.insert(text("name").to_owned());
            }
        }
    }
    let mut found = BTreeSet::new();
    for (name, versions) in &versions {
        for version in versions.iter().rev().skip(1) {
            found.insert(Duplicate {
                name: (*name).to_owned(),
                version: series(version),
                needed_by: needed.get(&(*name, version.clone())).cloned().unwrap_or_default(),
            });
        }
    }
    Ok(found)
}

/// The numbers of a version, for comparison.
fn numbers(version: &str) -> Vec<u64> {
    let plain = version.split(['+', '-', ' ']).next().unwrap_or_default();
    plain.split('.').map(|number| number.parse().unwrap_or_default()).collect()
}

fn series(numbers: &[u64]) -> String {
    match numbers {
        [0, minor, ..] => format!("0.{minor}"),
        [major, ..] => major.to_string(),
        [] => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_version_but_the_newest_is_found_with_what_needs_it() {
        let package = |name: &str, version: &str, dependencies: &str| {
            format!(
                "[[package]]\nname = \"{name}\"\nversion = \"{version}\"\n\
                 dependencies = [{dependencies}]\n"
            )
        };
        let lock = [
            package("a", "0.9.1", ""),
            package("a", "0.10.0+x", ""),
            package("b", "1.0.0", "\"a 0.9.1\", \"c\""),
            package("c", "2.0.0", "\"a 0.10.0+x\""),
            package("c", "1.2.3", ""),
        ];
        let found = duplicates(&lock.concat()).unwrap();
        let wanted = |name: &str, version: &str, by: &[&str]| Duplicate {
            name: name.into(),
            version: version.into(),
            needed_by: by.iter().map(|name| (*name).to_owned()).collect(),
        };
        assert_eq!(found, [wanted("a", "0.9", &["b"]), wanted("c", "1", &[])].into());
    }
}
