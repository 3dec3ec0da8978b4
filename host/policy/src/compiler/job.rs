//! The protocol between the server and its compiling child: a line of JSON each, followed by
//! octets. The job and the file go to standard input; the answer and the compiled code come from
//! standard output.
//!
//! This is not a file format: both ends are the same program.

use std::io::{self, BufRead, Read, Write};

use serde::{Deserialize, Serialize};

use super::{CompileLimits, Examination};
use crate::{Allocation, error::PluginProblem, limits::PLUGIN_OCTETS_MAX, target::Target};

/// The longest line that is read. An answer lists the exports of a component.
pub(super) const LINE_OCTETS_MAX: usize = 4 << 20;

/// The task of a child.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum ChildTask {
    /// Check the file against the contract.
    Examine,
    /// Compile it.
    Compile,
}

/// A job, which is followed by the file.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Job {
    pub(super) task: ChildTask,
    /// The allocation settings of the engine that will load the code.
    pub(super) allocation: Allocation,
    /// The processors that will run the code.
    pub(super) target: Target,
    /// The limits of the child.
    pub(super) limits: CompileLimits,
    /// The process ID of the server.
    pub(super) parent: u32,
    /// The length of the file.
    octets: u64,
}

/// The result of a job.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum JobResult {
    /// The result of examining the file.
    Examined(Box<Examination>),
    /// The file was compiled; the code follows.
    Compiled {
        /// The length of the code.
        octets: u64,
    },
    /// All problems of the file.
    Refused(Vec<PluginProblem>),
}

impl Job {
    pub(super) fn new(
        task: ChildTask,
        (allocation, target): (Allocation, Target),
        limits: CompileLimits,
        file: &[u8],
    ) -> Self {
        let (parent, octets) = (std::process::id(), file.len() as u64);
        Self { task, allocation, target, limits, parent, octets }
    }

    pub(super) fn header(&self) -> io::Result<Vec<u8>> {
        line(self)
    }

    pub(super) fn read(input: &mut impl BufRead) -> io::Result<Self> {
        let mut line = Vec::new();
        input.take(LINE_OCTETS_MAX as u64).read_until(b'\n', &mut line)?;
        Ok(serde_json::from_slice(&line)?)
    }

    /// Reads the file, which must be complete.
    pub(super) fn read_file(&self, input: &mut impl BufRead) -> io::Result<Vec<u8>> {
        if self.octets > PLUGIN_OCTETS_MAX {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        let mut file = vec![0; self.octets as usize];
        input.read_exact(&mut file)?;
        Ok(file)
    }
}

impl JobResult {
    pub(super) fn write(&self, code: &[u8], out: &mut impl Write) -> io::Result<()> {
        out.write_all(&line(self)?)?;
        out.write_all(code)?;
        out.flush()
    }
}

/// Parses a complete answer and returns it with the octets that follow it.
pub(super) fn parse_answer(mut said: Vec<u8>) -> Option<(JobResult, Vec<u8>)> {
    let searched = said.get(..said.len().min(LINE_OCTETS_MAX))?;
    let end = searched.iter().position(|octet| *octet == b'\n')?;
    let answer = serde_json::from_slice(said.get(..end)?).ok()?;
    if let JobResult::Compiled { octets } = answer
        && octets != (said.len() - end - 1) as u64
    {
        return None;
    }
    said.drain(..=end);
    Some((answer, said))
}

fn line(value: &impl Serialize) -> io::Result<Vec<u8>> {
    let mut line = serde_json::to_vec(value)?;
    line.push(b'\n');
    Ok(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_counts_only_if_it_is_complete() {
        let mut said = Vec::new();
        JobResult::Compiled { octets: 4 }.write(b"code", &mut said).unwrap();
        let (answer, code) = parse_answer(said.clone()).unwrap();
        assert!(matches!(answer, JobResult::Compiled { octets: 4 }));
        assert_eq!(code, b"code");
        for length in 0..said.len() {
            assert!(parse_answer(said[..length].to_vec()).is_none(), "{length}");
        }
        assert!(parse_answer([said, b"more".to_vec()].concat()).is_none());
        assert!(parse_answer(b"running 0 tests\n".to_vec()).is_none());
    }

    #[test]
    fn problems_arrive_as_they_were() {
        let mut said = Vec::new();
        let found = || "wasi:cli/run".to_owned();
        let sent = vec![
            PluginProblem::MissingImport { found: found(), advice: "Remove it".into() },
            PluginProblem::NotAPolicy { found: found() },
            PluginProblem::NoHooks,
        ];
        let texts: Vec<String> = sent.iter().map(PluginProblem::to_string).collect();
        JobResult::Refused(sent).write(b"", &mut said).unwrap();
        let Some((JobResult::Refused(arrived), _)) = parse_answer(said) else { panic!("refused") };
        assert_eq!(arrived.iter().map(PluginProblem::to_string).collect::<Vec<_>>(), texts);
    }

    #[test]
    fn a_job_without_the_whole_file_is_none() {
        let limits = CompileLimits::default();
        let job = Job::new(ChildTask::Compile, (Allocation::Pooled, Target::Here), limits, b"file");
        let sent = [job.header().unwrap(), b"file".to_vec()].concat();
        let read = |mut sent: &[u8]| Job::read(&mut sent)?.read_file(&mut sent);
        assert_eq!(read(&sent).unwrap(), b"file");
        for length in 0..sent.len() {
            assert!(read(&sent[..length]).is_err(), "{length}");
        }
    }
}
