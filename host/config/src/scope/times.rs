//! Lease times: `lease-time`, `min-lease-time`, `max-lease-time`, `renewal-time`, `rebinding-time`
//! and `cache-threshold`.

use std::ops::Range;

use lessor_core::{CacheThreshold, Fraction, INFINITE_SECS, LeasePart, LeaseTimes};
use toml::de::DeValue;

use crate::{
    mistake::Draft,
    reader::{Placed, Table, Value},
};

/// What the times of one level must satisfy, as advice.
const ORDER: &str = "min-lease-time <= lease-time <= max-lease-time";
const ORDER_WITHIN: &str = "renewal-time < rebinding-time < lease-time";

pub(super) fn read(table: &Table) -> LeaseTimes {
    let secs =
        |key| table.get(key).and_then(|value: Value| Some(value.place(value.duration_secs()?)));
    let part = |key| table.get(key).and_then(|value: Value| Some(value.place(lease_part(&value)?)));
    let (default, min, max) = (secs("lease-time"), secs("min-lease-time"), secs("max-lease-time"));
    let (renewal, rebinding) = (part("renewal-time"), part("rebinding-time"));
    for (shorter, shorter_key, longer, longer_key) in [
        (&min, "min-lease-time", &default, "lease-time"),
        (&default, "lease-time", &max, "max-lease-time"),
        (&min, "min-lease-time", &max, "max-lease-time"),
    ] {
        let (Some(shorter), Some(longer)) = (shorter, longer) else { continue };
        // If the table has all three, the first two comparisons report the mistake.
        let is_said = shorter_key == "min-lease-time" && longer_key == "max-lease-time";
        if shorter.value > longer.value && !(is_said && default.is_some()) {
            report_order(table, (shorter_key, &shorter.span), (longer_key, &longer.span));
        }
    }
    let whole = default
        .as_ref()
        .map(|placed| Placed { value: LeasePart::Secs(placed.value), span: placed.span.clone() });
    for (earlier, earlier_key, later, later_key) in [
        (&renewal, "renewal-time", &rebinding, "rebinding-time"),
        (&rebinding, "rebinding-time", &whole, "lease-time"),
        (&renewal, "renewal-time", &whole, "lease-time"),
    ] {
        let (Some(earlier), Some(later)) = (earlier, later) else { continue };
        // If the table has all three, the first two comparisons report the mistake.
        let is_said = earlier_key == "renewal-time" && later_key == "lease-time";
        if is_late(earlier.value, later.value) && !(is_said && rebinding.is_some()) {
            let draft = Draft::found(format!("`{earlier_key}` is not before `{later_key}`"))
                .wanted(format!("wanted less than `{later_key}`"))
                .related(&later.span, format!("`{later_key}`"))
                .help(ORDER_WITHIN);
            table.collector().report(&earlier.span, draft);
        }
    }
    let value = |placed: Option<Placed<u32>>| placed.map(|placed| placed.value);
    LeaseTimes {
        default_secs: value(default),
        min_secs: value(min),
        max_secs: value(max),
        renewal: renewal.map(|placed| placed.value),
        rebinding: rebinding.map(|placed| placed.value),
        cache_threshold: table.get("cache-threshold").and_then(|value| cache_threshold(&value)),
    }
}

/// Reads the part of a lease within which an extension changes nothing; 0 for none.
fn cache_threshold(value: &Value) -> Option<CacheThreshold> {
    const WANTED: &str = "a part of the lease time between 0 and 1, such as 0.25, or 0";
    let is_zero = match value.raw() {
        DeValue::Float(number) => number.as_str().parse() == Ok(0.0),
        _ => value.integer() == Some(0),
    };
    match is_zero {
        true => Some(CacheThreshold::Never),
        false => fraction(value, WANTED).map(CacheThreshold::Within),
    }
}

/// Reads a number between 0 and 1, which `wanted` describes.
pub(super) fn fraction(value: &Value, wanted: &str) -> Option<Fraction> {
    let number = match value.raw() {
        DeValue::Float(number) => number.as_str().parse().ok(),
        _ => None,
    };
    let found = number.and_then(Fraction::from_number);
    let percent = value.as_text().and_then(of_percent);
    match (found, percent) {
        (Some(_), _) => {}
        (None, Some(percent)) => value.refuse_with_help(wanted, format!("write {percent}")),
        (None, None) => value.refuse(wanted),
    }
    found
}

/// The part that a text such as "80%" means.
fn of_percent(text: &str) -> Option<Fraction> {
    let percent = text.strip_suffix('%')?.trim().parse::<f64>().ok()?;
    Fraction::from_number(percent / 100.0)
}

/// Whether a time certainly does not come before another one. A fraction and a duration cannot be
/// compared, because the lease time differs from client to client.
fn is_late(earlier: LeasePart, later: LeasePart) -> bool {
    match (earlier, later) {
        (LeasePart::Secs(earlier), LeasePart::Secs(later)) => {
            earlier >= later && later != INFINITE_SECS
        }
        (LeasePart::Fraction(earlier), LeasePart::Fraction(later)) => earlier >= later,
        _ => false,
    }
}

/// Reads a time within a lease: a duration, or a part of the lease time.
pub(crate) fn lease_part(value: &Value) -> Option<LeasePart> {
    const WANTED: &str =
        "a duration, such as \"30m\", or a part of the lease time between 0 and 1, such as 0.5";
    match value.raw() {
        DeValue::Float(_) => fraction(value, WANTED).map(LeasePart::Fraction),
        DeValue::String(text) if text.ends_with('%') => {
            fraction(value, WANTED).map(LeasePart::Fraction)
        }
        DeValue::String(_) | DeValue::Integer(_) => value.duration_secs().map(LeasePart::Secs),
        _ => {
            value.refuse(WANTED);
            None
        }
    }
}

fn report_order(
    table: &Table,
    (shorter_key, shorter): (&str, &Range<usize>),
    (longer_key, longer): (&str, &Range<usize>),
) {
    let draft = Draft::found(format!("`{shorter_key}` is longer than `{longer_key}`"))
        .wanted(format!("wanted at most `{longer_key}`"))
        .related(longer, format!("`{longer_key}`"))
        .help(ORDER);
    table.collector().report(shorter, draft);
}
