//! The served versions of the contract: lines of compatible versions. There is one line, 0.1.
//!
//! The newest version of a line is here, and its host code is [`crate::host`]. A second line gets
//! its own text here, and beside that module an adapter module that translates its calls to those
//! of the newest line. Code that serves both never branches on the version. See `docs/contract.md`.

use wit_parser::{PackageId, Resolve, SourceMap, World, WorldId};

/// The newest served version of package `lessor:policy`.
pub(crate) const VERSION: &str = "0.1.2";

/// The text of the contract, as plugin authors get it.
const SOURCES: [(&str, &str); 11] = [
    ("types.wit", include_str!("../../../../wit/types.wit")),
    ("configuring.wit", include_str!("../../../../wit/configuring.wit")),
    ("requests.wit", include_str!("../../../../wit/requests.wit")),
    ("replies.wit", include_str!("../../../../wit/replies.wit")),
    ("leases.wit", include_str!("../../../../wit/leases.wit")),
    ("lookups.wit", include_str!("../../../../wit/lookups.wit")),
    ("capabilities.wit", include_str!("../../../../wit/capabilities.wit")),
    ("options.wit", include_str!("../../../../wit/options.wit")),
    ("failing.wit", include_str!("../../../../wit/failing.wit")),
    ("interpreting.wit", include_str!("../../../../wit/interpreting.wit")),
    ("worlds.wit", include_str!("../../../../wit/worlds.wit")),
];

/// Whether components for version `major.minor.…` of the contract are served, if it was released.
pub(super) fn is_served(major: u64, minor: u64) -> bool {
    (major, minor) == (0, 1)
}

/// A parsed version of the contract.
pub(super) struct Served {
    pub(super) resolve: Resolve,
    pub(super) package: PackageId,
}

impl Served {
    /// The served version.
    pub(super) fn current() -> Result<Self, String> {
        Self::parse(SOURCES)
    }

    /// Parses the contract from files, given as names and texts.
    pub(super) fn parse<'a>(
        files: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<Self, String> {
        let mut sources = SourceMap::new();
        for (name, text) in files {
            sources.push_str(name, text);
        }
        let group = sources.parse().map_err(|(_, error)| error.to_string())?;
        let mut resolve = Resolve::default();
        let package = resolve.push_group(group).map_err(|error| format!("{error:#}"))?;
        Ok(Self { resolve, package })
    }

    pub(super) fn world(&self, name: &str) -> Option<&World> {
        let package = self.resolve.packages.get(self.package)?;
        let id: WorldId = *package.worlds.get(name)?;
        self.resolve.worlds.get(id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_of_the_contract_is_served() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../wit");
        let names = folder.read_dir().unwrap().map(|entry| entry.unwrap().file_name());
        let mut names: Vec<String> = names.map(|name| name.into_string().unwrap()).collect();
        names.retain(|name| name.ends_with(".wit"));
        names.sort();
        let mut served = SOURCES.map(|(name, _)| name);
        served.sort();
        assert_eq!(names, served);
    }
}
