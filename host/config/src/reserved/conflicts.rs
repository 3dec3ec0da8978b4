//! What is wrong with a reservation in view of earlier ones, and how that is said.

use std::net::Ipv4Addr;

use lessor_core::ReservationOwner;

use crate::{file_position::FilePosition, identifiers::IDENTIFIER_KINDS_MAX, mistake::Draft};

/// What is wrong with a reservation in view of earlier ones.
#[derive(Clone, Default)]
pub(crate) struct Conflicts {
    /// The place of a reservation of the same address.
    pub(crate) address: Option<FilePosition>,
    /// The place of a reservation with the same identifier in the same network, and the position of
    /// the identifier.
    pub(crate) owner: Option<(usize, FilePosition)>,
    /// The position of an identifier whose kind is one too many.
    pub(crate) kind: Option<usize>,
}

impl Conflicts {
    /// Whether there is none.
    pub(crate) const fn are_none(&self) -> bool {
        self.address.is_none() && self.owner.is_none() && self.kind.is_none()
    }
}

/// Says that an address is reserved twice.
pub(crate) fn address_twice(address: Ipv4Addr) -> Draft {
    Draft::found(format!("{address} is reserved twice")).help(
        "an address has one owner: write all identifiers of the owner into one reservation, or give \
         the other owner another address",
    )
}

/// Says that an owner has two reservations.
pub(crate) fn owner_twice(owner: &ReservationOwner) -> Draft {
    Draft::found(format!("two reservations have the same owner, {owner}"))
        .help("an owner has one reservation in a network; remove one of them")
}

/// Says that there are too many kinds of identifiers.
pub(crate) fn one_kind_too_many(owner: &ReservationOwner) -> Draft {
    let found =
        format!("`{}` is the kind of identifier number {}", owner.kind(), IDENTIFIER_KINDS_MAX + 1);
    Draft::found(found)
        .wanted(format!("wanted at most {IDENTIFIER_KINDS_MAX} kinds in all reservations"))
        .help("every message is asked for each kind; identify the owners by fewer kinds")
}

/// Adds the place of the earlier reservation, if it is in the same file.
pub(super) fn related(draft: Draft, place: FilePosition, role: &str) -> Draft {
    match place.span() {
        Some(span) => draft.related(&span, role),
        None => draft,
    }
}
