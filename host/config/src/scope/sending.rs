//! How replies are sent: `always-send`, `never-send`, `always-send-basics` and `always-broadcast`.

use lessor_core::{SendRule, SendRules, Sending, option::code};

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
    }
}
