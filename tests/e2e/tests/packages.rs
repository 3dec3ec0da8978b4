//! The Debian package on a machine of its own: installed, upgraded under a running server,
//! downgraded, removed and purged, with clients that keep their leases.
//!
//! systemd is the first process of that machine, so the unit runs with all of its restrictions.

use std::{
    fs,
    net::Ipv4Addr,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use lessor_e2e::{
    Host, Link, Machine, built,
    clients::{Client, Udhcpc},
    guide::Guide,
    require, wait,
};

const CONFIGURATION: &str = "/etc/lessor/lessor.toml";
/// What the guide promises from `apt install` to a lease by a script.
const FIRST_LEASE_WITHIN: Duration = Duration::from_secs(60);
/// What dpkg says if the new version refuses the configuration.
const LAST_ACCEPTED: &str = "SERVES THE LAST ACCEPTED CONFIGURATION";
const NET_BIND_SERVICE_AND_NET_RAW: &str = "0000000000002400";

/// A machine with the server, and a client on its link.
struct Site {
    machine: Machine,
    link: Link,
    _server: Host,
    packages: PathBuf,
    _folder: tempfile::TempDir,
}

#[test]
fn a_package_is_installed_upgraded_downgraded_removed_and_purged() {
    require!(root, ip, udhcpc, systemd_nspawn, lessor_deb);
    let site = Site::new();
    site.provides("1");
    let since = Instant::now();
    let said = site.follows("The Debian package");
    assert!(!said.contains("rror") && !said.contains("arning"), "{said}");
    site.answers_nobody_before_it_is_configured();
    site.follows("A first lease");
    let home = site.link.host("client");
    let mut client = Udhcpc::start(&home);
    let address = client.acquires();
    let took = since.elapsed();
    println!("from `apt install ./lessor.deb` to the first lease with a script: {took:.1?}");
    assert!(took < FIRST_LEASE_WITHIN, "the first lease took {took:?}");
    assert_eq!(address.octets()[..3], [100, 64, 2], "the script selects the pool");
    let compiled = site.machine.succeeds("ls /var/lib/lessor/compiled");
    assert_eq!(compiled, "", "the interpreter is compiled in the package");

    site.unit_is_hardened();
    site.has_manual_and_completions();
    site.logs_are_rotated();
    site.a_refused_reload_fails_and_changes_nothing();
    client.renews();

    let before = site.process();
    site.upgrades_to("2");
    assert_ne!(site.process(), before, "an upgrade restarts the server");
    client.renews();
    assert_eq!(site.leases(), [address]);

    site.a_refused_configuration_is_said_and_the_last_accepted_serves("3");
    client.renews();
    site.a_unit_that_hides_that_of_the_package_is_said("4");
    client.renews();

    site.provides("1");
    let said = site.follows("Downgrading");
    assert!(said.contains("downgrading") && !said.contains(LAST_ACCEPTED), "{said}");
    client.renews();
    assert_eq!(site.leases(), [address]);

    site.removes_but_keeps_leases(address);
    client.renews();
    site.purges_without_a_trace();
}

#[test]
#[ignore = "needs LESSOR_TARBALL, which `cargo xtask package --test` builds"]
fn the_tarball_is_installed_and_removed() {
    require!(root, ip, udhcpc, systemd_nspawn);
    let tarball = PathBuf::from(std::env::var_os("LESSOR_TARBALL").unwrap());
    let site = Site::new();
    let name = tarball.file_name().unwrap().to_string_lossy().into_owned();
    site.machine.receive(&tarball, &format!("/root/{name}"));
    site.follows("The tarball");
    site.answers_nobody_before_it_is_configured();
    // The policies that the first configuration names are where it says.
    site.machine.succeeds(
        "for file in $(grep --only-matching '/usr/[a-z]*/*lib/lessor/policies/[a-z-]*.wasm' \
         /etc/lessor/lessor.toml); do test -e \"$file\" || exit 1; named=yes; done; \
         test \"$named\" = yes",
    );
    site.follows("A first lease");
    let home = site.link.host("client");
    let mut client = Udhcpc::start(&home);
    let address = client.acquires();
    assert_eq!(address.octets()[..3], [100, 64, 2], "the script selects the pool");

    // An installation over itself is an upgrade.
    site.follows("The tarball");
    site.machine.succeeds("systemctl restart lessor");
    client.renews();
    assert_eq!(site.leases(), [address]);

    site.compiles_for_both_architectures();
    let said = site.machine.succeeds("ldd /usr/local/bin/lessor 2>&1 || true");
    assert!(said.contains("statically linked") || said.contains("not a dynamic"), "{said}");
    site.follows("Removing the tarball's files");
    site.machine.fails("systemctl is-active lessor");
    site.machine.succeeds("test -e /etc/lessor/lessor.toml -a -d /var/lib/lessor/leases");
    let mut left = Vec::new();
    named_lessor(&site.machine.changes().join("usr/local"), &mut left);
    assert_eq!(left, [""; 0].map(PathBuf::from));
}

impl Site {
    fn new() -> Self {
        let link = Link::new();
        let server = link.host("server");
        server.add_address("eth0", "100.64.0.1/16");
        let machine = Machine::boot(&server);
        let folder = tempfile::tempdir().unwrap();
        let packages = folder.path().to_owned();
        let site = Self { machine, link, _server: server, packages, _folder: folder };
        let shown = site.machine.succeeds("systemctl --version | head -n 1; cat /proc/1/comm");
        println!("the machine runs {}", shown.replace('\n', ", first process "));
        site
    }

    /// Makes a package of another version with the same contents, and puts it on the machine in
    /// place of the one before.
    fn provides(&self, version: &str) {
        let tree = self.packages.join("tree");
        let run = |command: &mut Command| assert!(command.status().unwrap().success());
        run(Command::new("dpkg-deb").arg("-R").arg(built::deb().unwrap()).arg(&tree));
        let control = tree.join("DEBIAN/control");
        let text = fs::read_to_string(&control).unwrap();
        let lines = text.lines().map(|line| match line.starts_with("Version: ") {
            true => format!("Version: {version}\n"),
            false => format!("{line}\n"),
        });
        fs::write(&control, lines.collect::<String>()).unwrap();
        let package = self.packages.join("lessor.deb");
        run(Command::new("dpkg-deb").args(["-Znone", "-b"]).arg(&tree).arg(&package));
        fs::remove_dir_all(&tree).unwrap();
        self.machine.succeeds("rm -f /root/lessor_*.deb");
        self.machine.receive(&package, &format!("/root/lessor_{version}_amd64.deb"));
    }

    /// Runs the commands of a chapter of the guide, and returns what they say.
    #[track_caller]
    fn follows(&self, chapter: &str) -> String {
        let commands = Guide::read("docs/install.md").commands(chapter);
        self.machine.succeeds(&format!("set -eu; cd /root\n{commands}"))
    }

    #[track_caller]
    fn upgrades_to(&self, version: &str) {
        self.provides(version);
        let said = self.follows("Upgrading");
        assert!(!said.contains(LAST_ACCEPTED), "{said}");
        self.machine.succeeds("systemctl is-active lessor");
    }

    fn process(&self) -> String {
        let shown = self.machine.succeeds("systemctl show --property=MainPID --value lessor");
        assert!(shown.trim() != "0", "the server does not run");
        shown.trim().to_owned()
    }

    fn configuration(&self) -> String {
        self.machine.succeeds(&format!("cat {CONFIGURATION}"))
    }

    fn leases(&self) -> Vec<Ipv4Addr> {
        let lines = self.machine.succeeds("lessor leases --json");
        let address = |line: &str| {
            let row: serde_json::Value = serde_json::from_str(line).unwrap();
            row["address"].as_str().unwrap().parse().unwrap()
        };
        lines.lines().map(address).collect()
    }

    /// A release has the feature `cross`; a debug build has not, and is not asked.
    #[track_caller]
    fn compiles_for_both_architectures(&self) {
        let version = self.machine.succeeds("lessor --version");
        let features = version.lines().find_map(|line| line.strip_prefix("features: ")).unwrap();
        if !features.split(' ').any(|feature| feature == "cross") {
            println!("the server has no feature `cross`, so it compiled for one architecture only");
            return;
        }
        for architecture in ["x86_64", "aarch64"] {
            let folder = format!("/root/{architecture}");
            self.machine.succeeds(&format!(
                "lessor plugin compile --target {architecture}-unknown-linux-musl \
                 --cache {folder} /usr/local/lib/lessor/policies/*.wasm && ls {folder}/*"
            ));
        }
        self.machine.succeeds("grep --quiet --recursive --text aarch64 /root/aarch64");
    }

    #[track_caller]
    fn answers_nobody_before_it_is_configured(&self) {
        let state =
            self.machine.succeeds("systemctl is-active lessor; systemctl is-enabled lessor");
        assert_eq!(state, "active\nenabled\n");
        self.machine.succeeds("lessor check");
        let sockets = self.machine.succeeds("ss --no-header --udp --listening --numeric");
        assert!(sockets.contains("127.0.0.1:67"), "{sockets}");
        assert!(sockets.lines().all(|line| line.contains(" 127.")), "{sockets}");
    }

    #[track_caller]
    fn unit_is_hardened(&self) {
        let unit = "/usr/lib/systemd/system/lessor.service";
        // Without the manual, systemd cannot look whether the pages exist.
        let man = match self.machine.sh("command -v man").status.success() {
            true => "yes",
            false => "no",
        };
        let said = self.machine.succeeds(&format!("systemd-analyze verify --man={man} {unit}"));
        let about_it = said.lines().filter(|line| line.contains("lessor"));
        assert_eq!(about_it.collect::<Vec<_>>(), [""; 0]);
        let security = "systemd-analyze security --offline=true --threshold=25 --no-pager";
        let said = self.machine.succeeds(&format!("{security} {unit}"));
        println!("{}", said.lines().last().unwrap());

        let id = self.process();
        let status = self.machine.succeeds(&format!("cat /proc/{id}/status"));
        let value = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            line.unwrap_or_else(|| panic!("{status}")).trim_start_matches(':').trim().to_owned()
        };
        let user = self.machine.succeeds("id --user lessor").trim().to_owned();
        assert!(user != "0" && value("Uid").split('\t').all(|id| id == user), "{status}");
        for set in ["CapEff", "CapPrm", "CapBnd"] {
            assert_eq!(value(set), NET_BIND_SERVICE_AND_NET_RAW, "{set} of {status}");
        }
        assert_eq!(value("NoNewPrivs"), "1", "{status}");
        assert_eq!(value("Seccomp"), "2", "{status}");
        for path in ["/var/lib/lessor", "/var/log/lessor"] {
            let shown = self.machine.succeeds(&format!("stat --format='%U %G %a' {path}"));
            assert_eq!(shown, "lessor lessor 750\n", "{path}");
        }
        // What the system calls that the unit refuses would be needed for is said in the log.
        let log = self.machine.succeeds("journalctl --unit lessor --no-pager");
        assert!(!log.contains("Operation not permitted"), "{log}");
    }

    #[track_caller]
    fn has_manual_and_completions(&self) {
        let files = self.machine.succeeds("dpkg-query --listfiles lessor");
        for file in [
            "/usr/share/man/man1/lessor.1",
            "/usr/share/man/man1/lessor-leases.1",
            "/usr/share/bash-completion/completions/lessor",
            "/usr/share/zsh/vendor-completions/_lessor",
            "/usr/share/fish/vendor_completions.d/lessor.fish",
            "/usr/lib/lessor/interpreters/rhai.wasm",
            "/usr/lib/lessor/policies/subscriber-table.wasm",
            "/usr/lib/sysctl.d/50-lessor.conf",
            "/usr/share/doc/lessor/examples/reference.toml",
        ] {
            let found = files.lines().any(|line| line.strip_suffix(".gz").unwrap_or(line) == file);
            assert!(found, "{file} is not in\n{files}");
        }
        let complete = r#". /usr/share/bash-completion/completions/lessor
            COMP_WORDS=(lessor rel) COMP_CWORD=1; _lessor lessor rel lessor; echo "${COMPREPLY[@]}""#;
        let said = self.machine.command("bash").args(["-c", complete]).output().unwrap();
        assert_eq!(String::from_utf8_lossy(&said.stdout), "reload\n");
    }

    /// The journal of the day before has a date in its name, and the server writes a new one. It
    /// does not read the configuration, which an operator is editing.
    #[track_caller]
    fn logs_are_rotated(&self) {
        if !self.machine.sh("command -v logrotate").status.success() {
            println!("logrotate is not installed, so the rotation of the journal was not tried");
            return;
        }
        let (before, text) = (self.process(), self.configuration());
        self.machine.write(CONFIGURATION, "[server");
        self.machine.succeeds("logrotate --force /etc/logrotate.d/lessor");
        self.machine.write(CONFIGURATION, &text);
        self.machine.succeeds("ls /var/log/lessor/journal.jsonl-*");
        wait::soon("the server to open a new journal", || {
            let exists = self.machine.sh("test -e /var/log/lessor/journal.jsonl");
            exists.status.success().then_some(())
        });
        let log = self.machine.succeeds("journalctl --unit lessor --no-pager");
        assert!(!log.contains("reload refused"), "{log}");
        assert_eq!(self.process(), before);
    }

    #[track_caller]
    fn a_refused_reload_fails_and_changes_nothing(&self) {
        let (before, text) = (self.process(), self.configuration());
        self.machine.succeeds("systemctl reload lessor");
        self.machine.write(CONFIGURATION, &text.replace("interfaces = ", "interfaces = 5 # "));
        self.machine.fails("systemctl reload lessor");
        let log = self.machine.succeeds("journalctl --unit lessor --no-pager");
        assert!(log.contains("interfaces"), "{log}");
        self.machine.write(CONFIGURATION, &text);
        self.machine.succeeds("systemctl reload lessor && systemctl is-active lessor");
        assert_eq!(self.process(), before);
    }

    #[track_caller]
    fn a_refused_configuration_is_said_and_the_last_accepted_serves(&self, version: &str) {
        let text = self.configuration();
        self.machine.write(CONFIGURATION, &text.replace("lease-time", "lease-duration"));
        self.provides(version);
        let said = self.machine.succeeds("dpkg -i /root/lessor_*.deb");
        assert!(said.contains(LAST_ACCEPTED), "{said}");
        self.machine.succeeds("systemctl is-active lessor");
        let said = self.machine.fails("lessor check");
        assert!(said.contains("lease-duration"), "{said}");
        self.machine.write(CONFIGURATION, &text);
        self.machine.succeeds("systemctl reload lessor");
    }

    #[track_caller]
    fn a_unit_that_hides_that_of_the_package_is_said(&self, version: &str) {
        let own = "/etc/systemd/system/lessor.service";
        self.machine.succeeds(&format!("cp /usr/lib/systemd/system/lessor.service {own}"));
        self.provides(version);
        let said = self.machine.succeeds("dpkg -i /root/lessor_*.deb");
        assert!(said.contains(&format!("{own} HIDES THE UNIT")), "{said}");
        self.machine.succeeds(&format!("rm {own}; systemctl daemon-reload"));
        self.machine.succeeds("systemctl restart lessor && systemctl is-active lessor");
    }

    #[track_caller]
    fn removes_but_keeps_leases(&self, address: Ipv4Addr) {
        let removing = Guide::read("docs/install.md").commands("Removing");
        let (remove, _) = removing.split_once('\n').unwrap();
        self.machine.succeeds(remove);
        self.machine.fails("systemctl is-active lessor");
        self.machine.fails("command -v lessor");
        self.machine.succeeds("test -e /etc/lessor/lessor.toml -a -d /var/lib/lessor/leases");
        self.follows("The Debian package");
        assert_eq!(self.leases(), [address]);
    }

    #[track_caller]
    fn purges_without_a_trace(&self) {
        self.follows("Removing");
        self.machine.fails("systemctl is-active lessor");
        let mut left = Vec::new();
        named_lessor(&self.machine.changes(), &mut left);
        // The packages that this test put there, and pages that man has formatted.
        for others in ["root", "var/cache/man"] {
            left.retain(|path| !path.starts_with(self.machine.changes().join(others)));
        }
        assert_eq!(left, [""; 0].map(PathBuf::from));
    }
}

/// Finds files that are named after the server. A file that was removed is a character device in
/// a layer.
fn named_lessor(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let kind = entry.file_type().unwrap();
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.contains("lessor") && (kind.is_file() || kind.is_dir() || kind.is_symlink()) {
            found.push(entry.path());
        } else if kind.is_dir() {
            named_lessor(&entry.path(), found);
        }
    }
}
