//! T1 and T2 of Kea, as seconds and as parts of the lease time.

use lessor_import::{Imported, LineOutcome, OldServer};

use crate::common::{Folder, import};

/// Imports a configuration with these settings, and subnets with these.
fn kea(everywhere: &str, subnets: &[&str]) -> Imported {
    let subnets: Vec<String> = (1..)
        .zip(subnets)
        .map(|(number, keys)| {
            format!("{{ \"id\": {number}, {keys} \"subnet\": \"10.{number}.0.0/16\" }}")
        })
        .collect();
    let text = format!(
        "{{ \"Dhcp4\": {{ \"valid-lifetime\": 1000, {everywhere} \"subnet4\": [{}] }} }}",
        subnets.join(",")
    );
    let folder = Folder::new();
    let path = folder.write("configuration", &text);
    import(OldServer::Kea, &path).unwrap_or_else(|refusal| panic!("{refusal}\n{text}"))
}

/// T1 and T2 of each subnet in seconds, as the server reads them.
fn timers(found: &Imported) -> Vec<(Option<u32>, Option<u32>)> {
    let subnets = found.topology.networks().iter().flat_map(|network| &network.subnets);
    let times = subnets.map(|subnet| subnet.settings.times);
    times
        .map(|times| {
            let [renewal, rebinding] =
                [times.renewal, times.rebinding].map(|part| part.map(|part| part.of_secs(1000)));
            (renewal, rebinding)
        })
        .collect()
}

fn outcomes(found: &Imported, statement: &str) -> Vec<LineOutcome> {
    let entries = found.report.entries().iter();
    let entries = entries.filter(|entry| entry.statement.starts_with(statement));
    entries.map(|entry| entry.outcome).collect()
}

#[test]
fn parts_are_carried_where_kea_calculates() {
    let found = kea(
        "\"calculate-tee-times\": true, \"t1-percent\": 0.4, \"t2-percent\": 0.8,",
        &[
            "",
            "\"t1-percent\": 0.3,",
            "\"calculate-tee-times\": false,",
            "\"renew-timer\": 100,",
            "\"t1-percent\": 0.4,",
        ],
    );
    let (own, default) = ((Some(400), Some(800)), (Some(500), Some(875)));
    let changed = [(Some(300), Some(800)), default, (Some(100), Some(800)), own];
    assert_eq!(timers(&found)[0], own);
    assert_eq!(timers(&found)[1..], changed);
    let text = &found.configuration;
    assert!(text.contains("renewal-time = 0.4\nrebinding-time = 0.8\n"), "{text}");
    // A subnet says only what differs.
    assert_eq!(text.matches("renewal-time = 0.4").count(), 1, "{text}");
    assert_eq!(text.matches("rebinding-time").count(), 2, "{text}");
    for statement in ["\"t1-percent\"", "\"t2-percent\"", "\"calculate-tee-times\""] {
        assert!(outcomes(&found, statement).iter().all(|found| *found == LineOutcome::Carried));
    }
    assert_eq!(outcomes(&found, "\"t1-percent\"").len(), 3);
}

#[test]
fn seconds_come_before_parts_and_parts_need_the_switch() {
    let parts = "\"t1-percent\": 0.4, \"t2-percent\": 0.8,";
    let found = kea(parts, &[""]);
    assert_eq!(timers(&found), [(None, None)]);
    assert_eq!(outcomes(&found, "\"t1-percent\""), [LineOutcome::NotNeeded]);

    let found = kea(parts, &["\"calculate-tee-times\": true,"]);
    assert_eq!(timers(&found), [(Some(400), Some(800))]);
    assert_eq!(outcomes(&found, "\"t1-percent\""), [LineOutcome::Carried]);

    let seconds = format!("\"calculate-tee-times\": true, \"renew-timer\": 150, {parts}");
    let found = kea(&seconds, &["", "\"t1-percent\": 0.3,"]);
    assert_eq!(timers(&found), [(Some(150), Some(800)); 2]);
}

#[test]
fn timers_out_of_order_are_left_out_and_wrong_parts_are_reported() {
    let found = kea(
        "",
        &[
            "\"calculate-tee-times\": true, \"t1-percent\": 0.4, \"rebind-timer\": 300,",
            "\"calculate-tee-times\": true, \"t1-percent\": 1.5,",
        ],
    );
    assert_eq!(timers(&found), [(None, Some(300)), (None, None)]);
    assert_eq!(outcomes(&found, "\"t1-percent\""), [LineOutcome::Carried, LineOutcome::NotCarried]);
}
