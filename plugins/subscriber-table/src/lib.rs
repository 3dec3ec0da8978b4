//! Assigns pool, fixed address, lease time, number of leases and options by circuit or remote id,
//! from a table in the policy's settings. It decides nothing for lines that are not in the table; a
//! later policy may.

#![deny(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]

use std::{collections::HashMap, fmt, net::Ipv4Addr, num::NonZeroU32};

use lessor_policy::{
    BeyondLimit, OptionTable, Policy, Request, Terms, Verdict, option, policy, settings,
};
use serde::{
    Deserialize, Deserializer,
    de::{Error, MapAccess, Visitor},
};

/// The maximum length of a subscriber's name on the server.
const NAME_OCTETS_MAX: usize = 255;

/// The table, indexed by the octets that identify a line.
struct SubscriberTable {
    key: Key,
    subscribers: HashMap<Vec<u8>, Subscriber>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Settings {
    #[serde(default)]
    key: Key,
    subscribers: Subscribers,
}

/// The settings of each line, in their order. They are deserialized by hand, so that an error names
/// the line and the key.
struct Subscribers(Vec<(String, SubscriberSettings)>);

/// The identifier that the table is indexed by.
#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Key {
    #[default]
    CircuitId,
    RemoteId,
}

/// The settings of one subscriber. The server's configuration applies to missing values.
#[derive(Default)]
struct SubscriberSettings {
    pool: Option<String>,
    address: Option<Ipv4Addr>,
    lease_time_secs: Option<u32>,
    leases_max: Option<NonZeroU32>,
    beyond: Option<Beyond>,
    subscriber: Option<String>,
    options: OptionTable,
}

/// The keys of [`SubscriberSettings`], as they are written.
const KEYS: &[&str] =
    &["pool", "address", "lease-time-secs", "leases-max", "beyond", "subscriber", "options"];

/// What happens when a subscriber asks for more leases than it may have.
#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Beyond {
    Refuse,
    ReplaceOldest,
}

/// The settings of one subscriber after the checks.
struct Subscriber {
    pool: Option<String>,
    address: Option<Ipv4Addr>,
    lease_time_secs: Option<u32>,
    limit: Option<Limit>,
    options: OptionTable,
}

/// The subscriber that leases count against, and how many it may have.
#[derive(Clone, PartialEq)]
struct Limit {
    subscriber: String,
    leases_max: NonZeroU32,
    beyond: BeyondLimit,
}

#[policy]
impl Policy for SubscriberTable {
    fn configure(settings: &str) -> Result<Self, String> {
        let Settings { key, subscribers: Subscribers(subscribers) } = settings::read(settings)?;
        let mut by_octets = HashMap::with_capacity(subscribers.len());
        let mut owners: HashMap<Ipv4Addr, String> = HashMap::new();
        let mut limits: HashMap<String, (String, Limit)> = HashMap::new();
        for (line, settings) in subscribers {
            let subscriber = settings.check(&line)?;
            let octets = option::octets_from_text(&line)
                .map_err(|error| format!("subscriber {line:?}: {error}"))?;
            if let Some(address) = subscriber.address
                && let Some(other) = owners.insert(address, line.clone())
            {
                let (first, second) = in_order(&other, &line);
                return Err(format!(
                    "subscribers {first:?} and {second:?} both have the address {address}; give \
                     one of them another"
                ));
            }
            if let Some(limit) = &subscriber.limit {
                let shared = limits.entry(limit.subscriber.clone());
                let (other, found) = shared.or_insert_with(|| (line.clone(), limit.clone()));
                if found != limit {
                    let (first, second) = in_order(other, &line);
                    return Err(format!(
                        "subscribers {first:?} and {second:?} both count against {:?}, but with \
                         different limits; give both the same `leases-max` and `beyond`",
                        limit.subscriber
                    ));
                }
            }
            if by_octets.insert(octets, subscriber).is_some() {
                return Err(format!(
                    "subscriber {line:?} is in the table twice; remove one of them"
                ));
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

impl<'de> Deserialize<'de> for Subscribers {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(SubscribersVisitor)
    }
}

struct SubscribersVisitor;

impl<'de> Visitor<'de> for SubscribersVisitor {
    type Value = Subscribers;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a table of subscribers")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Subscribers, A::Error> {
        let mut subscribers = Vec::new();
        while let Some(line) = map.next_key::<String>()? {
            let settings = map.next_value().map_err(|mistake| {
                A::Error::custom(format_args!("subscriber {line:?}: {mistake}"))
            })?;
            subscribers.push((line, settings));
        }
        Ok(Subscribers(subscribers))
    }
}

impl<'de> Deserialize<'de> for SubscriberSettings {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(SubscriberVisitor)
    }
}

struct SubscriberVisitor;

impl<'de> Visitor<'de> for SubscriberVisitor {
    type Value = SubscriberSettings;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a table with the settings of the subscriber")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<SubscriberSettings, A::Error> {
        let mut found = SubscriberSettings::default();
        while let Some(key) = map.next_key::<String>()? {
            match key.as_str() {
                "pool" => found.pool = value(&mut map, &key)?,
                "address" => found.address = Some(address(&value::<_, String>(&mut map, &key)?)?),
                "lease-time-secs" => found.lease_time_secs = value(&mut map, &key)?,
                "leases-max" => found.leases_max = value(&mut map, &key)?,
                "beyond" => found.beyond = value(&mut map, &key)?,
                "subscriber" => found.subscriber = value(&mut map, &key)?,
                "options" => found.options = value(&mut map, &key)?,
                _ => return Err(A::Error::unknown_field(&key, KEYS)),
            }
        }
        Ok(found)
    }
}

fn value<'de, A: MapAccess<'de>, T: Deserialize<'de>>(
    map: &mut A,
    key: &str,
) -> Result<T, A::Error> {
    map.next_value().map_err(|mistake| A::Error::custom(format_args!("{key}: {mistake}")))
}

fn address<E: Error>(text: &str) -> Result<Ipv4Addr, E> {
    text.parse().map_err(|_| {
        E::custom(format_args!(
            "address: {text:?} is not an IPv4 address; wanted one such as 192.0.2.17"
        ))
    })
}

impl SubscriberSettings {
    /// Checks the limit. Without the key `subscriber`, the line itself is the subscriber.
    fn check(self, line: &str) -> Result<Subscriber, String> {
        let Self { pool, address, lease_time_secs, leases_max, beyond, subscriber, options } = self;
        let limit = match leases_max {
            Some(leases_max) => {
                let subscriber = subscriber.unwrap_or_else(|| line.to_owned());
                if !(1..=NAME_OCTETS_MAX).contains(&subscriber.len()) {
                    return Err(format!(
                        "subscriber {line:?}: the name of the subscriber has {} octets, wanted 1 \
                         to {NAME_OCTETS_MAX}; set `subscriber` to another name",
                        subscriber.len()
                    ));
                }
                let beyond = match beyond.unwrap_or(Beyond::Refuse) {
                    Beyond::Refuse => BeyondLimit::Refuse,
                    Beyond::ReplaceOldest => BeyondLimit::ReplaceOldest,
                };
                Some(Limit { subscriber, leases_max, beyond })
            }
            None if beyond.is_some() || subscriber.is_some() => {
                return Err(format!(
                    "subscriber {line:?}: `beyond` and `subscriber` need a limit; set \
                     `leases-max`, or remove them"
                ));
            }
            None => None,
        };
        Ok(Subscriber { pool, address, lease_time_secs, limit, options })
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
        if let Some(Limit { subscriber, leases_max, beyond }) = &subscriber.limit {
            terms.set_subscriber(subscriber, leases_max.get(), *beyond);
        }
        match subscriber.options.set_on(terms) {
            Ok(()) => Verdict::Proceed,
            // If the options do not all fit, send no answer rather than some of them.
            Err((code, error)) => Verdict::ignore(format!("option {code}: {error}")),
        }
    }
}

/// Returns two lines in alphabetical order, so that a message does not depend on the map's order.
fn in_order<'a>(a: &'a str, b: &'a str) -> (&'a str, &'a str) {
    if a < b { (a, b) } else { (b, a) }
}
