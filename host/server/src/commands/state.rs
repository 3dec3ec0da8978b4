//! `lessor state`: shows and removes the stored state of policies of the running server.
//!
//! Does not store it. Invariant: nothing is removed that was not requested by name.

use std::{
    io::{self, Write},
    process::ExitCode,
};

use anyhow::bail;
use lessor_core::readable;
use lessor_serving::state::{ShownEntry, StateAnswer, StateQuestion};
use lessor_terminal::{right_align, table};

use crate::{ConfigurationFile, asking, questions::Question};

/// The number of keys that are removed with one question.
const KEYS_AT_ONCE: usize = 100;

#[derive(Debug, clap::Subcommand)]
pub(crate) enum StateCommand {
    /// List keys with their values, of all policies or of one.
    List(ListArguments),
    /// Print the value of a key.
    ///
    /// Exits with 1 if there is no such key.
    Get(KeyArguments),
    /// Remove keys.
    ///
    /// Exits with 1 if one of them was missing; the others are removed.
    Remove(KeysArguments),
    /// Remove every key of a policy.
    Clear(ClearArguments),
}

#[derive(Debug, clap::Args)]
pub(crate) struct ListArguments {
    #[command(flatten)]
    file: ConfigurationFile,
    /// List only the keys of this policy; NAME/shadow means those of its shadow.
    #[arg(long, value_name = "NAME")]
    policy: Option<String>,
    /// List only keys that contain this text.
    #[arg(long, value_name = "TEXT")]
    find: Option<String>,
    /// Print one JSON object per line instead of a table.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct KeyArguments {
    #[command(flatten)]
    file: ConfigurationFile,
    /// The name of the policy; NAME/shadow means its shadow.
    #[arg(value_name = "POLICY")]
    policy: String,
    /// The key.
    #[arg(value_name = "KEY")]
    key: String,
    /// Print a JSON object.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct KeysArguments {
    #[command(flatten)]
    file: ConfigurationFile,
    /// The name of the policy; NAME/shadow means its shadow.
    #[arg(value_name = "POLICY")]
    policy: String,
    /// The keys.
    #[arg(value_name = "KEY", required = true)]
    keys: Vec<String>,
    /// Print a JSON object.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct ClearArguments {
    #[command(flatten)]
    file: ConfigurationFile,
    /// The name of the policy; NAME/shadow means its shadow.
    #[arg(value_name = "POLICY")]
    policy: String,
    /// Print a JSON object.
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub(crate) fn run(command: &StateCommand) -> anyhow::Result<ExitCode> {
    match command {
        StateCommand::List(arguments) => list(arguments),
        StateCommand::Get(arguments) => get(arguments),
        StateCommand::Remove(arguments) => remove(arguments),
        StateCommand::Clear(arguments) => clear(arguments),
    }
}

fn list(arguments: &ListArguments) -> anyhow::Result<ExitCode> {
    let mut entries = entries(&arguments.file, arguments.policy.clone())?;
    let find = arguments.find.as_deref().unwrap_or_default();
    entries.retain(|entry| entry.key.contains(find));
    entries.sort_by(|one, other| (&one.policy, &one.key).cmp(&(&other.policy, &other.key)));
    let mut out = io::stdout().lock();
    if arguments.json {
        for entry in &entries {
            writeln!(out, "{}", serde_json::to_string(entry)?)?;
        }
        return Ok(ExitCode::SUCCESS);
    }
    let mut rows = table(&["policy", "key", "value", "octets", "set", "ends"]);
    for entry in &entries {
        rows.add_row([
            entry.policy.to_string(),
            readable(entry.key.as_bytes()),
            entry.value.clone(),
            entry.octets.to_string(),
            entry.set_at.clone().unwrap_or_else(|| "unknown".to_owned()),
            entry.expires_at.clone().unwrap_or_else(|| "never".to_owned()),
        ]);
    }
    right_align(&mut rows, 3..4);
    writeln!(out, "{rows}")?;
    writeln!(out, "{} key{}", entries.len(), if entries.len() == 1 { "" } else { "s" })?;
    Ok(ExitCode::SUCCESS)
}

fn get(arguments: &KeyArguments) -> anyhow::Result<ExitCode> {
    let entries = entries(&arguments.file, Some(arguments.policy.clone()))?;
    let Some(entry) = entries.iter().find(|entry| *entry.key == *arguments.key) else {
        bail!("policy {} has no key {:?}", arguments.policy, arguments.key);
    };
    match arguments.json {
        true => writeln!(io::stdout(), "{}", serde_json::to_string(entry)?)?,
        false => writeln!(io::stdout(), "{}", entry.value)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn remove(arguments: &KeysArguments) -> anyhow::Result<ExitCode> {
    let mut removed = 0;
    for keys in arguments.keys.chunks(KEYS_AT_ONCE) {
        let (policy, keys) = (arguments.policy.clone(), keys.to_vec());
        removed += changed(&arguments.file, StateQuestion::Remove { policy, keys })?;
    }
    tell_removed(removed, arguments.json)?;
    let all = removed == arguments.keys.len();
    Ok(if all { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn clear(arguments: &ClearArguments) -> anyhow::Result<ExitCode> {
    let policy = arguments.policy.clone();
    tell_removed(changed(&arguments.file, StateQuestion::Clear { policy })?, arguments.json)?;
    Ok(ExitCode::SUCCESS)
}

fn tell_removed(removed: usize, json: bool) -> io::Result<()> {
    match (json, removed) {
        (true, _) => writeln!(io::stdout(), "{}", serde_json::json!({ "removed": removed })),
        (false, 1) => writeln!(io::stdout(), "1 key removed"),
        (false, _) => writeln!(io::stdout(), "{removed} keys removed"),
    }
}

fn entries(file: &ConfigurationFile, policy: Option<String>) -> anyhow::Result<Vec<ShownEntry>> {
    let mut entries = Vec::new();
    let mut mistake = None;
    let question = Question::State(StateQuestion::List { policy });
    asking::ask(&file.config, &question, |answer| match answer {
        StateAnswer::Entry(entry) => entries.push(entry),
        StateAnswer::Mistake(found) => mistake = Some(found),
        StateAnswer::Removed(_) => {}
    })?;
    match mistake {
        Some(mistake) => bail!(mistake),
        None => Ok(entries),
    }
}

fn changed(file: &ConfigurationFile, question: StateQuestion) -> anyhow::Result<usize> {
    match asking::ask_one(&file.config, Question::State(question))? {
        StateAnswer::Removed(removed) => Ok(removed),
        StateAnswer::Mistake(mistake) => bail!(mistake),
        StateAnswer::Entry(_) => {
            bail!("the server has another version; use the lessor command of that version")
        }
    }
}
