//! Compiles policies and interpreters ahead of time, into a folder that a server reads: one that
//! was built without a compiler, or that is to serve as soon as it starts.

use std::path::Path;

use crate::{
    PluginError, Target,
    error::{CompileProblem, PluginProblem},
};

/// Compiles a plugin or an interpreter and stores the code in a folder, for every way in which a
/// server on such a processor can allocate memory.
///
/// # Errors
/// The problems of the file or the folder, or that this program was built without the feature
/// `compile`.
pub fn precompile(cache: &Path, file: &Path, target: Target) -> Result<(), Vec<PluginError>> {
    let name = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    compile_into(cache, file, target).map_err(|problems| {
        let explained = |problem| PluginError {
            name: name.clone(),
            path: file.to_owned(),
            problem: Box::new(problem),
        };
        problems.into_iter().map(explained).collect()
    })
}

#[cfg(feature = "compile")]
fn compile_into(folder: &Path, file: &Path, target: Target) -> Result<(), Vec<PluginProblem>> {
    use crate::{
        Allocation,
        artifact::Artifact,
        cache::{Cache, Key, Sealed},
        compiler::{Compiler, CompilerSettings},
    };
    let one = |problem: PluginProblem| vec![problem];
    let unwritable =
        |error: String| vec![CompileProblem::NotStored { folder: folder.to_owned(), error }.into()];
    let cache =
        Cache::open(Some(folder), Vec::new()).map_err(|error| unwritable(error.to_string()))?;
    let artifact = Artifact::read(file).map_err(one)?;
    let mut is_examined = false;
    for allocation in Allocation::ALL {
        let compiler = Compiler::new(CompilerSettings::default(), allocation, target);
        let examination = compiler.examine(&artifact)?;
        if !is_examined && let Ok(found) = serde_json::to_vec(&*examination) {
            let stored = cache.store(&Key::of_examination(&artifact.digest), &found);
            stored.map_err(|error| unwritable(error.to_string()))?;
            is_examined = true;
        }
        let code = Sealed::from(compiler.compile(&artifact).map_err(one)?);
        let key = Key::new(allocation, target, &examination.component_digest);
        let stored = cache.store(&key, code.octets());
        stored.map_err(|error| unwritable(error.to_string()))?;
    }
    Ok(())
}

#[cfg(not(feature = "compile"))]
fn compile_into(_: &Path, _: &Path, _: Target) -> Result<(), Vec<PluginProblem>> {
    Err(vec![CompileProblem::NoCompilerBuiltIn.into()])
}
