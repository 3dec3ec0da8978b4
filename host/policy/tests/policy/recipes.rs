//! Runs the scripts of the guide and of the examples on anything that clients and relays may send:
//! none of it causes a fault.

use std::{fs, path::PathBuf, sync::Arc};

use lessor_core::{
    LeaseEventKind, LookupAnswer, PoolUsage, RelayInformation, Reply, ReplyKind, RequestKind,
    SourceRow,
};
use lessor_policy_host::{Chain, LeaseEventRunner, LookupSources, PlannedLookup, Runner, View};
use lessor_settings::Grants;
use serde_json::json;
use tempfile::TempDir;

use crate::{
    common::{CLIENT, lease, lease_event, request, view_of, wait_for},
    scripts::{JAVASCRIPT, Language, RHAI, RUNTIME},
};

/// Unusual values of options and of sub-options of option 82.
fn odd_values() -> Vec<Vec<u8>> {
    let mut values: Vec<Vec<u8>> = vec![vec![b'a'; 255], vec![0xff; 255], vec![0; 255]];
    values.extend(
        [&[0][..], &[0xff, 0xfe], &[b'a', 0xff], "\u{202e}ä".as_bytes()].map(<[u8]>::to_vec),
    );
    let texts = [
        "",
        " ",
        "x",
        "olt1",
        "olt1/",
        "onu",
        "onuonuonu",
        "olt1/1/2/onu",
        "olt1/1/2/onu ",
        "olt1/1/2/onux",
        "olt1/1/2/onu-1",
        "olt1/1/2/onu99999999999999999999",
        "olt1/1/2/onu7",
        "\"'`${x}\\",
        "hex:zz",
        "hex:",
        "__proto__",
        "constructor",
        "toString",
        "iptv-stb",
        "voip-",
        "stb",
        "\r\n\t",
    ];
    values.extend(texts.map(|text| text.as_bytes().to_vec()));
    values
}

/// A sub-option of option 82, unless it is left out.
fn sub_option(code: u8, value: Option<&[u8]>) -> Vec<u8> {
    let with_length = |value: &[u8]| [&[code, value.len() as u8], value].concat();
    value.map(with_length).unwrap_or_default()
}

/// A message of a client with these values as circuit id, remote id, vendor class and host name.
fn message(kind: RequestKind, value: Option<&[u8]>, other: Option<&[u8]>) -> View {
    let mut asked = request(kind);
    let octets = [sub_option(1, value), sub_option(2, other)].concat();
    asked.relay_information = Some(octets)
        .filter(|octets| !octets.is_empty())
        .map(|octets| RelayInformation::from_octets(octets.as_slice()));
    asked.options = Default::default();
    asked.options.append(53, &[1]);
    for (code, value) in [(60, value), (12, value), (77, value), (61, other), (82, other)] {
        value.inspect(|value| asked.options.append(code, value));
    }
    let pools = ["residential", "business", "television", "walled-garden"].map(|pool| PoolUsage {
        pool: pool.into(),
        size: 10,
        leased: 10,
        offered: 0,
        quarantined: 0,
    });
    View { pools: Some(pools.into()), ..view_of(asked) }
}

/// Every source that the guide declares.
struct Sources;

impl LookupSources for Sources {
    fn has_source(&self, _name: &str) -> bool {
        true
    }

    fn row(&self, _source: &str, _key: &str) -> Option<Option<SourceRow>> {
        None
    }
}

fn answers() -> Vec<LookupAnswer> {
    let fields = [("address", "100.64.201.17"), ("plan", "unheard-of"), ("paid", "no")];
    let row: SourceRow =
        fields.map(|(name, value)| (Arc::from(name), Box::from(value))).into_iter().collect();
    let empty: SourceRow = [(Arc::from("plan"), Box::from(""))].into_iter().collect();
    vec![
        LookupAnswer::NotFound,
        LookupAnswer::Unavailable("it is down".to_owned()),
        LookupAnswer::Found { row, is_stale: false },
        LookupAnswer::Found { row: empty, is_stale: true },
    ]
}

/// A value and another one.
type Sent<'a> = (Option<&'a [u8]>, Option<&'a [u8]>);

/// A script with its name.
struct Script {
    name: String,
    text: String,
    language: &'static Language,
}

fn language(path: &str) -> Option<&'static Language> {
    let ending = path.rsplit_once('.').map(|(_, ending)| ending);
    match ending {
        Some("rhai") => Some(&RHAI),
        Some("js") => Some(&JAVASCRIPT),
        _ => None,
    }
}

/// The scripts of the guide and of the examples.
fn scripts() -> Vec<Script> {
    let checkout = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..");
    let guide = fs::read_to_string(checkout.join("docs/policies.md")).unwrap();
    let mut scripts = Vec::new();
    let (mut title, mut lines) = ("", guide.lines());
    while let Some(line) = lines.next() {
        if let Some(found) = line.strip_prefix("## ").or_else(|| line.strip_prefix("### ")) {
            title = found;
        }
        let Some((_, path)) = line.strip_prefix("```").and_then(|fence| fence.split_once(" file="))
        else {
            continue;
        };
        let text: String = lines
            .by_ref()
            .take_while(|line| *line != "```")
            .flat_map(|line| [line, "\n"])
            .collect();
        // A component in JavaScript is not a script.
        let is_script = path.starts_with("plugins/") || path.starts_with("next/");
        if let Some(language) = language(path).filter(|_| is_script) {
            scripts.push(Script { name: format!("{title}, {path}"), text, language });
        }
    }
    assert!(scripts.len() >= 9, "{}", scripts.len());
    for path in ["rhai/subscriber-table.rhai", "javascript-script/subscriber-table.js"] {
        let text = fs::read_to_string(checkout.join("examples/policies").join(path)).unwrap();
        let language = language(path).unwrap();
        scripts.push(Script { name: path.to_owned(), text, language });
    }
    scripts
}

#[test]
fn scripts_of_the_guide_survive_what_clients_and_relays_may_send() {
    let settings = json!({
        "unpaid": ["olt1/1/2/onu7"],
        "lines": { "olt1/3": { "pool": "residential", "leases-max": 1 } },
    });
    let odd = odd_values();
    for Script { name, text, language } in scripts() {
        let folder = TempDir::new().unwrap();
        let mut source = language.source(folder.path(), &text, &settings);
        source.grants = Grants::all();
        let chain = RUNTIME.1.chain_with_sources(vec![source], Arc::new(Sources)).unwrap();
        let mut runner = chain.runner().unwrap();
        let mut observer = chain.observer().unwrap();
        wait_for("spare instances", || runner.is_prepared());
        let mut asked = 0;
        for (position, value) in odd.iter().enumerate() {
            let other = &odd[(position * 7 + 3) % odd.len()];
            let sent: [Sent<'_>; 4] = [
                (Some(value), Some(other)),
                (Some(value), None),
                (None, Some(value)),
                (None, None),
            ];
            for (value, other) in sent {
                asked += 1;
                survives(&chain, (&mut runner, &mut observer), &name, value, other);
            }
        }
        println!("{name}: {asked} messages, no fault");
    }
}

/// Calls every hook for a client that sends these values.
#[track_caller]
fn survives(
    chain: &Arc<Chain>,
    (runner, observer): (&mut Runner, &mut LeaseEventRunner),
    name: &str,
    value: Option<&[u8]>,
    other: Option<&[u8]>,
) {
    let is_well = |what: &str| {
        if let Some(fault) = chain.status()[0].last_fault.clone() {
            let sent = value.map(String::from_utf8_lossy);
            panic!("{name}: {what} with {sent:?} ({value:?}): {}", fault.message);
        }
    };
    for kind in [RequestKind::Discover, RequestKind::Request, RequestKind::Inform] {
        let mut view = message(kind, value, other);
        let planned: Vec<PlannedLookup> = runner.plan(&view).lookups;
        is_well("planning");
        for answer in answers() {
            let answered = |lookup: &PlannedLookup| lookup.clone().answered(answer.clone());
            view.lookups = planned.iter().map(answered).collect();
            let further = runner.plan_further(&view).lookups;
            is_well("planning further");
            view.lookups =
                view.lookups.iter().cloned().chain(further.iter().map(answered)).collect();
            runner.terms(&view);
            is_well("deciding");
            let mut reply = reply();
            runner.edit_reply(&view, &mut reply);
            is_well("editing a reply");
            if planned.is_empty() {
                break;
            }
        }
    }
    for kind in [RequestKind::Decline, RequestKind::Release] {
        runner.terms(&message(kind, value, other));
        is_well("hearing the client");
    }
    let mut of = lease();
    of.relay_information =
        message(RequestKind::Request, value, other).request.relay_information.clone();
    of.host_name = message(RequestKind::Request, value, other).request.stated_name();
    let mut event = lease_event(LeaseEventKind::Granted, of);
    let planned = observer.plan(&event).lookups;
    is_well("planning for a lease");
    for answer in answers() {
        let answered = |lookup: &PlannedLookup| lookup.clone().answered(answer.clone());
        event.lookups = planned.iter().map(answered).collect();
        observer.on_lease(&event);
        is_well("hearing of a lease");
    }
}

fn reply() -> Reply {
    Reply {
        kind: ReplyKind::Offer,
        client_address: std::net::Ipv4Addr::UNSPECIFIED,
        your_address: CLIENT,
        next_server_address: std::net::Ipv4Addr::UNSPECIFIED,
        server_name: Default::default(),
        boot_file: Default::default(),
        force_broadcast: false,
        confirms_vpn: false,
        options: Vec::new(),
        destination: lessor_core::Destination::Broadcast,
    }
}
