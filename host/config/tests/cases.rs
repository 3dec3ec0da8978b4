//! Cases that test a policy.
use lessor_config::{Case, LOOKUPS_MAX, Mistakes, parse_case};
use lessor_core::{LeaseEventKind, LookupAnswer, OptionValue, ReplyKind, RequestKind, Verdict};

fn parse(text: &str) -> Result<Case, Mistakes> {
    parse_case("cases/one.toml", text)
}

#[track_caller]
fn mistakes(text: &str) -> Vec<String> {
    let mistakes = parse(text).expect_err("there is a mistake");
    mistakes
        .iter()
        .map(|mistake| {
            let line = mistake.line().unwrap_or(0);
            let wanted = mistake.wanted().unwrap_or_default();
            format!("{line}: {mistake}: {wanted} ({})", mistake.help().unwrap_or_default())
        })
        .collect()
}

#[test]
fn a_request_may_say_nothing_at_all() {
    let case = parse("").unwrap();
    assert_eq!(case.request.kind, RequestKind::Discover);
    assert_eq!(case.request.hardware_address.to_string(), "02:00:00:00:00:01");
    assert_eq!(case.request.options, []);
    assert_eq!(case.expectation, None);
    assert_eq!(parse("[request]").unwrap(), case);
    assert_eq!(parse_case("one.json", "{}").unwrap(), case);
}

const WHOLE: &str = r#"
    [request]
    kind = "request"
    hardware-address = "02:00:5e:00:53:01"
    client-identifier = "hex:01020000"
    circuit-id = "olt1/1/3/onu17"
    relay-sub-options = { 5 = "hex:64400000" }
    relay-address = "100.64.0.1"
    requested-address = "100.64.1.7"
    vendor-class = "stb-4k"
    parameter-request-list = [1, "routers", 6]
    options = { user-class = "no" }
"#;

#[test]
fn options_of_a_client_are_known_by_name_and_number() {
    let text = WHOLE
        .replace("{ user-class = \"no\" }", "{ 77 = \"hex:0a\", ntp-servers = \"192.0.2.1\" }");
    let request = parse(&text).unwrap().request;
    let codes: Vec<u8> = request.options.iter().map(|(code, _)| *code).collect();
    assert_eq!(codes, [61, 60, 50, 55, 77, 42]);
    assert_eq!(request.options[3].1, OptionValue::Octets(vec![1, 3, 6]));
    assert_eq!(request.options[4].1, OptionValue::Octets(vec![10]));
    assert_eq!(request.relay_sub_options.len(), 2);
}

#[test]
fn what_the_server_knows_can_be_said() {
    let request = parse(
        r#"
        time = 2026-01-31T07:32:00Z
        event = "granted"
        stale-lookups = ["plan"]
        [lease]
        address = "100.64.1.7"
        ends-in-secs = 0
        [lookups]
        plan = { pool = "fast", mbit = 100 }
        gone = "not-found"
        down = "unavailable"
        [tables.lines."olt1/1"]
        pool = "slow"
        [reply]
        kind = "ack"
        options = { 224 = "hex:00", routers = "hex:0a" }
        "#,
    )
    .unwrap()
    .request;
    assert_eq!(request.time.unix_ms(), 1_769_844_720_000);
    assert_eq!(request.event, Some(LeaseEventKind::Granted));
    assert_eq!(request.lease.unwrap().ends_in_secs, 0);
    let LookupAnswer::Found { row, is_stale: true } = &request.lookups[0].1 else { panic!() };
    assert_eq!((row.field("pool"), row.field("mbit")), (Some("fast"), Some("100")));
    assert_eq!(request.lookups[1].1, LookupAnswer::NotFound);
    assert!(matches!(request.lookups[2].1, LookupAnswer::Unavailable(_)));
    assert_eq!(request.tables[0].2.field("pool"), Some("slow"));
    let reply = request.reply.unwrap();
    assert_eq!(reply.kind, Some(ReplyKind::Ack));
    assert_eq!(reply.options[1], (3, OptionValue::Octets(vec![10])));
}

#[test]
fn an_expectation_is_read_whole() {
    let case = parse(
        r#"
        [request]
        [settings]
        pool = "x"
        [expect]
        verdict = "ignore"
        reason = "not ours"
        pool = "walled-garden"
        subscriber = { name = "ada", leases-max = 2, beyond = "replace-oldest" }
        options = { domain-name-servers = ["192.0.2.1"] }
        no-options = ["routers", "224"]
        reply = { no-options = ["ntp-servers"] }
        lookups = { plan = { source = "crm", key = "olt1/1" } }
        "#,
    )
    .unwrap();
    assert_eq!(case.settings_json.unwrap(), r#"{"pool":"x"}"#);
    let expectation = case.expectation.unwrap();
    assert_eq!(expectation.verdict, Verdict::Ignore("not ours".to_owned()));
    assert_eq!(expectation.subscriber.unwrap().leases_max.get(), 2);
    assert_eq!(expectation.options.removed, [3, 224]);
    assert_eq!(expectation.reply.removed, [42]);
    assert_eq!(expectation.lookups[0].key, "olt1/1");
}

#[test]
fn every_mistake_is_reported_with_its_line() {
    let found = mistakes(
        r#"[request]
kind = "discovery"
mac = "02:00:5e:00:53:01"
options = { 82 = "x", routers = "x" }
time = "soon"
[request.lookups]
plan = 3
[expect]
pol = "x"
subscriber = { name = "" }
reason = "why"
"#,
    );
    let expected = [
        "2: `kind` is \"discovery\": wanted one of",
        "3: unknown key `mac` in the request: did you mean `hardware-address`?",
        "4: option 82 cannot be set here: remove this (write circuit-id",
        "4: `routers` is \"x\": wanted an IPv4 address",
        "5: `time` is \"soon\": wanted a time with its zone",
        "7: `plan` is the number 3: wanted a table of fields",
        "9: unknown key `pol` in [expect]: did you mean `pool`?",
        "10: missing key `leases-max` in the subscriber",
        "10: missing key `beyond` in the subscriber",
        "10: `name` is \"\": wanted a name of 1 to 255 octets",
        "11: there is a `reason` but no verdict",
    ];
    assert_eq!(found.len(), expected.len(), "{found:#?}");
    for (found, expected) in found.iter().zip(expected) {
        assert!(found.starts_with(expected), "{found} for {expected}");
    }
}

#[test]
fn a_request_beside_its_header_is_shown_where_it_belongs() {
    let found = mistakes("kind = \"discover\"\n[expect]\npool = \"x\"\n");
    assert!(found[1].contains("`kind` belongs below [request]"), "{found:?}");
    assert!(found[0].contains("the case has no request"), "{found:?}");
}

#[test]
fn mistakes_in_json_are_reported_with_its_lines_too() {
    let json =
        "{\n  \"kind\": \"discover\",\n  \"mac\": \"x\",\n  \"lookups\": { \"a\":\n 1 }\n}\n";
    let mistakes = parse_case("one.json", json).unwrap_err();
    let lines: Vec<_> = mistakes.iter().map(|mistake| mistake.line()).collect();
    assert_eq!(lines, [Some(3), Some(5)], "{mistakes}");
    assert!(mistakes.to_string().contains("\"mac\": \"x\""), "{mistakes}");
    let broken = parse_case("one.json", "{\n  \"kind\": \n}").unwrap_err();
    assert_eq!(broken.iter().next().unwrap().line(), Some(3), "{broken}");
    assert!(parse_case("one.json", "[]").unwrap_err().to_string().contains("not a JSON object"));
}

#[test]
fn what_a_request_brings_along_is_limited() {
    let many = |count: usize| {
        let lines: String = (0..count).map(|row| format!("n{row} = \"not-found\"\n")).collect();
        format!("[lookups]\n{lines}")
    };
    assert_eq!(parse(&many(LOOKUPS_MAX)).unwrap().request.lookups.len(), LOOKUPS_MAX);
    assert!(mistakes(&many(LOOKUPS_MAX + 1))[0].contains("at most 1000 lookups"));
    let long =
        format!("circuit-id = \"{}\"\nrelay-sub-options = {{ 9 = \"x\" }}\n", "x".repeat(253));
    assert!(mistakes(&long)[0].contains("at most 255 octets"));
}

#[test]
fn what_the_guide_shows_of_requests_and_cases_is_read() {
    let guide = include_str!("../../../docs/plugin-tools.md");
    let blocks: Vec<&str> =
        guide.split("```toml\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    assert_eq!(blocks.len(), 2);
    let request = parse(blocks[0]).unwrap_or_else(|mistakes| panic!("{mistakes}")).request;
    assert_eq!((request.lookups.len(), request.tables.len()), (2, 1));
    let case = parse(blocks[1]).unwrap_or_else(|mistakes| panic!("{mistakes}"));
    assert!(case.expectation.is_some_and(|expectation| expectation.subscriber.is_some()));
}

#[test]
fn a_case_declares_the_options_that_it_needs() {
    let text = r#"
        [request]
        options = { user-class = ["iPXE"], client-architecture = [7] }

        [expect.options]
        acme-profile = { id = 7 }
        vendor-specific-information = { acme = { vlan = 8 } }

        [[option]]
        name = "acme-profile"
        code = 224
        type = "record"
        fields = [{ name = "id", type = "u16" }]

        [[vendor]]
        name = "acme"
        class = "ACME"
        sub-options = [{ code = 2, name = "vlan", type = "u16" }]
    "#;
    let case = lessor_config::parse_case("case.toml", text).unwrap_or_else(|why| panic!("{why}"));
    let wanted =
        vec![(77, OptionValue::Octets(b"\x04iPXE".to_vec())), (93, OptionValue::U16s(vec![7]))];
    assert_eq!(case.request.options, wanted);
    let expected = case.expectation.unwrap();
    let wanted =
        vec![(224, OptionValue::Octets(vec![0, 7])), (43, OptionValue::Octets(vec![2, 2, 0, 8]))];
    assert_eq!(expected.options.set, wanted);
    assert_eq!(expected.catalogue.name(224), Some("acme-profile"));
    let mistakes = lessor_config::parse_case("case.toml", &text.replace("vlan = 8", "vlam = 8"));
    assert!(mistakes.unwrap_err().render(false).contains("did you mean `vlan`?"));
}

#[test]
fn pools_are_read_with_their_mistakes() {
    let case = parse(
        "[request]\npools = { open = { total = 100, leased = 97 } }\n[expect]\n\
         pool = [\"open\", \"large\"]\n",
    );
    let case = case.unwrap();
    let open = &case.request.pools[0];
    assert_eq!((&*open.pool, open.size, open.leased, open.free()), ("open", 100, 97, 3));
    let choice = case.expectation.unwrap().pool.unwrap();
    assert_eq!(choice.to_string(), "open, large");
    let found = mistakes(
        "[request]\npools = { a = { leased = 1 }, b = { total = 1, free = 2 }, c = 3 }\n\
         [request.reply]\nboot-file = 7\n[expect]\npool = []\n",
    );
    let expected = [
        "2: missing key `total` in the pool",
        "2: `b` is a table: wanted no more leased and free addresses",
        "2: `c` is the number 3: wanted a table",
        "4: `boot-file` is the number 7: wanted the name of a file",
        "6: `pool` is an empty list: wanted 1 to 8 pools",
    ];
    assert_eq!(found.len(), expected.len(), "{found:#?}");
    for wanted in expected {
        assert!(found.iter().any(|found| found.starts_with(wanted)), "{wanted}: {found:#?}");
    }
}

#[test]
fn a_client_may_be_in_a_vpn() {
    let vpn = parse("[request]\nvpn = \"green\"").unwrap().request.vpn;
    assert_eq!(vpn.unwrap().as_str(), "green");
    assert_eq!(parse("[request]").unwrap().request.vpn, None);
    let [mistake] = &mistakes("[request]\nvpn = 7")[..] else { panic!("one mistake") };
    assert!(mistake.contains("wanted the name of a VPN"), "{mistake}");
    let [mistake] = &mistakes("[request]\nvrf = \"green\"")[..] else { panic!("one mistake") };
    assert!(mistake.contains("did you mean `vpn`?"), "{mistake}");
}
