//! The order of events: events of an address are reported in the order in which the engine decided.
//!
//! Exchanges finish in another order than they were decided in: one waits for storage, the next one
//! does not; one worker is slower than another. So a decision takes a place in the queue of each of
//! its addresses, under the lock of its network, and its event waits for those before it. Does not
//! interpret events. Neither replies nor decisions wait, nor do the events of other addresses.
//! Invariant: a place is released once, with or without an event, because an exchange ends once; so
//! the number of waiting events never exceeds the number of exchanges in progress.

use std::{
    collections::HashMap,
    fmt,
    hash::{DefaultHasher, Hash, Hasher},
    net::Ipv4Addr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use smallvec::SmallVec;

/// The number of places that may be taken in one part. There are never more exchanges in progress;
/// beyond it, events are reported as they arrive.
const PLACES_MAX: usize = 65_536;
/// The number of parts that networks are distributed over, so that their workers seldom contend.
const PARTS: usize = 64;

/// The places in the order of decisions, and the destination of events.
pub(crate) struct Order<T> {
    shared: Arc<Shared<T>>,
}

struct Shared<T> {
    parts: Vec<Mutex<Part<T>>>,
    places_max: usize,
    tell: Box<dyn Fn(T) + Send + Sync>,
}

/// A place in the queues of some addresses. It is released when it is dropped.
pub(crate) struct Turn<T> {
    shared: Arc<Shared<T>>,
    part: usize,
    number: u64,
    is_given_up: bool,
}

struct Part<T> {
    next: u64,
    places: HashMap<u64, Taken<T>>,
    /// By address: the places that were not reported yet, first to last.
    queues: HashMap<Ipv4Addr, SmallVec<[u64; 2]>>,
}

struct Taken<T> {
    addresses: SmallVec<[Ipv4Addr; 2]>,
    state: State<T>,
}

enum State<T> {
    UnderWay,
    /// The exchange has ended, with this event, if any.
    Over(Option<T>),
}

impl<T> Order<T> {
    /// Creates an order that passes every event to `tell`, which must not wait.
    pub(crate) fn new(tell: impl Fn(T) + Send + Sync + 'static) -> Self {
        Self::with_limit(PLACES_MAX, tell)
    }

    fn with_limit(places_max: usize, tell: impl Fn(T) + Send + Sync + 'static) -> Self {
        let parts = (0..PARTS).map(|_| Mutex::new(Part::new())).collect();
        Self { shared: Arc::new(Shared { parts, places_max, tell: Box::new(tell) }) }
    }

    /// Reserves a place for a decision about `addresses`. Must be called under the lock of their
    /// network. Returns `None` if the decision is about no address.
    pub(crate) fn take(
        &self,
        network: &str,
        addresses: impl IntoIterator<Item = Ipv4Addr>,
    ) -> Option<Turn<T>> {
        let mut distinct: SmallVec<[Ipv4Addr; 2]> = SmallVec::new();
        for address in addresses {
            if !distinct.contains(&address) {
                distinct.push(address);
            }
        }
        if distinct.is_empty() {
            return None;
        }
        let part = part_of(network);
        let mut locked = self.shared.lock(part)?;
        if locked.places.len() >= self.shared.places_max {
            return None;
        }
        let number = locked.take(distinct, State::UnderWay);
        Some(Turn { shared: Arc::clone(&self.shared), part, number, is_given_up: false })
    }

    /// Reports something that happened to an address just now. Must be called under the lock of its
    /// network.
    pub(crate) fn tell(&self, network: &str, address: Ipv4Addr, what: T) {
        let part = part_of(network);
        let Some(mut locked) = self.shared.lock(part) else { return };
        if !locked.queues.contains_key(&address) || locked.places.len() >= self.shared.places_max {
            (self.shared.tell)(what);
            return;
        }
        locked.take(SmallVec::from_iter([address]), State::Over(Some(what)));
    }

    /// Returns whether an event of an address waits to be reported.
    pub(crate) fn is_waiting(&self, network: &str, address: Ipv4Addr) -> bool {
        let locked = self.shared.lock(part_of(network));
        locked.is_some_and(|part| part.queues.contains_key(&address))
    }
}

impl<T> Turn<T> {
    /// Releases the place: `what` is reported once everything before it was.
    pub(crate) fn tell(mut self, what: T) {
        self.is_given_up = true;
        self.shared.give_up(self.part, self.number, Some(what));
    }
}

impl<T> Drop for Turn<T> {
    fn drop(&mut self) {
        if !self.is_given_up {
            self.shared.give_up(self.part, self.number, None);
        }
    }
}

impl<T> Shared<T> {
    /// A panic under the lock poisons it; the contents are consistent between two calls.
    fn lock(&self, part: usize) -> Option<MutexGuard<'_, Part<T>>> {
        self.parts.get(part).map(|part| part.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Reports under the lock, so that no other thread reports in between.
    fn give_up(&self, part: usize, number: u64, what: Option<T>) {
        let Some(mut part) = self.lock(part) else { return };
        if let Some(taken) = part.places.get_mut(&number) {
            taken.state = State::Over(what);
        }
        let mut due: SmallVec<[u64; 4]> = SmallVec::from_iter([number]);
        while let Some(number) = due.pop() {
            let Some(taken) = part.leave_if_first(number) else { continue };
            if let State::Over(Some(what)) = taken.state {
                (self.tell)(what);
            }
            let followers = taken.addresses.iter().filter_map(|address| part.first_of(*address));
            due.extend(followers);
        }
    }
}

impl<T> Part<T> {
    fn new() -> Self {
        Self { next: 0, places: HashMap::new(), queues: HashMap::new() }
    }

    fn take(&mut self, addresses: SmallVec<[Ipv4Addr; 2]>, state: State<T>) -> u64 {
        let number = self.next;
        self.next += 1;
        for address in &addresses {
            self.queues.entry(*address).or_default().push(number);
        }
        self.places.insert(number, Taken { addresses, state });
        number
    }

    fn first_of(&self, address: Ipv4Addr) -> Option<u64> {
        self.queues.get(&address)?.first().copied()
    }

    /// Removes a place that is released and the first of all its addresses.
    fn leave_if_first(&mut self, number: u64) -> Option<Taken<T>> {
        let taken = self.places.get(&number)?;
        let is_over = matches!(taken.state, State::Over(_));
        let is_first =
            taken.addresses.iter().all(|address| self.first_of(*address) == Some(number));
        if !is_over || !is_first {
            return None;
        }
        let taken = self.places.remove(&number)?;
        for address in &taken.addresses {
            if let Some(queue) = self.queues.get_mut(address) {
                queue.remove(0);
                if queue.is_empty() {
                    self.queues.remove(address);
                }
            }
        }
        Some(taken)
    }
}

impl<T> Clone for Order<T> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared) }
    }
}

impl<T> fmt::Debug for Order<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Order").finish_non_exhaustive()
    }
}

impl<T> fmt::Debug for Turn<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Turn").field("number", &self.number).finish_non_exhaustive()
    }
}

fn part_of(network: &str) -> usize {
    let mut hasher = DefaultHasher::new();
    network.hash(&mut hasher);
    (hasher.finish() % PARTS as u64) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    const NETWORK: &str = "network";
    const A: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
    const B: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 2);

    fn order(places_max: usize) -> (Order<u32>, crossbeam_channel::Receiver<u32>) {
        let (sender, told) = crossbeam_channel::unbounded();
        let order = Order::with_limit(places_max, move |what| sender.send(what).unwrap());
        (order, told)
    }

    fn all(told: &crossbeam_channel::Receiver<u32>) -> Vec<u32> {
        told.try_iter().collect()
    }

    #[test]
    fn what_is_over_first_waits_for_what_was_decided_first() {
        let (order, told) = order(100);
        let [first, second, third] = [(); 3].map(|()| order.take(NETWORK, [A]).unwrap());
        let other = order.take(NETWORK, [B]).unwrap();
        third.tell(3);
        other.tell(9);
        second.tell(2);
        assert_eq!(all(&told), [9]);
        first.tell(1);
        assert_eq!(all(&told), [1, 2, 3]);
    }

    #[test]
    fn a_decision_about_two_addresses_waits_for_both_and_holds_up_both() {
        let (order, told) = order(100);
        let a = order.take(NETWORK, [A]).unwrap();
        let b = order.take(NETWORK, [B]).unwrap();
        let both = order.take(NETWORK, [A, B, A]).unwrap();
        let [after_a, after_b] = [A, B].map(|address| order.take(NETWORK, [address]).unwrap());
        for (place, what) in [(after_a, 4), (after_b, 5), (both, 3), (b, 2)] {
            place.tell(what);
        }
        assert_eq!(all(&told), [2]);
        a.tell(1);
        let rest = all(&told);
        assert_eq!(rest[..2], [1, 3]);
        assert_eq!(rest.len(), 4);
    }

    #[test]
    fn a_place_that_is_dropped_holds_nobody_up() {
        let (order, told) = order(100);
        let first = order.take(NETWORK, [A]).unwrap();
        order.take(NETWORK, [A]).unwrap().tell(2);
        order.tell(NETWORK, A, 3);
        order.tell(NETWORK, B, 9);
        assert_eq!(all(&told), [9]);
        assert!(order.is_waiting(NETWORK, A) && !order.is_waiting(NETWORK, B));
        drop(first);
        assert_eq!(all(&told), [2, 3]);
        assert!(!order.is_waiting(NETWORK, A));
    }

    #[test]
    fn beyond_the_limit_what_happened_is_reported_as_it_comes() {
        let (order, told) = order(2);
        let first = order.take(NETWORK, [A]).unwrap();
        let _second = order.take(NETWORK, [B]).unwrap();
        assert!(order.take(NETWORK, [A]).is_none());
        order.tell(NETWORK, A, 3);
        assert_eq!(all(&told), [3]);
        first.tell(1);
        assert_eq!(all(&told), [1]);
        assert!(order.take(NETWORK, []).is_none());
    }

    #[test]
    fn workers_that_finish_at_random_tell_of_each_address_in_order() {
        let (order, told) = order(100_000);
        let engine = Mutex::new(0_u32);
        std::thread::scope(|scope| {
            for worker in 0..4 {
                let (order, engine) = (&order, &engine);
                scope.spawn(move || {
                    let mut held = Vec::new();
                    for round in 0..2_000_u32 {
                        let mut number = engine.lock().unwrap();
                        *number += 1;
                        let octet = (round * 7 + worker) % 5;
                        let address = Ipv4Addr::new(10, 0, 0, octet as u8);
                        let place = order.take(NETWORK, [address]).unwrap();
                        held.push((place, *number * 10 + octet));
                        drop(number);
                        if round % 3 == 0 {
                            let at = (round as usize * 31) % held.len();
                            let (place, what) = held.swap_remove(at);
                            place.tell(what);
                        }
                    }
                    held.into_iter().for_each(|(place, what)| place.tell(what));
                });
            }
        });
        let told = all(&told);
        assert_eq!(told.len(), 8_000);
        for octet in 0..5 {
            let of_address: Vec<_> = told.iter().filter(|what| **what % 10 == octet).collect();
            assert!(of_address.is_sorted());
        }
    }
}
