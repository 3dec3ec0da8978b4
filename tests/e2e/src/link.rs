//! Hosts and the links between them: network namespaces, each with its own interfaces, and bridges
//! that connect them.

use std::{
    fs::File,
    net::Ipv4Addr,
    path::{Path, PathBuf},
    process::Command,
    sync::{
        Once,
        atomic::{AtomicU32, Ordering},
    },
    thread,
};

use nix::sched::{CloneFlags, setns};

use crate::wait;

/// The prefix of the names of all namespaces. The id of the process, a number, and the role in the
/// test follow.
const PREFIX: &str = "lessor-e2e-";

/// A host: a network namespace, which is removed when it is dropped.
#[derive(Debug)]
pub struct Host {
    namespace: String,
}

/// A link that hosts are attached to: a bridge in a separate namespace.
#[derive(Debug)]
pub struct Link {
    switch: Host,
    ports: AtomicU32,
}

impl Host {
    /// Returns a new host with only the loopback interface; `role` appears in its name.
    pub fn new(role: &str) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        static SWEPT: Once = Once::new();
        SWEPT.call_once(sweep);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let namespace = format!("{PREFIX}{}-{number}-{role}", std::process::id());
        ip(&["netns", "add", &namespace]);
        let host = Self { namespace };
        host.ip(&["link", "set", "dev", "lo", "up"]);
        host
    }

    /// Returns a command that runs `program` on this host.
    pub fn command(&self, program: impl AsRef<Path>) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.namespace]).arg(program.as_ref());
        command
    }

    /// The file of its network namespace.
    pub(crate) fn path(&self) -> PathBuf {
        Path::new("/run/netns").join(&self.namespace)
    }

    /// Runs `ip` on this host and returns its output.
    pub fn ip(&self, arguments: &[&str]) -> String {
        ip(&[&["-n", &self.namespace], arguments].concat())
    }

    /// Adds an address to an interface, such as `192.0.2.1/24`.
    pub fn add_address(&self, interface: &str, address: &str) {
        self.ip(&["address", "add", address, "dev", interface]);
    }

    /// Adds a route to `prefix` (or `default`) through `router`.
    pub fn add_route(&self, prefix: &str, router: &str) {
        self.ip(&["route", "add", prefix, "via", router]);
    }

    /// Makes this host a router.
    pub fn forward(&self) {
        self.run_here(|| std::fs::write("/proc/sys/net/ipv4/ip_forward", "1"))
            .unwrap_or_else(|error| panic!("cannot forward: {error}"));
    }

    /// Returns the hardware address of an interface.
    pub fn hardware_address(&self, interface: &str) -> String {
        let said = self.ip(&["-o", "link", "show", "dev", interface]);
        let address = said.split_whitespace().skip_while(|word| *word != "link/ether").nth(1);
        address.unwrap_or_else(|| panic!("no hardware address in {said:?}")).to_owned()
    }

    /// Returns the IPv4 addresses of an interface.
    pub fn addresses(&self, interface: &str) -> Vec<Ipv4Addr> {
        let said = self.ip(&["-4", "-o", "address", "show", "dev", interface]);
        let words: Vec<&str> = said.split_whitespace().collect();
        let after_inet = words.windows(2).filter(|pair| pair.first() == Some(&"inet"));
        after_inet.filter_map(|pair| pair.last()?.split('/').next()?.parse().ok()).collect()
    }

    /// Returns the number of datagrams that were lost on this host because the receiving program
    /// did not read them in time.
    pub fn unread_datagrams(&self) -> u64 {
        // The file of this thread is needed, because `/proc/net` belongs to the main thread's
        // namespace.
        let snmp = self.run_here(|| std::fs::read_to_string("/proc/thread-self/net/snmp"));
        let snmp = snmp.unwrap_or_else(|error| panic!("no statistics: {error}"));
        let mut rows = snmp.lines().filter_map(|line| line.strip_prefix("Udp: "));
        let (names, values) = (rows.next().unwrap_or_default(), rows.next().unwrap_or_default());
        let named = names.split(' ').zip(values.split(' '));
        let found = named.into_iter().find(|(name, _)| *name == "RcvbufErrors");
        found.and_then(|(_, value)| value.parse().ok()).unwrap_or_else(|| panic!("{snmp}"))
    }

    /// Runs `work` on this host, on a separate thread. Sockets that it opens belong to this host.
    pub fn run_here<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        let path = self.path();
        let namespace =
            File::open(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let done = thread::scope(|scope| {
            let there = move || {
                setns(namespace, CloneFlags::CLONE_NEWNET).expect("the namespace can be entered");
                work()
            };
            scope.spawn(there).join()
        });
        done.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        // This also removes the interfaces and their peers.
        let _ = Command::new("ip").args(["netns", "delete", &self.namespace]).output();
    }
}

impl Link {
    /// Returns a link without hosts.
    pub fn new() -> Self {
        let switch = Host::new("switch");
        switch.ip(&["link", "add", "bridge", "type", "bridge"]);
        switch.ip(&["link", "set", "dev", "bridge", "up"]);
        Self { switch, ports: AtomicU32::new(0) }
    }

    /// Returns a new host on this link, with the interface `eth0`.
    pub fn host(&self, role: &str) -> Host {
        let host = Host::new(role);
        self.attach(&host, "eth0");
        host
    }

    /// Attaches a host with a new interface.
    pub fn attach(&self, host: &Host, interface: &str) {
        let port = format!("port{}", self.ports.fetch_add(1, Ordering::Relaxed));
        let here = ["name", &port, "netns", &self.switch.namespace];
        let there = ["peer", "name", interface, "netns", &host.namespace];
        ip(&[&["link", "add"], &here[..], &["type", "veth"], &there[..]].concat());
        self.switch.ip(&["link", "set", "dev", &port, "master", "bridge", "up"]);
        host.ip(&["link", "set", "dev", interface, "up"]);
        // The system notices a carrier up to a second later, and drops what is sent before that.
        wait::soon("the interface to be up", || {
            let said = host.ip(&["-o", "link", "show", "dev", interface]);
            said.contains("state UP").then_some(())
        });
        wait::soon("the bridge to forward", || {
            let said = self.switch.ip(&["-d", "-o", "link", "show", "dev", &port]);
            said.contains("state forwarding").then_some(())
        });
    }
}

impl Default for Link {
    fn default() -> Self {
        Self::new()
    }
}

#[track_caller]
fn ip(arguments: &[&str]) -> String {
    let output = Command::new("ip").args(arguments).output().expect("ip can be run");
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "ip {}: {complaint}", arguments.join(" "));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Removes the namespaces of test processes that were killed.
fn sweep() {
    for entry in std::fs::read_dir("/run/netns").into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let maker = name.strip_prefix(PREFIX).and_then(|rest| rest.split('-').next());
        if maker.is_some_and(|maker| !Path::new("/proc").join(maker).exists()) {
            let _ = Command::new("ip").args(["netns", "delete", &name]).output();
        }
    }
}
