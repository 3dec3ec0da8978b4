//! Where the options of a reply are placed: in the options field, in file, in sname, or nowhere.
//!
//! Only computes the places and does not move any octets; `packing` finds those of items that may
//! be in any field. Invariants: the items of a field fit into it, and an item that clients must
//! read before others is in the options field.

mod packing;

use smallvec::SmallVec;

use crate::{BOOT_FILE, SERVER_NAME};

use self::packing::{Movable, Rooms, by_priority, in_order};

/// The size of option 52 in octets, including its code and length.
const OVERLOAD_OCTETS: usize = 3;

/// An option that needs a place.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Item {
    /// Its size in octets with code and length, including those of every part if it is split. An
    /// option is never divided between fields.
    pub(crate) octets: usize,
    /// What a reply without it would be.
    pub(crate) need: Need,
}

/// How much a reply needs an option.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Need {
    /// The reply is wrong if clients do not read the option before the others: it is in the options
    /// field or the reply cannot be sent.
    First,
    /// The reply is wrong without it and cannot be sent.
    Mandatory,
    /// The reply is only incomplete without it.
    Wanted,
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

/// The room in file and sname, without their END.
const FILE_ROOM: usize = BOOT_FILE.end - BOOT_FILE.start - 1;
const SERVER_NAME_ROOM: usize = SERVER_NAME.end - SERVER_NAME.start - 1;

/// Finds places for the items. It prefers, in this order: places for all items in the given order;
/// places for all items; places for as many of the first items as possible, and for those of the
/// rest that still fit. Returns `None` if there is no room for the mandatory items.
///
/// The mandatory items are in the options field, where even clients that do not read option 52 find
/// them. Only if that has no room for all of them, some are in other fields.
///
/// `options_room` is the room in the options field, from which option 52 takes its octets if
/// another field is used.
pub(crate) fn find(items: &[Item], options_room: usize, free: FreeFields) -> Option<OptionFields> {
    let may_overload = free.file || free.server_name;
    let plain = arranged(items, Rooms { options: options_room, file: 0, server_name: 0 });
    let with_overload = match options_room.checked_sub(OVERLOAD_OCTETS) {
        Some(options)
            if may_overload
                && plain.as_ref().is_none_or(|places| first_left_out(places).is_some()) =>
        {
            let file = if free.file { FILE_ROOM } else { 0 };
            let server_name = if free.server_name { SERVER_NAME_ROOM } else { 0 };
            arranged(items, Rooms { options, file, server_name })
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

/// Places for the items in these fields: fixed ones for those that belong into the options field,
/// and for the others as they fit. Returns `None` if a mandatory item does not fit.
fn arranged(items: &[Item], rooms: Rooms) -> Option<OptionFields> {
    let octets_of = |is_meant: fn(Need) -> bool| -> usize {
        items.iter().filter(|item| is_meant(item.need)).map(|item| item.octets).sum()
    };
    let is_first: fn(Need) -> bool = |need| need == Need::First;
    let is_mandatory: fn(Need) -> bool = |need| need != Need::Wanted;
    let is_fixed = match octets_of(is_mandatory) <= rooms.options {
        true => is_mandatory,
        false => is_first,
    };
    let rooms = rooms.without(octets_of(is_fixed), OptionField::Options)?;
    let mut places: OptionFields = items.iter().map(|_| OptionField::Options).collect();
    let others = items.iter().enumerate().filter(|(_, item)| !is_fixed(item.need));
    let others: SmallVec<[Movable; 32]> = others
        .map(|(at, item)| {
            let is_mandatory = item.need != Need::Wanted;
            Movable { at, octets: item.octets, is_mandatory }
        })
        .collect();
    let found = in_order(&others, rooms).or_else(|| by_priority(&others, rooms))?;
    for (other, field) in others.iter().zip(found) {
        if let Some(place) = places.get_mut(other.at) {
            *place = field;
        }
    }
    Some(places)
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
            .map(|octets| Item {
                octets: octets.unsigned_abs(),
                need: if *octets < 0 { Need::Mandatory } else { Need::Wanted },
            })
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
            find(&[40, 70, 127, 50], 103, true),
            Some(vec![ServerName, Options, File, Nowhere])
        );
        // If not all fit, the last one is left out, whatever its size.
        assert_eq!(
            find(&[60, 90, 125, 1000], 103, true),
            Some(vec![ServerName, Options, File, Nowhere])
        );
    }

    #[test]
    fn mandatory_ones_stay_in_the_options_field() {
        assert_eq!(
            find(&[-40, 70, 127, 50], 103, true),
            Some(vec![Options, File, Nowhere, Options])
        );
        // In order, the last one would have to go to file.
        assert_eq!(find(&[10, 90, -40], 103, true), Some(vec![Options, File, Options]));
        // They are in other fields only if there is no room for all of them.
        assert_eq!(
            find(&[-50, -60, 90, 40], 103, true),
            Some(vec![Options, ServerName, File, Options])
        );
    }

    #[test]
    fn what_is_read_first_is_in_the_options_field_wherever_it_stands() {
        let item = |octets, need| Item { octets, need };
        let items = [
            item(90, Need::Mandatory),
            item(60, Need::Mandatory),
            item(6, Need::First),
            item(50, Need::Wanted),
        ];
        let free = FreeFields { file: true, server_name: true };
        let places = super::find(&items, 103, free).unwrap();
        assert_eq!(places.to_vec(), [Options, File, Options, File]);
        assert!(super::find(&[item(6, Need::First)], 5, free).is_none());
    }

    #[test]
    fn many_small_ones_are_placed_if_that_is_possible_at_all() {
        // 44 of seven octets fit into the options field, 18 into file and 9 into sname.
        let mut items = vec![7; 71];
        assert!(!find(&items, 313, true).unwrap().contains(&Nowhere));
        // The last three octets are free in two fields.
        items.push(3);
        let places = find(&items, 313, true).unwrap();
        for (field, room) in [(Options, 310), (File, 127), (ServerName, 63)] {
            let placed = items.iter().zip(&places).filter(|(_, place)| **place == field);
            assert!(placed.map(|(octets, _)| *octets as usize).sum::<usize>() <= room);
        }
        assert_eq!(first_left_out(&places.into()), Some(71));
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
