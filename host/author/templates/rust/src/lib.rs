//! Assigns set-top boxes, recognized by their vendor class, addresses from a separate pool.

use lessor_policy::{OptionTable, Policy, Request, Terms, Verdict, policy};

/// The operator's `[settings]` in the sidecar file of the policy.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct SetTopBoxes {
    /// The prefix of the vendor class of set-top boxes.
    vendor_class: String,
    /// The pool for their addresses.
    pool: String,
    #[serde(default = "an_hour")]
    lease_time_secs: u32,
    /// Their options, by name or number.
    #[serde(default)]
    options: OptionTable,
}

#[policy]
impl Policy for SetTopBoxes {
    /// Called once before all hooks. An error refuses the reload and is shown to the operator.
    fn configure(settings: &str) -> Result<Self, String> {
        lessor_policy::settings::read(settings)
    }

    fn on_discover(&mut self, request: &Request, terms: &Terms) -> Verdict {
        self.decide(request, terms)
    }

    /// Called when the client accepts the offer and when it renews: make the same decision.
    fn on_request(&mut self, request: &Request, terms: &Terms) -> Verdict {
        self.decide(request, terms)
    }
}

impl SetTopBoxes {
    fn decide(&self, request: &Request, terms: &Terms) -> Verdict {
        let vendor_class = request.vendor_class().unwrap_or_default();
        if vendor_class.starts_with(&self.vendor_class) {
            terms.set_pool(&self.pool);
            terms.set_lease_time_secs(self.lease_time_secs);
            if let Err((code, error)) = self.options.set_on(terms) {
                return Verdict::ignore(format!("option {code}: {error}"));
            }
        }
        Verdict::Proceed
    }
}

fn an_hour() -> u32 {
    3_600
}
