//! Replies to BOOTP clients, which have no message type.

use lessor_e2e::{
    Datagram,
    subject::{Answer, Packet, Place, RESERVED_FOR},
};

use crate::World;

/// Returns the reply and where it was sent.
///
/// # Panics
/// Panics if there is none, or if it has a message type.
#[track_caller]
pub fn bootp_reply(answer: &Answer) -> (Datagram, Place) {
    let Some(reply) = answer.reply() else { panic!("wanted a BOOTREPLY; got {answer}") };
    assert_eq!(reply.datagram.option(53), None, "a BOOTP client knows no types");
    (reply.datagram.clone(), reply.place)
}

/// Returns the reply to the BOOTP client with a reservation.
///
/// # Panics
/// Panics like [`bootp_reply`].
#[track_caller]
pub fn reply_to_reserved(world: &World) -> (Datagram, Place) {
    bootp_reply(&world.site.broadcast(&Packet::bootp(RESERVED_FOR)))
}
