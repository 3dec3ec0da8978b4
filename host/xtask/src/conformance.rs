//! `cargo xtask conformance`: runs the tests of `tests/conformance` with this server, with the
//! controls Kea, ISC dhcpd and dnsmasq, or with all of them, and prints a table.

use std::{
    io::{BufRead, BufReader, Read},
    process::{Command, Stdio},
    thread,
};

use anyhow::{Context, bail, ensure};
use lessor_conformance::{
    VARIABLE,
    report::{Results, in_document, missed, put_into, read, remarks, sections},
};
use lessor_e2e::subject::Kind;
use lessor_guests::{cargo, is_installed, workspace};

use crate::{
    artifacts::{self, Profile},
    command::run as run_command,
    setup,
};

#[derive(Debug, clap::Args)]
pub(crate) struct ConformanceArguments {
    /// Which server is tested.
    #[arg(long, value_enum, default_value = "lessor")]
    subject: ConformanceSubject,
    /// Write the tables to docs/conformance.md; needs --subject all.
    #[arg(long)]
    write: bool,
    /// Run only the tests whose name contains this text, such as rfc2131::section_4; excludes
    /// --write.
    #[arg(conflicts_with = "write")]
    filter: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum ConformanceSubject {
    Lessor,
    Kea,
    Dhcpd,
    Dnsmasq,
    All,
}

/// Builds server and tests, installs the others, runs the tests with each subject, and prints the
/// results.
///
/// # Errors
/// Returns an error without root, if a subject is missing and cannot be installed, or if this
/// server does not meet a demand. What a control does not meet is a result, not an error.
pub(crate) fn run(arguments: &ConformanceArguments) -> anyhow::Result<()> {
    ensure!(nix::unistd::geteuid().is_root(), "needs root, for network namespaces with port 67");
    ensure!(
        !arguments.write || arguments.subject == ConformanceSubject::All,
        "--write needs the results of all subjects: add --subject all"
    );
    let kinds = arguments.subject.kinds();
    let programs = kinds.iter().filter_map(|kind| kind.program());
    let missing: Vec<&str> = programs
        .filter(|(program, _)| !is_installed(program))
        .map(|(_, package)| package)
        .collect();
    setup::install(&missing)?;
    if kinds.contains(&Kind::Lessor) && std::env::var_os("LESSOR_BIN").is_none() {
        artifacts::lessor(Profile::Dev)?;
    }
    run_command(tests().arg("--no-run"))?;
    let mut results = Vec::new();
    for kind in &kinds {
        results.push(results_of(*kind, arguments.filter.as_deref())?);
    }
    let titles: Vec<String> = kinds.iter().map(|kind| kind.title()).collect();
    print(&titles, &results);
    if arguments.write {
        let page = workspace().join("docs/conformance.md");
        let text = std::fs::read_to_string(&page).context("cannot read docs/conformance.md")?;
        std::fs::write(&page, put_into(&text, &in_document(&titles, &results)))
            .with_context(|| format!("cannot write {}", page.display()))?;
    }
    let own = kinds.iter().position(|kind| *kind == Kind::Lessor).and_then(|own| results.get(own));
    let missed_here = own.map_or(0, |own| missed(std::slice::from_ref(own)).len());
    if missed_here > 0 {
        bail!("Lessor does not meet {missed_here} demands");
    }
    Ok(())
}

impl ConformanceSubject {
    fn kinds(self) -> Vec<Kind> {
        match self {
            Self::Lessor => vec![Kind::Lessor],
            Self::Kea => vec![Kind::Kea],
            Self::Dhcpd => vec![Kind::Dhcpd],
            Self::Dnsmasq => vec![Kind::Dnsmasq],
            Self::All => Kind::ALL.to_vec(),
        }
    }
}

/// The command that runs the tests. It names the workspace, so that dependencies have the features
/// with which all tests are built.
fn tests() -> Command {
    let mut command = cargo();
    command.args(["test", "--workspace", "--locked", "--test", "rfcs"]);
    command
}

fn results_of(kind: Kind, filter: Option<&str>) -> anyhow::Result<Results> {
    let mut command = tests();
    command.env(VARIABLE, kind.name()).arg("--").args(filter);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    let stdout = child.stdout.take().context("standard output is a pipe")?;
    let mut stderr = child.stderr.take().context("standard error is a pipe")?;
    let skipped = thread::spawn(move || {
        let mut text = String::new();
        stderr.read_to_string(&mut text).map(|_| text)
    });
    let mut text = String::new();
    for line in BufReader::new(stdout).lines() {
        let line = line.context("cannot read what the tests print")?;
        if line.starts_with("test ") {
            eprintln!("{}: {line}", kind.name());
        }
        text.push_str(&line);
        text.push('\n');
    }
    child.wait().context("cannot wait for the tests")?;
    let skipped = skipped.join().map_err(|_| anyhow::anyhow!("reading the output failed"))?;
    let results = read(&text, &skipped.context("cannot read what the tests print")?);
    ensure!(!results.is_empty(), "no test was run with {}:\n{text}", kind.name());
    Ok(results)
}

fn print(titles: &[String], results: &[Results]) {
    for (title, results) in titles.iter().zip(results) {
        let remarks = remarks(results);
        if !remarks.is_empty() {
            println!("{title}");
            remarks.iter().for_each(|remark| println!("  {remark}"));
        }
    }
    let header: Vec<&str> =
        std::iter::once("section").chain(titles.iter().map(String::as_str)).collect();
    let mut table = lessor_terminal::table(&header);
    for row in sections(results) {
        table.add_row(row);
    }
    println!("{table}");
}
