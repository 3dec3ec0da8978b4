//! What a server is started with: its folder, its configuration, its plugins.

use std::{
    ffi::{OsStr, OsString},
    fs,
    net::{Ipv4Addr, SocketAddrV4},
    path::{Path, PathBuf},
    process::Command,
};

use tempfile::TempDir;

use crate::{Host, WrongClock, built, loopback_address, wait};

/// A server that can be started: a folder of its own with the configuration in it. Everything else
/// that the server keeps goes there, too.
#[derive(Debug)]
pub struct Setup {
    folder: TempDir,
    listen: Option<SocketAddrV4>,
    interfaces: Vec<String>,
    /// Lines above every table.
    top: String,
    server_settings: String,
    plugin_settings: String,
    tables: String,
    subnets: String,
    environment: Vec<(OsString, OsString)>,
    store_mib: Option<u32>,
    /// Capabilities that the server does not have, though it is started as root.
    missing_capabilities: Vec<String>,
    /// Whether standard error of the server goes into a pipe that nobody reads.
    pub(crate) is_unheard: bool,
    /// Lines below `[journal]`.
    journal_settings: String,
    /// Arguments of `lessor serve`.
    arguments: Vec<OsString>,
    /// What is started as the server, if it is not the binary under test itself.
    program: Option<PathBuf>,
    /// What is put in front of the command line so that it runs on another host.
    entering: Vec<OsString>,
}

/// The port of a server on loopback: the one of RFC 2131 is for root only.
const LOOPBACK_PORT: u16 = 6767;

impl Setup {
    /// For relayed clients, on an address of loopback that no other test uses. `subnets` are tables
    /// of the configuration, as they are written there.
    pub fn on_loopback(subnets: &str) -> Self {
        Self::listening(SocketAddrV4::new(loopback_address(), LOOPBACK_PORT), subnets)
    }

    /// For relayed clients, on an address of the host that it will run on, and the port of RFC 2131.
    pub fn for_relays(address: Ipv4Addr, subnets: &str) -> Self {
        Self::listening(SocketAddrV4::new(address, 67), subnets)
    }

    /// For clients on the link of an interface.
    pub fn on_link(interface: &str, subnets: &str) -> Self {
        Self::without_sockets(subnets).with_interface(interface)
    }

    /// And for those on the link of one more interface.
    pub fn with_interface(mut self, interface: &str) -> Self {
        self.interfaces.push(interface.to_owned());
        self
    }

    /// For relayed clients, at an address and port.
    pub fn listening(listen: SocketAddrV4, subnets: &str) -> Self {
        Self { listen: Some(listen), ..Self::without_sockets(subnets) }
    }

    fn without_sockets(subnets: &str) -> Self {
        let folder = tempfile::Builder::new().prefix("lessor-e2e-").tempdir();
        let folder = folder.unwrap_or_else(|error| panic!("no folder for the server: {error}"));
        fs::create_dir(folder.path().join("plugins")).expect("the folder is empty");
        Self {
            folder,
            listen: None,
            interfaces: Vec::new(),
            top: String::new(),
            server_settings: String::new(),
            plugin_settings: String::new(),
            tables: String::new(),
            subnets: subnets.to_owned(),
            environment: Vec::new(),
            store_mib: None,
            missing_capabilities: Vec::new(),
            is_unheard: false,
            journal_settings: "path = \"journal.jsonl\"\n".to_owned(),
            arguments: Vec::new(),
            program: None,
            entering: Vec::new(),
        }
    }

    /// With a file beside the configuration that has reservations in it, which the configuration names.
    pub fn with_reservations(mut self, name: &str, text: &str) -> Self {
        fs::write(self.folder.path().join(name), text).expect("the folder can be written");
        self.top = format!("reservations = {name:?}\n");
        self
    }

    /// With a line more below `[server]`.
    pub fn with_server_setting(mut self, line: &str) -> Self {
        self.server_settings.push_str(line);
        self.server_settings.push('\n');
        self
    }

    /// With a line more below `[plugins]`.
    pub fn with_plugin_setting(mut self, line: &str) -> Self {
        self.plugin_settings.push_str(line);
        self.plugin_settings.push('\n');
        self
    }

    /// With more tables of the configuration, such as `[log]`.
    pub fn with_tables(mut self, tables: &str) -> Self {
        self.tables.push_str(tables);
        self.tables.push('\n');
        self
    }

    /// With these lines below `[journal]` instead of its path.
    pub fn with_journal(mut self, lines: &str) -> Self {
        self.journal_settings = format!("{lines}\n");
        self
    }

    /// With an argument more for `lessor serve`.
    pub fn with_argument(mut self, argument: &str) -> Self {
        self.arguments.push(argument.into());
        self
    }

    /// With another file as the program that is started, such as a copy of the binary.
    pub fn with_program(mut self, program: &Path) -> Self {
        self.program = Some(program.to_owned());
        self
    }

    /// With standard error in a pipe that nobody reads.
    pub fn unheard(mut self) -> Self {
        self.is_unheard = true;
        self
    }

    /// With a policy: its package, the name that it has in the chain, and the file beside it.
    pub fn with_policy(self, name: &str, package: &str, sidecar: &str) -> Self {
        self.put_policy(name, &fs::read(built::policy(package)).expect("it was built"), sidecar);
        self
    }

    /// With a variable in the environment of the server.
    pub fn with_environment(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.environment.push((name.into(), value.as_ref().to_owned()));
        self
    }

    /// Without a capability, such as `net_admin`, as under a service manager that grants only what is
    /// needed.
    pub fn without_capability(mut self, capability: &str) -> Self {
        self.missing_capabilities.push(format!("-{capability}"));
        self
    }

    /// With a clock of its own.
    pub fn with_clock(self, clock: &WrongClock) -> Self {
        let variables = clock.environment().into_iter();
        variables.fold(self, |setup, (name, value)| setup.with_environment(name, value))
    }

    /// With the store on a file system of its own, of this size. Needs root.
    pub fn with_small_store(mut self, mib: u32) -> Self {
        self.store_mib = Some(mib);
        // Where nobody sees the server's mounts, nobody finds a socket below them.
        let socket = self.folder.path().join("control.sock");
        self.with_tables(&format!("[control]\nsocket = {socket:?}"))
    }

    /// To be run on `host`.
    pub fn on(mut self, host: &Host) -> Self {
        let entering = host.command("env");
        let words = std::iter::once(entering.get_program()).chain(entering.get_args());
        self.entering = words.map(OsStr::to_owned).collect();
        self
    }

    /// Starts the process and waits for nothing.
    pub fn launch(&self) -> crate::Process {
        self.write();
        let output = self.folder.path().join("launched.log");
        crate::Process::start("lessor", &mut self.command(), &output)
    }

    /// Starts the server, which must refuse to serve, and returns what it says.
    ///
    /// # Panics
    /// If it serves, or ends as if all was well.
    #[track_caller]
    pub fn refused(&self) -> String {
        self.write();
        self.restart_is_refused()
    }

    /// The same with the configuration as it is.
    #[track_caller]
    pub(crate) fn restart_is_refused(&self) -> String {
        let output = self.folder.path().join("refused.log");
        let mut server = crate::Process::start("lessor", &mut self.command(), &output);
        let status = server.ended(wait::SOON);
        assert!(!status.success(), "the server accepted this: {}", server.output());
        server.output()
    }

    /// Where the server listens for relays.
    ///
    /// # Panics
    /// If it does not.
    pub fn listens_at(&self) -> SocketAddrV4 {
        self.listen.expect("this server listens for relays")
    }

    /// Puts a policy, as octets, into the plugin folder, in place of one of the same name.
    pub fn put_policy(&self, name: &str, component: &[u8], sidecar: &str) {
        let plugins = self.folder.path().join("plugins");
        // Written aside and moved, as an operator should: no half of a file is ever there.
        for (extension, contents) in [("wasm", component), ("toml", sidecar.as_bytes())] {
            let aside = plugins.join(format!("{name}.{extension}.new"));
            let moved = fs::write(&aside, contents)
                .and_then(|()| fs::rename(&aside, plugins.join(format!("{name}.{extension}"))));
            moved.unwrap_or_else(|error| panic!("{}: {error}", aside.display()));
        }
    }

    /// Puts a script and the file beside it into the plugin folder; what runs scripts is built.
    pub fn put_script(&self, file: &str, script: &str, sidecar: &str) {
        lessor_guests::interpreters().unwrap_or_else(|error| panic!("{error}"));
        let path = self.folder.path().join("plugins").join(file);
        for (path, text) in [(path.with_extension("toml"), sidecar), (path, script)] {
            fs::write(&path, text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        }
    }

    /// Takes a policy and the file beside it out of the plugin folder.
    pub fn remove_policy(&self, name: &str) {
        for extension in ["wasm", "toml"] {
            let path = self.folder.path().join(format!("plugins/{name}.{extension}"));
            fs::remove_file(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        }
    }

    /// Puts other subnets into the configuration.
    pub fn put_subnets(&mut self, subnets: &str) {
        subnets.clone_into(&mut self.subnets);
        self.write();
    }

    /// The folder of the server.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn configuration(&self) -> PathBuf {
        self.folder.path().join("lessor.toml")
    }

    pub(crate) fn journal(&self) -> PathBuf {
        self.folder.path().join("journal.jsonl")
    }

    /// Writes the configuration.
    pub(crate) fn write(&self) {
        let mut text = format!("{}[server]\n", self.top);
        if let Some(listen) = self.listen {
            text.push_str(&format!("listen = [\"{listen}\"]\n"));
        }
        if !self.interfaces.is_empty() {
            text.push_str(&format!("interfaces = {:?}\n", self.interfaces));
        }
        text.push_str(&self.server_settings);
        // Relative to the configuration.
        text.push_str("[store]\npath = \"store\"\n");
        text.push_str("[journal]\n");
        text.push_str(&self.journal_settings);
        text.push_str("[plugins]\ndirectory = \"plugins\"\n");
        text.push_str(&self.plugin_settings);
        text.push_str(&self.tables);
        text.push_str(&self.subnets);
        fs::write(self.configuration(), text).expect("the folder can be written");
    }

    /// `lessor serve`, where it shall run. No matter what is put in front, the process that is
    /// started becomes the server.
    pub(crate) fn command(&self) -> Command {
        let mut words = self.entering.clone();
        if let Some(mib) = self.store_mib {
            let store = self.folder.path().join("store");
            fs::create_dir_all(&store).expect("the folder can be written");
            let script = format!("mount -t tmpfs -o size={mib}m lessor-e2e \"$0\" && exec \"$@\"");
            words.extend(["unshare", "--mount", "sh", "-c", &script].map(OsString::from));
            words.push(store.into());
        }
        if !self.missing_capabilities.is_empty() {
            let missing = self.missing_capabilities.join(",");
            words.extend(
                ["setpriv", "--bounding-set", &missing, "--inh-caps", &missing].map(OsString::from),
            );
        }
        words.push(self.program.as_deref().unwrap_or_else(|| built::lessor()).into());
        words.extend(["serve", "--config"].map(OsString::from));
        words.push(self.configuration().into());
        words.extend(self.arguments.iter().cloned());
        let mut words = words.into_iter();
        let mut command = Command::new(words.next().expect("there are words"));
        command.args(words);
        for (name, value) in &self.environment {
            command.env(name, value);
        }
        command
    }
}
