//! Fair shares: a queue of queues that are served in turn, one message each.
//!
//! [`Rotation`]s nest: a rotation of relays, whose members are rotations of lines, whose members
//! are plain queues, gives equal shares to relays, and to the lines of a relay. It holds tickets
//! (numbers) and does not know the messages. Invariants: an empty member is removed, so memory is
//! proportional to the waiting messages and the relays among them; each operation takes constant
//! time, except [`Queue::remove`], which searches the queue of one line.

use std::{
    collections::{HashMap, VecDeque},
    fmt::Debug,
};

use foldhash::fast::FixedState;
use slab::Slab;

/// The number of a message.
pub(super) type Ticket = usize;

/// A rotation keeps an emptied queue for its next member if the queue has room for no more than
/// this many tickets or members. While the server keeps up, queues are emptied at once, and would
/// otherwise be allocated for each message.
const SPARE_MAX: usize = 16;

/// The number of lists of [`Rotation::by_length`] that are kept although they are empty: those of
/// members that hold nothing and of members that hold one ticket.
const LISTS_KEPT: usize = 2;

/// A queue that is reached by a path of keys, one for each level of rotation.
pub(super) trait Queue: Debug + Default {
    fn len(&self) -> usize;
    fn push(&mut self, path: &[u64], ticket: Ticket);
    /// Removes and returns the next ticket in turn.
    fn pop(&mut self) -> Option<Ticket>;
    /// Removes and returns the oldest ticket of the member that holds the most.
    fn pop_of_longest(&mut self) -> Option<Ticket>;
    /// Returns whether a ticket waits at this path.
    fn has(&self, path: &[u64]) -> bool;
    /// Returns whether the members on this path, with one more ticket, would hold no less than any
    /// other.
    fn would_hold_most(&self, path: &[u64]) -> bool;
    /// Removes this ticket. Returns whether it was there.
    fn remove(&mut self, path: &[u64], ticket: Ticket) -> bool;
    /// Returns the number of tickets or members that it has allocated memory for.
    fn capacity(&self) -> usize;
}

impl Queue for VecDeque<Ticket> {
    fn len(&self) -> usize {
        self.len()
    }

    fn push(&mut self, _path: &[u64], ticket: Ticket) {
        self.push_back(ticket);
    }

    fn pop(&mut self) -> Option<Ticket> {
        self.pop_front()
    }

    fn pop_of_longest(&mut self) -> Option<Ticket> {
        self.pop_front()
    }

    fn has(&self, _path: &[u64]) -> bool {
        !self.is_empty()
    }

    fn would_hold_most(&self, _path: &[u64]) -> bool {
        true
    }

    fn remove(&mut self, _path: &[u64], ticket: Ticket) -> bool {
        let found = self.iter().position(|waiting| *waiting == ticket);
        found.is_some_and(|position| self.remove(position).is_some())
    }

    fn capacity(&self) -> usize {
        self.capacity()
    }
}

/// Members that take turns.
#[derive(Debug, Default)]
pub(super) struct Rotation<Q> {
    members: Slab<Member<Q>>,
    /// The keys are hashes that no sender can choose.
    by_key: HashMap<u64, usize, FixedState>,
    /// The member whose turn is next. Members form a ring.
    turn: Option<usize>,
    /// The members by the number of tickets that they hold; a list after the first
    /// [`LISTS_KEPT`] is followed by one that is not empty, or is not empty itself.
    by_length: Vec<Vec<usize>>,
    length: usize,
    /// The empty queue of a former member, for the next one.
    spare: Option<Q>,
}

#[derive(Debug)]
struct Member<Q> {
    key: u64,
    queue: Q,
    /// Neighbours in the ring.
    before: usize,
    after: usize,
    /// The position in the list of members that hold as many tickets.
    rank: usize,
}

impl<Q: Queue> Queue for Rotation<Q> {
    fn len(&self) -> usize {
        self.length
    }

    fn push(&mut self, path: &[u64], ticket: Ticket) {
        let (key, rest) = path.split_first().map_or((0, path), |(key, rest)| (*key, rest));
        let member = match self.by_key.get(&key) {
            Some(member) => *member,
            None => self.add(key),
        };
        self.change(member, |queue| queue.push(rest, ticket));
    }

    fn pop(&mut self) -> Option<Ticket> {
        let member = self.turn?;
        self.turn = self.members.get(member).map(|found| found.after);
        self.change(member, Queue::pop)
    }

    fn pop_of_longest(&mut self) -> Option<Ticket> {
        let longest = *self.by_length.iter().rev().find_map(|equals| equals.last())?;
        self.change(longest, Queue::pop_of_longest)
    }

    fn has(&self, path: &[u64]) -> bool {
        self.member_on(path).is_some_and(|(member, rest)| member.queue.has(rest))
    }

    fn would_hold_most(&self, path: &[u64]) -> bool {
        let most = self.most();
        match self.member_on(path) {
            Some((member, rest)) => {
                member.queue.len() + 1 >= most && member.queue.would_hold_most(rest)
            }
            None => most <= 1,
        }
    }

    fn remove(&mut self, path: &[u64], ticket: Ticket) -> bool {
        let (key, rest) = path.split_first().map_or((0, path), |(key, rest)| (*key, rest));
        let Some(member) = self.by_key.get(&key).copied() else { return false };
        self.change(member, |queue| queue.remove(rest, ticket))
    }

    fn capacity(&self) -> usize {
        self.members.capacity()
    }
}

impl<Q: Queue> Rotation<Q> {
    /// Returns how much the member holds that holds the most.
    pub(super) fn most(&self) -> usize {
        self.by_length.iter().rposition(|equals| !equals.is_empty()).unwrap_or(0)
    }

    /// Returns the member with this key.
    pub(super) fn member(&self, key: u64) -> Option<&Q> {
        self.members.get(*self.by_key.get(&key)?).map(|member| &member.queue)
    }

    /// Returns the member that a path leads to, and the rest of the path.
    fn member_on<'p>(&self, path: &'p [u64]) -> Option<(&Member<Q>, &'p [u64])> {
        let (key, rest) = path.split_first().map_or((0, path), |(key, rest)| (*key, rest));
        let member = self.by_key.get(&key)?;
        Some((self.members.get(*member)?, rest))
    }

    /// Adds a member, whose turn comes after those of all others.
    fn add(&mut self, key: u64) -> usize {
        let entry = self.members.vacant_entry();
        let new = entry.key();
        let (before, after) = (new, new);
        let queue = self.spare.take().unwrap_or_default();
        entry.insert(Member { key, queue, before, after, rank: 0 });
        self.by_key.insert(key, new);
        match self.turn {
            None => self.turn = Some(new),
            Some(turn) => {
                let last = self.members.get(turn).map_or(turn, |found| found.before);
                self.link(last, new);
                self.link(new, turn);
            }
        }
        self.rank(new, 0);
        new
    }

    fn link(&mut self, first: usize, second: usize) {
        if let Some(member) = self.members.get_mut(first) {
            member.after = second;
        }
        if let Some(member) = self.members.get_mut(second) {
            member.before = first;
        }
    }

    /// Calls `work` with the queue of a member, and updates the rotation to the change.
    fn change<T>(&mut self, member: usize, work: impl FnOnce(&mut Q) -> T) -> T
    where
        T: Default,
    {
        let Some(found) = self.members.get_mut(member) else { return T::default() };
        let length_before = found.queue.len();
        let outcome = work(&mut found.queue);
        let length = found.queue.len();
        self.length = (self.length + length).saturating_sub(length_before);
        self.unrank(member, length_before);
        match length {
            0 => self.forget(member),
            _ => self.rank(member, length),
        }
        while self.by_length.len() > LISTS_KEPT && self.by_length.last().is_some_and(Vec::is_empty)
        {
            self.by_length.pop();
        }
        outcome
    }

    fn forget(&mut self, member: usize) {
        let Some(Member { key, queue, before, after, .. }) = self.members.try_remove(member) else {
            return;
        };
        self.spare = Some(queue).filter(|queue| queue.capacity() <= SPARE_MAX);
        self.by_key.remove(&key);
        self.link(before, after);
        if self.turn == Some(member) {
            self.turn = Some(after).filter(|after| *after != member);
        }
    }

    fn rank(&mut self, member: usize, length: usize) {
        if self.by_length.len() <= length {
            self.by_length.resize_with(length + 1, Vec::new);
        }
        let Some(equals) = self.by_length.get_mut(length) else { return };
        equals.push(member);
        let rank = equals.len() - 1;
        if let Some(member) = self.members.get_mut(member) {
            member.rank = rank;
        }
    }

    fn unrank(&mut self, member: usize, length: usize) {
        let Some(rank) = self.members.get(member).map(|member| member.rank) else { return };
        let Some(equals) = self.by_length.get_mut(length) else { return };
        equals.swap_remove(rank);
        if let Some(moved) = equals.get(rank).copied()
            && let Some(moved) = self.members.get_mut(moved)
        {
            moved.rank = rank;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    type Lines = Rotation<VecDeque<Ticket>>;

    fn drained(queue: &mut impl Queue) -> Vec<Ticket> {
        std::iter::from_fn(|| queue.pop()).collect()
    }

    #[test]
    fn who_has_much_waiting_gets_no_more_turns_than_others() {
        let mut lines = Lines::default();
        for ticket in 0..5 {
            lines.push(&[1], ticket);
        }
        lines.push(&[2], 10);
        lines.push(&[3], 20);
        lines.push(&[2], 11);
        assert_eq!(drained(&mut lines), [0, 10, 20, 1, 11, 2, 3, 4]);
        assert!(lines.members.is_empty() && lines.by_key.is_empty());
    }

    #[test]
    fn relays_share_before_their_lines_do() {
        let mut relays = Rotation::<Lines>::default();
        for line in 0..4 {
            relays.push(&[1, line], line as usize);
        }
        relays.push(&[2, 0], 10);
        relays.push(&[2, 0], 11);
        assert_eq!(drained(&mut relays), [0, 10, 1, 11, 2, 3]);
    }

    #[test]
    fn what_gives_way_is_the_oldest_of_who_holds_most() {
        let mut relays = Rotation::<Lines>::default();
        for (relay, line, ticket) in
            [(1, 1, 0), (1, 2, 1), (1, 2, 2), (1, 3, 3), (2, 1, 4), (2, 1, 5), (2, 1, 6)]
        {
            relays.push(&[relay, line], ticket);
        }
        assert_eq!(relays.pop_of_longest(), Some(1), "relay 1 has four, two of them on line 2");
        let rest: Vec<_> = std::iter::from_fn(|| relays.pop_of_longest()).collect();
        assert_eq!(rest.len(), 6);
        assert_eq!(relays.pop(), None);
        assert_eq!(relays.len(), 0);
    }

    /// An operation on a queue of queues.
    #[derive(Clone, Debug)]
    enum Step {
        Push { relay: u64, line: u64 },
        Pop,
        PopOfLongest,
        Remove { nth: usize },
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            4 => (0u64..4, 0u64..4).prop_map(|(relay, line)| Step::Push { relay, line }),
            2 => Just(Step::Pop),
            1 => Just(Step::PopOfLongest),
            1 => (0usize..50).prop_map(|nth| Step::Remove { nth }),
        ]
    }

    proptest! {
        /// Compares it with a plain list: no ticket is lost, duplicated or out of the order of its
        /// line, and a dropped ticket is of the relay, and of the line in it, that has the most.
        #[test]
        fn it_agrees_with_a_plain_list(steps in prop::collection::vec(step(), 0..300)) {
            let mut relays = Rotation::<Lines>::default();
            let mut model: Vec<(u64, u64, Ticket)> = Vec::new();
            for (ticket, step) in steps.into_iter().enumerate() {
                let held = |model: &[(u64, u64, Ticket)], relay, line: Option<u64>| {
                    let is_line = |found| line.is_none_or(|line| line == found);
                    let of = |(a, b, _): &&(u64, u64, Ticket)| *a == relay && is_line(*b);
                    model.iter().filter(of).count()
                };
                match step {
                    Step::Push { relay, line } => {
                        relays.push(&[relay, line], ticket);
                        model.push((relay, line, ticket));
                    }
                    Step::Pop | Step::PopOfLongest => {
                        let longest = matches!(step, Step::PopOfLongest);
                        let found = if longest { relays.pop_of_longest() } else { relays.pop() };
                        prop_assert_eq!(found.is_none(), model.is_empty());
                        let Some(found) = found else { continue };
                        let at = model.iter().position(|(_, _, ticket)| *ticket == found).unwrap();
                        let (relay, line, _) = model[at];
                        prop_assert!(model[..at].iter().all(|(a, b, _)| (*a, *b) != (relay, line)));
                        if longest {
                            let most = (0..4).map(|relay| held(&model, relay, None)).max().unwrap();
                            prop_assert_eq!(held(&model, relay, None), most);
                            let lines = (0..4).map(|line| held(&model, relay, Some(line)));
                            prop_assert_eq!(held(&model, relay, Some(line)), lines.max().unwrap());
                        }
                        model.remove(at);
                    }
                    Step::Remove { nth } => {
                        if let Some(at) = nth.checked_rem(model.len()) {
                            let (relay, line, ticket) = model.remove(at);
                            prop_assert!(relays.remove(&[relay, line], ticket));
                            prop_assert!(!relays.remove(&[relay, line], ticket));
                        }
                    }
                }
                prop_assert_eq!(relays.len(), model.len());
            }
            let mut rest = drained(&mut relays);
            rest.sort_unstable();
            let mut expected: Vec<_> = model.into_iter().map(|(_, _, ticket)| ticket).collect();
            expected.sort_unstable();
            prop_assert_eq!(rest, expected);
            prop_assert!(relays.members.is_empty() && relays.by_length.iter().all(Vec::is_empty));
            prop_assert!(relays.by_length.len() <= LISTS_KEPT);
        }
    }
}
