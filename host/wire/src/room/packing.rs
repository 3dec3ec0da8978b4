//! How items that may be in any field are distributed over the fields.
//!
//! Does not know which items those are; [`super::find`] does. Invariant: an item is left out only
//! if there is no way to place it together with those that have precedence.

use std::iter;

use smallvec::SmallVec;

use super::{OptionField, OptionFields, SERVER_NAME_ROOM};

/// The fields in the order in which a client reads them (RFC 2131 section 4.1).
const FIELDS: [OptionField; 3] = [OptionField::Options, OptionField::File, OptionField::ServerName];

/// What is left of the fields, in octets.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rooms {
    pub(super) options: usize,
    pub(super) file: usize,
    pub(super) server_name: usize,
}

impl Rooms {
    /// The rooms without these octets in a field, if the field has them.
    pub(super) fn without(self, octets: usize, field: OptionField) -> Option<Self> {
        let mut left = self;
        let room = match field {
            OptionField::Options => &mut left.options,
            OptionField::File => &mut left.file,
            OptionField::ServerName => &mut left.server_name,
            OptionField::Nowhere => return Some(self),
        };
        *room = room.checked_sub(octets)?;
        Some(left)
    }
}

/// An item that may be in any field.
#[derive(Clone, Copy)]
pub(super) struct Movable {
    /// Its position among all items.
    pub(super) at: usize,
    pub(super) octets: usize,
    pub(super) is_mandatory: bool,
}

/// Places for all items, in the given order across the fields, or `None` if they do not fit.
pub(super) fn in_order(items: &[Movable], rooms: Rooms) -> Option<OptionFields> {
    let mut fields = FIELDS.into_iter();
    let mut field = fields.next()?;
    let mut left = rooms;
    let mut places = OptionFields::new();
    for item in items {
        left = loop {
            match left.without(item.octets, field) {
                Some(left) => break left,
                None => field = fields.next()?,
            }
        };
        places.push(field);
    }
    Some(places)
}

/// Places for the mandatory items first and then for the others, each in the given order. Returns
/// `None` if a mandatory item does not fit.
pub(super) fn by_priority(items: &[Movable], rooms: Rooms) -> Option<OptionFields> {
    let mut is_placed: SmallVec<[bool; 32]> = items.iter().map(|_| false).collect();
    let (mut sums, mut octets) = (Sums::of_none(rooms), 0);
    for mandatory in [true, false] {
        let turn = items.iter().zip(&mut is_placed);
        for (item, is_placed) in turn.filter(|(item, _)| item.is_mandatory == mandatory) {
            let with = sums.with(item.octets);
            if with.fit(octets + item.octets, rooms) {
                (sums, octets, *is_placed) = (with, octets + item.octets, true);
            } else if mandatory {
                return None;
            }
        }
    }
    Some(earliest(items, &is_placed, rooms))
}

/// Places for items that fit together: each is in the first field that leaves room for those after
/// it.
fn earliest(items: &[Movable], is_placed: &[bool], rooms: Rooms) -> OptionFields {
    // The sums of the items after each, for the last one first.
    let mut after = Vec::with_capacity(items.len());
    let (mut sums, mut octets) = (Sums::of_none(rooms), 0);
    for (item, is_placed) in items.iter().zip(is_placed).rev() {
        after.push((sums.clone(), octets));
        if *is_placed {
            (sums, octets) = (sums.with(item.octets), octets + item.octets);
        }
    }
    let mut left = rooms;
    let mut places = OptionFields::new();
    for ((item, is_placed), (sums, octets)) in items.iter().zip(is_placed).zip(after.iter().rev()) {
        let fields = FIELDS.into_iter().filter(|_| *is_placed);
        let mut fields = fields.filter_map(|it| Some((it, left.without(item.octets, it)?)));
        let found = fields.find(|(_, left)| sums.fit(*octets, *left));
        let (field, rest) = found.unwrap_or((OptionField::Nowhere, left));
        left = rest;
        places.push(field);
    }
    places
}

/// The octets that some items can take in file and sname while the rest of them is in the options
/// field: bit N of word M is set if they can take exactly M octets in file and N in sname. So
/// whether items fit is known without a search through all places, of which there are too many.
#[derive(Clone)]
struct Sums(Vec<u64>);

const _: () = assert!(SERVER_NAME_ROOM < u64::BITS as usize, "a word has a bit for each octet");

impl Sums {
    /// Those of no item, with a word for each sum that file has room for.
    fn of_none(rooms: Rooms) -> Self {
        Self(iter::once(1).chain(iter::repeat_n(0, rooms.file)).collect())
    }

    /// Those of the items and one more.
    fn with(&self, octets: usize) -> Self {
        let mut with = self.clone();
        let in_file = with.0.iter_mut().skip(octets).zip(&self.0);
        in_file.for_each(|(with, without)| *with |= without);
        if let Some(octets) = u32::try_from(octets).ok().filter(|octets| *octets < u64::BITS) {
            let in_server_name = with.0.iter_mut().zip(&self.0);
            in_server_name.for_each(|(with, without)| *with |= without << octets);
        }
        with
    }

    /// Returns whether the items, which have `octets` in all, fit into these rooms.
    fn fit(&self, octets: usize, rooms: Rooms) -> bool {
        let elsewhere = octets.saturating_sub(rooms.options);
        let in_room = u64::MAX >> (SERVER_NAME_ROOM - rooms.server_name.min(SERVER_NAME_ROOM));
        self.0.iter().take(rooms.file + 1).enumerate().any(|(in_file, word)| {
            let in_server_name = (word & in_room).checked_ilog2();
            in_server_name.is_some_and(|most| in_file + most as usize >= elsewhere)
        })
    }
}
