//! What the commands need to be built, and how long each part takes.

use std::{ffi::OsString, process::Command};

use lessor_guests::{
    BuildError, POLICIES, RHAI, Target, build_command, file, programs_command, target_folder,
};

/// Something that one call of cargo builds.
pub(crate) struct Part {
    /// What is built, as a noun phrase.
    pub(crate) name: &'static str,
    /// The processor time of a build from nothing, in seconds. It was measured once, on a server of
    /// 2026, and only has to tell a minute from ten.
    pub(crate) processor_secs: u32,
    kind: Kind,
}

enum Kind {
    /// Binaries of the workspace, and the features of the server if it needs only some.
    Programs { binaries: &'static [&'static str], features: Option<&'static str> },
    /// Policies or interpreters, by their packages.
    Policies(&'static [&'static str]),
}

const COMMANDS: Part = Part {
    name: "the commands",
    processor_secs: 60,
    kind: Kind::Programs { binaries: &["lessor-xtask"], features: None },
};

const DEMO: Part = Part {
    name: "the server and the demonstration",
    processor_secs: 400,
    kind: Kind::Programs { binaries: &["lessor-xtask", "lessor"], features: None },
};

const DEMO_POLICIES: Part =
    Part { name: "three policies", processor_secs: 60, kind: Kind::Policies(&POLICIES) };

const DEMO_INTERPRETER: Part = Part {
    name: "the interpreter of scripts in Rhai",
    processor_secs: 60,
    kind: Kind::Policies(&[RHAI.0]),
};

/// Returns what is built before a command runs, in this order. What else a command needs, it builds
/// itself.
pub(crate) fn needed(arguments: &[OsString]) -> Vec<Part> {
    let asks_for_help = arguments.iter().any(|word| word == "--help" || word == "-h");
    match arguments.first().and_then(|command| command.to_str()) {
        Some("demo") if !asks_for_help => vec![DEMO, DEMO_POLICIES, DEMO_INTERPRETER],
        _ => vec![COMMANDS],
    }
}

impl Part {
    /// Returns the command that builds it.
    ///
    /// # Errors
    /// Returns an error if the target folder has no absolute path.
    pub(crate) fn command(&self) -> Result<Command, BuildError> {
        match self.kind {
            Kind::Programs { binaries, features } => Ok(programs_command(binaries, features)),
            Kind::Policies(packages) => build_command(packages, Target::Bare),
        }
    }

    /// Returns whether it was built before, from whatever sources.
    pub(crate) fn is_built(&self) -> bool {
        let Ok(target) = target_folder() else { return false };
        match self.kind {
            Kind::Programs { binaries, .. } => {
                binaries.iter().all(|name| target.join("debug").join(name).exists())
            }
            Kind::Policies(packages) => {
                packages.iter().all(|name| file(name, Target::Bare).is_ok_and(|file| file.exists()))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(arguments: &[&str]) -> Vec<&'static str> {
        let arguments: Vec<OsString> = arguments.iter().map(OsString::from).collect();
        needed(&arguments).iter().map(|part| part.name).collect()
    }

    #[test]
    fn only_the_demo_builds_a_server_first_and_not_for_its_help() {
        assert_eq!(names(&["lint"]), ["the commands"]);
        assert_eq!(names(&[]), ["the commands"]);
        assert_eq!(names(&["demo", "--help"]), ["the commands"]);
        assert_eq!(names(&["demo", "--once"]).len(), 3);
    }
}
