//! `cargo xtask purity`: proves that the core is pure. Linked completely into a module for bare
//! WebAssembly, it imports nothing: no clock, no random numbers, no shared memory.

use anyhow::{Context, bail};
use wasmparser::{Parser, Payload};

use crate::{
    checkout::target,
    command::{cargo, run as run_command},
    setup,
};

/// Builds the probe and checks its imports.
///
/// # Errors
/// Returns an error if it does not build, imports anything, or exports no engine (an empty module
/// would prove nothing).
pub(crate) fn run() -> anyhow::Result<()> {
    setup::add_wasm_targets()?;
    run_command(&mut cargo(&[
        "build",
        "--profile",
        "policy",
        "--target",
        "wasm32-unknown-unknown",
        "--package",
        "core-purity",
    ]))?;
    let path = target().join("wasm32-unknown-unknown/policy/core_purity.wasm");
    let module = std::fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let mut imports = Vec::new();
    let mut has_engine = false;
    for payload in Parser::new(0).parse_all(&module) {
        match payload? {
            Payload::ImportSection(section) => {
                for import in section.into_imports() {
                    let import = import?;
                    imports.push(format!("{}.{}", import.module, import.name));
                }
            }
            Payload::ExportSection(section) => {
                for export in section {
                    has_engine |= export?.name == "drive_engine";
                }
            }
            _ => {}
        }
    }
    if !has_engine {
        bail!("{} exports no drive_engine; the proof would be empty", path.display());
    }
    if !imports.is_empty() {
        bail!(
            "the core imports {}; find the dependency with `cargo tree -p lessor-core` and keep \
             it out",
            imports.join(", ")
        );
    }
    println!("the core imports nothing ({} octets of WebAssembly checked)", module.len());
    Ok(())
}
