//! Says what a first build builds, and roughly how long that takes on this machine.

use std::thread;

use crate::parts::Part;

/// Builds do not get faster with more processors than this: the largest crates wait for each other.
const PROCESSORS_MAX: usize = 6;

/// Returns the announcement of a first build, or `None` if everything was built before.
pub(crate) fn of_first_build(missing: &[&Part]) -> Option<String> {
    let processors = thread::available_parallelism().map_or(1, usize::from);
    announcement(missing, processors)
}

fn announcement(missing: &[&Part], processors: usize) -> Option<String> {
    let total = missing.iter().map(|part| part.processor_secs).sum();
    if missing.is_empty() {
        return None;
    }
    let noun = if processors == 1 { "processor" } else { "processors" };
    let mut text = format!(
        "The first build takes roughly {} on {processors} {noun}; later builds take seconds:",
        duration(total, processors)
    );
    for part in missing {
        text += &format!("\n  {:8}  {}", duration(part.processor_secs, processors), part.name);
    }
    Some(text)
}

/// Returns a rough duration in words.
fn duration(processor_secs: u32, processors: usize) -> String {
    let secs = processor_secs as usize / processors.clamp(1, PROCESSORS_MAX);
    match secs.div_ceil(10) * 10 {
        secs @ ..90 => format!("{secs} s"),
        secs => format!("{} min", (secs + 30) / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parts::needed;

    #[test]
    fn more_processors_take_less_time_up_to_a_point() {
        assert_eq!(duration(600, 1), "10 min");
        assert_eq!(duration(600, 2), "5 min");
        assert_eq!(duration(100, 2), "50 s");
        assert_eq!(duration(600, 64), duration(600, PROCESSORS_MAX));
    }

    #[test]
    fn every_missing_part_is_announced() {
        let parts = needed(&["demo".into()]);
        let missing: Vec<&Part> = parts.iter().collect();
        let said = announcement(&missing, 2).unwrap();
        assert_eq!(said.lines().count(), parts.len() + 1, "{said}");
        assert!(parts.iter().all(|part| said.contains(part.name)), "{said}");
        assert!(announcement(&[], 2).is_none());
    }
}
