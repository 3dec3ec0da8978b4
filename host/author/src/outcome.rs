//! The result of a policy for a request, and its differences from the expected one. Both are lines
//! of TOML in the format of `[expect]`.

use std::{
    collections::BTreeMap,
    fmt::{self, Write as _},
    net::Ipv4Addr,
    sync::Arc,
    time::Duration,
};

use lessor_config::{Expectation, ExpectedOptions, PlannedName, ReplyTerms};
use lessor_core::{BeyondLimit, LeasePart, OptionValue, PoolChoice, SubscriberLimit, Verdict};
use lessor_policy_host::{FaultKind, Hook};
use lessor_vocabulary::Catalogue;
use serde::Serialize;

use crate::option_text::{self, list, quoted};

/// The result of a policy for one request.
#[derive(Clone, Debug, Default)]
pub(crate) struct CaseOutcome {
    /// The calls that were made, in order.
    pub(crate) calls: Vec<Call>,
    /// The effects of the policy.
    pub(crate) effects: Effects,
    /// The failure, if the policy failed.
    pub(crate) failure: Option<Failure>,
    /// The names of planned lookups that the case has no answer for.
    pub(crate) unanswered: Vec<String>,
}

/// A call of a hook.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Call {
    pub(crate) hook: Hook,
    #[serde(rename = "took-us", serialize_with = "microseconds")]
    pub(crate) took: Duration,
}

/// A fault with its explanation.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Failure {
    /// The hook that was called, if it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) hook: Option<Hook>,
    pub(crate) kind: FaultKind,
    pub(crate) message: String,
    pub(crate) advice: &'static str,
}

/// The effects of a policy on a request that a case can expect.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Effects {
    pub(crate) verdict: Verdict,
    pub(crate) fault: Option<String>,
    /// `None` if the case describes no classes.
    pub(crate) classes: Option<Vec<String>>,
    pub(crate) pool: Option<PoolChoice>,
    pub(crate) address: Option<Ipv4Addr>,
    pub(crate) lease_time_secs: Option<u32>,
    pub(crate) reply_terms: ReplyTerms,
    pub(crate) subscriber: Option<SubscriberLimit>,
    pub(crate) options: OptionEffects,
    /// Whether no policy behind this one is called.
    pub(crate) is_final: bool,
    pub(crate) reply: OptionEffects,
    pub(crate) lookups: Vec<PlannedName>,
    /// `None` if the log does not matter.
    pub(crate) log: Option<Vec<String>>,
    /// The options that the case knows by name.
    pub(crate) catalogue: Arc<Catalogue>,
}

/// Options by code: the octets that are set, or `None` if the option is removed.
pub(crate) type OptionEffects = BTreeMap<u8, Option<Vec<u8>>>;

/// One line that is not as expected.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Difference {
    pub(crate) key: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) expected: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) found: Option<String>,
}

impl Effects {
    /// The effects as keys and values, in the recommended order.
    pub(crate) fn lines(&self) -> Vec<(String, String)> {
        let mut lines = Vec::new();
        let mut add = |key: &str, value: Option<String>| {
            lines.extend(value.map(|value| (key.to_owned(), value)));
        };
        let (verdict, reason) = match &self.verdict {
            Verdict::Proceed => ("proceed", ""),
            Verdict::Ignore(reason) => ("ignore", reason.as_str()),
            Verdict::Refuse(reason) => ("refuse", reason.as_str()),
            Verdict::Drop(reason) => ("drop", reason.as_str()),
        };
        add("verdict", Some(quoted(verdict)));
        add("reason", (!reason.is_empty()).then(|| quoted(reason)));
        add("fault", self.fault.as_deref().map(quoted));
        let names =
            |names: &Vec<String>| list(&names.iter().map(|n| quoted(n)).collect::<Vec<_>>());
        add("classes", self.classes.as_ref().map(names));
        add("pool", self.pool.as_ref().map(pool_text));
        add("address", self.address.map(|address| quoted(&address.to_string())));
        add("lease-time-secs", self.lease_time_secs.map(|secs| secs.to_string()));
        let ReplyTerms { renewal, rebinding, next_server, server_name, boot_file } =
            &self.reply_terms;
        add("renewal-time", renewal.map(lease_part_text));
        add("rebinding-time", rebinding.map(lease_part_text));
        add("next-server", next_server.map(|address| quoted(&address.to_string())));
        add("server-name", server_name.as_deref().map(quoted));
        add("boot-file", boot_file.as_deref().map(quoted));
        add("subscriber", self.subscriber.as_ref().map(subscriber_text));
        add_options(&mut add, "", &self.options, &self.catalogue);
        add("final", self.is_final.then(|| "true".to_owned()));
        for PlannedName { name, source, key } in &self.lookups {
            let value = format!("{{ source = {}, key = {} }}", quoted(source), quoted(key));
            add(&format!("lookups.{}", key_text(name)), Some(value));
        }
        add_options(&mut add, "reply.", &self.reply, &self.catalogue);
        add(
            "log",
            self.log
                .as_ref()
                .map(|lines| list(&lines.iter().map(|line| quoted(line)).collect::<Vec<_>>())),
        );
        lines
    }

    /// The same without the verdict if a call failed, because the policy returned none.
    pub(crate) fn lines_of_run(&self) -> Vec<(String, String)> {
        let has_verdict = self.fault.is_none() || self.verdict != Verdict::Proceed;
        let mut lines = self.lines();
        lines.retain(|(key, _)| has_verdict || key != "verdict");
        lines
    }

    /// The effects as a TOML table.
    pub(crate) fn to_toml(&self) -> String {
        toml_of(&self.lines())
    }

    /// The effects as JSON with the same structure, without the verdict if a call failed.
    pub(crate) fn to_json(&self) -> serde_json::Value {
        toml::from_str(&toml_of(&self.lines_of_run())).unwrap_or_default()
    }

    /// The differences between these expected effects and `found`, in the order of the lines.
    pub(crate) fn differences(&self, found: &Self) -> Vec<Difference> {
        let found = found.as_far_as_expected_by(self);
        let (wanted, found) = (self.lines(), found.lines());
        let value_in = |lines: &[(String, String)], key: &str| {
            lines.iter().find(|(other, _)| other == key).map(|(_, value)| value.clone())
        };
        let only_found = found.iter().filter(|(key, _)| value_in(&wanted, key).is_none());
        let keys = wanted.iter().chain(only_found).map(|(key, _)| key);
        keys.map(|key| Difference {
            key: key.clone(),
            expected: value_in(&wanted, key),
            found: value_in(&found, key),
        })
        .filter(|difference| difference.expected != difference.found)
        .collect()
    }

    /// The effects without those that `expected` ignores.
    fn as_far_as_expected_by(&self, expected: &Self) -> Self {
        let mut found = self.clone();
        if expected.log.is_none() {
            found.log = None;
        }
        if expected.classes.is_none() {
            found.classes = None;
        }
        match (&expected.verdict, &mut found.verdict) {
            (Verdict::Ignore(wanted), Verdict::Ignore(reason))
            | (Verdict::Refuse(wanted), Verdict::Refuse(reason))
            | (Verdict::Drop(wanted), Verdict::Drop(reason))
                if wanted.is_empty() =>
            {
                reason.clear();
            }
            _ => {}
        }
        found
    }
}

impl From<&Expectation> for Effects {
    fn from(expected: &Expectation) -> Self {
        let mut lookups = expected.lookups.clone();
        lookups.sort();
        Self {
            verdict: expected.verdict.clone(),
            fault: expected.fault.clone(),
            classes: expected.classes.clone(),
            pool: expected.pool.clone(),
            address: expected.address,
            lease_time_secs: expected.lease_time_secs,
            reply_terms: expected.reply_terms.clone(),
            subscriber: expected.subscriber.clone(),
            options: option_effects(&expected.options),
            is_final: expected.is_final,
            reply: option_effects(&expected.reply),
            lookups,
            log: expected.log.clone(),
            catalogue: Arc::clone(&expected.catalogue),
        }
    }
}

/// Pools as a case has them: a name, or a list of names.
fn pool_text(choice: &PoolChoice) -> String {
    match choice.is_single() {
        true => quoted(choice.first()),
        false => list(&choice.names().map(|name| quoted(name)).collect::<Vec<_>>()),
    }
}

/// A time within a lease as a case has it: a number of seconds, or a fraction.
fn lease_part_text(part: LeasePart) -> String {
    match part {
        LeasePart::Secs(secs) => secs.to_string(),
        LeasePart::Fraction(fraction) => fraction.to_string(),
    }
}

/// The failure in words: the hook, the reason, and what to do.
impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.hook.map_or("the policy", Hook::name);
        let Self { kind, message, advice, .. } = self;
        match kind {
            // The message is the policy's own text, which names the line if it is a script.
            FaultKind::Failed => write!(f, "{name} failed: {message}"),
            _ if advice.is_empty() => write!(f, "{name} failed ({kind}): {message}"),
            _ => write!(f, "{name} failed ({kind}): {message}. {advice}"),
        }
    }
}

impl Difference {
    /// The expected line with a minus and the actual one with a plus.
    pub(crate) fn lines(&self) -> impl Iterator<Item = String> {
        let key = &self.key;
        let expected = self.expected.iter().map(move |value| format!("- {key} = {value}"));
        expected.chain(self.found.iter().map(move |value| format!("+ {key} = {value}")))
    }
}

/// The octets of an option's value.
pub(crate) fn octets(value: &OptionValue) -> Vec<u8> {
    let mut octets = Vec::new();
    lessor_wire::encode_value(value, &mut octets);
    octets
}

/// General advice for a fault whose message contains none.
pub(crate) fn advice(kind: FaultKind) -> &'static str {
    match kind {
        FaultKind::Trap => {
            "The policy panicked or accessed memory that it does not have. In Rust, find what can \
             panic: unwrap, indexing, arithmetic"
        }
        FaultKind::DeadlineExceeded | FaultKind::MemoryExceeded | FaultKind::StackExhausted => "",
        // The message is the policy's own text, which names the line if it is a script.
        FaultKind::Failed => "",
        FaultKind::BadAnswer => "Compare what the policy passes with the contract in wit/",
        FaultKind::NotReady | FaultKind::Suspended | FaultKind::ShutOut => {
            "It had failed before; see its first fault"
        }
    }
}

fn toml_of(lines: &[(String, String)]) -> String {
    let mut text = String::new();
    for (key, value) in lines {
        let _ = writeln!(text, "{key} = {value}");
    }
    text
}

fn option_effects(expected: &ExpectedOptions) -> OptionEffects {
    let set = expected.set.iter().map(|(code, value)| (*code, Some(octets(value))));
    set.chain(expected.removed.iter().map(|code| (*code, None))).collect()
}

fn add_options(
    add: &mut impl FnMut(&str, Option<String>),
    prefix: &str,
    options: &OptionEffects,
    catalogue: &Catalogue,
) {
    for (code, value) in options {
        let name = option_text::name(*code, catalogue);
        let value = value.as_ref().map(|octets| option_text::value(*code, octets, catalogue));
        add(&format!("{prefix}options.{name}"), value);
    }
    let removed: Vec<String> = options
        .iter()
        .filter(|(_, value)| value.is_none())
        .map(|(code, _)| quoted(&option_text::name(*code, catalogue)))
        .collect();
    add(&format!("{prefix}no-options"), (!removed.is_empty()).then(|| list(&removed)));
}

fn subscriber_text(limit: &SubscriberLimit) -> String {
    let beyond = match limit.beyond {
        BeyondLimit::Refuse => "refuse",
        BeyondLimit::ReplaceOldest => "replace-oldest",
    };
    let (name, leases_max) = (quoted(&limit.name), limit.leases_max);
    format!("{{ name = {name}, leases-max = {leases_max}, beyond = {} }}", quoted(beyond))
}

fn key_text(name: &str) -> String {
    let is_bare = |found: char| found.is_ascii_alphanumeric() || "-_".contains(found);
    match !name.is_empty() && name.chars().all(is_bare) {
        true => name.to_owned(),
        false => quoted(name),
    }
}

fn microseconds<S: serde::Serializer>(
    duration: &Duration,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(duration.as_nanos() as f64 / 1_000.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn effects(text: &str) -> Effects {
        let case = format!("[request]\n[expect]\n{text}");
        let case = lessor_config::parse_case("case.toml", &case).unwrap();
        Effects::from(&case.expectation.unwrap())
    }

    const WHOLE: &str = r#"verdict = "ignore"
reason = "not ours"
fault = "trap"
pool = "fast"
address = "192.0.2.1"
lease-time-secs = 60
subscriber = { name = "ada", leases-max = 1, beyond = "refuse" }
options.domain-name-servers = ["192.0.2.53"]
options.224 = "hex:00"
no-options = ["routers", "225"]
lookups.plan = { source = "crm", key = "olt1/1" }
lookups."the plan" = { source = "crm", key = "olt1/1" }
reply.options.domain-name = "example.net"
reply.no-options = ["ntp-servers"]
log = ["one", "two"]
"#;

    #[test]
    fn effects_are_written_as_they_are_read() {
        assert_eq!(effects(WHOLE).to_toml(), WHOLE);
        assert_eq!(effects(WHOLE).to_json()["reply"]["options"]["domain-name"], "example.net");
        assert_eq!(effects("").to_toml(), "verdict = \"proceed\"\n");
    }

    #[test]
    fn a_call_that_failed_has_no_verdict_to_show() {
        let keys = |text: &str| -> Vec<String> {
            effects(text).lines_of_run().into_iter().map(|(key, _)| key).collect()
        };
        assert_eq!(keys("fault = \"trap\""), ["fault"]);
        assert_eq!(keys("verdict = \"drop\"\nfault = \"trap\""), ["verdict", "fault"]);
        assert_eq!(keys(""), ["verdict"]);
    }

    #[test]
    fn a_failure_is_reported_once() {
        let failure = |kind, message: &str| Failure {
            hook: Some(Hook::OnDiscover),
            kind,
            message: message.to_owned(),
            advice: advice(kind),
        };
        let text = failure(FaultKind::Failed, "line 3: unknown pool").to_string();
        assert_eq!(text, "on-discover failed: line 3: unknown pool");
        let text = failure(FaultKind::DeadlineExceeded, "too long. Do less").to_string();
        assert_eq!(text, "on-discover failed (deadline-exceeded): too long. Do less");
        let text = failure(FaultKind::Trap, "unreachable").to_string();
        assert!(text.starts_with("on-discover failed (trap): unreachable. "), "{text}");
    }

    #[test]
    fn what_was_not_expected_is_a_difference() {
        let expected = effects("pool = \"fast\"\noptions.routers = \"192.0.2.1\"\n");
        let found = effects("pool = \"slow\"\nlease-time-secs = 60\n");
        let lines: Vec<String> =
            expected.differences(&found).iter().flat_map(Difference::lines).collect();
        assert_eq!(
            lines,
            [
                "- pool = \"fast\"",
                "+ pool = \"slow\"",
                "- options.routers = [\"192.0.2.1\"]",
                "+ lease-time-secs = 60",
            ]
        );
        assert_eq!(expected.differences(&expected), []);
    }

    #[test]
    fn a_reason_or_a_log_that_nobody_asked_about_does_not_matter() {
        let found = effects("verdict = \"refuse\"\nreason = \"why\"\nlog = [\"line\"]\n");
        assert_eq!(effects("verdict = \"refuse\"").differences(&found), []);
        assert_eq!(effects("verdict = \"refuse\"\nreason = \"how\"").differences(&found).len(), 1);
        assert_eq!(effects("verdict = \"ignore\"").differences(&found).len(), 2);
    }
}
