//! dnsmasq as a subject.

use super::{
    Running, Service, Site,
    running::{Files, Launch},
    service::{DOMAIN, INFINITE_SECS, NAME_SERVER, NETWORKS, RESERVED_ADDRESS, TIME_SERVER},
};

pub(super) fn start(site: &Site, service: &Service) -> Option<Running> {
    let folder = tempfile::tempdir().expect("there is room for a configuration");
    let mut text = format!(
        "port=0\ninterface=eth0\ninterface=eth1\nno-resolv\nno-hosts\n\
         user=root\nlog-facility=-\npid-file=\ndhcp-option=option:dns-server,{NAME_SERVER}\n\
         dhcp-option=option:domain-name,{DOMAIN}\ndhcp-option=option:ntp-server,{TIME_SERVER}\n\
         dhcp-host=02:00:5e:00:53:99,{RESERVED_ADDRESS}\ndhcp-leasefile={}\n",
        folder.path().join("leases").display()
    );
    if service.is_authoritative {
        text.push_str("dhcp-authoritative\n");
    }
    if !service.probes_addresses {
        text.push_str("no-ping\n");
    }
    text.push_str(&service.added(|addition| addition.top));
    let lease_time = match service.lease_secs {
        INFINITE_SECS => "infinite".to_owned(),
        secs => secs.to_string(),
    };
    for network in NETWORKS {
        let (first, last) = (network.first, network.last);
        text.push_str(&format!("dhcp-range={first},{last},255.255.255.0,{lease_time}\n"));
    }
    text.push_str(&service.added(|addition| addition.subnets));
    text.push_str(&service.added(|addition| addition.end));
    let config = folder.path().join("dnsmasq.conf");
    std::fs::write(&config, text).expect("the folder can be written");
    let mut command = site.server.command("dnsmasq");
    command.arg("--keep-in-foreground").arg(format!("--conf-file={}", config.display()));
    let launch = Launch { name: "dnsmasq", command, ready: "started, version" };
    Running::start(launch, Files::Folder(folder))
}
