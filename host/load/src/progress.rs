//! Shows the progress of a run on standard error, if that is a terminal.

use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use crate::{args::LoadArgs, report::grouped, tally::Tally};

#[derive(Debug)]
pub(crate) struct Progress {
    bar: ProgressBar,
    began_at: Instant,
    is_timed: bool,
    next_at: Instant,
}

impl Progress {
    const INTERVAL: Duration = Duration::from_millis(100);

    pub(crate) fn new(args: &LoadArgs, now: Instant) -> Self {
        let (length, template) = match args.duration_secs {
            Some(duration_secs) => (duration_secs * 1000, "{bar:24} {wide_msg}"),
            None => {
                let steps_each = 1 + u64::from(args.renew) + u64::from(args.release);
                (u64::from(args.clients) * steps_each, "{bar:24} {percent:>3} % {wide_msg}")
            }
        };
        // The bar is hidden if standard error is not a terminal.
        let bar = ProgressBar::new(length);
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        Self { bar, began_at: now, is_timed: args.duration_secs.is_some(), next_at: now }
    }

    /// Draws the progress, unless it was drawn just before.
    pub(crate) fn tick(&mut self, tally: &Tally, now: Instant) {
        if now < self.next_at || self.bar.is_hidden() {
            return;
        }
        self.next_at = now + Self::INTERVAL;
        let elapsed = now.saturating_duration_since(self.began_at);
        let steps = tally.completed() + tally.not_completed() + tally.released;
        let millis = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX);
        self.bar.set_position(if self.is_timed { millis } else { steps });
        let per_sec = tally.completed() as f64 / elapsed.as_secs_f64().max(0.001);
        self.bar.set_message(format!(
            "{} exchanges, {}/s, {} not completed",
            grouped(tally.completed()),
            grouped(per_sec as u64),
            grouped(tally.not_completed()),
        ));
    }

    pub(crate) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}
