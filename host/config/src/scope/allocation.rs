//! How pools allocate: `allocation`, `exclude-first-last-24` and `shorten`, which pools have, and
//! the levels around them for all of their pools.

use lessor_core::{AllocationOrder, Fraction, SHORTENING_STEPS_MAX, Shortening, ShorteningStep};

use toml::de::DeValue;

use crate::{
    mistake::Draft,
    reader::{Placed, Table, Value},
    scope::times::fraction,
    shapes::SHORTEN,
};

/// What one level says about the pools at this level and below.
#[derive(Clone, Default)]
pub(crate) struct OfPools {
    pub(crate) order: Option<AllocationOrder>,
    pub(crate) excludes_first_last_24: Option<bool>,
    pub(crate) shortening: Option<Shortening>,
}

/// One step of `shorten`, with its places.
struct Step {
    above: Placed<Fraction>,
    lease_time_secs: Placed<u32>,
}

impl OfPools {
    /// Reads the keys of a level. A level without pools does not have them.
    pub(super) fn read(table: &Table) -> Self {
        if !table.allows("allocation") {
            return Self::default();
        }
        let order = table.get("allocation");
        let flag = table.get("exclude-first-last-24");
        Self {
            order: order.and_then(|value| value.choice(&AllocationOrder::ALL)),
            excludes_first_last_24: flag.and_then(|value| value.flag()),
            shortening: table.get("shorten").and_then(|value| shortening(&value)),
        }
    }

    /// What this level says and, where it says nothing, what one around it says.
    pub(crate) fn or(self, outer: &Self) -> Self {
        Self {
            order: self.order.or(outer.order),
            excludes_first_last_24: self.excludes_first_last_24.or(outer.excludes_first_last_24),
            shortening: self.shortening.or_else(|| outer.shortening.clone()),
        }
    }
}

/// Reads the steps. An empty list means that lease times are not shortened.
fn shortening(value: &Value) -> Option<Shortening> {
    const STEP: &str = "{ above = 0.8, lease-time = \"10m\" }";
    if let DeValue::Table(_) = value.raw() {
        value.refuse_with_help("a list of steps", format!("write shorten = [{STEP}]"));
        return None;
    }
    let read = |item: &Value| match item.raw() {
        DeValue::Table(_) => item.table(&SHORTEN).and_then(|table| step(&table)),
        _ => {
            item.refuse(&format!("a step such as {STEP}"));
            None
        }
    };
    let steps: Vec<Option<Step>> = value.items().iter().map(read).collect();
    let steps: Vec<Step> = steps.into_iter().collect::<Option<_>>()?;
    if steps.len() > SHORTENING_STEPS_MAX {
        let draft = Draft::found(format!("`shorten` has {} steps", steps.len()))
            .wanted(format!("wanted at most {SHORTENING_STEPS_MAX}"))
            .help("leave some out: a few are enough to win addresses back");
        value.report(draft);
        return None;
    }
    for (before, step) in steps.iter().zip(steps.iter().skip(1)) {
        if step.above.value <= before.above.value {
            let draft = Draft::found("the steps of `shorten` are not in order")
                .wanted("wanted a larger part than in the step before")
                .related(&before.above.span, "the step before")
                .help("write the step of the emptiest pool first");
            value.collector().report(&step.above.span, draft);
        } else if step.lease_time_secs.value >= before.lease_time_secs.value {
            let draft = Draft::found("a fuller pool has no shorter lease time")
                .wanted("wanted a shorter time than in the step before")
                .related(&before.lease_time_secs.span, "the step before")
                .help("shorten the time, or remove the step");
            value.collector().report(&step.lease_time_secs.span, draft);
        }
    }
    let steps = steps.into_iter().map(|step| ShorteningStep {
        above: step.above.value,
        lease_time_secs: step.lease_time_secs.value,
    });
    Shortening::new(steps.collect())
}

fn step(table: &Table) -> Option<Step> {
    const WANTED: &str = "a part of the pool between 0 and 1, such as 0.8";
    let above = table.require("above", "0.8");
    let lease_time = table.require("lease-time", "\"10m\"");
    let above = above.and_then(|value| Some(value.place(fraction(&value, WANTED)?)));
    let secs = lease_time.and_then(|value| Some(value.place(value.duration_secs()?)));
    Some(Step { above: above?, lease_time_secs: secs? })
}
