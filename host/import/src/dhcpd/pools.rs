//! Pools of `dhcpd.conf`: ranges, and which clients may have them.

use std::net::Ipv4Addr;

use crate::{
    model::{Access, Boot, Options, Pool},
    place::Refusal,
    report::{LineOutcome, Report},
};

use super::grammar::{Statement, Token};

/// How a pool with conditions is changed.
const CONDITION: &str =
    "only a policy may assign clients to it now, because it was for some clients only";
/// Why a statement about clients is not carried.
const PERMIT: &str = "only a policy can say it: see docs/policies.md";
const EVERYBODY: &str = "all clients may have the pool";
const BOOTP: &str = "BOOTP clients are those that `range dynamic-bootp` serves";

/// What ranges of a pool share.
#[derive(Clone, Debug, Default)]
pub(super) struct Pooled {
    pub(super) access: Access,
    pub(super) by_policy_only: bool,
    /// Whether BOOTP clients get addresses of it.
    pub(super) is_for_bootp: bool,
    pub(super) boot: Boot,
    pub(super) options: Options,
}

/// Of which clients a permit speaks.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Whom {
    All,
    Known,
    Unknown,
    Bootp,
    /// No DHCP client: dhcpd authenticates none.
    None,
    Class(String),
    /// Those at some time, and others that no class can be.
    Some,
}

impl Whom {
    fn read(permit: &Statement) -> Self {
        let words: Vec<&str> = permit.after(1).iter().filter_map(Token::word).collect();
        match words.as_slice() {
            ["all" | "any" | "unauthenticated", "clients"] => Self::All,
            ["known-clients"] | ["known", "clients"] => Self::Known,
            ["unknown-clients"] | ["unknown", "clients"] => Self::Unknown,
            ["dynamic", "bootp", "clients"] | ["bootp"] => Self::Bootp,
            ["authenticated", "clients"] => Self::None,
            ["members", "of", ..] => match permit.after(3) {
                [class] => class.text().map_or(Self::Some, Self::Class),
                _ => Self::Some,
            },
            _ => Self::Some,
        }
    }
}

/// Whether these are all clients.
fn are_all<'w>(whom: impl Iterator<Item = &'w Whom> + Clone) -> bool {
    let has = |wanted: &Whom| whom.clone().any(|found| found == wanted);
    has(&Whom::All) || (has(&Whom::Known) && has(&Whom::Unknown))
}

impl Pooled {
    /// Takes all permits of a pool into account, and reports them.
    pub(super) fn permit(&mut self, permits: &[&Statement], report: &mut Report) {
        let read = |permit: &&Statement| (permit.word(0) == Some("allow"), Whom::read(permit));
        let found: Vec<(bool, Whom)> = permits.iter().map(read).collect();
        let allowed = found.iter().filter(|(allows, _)| *allows).map(|(_, whom)| whom);
        let is_for_all = allowed.clone().next().is_none() || are_all(allowed);
        self.by_policy_only = !is_for_all;
        let mut is_closed = false;
        for (permit, (allows, whom)) in permits.iter().zip(found) {
            let (place, shown) = (&permit.place, permit.shown());
            match (allows, whom) {
                (true, Whom::Bootp) if is_for_all => {
                    self.is_for_bootp = true;
                    report.not_needed(place, &shown, BOOTP);
                }
                (true, _) if is_for_all => report.not_needed(place, &shown, EVERYBODY),
                (false, Whom::Bootp | Whom::None) => report.not_needed(place, &shown, BOOTP),
                (true, Whom::Class(class)) => {
                    self.access.entries.push(report.carried(place, &shown));
                    self.access.allowed.push(class);
                }
                (false, Whom::Class(class)) => {
                    self.access.entries.push(report.carried(place, &shown));
                    self.access.denied.push(class);
                }
                (allows, _) => {
                    let entry =
                        report.add(place, &shown, LineOutcome::NotCarried, PERMIT.to_owned());
                    self.access.entries.push(entry);
                    is_closed |= !allows;
                }
            }
        }
        if is_closed {
            self.close();
        }
    }

    /// Leaves the ranges to policies.
    pub(super) fn close(&mut self) {
        self.by_policy_only = true;
        self.access.allowed.clear();
    }
}

/// Whether a statement of a pool says which clients may have it.
pub(super) fn is_permit(statement: &Statement) -> bool {
    matches!(statement.word(0), Some("allow" | "deny" | "ignore"))
}

/// Whether a range is for BOOTP clients as well.
pub(super) fn is_for_bootp(range: &Statement) -> bool {
    range.word(1) == Some("dynamic-bootp")
}

/// The first and the last address of `range [dynamic-bootp] FIRST [LAST];`.
///
/// # Errors
/// Refuses what is not a range.
pub(super) fn addresses(statement: &Statement) -> Result<(Ipv4Addr, Ipv4Addr), Refusal> {
    let words: Vec<&str> = statement.tokens.iter().filter_map(|token| token.word()).collect();
    let addresses = match words.as_slice() {
        ["range", "dynamic-bootp", rest @ ..] | ["range", rest @ ..] => rest,
        _ => &[],
    };
    let parsed: Vec<Ipv4Addr> = addresses.iter().filter_map(|text| text.parse().ok()).collect();
    match parsed.as_slice() {
        [only] if addresses.len() == 1 => Ok((*only, *only)),
        [first, last] if addresses.len() == 2 => Ok((*first.min(last), *first.max(last))),
        _ => {
            let found = format!("{:?} is not a range of IPv4 addresses", statement.shown());
            let help = "write a range such as range 192.0.2.10 192.0.2.20;";
            Err(statement.place.refuse(found, help))
        }
    }
}

/// Reads a range.
///
/// # Errors
/// Those of [`addresses`].
pub(super) fn range(
    statement: &Statement,
    about: &Pooled,
    report: &mut Report,
) -> Result<Pool, Refusal> {
    let (first, last) = addresses(statement)?;
    let shown = statement.shown();
    let entry = match about.by_policy_only && about.access.allowed.is_empty() {
        true => report.changed(&statement.place, &shown, CONDITION),
        false => report.carried(&statement.place, &shown),
    };
    let Pooled { access, by_policy_only, boot, options, .. } = about.clone();
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
