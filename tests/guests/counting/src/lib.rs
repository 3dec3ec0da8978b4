//! A policy that counts the requests of each client, and writes the count to option 224. It uses
//! only the capability `state`.

use lessor_policy::{CapabilityError, Policy, Request, Terms, Verdict, policy, settings, state};

/// The option for the count.
const COUNT_CODE: u8 = 224;

struct Counting;

#[policy]
impl Policy for Counting {
    fn configure(settings: &str) -> Result<Self, String> {
        settings::none(settings)?;
        Ok(Self)
    }

    fn on_discover(&mut self, request: &Request, terms: &Terms) -> Verdict {
        match count(&request.client_key()) {
            Ok(count) => tell(terms, count),
            Err(error) => panic!("{error}"),
        }
        Verdict::Proceed
    }
}

fn tell(terms: &Terms, count: u64) {
    if let Err(error) = terms.set_option(COUNT_CODE, count.to_string()) {
        panic!("{error}");
    }
}

fn count(client: &str) -> Result<u64, CapabilityError> {
    loop {
        let before = state::get(client)?;
        let octets = before.as_deref().and_then(|octets| octets.try_into().ok());
        let count = octets.map_or(0, u64::from_be_bytes) + 1;
        if state::replace(client, before.as_deref(), Some(&count.to_be_bytes()))? {
            return Ok(count);
        }
    }
}
