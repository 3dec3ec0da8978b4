//! Set-top boxes, known by their vendor class, get addresses from a pool of their own.

use lessor_policy::{Policy, Request, Terms, Verdict, policy};

/// What the operator writes below `[settings]` in the file beside the policy.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct SetTopBoxes {
    /// How the vendor class of such a device begins.
    vendor_class: String,
    /// The pool that it gets its address from.
    pool: String,
    #[serde(default = "an_hour")]
    lease_time_secs: u32,
}

#[policy]
impl Policy for SetTopBoxes {
    /// Called once, before anything else. An error refuses the reload and is shown to the operator.
    fn configure(settings: &str) -> Result<Self, String> {
        lessor_policy::settings::read(settings)
    }

    fn on_discover(&mut self, request: &Request, terms: &Terms) -> Verdict {
        self.decide(request, terms)
    }

    /// Asked again when the client takes the offer and when it renews: decide the same.
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
        }
        Verdict::Proceed
    }
}

fn an_hour() -> u32 {
    3_600
}
