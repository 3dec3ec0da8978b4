//! Reads `[[vpn]]`: the VPNs whose addresses networks and subnets have.
//!
//! Does not know which subnets they are. Invariant: names and identifiers are unique.

use std::{collections::HashMap, sync::Arc};

use lessor_core::{Vpn, VpnId, VpnName};

use crate::{
    mistake::Draft,
    reader::{Placed, Table, Value},
    shapes,
    suggest::closest,
};

/// The VPNs of a configuration, by name.
#[derive(Default)]
pub(crate) struct Vpns(HashMap<VpnName, Placed<Arc<Vpn>>>);

const NAME: &str = "the name of a VPN as relays send it: up to 254 printable ASCII characters";
const ID: &str = "a VPN-ID as routers write it, such as \"36b:10\"";

impl Vpns {
    /// Reads the tables. Those without a name, or with the name or identifier of an earlier one,
    /// are left out.
    pub(crate) fn read(value: &Value) -> Self {
        let mut vpns = Self::default();
        for table in value.tables(&shapes::VPN) {
            let name = table.require("name", "\"green\"");
            let name = name.and_then(|value| Some(value.place(vpn_name(&value)?)));
            let id = table.get("id").and_then(|value| Some(value.place(vpn_id(&value)?)));
            if let Some(name) = name {
                vpns.add(name, id, value);
            }
        }
        vpns
    }

    /// Reads the key `vpn` of a network or subnet.
    pub(crate) fn of(&self, table: &Table) -> Option<Placed<Arc<Vpn>>> {
        let value = table.get("vpn")?;
        let name = vpn_name(&value)?;
        if let Some(known) = self.0.get(&name) {
            return Some(value.place(Arc::clone(&known.value)));
        }
        let known = self.0.keys().map(VpnName::as_str);
        let help = match closest(name.as_str(), known) {
            Some(similar) => format!("did you mean \"{similar}\"?"),
            None => format!("write [[vpn]] and below it name = \"{name}\""),
        };
        value.refuse_with_help("the name of a [[vpn]]", help);
        None
    }

    /// Reports VPNs that no subnet belongs to; `used` are those of the subnets.
    pub(crate) fn report_unused<'n>(&self, value: &Value, used: impl Iterator<Item = &'n VpnName>) {
        let used: Vec<&VpnName> = used.collect();
        let mut unused: Vec<_> = self.0.iter().filter(|(name, _)| !used.contains(name)).collect();
        unused.sort_by_key(|(_, placed)| placed.span.start);
        for (name, placed) in unused {
            let draft = Draft::found(format!("no subnet belongs to the VPN \"{name}\""))
                .wanted("wanted a network or subnet with this name as its `vpn`")
                .help(format!("write vpn = \"{name}\" below a [[network]] or [[subnet]]"));
            value.collector().report(&placed.span, draft);
        }
    }

    fn add(&mut self, name: Placed<VpnName>, id: Option<Placed<VpnId>>, value: &Value) {
        let same_name = || {
            let first = self.0.get(&name.value)?;
            Some((name.span.clone(), first, format!("named \"{}\"", name.value)))
        };
        let same_id = || {
            let id = id.as_ref()?;
            let first = self.0.values().find(|other| other.value.id == Some(id.value))?;
            Some((id.span.clone(), first, format!("identified by {}", id.value)))
        };
        if let Some((span, first, what)) = same_name().or_else(same_id) {
            let draft = Draft::found(format!("two VPNs are {what}"))
                .wanted("the second one")
                .related(&first.span, "the first one")
                .help("a message must select only one VPN; remove one of them");
            value.collector().report(&span, draft);
            return;
        }
        let vpn = Vpn { name: name.value.clone(), id: id.map(|placed| placed.value) };
        self.0.insert(name.value, Placed { value: Arc::new(vpn), span: name.span });
    }
}

/// Reads the name of a VPN, whether it is configured or not.
pub(crate) fn vpn_name(value: &Value) -> Option<VpnName> {
    let name = VpnName::new(value.text(NAME)?);
    if name.is_none() {
        value.refuse(NAME);
    }
    name
}

fn vpn_id(value: &Value) -> Option<VpnId> {
    match value.text(ID)?.parse() {
        Ok(id) => Some(id),
        Err(wanted) => {
            value.refuse_with_help(ID, wanted);
            None
        }
    }
}
