//! The files of this repository.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

/// Folders that hold no sources of this repository.
const LEFT_OUT: [&str; 4] = ["target", ".git", "node_modules", "generated"];

/// The top folder of the checkout.
pub fn root() -> &'static Path {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    own.ancestors().nth(2).unwrap_or(own)
}

/// Every file below `folder` with this extension, in order.
///
/// # Errors
/// If a folder cannot be read.
pub fn files(folder: &Path, extension: &str) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let (path, name) = (entry.path(), entry.file_name());
        if entry.file_type()?.is_dir() {
            if !LEFT_OUT.iter().any(|left_out| name == *left_out) {
                found.extend(files(&path, extension)?);
            }
        } else if path.extension().is_some_and(|own| own == extension) {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

/// The roots of the crates of the workspace, libraries and programs; tests and examples apart.
///
/// # Errors
/// If a folder cannot be read.
pub fn crate_roots() -> io::Result<Vec<PathBuf>> {
    let manifests = files(root(), "toml")?;
    let crates = manifests.iter().filter(|path| path.ends_with("Cargo.toml"));
    let mut roots = Vec::new();
    for folder in crates.filter_map(|manifest| manifest.parent()) {
        let usual = ["src/lib.rs", "src/main.rs"].map(|root| folder.join(root));
        roots.extend(usual.into_iter().filter(|root| root.is_file()));
        let programs = folder.join("src/bin");
        if programs.is_dir() {
            roots.extend(files(&programs, "rs")?);
        }
    }
    Ok(roots)
}
