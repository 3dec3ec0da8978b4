use lessor_core::{ClientKey, Link, Origin};

use super::*;
use crate::limits::{FAULT_COST_WINDOW_SECS, SHUT_OUT_MS_MIN};

fn fault() -> Fault {
    Fault::new(FaultKind::Trap, "test")
}

/// A client of a line of a relay.
#[derive(Clone, Copy)]
struct Who(u32, u32, u32);

impl Chargeable for Who {
    fn culprit(&self) -> Culprit {
        Culprit {
            origin: Origin {
                link: Link::Relay(self.2.into()),
                circuit_id: Some(Box::from(self.1.to_be_bytes())),
                remote_id: None,
            },
            client: ClientKey::Identifier(Box::from(self.0.to_be_bytes())),
        }
    }
}

/// A fresh [`Health`], and a function from milliseconds to points in time.
fn healthy() -> (Health, impl Fn(u64) -> Instant) {
    let began = Instant::now();
    (Health::new(began), move |ms| began + Duration::from_millis(ms))
}

impl Health {
    /// Notes a fault with this cost, in milliseconds.
    fn faults_for(&self, now: Instant, who: Who, cost_ms: u64) -> Vec<Consequence> {
        self.note_fault(now, fault(), Duration::from_millis(cost_ms), Some(who.culprit()))
    }
}

#[test]
fn no_faults_of_one_line_suspend_a_plugin() {
    // Faults from a trap of negligible cost up to the longest possible deadline, by one client and
    // by a new client each time, for an hour.
    for cost_us in [20, 1_000, 10_000, 50_000, 1_000_000] {
        for is_made_up in [false, true] {
            let (health, at) = healthy();
            let mut asked = 0;
            for number in 0..36_000_u32 {
                let now = at(u64::from(number) * 100);
                let who = Who(if is_made_up { number } else { 1 }, 1, 1);
                if health.refuses(now, &who).is_none() {
                    asked += 1;
                    let cost = Duration::from_micros(cost_us);
                    let follows = health.note_fault(now, fault(), cost, Some(who.culprit()));
                    let suspended =
                        |follows: &Consequence| matches!(follows, Consequence::Suspended { .. });
                    assert!(!follows.iter().any(suspended));
                }
                assert_eq!(health.refuses(now, &Who(1, 2, 1)), None, "{cost_us} {is_made_up}");
            }
            println!("faults of {cost_us} µs, made-up clients {is_made_up}: asked {asked} times");
            assert_eq!(health.suspensions(), 0);
        }
    }
}

#[test]
fn many_lines_suspend_a_plugin_and_it_comes_back() {
    let (health, at) = healthy();
    let mut suspended = None;
    'suspended: for number in 0..100 {
        // There are two links, because a single link would be shut out first, and many clients,
        // because each is shut out.
        for follows in health.faults_for(at(1), Who(number, number, number % 2), 60) {
            if let Consequence::Suspended { pause, worst } = follows {
                suspended = Some((number, pause, worst));
                break 'suspended;
            }
        }
    }
    let (number, pause, worst) = suspended.unwrap();
    let spent_ms = 60 * (u64::from(number) + 1);
    assert!(spent_ms >= FAULT_MS_PER_SEC * FAULT_COST_WINDOW_SECS, "{spent_ms}");
    assert_eq!(pause.as_millis(), u128::from(SUSPENSION_MS_MIN));
    assert!(worst.is_some());
    let bystander = Who(7_777, 7_777, 7_777);
    assert_eq!(health.refuses(at(2), &bystander), Some(FaultKind::Suspended));
    let told = health.suspension(at(501)).unwrap();
    assert_eq!((told.remaining, told.caused_by.is_some()), (pause / 2, true));
    assert_eq!(health.refuses(at(1) + pause, &bystander), None);
    assert_eq!((health.suspension(at(1) + pause), health.suspensions()), (None, 1));
    // A single later fault does not suspend the plugin again.
    assert_eq!(health.faults_for(at(2) + pause, bystander, 1), []);
}

#[test]
fn an_offender_that_is_shut_out_is_reported_and_comes_back() {
    let (health, at) = healthy();
    let client = Who(1, 1, 1);
    let follows = health.faults_for(at(0), client, 1_000);
    let [Consequence::ShutOut { who, pause, faults, .. }] = &follows[..] else {
        panic!("{follows:?}");
    };
    assert_eq!(who.client.as_deref(), Some("id:00000001"));
    assert_eq!((pause.as_millis(), *faults), (u128::from(SHUT_OUT_MS_MIN), 1));
    assert_eq!(health.refuses(at(1), &client), Some(FaultKind::ShutOut));
    assert_eq!(health.refuses(at(1), &Who(2, 1, 1)), None, "another client of the line");
    let [offender] = &health.offenders(at(1))[..] else { panic!() };
    assert_eq!((&offender.who, offender.faults), (who, 1));
    assert!(offender.shut_out.is_some());
    assert_eq!(health.shut_out_count(at(1)), 1);
    assert_eq!(health.refuses(at(0) + *pause, &client), None);
    assert_eq!(health.shut_out_count(at(0) + *pause), 0);
}

#[test]
fn the_table_of_those_who_are_shut_out_has_a_limit() {
    let (health, at) = healthy();
    for number in 0..4 * FAULT_ACCOUNTS_MAX as u64 {
        let origin = Who(0, number as u32, 0).culprit().origin;
        health.shut_out(at(number), Party::Line(origin), Duration::from_secs(60));
    }
    assert_eq!(health.shut_out_count(at(0)), 3 * FAULT_ACCOUNTS_MAX);
    let newest = Who(0, 4 * FAULT_ACCOUNTS_MAX as u32 - 1, 0);
    assert_eq!(health.refuses(at(0), &newest), Some(FaultKind::ShutOut));
}

#[test]
fn a_rehearsal_shuts_out_whom_the_plugin_does_and_nobody_else() {
    let (health, at) = healthy();
    health.faults_for(at(0), Who(1, 1, 1), 1_000);
    let rehearsed = health.rehearsed();
    assert_eq!(rehearsed.refuses(at(1), &Who(1, 1, 1)), Some(FaultKind::ShutOut));
    for _ in 0..100 {
        assert_eq!(rehearsed.faults_for(at(1), Who(2, 2, 2), 1_000), []);
    }
    assert_eq!(rehearsed.refuses(at(1), &Who(2, 2, 2)), None);
}

#[test]
fn the_last_fault_is_reported_with_its_client() {
    let (health, at) = healthy();
    health.faults_for(at(1), Who(1, 2, 3), 1);
    let last = health.last_fault(at(11)).unwrap();
    assert_eq!((last.kind, last.ago), (FaultKind::Trap, Duration::from_millis(10)));
    let who = last.caused_by.unwrap();
    assert_eq!(who.client.as_deref(), Some("id:00000001"));
    assert_eq!(who.link.as_deref(), Some("relay 0.0.0.3"));
}
