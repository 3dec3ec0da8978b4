//! The server is killed under load while an operator changes leases, and drains and opens a pool.
//! Afterwards every change that it acknowledged is there, no other, and the journal names who made
//! it.

use std::{
    collections::{BTreeMap, HashMap},
    net::Ipv4Addr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use lessor_e2e::{JournalLine, Server, Setup, heavy, relay};
use lessor_load::Subscriber;

use crate::{LINK, user};

/// The number of times that the server is killed.
const ROUNDS: u8 = 4;

/// What the server said.
#[derive(Default)]
struct Told {
    /// The client that has an address, or nobody.
    holders: BTreeMap<Ipv4Addr, Option<String>>,
    /// Whether the pool `spare` is drained; `None` if a change was not acknowledged.
    is_spare_drained: Option<bool>,
    /// The acknowledged changes of leases: how the journal calls them, and their addresses.
    of_leases: Vec<(&'static str, Ipv4Addr)>,
    /// The acknowledged changes of the pool.
    of_spare: Vec<&'static str>,
}

#[test]
fn every_acknowledged_change_by_hand_outlives_the_death_of_the_server_under_load() {
    let _alone = heavy();
    let subnets = r#"
        [[subnet]]
        prefix = "100.64.0.0/16"
        lease-time = "1h"

        [[subnet.pool]]
        name = "residential"
        range = "100.64.1.0-100.64.249.255"

        [[subnet.pool]]
        name = "by-hand"
        range = "100.64.250.0-100.64.253.255"
        preference = 2

        [[subnet.pool]]
        name = "spare"
        range = "100.64.254.0-100.64.254.255"
        preference = 3
    "#;
    let mut server = Setup::on_loopback(subnets).start();
    let mut told = Told { is_spare_drained: Some(false), ..Told::default() };
    for round in 0..ROUNDS {
        let is_over = Arc::new(AtomicBool::new(false));
        let acquired = Arc::new(Mutex::new(Vec::new()));
        let load: Vec<_> = (0..4)
            .map(|number| {
                let (is_over, acquired) = (Arc::clone(&is_over), Arc::clone(&acquired));
                let mut relay = relay(server.address(), LINK);
                thread::spawn(move || {
                    for client in 0..u16::MAX {
                        let [high, low] = client.to_be_bytes();
                        let subscriber = Subscriber::new([2, round, number, 0, high, low], "line");
                        match relay.acquire(&subscriber, Duration::from_secs(5)) {
                            Ok(got) => acquired.lock().unwrap().push(got.address),
                            Err(_) if is_over.load(Ordering::Relaxed) => return,
                            Err(error) => panic!("{error}"),
                        }
                    }
                })
            })
            .collect();
        let [leases, turns] = [told.of_leases.len(), told.of_spare.len()];
        Operator { server: &server, round, told: &mut told }.works(&acquired, &is_over);
        assert!(told.of_leases.len() > leases + 5, "round {round}: few leases were changed");
        assert!(told.of_spare.len() > turns + 2, "round {round}: the pool was hardly changed");
        load.into_iter().for_each(|thread| thread.join().unwrap());
        server.start_again();
        let given: HashMap<Ipv4Addr, usize> =
            acquired.lock().unwrap().iter().fold(HashMap::new(), |mut counts, address| {
                *counts.entry(*address).or_default() += 1;
                counts
            });
        assert!(given.values().all(|count| *count == 1), "an address was given to two clients");
        is_as_told(&server, &mut told);
    }
    journal_names_who_did_it(&server.journal(), &told);
}

/// An operator who changes leases until the server is killed.
struct Operator<'t> {
    server: &'t Server,
    round: u8,
    told: &'t mut Told,
}

impl Operator<'_> {
    fn works(mut self, acquired: &Mutex<Vec<Ipv4Addr>>, is_over: &AtomicBool) {
        let process = self.server.id();
        thread::scope(|scope| {
            scope.spawn(|| {
                thread::sleep(Duration::from_millis(fastrand::u64(4_000..6_000)));
                is_over.store(true, Ordering::Relaxed);
                let process = nix::unistd::Pid::from_raw(process.try_into().unwrap());
                nix::sys::signal::kill(process, nix::sys::signal::Signal::SIGKILL).unwrap();
            });
            for number in 0..=100 {
                if !self.changes_some(number, acquired) || !self.turns_the_pool() {
                    break;
                }
            }
        });
    }

    /// Adds a lease, moves it, and ends that of a client. Returns `false` once the server is gone.
    fn changes_some(&mut self, number: u8, acquired: &Mutex<Vec<Ipv4Addr>>) -> bool {
        let added = Ipv4Addr::new(100, 64, 250 + self.round, number);
        let moves_to = Ipv4Addr::new(100, 64, 250 + self.round, u8::MAX - number);
        let hardware_address = format!("02:ee:ee:{:02x}:00:{number:02x}", self.round);
        let client = format!("hw:{hardware_address}");
        let [from, to] = [added, moves_to].map(|address| address.to_string());
        let add = ["leases", "add", &from, "--for", "1h", "--hardware-address", &hardware_address];
        if !self.does(&add, "added-by-hand", added, Some(client.clone())) {
            return false;
        }
        if number.is_multiple_of(2) {
            let moving = ["leases", "move", &from, "--to", &to];
            if !self.does(&moving, "moved-by-hand", moves_to, Some(client)) {
                return false;
            }
        } else if !self.does(&["leases", "end", &from], "ended-by-hand", added, None) {
            return false;
        }
        let of_client = acquired.lock().unwrap().get(self.told.of_leases.len()).copied();
        of_client.is_none_or(|address| {
            self.does(&["leases", "end", &address.to_string()], "ended-by-hand", address, None)
        })
    }

    /// Changes a lease. What is known of the address is unknown if the server does not answer.
    fn does(
        &mut self,
        arguments: &[&str],
        deed: &'static str,
        address: Ipv4Addr,
        client: Option<String>,
    ) -> bool {
        if self.asks(arguments) {
            self.told.holders.insert(address, client);
            self.told.of_leases.push((deed, address));
            return true;
        }
        self.told.holders.remove(&address);
        false
    }

    /// Drains the pool `spare` if it is open, and opens it if it is drained.
    fn turns_the_pool(&mut self) -> bool {
        let is_drained = self.told.is_spare_drained == Some(true);
        let (verb, deed) =
            if is_drained { ("open", "opened-pool") } else { ("drain", "drained-pool") };
        let is_done = self.asks(&["pool", verb, "spare"]);
        self.told.is_spare_drained = is_done.then_some(!is_drained);
        self.told.of_spare.extend(is_done.then_some(deed));
        is_done
    }

    /// Returns whether the server acknowledged a change.
    #[track_caller]
    fn asks(&self, arguments: &[&str]) -> bool {
        let output = self.server.ask(arguments);
        let code = output.status.code();
        assert!(matches!(code, Some(0 | 1)), "{arguments:?}: {output:?}");
        output.status.success()
    }
}

/// Checks that the server has what it acknowledged, and learns what else it did.
#[track_caller]
fn is_as_told(server: &Server, told: &mut Told) {
    let leases = server.leases();
    let active: BTreeMap<Ipv4Addr, &str> =
        leases.iter().map(|lease| (lease.address, lease.client.as_str())).collect();
    assert_eq!(active.len(), leases.len(), "an address is listed twice");
    for (address, client) in &told.holders {
        assert_eq!(active.get(address).copied(), client.as_deref(), "{address}");
    }
    let drained = server.status().drained;
    let is_drained = drained.iter().any(|row| row.pool == "spare");
    assert_eq!(is_drained, *told.is_spare_drained.get_or_insert(is_drained), "{drained:?}");
    assert!(drained.iter().all(|row| row.by.user == user()), "{drained:?}");
}

#[track_caller]
fn journal_names_who_did_it(journal: &[JournalLine], told: &Told) {
    for (deed, address) in &told.of_leases {
        let is_it = |line: &&JournalLine| line.reason == *deed && line.address == Some(*address);
        let line = journal.iter().find(is_it);
        let line = line.unwrap_or_else(|| panic!("the journal does not say {deed} {address}"));
        assert_eq!(line.operator.as_ref().unwrap().user, user());
    }
    for deed in ["drained-pool", "opened-pool"] {
        let lines: Vec<_> = journal.iter().filter(|line| line.reason == deed).collect();
        let acknowledged = told.of_spare.iter().filter(|known| **known == deed).count();
        // A change that was not acknowledged may have been made, too: one in each round.
        let expected = acknowledged..=acknowledged + usize::from(ROUNDS);
        assert!(expected.contains(&lines.len()), "{deed}: {} lines", lines.len());
        for line in lines {
            assert_eq!(line.pool.as_deref(), Some("spare"));
            assert_eq!(line.operator.as_ref().unwrap().user, user());
        }
    }
}
