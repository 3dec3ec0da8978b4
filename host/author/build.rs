//! Embeds the templates of projects, the contract and the SDKs into the program, so that it can
//! create projects that build anywhere.
//!
//! Invariant: the embedded files are those of the checkout; there is no list of files to maintain.

use std::{
    env, fs, io,
    path::{Path, PathBuf},
};

/// The embedded folders: name, and path relative to this crate.
const ROOTS: [(&str, &str); 9] = [
    ("templates", "templates"),
    ("wit", "../../wit"),
    ("sdk-c", "../../plugins/sdk/c"),
    ("sdk-javascript", "../../plugins/sdk/javascript"),
    ("sdk-python", "../../plugins/sdk/python"),
    ("sdk-rust/src", "../../plugins/sdk/rust/src"),
    ("sdk-rust/wit", "../../plugins/sdk/rust/wit"),
    ("sdk-rust/macros/src", "../../plugins/sdk/rust/macros/src"),
    ("sdk-rust/vocabulary/src", "../../vocabulary/src"),
];
/// Subfolders that are left out: copies of the contract, its history, and build output.
const LEFT_OUT: [&str; 4] = ["__pycache__", "deps", "frozen", "target"];

fn main() -> io::Result<()> {
    let own = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default());
    let mut files = Vec::new();
    for (name, root) in ROOTS {
        let root = own.join(root).canonicalize()?;
        find(&root, name, &mut files)?;
    }
    files.sort();
    let mut text = String::from("/// Name and octets of every file.\n");
    text.push_str("pub(crate) static FILES: &[(&str, &[u8])] = &[\n");
    for (name, path) in files {
        text.push_str(&format!("    ({name:?}, include_bytes!({path:?})),\n"));
    }
    text.push_str("];\n");
    let out = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default());
    fs::write(out.join("embedded.rs"), text)
}

fn find(folder: &Path, name: &str, files: &mut Vec<(String, PathBuf)>) -> io::Result<()> {
    println!("cargo::rerun-if-changed={}", folder.display());
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let own = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let name = format!("{name}/{own}");
        if !path.is_dir() {
            files.push((name, path));
        } else if !LEFT_OUT.contains(&own.as_str()) {
            find(&path, &name, files)?;
        }
    }
    Ok(())
}
