//! Classes as `[[class]]`.

use lessor_core::LimitBy;
use lessor_vocabulary::Catalogue;
use toml_edit::{Array, InlineTable};

use crate::model::{Class, Limit, Site};

use super::{Text, duration, inline_options, matching, of_level};

/// Writes a class.
pub(super) fn write(out: &mut Text, class: &Class, catalogue: &Catalogue) {
    out.blank();
    out.comment(&class.place.short());
    out.line("[[class]]");
    out.key("name", class.name.as_str());
    if let Some(condition) = &class.condition {
        out.key("match", matching::table(condition, catalogue));
    }
    if !class.pools.is_empty() {
        out.key("pools", class.pools.iter().map(String::as_str).collect::<Array>());
    }
    if let Some(Limit { by, leases_max }) = class.limit {
        let name = LimitBy::ALL.iter().find(|(_, found)| *found == by).map_or("", |(name, _)| name);
        let mut limit = InlineTable::new();
        limit.insert("by", name.into());
        limit.insert("leases-max", i64::from(leases_max).into());
        limit.fmt();
        out.key("limit", limit);
    }
    let scope = &class.scope;
    for (key, secs) in [
        ("lease-time", scope.lease_time),
        ("min-lease-time", scope.min_lease_time),
        ("max-lease-time", scope.max_lease_time),
    ] {
        secs.into_iter().for_each(|secs| out.key(key, duration(secs)));
    }
    of_level(out, scope, catalogue);
    if !scope.options.is_empty() {
        out.key("options", inline_options(&scope.options, catalogue));
    }
}

/// A configuration that has this class only, without its pools, and a reservation that names it.
pub(crate) fn alone(class: &Class, site: &Site) -> String {
    let of_class = Site {
        catalogue: site.catalogue.clone(),
        interfaces: site.interfaces.clone(),
        listen: site.listen.clone(),
        classes: vec![Class { pools: Vec::new(), ..class.clone() }],
        ..Site::default()
    };
    let frame = super::Frame { heading: String::new(), reservations: None, store: None, kept: "" };
    let named = format!("[[reservation]]\ncircuit-id = \"x\"\nclasses = [{:?}]\n", class.name);
    super::text(&of_class, &frame) + &named + "[[subnet]]\nprefix = \"192.0.2.0/24\"\n"
}
