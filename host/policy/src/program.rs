//! The code of plugins: read, examined, and compiled or taken from the cache.
//!
//! Links and configures nothing. Invariant: a file is compiled at most once for a chain, and not at
//! all if only compiled code was asked for.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::{Arc, OnceLock},
};

use wasmtime::component::Component;

use crate::{
    artifact::Artifact,
    cache::{CachedCode, Key, Sealed},
    compiler::Examination,
    contract::Examined,
    error::{CompileProblem, PluginProblem},
    runtime::Runtime,
    target::Target,
    trusted,
};

/// The interpreters of one chain, each read and compiled once for all scripts that it runs.
#[derive(Default)]
pub(crate) struct Interpreters(HashMap<PathBuf, Arc<Program>>);

/// What happens to plugins that are not compiled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Uncompiled {
    /// They are compiled.
    Compile,
    /// They are refused.
    Refuse,
}

/// The code of a plugin.
pub(crate) struct Program {
    /// Shown while it is compiled.
    #[cfg(feature = "compile")]
    path: PathBuf,
    pub(crate) artifact: Artifact,
    examination: Arc<Examination>,
    compiled: OnceLock<Code>,
}

/// Compiled code.
pub(crate) struct Code {
    pub(crate) component: Component,
    /// Whether it came from the cache.
    pub(crate) from_cache: bool,
    /// The file of the cache that has it.
    file: Option<PathBuf>,
}

impl Interpreters {
    /// Returns an interpreter, which is read at the first call.
    pub(crate) fn get(
        &mut self,
        runtime: &Runtime,
        path: &Path,
    ) -> Result<Arc<Program>, Vec<PluginProblem>> {
        if let Some(known) = self.0.get(path) {
            return Ok(Arc::clone(known));
        }
        let program = Arc::new(Program::read_any(runtime, path)?);
        if program.examined().interpreting.is_none() {
            return Err(vec![PluginProblem::NotAnInterpreter]);
        }
        self.0.insert(path.to_owned(), Arc::clone(&program));
        Ok(program)
    }
}

impl Program {
    /// Reads a policy.
    pub(crate) fn read(runtime: &Runtime, path: &Path) -> Result<Self, Vec<PluginProblem>> {
        let program = Self::read_any(runtime, path)?;
        match program.examined().interpreting {
            None => Ok(program),
            Some(_) => Err(vec![PluginProblem::IsInterpreter]),
        }
    }

    /// Reads a policy or an interpreter.
    fn read_any(runtime: &Runtime, path: &Path) -> Result<Self, Vec<PluginProblem>> {
        let artifact = Artifact::read(path).map_err(|problem| vec![problem])?;
        let examination = examine(runtime, &artifact)?;
        Ok(Self {
            #[cfg(feature = "compile")]
            path: path.to_owned(),
            artifact,
            examination,
            compiled: OnceLock::new(),
        })
    }

    /// What the file contains.
    pub(crate) fn examined(&self) -> &Examined {
        &self.examination.examined
    }

    /// The compiled code.
    ///
    /// # Errors
    /// If the file cannot be compiled, or is not and may not be.
    pub(crate) fn compiled(
        &self,
        runtime: &Runtime,
        uncompiled: Uncompiled,
    ) -> Result<&Code, PluginProblem> {
        match self.compiled.get() {
            Some(compiled) => Ok(compiled),
            None => {
                let compiled = self.load(runtime, uncompiled)?;
                Ok(self.compiled.get_or_init(|| compiled))
            }
        }
    }

    /// Takes the code from the cache, or compiles it.
    fn load(&self, runtime: &Runtime, uncompiled: Uncompiled) -> Result<Code, PluginProblem> {
        let component_digest = &self.examination.component_digest;
        let key = |target| Key::new(runtime.allocation(), target, component_digest);
        let keys: Vec<Key> =
            [Some(Target::Here), Target::baseline()].into_iter().flatten().map(key).collect();
        let mut refused = None;
        if let Some(CachedCode { sealed, path }) = runtime.cache().get(&keys) {
            match trusted::load(runtime.engine(), &sealed) {
                Ok(component) => {
                    return Ok(Code { component, from_cache: true, file: Some(path) });
                }
                Err(error) => {
                    tracing::warn!(%error, "the compiled plugin in the cache is not used");
                    refused = Some(error);
                }
            }
        }
        let key = key(Target::Here);
        let instead = || instead_of(runtime, &key, refused.as_ref());
        if cfg!(feature = "compile") && uncompiled == Uncompiled::Refuse {
            return Err(CompileProblem::NotCompiled { found: instead() }.into());
        }
        let (sealed, file) = self.compile_now(runtime, &key, instead)?;
        let component = trusted::load(runtime.engine(), &sealed)
            .map_err(|error| CompileProblem::Refused(format!("{error:#}")))?;
        Ok(Code { component, from_cache: false, file })
    }

    /// Compiles the file and stores the code in the cache.
    #[cfg(feature = "compile")]
    fn compile_now(
        &self,
        runtime: &Runtime,
        key: &Key,
        _: impl FnOnce() -> String,
    ) -> Result<(Sealed, Option<PathBuf>), PluginProblem> {
        let _shown = runtime.progress().show(&self.path);
        let sealed = Sealed::from(runtime.compiler().compile(&self.artifact)?);
        let file = runtime.cache().put(key, sealed.octets());
        Ok((sealed, file))
    }

    /// Explains that this program cannot compile, and why it has no compiled code.
    #[cfg(not(feature = "compile"))]
    fn compile_now(
        &self,
        runtime: &Runtime,
        _: &Key,
        instead: impl FnOnce() -> String,
    ) -> Result<(Sealed, Option<PathBuf>), PluginProblem> {
        let folder = runtime.cache().folder().ok_or(CompileProblem::NoPrecompiled)?.to_owned();
        Err(CompileProblem::NotPrecompiled { found: instead(), folder }.into())
    }
}

impl Code {
    /// The files of the cache with the code, and with what was found in the file of the program.
    pub(crate) fn files(&self, runtime: &Runtime, program: &Program) -> Vec<PathBuf> {
        let findings = runtime.cache().place(&Key::of_examination(&program.artifact.digest));
        self.file.iter().cloned().chain(findings).collect()
    }
}

/// Examines a file, or takes what was found before from the cache.
fn examine(runtime: &Runtime, file: &Artifact) -> Result<Arc<Examination>, Vec<PluginProblem>> {
    let compiler = runtime.compiler();
    if let Some(known) = compiler.known(file) {
        return Ok(known);
    }
    let key = Key::of_examination(&file.digest);
    let kept = runtime.cache().get(std::slice::from_ref(&key));
    if let Some(kept) = kept.and_then(|found| serde_json::from_slice(found.sealed.octets()).ok()) {
        let kept = Arc::new(kept);
        compiler.remember(file, &kept);
        return Ok(kept);
    }
    let examination = compiler.examine(file)?;
    #[cfg(feature = "compile")]
    if let Ok(octets) = serde_json::to_vec(&*examination) {
        runtime.cache().put(&key, &octets);
    }
    Ok(examination)
}

/// Describes what there is instead of compiled code that can be used.
fn instead_of(runtime: &Runtime, key: &Key, refused: Option<&wasmtime::Error>) -> String {
    let others = runtime.cache().compiled_for_others(key);
    match (refused, others.is_empty()) {
        (Some(error), _) => format!("code that cannot be used here ({error:#})"),
        (None, true) => "no code for it".to_owned(),
        (None, false) => {
            format!("only code for {}; wanted {}", others.join(" and for "), key.made_for())
        }
    }
}
