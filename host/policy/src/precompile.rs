//! Compiles policies and interpreters ahead of time, into the folder of a server that was built
//! without a compiler.

use std::path::Path;

use crate::{PluginError, error::PluginProblem};

/// Compiles a plugin or an interpreter and stores the code in a folder, for every way in which a
/// server on a processor like this one can allocate memory.
///
/// # Errors
/// The problems of the file or the folder, or that this program was built without the feature
/// `compile`.
pub fn precompile(cache: &Path, file: &Path) -> Result<(), Vec<PluginError>> {
    let name = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    compile_into(cache, file).map_err(|problems| {
        let explained = |problem| PluginError {
            name: name.clone(),
            path: file.to_owned(),
            problem: Box::new(problem),
        };
        problems.into_iter().map(explained).collect()
    })
}

#[cfg(feature = "compile")]
fn compile_into(folder: &Path, file: &Path) -> Result<(), Vec<PluginProblem>> {
    use crate::{
        Allocation,
        artifact::Artifact,
        cache::{Cache, Key, Sealed},
        compiler::{Compiler, CompilerSettings},
    };
    let one = |problem: PluginProblem| vec![problem];
    let unwritable =
        |error: String| vec![PluginProblem::NotStored { folder: folder.to_owned(), error }];
    let cache = Cache::open(folder).map_err(|error| unwritable(error.to_string()))?;
    let artifact = Artifact::read(file).map_err(one)?;
    for allocation in Allocation::ALL {
        let compiler = Compiler::new(CompilerSettings::default(), allocation);
        let examination = compiler.examine(&artifact)?;
        let code = Sealed::from(compiler.compile(&artifact).map_err(one)?);
        let key = Key::new(allocation, &examination.component_digest);
        let stored = cache.store(&key, code.octets());
        stored.map_err(|error| unwritable(error.to_string()))?;
    }
    Ok(())
}

#[cfg(not(feature = "compile"))]
fn compile_into(_: &Path, _: &Path) -> Result<(), Vec<PluginProblem>> {
    Err(vec![PluginProblem::NoCompilerBuiltIn])
}
