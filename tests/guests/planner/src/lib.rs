//! A policy that plans the lookups of its settings, in two rounds and for lease events, and writes
//! the results to option 224 or to the log. It can also make invalid plans, for tests of the
//! server's limits, and it can name pools.

use std::hint::black_box;

use lessor_policy::{
    LeaseEvent, Lookup, LookupError, LookupPlan, Policy, Reply, Request, Terms, Verdict, policy,
    settings,
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
    /// The name and source of each lookup of the second round, and the lookup of the first one
    /// whose field `next` is the key.
    further: Vec<[String; 3]>,
    /// The field to report.
    field: String,
    /// The lookups of a lease event; the key is its circuit id.
    lease_plan: Vec<[String; 2]>,
    /// The results of these lookups; the guest fails if there are others.
    lease_expected: String,
    /// The pools to set, in order of preference.
    pools: Vec<String>,
    /// The pools to report.
    count: Vec<String>,
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

    fn plan_further_lookups(&mut self, request: &Request, plan: &LookupPlan) {
        if self.behaviour == Behaviour::Abuse {
            return abuse_further(plan);
        }
        for [name, source, first] in &self.further {
            if let Some(key) = request.lookup(first).field("next")
                && let Err(error) = plan.add(name, source, &key)
            {
                panic!("{error}");
            }
        }
    }

    fn plan_lease_lookups(&mut self, event: &LeaseEvent, plan: &LookupPlan) {
        for [name, source] in &self.lease_plan {
            let key = event.circuit_id_text().unwrap_or_default();
            if let Err(error) = plan.add(name, source, &key) {
                panic!("{error}");
            }
        }
    }

    fn on_lease(&mut self, event: &LeaseEvent) {
        let tell = |[name, _]: &[String; 2]| self.tell(name, event.lookup(name));
        let found: Vec<String> = self.lease_plan.iter().map(tell).collect();
        let found = found.join("\n");
        if found != self.lease_expected {
            panic!("{found}");
        }
    }

    fn on_discover(&mut self, request: &Request, terms: &Terms) -> Verdict {
        if !self.pools.is_empty() {
            terms.set_pools(self.pools.iter());
            assert_eq!(
                (terms.pool().as_ref(), terms.pools()),
                (self.pools.first(), self.pools.clone())
            );
        }
        let names = self.plan.iter().chain(&self.further).map(|[name, _, _]| name);
        let mut found: Vec<String> =
            names.map(|name| self.tell(name, request.lookup(name))).collect();
        if !self.count.is_empty() {
            found.push(format!("pools: {:?}", request.pool_names()));
        }
        for pool in &self.count {
            let usage = request.pool_usage(pool);
            let text =
                usage.map(|usage| format!("{} {} {}", usage.total, usage.leased, usage.free));
            found.push(format!("{pool}: {text:?}"));
        }
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
    fn tell(&self, name: &str, lookup: Lookup) -> String {
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

/// Plans a ninth lookup, which the server must refuse, and one that replaces one of the first
/// round.
fn abuse_further(plan: &LookupPlan) {
    let add = |name: &str| plan.add(name, "subscribers", "further");
    assert_eq!(add("one-more"), Err(LookupError::TooManyLookups));
    assert_eq!(add(&format!("7{}", "n".repeat(63))), Ok(()));
}
