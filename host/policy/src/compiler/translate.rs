//! Compiles a component to machine code.

use wasmtime::Engine;

use crate::{
    Allocation,
    error::{CompileLimit, CompileProblem},
    limits::COMPILED_OCTETS_MAX,
    target::Target,
};

/// Returns the code for `target` in the engine's format.
///
/// # Errors
/// If the compiler refuses the component or does not know the target, or if the code is too large.
pub(super) fn compile(
    component: &[u8],
    allocation: Allocation,
    target: Target,
) -> Result<Vec<u8>, CompileProblem> {
    let refused = |error: wasmtime::Error| CompileProblem::Refused(format!("{error:#}"));
    let mut settings = allocation.code_settings();
    if let Some(triple) = target.triple() {
        settings.target(triple).map_err(refused)?;
    }
    let engine = Engine::new(&settings).map_err(|error| match target {
        Target::Here => refused(error),
        Target::Baseline(_) => CompileProblem::OtherArchitecture {
            architecture: target.architecture().to_owned(),
            error: format!("{error:#}"),
        },
    })?;
    let code = engine.precompile_component(component).map_err(refused)?;
    if code.len() as u64 > COMPILED_OCTETS_MAX {
        return Err(CompileProblem::Limit(CompileLimit::CodeMib(COMPILED_OCTETS_MAX >> 20)));
    }
    Ok(code)
}
