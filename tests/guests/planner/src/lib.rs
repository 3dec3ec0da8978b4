//! A policy that plans the lookups of its settings and writes the results to option 224. It can
//! also make invalid plans, for tests of the server's limits.

use std::hint::black_box;

use lessor_policy::{
    LookupError, LookupPlan, Policy, Reply, Request, Terms, Verdict, policy, settings,
};
use serde::Deserialize;

/// The option for the results.
const FOUND_CODE: u8 = 224;

/// The behaviour of `plan_lookups`.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
enum Behaviour {
    /// Plans the lookups of the settings.
    #[default]
    Well,
    /// Plans the lookups and panics.
    Trap,
    /// Never returns.
    Loop,
    /// Plans invalid lookups, and panics if one is accepted.
    Abuse,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
struct Planner {
    behaviour: Behaviour,
    /// The name, source and key of each lookup; the key `circuit-id` stands for the request's
    /// circuit id.
    plan: Vec<[String; 3]>,
    /// The field to report.
    field: String,
}

#[policy]
impl Policy for Planner {
    fn configure(settings: &str) -> Result<Self, String> {
        settings::read(settings)
    }

    fn plan_lookups(&mut self, request: &Request, plan: &LookupPlan) {
        // There are no answers yet.
        assert!(!request.lookup("line").is_found());
        match self.behaviour {
            Behaviour::Loop => loop {
                black_box(());
            },
            Behaviour::Abuse => return abuse(plan),
            Behaviour::Well | Behaviour::Trap => {}
        }
        for [name, source, key] in &self.plan {
            let circuit_id = (key == "circuit-id").then(|| request.circuit_id_text()).flatten();
            let key = circuit_id.as_deref().unwrap_or(key);
            if let Err(error) = plan.add(name, source, key) {
                panic!("{error}");
            }
        }
        if self.behaviour == Behaviour::Trap {
            panic!("as the settings say");
        }
    }

    fn on_discover(&mut self, request: &Request, terms: &Terms) -> Verdict {
        let found: Vec<String> =
            self.plan.iter().map(|[name, _, _]| self.tell(request, name)).collect();
        if let Err(error) = terms.set_option(FOUND_CODE, found.join("\n")) {
            panic!("{error}");
        }
        Verdict::Proceed
    }

    fn on_request(&mut self, request: &Request, terms: &Terms) -> Verdict {
        self.on_discover(request, terms)
    }

    fn reply_options(&mut self, request: &Request, reply: &Reply) {
        black_box((request.kind(), reply.kind()));
    }
}

impl Planner {
    fn tell(&self, request: &Request, name: &str) -> String {
        let lookup = request.lookup(name);
        let stale = if lookup.is_stale() { " stale" } else { "" };
        let (status, field, row) = (lookup.status(), lookup.field(&self.field), lookup.row_json());
        format!("{name}: {status:?} {field:?} {row:?}{stale}")
    }
}

/// Plans lookups that the server must refuse, except eight lookups and one that replaces another.
fn abuse(plan: &LookupPlan) {
    let add = |name: &str, source: &str, key: &str| plan.add(name, source, key);
    let (long_name, long_key) = ("n".repeat(65), "k".repeat(1_025));
    for (name, key) in [("", "k"), (&long_name, "k"), ("n", ""), ("n", &long_key)] {
        assert_eq!(add(name, "subscribers", key), Err(LookupError::UnusableKey));
    }
    for unknown in ["", "elsewhere", &"s".repeat(1_000)] {
        assert_eq!(add("n", unknown, "k"), Err(LookupError::UnknownSource));
    }
    for count in 0..8 {
        let name = format!("{count}{}", "n".repeat(63));
        assert_eq!(add(&name, "subscribers", &"k".repeat(1_024)), Ok(()));
    }
    assert_eq!(add("one-more", "subscribers", "k"), Err(LookupError::TooManyLookups));
    let first = format!("0{}", "n".repeat(63));
    assert_eq!(add(&first, "subscribers", "the later counts"), Ok(()));
}
