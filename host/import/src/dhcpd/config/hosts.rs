//! Hosts of `dhcpd.conf`: which clients they are, and what these get.

use std::net::Ipv4Addr;

use lessor_core::{Owners, ReservationOwner, option::code};

use crate::{
    dhcpd::{
        grammar::{Statement, Token},
        owners, statements,
    },
    model::{Reservation, Scope, Site},
    place::Place,
    report::LineOutcome,
};

use super::{
    Around, Reading,
    settings::{Own, is_of_host},
    vendor_space,
};

const NO_SETTING: &str = "a reservation is imported without such a setting: write it in \
                          [[subnet.reservation]] if that has the key, or in its subnet";
const UNNAMED: &str = "hosts without an address do not get their names from it";

/// The name of a host, and whether its client gets it.
#[derive(Clone, Debug)]
pub(super) struct Named {
    name: String,
    /// What the host or a group around it says.
    says: Option<bool>,
    /// What is said around these.
    around: bool,
}

impl Reading {
    pub(super) fn host(&mut self, statement: &Statement, block: &[Statement], around: &Around) {
        let name = statement.tokens.get(1).and_then(Token::text).unwrap_or_default();
        let mut own = Own::default();
        let mut identifiers = Vec::new();
        let mut addresses = Vec::new();
        let space = vendor_space(block).or(around.vendor_space.clone());
        for inner in block {
            match inner.word(0).unwrap_or_default() {
                _ if owners::is_owner(inner) => identifiers.push((inner, owners::read(inner))),
                "fixed-address" => addresses.push(inner),
                "use-host-decl-names" => drop(self.naming(inner, &mut own)),
                "dynamic" | "ddns-hostname" => {
                    let why = "it is about dhcpd's own files and DNS";
                    self.report.not_needed(&inner.place, &inner.shown(), why);
                }
                _ if inner.block.is_some() => {
                    let why = "expressions are for policies: see docs/policies.md";
                    self.report.not_carried(&inner.place, &inner.shown(), why);
                }
                _ => self.setting_among(inner, &mut own, space.as_deref(), is_of_host, NO_SETTING),
            }
        }
        let scope = own.scope.within(&around.group);
        let says = statements::names_hosts(block).or(around.group_names_hosts);
        let named = Named { name, says, around: around.names_hosts };
        let owners = self.owners(identifiers);
        self.reserve(statement, &named, owners, addresses, &scope);
    }

    /// Gives the clients of hosts the names that these have, where the host, a group around it or
    /// the subnet of its address says so.
    pub(super) fn name_hosts(&mut self) {
        let Site { subnets, reservations, .. } = &mut self.site;
        let mut is_one_unnamed = false;
        for (reservation, host) in reservations.iter_mut().zip(&self.hosts) {
            let of_subnet = reservation.address.and_then(|address| {
                let position = subnets.iter().position(|of| of.prefix.contains(&address))?;
                Some(self.of_subnets.get(position)?.names_hosts)
            });
            if host.says.or(of_subnet).unwrap_or(host.around) {
                let name = || host.name.as_bytes().to_vec().into();
                reservation.options.entry(code::HOST_NAME).or_insert_with(name);
            } else {
                is_one_unnamed |= reservation.address.is_none();
            }
        }
        for entry in self.names_of_subnets.iter().filter(|_| is_one_unnamed) {
            self.report.correct(*entry, LineOutcome::Changed, UNNAMED);
        }
    }

    /// The owner of a reservation, with all identifiers that its host names.
    fn owners(
        &mut self,
        named: Vec<(&Statement, Result<ReservationOwner, String>)>,
    ) -> Result<Vec<ReservationOwner>, String> {
        let mut owners = Vec::new();
        let mut problem = "it has neither a hardware address nor a client identifier".to_owned();
        for (statement, owner) in named {
            let (place, shown) = (&statement.place, statement.shown());
            match owner {
                Ok(_) if owners.len() >= Owners::MAX => {
                    let why = format!("a reservation has at most {} identifiers", Owners::MAX);
                    self.report.not_carried(place, &shown, why);
                }
                Ok(owner) => {
                    self.report.carried(place, &shown);
                    if !owners.contains(&owner) {
                        owners.push(owner);
                    }
                }
                Err(why) => {
                    self.report.not_carried(place, &shown, why.clone());
                    problem = why;
                }
            }
        }
        if owners.is_empty() { Err(problem) } else { Ok(owners) }
    }

    fn reserve(
        &mut self,
        host: &Statement,
        named: &Named,
        owners: Result<Vec<ReservationOwner>, String>,
        addresses: Vec<&Statement>,
        scope: &Scope,
    ) {
        let id = self.report.carried(&host.place, &host.shown());
        let reservation =
            |place: &Place, entry, owners: &[ReservationOwner], address| Reservation {
                place: place.clone(),
                entry,
                name: format!("host {}", named.name),
                owners: owners.to_vec(),
                address,
                classes: Vec::new(),
                lease_time: scope.lease_time,
                next_server: scope.next_server,
                boot: scope.boot.clone(),
                options: scope.options.clone(),
            };
        match &owners {
            Err(why) => self.report.correct(id, LineOutcome::NotCarried, why),
            Ok(owners) if addresses.is_empty() => {
                let without_address = reservation(&host.place, id, owners, None);
                self.site.reservations.push(without_address);
                self.hosts.push(named.clone());
            }
            Ok(_) => {}
        }
        for statement in addresses {
            let entry = self.report.carried(&statement.place, &statement.shown());
            for token in statement.after(1).iter().filter_map(Token::text) {
                match (token.parse::<Ipv4Addr>(), &owners) {
                    (Ok(address), Ok(owners)) => {
                        let found = reservation(&statement.place, entry, owners, Some(address));
                        self.site.reservations.push(found);
                        self.hosts.push(named.clone());
                    }
                    (Ok(_), Err(_)) => {
                        self.report.correct(
                            entry,
                            LineOutcome::NotCarried,
                            "its host has no owner",
                        );
                    }
                    (Err(_), _) => {
                        let why = format!("{token:?} is a name, and names are not looked up");
                        self.report.correct(entry, LineOutcome::NotCarried, why);
                    }
                }
            }
        }
    }
}
