//! The inputs of a step: computes a digest that changes when its command or one of its files
//! changes.

use std::{
    collections::BTreeSet,
    fs,
    hash::{DefaultHasher, Hash, Hasher},
    io,
    path::{Path, PathBuf},
};

use crate::languages::Step;

/// Returns the digest of all inputs of `step`, in the folder of its example.
pub(crate) fn state(folder: &Path, step: &Step) -> io::Result<String> {
    let mut files = BTreeSet::new();
    for name in step.of {
        collect(&folder.join(name), &mut files)?;
    }
    let mut hasher = DefaultHasher::new();
    step.command.hash(&mut hasher);
    for file in files {
        file.hash(&mut hasher);
        fs::read(&file)?.hash(&mut hasher);
    }
    Ok(format!("{:016x}", hasher.finish()))
}

/// Collects the files at and below a path. Links are not followed, because a step names their
/// targets separately.
fn collect(path: &Path, files: &mut BTreeSet<PathBuf>) -> io::Result<()> {
    let kind = fs::symlink_metadata(path)?.file_type();
    if kind.is_dir() {
        for entry in fs::read_dir(path)? {
            collect(&entry?.path(), files)?;
        }
    } else if kind.is_file() {
        files.insert(path.to_owned());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_of_a_file_or_of_the_command_changes_the_state() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("src")).unwrap();
        fs::write(folder.path().join("src/a"), "1").unwrap();
        let step = |command| Step { command, makes: "b", of: &["src"] };
        let first = state(folder.path(), &step("make")).unwrap();
        assert_eq!(state(folder.path(), &step("make")).unwrap(), first);
        assert_ne!(state(folder.path(), &step("make all")).unwrap(), first);
        fs::write(folder.path().join("src/a"), "2").unwrap();
        assert_ne!(state(folder.path(), &step("make")).unwrap(), first);
        assert!(state(folder.path(), &Step { of: &["c"], ..step("make") }).is_err());
    }
}
