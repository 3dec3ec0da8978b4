//! Plugin files and the components made from them. A core module with the component type embedded
//! in it, as `cargo build --target wasm32-unknown-unknown` produces for a policy, is converted to a
//! component here, so that policy authors need no other tool.
//!
//! Invariant: the server only reads a file and checks its first octets; [`component`], which parses
//! it, runs in the compiler's child process only.

use std::{borrow::Cow, fmt, io::Read, path::Path};

use sha2::{Digest, Sha256};
use wasmparser::Parser;

use crate::{
    error::{CompileProblem, PluginProblem},
    limits,
};

/// A plugin file.
pub(crate) struct Artifact {
    /// SHA-256 of the file.
    pub(crate) digest: [u8; 32],
    /// The file.
    pub(crate) octets: Vec<u8>,
}

const MAGIC: &[u8] = b"\0asm";
const CORE_MODULE: [u8; 4] = [1, 0, 0, 0];

impl Artifact {
    pub(crate) fn read(path: &Path) -> Result<Self, PluginProblem> {
        let octets = read_limited(path)?;
        let digest = Sha256::digest(&octets).into();
        if !octets.starts_with(MAGIC) {
            return Err(not_wasm(&octets));
        }
        Ok(Self { digest, octets })
    }
}

/// Returns the component in a file, converting a core module to one.
///
/// # Errors
/// If the file is neither a component nor a core module, or is truncated or damaged.
pub(crate) fn component(file: &[u8]) -> Result<Cow<'_, [u8]>, PluginProblem> {
    // The code that handles the component later assumes that all parts of the file parse.
    for part in Parser::new(0).parse_all(file) {
        part.map_err(|error| CompileProblem::Damaged(error.to_string()))?;
    }
    if file.get(4..8) == Some(&CORE_MODULE) {
        return Ok(Cow::Owned(componentize(file)?));
    }
    Ok(Cow::Borrowed(file))
}

fn read_limited(path: &Path) -> Result<Vec<u8>, PluginProblem> {
    let file = lessor_files::open(path).map_err(PluginProblem::Unreadable)?;
    let metadata = file.metadata().map_err(PluginProblem::Unreadable)?;
    if metadata.len() > limits::PLUGIN_OCTETS_MAX {
        return Err(PluginProblem::TooLarge { octets: metadata.len() });
    }
    let mut octets = Vec::new();
    file.take(limits::PLUGIN_OCTETS_MAX)
        .read_to_end(&mut octets)
        .map_err(PluginProblem::Unreadable)?;
    Ok(octets)
}

fn not_wasm(octets: &[u8]) -> PluginProblem {
    let beginning = octets.get(..octets.len().min(16)).unwrap_or_default();
    let (found, advice) = match beginning {
        [] => ("an empty file".to_owned(), "Copy the file again"),
        [0x7f, b'E', b'L', b'F', ..] => {
            ("a native program (ELF)".to_owned(), "Build with --target wasm32-unknown-unknown")
        }
        [b'(', ..] => {
            ("WebAssembly text".to_owned(), "Convert it to binary form with `wasm-tools parse`")
        }
        _ => match std::str::from_utf8(beginning) {
            Ok(text) => (format!("text that begins with {text:?}"), "Put the built file here"),
            Err(_) => (
                format!("octets that begin with {}", hex::encode(beginning)),
                "Put the built file here",
            ),
        },
    };
    PluginProblem::NotWasm { found, advice }
}

fn componentize(module: &[u8]) -> Result<Vec<u8>, PluginProblem> {
    let (_, described) = wit_component::metadata::decode(module).map_err(not_encodable)?;
    let world = described.resolve.worlds.get(described.world);
    if world.is_none_or(|world| world.imports.is_empty() && world.exports.is_empty()) {
        return Err(PluginProblem::NoDescription);
    }
    let encoder = wit_component::ComponentEncoder::default();
    encoder.module(module).map_err(not_encodable)?.encode().map_err(not_encodable)
}

fn not_encodable(error: impl fmt::Display) -> PluginProblem {
    PluginProblem::NotEncodable(format!("{error:#}"))
}
