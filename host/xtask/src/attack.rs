//! `cargo xtask attack`: runs all attacks that the server must survive, in full length, and prints
//! a table of what was served, refused or lost.
//!
//! The attacks are tests, which `cargo xtask test` runs in a short version. This command runs their
//! full versions, one after the other, and shows their reports. It measures nothing itself.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, ensure};
use lessor_e2e::attack::{FULL, Finding, REPORT};
use lessor_guests::cargo;

use crate::{
    artifacts::{self, Profile},
    command::run as run_command,
};

#[derive(Debug, clap::Args)]
pub(crate) struct AttackArguments {
    /// Run the short versions of the attacks from the test suite.
    #[arg(long)]
    small: bool,
    /// Attack the development build instead of the release build.
    #[arg(long)]
    dev: bool,
    /// Attack this program instead of building one.
    #[arg(long, value_name = "FILE", conflicts_with = "dev")]
    lessor: Option<PathBuf>,
    /// Run only the attacks whose name contains this text, such as "relays".
    filter: Option<String>,
}

/// An attack: a test with the variables that give it its full length.
struct Attack {
    name: &'static str,
    /// The requirement, for an attack that reports only whether it failed.
    wanted: &'static str,
    /// The arguments of `cargo test`.
    test: &'static [&'static str],
    /// The arguments of the test binary.
    filter: &'static [&'static str],
    full: Full,
}

/// The full version of an attack.
enum Full {
    /// The test with these variables.
    Test(&'static [(&'static str, &'static str)]),
    /// Another command of this program, which takes `--lessor FILE`.
    Command(&'static str),
}

const ATTACKS: [Attack; 17] = [
    Attack {
        name: "policies: a file that takes gigabytes to compile",
        wanted: "bystanders lose nothing",
        test: &["--workspace", "--test", "compiling"],
        filter: &["harms_nobody"],
        full: Full::Test(&[]),
    },
    Attack {
        name: "policies: guests that misbehave",
        wanted: "bystanders lose nothing",
        test: &["--workspace", "--test", "misbehaving_guests"],
        filter: &[],
        full: Full::Test(&[]),
    },
    Attack {
        name: "policies: sources that are broken in part",
        wanted: "bystanders lose nothing",
        test: &["--workspace", "--test", "broken_sources"],
        filter: &[],
        full: Full::Test(&[]),
    },
    Attack {
        name: "policies: odd files",
        wanted: "bystanders lose nothing",
        test: &["--workspace", "--test", "attacks"],
        filter: &["odd_files"],
        full: Full::Test(&[]),
    },
    Attack {
        name: "policies: reloads",
        wanted: "bystanders lose nothing",
        test: &["--workspace", "--test", "attacks"],
        filter: &["reloads_one_after"],
        full: Full::Test(&[]),
    },
    Attack {
        name: "policies: deadlines",
        wanted: "bystanders lose nothing",
        test: &["--workspace", "--test", "attacks"],
        filter: &["a_deadline_of"],
        full: Full::Test(&[]),
    },
    Attack {
        name: "mutated datagrams",
        wanted: "no reply that breaks a rule",
        test: &["--workspace", "--test", "attacks"],
        filter: &["mutations"],
        full: Full::Test(&[]),
    },
    Attack {
        name: "8 dead relays at 300/s",
        wanted: "below 0.1 % of a healthy relay's renewals lost",
        test: &["--workspace", "--test", "dead_relays"],
        filter: &["measured", "--ignored"],
        full: Full::Test(&[("LESSOR_IS_ADMIN", "0")]),
    },
    Attack {
        name: "400 dead relays at 8,000/s",
        wanted: "below 0.1 % of a healthy relay's renewals lost",
        test: &["--workspace", "--test", "dead_relays"],
        filter: &["measured", "--ignored"],
        full: Full::Test(&[("LESSOR_DEAD_RELAYS", "400"), ("LESSOR_DISCOVERS_PER_SEC", "8000")]),
    },
    Attack {
        name: "decline floods",
        wanted: "other clients are served",
        test: &["--workspace", "--test", "floods"],
        filter: &["decline"],
        full: Full::Test(&[("LESSOR_FLOOD", "20000")]),
    },
    Attack {
        name: "offer floods",
        wanted: "new clients of other lines are served",
        test: &["--workspace", "--test", "floods"],
        filter: &["flood_of"],
        full: Full::Test(&[("LESSOR_FLOOD", "20000")]),
    },
    Attack {
        name: "policies: faults of one line",
        wanted: "0 exchanges of other lines lost or served without the policy",
        test: &["--workspace", "--test", "fault_costs"],
        filter: &[],
        full: Full::Test(&[]),
    },
    Attack {
        name: "policies: the stored values of a policy are exhausted",
        wanted: "0 exchanges of other lines lost, and all of them stored",
        test: &["--workspace", "--test", "policy_state"],
        filter: &["makes_up_clients"],
        full: Full::Test(&[]),
    },
    Attack {
        name: "three times capacity",
        wanted: "renewals are answered before everything else",
        test: &["--workspace", "--test", "overload"],
        filter: &[],
        full: Full::Command("overload"),
    },
    Attack {
        name: "damaged stores",
        wanted: "0 of 200 silent",
        test: &["--workspace", "--lib"],
        filter: &["no_damage"],
        full: Full::Test(&[("LESSOR_DAMAGE_TRIALS", "200")]),
    },
    Attack {
        name: "file system shut down under load",
        wanted: "0 acknowledged leases lost in 50 rounds",
        test: &["--workspace", "--test", "broken_disk"],
        filter: &["dies_under_load"],
        full: Full::Test(&[("LESSOR_SHUTDOWN_ROUNDS", "50")]),
    },
    Attack {
        name: "a disk that does not respond",
        wanted: "DISCOVERs answered, p99 below 20 ms",
        test: &["--workspace", "--test", "broken_disk"],
        filter: &["stands_still"],
        full: Full::Test(&[]),
    },
];

/// Runs the attacks and prints their findings.
///
/// # Errors
/// Returns an error without root, or if an attack succeeds.
pub(crate) fn run(arguments: &AttackArguments) -> anyhow::Result<()> {
    ensure!(nix::unistd::geteuid().is_root(), "needs root, for network namespaces and mounts");
    let lessor = match &arguments.lessor {
        Some(lessor) => std::path::absolute(lessor)?,
        None if arguments.dev => artifacts::lessor(Profile::Dev)?,
        None => artifacts::lessor(Profile::Release)?,
    };
    let folder = tempfile::Builder::new().prefix("lessor-attack-").tempdir()?;
    let is_wanted = |attack: &&Attack| {
        arguments.filter.as_deref().is_none_or(|filter| attack.name.contains(filter))
    };
    let mut rows = Vec::new();
    let mut succeeded = Vec::new();
    for (number, attack) in ATTACKS.iter().filter(is_wanted).enumerate() {
        let report = folder.path().join(format!("{number}.jsonl"));
        let outcome = attack.run(&lessor, &report, arguments.small);
        if let Err(error) = &outcome {
            eprintln!("{}: {error:#}", attack.name);
            succeeded.push(attack.name);
        }
        rows.extend(attack.rows(&read(&report)?, outcome.is_ok()));
    }
    ensure!(!rows.is_empty(), "the name of no attack contains the filter");
    print(rows);
    ensure!(succeeded.is_empty(), "these attacks succeeded: {}", succeeded.join(", "));
    Ok(())
}

impl Attack {
    fn run(&self, lessor: &Path, report: &Path, is_small: bool) -> anyhow::Result<()> {
        if let (Full::Command(name), false) = (&self.full, is_small) {
            let mut command = Command::new(std::env::current_exe()?);
            return run_command(command.arg(name).arg("--lessor").arg(lessor).env(REPORT, report));
        }
        let mut test = cargo();
        test.args(["test", "--locked"]);
        test.args(self.test).arg("--").args(self.filter);
        test.args(["--test-threads", "1", "--nocapture"]);
        test.env("LESSOR_BIN", lessor).env("LESSOR_REQUIRE_E2E", "1").env(REPORT, report);
        if let (Full::Test(variables), false) = (&self.full, is_small) {
            test.env(FULL, "1").envs(variables.iter().copied());
        }
        run_command(&mut test)
    }

    /// Returns a row for each finding, or one row for the whole attack if it reports none.
    fn rows(&self, findings: &[Finding], held: bool) -> Vec<[String; 8]> {
        let yes_or_no = |held| if held { "yes" } else { "NO" }.to_owned();
        if findings.is_empty() {
            let none = || "-".to_owned();
            let wanted = self.wanted.to_owned();
            let held = yes_or_no(held);
            return vec![[
                self.name.to_owned(),
                none(),
                none(),
                none(),
                none(),
                wanted,
                none(),
                held,
            ]];
        }
        let row = |finding: &Finding| {
            [
                format!("{}: {}", finding.attack, finding.subject),
                finding.sent.to_string(),
                finding.served.to_string(),
                finding.refused.to_string(),
                finding.lost.to_string(),
                finding.wanted.clone(),
                finding.note.clone(),
                yes_or_no(finding.held),
            ]
        };
        findings.iter().map(row).collect()
    }
}

/// Reads the findings that an attack reported, if any.
fn read(report: &Path) -> anyhow::Result<Vec<Finding>> {
    let text = std::fs::read_to_string(report).unwrap_or_default();
    text.lines().map(|line| serde_json::from_str(line).context("a line of the report")).collect()
}

fn print(rows: Vec<[String; 8]>) {
    let header = ["attack", "sent", "served", "refused", "lost", "wanted", "figures", "held"];
    let mut table = lessor_terminal::table(&header);
    table.add_rows(rows);
    lessor_terminal::right_align(&mut table, 1..5);
    println!("{table}");
}
