//! The child's side: reads a job and a file, does the job, writes the answer and exits.
//!
//! Invariant: the file is not read before the process has given up everything that it does not need
//! for computing.

use std::{
    any::Any,
    io::{self, BufRead, Write},
    panic::{self, AssertUnwindSafe},
    process::ExitCode,
};

use sha2::{Digest, Sha256};

use super::{
    Examination, confinement,
    job::{ChildTask, Job, JobResult},
};
use crate::{
    artifact, contract,
    error::{CompileProblem, PluginProblem},
};

/// The main function of a program that was started as a compiler's child. Call this first in
/// `main`, before a second thread is started.
pub fn run() -> ExitCode {
    confinement::begin();
    match serve(&mut io::stdin().lock(), &mut io::stdout().lock()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "{error}");
            ExitCode::FAILURE
        }
    }
}

fn serve(input: &mut impl BufRead, output: &mut impl Write) -> io::Result<()> {
    let job = Job::read(input)?;
    confinement::enter(&job.limits, job.parent)?;
    let file = job.read_file(input)?;
    // The answer reports the panic to the server, which words the message.
    panic::set_hook(Box::new(|_| {}));
    let done = panic::catch_unwind(AssertUnwindSafe(|| job.run(&file)));
    let (answer, code) = match done {
        Ok(Ok(answered)) => answered,
        Ok(Err(problems)) => (JobResult::Refused(problems), Vec::new()),
        Err(panic) => {
            let problem = CompileProblem::CompilerGaveUp(message_of(&*panic)).into();
            (JobResult::Refused(vec![problem]), Vec::new())
        }
    };
    answer.write(&code, output)
}

impl Job {
    fn run(&self, file: &[u8]) -> Result<(JobResult, Vec<u8>), Vec<PluginProblem>> {
        let component = artifact::component(file).map_err(|problem| vec![problem])?;
        match self.task {
            ChildTask::Examine => {
                let examined = contract::examine(&component)?;
                let component_digest = Sha256::digest(&component).into();
                let examination = Examination { examined, component_digest };
                Ok((JobResult::Examined(Box::new(examination)), Vec::new()))
            }
            #[cfg(not(feature = "compile"))]
            ChildTask::Compile => Err(vec![CompileProblem::NoCompilerBuiltIn.into()]),
            #[cfg(feature = "compile")]
            ChildTask::Compile => {
                let code = super::translate::compile(&component, self.allocation, self.target)
                    .map_err(|problem| vec![problem.into()])?;
                Ok((JobResult::Compiled { octets: code.len() as u64 }, code))
            }
        }
    }
}

fn message_of(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
    text.unwrap_or("it panicked").to_owned()
}
