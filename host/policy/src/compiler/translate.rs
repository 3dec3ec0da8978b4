//! Compiles a component to machine code.

use wasmtime::Engine;

use crate::{
    Allocation,
    error::{CompileLimit, PluginProblem},
    limits::COMPILED_OCTETS_MAX,
};

/// Returns the code in the engine's format.
///
/// # Errors
/// If the compiler refuses the component, or if the code is too large.
pub(super) fn compile(component: &[u8], allocation: Allocation) -> Result<Vec<u8>, PluginProblem> {
    let refused = |error: wasmtime::Error| PluginProblem::Compile(format!("{error:#}"));
    let engine = Engine::new(&allocation.code_settings()).map_err(refused)?;
    let code = engine.precompile_component(component).map_err(refused)?;
    if code.len() as u64 > COMPILED_OCTETS_MAX {
        return Err(PluginProblem::CompileLimit(CompileLimit::CodeMib(COMPILED_OCTETS_MAX >> 20)));
    }
    Ok(code)
}
