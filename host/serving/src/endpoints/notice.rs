//! Logs the changes of an endpoint: one line for each change, unless the endpoint changes so often
//! that the lines would hide everything else.
//!
//! Does not determine the state. Invariant: changes without a line are counted in the next line.

use std::time::{Duration, Instant};

use super::state::{ListenOn, Seen};

/// The number of lines about one endpoint that may follow each other at once.
const LINES_AT_ONCE: u32 = 10;

/// After those lines, there may be one more each time that this interval has passed.
const LINE_AGAIN_AFTER: Duration = Duration::from_secs(6);

/// What was logged about one endpoint.
#[derive(Debug, Default)]
pub(super) struct Notices {
    said: Option<Seen>,
    /// The number of changes without a line since the last line.
    left_out: u64,
    lines_left: Lines,
}

#[derive(Debug)]
struct Lines {
    left: u32,
    since: Option<Instant>,
}

impl Default for Lines {
    fn default() -> Self {
        Self { left: LINES_AT_ONCE, since: None }
    }
}

impl Notices {
    /// Logs the state of the endpoint, if it differs from the logged one and the limit allows a
    /// line. `has_changed` says whether the state differs from that of the last call.
    pub(super) fn tell(&mut self, place: &ListenOn, seen: &Seen, has_changed: bool, now: Instant) {
        if self.said.as_ref() == Some(seen) {
            // The endpoint returned to the logged state before the change was logged.
            self.left_out += u64::from(has_changed);
            return;
        }
        if !self.lines_left.take(now) {
            self.left_out += u64::from(has_changed);
            return;
        }
        let left_out = std::mem::take(&mut self.left_out);
        let is_first = self.said.replace(seen.clone()).is_none();
        write(place, seen, left_out, is_first);
    }
}

impl Lines {
    fn take(&mut self, now: Instant) -> bool {
        let since = *self.since.get_or_insert(now);
        let gained =
            now.saturating_duration_since(since).as_millis() / LINE_AGAIN_AFTER.as_millis();
        let gained = u32::try_from(gained).unwrap_or(u32::MAX);
        if gained > 0 {
            self.left = self.left.saturating_add(gained).min(LINES_AT_ONCE);
            self.since = Some(now);
        }
        let may = self.left > 0;
        self.left = self.left.saturating_sub(1);
        may
    }
}

fn write(place: &ListenOn, seen: &Seen, changes_left_out: u64, is_first: bool) {
    let kind = place.kind();
    let hardware_address = seen.hardware_address.map(|address| address.to_string());
    let addresses: Vec<String> = seen.addresses.iter().map(ToString::to_string).collect();
    let addresses = (!addresses.is_empty()).then(|| addresses.join(" "));
    let changes_left_out = (changes_left_out > 0).then_some(changes_left_out);
    let index = seen.index;
    match (&seen.detail, is_first) {
        (Some(why), _) => tracing::warn!(
            endpoint = %place, kind, state = %seen.state, why, changes_left_out,
            "an endpoint does not serve"
        ),
        (None, true) => tracing::info!(
            endpoint = %place, kind, index, hardware_address, addresses, "an endpoint serves"
        ),
        (None, false) => tracing::info!(
            endpoint = %place, kind, index, hardware_address, addresses, changes_left_out,
            "an endpoint has changed and serves"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_about_an_endpoint_that_flaps_are_limited() {
        let start = Instant::now();
        let mut lines = Lines::default();
        let at_once = (0..100).filter(|_| lines.take(start)).count();
        assert_eq!(at_once, LINES_AT_ONCE as usize);
        assert!(!lines.take(start + LINE_AGAIN_AFTER / 2));
        assert!(lines.take(start + LINE_AGAIN_AFTER));
        assert!(!lines.take(start + LINE_AGAIN_AFTER));
        let later = start + LINE_AGAIN_AFTER * 1000;
        assert_eq!((0..100).filter(|_| lines.take(later)).count(), LINES_AT_ONCE as usize);
    }
}
