//! Assigns unknown or unpaid subscribers to a separate pool, with a short lease and name servers
//! that lead them to the portal. Other subscribers are not affected.
//!
//! The terms of the garden are final: later policies are not called for such a subscriber, so that
//! they cannot lead a device out of the garden.
//!
//! The lease is short so that a customer who pays leaves the garden soon: at the next renewal the
//! server refuses the garden's address, and the client starts again.

#![deny(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]

use std::collections::HashSet;

use lessor_policy::{
    OptionTable, Policy, Request, RequestKind, Terms, Verdict, option, policy, settings,
};
use serde::Deserialize;

struct WalledGarden {
    pool: String,
    lease_time_secs: u32,
    options: OptionTable,
    unpaid: HashSet<Vec<u8>>,
    known: Option<Vec<Known>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Settings {
    #[serde(default = "default_pool")]
    pool: String,
    #[serde(default = "default_lease_time_secs")]
    lease_time_secs: u32,
    #[serde(default)]
    options: OptionTable,
    /// Circuit or remote ids.
    #[serde(default)]
    unpaid: Vec<String>,
    /// Circuit or remote ids, or beginnings of them followed by `*`. If the list is present, a line
    /// that is not in it goes to the garden.
    known: Option<Vec<String>>,
}

/// An entry of the list of known lines.
enum Known {
    Line(Vec<u8>),
    Beginning(Vec<u8>),
}

#[policy]
impl Policy for WalledGarden {
    fn configure(settings: &str) -> Result<Self, String> {
        let Settings { pool, lease_time_secs, options, unpaid, known } = settings::read(settings)?;
        if lease_time_secs == 0 {
            return Err("lease-time-secs is 0; wanted at least 1".to_owned());
        }
        if unpaid.is_empty() && known.is_none() {
            return Err(
                "neither unpaid nor known is set, so the garden would be empty; list the unpaid \
                 lines or the known ones"
                    .to_owned(),
            );
        }
        Ok(Self {
            pool,
            lease_time_secs,
            options,
            unpaid: unpaid.iter().map(|line| octets("unpaid", line)).collect::<Result<_, _>>()?,
            known: known
                .map(|lines| lines.iter().map(|line| known_line(line)).collect())
                .transpose()?,
        })
    }

    fn on_discover(&mut self, request: &Request, terms: &Terms) -> Verdict {
        self.decide(request, terms)
    }

    fn on_request(&mut self, request: &Request, terms: &Terms) -> Verdict {
        self.decide(request, terms)
    }

    fn on_inform(&mut self, request: &Request, terms: &Terms) -> Verdict {
        self.decide(request, terms)
    }
}

impl WalledGarden {
    fn decide(&self, request: &Request, terms: &Terms) -> Verdict {
        let lines: Vec<Vec<u8>> =
            [request.circuit_id(), request.remote_id()].into_iter().flatten().collect();
        let is_unpaid = lines.iter().any(|line| self.unpaid.contains(line));
        let is_unknown = self.known.as_ref().is_some_and(|known| {
            !lines.iter().any(|line| known.iter().any(|entry| entry.matches(line)))
        });
        if !is_unpaid && !is_unknown {
            return Verdict::Proceed;
        }
        // A client that sends an INFORM has its address already.
        if request.kind() != RequestKind::Inform {
            terms.set_pool(&self.pool);
            terms.set_lease_time_secs(self.lease_time_secs);
        }
        terms.set_final();
        match self.options.set_on(terms) {
            Ok(()) => Verdict::Proceed,
            // Without its options, the garden might let clients out or not lead them to the portal.
            Err((code, error)) => Verdict::ignore(format!("option {code}: {error}")),
        }
    }
}

impl Known {
    fn matches(&self, line: &[u8]) -> bool {
        match self {
            Self::Line(known) => known == line,
            Self::Beginning(known) => line.starts_with(known),
        }
    }
}

fn known_line(text: &str) -> Result<Known, String> {
    Ok(match text.strip_suffix('*') {
        Some(beginning) => Known::Beginning(octets("known", beginning)?),
        None => Known::Line(octets("known", text)?),
    })
}

fn octets(list: &str, text: &str) -> Result<Vec<u8>, String> {
    option::octets_from_text(text).map_err(|error| format!("{list}: {error}"))
}

fn default_pool() -> String {
    "walled-garden".to_owned()
}

fn default_lease_time_secs() -> u32 {
    120
}
