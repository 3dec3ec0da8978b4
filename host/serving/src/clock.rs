//! The server's time, and its relation to the clock of the machine.
//!
//! There are two times. **Server time** is the time that leases are counted in: it advances without
//! a jump for as long as the store exists, however the clock is set. **Clock time** is what the
//! clock of the machine says: people, policies and the journal see it, and nothing is decided by
//! it. The two differ by the *offset*, in milliseconds. When the clock is set, the offset changes
//! and server time does not, so every lease keeps its remaining time, and its end is shown on the
//! new clock.
//!
//! - `resume`: where server time continues when the process starts.
//! - `note`: the file about the clock in the store's folder.
//! - `keeper`: detects that the clock was set.
//! - `kernel`: whether the kernel considers its clock synchronised.
//!
//! Does not know the leases. Invariant: server time never goes back, and while the server runs it
//! never runs faster than real time. Over a stop of the server it advances by the time that the
//! clock says, if that is plausible.

mod keeper;
mod kernel;
mod note;
mod resume;
mod status;

use std::{
    io,
    path::Path,
    sync::{
        OnceLock,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use lessor_core::Timestamp;
use nix::time::{ClockId, clock_gettime};

pub use self::status::ClockStatus;
pub(crate) use self::{
    keeper::{Keeper, say},
    kernel::is_synchronised,
    note::Note,
    resume::{Past, Resumed, Verdict, move_from_the_future, resume},
};

/// A smaller difference from the clock is caused by reading two clocks one after the other, or by a
/// leap second.
const STEP_MIN_MS: u64 = 1_500;
/// Two readings of a clock that are further apart say nothing about the reading between them.
const READING_MAX: Duration = Duration::from_millis(100);
/// The number of attempts to read the clocks closely enough together.
const READINGS_MAX: usize = 8;

static CLOCK: OnceLock<Clock> = OnceLock::new();
static VERDICT: OnceLock<Verdict> = OnceLock::new();

/// The clock of the process.
#[derive(Debug)]
struct Clock {
    /// Server time minus the time since the machine started.
    since_boot_ms: AtomicI64,
    /// Clock time minus server time.
    offset_ms: AtomicI64,
    steps: AtomicU64,
    last_step_ms: AtomicI64,
}

/// The clock of the machine was set while the server ran.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ClockStep {
    /// How far it was set forward; negative if it was set back.
    pub(crate) by_ms: i64,
}

/// Writes the note about the clock into the folder of a store, as a server does that has used the
/// store until now.
///
/// # Errors
/// If the file cannot be written.
pub fn write_note(folder: &Path) -> io::Result<()> {
    Note::now().write(folder)
}

/// Returns how far the clock is ahead of the time in which the store in `folder` counts, in
/// milliseconds, as its note says; a server may use the store.
///
/// # Errors
/// If the note cannot be read.
pub fn noted_ahead_ms(folder: &Path) -> anyhow::Result<i64> {
    Ok(Note::read(folder)?.map_or(0, Note::offset_ms))
}

/// Returns the time in which a store counts, if the clock is `ahead_ms` milliseconds ahead of it
/// and is believed.
pub fn behind_clock(ahead_ms: i64) -> Timestamp {
    of_machine().moved_by_ms(ahead_ms.saturating_neg())
}

/// Returns server time. In a process that resumed no store, it starts from the clock at the first
/// call.
pub fn now() -> Timestamp {
    clock().now()
}

/// Returns clock time minus server time, in milliseconds.
pub fn offset_ms() -> i64 {
    clock().offset_ms.load(Ordering::Relaxed)
}

/// Converts a server time to clock time.
pub fn shown(time: Timestamp) -> Timestamp {
    time.moved_by_ms(offset_ms())
}

/// Returns how often the clock was set since the process started, and how far the last time, in
/// milliseconds.
pub(crate) fn steps() -> (u64, i64) {
    let clock = clock();
    (clock.steps.load(Ordering::Relaxed), clock.last_step_ms.load(Ordering::Relaxed))
}

/// Returns the time of the machine's clock, without regard to server time.
pub(crate) fn of_machine() -> Timestamp {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_unix_ms(u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX - 1))
}

/// Continues from the time at which a store ended. Must be called before anything is decided.
pub(crate) fn go_on(resumed: &Resumed) {
    let clock = clock();
    let since_boot = boot_ms().ms_until(resumed.now);
    clock.since_boot_ms.store(since_boot, Ordering::Relaxed);
    clock.offset_ms.store(resumed.offset_ms, Ordering::Relaxed);
    let _ = VERDICT.set(resumed.verdict);
}

/// Returns what was found out about the clock when the process resumed its store.
pub(crate) fn verdict() -> Verdict {
    VERDICT.get().copied().unwrap_or(Verdict::Believed)
}

/// Compares server time with the clock of the machine, and adjusts the offset if the clock was set.
/// One thread calls this regularly.
pub(crate) fn look() -> Option<ClockStep> {
    let clock = clock();
    let (machine, boot) = read_both()?;
    let server = boot.moved_by_ms(clock.since_boot_ms.load(Ordering::Relaxed));
    let by_ms = shown(server).ms_until(machine);
    if by_ms.unsigned_abs() < STEP_MIN_MS {
        return None;
    }
    clock.offset_ms.store(server.ms_until(machine), Ordering::Relaxed);
    clock.steps.fetch_add(1, Ordering::Relaxed);
    clock.last_step_ms.store(by_ms, Ordering::Relaxed);
    Some(ClockStep { by_ms })
}

/// Formats a span of time for people, in the largest unit of which it has at least two.
pub fn for_people(ms: u64) -> String {
    let secs = ms / 1000;
    let units = [("days", 86_400), ("hours", 3_600), ("minutes", 60)];
    let found = units.into_iter().find(|(_, length)| secs >= 2 * length);
    found.map_or_else(|| format!("{secs} s"), |(unit, length)| format!("{} {unit}", secs / length))
}

fn clock() -> &'static Clock {
    CLOCK.get_or_init(|| Clock {
        since_boot_ms: AtomicI64::new(boot_ms().ms_until(of_machine())),
        offset_ms: AtomicI64::new(0),
        steps: AtomicU64::new(0),
        last_step_ms: AtomicI64::new(0),
    })
}

impl Clock {
    fn now(&self) -> Timestamp {
        boot_ms().moved_by_ms(self.since_boot_ms.load(Ordering::Relaxed))
    }
}

/// Returns the time since the machine started. Unlike the monotonic clock it advances while the
/// machine sleeps, as leases do.
fn boot_ms() -> Timestamp {
    // Both clocks exist on every Linux that this server runs on.
    let read = clock_gettime(ClockId::CLOCK_BOOTTIME)
        .or_else(|_| clock_gettime(ClockId::CLOCK_MONOTONIC))
        .map_or(Duration::ZERO, Duration::from);
    Timestamp::from_unix_ms(u64::try_from(read.as_millis()).unwrap_or(u64::MAX - 1))
}

/// Reads the clock of the machine and the time since it started at the same moment. Returns `None`
/// if the thread was interrupted at every attempt.
fn read_both() -> Option<(Timestamp, Timestamp)> {
    (0..READINGS_MAX).find_map(|_| {
        let before = boot_ms();
        let machine = of_machine();
        let after = boot_ms();
        let took_ms = u128::from(after.unix_ms().saturating_sub(before.unix_ms()));
        (took_ms <= READING_MAX.as_millis()).then_some((machine, after))
    })
}

/// Formats a clock time as RFC 3339, in UTC, to the second.
pub fn written(time: Timestamp) -> String {
    let whole_secs = i64::try_from(time.unix_ms() / 1000).ok();
    whole_secs
        .and_then(|secs| jiff::Timestamp::from_second(secs).ok())
        .map_or_else(|| "never".to_owned(), |time| time.to_string())
}
