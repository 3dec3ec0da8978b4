//! A policy that misbehaves on demand, at every hook: it traps, loops, exhausts memory, recurses
//! endlessly and returns invalid answers. Its settings select what to do, when and for which
//! client; without settings it behaves well. It is for tests of the server's limits.

use std::hint::black_box;

use lessor_policy::{
    LeaseEvent, OptionError, Policy, Reply, Request, Terms, Verdict, option::code, policy, settings,
};
use serde::Deserialize;

/// The behaviour. Settings write it in kebab-case: `{"behaviour": "set-then-trap"}`.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
enum Behaviour {
    /// Sets the terms of the settings and proceeds.
    #[default]
    Well,
    /// Sets the terms and returns `ignore`.
    Ignore,
    /// Sets the terms and returns `refuse`.
    Refuse,
    /// Panics.
    Trap,
    /// Sets the terms and then panics.
    SetThenTrap,
    /// Never returns.
    Loop,
    /// Allocates memory until there is no more.
    GrowMemory,
    /// Calls itself endlessly.
    Recurse,
    /// Sets a pool whose name is a megabyte long.
    HugePoolName,
    /// Ignores the request for a reason that is a megabyte long.
    HugeReason,
    /// Sets options that it may not set, and panics if one of them was set.
    BadOptions,
    /// Refuses its settings.
    RefuseSettings,
    /// Never returns from `configure`.
    SlowConfigure,
    /// Panics in `configure`.
    TrapInConfigure,
}

/// The settings of the policy.
#[derive(Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
struct Settings {
    /// The behaviour.
    behaviour: Behaviour,
    /// The behaviour of the hook for lease events, for all clients, instead of `behaviour`.
    lease_hook: Option<Behaviour>,
    /// The duration of `configure` in rounds; a million rounds take a few milliseconds.
    configure_rounds: u64,
    /// The duration of every decision, in the same rounds.
    call_rounds: u64,
    /// The number of calls that each instance answers well before it misbehaves.
    well_behaved_calls: u64,
    /// The key of the only client for which it misbehaves.
    client: Option<String>,
    /// The pool to set.
    pool: Option<String>,
    /// The lease time to set, in seconds.
    lease_time_secs: Option<u32>,
    /// The domain name (option 15) to send.
    domain_name: Option<String>,
    /// Whether to remove the routers (option 3).
    remove_routers: bool,
    /// Whether the terms are final.
    is_final: bool,
}

struct Misbehaving {
    settings: Settings,
    calls: u64,
}

#[policy]
impl Policy for Misbehaving {
    fn configure(settings: &str) -> Result<Self, String> {
        let settings: Settings = settings::read(settings)?;
        compute(settings.configure_rounds);
        match settings.behaviour {
            Behaviour::RefuseSettings => Err("these settings are not to my taste".to_owned()),
            Behaviour::SlowConfigure => run_for_ever(),
            Behaviour::TrapInConfigure => panic!("as the settings say"),
            _ => Ok(Self { settings, calls: 0 }),
        }
    }

    fn on_discover(&mut self, request: &Request, terms: &Terms) -> Verdict {
        self.decide(request, terms)
    }

    fn on_request(&mut self, request: &Request, terms: &Terms) -> Verdict {
        self.decide(request, terms)
    }

    fn on_decline(&mut self, request: &Request, terms: &Terms) -> Verdict {
        self.decide(request, terms)
    }

    fn on_release(&mut self, request: &Request, terms: &Terms) -> Verdict {
        self.decide(request, terms)
    }

    fn on_inform(&mut self, request: &Request, terms: &Terms) -> Verdict {
        self.decide(request, terms)
    }

    fn reply_options(&mut self, request: &Request, reply: &Reply) {
        match self.next(|| request.client_key()) {
            Behaviour::Trap => panic!("as the settings say"),
            Behaviour::SetThenTrap => {
                self.edit(reply);
                panic!("as the settings say");
            }
            Behaviour::Loop => run_for_ever(),
            Behaviour::BadOptions => try_bad_options(
                |code, value| reply.set_option(code, value),
                |code| reply.remove_option(code),
            ),
            _ => self.edit(reply),
        }
    }

    fn on_lease(&mut self, event: &LeaseEvent) {
        let next = self.next(|| event.client_key());
        match self.settings.lease_hook.unwrap_or(next) {
            Behaviour::Trap | Behaviour::SetThenTrap => panic!("as the settings say"),
            Behaviour::Loop => run_for_ever(),
            _ => {
                black_box((event.address(), event.circuit_id(), event.expires_at_ms()));
            }
        }
    }
}

impl Misbehaving {
    /// Returns the behaviour for this call and for the client of this key.
    fn next(&mut self, client_key: impl Fn() -> String) -> Behaviour {
        self.calls += 1;
        let is_meant = self.settings.client.as_ref().is_none_or(|client| *client == client_key());
        if is_meant && self.calls > self.settings.well_behaved_calls {
            self.settings.behaviour
        } else {
            Behaviour::Well
        }
    }

    fn decide(&mut self, request: &Request, terms: &Terms) -> Verdict {
        compute(self.settings.call_rounds);
        match self.next(|| request.client_key()) {
            Behaviour::Well => self.set(terms),
            Behaviour::Ignore => {
                self.set(terms);
                return Verdict::ignore("as the settings say");
            }
            Behaviour::Refuse => {
                self.set(terms);
                return Verdict::refuse("as the settings say");
            }
            Behaviour::Trap => panic!("as the settings say"),
            Behaviour::SetThenTrap => {
                self.set(terms);
                panic!("as the settings say");
            }
            Behaviour::Loop => run_for_ever(),
            Behaviour::GrowMemory => take_all_memory(),
            Behaviour::Recurse => {
                black_box(recurse(1));
            }
            Behaviour::HugePoolName => terms.set_pool(&"x".repeat(1 << 20)),
            Behaviour::HugeReason => return Verdict::ignore("x".repeat(1 << 20)),
            Behaviour::BadOptions => try_bad_options(
                |code, value| terms.set_option(code, value),
                |code| terms.remove_option(code),
            ),
            Behaviour::RefuseSettings | Behaviour::SlowConfigure | Behaviour::TrapInConfigure => {}
        }
        Verdict::Proceed
    }

    fn set(&self, terms: &Terms) {
        if let Some(pool) = &self.settings.pool {
            terms.set_pool(pool);
        }
        if let Some(secs) = self.settings.lease_time_secs {
            terms.set_lease_time_secs(secs);
        }
        if let Some(name) = &self.settings.domain_name {
            must(terms.set_option(code::DOMAIN_NAME, name));
        }
        if self.settings.remove_routers {
            must(terms.remove_option(code::ROUTERS));
        }
        if self.settings.is_final {
            terms.set_final();
        }
    }

    fn edit(&self, reply: &Reply) {
        black_box((reply.kind(), reply.your_address(), reply.option_codes()));
        if let Some(name) = &self.settings.domain_name {
            must(reply.set_option(code::DOMAIN_NAME, name));
        }
        if self.settings.remove_routers {
            must(reply.remove_option(code::ROUTERS));
        }
    }
}

/// Tries options that the server must refuse; it must refuse the 65th option only after it has
/// accepted 64.
fn try_bad_options(
    set: impl Fn(u8, &[u8]) -> Result<(), OptionError>,
    remove: impl Fn(u8) -> Result<(), OptionError>,
) {
    assert_eq!(set(code::RELAY_AGENT_INFORMATION, b"forged"), Err(OptionError::ReservedCode));
    assert_eq!(remove(51), Err(OptionError::ReservedCode));
    assert_eq!(set(code::DOMAIN_NAME, &[0; 1021]), Err(OptionError::ValueTooLong));
    for _ in 0..4 {
        must(set(code::DOMAIN_NAME, &[b'x'; 1020]));
    }
    assert_eq!(set(code::DOMAIN_NAME, &[b'x'; 17]), Err(OptionError::TooManyOptions));
    for _ in 4..64 {
        must(set(code::DOMAIN_NAME, b""));
    }
    assert_eq!(set(code::DOMAIN_NAME, b""), Err(OptionError::TooManyOptions));
    assert_eq!(remove(code::DOMAIN_NAME), Err(OptionError::TooManyOptions));
}

fn must(result: Result<(), OptionError>) {
    if let Err(error) = result {
        panic!("{error}");
    }
}

fn compute(rounds: u64) {
    (0..rounds).for_each(|round| {
        black_box(round);
    });
}

fn run_for_ever() -> ! {
    loop {
        black_box(());
    }
}

fn take_all_memory() {
    let mut blocks = Vec::new();
    loop {
        blocks.push(black_box(vec![1_u8; 1 << 20]));
    }
}

#[allow(unconditional_recursion, reason = "doing wrong is what this is for")]
fn recurse(depth: u64) -> u64 {
    black_box(recurse(black_box(depth + 1)) + 1)
}
