//! The subscriber table defines what each line gets. Other lines go to the walled garden.

use std::{collections::HashMap, net::Ipv4Addr};

use lessor_policy::{
    BeyondLimit, OptionTable, Policy, Request, RequestKind, Terms, Verdict, policy, settings,
};
use serde::Deserialize;

/// The entries of the table, by circuit id.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SubscriberTable {
    lines: HashMap<String, Line>,
}

/// The settings of a line. The server's configuration applies to missing values.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
struct Line {
    pool: Option<String>,
    address: Option<Ipv4Addr>,
    lease_time_secs: Option<u32>,
    options: OptionTable,
    leases_max: Option<u32>,
    beyond: Beyond,
    blocked: bool,
    refused: bool,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Beyond {
    #[default]
    Refuse,
    ReplaceOldest,
}

#[policy]
impl Policy for SubscriberTable {
    fn configure(settings: &str) -> Result<Self, String> {
        settings::read(settings)
    }

    fn on_discover(&mut self, request: &Request, terms: &Terms) -> Verdict {
        let name = request.circuit_id_text().unwrap_or_default();
        let Some(line) = self.lines.get(&name) else {
            // Later policies must not lead out of the garden.
            terms.set_final();
            return Line::garden().decide(&name, request, terms);
        };
        line.decide(&name, request, terms)
    }

    fn on_request(&mut self, request: &Request, terms: &Terms) -> Verdict {
        self.on_discover(request, terms)
    }

    fn on_inform(&mut self, request: &Request, terms: &Terms) -> Verdict {
        self.on_discover(request, terms)
    }
}

impl Line {
    fn garden() -> Self {
        Self {
            pool: Some("walled-garden".to_owned()),
            lease_time_secs: Some(60),
            ..Self::default()
        }
    }

    fn decide(&self, name: &str, request: &Request, terms: &Terms) -> Verdict {
        if self.blocked {
            return Verdict::ignore(format!("line {name} is blocked"));
        }
        if self.refused {
            return Verdict::refuse(format!("line {name} is refused"));
        }
        if request.kind() != RequestKind::Inform {
            if let Some(pool) = &self.pool {
                terms.set_pool(pool);
            }
            if let Some(address) = self.address {
                terms.set_address(address);
            }
            if let Some(secs) = self.lease_time_secs {
                terms.set_lease_time_secs(secs);
            }
            if let Some(leases_max) = self.leases_max {
                let beyond = match self.beyond {
                    Beyond::Refuse => BeyondLimit::Refuse,
                    Beyond::ReplaceOldest => BeyondLimit::ReplaceOldest,
                };
                terms.set_subscriber(name, leases_max, beyond);
            }
        }
        if let Err((code, error)) = self.options.set_on(terms) {
            return Verdict::ignore(format!("line {name}: option {code}: {error}"));
        }
        Verdict::Proceed
    }
}
