//! The features of this build, for `lessor --version`.
//!
//! A configuration or command that needs a feature which is not built in is refused where it is
//! read, with the name of the feature.

#[cfg(not(all(feature = "author", feature = "load")))]
use std::process::ExitCode;
use std::sync::LazyLock;

/// Every feature, and whether it is built in.
const FEATURES: [(&str, bool); 6] = [
    ("author", cfg!(feature = "author")),
    ("compile", cfg!(feature = "compile")),
    ("cross", cfg!(feature = "cross")),
    ("load", cfg!(feature = "load")),
    ("lookups-remote", cfg!(feature = "lookups-remote")),
    ("scripts", cfg!(feature = "scripts")),
];

/// The version, the features that are built in, and those that are not.
pub(crate) fn version() -> &'static str {
    static VERSION: LazyLock<String> = LazyLock::new(described);
    &VERSION
}

fn described() -> String {
    let named = |built_in: bool| {
        let names = FEATURES.iter().filter(|(_, is)| *is == built_in).map(|(name, _)| *name);
        let names: Vec<&str> = names.collect();
        if names.is_empty() { "none".to_owned() } else { names.join(" ") }
    };
    let version = env!("CARGO_PKG_VERSION");
    format!("{version}\nfeatures: {}\nwithout: {}", named(true), named(false))
}

/// A command of a feature that is not built in, with any arguments.
#[cfg(not(all(feature = "author", feature = "load")))]
#[derive(Debug, clap::Args)]
#[command(disable_help_flag = true)]
pub(crate) struct NotBuiltIn {
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<std::ffi::OsString>,
}

#[cfg(not(all(feature = "author", feature = "load")))]
impl NotBuiltIn {
    /// Refuses the command.
    ///
    /// # Errors
    /// Always returns an error.
    pub(crate) fn refuse(&self, command: &str, feature: &str) -> anyhow::Result<ExitCode> {
        let arguments = self.arguments.join(" ".as_ref());
        anyhow::bail!(
            "found `{command} {}`, which needs the feature `{feature}`, and this lessor was built \
             without it. Use one that has it (`lessor --version` lists features)",
            arguments.display()
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_feature_is_listed_once() {
        let manifest = include_str!("../Cargo.toml");
        let (_, features) = manifest.split_once("\n[features]\n").unwrap();
        let features = features.lines().take_while(|line| !line.is_empty());
        let names = features.filter_map(|line| Some(line.split_once(" = ")?.0));
        let declared: Vec<&str> = names.filter(|name| *name != "default").collect();
        assert_eq!(declared, FEATURES.map(|(name, _)| name));
        let text = version();
        for name in declared {
            assert_eq!(text.matches(name).count(), 1, "{text}");
        }
    }
}
