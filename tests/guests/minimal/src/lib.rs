//! The smallest policy: one hook, which does nothing. Tests count its exports and measure the cost
//! of a call.

use lessor_policy::{Policy, Request, Terms, Verdict, policy, settings};

struct Minimal;

#[policy]
impl Policy for Minimal {
    fn configure(settings: &str) -> Result<Self, String> {
        settings::none(settings)?;
        Ok(Self)
    }

    fn on_discover(&mut self, _request: &Request, _terms: &Terms) -> Verdict {
        Verdict::Proceed
    }
}
