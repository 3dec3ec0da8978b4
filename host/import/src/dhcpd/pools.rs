//! Pools of `dhcpd.conf`: ranges, and which clients may have them.

use std::net::Ipv4Addr;

use crate::{
    model::{Access, Boot, Options, Pool},
    place::Refusal,
    report::Report,
};

use super::grammar::{Statement, Token};

/// How a pool with conditions is changed.
const CONDITION: &str =
    "only a policy may assign clients to it now, because it was for some clients only";
/// How a statement about clients changes a pool.
const PERMIT: &str = "its ranges are for policies only: see docs/policies.md";

/// What ranges of a pool share.
#[derive(Clone, Debug, Default)]
pub(super) struct Pooled {
    pub(super) access: Access,
    pub(super) by_policy_only: bool,
    pub(super) boot: Boot,
    pub(super) options: Options,
}

impl Pooled {
    /// Takes a permit into account, and reports it.
    pub(super) fn permit(&mut self, statement: &Statement, report: &mut Report) {
        let words: Vec<&str> = statement.tokens.iter().filter_map(|token| token.word()).collect();
        let class = statement.tokens.get(3).and_then(Token::text);
        let is_of_class = matches!(words.get(1..3), Some(["members", "of"]));
        let Some(class) = class.filter(|_| is_of_class && statement.tokens.len() == 4) else {
            self.by_policy_only |= restricts(statement);
            report_permit(statement, report);
            return;
        };
        self.access.entries.push(report.carried(&statement.place, &statement.shown()));
        match words.first() {
            Some(&"allow") => {
                self.by_policy_only = true;
                self.access.allowed.push(class);
            }
            _ => self.access.denied.push(class),
        }
    }
}

/// Whether a statement of a pool says which clients may have it.
pub(super) fn is_permit(statement: &Statement) -> bool {
    matches!(statement.word(0), Some("allow" | "deny" | "ignore"))
}

/// Whether a permit keeps some clients away that the server serves.
fn restricts(statement: &Statement) -> bool {
    let words: Vec<&str> = statement.tokens.iter().filter_map(|token| token.word()).collect();
    !matches!(
        words.as_slice(),
        ["allow", "all", "clients"]
            | ["allow", "any", "clients"]
            | ["deny" | "ignore", "dynamic", "bootp", "clients"]
            | ["deny" | "ignore", "bootp"]
    )
}

/// Reports a permit.
fn report_permit(statement: &Statement, report: &mut Report) {
    match restricts(statement) {
        true => {
            report.changed(&statement.place, &statement.shown(), PERMIT);
        }
        false => {
            let why = "all clients may have a pool, and BOOTP clients are not served";
            report.not_needed(&statement.place, &statement.shown(), why);
        }
    }
}

/// Reads `range [dynamic-bootp] FIRST [LAST];`.
///
/// # Errors
/// Refuses what is not a range.
pub(super) fn range(
    statement: &Statement,
    about: &Pooled,
    report: &mut Report,
) -> Result<Pool, Refusal> {
    let words: Vec<&str> = statement.tokens.iter().filter_map(|token| token.word()).collect();
    let addresses = match words.as_slice() {
        ["range", "dynamic-bootp", rest @ ..] | ["range", rest @ ..] => rest,
        _ => &[],
    };
    let parsed: Vec<Ipv4Addr> = addresses.iter().filter_map(|text| text.parse().ok()).collect();
    let (first, last) = match parsed.as_slice() {
        [only] if addresses.len() == 1 => (*only, *only),
        [first, last] if addresses.len() == 2 => (*first.min(last), *first.max(last)),
        _ => {
            let found = format!("{:?} is not a range of IPv4 addresses", statement.shown());
            let help = "write a range such as range 192.0.2.10 192.0.2.20;";
            return Err(statement.place.refuse(found, help));
        }
    };
    let shown = statement.shown();
    let entry = match about.by_policy_only && about.access.allowed.is_empty() {
        true => report.changed(&statement.place, &shown, CONDITION),
        false => report.carried(&statement.place, &shown),
    };
    let Pooled { access, by_policy_only, boot, options } = about.clone();
    Ok(Pool {
        place: statement.place.clone(),
        entry,
        first,
        last,
        name: None,
        access,
        by_policy_only,
        preference: 1,
        boot,
        options,
    })
}
