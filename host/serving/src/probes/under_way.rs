//! The probes that are under way, and how many more may be.
//!
//! Invariant: none of the limits is exceeded.

use std::{
    collections::HashMap,
    net::Ipv4Addr,
    sync::{Mutex, MutexGuard, PoisonError},
};

use lessor_core::Origin;

/// The addresses that are probed now, each with where its client asked from.
#[derive(Debug, Default)]
pub(crate) struct UnderWay(Mutex<Probed>);

#[derive(Debug, Default)]
struct Probed {
    /// Whether a thread sends probes.
    is_open: bool,
    by_address: HashMap<Ipv4Addr, Origin>,
    by_origin: HashMap<Origin, usize>,
}

/// Why a probe does not begin. The address is offered unprobed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoProbe {
    /// As many as allowed are under way, for its line or link or in total.
    TooMany,
    /// Nothing sends probes, because the server stops.
    NotRunning,
}

impl UnderWay {
    /// The number of addresses that are probed at a time.
    pub(crate) const TOTAL_MAX: usize = 512;
    /// For the clients of one link whose line no relay agent names.
    const LINK_MAX: usize = 128;
    /// For the clients of one line.
    const LINE_MAX: usize = 4;

    /// Notes that an address is probed, if `accept` returns that there is room for it. Returns
    /// `false` if it was noted already.
    ///
    /// # Errors
    /// If too many are.
    pub(crate) fn begin(
        &self,
        address: Ipv4Addr,
        origin: Origin,
        accept: impl FnOnce() -> bool,
    ) -> Result<bool, NoProbe> {
        let mut probed = self.lock();
        if !probed.is_open {
            return Err(NoProbe::NotRunning);
        }
        if probed.by_address.contains_key(&address) {
            return Ok(false);
        }
        let max = if origin.names_line() { Self::LINE_MAX } else { Self::LINK_MAX };
        let of_origin = probed.by_origin.get(&origin).copied().unwrap_or_default();
        if of_origin >= max || probed.by_address.len() >= Self::TOTAL_MAX || !accept() {
            return Err(NoProbe::TooMany);
        }
        probed.by_origin.insert(origin.clone(), of_origin + 1);
        probed.by_address.insert(address, origin);
        Ok(true)
    }

    /// Notes that an address is not probed any more.
    pub(crate) fn end(&self, address: Ipv4Addr) {
        let mut probed = self.lock();
        let Some(origin) = probed.by_address.remove(&address) else { return };
        let left = probed.by_origin.get(&origin).copied().unwrap_or_default().saturating_sub(1);
        match left {
            0 => probed.by_origin.remove(&origin),
            left => probed.by_origin.insert(origin, left),
        };
    }

    pub(crate) fn open(&self) {
        self.lock().is_open = true;
    }

    pub(crate) fn close(&self) {
        self.lock().is_open = false;
    }

    pub(crate) fn is_open(&self) -> bool {
        self.lock().is_open
    }

    fn lock(&self) -> MutexGuard<'_, Probed> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use lessor_core::Link;

    use super::*;

    fn origin(link: u8, circuit_id: Option<u8>) -> Origin {
        let link = Link::Relay(Ipv4Addr::new(10, 0, 0, link));
        let circuit_id = circuit_id.map(|octet| Box::from([octet]));
        Origin { link, circuit_id, remote_id: None }
    }

    fn begun(under_way: &UnderWay, addresses: std::ops::Range<u32>, origin: &Origin) -> usize {
        let begin = |number: u32| under_way.begin(Ipv4Addr::from(number), origin.clone(), || true);
        addresses.filter(|number| begin(*number) == Ok(true)).count()
    }

    #[test]
    fn only_so_many_are_under_way_for_a_line_a_link_and_in_total() {
        let under_way = UnderWay::default();
        under_way.open();
        assert_eq!(begun(&under_way, 0..10, &origin(1, Some(1))), UnderWay::LINE_MAX);
        assert_eq!(begun(&under_way, 10..20, &origin(1, Some(2))), UnderWay::LINE_MAX);
        assert_eq!(begun(&under_way, 100..300, &origin(1, None)), UnderWay::LINK_MAX);
        let mut total = 2 * UnderWay::LINE_MAX + UnderWay::LINK_MAX;
        for link in 2..9 {
            let first = u32::from(link) * 1000;
            total += begun(&under_way, first..first + 200, &origin(link, None));
        }
        assert_eq!(total, UnderWay::TOTAL_MAX);
        let begin =
            |address, link| under_way.begin(Ipv4Addr::from(address), origin(link, None), || true);
        assert_eq!(begin(9_999_u32, 9), Err(NoProbe::TooMany));
        under_way.end(Ipv4Addr::from(100));
        assert_eq!(begin(9_999_u32, 9), Ok(true));
        assert_eq!(begin(100_u32, 1), Err(NoProbe::TooMany));
    }

    #[test]
    fn an_address_is_probed_once_at_a_time() {
        let under_way = UnderWay::default();
        under_way.open();
        let address = Ipv4Addr::new(10, 0, 0, 1);
        let begin = |line, has_room| under_way.begin(address, origin(1, Some(line)), || has_room);
        assert_eq!(begin(1, false), Err(NoProbe::TooMany));
        assert_eq!([begin(1, true), begin(2, true)], [Ok(true), Ok(false)]);
        under_way.end(address);
        under_way.end(address);
        assert_eq!(begin(2, true), Ok(true));
        under_way.close();
        assert_eq!(begin(3, true), Err(NoProbe::NotRunning));
    }
}
