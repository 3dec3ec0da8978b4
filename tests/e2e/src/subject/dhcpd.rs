//! ISC dhcpd as a subject.

use super::{
    Running, Service, Site,
    running::{Files, Launch},
    service::{DOMAIN, NAME_SERVER, NETWORKS, RESERVED_ADDRESS, TIME_SERVER},
};

pub(super) fn start(site: &Site, service: &Service) -> Option<Running> {
    let secs = service.lease_secs;
    let authoritative =
        if service.is_authoritative { "authoritative" } else { "not authoritative" };
    let mut text = format!(
        "{authoritative};\ndefault-lease-time {secs};\nmax-lease-time {};\nmin-lease-time {};\n\
         ddns-update-style none;\noption domain-name-servers {NAME_SERVER};\n\
         option domain-name \"{DOMAIN}\";\noption ntp-servers {TIME_SERVER};\n\
         host reserved {{ hardware ethernet 02:00:5e:00:53:99; fixed-address {RESERVED_ADDRESS}; }}\n",
        secs.max(86_400),
        secs.min(60),
    );
    text.push_str(&format!("ping-check {};\n", service.probes_addresses));
    text.push_str(&service.added(|addition| addition.top));
    let added = service.added(|addition| addition.subnets);
    let of_pools = service.added(|addition| addition.pools);
    for network in NETWORKS {
        text.push_str(&format!(
            "subnet {} netmask 255.255.255.0 {{ range {of_pools} {} {}; option routers {}; {added} }}\n",
            network.subnet, network.first, network.last, network.router
        ));
    }
    text.push_str(&service.added(|addition| addition.end));
    let folder = tempfile::tempdir().expect("there is room for a configuration");
    let (config, leases) = (folder.path().join("dhcpd.conf"), folder.path().join("dhcpd.leases"));
    std::fs::write(&config, text).expect("the folder can be written");
    std::fs::write(&leases, "").expect("the folder can be written");
    let mut command = site.server.command("dhcpd");
    command.args(["-4", "-f", "-d", "-user", "root", "-group", "root", "-cf"]).arg(&config);
    command.arg("-lf").arg(&leases).arg("-pf").arg(folder.path().join("pid"));
    command.args(["eth0", "eth1"]);
    let launch = Launch { name: "dhcpd", command, ready: "Server starting service" };
    Running::start(launch, Files::Folder(folder))
}
