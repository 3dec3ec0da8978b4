//! Where the options of a reply are placed: in the options field, in file, in sname, or nowhere.
//!
//! Only computes the places and does not move any octets. Invariant: the items of a field fit into
//! it.

use std::cmp::Reverse;

use smallvec::SmallVec;

use crate::{BOOT_FILE, SERVER_NAME};

/// The size of option 52 in octets, including its code and length.
const OVERLOAD_OCTETS: usize = 3;

/// An option that needs a place.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Item {
    /// Its size in octets with code and length, including those of every part if it is split. An
    /// option is never divided between fields.
    pub(crate) octets: usize,
    /// Whether the reply cannot be sent without it.
    pub(crate) is_mandatory: bool,
}

/// The place of an option.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OptionField {
    Options,
    File,
    ServerName,
    Nowhere,
}

/// The fields of the header that can hold options.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FreeFields {
    pub(crate) file: bool,
    pub(crate) server_name: bool,
}

/// One place for each item.
pub(crate) type OptionFields = SmallVec<[OptionField; 32]>;

/// The fields in the order in which a client reads them (RFC 2131 section 4.1).
const FIELDS: [OptionField; 3] = [OptionField::Options, OptionField::File, OptionField::ServerName];
/// The room in file and sname, without their END.
const FILE_ROOM: usize = BOOT_FILE.end - BOOT_FILE.start - 1;
const SERVER_NAME_ROOM: usize = SERVER_NAME.end - SERVER_NAME.start - 1;

/// The maximum number of places that are tried for one reply before an item is left out although it
/// might fit. Hardly any reply takes a hundred.
const STEPS_MAX: usize = 2_000;

/// Finds places for the items. It prefers, in this order: places for all items in the given order;
/// places for all items; places for as many of the first items as possible, and for those of the
/// rest that still fit. Returns `None` if there is no room for the mandatory items.
///
/// `options_room` is the room in the options field, from which option 52 takes its octets if
/// another field is used.
pub(crate) fn find(items: &[Item], options_room: usize, free: FreeFields) -> Option<OptionFields> {
    let may_overload = free.file || free.server_name;
    let plain = by_priority(items, [options_room, 0, 0]);
    let with_overload = match options_room.checked_sub(OVERLOAD_OCTETS) {
        Some(room)
            if may_overload
                && plain.as_ref().is_none_or(|places| first_left_out(places).is_some()) =>
        {
            let file_room = if free.file { FILE_ROOM } else { 0 };
            let server_name_room = if free.server_name { SERVER_NAME_ROOM } else { 0 };
            let rooms = [room, file_room, server_name_room];
            in_order(items, rooms).or_else(|| by_priority(items, rooms))
        }
        _ => None,
    };
    match (plain, with_overload) {
        (Some(plain), Some(other)) => Some(better(plain, other)),
        (plain, with_overload) => plain.or(with_overload),
    }
}

/// The position of the first item without a place.
fn first_left_out(places: &OptionFields) -> Option<usize> {
    places.iter().position(|place| *place == OptionField::Nowhere)
}

/// Returns the places that serve more of the first items. Prefers `plain` if overload gains
/// nothing, because some old clients do not read option 52.
fn better(plain: OptionFields, with_overload: OptionFields) -> OptionFields {
    let served = |places: &OptionFields| first_left_out(places).unwrap_or(places.len());
    let count = |places: &OptionFields| {
        places.iter().filter(|place| **place != OptionField::Nowhere).count()
    };
    let plain_score = (served(&plain), count(&plain));
    if (served(&with_overload), count(&with_overload)) > plain_score {
        with_overload
    } else {
        plain
    }
}

/// Places for all items, in the given order across the fields, or `None` if they do not fit.
fn in_order(items: &[Item], rooms: [usize; 3]) -> Option<OptionFields> {
    let mut fields = FIELDS.into_iter().zip(rooms);
    let (mut place, mut room) = fields.next()?;
    let mut places = OptionFields::new();
    for item in items {
        while room < item.octets {
            (place, room) = fields.next()?;
        }
        room -= item.octets;
        places.push(place);
    }
    Some(places)
}

/// Places for the mandatory items first and then for the others. An item that has no room where the
/// earlier ones are gets it if these can be moved. Returns `None` if there is no room for a
/// mandatory item.
fn by_priority(items: &[Item], rooms: [usize; 3]) -> Option<OptionFields> {
    let places = items.iter().map(|_| OptionField::Nowhere).collect();
    let mut packing = Packing { items, rooms, free: rooms, places, steps: 0 };
    for mandatory in [true, false] {
        for (position, item) in items.iter().enumerate() {
            let is_turn = item.is_mandatory == mandatory;
            if is_turn && !packing.add(position, item.octets) && mandatory {
                return None;
            }
        }
    }
    Some(packing.places)
}

/// Items in their fields. One that was added stays in some field.
struct Packing<'i> {
    items: &'i [Item],
    rooms: [usize; 3],
    /// What is left of the rooms.
    free: [usize; 3],
    places: OptionFields,
    /// How many places were tried in searches so far.
    steps: usize,
}

impl Packing<'_> {
    /// Adds an item to the first field with room, or moves others to make room for it. Returns
    /// `false` if there is none.
    fn add(&mut self, position: usize, octets: usize) -> bool {
        let field = FIELDS.iter().zip(&mut self.free).find(|(_, free)| **free >= octets);
        match field {
            Some((field, free)) => {
                *free -= octets;
                if let Some(place) = self.places.get_mut(position) {
                    *place = *field;
                }
                true
            }
            None => octets <= self.free.iter().sum::<usize>() && self.move_others(position),
        }
    }

    /// Searches for new places for all items and one more, the largest first.
    fn move_others(&mut self, position: usize) -> bool {
        let placed = self.places.iter().zip(self.items).enumerate();
        let placed =
            placed.filter(|(at, (place, _))| **place != OptionField::Nowhere || *at == position);
        let mut sizes: SmallVec<[(usize, usize); 32]> =
            placed.map(|(at, (_, item))| (item.octets, at)).collect();
        sizes.sort_by_key(|(octets, at)| (Reverse(*octets), *at));
        let mut found = self.places.clone();
        let Some(free) = self.search(&sizes, self.rooms, &mut found) else { return false };
        (self.free, self.places) = (free, found);
        true
    }

    /// Tries the fields for the first of these items, and then for the rest. Returns what is left
    /// of the fields.
    fn search(
        &mut self,
        sizes: &[(usize, usize)],
        free: [usize; 3],
        found: &mut OptionFields,
    ) -> Option<[usize; 3]> {
        let Some(((octets, at), rest)) = sizes.split_first() else { return Some(free) };
        for (number, field) in FIELDS.iter().enumerate() {
            if self.steps == STEPS_MAX {
                return None;
            }
            self.steps += 1;
            let mut left = free;
            let Some(room) = left.get_mut(number).filter(|room| **room >= *octets) else {
                continue;
            };
            *room -= octets;
            if let Some(place) = found.get_mut(*at) {
                *place = *field;
            }
            if let Some(left) = self.search(rest, left, found) {
                return Some(left);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use OptionField::{File, Nowhere, Options, ServerName};

    use super::*;

    /// Calls `find` with items of these sizes; the mandatory ones are negative.
    fn find(items: &[isize], room: usize, may_overload: bool) -> Option<Vec<OptionField>> {
        find_in(items, room, FreeFields { file: may_overload, server_name: may_overload })
    }

    fn find_in(items: &[isize], room: usize, free: FreeFields) -> Option<Vec<OptionField>> {
        let items: Vec<Item> = items
            .iter()
            .map(|octets| Item { octets: octets.unsigned_abs(), is_mandatory: *octets < 0 })
            .collect();
        super::find(&items, room, free).map(|places| places.to_vec())
    }

    #[test]
    fn the_fields_hold_their_length_less_an_end() {
        assert_eq!((FILE_ROOM, SERVER_NAME_ROOM), (127, 63));
        assert_eq!(find(&[10, 127, 63], 13, true), Some(vec![Options, File, ServerName]));
        assert_eq!(find(&[10, 128], 13, true), Some(vec![Options, Nowhere]));
    }

    #[test]
    fn a_field_that_is_not_free_gets_nothing() {
        let file = FreeFields { file: true, server_name: false };
        let server_name = FreeFields { file: false, server_name: true };
        assert_eq!(find_in(&[10, 60, 60], 13, file), Some(vec![Options, File, File]));
        assert_eq!(
            find_in(&[10, 60, 60], 13, server_name),
            Some(vec![Options, ServerName, Nowhere])
        );
    }

    #[test]
    fn nothing_is_overloaded_that_fits_without() {
        assert_eq!(find(&[10, 10], 20, true), Some(vec![Options, Options]));
    }

    #[test]
    fn the_order_is_kept_where_everything_fits_in_order() {
        assert_eq!(find(&[10, 20, 5], 20, true), Some(vec![Options, File, File]));
    }

    #[test]
    fn the_order_gives_way_before_an_option_does() {
        // In order, the third item would have to go to sname, and the fourth would not fit there
        // any more.
        assert_eq!(
            find(&[10, 100, 40, 60], 53, true),
            Some(vec![Options, File, Options, ServerName])
        );
    }

    #[test]
    fn earlier_ones_are_moved_before_an_option_is_left_out() {
        // In the first field with room, the second one would take file, and the third has no other.
        assert_eq!(find(&[60, 90, 125], 103, true), Some(vec![ServerName, Options, File]));
        // A small one in the options field gives way, too.
        assert_eq!(
            find(&[-40, 70, 127, 50], 103, true),
            Some(vec![ServerName, Options, File, Nowhere])
        );
        // If not all fit, the last one is left out, whatever its size.
        assert_eq!(
            find(&[60, 90, 125, 1000], 103, true),
            Some(vec![ServerName, Options, File, Nowhere])
        );
    }

    #[test]
    fn the_search_ends_and_what_it_does_not_find_is_left_out() {
        // The last three octets are in two fields, which only very many places would prove.
        let mut items = vec![7; 71];
        items.push(3);
        let places = find(&items, 313, true).unwrap();
        for (field, room) in [(Options, 310), (File, 127), (ServerName, 63)] {
            let placed = items.iter().zip(&places).filter(|(_, place)| **place == field);
            assert!(placed.map(|(octets, _)| *octets as usize).sum::<usize>() <= room);
        }
        assert_eq!(places.iter().filter(|place| **place == Nowhere).count(), 1, "{places:?}");
    }

    #[test]
    fn the_last_ones_go_first_and_smaller_ones_fill_what_is_left() {
        assert_eq!(
            find(&[10, 10, 15, 10, 5], 30, false),
            Some(vec![Options, Options, Nowhere, Options, Nowhere])
        );
    }

    #[test]
    fn mandatory_options_displace_others_wherever_they_stand() {
        assert_eq!(find(&[20, -20], 30, false), Some(vec![Nowhere, Options]));
        assert_eq!(find(&[-20, -20], 30, false), None);
        assert_eq!(find(&[-20, -20], 30, true), Some(vec![Options, File]));
    }

    #[test]
    fn overload_is_not_bought_with_an_earlier_option() {
        // Option 52 would take the three octets that the first item needs.
        assert_eq!(find(&[200, 3], 200, true), Some(vec![Options, Nowhere]));
        assert_eq!(find(&[-200, 3], 200, true), Some(vec![Options, Nowhere]));
    }

    #[test]
    fn no_overload_where_not_even_its_option_has_room() {
        assert_eq!(find(&[5], 2, true), Some(vec![Nowhere]));
    }
}
