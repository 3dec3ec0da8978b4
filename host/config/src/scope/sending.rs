//! How replies are sent: `always-send`, `never-send`, `always-send-basics`, `always-broadcast` and
//! `own-address-for`.

use std::sync::Arc;

use lessor_core::{
    OptionDefinition, OptionKind, SendRule, SendRules, Sending,
    option::{code, shown_name},
};

use crate::{
    mistake::Draft,
    options::{self, Options},
    reader::{Placed, Table},
};

/// What `always-send-basics` stands for: what other servers send unasked.
const BASICS: [u8; 3] = [code::ROUTERS, code::DOMAIN_NAME_SERVERS, code::DOMAIN_NAME];

/// Reads the keys of a level that sets `options`.
pub(super) fn read(table: &Table, options: &Options) -> Sending {
    let codes = |key| {
        let items = table.get(key).map(|value| value.items()).unwrap_or_default();
        let read = |item: &_| options::recognise_rule(item);
        items.iter().filter_map(read).collect::<Vec<Placed<u8>>>()
    };
    let (always, never) = (codes("always-send"), codes("never-send"));
    for placed in &always {
        if placed.value == code::IPV6_ONLY_PREFERRED {
            let draft = Draft::found("`always-send` contains option 108 (ipv6-only-preferred)")
                .wanted("remove this")
                .help("only a client that asks for it may get it (RFC 8925 section 3.3)");
            table.collector().report(&placed.span, draft);
        }
    }
    for placed in &never {
        if placed.value == code::SUBNET_MASK {
            let draft = Draft::found("`never-send` contains option 1 (subnet-mask)")
                .wanted("remove this")
                .help("without a mask a client falls back to the class of its address");
            table.collector().report(&placed.span, draft);
            continue;
        }
        let other = always.iter().find(|other| other.value == placed.value);
        let value = options.get(placed.value);
        let draft = match (other, value) {
            (Some(other), _) => Draft::found("an option is both always and never sent")
                .wanted("wanted it in one of the lists")
                .related(&other.span, "in `always-send`"),
            (None, Some(value)) => Draft::found("an option is set and never sent")
                .wanted("wanted one or the other")
                .related(&value.span, "the value of the option"),
            (None, None) => continue,
        };
        let help =
            "in `never-send` belong options that wider levels set and this one does not want";
        table.collector().report(&placed.span, draft.help(help));
    }
    let basics = table.get("always-send-basics").and_then(|value| value.flag());
    let basics = basics.map(|wanted| match wanted {
        true => SendRule::Always,
        false => SendRule::IfAskedFor,
    });
    let basics = basics.into_iter().flat_map(|rule| BASICS.map(|code| (code, rule)));
    let rules =
        |codes: Vec<Placed<u8>>, rule| codes.into_iter().map(move |placed| (placed.value, rule));
    let rules: SendRules = basics
        .chain(rules(always, SendRule::Always))
        .chain(rules(never, SendRule::Never))
        .collect();
    Sending {
        rules,
        always_broadcast: table.get("always-broadcast").and_then(|value| value.flag()),
        own_address_for: own_address_for(table),
    }
}

/// The options that get the server's own address. An empty list overrules that of a wider level.
fn own_address_for(table: &Table) -> Option<Arc<[u8]>> {
    let list = table.get("own-address-for")?;
    let mut codes: Vec<u8> = Vec::new();
    for item in list.items() {
        let Some(placed) = options::recognise_rule(&item) else { continue };
        let kind = OptionDefinition::by_code(placed.value).map(|definition| &definition.kind);
        match kind {
            _ if [code::SUBNET_MASK, code::BROADCAST_ADDRESS].contains(&placed.value) => {
                let name = shown_name(placed.value);
                let draft = Draft::found(format!("{name} follows from the prefix of the subnet"))
                    .wanted("remove this");
                table.collector().report(&placed.span, draft);
            }
            Some(OptionKind::Address | OptionKind::Addresses) => codes.push(placed.value),
            _ => {
                let name = shown_name(placed.value);
                let draft = Draft::found(format!("{name} is not an option with IPv4 addresses"))
                    .wanted("wanted an option such as \"routers\" or \"domain-name-servers\"");
                table.collector().report(&placed.span, draft);
            }
        }
    }
    codes.sort_unstable();
    codes.dedup();
    Some(codes.into())
}
