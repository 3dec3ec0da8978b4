//! Circuit or remote id to pool, fixed address, lease time and options, from a table in the
//! policy's settings. It decides nothing for lines that are not in the table; a policy after it may.

use std::{collections::HashMap, net::Ipv4Addr};

use lessor_policy::{OptionTable, Policy, Request, Terms, Verdict, option, policy, settings};
use serde::Deserialize;

/// The table, by the octets that identify a line.
struct SubscriberTable {
    key: Key,
    subscribers: HashMap<Vec<u8>, Subscriber>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Settings {
    #[serde(default)]
    key: Key,
    subscribers: HashMap<String, Subscriber>,
}

/// What the table is indexed by.
#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Key {
    #[default]
    CircuitId,
    RemoteId,
}

/// What one subscriber gets; whatever is left out is as the server's configuration has it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Subscriber {
    pool: Option<String>,
    address: Option<Ipv4Addr>,
    lease_time_secs: Option<u32>,
    #[serde(default)]
    options: OptionTable,
}

#[policy]
impl Policy for SubscriberTable {
    fn configure(settings: &str) -> Result<Self, String> {
        let Settings { key, subscribers } = settings::read(settings)?;
        let mut by_octets = HashMap::with_capacity(subscribers.len());
        let mut owners: HashMap<Ipv4Addr, String> = HashMap::new();
        for (line, subscriber) in subscribers {
            let octets = option::octets_from_text(&line)
                .map_err(|error| format!("subscriber {line:?}: {error}"))?;
            if let Some(address) = subscriber.address
                && let Some(other) = owners.insert(address, line.clone())
            {
                let (first, second) = if other < line { (&other, &line) } else { (&line, &other) };
                return Err(format!("subscribers {first:?} and {second:?} both have {address}"));
            }
            if by_octets.insert(octets, subscriber).is_some() {
                return Err(format!("subscriber {line:?} stands in the table twice"));
            }
        }
        Ok(Self { key, subscribers: by_octets })
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

impl SubscriberTable {
    fn decide(&self, request: &Request, terms: &Terms) -> Verdict {
        let line = match self.key {
            Key::CircuitId => request.circuit_id(),
            Key::RemoteId => request.remote_id(),
        };
        let Some(subscriber) = line.and_then(|line| self.subscribers.get(&line)) else {
            return Verdict::Proceed;
        };
        if let Some(pool) = &subscriber.pool {
            terms.set_pool(pool);
        }
        if let Some(address) = subscriber.address {
            terms.set_address(address);
        }
        if let Some(secs) = subscriber.lease_time_secs {
            terms.set_lease_time_secs(secs);
        }
        match subscriber.options.set_on(terms) {
            Ok(()) => Verdict::Proceed,
            // More options than one reply may carry: better no answer than half of them.
            Err((code, error)) => Verdict::ignore(format!("option {code}: {error}")),
        }
    }
}
