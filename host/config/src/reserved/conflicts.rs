//! What is wrong with a reservation in view of earlier ones, and how that is said.

use std::net::Ipv4Addr;

use lessor_core::ReservationOwner;

use crate::{file_position::FilePosition, identifiers::IDENTIFIER_KINDS_MAX, mistake::Draft};

/// What is wrong with a reservation in view of earlier ones.
#[derive(Clone, Default)]
pub(crate) struct Conflicts {
    /// The place of a reservation of the same address.
    pub(crate) address: Option<FilePosition>,
    /// The place that makes its address the server's own.
    pub(crate) own: Option<FilePosition>,
    /// The place of a reservation of the address that is its `server-identifier`.
    pub(crate) identifier: Option<FilePosition>,
    /// The place of a reservation with the same identifier in the same network, and the position of
    /// the identifier.
    pub(crate) owner: Option<(usize, FilePosition)>,
    /// The position of an identifier whose kind is one too many.
    pub(crate) kind: Option<usize>,
}

impl Conflicts {
    /// Whether there is none.
    pub(crate) const fn are_none(&self) -> bool {
        let Self { address, own, identifier, owner, kind } = self;
        address.is_none()
            && own.is_none()
            && identifier.is_none()
            && owner.is_none()
            && kind.is_none()
    }
}

/// Says that an address is reserved twice.
pub(crate) fn address_twice(address: Ipv4Addr) -> Draft {
    Draft::found(format!("{address} is reserved twice")).help(
        "an address has one owner: write all identifiers of the owner into one reservation, or give \
         the other owner another address",
    )
}

/// Says that a reserved address is the server's own; `names` says what names it, if that cannot be
/// shown.
pub(crate) fn servers_own(address: Ipv4Addr, names: Option<&str>) -> Draft {
    let wanted = "wanted an address that a client may have";
    Draft::found(format!("{address} is one of the server's own addresses"))
        .wanted(names.map_or(wanted.to_owned(), |names| format!("{wanted}; {names}")))
        .help(
            "`listen` or a `server-identifier` of its address space names it; reserve another one",
        )
}

/// Says that the server identifier of a reservation is reserved for a client.
pub(crate) fn identifier_reserved(identifier: Ipv4Addr) -> Draft {
    Draft::found(format!("{identifier}, a `server-identifier`, is reserved for a client"))
        .help("no client may have an address by which clients know the server; change one of them")
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
