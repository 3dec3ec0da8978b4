//! MTUs of interfaces by their names, read again every now and then: an operator may change one.

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

/// What is known is no older than this.
const READ_AGAIN_AFTER: Duration = Duration::from_secs(1);

/// How many interfaces are remembered.
const REMEMBERED_MAX: usize = 1024;

/// The MTUs of the interfaces that messages come in by.
#[derive(Debug, Default)]
pub(super) struct Mtus(HashMap<Arc<str>, (Instant, Option<u16>)>);

impl Mtus {
    /// The largest IP datagram in octets that interface `name` carries, if the system says.
    pub(super) fn of(&mut self, name: &Arc<str>) -> Option<u16> {
        if let Some((read_at, octets)) = self.0.get(name)
            && read_at.elapsed() < READ_AGAIN_AFTER
        {
            return *octets;
        }
        if self.0.len() >= REMEMBERED_MAX {
            self.0.clear();
        }
        let octets = read(name);
        self.0.insert(Arc::clone(name), (Instant::now(), octets));
        octets
    }
}

/// The loopback interface carries more than a datagram can have.
fn read(name: &str) -> Option<u16> {
    let text = std::fs::read_to_string(format!("/sys/class/net/{name}/mtu")).ok()?;
    let octets: u32 = text.trim_end().parse().ok()?;
    Some(u16::try_from(octets).unwrap_or(u16::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_system_tells_and_what_is_remembered_has_a_limit() {
        let mut mtus = Mtus::default();
        assert_eq!(mtus.of(&Arc::from("lo")), Some(u16::MAX));
        for number in 0..2 * REMEMBERED_MAX {
            assert_eq!(mtus.of(&Arc::from(format!("none{number}"))), None);
            assert!(mtus.0.len() <= REMEMBERED_MAX);
        }
        assert_eq!(mtus.of(&Arc::from("lo")), Some(u16::MAX));
    }
}
