//! The stored state of policies of a running server: lists and removes it.
//!
//! Does not store it. Invariant: nothing is removed that was not requested by name.

use std::sync::Arc;

use lessor_control::{Say, json_line};
use lessor_core::{Timestamp, readable};
use lessor_policy_host::StateEntry;
use lessor_settings::StateRules;
use serde::{Deserialize, Serialize};

use crate::{
    clock::{self, written},
    reload::Reloader,
};

/// The requests to the server.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StateQuestion {
    /// List the keys of policies; a line for each key.
    List {
        /// The policy; `None` means all.
        policy: Option<String>,
    },
    /// Remove these keys; one line.
    Remove {
        /// The policy.
        policy: String,
        /// The keys.
        keys: Vec<String>,
    },
    /// Remove every key; one line.
    Clear {
        /// The policy.
        policy: String,
    },
}

/// A line of the server's answer.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StateAnswer {
    /// A key.
    Entry(ShownEntry),
    /// The number of removed keys.
    Removed(usize),
    /// Why nothing was done.
    Mistake(String),
}

/// A key in the form in which it is shown.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct ShownEntry {
    /// The policy, or `NAME/shadow` for its shadow.
    pub policy: Arc<str>,
    /// The key.
    pub key: Arc<str>,
    /// Text if it is printable ASCII, otherwise `hex:…`.
    pub value: String,
    /// The size of the value.
    pub octets: usize,
    /// When it was set: RFC 3339, UTC; `None` if it is not known.
    pub set_at: Option<String>,
    /// When it ends: RFC 3339, UTC; `None` if the key is kept until it is removed.
    pub expires_at: Option<String>,
}

/// Answers the question in the server. `say` receives a chunk of the answer, and returns whether
/// the command still reads.
pub fn answer(reloader: &Reloader, question: &StateQuestion, say: &mut Say<'_>) -> bool {
    match act(reloader, question, say) {
        Ok(heard) => heard,
        Err(mistake) => say(json_line(&StateAnswer::Mistake(mistake))),
    }
}

fn act(reloader: &Reloader, question: &StateQuestion, say: &mut Say<'_>) -> Result<bool, String> {
    let runtime = &reloader.runtime;
    let owners = runtime.state_owners().map_err(|error| error.to_string())?;
    let known = |policy: &str| {
        let owner = owners.iter().find(|owner| ***owner == *policy).cloned();
        owner.ok_or_else(|| unknown(policy, &owners))
    };
    match question {
        StateQuestion::List { policy: None } => {
            Ok(owners.iter().all(|owner| tell(reloader, owner, say)))
        }
        StateQuestion::List { policy: Some(policy) } => Ok(tell(reloader, &known(policy)?, say)),
        StateQuestion::Remove { policy, keys } => {
            let keys = keys.iter().map(|key| Arc::from(key.as_str()));
            let removed = runtime.forget(&known(policy)?, keys)?;
            tracing::info!(plugin = policy.as_str(), removed, "keys were removed by command");
            Ok(say(json_line(&StateAnswer::Removed(removed))))
        }
        StateQuestion::Clear { policy } => {
            let owner = known(policy)?;
            let mut keys = Vec::new();
            let all = StateRules::default();
            runtime.each_remembered(&owner, &all, 0, |entry| keys.push(entry.key));
            let removed = runtime.forget(&owner, keys)?;
            tracing::info!(plugin = policy.as_str(), removed, "every key was removed by command");
            Ok(say(json_line(&StateAnswer::Removed(removed))))
        }
    }
}

/// Sends every key of an owner, by the rules of the plugin that is loaded.
fn tell(reloader: &Reloader, owner: &Arc<str>, say: &mut Say<'_>) -> bool {
    let generation = reloader.shared.generation.load_full();
    let rules = generation.chain.state_rules().find(|(name, _)| name == owner);
    let rules = rules.map_or_else(StateRules::default, |(_, rules)| rules);
    let now_ms = clock::now().unix_ms();
    let mut found = Vec::new();
    reloader.runtime.each_remembered(owner, &rules, now_ms, |entry| found.push(entry));
    let mut chunks = found.chunks(256);
    chunks.all(|chunk| {
        let lines =
            chunk.iter().flat_map(|entry| json_line(&StateAnswer::Entry(shown(entry, &rules))));
        say(lines.collect())
    })
}

fn shown(entry: &StateEntry, rules: &StateRules) -> ShownEntry {
    let at = |ms| written(clock::shown(Timestamp::from_unix_ms(ms)));
    let is_known = entry.set_at_ms > 0;
    let keep_ms = rules.keep_secs.map(|secs| u64::from(secs) * 1_000);
    ShownEntry {
        policy: Arc::clone(&entry.plugin),
        key: Arc::clone(&entry.key),
        value: readable(&entry.value),
        octets: entry.value.len(),
        set_at: is_known.then(|| at(entry.set_at_ms)),
        expires_at: keep_ms
            .filter(|_| is_known)
            .map(|keep_ms| at(entry.set_at_ms.saturating_add(keep_ms))),
    }
}

fn unknown(policy: &str, owners: &[Arc<str>]) -> String {
    let names: Vec<&str> = owners.iter().map(|owner| &**owner).collect();
    match &names[..] {
        [] => format!("policy {policy} has no keys, and neither has any other"),
        names => {
            format!("policy {policy} has no keys; wanted one of {}", names.join(", "))
        }
    }
}
