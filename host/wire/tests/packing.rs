//! Which options a reply has that is too short for all of them, compared with a search through all
//! places.

mod common;

use common::{BEFORE_OPTIONS, Packet, SERVER, octets, parts, reply, written};
use lessor_core::{BootFileName, OptionValue, ReplyKind, ServerName};
use proptest::{collection::vec, prelude::*};

/// The octets of file and sname without their END.
const FILE_ROOM: usize = 127;
const SERVER_NAME_ROOM: usize = 63;

/// Options without which a reply would be wrong, and routers.
fn basics() -> impl Strategy<Value = Vec<(u8, OptionValue)>> {
    (1..5usize, 7..20usize).prop_map(|(routers, identifier)| {
        vec![
            (54, OptionValue::Address(SERVER)),
            (51, OptionValue::U32(3600)),
            (1, octets(4)),
            (3, OptionValue::Addresses(vec![SERVER; routers])),
            (61, octets(identifier)),
        ]
    })
}

/// Options in any order, of which most sets are too long for the options field.
fn options() -> impl Strategy<Value = Vec<(u8, OptionValue)>> {
    let length = prop_oneof![1..40usize, 40..70usize, 90..130usize, 110..255usize];
    (basics(), vec(length, 2..8)).prop_flat_map(|(basics, lengths)| {
        let others = (224..).zip(lengths).map(|(code, length)| (code, octets(length)));
        Just(basics.into_iter().chain(others).collect::<Vec<_>>()).prop_shuffle()
    })
}

/// An option as its code, its octets with code and length, and whether it is mandatory.
type Item = (u8, usize, bool);

fn items(options: &[(u8, OptionValue)]) -> Vec<Item> {
    let item = |(code, value): &(u8, OptionValue)| {
        let mut octets = Vec::new();
        lessor_wire::encode_value(value, &mut octets);
        (*code, octets.len() + 2, [1, 51, 54, 61].contains(code))
    };
    options.iter().map(item).collect()
}

/// Tries every place of every item.
fn fit(sizes: &[usize], rooms: [usize; 3]) -> bool {
    let Some((size, rest)) = sizes.split_first() else { return true };
    sizes.iter().sum::<usize>() <= rooms.iter().sum()
        && (0..3).any(|field| {
            let mut left = rooms;
            left[field] >= *size && {
                left[field] -= size;
                fit(rest, left)
            }
        })
}

/// The codes that are left out if the mandatory options are in the options field.
fn left_out_of(items: &[Item], rooms: [usize; 3]) -> Vec<u8> {
    let mandatory: usize = items.iter().filter(|item| item.2).map(|item| item.1).sum();
    let rooms = [rooms[0] - mandatory, rooms[1], rooms[2]];
    let mut placed = Vec::new();
    let mut left_out = Vec::new();
    for (code, size, _) in items.iter().filter(|item| !item.2) {
        placed.push(*size);
        if !fit(&placed, rooms) {
            placed.pop();
            left_out.push(*code);
        }
    }
    left_out
}

/// How good a reply without these is: how many of the first options it has, and of all.
fn score(items: &[Item], left_out: &[u8]) -> (usize, usize) {
    let first = items.iter().position(|item| left_out.contains(&item.0));
    (first.unwrap_or(items.len()), items.len() - left_out.len())
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 3000, failure_persistence: None, ..Default::default()
    })]

    #[test]
    fn no_option_is_left_out_that_has_a_place(
        options in options(),
        size in 576..700u16,
        (has_file, has_server_name) in any::<(bool, bool)>(),
    ) {
        let request = Packet::discover().option(57, &size.to_be_bytes()).parse();
        let mut reply = reply(ReplyKind::Offer, options.clone());
        if has_file {
            reply.boot_file = BootFileName::new("a.0").unwrap();
        }
        if has_server_name {
            reply.server_name = ServerName::new("boot.example").unwrap();
        }
        let (packet, written) = written(&request, &reply);

        let room = usize::from(size) - 28 - BEFORE_OPTIONS - 1;
        let items = items(&options);
        let file_room = if has_file { 0 } else { FILE_ROOM };
        let server_name_room = if has_server_name { 0 } else { SERVER_NAME_ROOM };
        let plain = left_out_of(&items, [room, 0, 0]);
        let overloaded = left_out_of(&items, [room - 3, file_room, server_name_room]);
        let has_gain = file_room + server_name_room > 0
            && score(&items, &overloaded) > score(&items, &plain);
        let expected = if has_gain { overloaded } else { plain };
        prop_assert_eq!(&written.left_out[..], &expected[..]);

        // In the order in which a client reads the fields.
        let in_options = parts(&packet[240..]);
        let overload = in_options.iter().find(|(code, _)| *code == 52);
        let overload = overload.map_or(0, |(_, value)| value[0]);
        let mut read: Vec<u8> = in_options.iter().map(|(code, _)| *code).collect();
        for mandatory in items.iter().filter(|item| item.2) {
            prop_assert!(read.contains(&mandatory.0), "{read:?}");
        }
        for (bit, field) in [(1, &packet[108..236]), (2, &packet[44..108])] {
            if overload & bit != 0 {
                read.extend(parts(field).iter().map(|(code, _)| *code));
            }
        }
        let position = |code| read.iter().position(|found| *found == code);
        if position(3).is_some() {
            prop_assert!(position(1) < position(3), "{read:?}");
        }
        let count = read.iter().filter(|code| ![52, 53].contains(code)).count();
        prop_assert_eq!(count, items.len() - written.left_out.len());
    }
}
