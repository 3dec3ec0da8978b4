//! What holds for scripts in every language. The tests of a language pass in the scripts and what
//! differs: how mistakes are worded, and in which column they are.

use std::{net::Ipv4Addr, sync::Arc};

use lessor_core::SubscriberLimit;
use lessor_policy_host::{Chain, FaultKind, Hook, Runner};
use serde_json::json;

use super::{Language, SEEN, octets, seen};
use crate::common::discover;

impl Language {
    /// Checks a script with `decide` that gives line `olt1/3` the address in its settings, options,
    /// and a name with the number of the call. Returns its chain, to be asked about other lines.
    #[track_caller]
    pub(super) fn decides_by_settings(&self, text: &str) -> (Arc<Chain>, Runner) {
        let settings = json!({ "lines": { "olt1/3": { "address": "100.64.201.17" } } });
        let (chain, mut runner) = self.start(text, settings);
        let report = chain.plugins().next().unwrap();
        assert_eq!(report.hooks, [Hook::OnDiscover, Hook::OnRequest, Hook::OnInform]);
        assert_eq!(report.interpreter.as_ref(), Some(&self.interpreter));
        assert_eq!(report.octets, text.len() as u64);
        for count in 1..=3 {
            let terms = runner.terms(&discover()).terms;
            assert_eq!(terms.address, Some(Ipv4Addr::new(100, 64, 201, 17)));
            let name = format!("n{count}.example");
            let wanted = [
                (6, octets(&[192, 0, 2, 53, 192, 0, 2, 54])),
                (26, octets(&[5, 212])),
                (15, octets(name.as_bytes())),
                (43, octets(&[1, 2, 255])),
                (44, octets(&[0, 255])),
                (3, None),
            ];
            assert_eq!(terms.options, wanted);
            let SubscriberLimit { name, leases_max, .. } = terms.subscriber.unwrap();
            assert_eq!((&*name, leases_max.get()), ("ada", 2));
        }
        (chain, runner)
    }

    /// Checks a script that ignores a REQUEST, with everything that it can read as the reason.
    #[track_caller]
    pub(super) fn reads_everything(&self, text: &str) {
        let (_chain, mut runner) = self.start(text, json!({}));
        assert_eq!(seen(&mut runner), SEEN);
    }

    /// Checks that each script is refused with a mistake that begins like the text beside it.
    #[track_caller]
    pub(super) fn refuses_with_a_place(&self, scripts: &[(&str, &str)]) {
        for (text, wanted) in scripts {
            let mistake = self.mistake(text, json!({}));
            assert!(mistake.starts_with(wanted), "{text}: {mistake}");
        }
    }

    /// Checks a script whose `configure` wants a pool. Returns the mistake if there is none.
    #[track_caller]
    pub(super) fn refuses_its_settings(&self, text: &str) -> String {
        let mistake = self.mistake(text, json!({}));
        self.start(text, json!({ "pool": "garden" }));
        mistake
    }

    /// Checks that a request makes the script fail with a message that begins with the name of its
    /// file and `place`, and says `wanted`.
    #[track_caller]
    pub(super) fn fails_at(&self, text: &str, place: &str, wanted: &str) {
        let (kind, message) = self.fault(text);
        let place = format!("20-garden.{}{place}", self.ending);
        assert!(
            kind == FaultKind::Failed && message.starts_with(&place) && message.contains(wanted),
            "{text}: {kind} {message}"
        );
    }

    /// Checks that an endless script meets its deadline, and returns the fault of one that takes
    /// ever more memory.
    #[track_caller]
    pub(super) fn is_stopped(&self, endless: &str, greedy: &str) -> (FaultKind, String) {
        assert_eq!(self.fault(endless).0, FaultKind::DeadlineExceeded);
        self.fault(greedy)
    }

    /// Checks that scripts whose calls are nested without an end fail before the stack does.
    #[track_caller]
    pub(super) fn limits_nested_calls(&self, scripts: &[&str]) {
        for text in scripts {
            let (kind, message) = self.fault(text);
            assert_eq!(kind, FaultKind::Failed, "{text}: {message}");
            assert!(message.contains("calls are nested more than"), "{message}");
        }
    }
}
