//! How pools allocate, as the configuration says it.
use std::{net::Ipv4Addr, path::Path};

use lessor_core::{
    AllocationOrder, CacheThreshold, Fraction, Pool, ShorteningStep, Subnet, WhySkipped,
};

#[track_caller]
fn subnet(text: &str) -> Subnet {
    let read = lessor_config::parse("test.toml", text, Path::new("/srv/lessor"));
    let configuration = read.unwrap_or_else(|mistakes| panic!("{mistakes}"));
    configuration.topology.networks()[0].subnets[0].clone()
}

fn ip(last: u8) -> Ipv4Addr {
    Ipv4Addr::new(192, 0, 2, last)
}

fn skipped(pool: &Pool) -> Vec<(Ipv4Addr, Ipv4Addr, WhySkipped)> {
    pool.rules.skipped.ranges().iter().map(|range| (range.first, range.last, range.why)).collect()
}

#[test]
fn a_pool_may_contain_addresses_that_no_client_can_have_and_skips_them() {
    let subnet = subnet(
        r#"
        [server]
        listen = ["192.0.2.1"]
        [[subnet]]
        prefix = "192.0.2.0/24"
        options = { routers = ["192.0.2.1", "192.0.2.254"] }
        [[subnet.pool]]
        range = "192.0.2.0-192.0.2.99"
        exclude = ["192.0.2.9", "192.0.2.16/30", "192.0.2.98-192.0.2.120"]
        options = { routers = ["192.0.2.200"] }
        [[subnet.pool]]
        range = "192.0.2.100-192.0.2.255"
        [[subnet.reservation]]
        hardware-address = "02:00:5e:00:53:01"
        address = "192.0.2.9"
        "#,
    );
    let [first, second] = subnet.pools.as_slice() else { panic!("{:?}", subnet.pools) };
    let expected = [
        (ip(0), ip(0), WhySkipped::NetworkAddress),
        (ip(1), ip(1), WhySkipped::Router),
        (ip(9), ip(9), WhySkipped::Excluded),
        (ip(16), ip(19), WhySkipped::Excluded),
        (ip(98), ip(99), WhySkipped::Excluded),
    ];
    assert_eq!(skipped(first), expected);
    assert_eq!(first.size(), 100 - 9);
    let expected = [
        (ip(200), ip(200), WhySkipped::Router),
        (ip(254), ip(254), WhySkipped::Router),
        (ip(255), ip(255), WhySkipped::BroadcastAddress),
    ];
    assert_eq!(skipped(second), expected);
}

#[test]
fn pools_inherit_how_they_allocate() {
    let subnet = subnet(
        r#"
        [server]
        listen = ["192.0.2.1"]
        allocation = "random"
        exclude-first-last-24 = true
        cache-threshold = 0.25
        shorten = [{ above = 0.8, lease-time = "10m" }, { above = 0.95, lease-time = "1m" }]
        [[network]]
        name = "campus"
        exclude-first-last-24 = false
        [[subnet]]
        prefix = "100.64.0.0/22"
        shared-network = "campus"
        cache-threshold = 0
        [[subnet.pool]]
        range = "100.64.1.0-100.64.1.255"
        [[subnet.pool]]
        range = "100.64.2.0-100.64.2.255"
        allocation = "sequential"
        exclude-first-last-24 = true
        shorten = []
        preference = 2
        cache-threshold = 0.5
        "#,
    );
    let [first, second] = subnet.pools.as_slice() else { panic!("{:?}", subnet.pools) };
    let step = |above, lease_time_secs| ShorteningStep {
        above: Fraction::from_number(above).unwrap(),
        lease_time_secs,
    };
    assert_eq!(first.rules.order, AllocationOrder::Random);
    assert_eq!(first.rules.shortening.steps(), [step(0.8, 600), step(0.95, 60)]);
    assert_eq!((first.rules.preference.get(), first.size()), (1, 256));
    assert_eq!(second.rules.order, AllocationOrder::Sequential);
    assert!(second.rules.shortening.is_empty());
    assert_eq!((second.rules.preference.get(), second.size()), (2, 254));
    assert_eq!(subnet.settings.times.cache_threshold, Some(CacheThreshold::Never));
    let half = Fraction::from_number(0.5).map(CacheThreshold::Within);
    assert_eq!(second.settings.times.cache_threshold, half);
}

#[test]
fn only_subnets_of_several_24s_have_ends_to_spare() {
    let subnet = subnet(
        r#"
        [server]
        listen = ["192.0.2.1"]
        exclude-first-last-24 = true
        [[subnet]]
        prefix = "198.51.100.254/31"
        [[subnet.pool]]
        range = "198.51.100.254-198.51.100.255"
        "#,
    );
    assert_eq!(subnet.pools[0].size(), 2);
}

#[test]
fn the_configurations_of_the_guide_are_accepted() {
    let guide = include_str!("../../../docs/pools.md");
    let blocks: Vec<&str> = guide.split("```toml\n").skip(1).collect();
    assert_eq!(blocks.len(), 3);
    for block in blocks {
        let (text, _) = block.split_once("```").unwrap();
        subnet(text);
    }
}

#[test]
fn pools_skip_the_server_identifiers_of_every_level() {
    let levels = "[[class]]\nname = \"x\"\nmatch = { vendor-class = \"x\" }\n\
                  server-identifier = \"100.64.0.2\"\n[[network]]\nname = \"hall\"\n\
                  server-identifier = \"100.64.0.3\"\n[[reservation]]\n\
                  hardware-address = \"02:00:5e:00:53:01\"\nserver-identifier = \"100.64.0.4\"\n";
    let subnet = "[[subnet]]\nprefix = \"100.64.0.0/24\"\nshared-network = \"hall\"\n\
                  [[subnet.pool]]\nrange = \"100.64.0.1-100.64.0.9\"\n";
    let other = "[[subnet]]\nprefix = \"100.65.0.0/24\"\nserver-identifier = \"100.64.0.5\"\n\
                 [[subnet.pool]]\nrange = \"100.65.0.1-100.65.0.9\"\n\
                 server-identifier = \"100.64.0.6\"\n[[subnet.reservation]]\n\
                 hardware-address = \"02:00:5e:00:53:02\"\nserver-identifier = \"100.64.0.7\"\n";
    let vpn = "[[vpn]]\nname = \"green\"\n[[subnet]]\nprefix = \"100.64.0.0/16\"\nvpn = \"green\"\n\
               server-identifier = \"100.64.0.8\"\n[[subnet.pool]]\n\
               range = \"100.64.0.1-100.64.0.9\"\nserver-identifier = \"100.64.0.9\"\n";
    // A line break in a list makes the reader parse the text as a whole.
    for whole in ["", "[options]\nrouters = [\n\"100.64.0.254\"\n]\n"] {
        let text =
            format!("[server]\nlisten = [\"192.0.2.1\"]\n{whole}{levels}{subnet}{other}{vpn}");
        let read = lessor_config::parse("test.toml", &text, std::path::Path::new(""));
        let read = read.unwrap_or_else(|mistakes| panic!("{mistakes}"));
        let skipped = |network: usize| {
            let pool = &read.topology.networks()[network].subnets[0].pools[0];
            let ranges = pool.rules.skipped.ranges().iter();
            ranges.map(|range| range.first.octets()[3]).collect::<Vec<u8>>()
        };
        assert_eq!(skipped(0), [2, 3, 4, 5, 6, 7]);
        // Those of the class and of the reservation without a VPN are for its clients, too.
        assert_eq!(skipped(2), [2, 4, 8, 9]);
    }
}
