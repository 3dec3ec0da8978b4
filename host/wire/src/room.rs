//! Where the options of a reply are placed: in the options field, in file, in sname, or nowhere.
//!
//! Only computes the places and does not move any octets. Invariant: the items of a field fit into
//! it.

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

/// Places for the mandatory items first and then for the others, each in the first field with room.
/// Returns `None` if there is no room for a mandatory item.
fn by_priority(items: &[Item], mut rooms: [usize; 3]) -> Option<OptionFields> {
    let mut places: OptionFields = items.iter().map(|_| OptionField::Nowhere).collect();
    for mandatory in [true, false] {
        let turn = items.iter().zip(&mut places).filter(|(item, _)| item.is_mandatory == mandatory);
        for (item, place) in turn {
            let field = FIELDS.iter().zip(&mut rooms).find(|(_, room)| **room >= item.octets);
            match field {
                Some((field, room)) => {
                    *room -= item.octets;
                    *place = *field;
                }
                None if mandatory => return None,
                None => {}
            }
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
