//! Kea as a subject.

use serde_json::{Value, json};

use super::{
    Running, Service, Site,
    running::{Files, Launch},
    service::{Addition, DOMAIN, NAME_SERVER, NETWORKS, RESERVED_ADDRESS, TIME_SERVER},
};

pub(super) fn start(site: &Site, service: &Service) -> Option<Running> {
    let folder = tempfile::tempdir().expect("there is room for a configuration");
    let subnets = (1..).zip(NETWORKS).map(|(id, network)| {
        let reservation = json!({
            "hw-address": "02:00:5e:00:53:99",
            "ip-address": RESERVED_ADDRESS,
        });
        let mut pool = json!({ "pool": format!("{} - {}", network.first, network.last) });
        add_all(&mut pool, service, |addition| addition.pools);
        let mut subnet = json!({
            "id": id,
            "subnet": format!("{}/24", network.subnet),
            "pools": [pool],
            "reservations": if network.has_reservation { json!([reservation]) } else { json!([]) },
            "option-data": [
                { "name": "routers", "data": network.router },
                { "name": "domain-name-servers", "data": NAME_SERVER },
                { "name": "domain-name", "data": DOMAIN },
                { "name": "ntp-servers", "data": TIME_SERVER },
            ],
        });
        add_all(&mut subnet, service, |addition| addition.subnets);
        subnet
    });
    let leases = folder.path().join("leases.csv");
    let mut configuration = json!({
        "interfaces-config": { "interfaces": ["eth0", "eth1"] },
        "lease-database": { "type": "memfile", "persist": true, "name": leases },
        "valid-lifetime": service.lease_secs,
        "authoritative": service.is_authoritative,
        "subnet4": subnets.collect::<Vec<_>>(),
        "loggers": [{ "name": "kea-dhcp4", "severity": "INFO",
            "output_options": [{ "output": "stdout", "flush": true }] }],
    });
    add_all(&mut configuration, service, |addition| addition.top);
    add_all(&mut configuration, service, |addition| addition.end);
    let config = folder.path().join("kea.json");
    let written = json!({ "Dhcp4": configuration }).to_string();
    std::fs::write(&config, written).expect("the folder can be written");
    let mut command = site.server.command("kea-dhcp4");
    command.arg("-c").arg(&config);
    command.env("KEA_PIDFILE_DIR", folder.path()).env("KEA_LOCKFILE_DIR", folder.path());
    let launch = Launch { name: "kea-dhcp4", command, ready: "DHCP4_STARTED" };
    Running::start(launch, Files::Folder(folder))
}

fn add_all(to: &mut Value, service: &Service, place: fn(&Addition) -> &'static str) {
    for text in service.additions.iter().map(place).filter(|text| !text.is_empty()) {
        let added = serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"));
        add(to, added);
    }
}

/// Adds the members of an object to another one. Lists are joined.
fn add(to: &mut Value, added: Value) {
    match (to, added) {
        (Value::Object(to), Value::Object(added)) => {
            for (name, value) in added {
                add(to.entry(name).or_insert(Value::Null), value);
            }
        }
        (Value::Array(to), Value::Array(added)) => to.extend(added),
        (to, added) => *to = added,
    }
}
