//! This server as a subject.

use super::{
    Running, Service, Site, TO_RELAY,
    running::{Files, Launch},
    service::{DOMAIN, INFINITE_SECS, NAME_SERVER, NETWORKS, RESERVED_ADDRESS, TIME_SERVER},
};
use crate::Setup;

pub(super) fn start(site: &Site, service: &Service) -> Option<Running> {
    let setup = Setup::on_link("eth0", &subnets(service))
        .with_server_setting(&format!("listen = [\"{TO_RELAY}:67\"]"))
        .with_server_setting(&format!("authoritative = {}", service.is_authoritative))
        .with_server_setting(&service.added(|addition| addition.top))
        .with_tables(&service.added(|addition| addition.end))
        .on(&site.server);
    setup.write();
    let launch = Launch { name: "lessor", command: setup.command(), ready: "serving" };
    Running::start(launch, Files::Setup(Box::new(setup)))
}

fn subnets(service: &Service) -> String {
    let lease_time = match service.lease_secs {
        INFINITE_SECS => "\"infinite\"".to_owned(),
        secs => format!("\"{secs}s\""),
    };
    let added = service.added(|addition| addition.subnets);
    let of_pools = service.added(|addition| addition.pools);
    let mut text = String::new();
    for network in NETWORKS {
        text.push_str(&format!(
            "[[subnet]]\nprefix = \"{}/24\"\nlease-time = {lease_time}\n\
             options.routers = [\"{}\"]\noptions.domain-name-servers = [\"{NAME_SERVER}\"]\n\
             options.domain-name = \"{DOMAIN}\"\noptions.ntp-servers = [\"{TIME_SERVER}\"]\n\
             {added}[[subnet.pool]]\nrange = \"{}-{}\"\n{of_pools}",
            network.subnet, network.router, network.first, network.last
        ));
        if network.has_reservation {
            text.push_str(&format!(
                "[[subnet.reservation]]\nhardware-address = \"02:00:5e:00:53:99\"\n\
                 address = \"{RESERVED_ADDRESS}\"\n"
            ));
        }
    }
    text
}
