//! `lessor reload`.

use std::{path::Path, process::ExitCode};

use lessor_serving::ReloadReport;

use crate::{asking, questions::Question};

/// `lessor reload`: sends the request to the running server and shows the outcome.
pub(crate) fn run(path: &Path) -> anyhow::Result<ExitCode> {
    let report: ReloadReport = asking::ask_one(path, Question::Reload)?;
    for line in &report.needs_restart {
        eprintln!("needs a restart: {line}");
    }
    if report.accepted {
        println!("generation {} serves, after {} ms", report.generation, report.took_ms);
        return Ok(ExitCode::SUCCESS);
    }
    for mistake in &report.mistakes {
        eprintln!("{}", mistake.trim_end());
    }
    eprintln!("refused; generation {} continues to serve", report.generation);
    Ok(ExitCode::FAILURE)
}
