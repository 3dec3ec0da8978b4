use lessor_core::{BindingState, ClientKey, HardwareAddress};

use super::*;

const HOUR_MS: u64 = 60 * 60 * 1000;
const YEAR_MS: u64 = 365 * 24 * HOUR_MS;
/// Some time in 2026.
const TODAY: Timestamp = Timestamp::from_unix_ms(1_795_000_000_000);
const IN_1970: Timestamp = Timestamp::from_unix_ms(20_000);

const fn past(server: Timestamp, offset_ms: i64) -> Option<Past> {
    Some(Past { server, offset_ms })
}

const fn after(time: Timestamp, ms: u64) -> Timestamp {
    time.moved_by_ms(ms.cast_signed())
}

const fn before(time: Timestamp, ms: u64) -> Timestamp {
    time.moved_by_ms(-ms.cast_signed())
}

#[test]
fn without_a_past_it_is_as_late_as_the_clock_says() {
    for clock in [IN_1970, TODAY] {
        let resumed = resume(clock, false, None);
        assert_eq!((resumed.now, resumed.offset_ms), (clock, 0));
        assert_eq!(resumed.verdict, Verdict::Believed);
    }
}

#[test]
fn a_restart_goes_on_by_the_clock_and_keeps_the_offset() {
    for offset_ms in [0, -5 * HOUR_MS.cast_signed()] {
        let clock = after(TODAY, 10_000).moved_by_ms(offset_ms);
        let resumed = resume(clock, false, past(TODAY, offset_ms));
        let expected = Resumed { now: after(TODAY, 10_000), offset_ms, verdict: Verdict::Believed };
        assert_eq!(resumed, expected);
    }
}

#[test]
fn a_clock_behind_the_newest_record_is_reported_and_takes_no_time_from_leases() {
    for clock in [IN_1970, before(TODAY, HOUR_MS), before(TODAY, BEHIND_MIN_MS)] {
        let resumed = resume(clock, true, past(TODAY, 0));
        assert_eq!(resumed.now, TODAY);
        assert_eq!(resumed.now.moved_by_ms(resumed.offset_ms), clock);
        assert_eq!(resumed.verdict, Verdict::Behind { by_ms: clock.ms_until(TODAY) as u64 });
    }
    let resumed = resume(before(TODAY, BEHIND_MIN_MS - 1), true, past(TODAY, 0));
    assert_eq!((resumed.now, resumed.verdict), (TODAY, Verdict::Believed));
}

#[test]
fn a_long_stop_is_believed_if_the_clock_is_synchronised_and_a_year_never() {
    let now = |is_synchronised, stopped_ms| {
        resume(after(TODAY, stopped_ms), is_synchronised, past(TODAY, 0)).now
    };
    assert_eq!(now(true, 24 * HOUR_MS), after(TODAY, 24 * HOUR_MS));
    assert_eq!(now(false, HOUR_MS), after(TODAY, HOUR_MS));
    assert_eq!((now(true, 24 * HOUR_MS + 1), now(false, HOUR_MS + 1)), (TODAY, TODAY));
    let ahead = resume(after(TODAY, YEAR_MS), true, past(TODAY, 0));
    let believed_max_ms = SYNCHRONISED_GAP_MAX_MS;
    assert_eq!(ahead.verdict, Verdict::TooFarAhead { by_ms: YEAR_MS, believed_max_ms });
    assert_eq!(ahead.now.moved_by_ms(ahead.offset_ms), after(TODAY, YEAR_MS));
}

#[test]
fn a_store_knows_as_much_as_the_later_of_its_newest_record_and_its_note() {
    let note = Note { server_time_ms: TODAY, clock_time_ms: IN_1970 };
    let offset_ms = note.offset_ms();
    assert_eq!(Past::of(None, None), None);
    assert_eq!(Past::of(Some(TODAY), None), past(TODAY, 0));
    assert_eq!(Past::of(None, Some(note)), past(TODAY, offset_ms));
    assert_eq!(Past::of(Some(IN_1970), Some(note)), past(TODAY, offset_ms));
    let newest = after(TODAY, 1);
    assert_eq!(Past::of(Some(newest), Some(note)), past(newest, offset_ms));
}

fn binding(number: u8, changed_at: Timestamp, expires_at: Timestamp) -> Arc<Binding> {
    let hardware_address = HardwareAddress::ethernet([2, 0, 0, 0, 0, number]);
    Arc::new(Binding {
        address: [10, 0, 0, number].into(),
        vpn: None,
        client: ClientKey::Hardware(hardware_address),
        hardware_address,
        state: BindingState::Leased,
        began_at: changed_at,
        changed_at,
        expires_at,
        subscriber: None,
        relay_information: None,
        relay_address: None,
        revision: 7,
        host_name: None,
        unknown_fields: Default::default(),
    })
}

#[test]
fn a_record_ten_years_ahead_beside_others_that_run_keeps_what_is_left_of_it() {
    let ahead = after(TODAY, 10 * YEAR_MS);
    let runs = binding(1, before(TODAY, HOUR_MS), after(TODAY, HOUR_MS));
    let newest = binding(2, ahead, after(ahead, HOUR_MS));
    let older = binding(3, before(ahead, HOUR_MS / 2), after(ahead, HOUR_MS / 2));
    let infinite = binding(4, ahead, Timestamp::NEVER);
    let mut bindings = vec![runs, newest, older, infinite];
    let before_it = bindings.clone();
    let changes = move_from_the_future(TODAY, &mut bindings);
    let ends: Vec<Timestamp> = bindings.iter().map(|binding| binding.expires_at).collect();
    let hour = after(TODAY, HOUR_MS);
    assert_eq!(ends, [hour, hour, after(TODAY, HOUR_MS / 2), Timestamp::NEVER]);
    assert_eq!(bindings[0], before_it[0]);
    for (change, position) in changes.iter().zip(1..) {
        assert_eq!(change.previous.as_ref(), Some(&before_it[position]));
        assert_eq!((&change.binding, change.binding.revision), (&bindings[position], 8));
        assert!(change.binding.changed_at <= TODAY);
    }
    assert_eq!(changes.len(), 3);
}

#[test]
fn records_from_the_future_stay_as_they_are_if_nothing_runs_by_the_clock() {
    // The clock is in 1970, and the bindings are right.
    let mut bindings = vec![binding(1, TODAY, after(TODAY, HOUR_MS))];
    assert_eq!(move_from_the_future(IN_1970, &mut bindings), []);
}

/// A server whose clock is set forward and back, and which is stopped, loses power and starts
/// again; and an auditor that knows the true time.
#[derive(Debug)]
struct World {
    random: u64,
    /// True time.
    now: u64,
    /// Clock time minus true time.
    error_ms: i64,
    /// Server time.
    server: Timestamp,
    offset_ms: i64,
    newest_record: Option<Timestamp>,
    note: Option<Note>,
    /// Leases: their true end, their end in server time, and how long server time has stood still
    /// since.
    leases: Vec<(u64, Timestamp, u64)>,
}

impl World {
    fn below(&mut self, limit: u64) -> u64 {
        // xorshift64
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random % limit
    }

    fn clock(&self) -> Timestamp {
        Timestamp::from_unix_ms(self.now).moved_by_ms(self.error_ms)
    }

    fn pass(&mut self, ms: u64) {
        self.now += ms;
        self.server = after(self.server, ms);
    }

    /// Sets the clock; the server's offset follows.
    fn set_clock(&mut self) {
        let errors = [
            0,
            IN_1970.unix_ms().cast_signed() - self.now.cast_signed(),
            YEAR_MS.cast_signed(),
            -YEAR_MS.cast_signed(),
            10 * YEAR_MS.cast_signed(),
        ];
        self.error_ms = errors[self.below(errors.len() as u64) as usize];
    }

    fn look(&mut self) {
        self.offset_ms = self.server.ms_until(self.clock());
        self.write_note();
    }

    fn write_note(&mut self) {
        let clock_time_ms = self.server.moved_by_ms(self.offset_ms);
        self.note = Some(Note { server_time_ms: self.server, clock_time_ms });
    }

    fn grant(&mut self) {
        let ms = 1 + self.below(12 * HOUR_MS);
        self.newest_record = Some(self.server);
        self.leases.push((self.now + ms, after(self.server, ms), 0));
    }

    fn start_again(&mut self) {
        if self.below(2) == 0 {
            self.write_note();
        }
        let known = Past::of(self.newest_record, self.note);
        let last_known = known.map_or(self.server, |past| past.server);
        // Time that was not written to a record or a note does not count as passed either.
        let unnoted = last_known.ms_until(self.server).unsigned_abs();
        let stopped = self.below(HOUR_MS / 2);
        self.now += stopped;
        if self.below(2) == 0 {
            self.set_clock();
        }
        let resumed = resume(self.clock(), false, known);
        assert!(resumed.now >= last_known, "server time went back");
        self.server = resumed.now;
        self.offset_ms = resumed.offset_ms;
        for (_, _, still) in &mut self.leases {
            *still += stopped + unnoted;
        }
        assert_eq!(self.server.moved_by_ms(self.offset_ms), self.clock());
        self.write_note();
    }

    fn audit(&mut self) {
        let (now, server) = (self.now, self.server);
        for (true_end, end, still) in &self.leases {
            assert!(server < *end || *true_end <= now, "freed while its client uses it");
            assert!(*end <= server || now < *true_end + *still, "kept for too long");
        }
        self.leases.retain(|(_, end, _)| server < *end);
    }
}

#[test]
fn whatever_the_clock_does_no_lease_ends_early_and_none_outlasts_the_stops() {
    for seed in 1..=200_u64 {
        let mut world = World {
            random: seed.wrapping_mul(0x9e37_79b9_7f4a_7c15),
            now: TODAY.unix_ms(),
            error_ms: 0,
            server: TODAY,
            offset_ms: 0,
            newest_record: None,
            note: None,
            leases: Vec::new(),
        };
        world.set_clock();
        world.server = resume(world.clock(), false, None).now;
        world.write_note();
        for _ in 0..500 {
            match world.below(10) {
                0 => world.start_again(),
                1 => {
                    world.set_clock();
                    world.look();
                }
                2 => world.look(),
                3..=5 => world.grant(),
                _ => {
                    let ms = world.below(HOUR_MS / 4);
                    world.pass(ms);
                }
            }
            world.audit();
        }
    }
}
