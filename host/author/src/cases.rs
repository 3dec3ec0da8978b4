//! Folders of cases: every file that ends in `.toml` or `.json`, in the order of their names.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, bail};

/// The maximum number of cases in a folder.
pub const CASES_MAX: usize = 10_000;

/// Finds the cases of a folder and returns their names and paths.
///
/// # Errors
/// If the folder cannot be read, or has no case or too many.
pub(crate) fn find(folder: &Path) -> anyhow::Result<Vec<(String, PathBuf)>> {
    let shown = folder.display();
    let entries = fs::read_dir(folder).and_then(|entries| entries.collect::<Result<Vec<_>, _>>());
    let entries = entries.with_context(|| {
        format!(
            "cannot read the folder of cases, {shown}; name another with --cases, or create it and \
             write cases/one.toml with [request] and [expect]"
        )
    })?;
    let mut found = Vec::new();
    for path in entries.into_iter().map(|entry| entry.path()) {
        let is_case = path.extension().is_some_and(|suffix| suffix == "toml" || suffix == "json");
        if is_case && path.is_file() {
            let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            found.push((name, path));
        }
    }
    found.sort();
    match found.len() {
        0 => bail!("{shown} contains no case; write one.toml there, with [request] and [expect]"),
        count if count > CASES_MAX => {
            bail!("{shown} contains {count} cases; at most {CASES_MAX} are run; split the folder")
        }
        _ => Ok(found),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cases_are_found_in_order_and_a_folder_without_any_is_a_mistake() {
        let folder = tempfile::tempdir().unwrap();
        assert!(find(folder.path()).unwrap_err().to_string().contains("contains no case"));
        for name in ["b.toml", "a.json", "notes.md"] {
            fs::write(folder.path().join(name), "").unwrap();
        }
        let names: Vec<String> =
            find(folder.path()).unwrap().into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["a", "b"]);
        let absent = find(&folder.path().join("absent")).unwrap_err();
        assert!(absent.to_string().contains("--cases"), "{absent}");
    }

    #[test]
    fn so_many_cases_are_run_and_no_more() {
        let folder = tempfile::tempdir().unwrap();
        for number in 0..CASES_MAX {
            fs::write(folder.path().join(format!("{number}.toml")), "").unwrap();
        }
        assert_eq!(find(folder.path()).unwrap().len(), CASES_MAX);
        fs::write(folder.path().join("one-more.toml"), "").unwrap();
        assert!(find(folder.path()).unwrap_err().to_string().contains("at most 10000"));
    }
}
