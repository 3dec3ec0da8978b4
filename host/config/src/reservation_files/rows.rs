//! Converts the rows of a file to reservations of their subnets, or to mistakes.

use std::{net::Ipv4Addr, ops::Range, sync::Arc};

use lessor_core::{IdentifierKind, OptionSet, Reservation, ScopeSettings, VpnName};
use toml::de::DeTable;

use crate::{
    collector::Collector,
    file_position::FilePosition,
    identifiers,
    mistake::Draft,
    reader::Table,
    reservation::{self, Home, PlacedReservation, Read},
    reserved::{
        Conflicts, Reserved, address_twice, identifier_reserved, one_kind_too_many, owner_twice,
        servers_own,
    },
    roster::Roster,
    shapes,
    source::SourceFile,
    spaces::Space,
    vpns::Vpns,
};

use super::{RESERVATION_ROW_OCTETS_MAX, lines::Line};

/// The result of the fast path for a row, which ignores places.
pub(super) enum Plain {
    /// The reservation was added.
    Taken,
    /// The reservation was added, but conflicts with an earlier one.
    Twice(Conflicts),
    /// The row was not added: it has a mistake, or more than an owner and an address.
    Unclear,
}

/// A row with one owner, an address and perhaps its VPN, and no more.
pub(super) struct PlainRow<'t> {
    pub(super) owner: (IdentifierKind, &'t str),
    pub(super) address: &'t str,
    pub(super) vpn: Option<&'t str>,
}

/// The rows of one file.
pub(super) struct Rows<'r, 's> {
    /// The number of the file, from 1.
    pub(super) number: u32,
    /// The names of all files.
    pub(super) names: &'r [String],
    /// The configuration file.
    pub(super) document: &'r SourceFile,
    pub(super) reserved: &'r mut Reserved<'s>,
    pub(super) classes: &'r Roster,
    pub(super) vpns: &'r Vpns,
    /// Collects the mistakes of the file.
    pub(super) collector: Collector,
    /// The number of reservations.
    pub(super) count: u64,
    pub(super) last_options: OptionSet,
    pub(super) last_settings: ScopeSettings,
}

impl Rows<'_, '_> {
    pub(super) fn name(&self) -> &str {
        self.collector.source().name()
    }

    /// Creates a collector for the mistakes of one line.
    pub(super) fn collector_of(&self, line: usize, text: &str) -> Collector {
        let catalogue = Arc::clone(self.collector.catalogue());
        Collector::with_catalogue(SourceFile::excerpt(self.name(), text, line), catalogue)
    }

    /// Adds a row without options whose owner, address and VPN are unambiguously valid.
    pub(super) fn take_plain(&mut self, line: usize, row: PlainRow) -> Plain {
        let Some((space, reservation)) = self.plain(row) else { return Plain::Unclear };
        let conflicts = self.add(line, space, reservation);
        match conflicts.are_none() {
            true => Plain::Taken,
            false => Plain::Twice(conflicts),
        }
    }

    fn plain(&self, row: PlainRow) -> Option<(Space, Reservation)> {
        let address: Ipv4Addr = row.address.parse().ok()?;
        let space = self.reserved.space_of(row.vpn)?;
        let (_, prefix) = self.reserved.subnet_of(space, address)?;
        if reservation::role_of(address, prefix).is_some() {
            return None;
        }
        let (kind, owner) = row.owner;
        let owners = identifiers::plain_owner(kind, owner)?.into();
        let (options, settings) = Default::default();
        Some((space, Reservation { owners, address: Some(address), options, settings }))
    }

    /// Adds a row from a table whose places refer to the line, unless it was added already, and
    /// reports its mistakes.
    pub(super) fn take_table(
        &mut self,
        collector: Collector,
        line: usize,
        entries: &DeTable,
        plain: Plain,
    ) {
        let span = 0..collector.source().text().len();
        let table = Table::open(&collector, &shapes::RESERVATION_ROW, entries, span);
        let home_of = |vpn: Option<&VpnName>, address| self.reserved.home_of(vpn, address);
        let home = Home::Any { vpns: self.vpns, home_of: &home_of };
        let read = reservation::read(&table, home, self.classes).filter(|_| collector.is_empty());
        if let Some(Read { mut reservation, vpn, owners, place }) = read
            && let Some(space) = self.reserved.space_of(vpn.as_ref().map(VpnName::as_str))
        {
            share(&mut reservation.options, &mut self.last_options);
            share(&mut reservation.settings, &mut self.last_settings);
            let pool = reservation.settings.pool.as_deref();
            if let Some(draft) = pool.and_then(|pool| self.reserved.unknown_pool(space, pool)) {
                collector.report(&place, draft);
            }
            let conflicts = match plain {
                Plain::Twice(conflicts) => conflicts,
                Plain::Taken => Conflicts::default(),
                Plain::Unclear => self.add(line, space, reservation.clone()),
            };
            self.report(&collector, &reservation, (&place, &owners), conflicts);
        }
        self.collector.adopt(collector);
    }

    /// Reports a line that is not UTF-8 or too long. Returns whether the rest of the file can be
    /// read.
    pub(super) fn refuse(&mut self, line: Line) -> bool {
        match line {
            Line::Text(..) => true,
            Line::NotText(number, text, offset) => {
                let collector = self.collector_of(number, &text);
                let draft = Draft::found("the line is not UTF-8 from here on")
                    .wanted("wanted text in UTF-8")
                    .help("save the file as UTF-8; write octets that are not text as hex:0a0b");
                collector.report(&(offset..offset + 1), draft);
                self.collector.adopt(collector);
                true
            }
            Line::TooLong(number) => {
                let collector = self.collector_of(number, "");
                let found = format!("a line has more than {RESERVATION_ROW_OCTETS_MAX} octets");
                let draft = Draft::found(found).wanted("this line").help(
                    "write each reservation on a separate line; the rest of the file was not \
                         checked",
                );
                collector.report(&(0..0), draft);
                self.collector.adopt(collector);
                false
            }
        }
    }

    fn add(&mut self, line: usize, space: Space, reservation: Reservation) -> Conflicts {
        self.count += 1;
        let place = FilePosition::on_line(self.number, line);
        self.reserved.add(space, PlacedReservation { reservation, owner: place, place })
    }

    fn report(
        &self,
        collector: &Collector,
        reservation: &Reservation,
        (place, owners): (&Range<usize>, &[Range<usize>]),
        conflicts: Conflicts,
    ) {
        if let (Some(first), Some(address)) = (conflicts.address, reservation.address) {
            let wanted = format!("the second time; the first time is {}", self.written(first));
            collector.report(place, address_twice(address).wanted(wanted));
        }
        if let (Some(first), Some(address)) = (conflicts.own, reservation.address) {
            let names = format!("{} names this one", self.written(first));
            collector.report(place, servers_own(address, Some(&names)));
        }
        let identifier = reservation.settings.server_identifier;
        if let (Some(first), Some(identifier)) = (conflicts.identifier, identifier) {
            let wanted = format!("this reservation has it; {} reserves it", self.written(first));
            collector.report(place, identifier_reserved(identifier).wanted(wanted));
        }
        let named = |position: usize| {
            Some((reservation.owners.iter().nth(position)?, owners.get(position)?))
        };
        if let Some((position, first)) = conflicts.owner
            && let Some((owner, span)) = named(position)
        {
            let wanted = format!("the second one; the first one is {}", self.written(first));
            collector.report(span, owner_twice(owner).wanted(wanted));
        }
        if let Some((owner, span)) = conflicts.kind.and_then(named) {
            collector.report(span, one_kind_too_many(owner));
        }
    }

    fn written(&self, place: FilePosition) -> String {
        if let Some((file, line)) = place.line() {
            let name = file.checked_sub(1).and_then(|position| self.names.get(position as usize));
            return format!("{}:{line}", name.map_or("", String::as_str));
        }
        let (line, column) = self.document.position(place.span().unwrap_or_default().start);
        format!("{}:{line}:{column}", self.document.name())
    }
}

/// Shares a value with the previous row, because consecutive rows often have the same.
fn share<T: Clone + PartialEq>(value: &mut T, last: &mut T) {
    match value == last {
        true => value.clone_from(last),
        false => last.clone_from(value),
    }
}
