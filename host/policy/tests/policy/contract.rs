//! Plugins generated from a description of their interfaces, to test which are accepted. Their
//! functions trap when called.

use std::path::{Path, PathBuf};

use wit_component::{ComponentEncoder, StringEncoding, dummy_module, embed_component_metadata};
use wit_parser::{LiftLowerAbi, ManglingAndAbi, Resolve, SourceMap};

/// A core module with the interfaces of `world`, a world in the contract after `edit` has changed
/// the contract's text. Other packages may follow `world`.
pub(crate) fn module(edit: impl Fn(&str) -> String, world: &str) -> Vec<u8> {
    let mut sources = SourceMap::new();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../wit");
    for entry in folder.read_dir().unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|ending| ending == "wit") {
            let text = std::fs::read_to_string(&path).unwrap();
            sources.push_str(&path.display().to_string(), edit(&text));
        }
    }
    let (world, others) = world.split_once("\npackage ").unwrap_or((world, ""));
    sources.push_str("test.wit", format!("world test {{ {world} }}\n"));
    let mut resolve = Resolve::default();
    if !others.is_empty() {
        resolve.push_source("others.wit", &format!("package {others}")).unwrap();
    }
    let group = sources.parse().map_err(|(_, error)| error).unwrap();
    let package = resolve.push_group(group).unwrap();
    let world = resolve.select_world(&[package], Some("test")).unwrap();
    let abi = ManglingAndAbi::Legacy(LiftLowerAbi::Sync);
    let mut module = dummy_module(&resolve, world, abi);
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).unwrap();
    module
}

/// The same module as a component.
pub(crate) fn component(edit: impl Fn(&str) -> String, world: &str) -> Vec<u8> {
    ComponentEncoder::default().module(&module(edit, world)).unwrap().encode().unwrap()
}

/// Writes a plugin file.
pub(crate) fn write(folder: &Path, name: &str, octets: &[u8]) -> PathBuf {
    let path = folder.join(format!("{name}.wasm"));
    std::fs::write(&path, octets).unwrap();
    path
}
