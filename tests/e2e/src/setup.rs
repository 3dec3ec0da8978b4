//! The setup of a server: its folder, its configuration and its plugins.

use std::{
    ffi::{OsStr, OsString},
    fs,
    net::{Ipv4Addr, SocketAddrV4},
    path::{Path, PathBuf},
    process::Command,
};

use tempfile::TempDir;

use crate::{Host, WrongClock, built, loopback_address, wait};

/// A server that can be started: a folder with the configuration. Everything that the server stores
/// goes to the same folder.
#[derive(Debug)]
pub struct Setup {
    folder: TempDir,
    listen: Option<SocketAddrV4>,
    interfaces: Vec<String>,
    /// The lines above every table.
    top: String,
    server_settings: String,
    plugin_settings: String,
    /// Whether compiled code is taken from other tests and left for them.
    shares_code: bool,
    tables: String,
    subnets: String,
    environment: Vec<(OsString, OsString)>,
    store_mib: Option<u32>,
    /// Capabilities that the server does not get although root starts it.
    missing_capabilities: Vec<String>,
    /// Whether standard error of the server goes to a pipe that is not read.
    pub(crate) is_unheard: bool,
    /// The lines below `[journal]`.
    journal_settings: String,
    /// The arguments of `lessor serve`.
    arguments: Vec<OsString>,
    /// The program that is started as the server, if it is not the binary under test.
    program: Option<PathBuf>,
    /// The prefix of the command line that runs it on another host.
    entering: Vec<OsString>,
    /// The whole configuration, if it is one that ships.
    example: Option<String>,
}

/// The port of a server on loopback, because only root may use port 67.
const LOOPBACK_PORT: u16 = 6767;

impl Setup {
    /// Returns a server for relayed clients, on a loopback address that no other test uses.
    /// `subnets` is the text of the configuration's `[[subnet]]` tables.
    pub fn on_loopback(subnets: &str) -> Self {
        Self::listening(SocketAddrV4::new(loopback_address(), LOOPBACK_PORT), subnets)
    }

    /// Returns the server of `examples/NAME.toml` with the files of `examples/NAME` as its plugins.
    /// Folders of the system are replaced by folders of the test.
    ///
    /// # Panics
    /// Panics if there is no such example.
    #[track_caller]
    pub fn of_example(name: &str) -> Self {
        let examples = built::checkout().join("examples");
        let path = examples.join(name).with_extension("toml");
        let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path:?}: {error}"));
        let text = text
            .replace("/var/lib/lessor/journal.jsonl", "journal.jsonl")
            .replace("/var/lib/lessor", "store")
            .replace("/etc/lessor/plugins", "plugins");
        // An example that says nothing about its files would use those of the system.
        let tables = [("[store]", "path = \"store\""), ("[journal]", "path = \"journal.jsonl\"")];
        let text = tables.iter().fold(text, |text, (header, line)| match text.contains(header) {
            true => text,
            false => format!("{text}\n{header}\n{line}\n"),
        });
        let setup = Self { example: Some(text), ..Self::without_sockets("") };
        let plugins = setup.folder().join("plugins");
        for entry in fs::read_dir(examples.join(name)).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_file() {
                lessor_guests::interpreters().unwrap_or_else(|error| panic!("{error}"));
                fs::copy(&path, plugins.join(entry.file_name()))
                    .unwrap_or_else(|error| panic!("{path:?}: {error}"));
            }
        }
        setup
    }

    /// Returns a server for relayed clients, on an address of its host and port 67.
    pub fn for_relays(address: Ipv4Addr, subnets: &str) -> Self {
        Self::listening(SocketAddrV4::new(address, 67), subnets)
    }

    /// Returns a server for clients on the link of an interface.
    pub fn on_link(interface: &str, subnets: &str) -> Self {
        Self::without_sockets(subnets).with_interface(interface)
    }

    /// Adds clients on the link of one more interface.
    pub fn with_interface(mut self, interface: &str) -> Self {
        self.interfaces.push(interface.to_owned());
        self
    }

    /// Returns a server for relayed clients, on this address and port.
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
            shares_code: true,
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
            example: None,
        }
    }

    /// Adds a file of reservations, which the configuration names.
    pub fn with_reservations(mut self, name: &str, text: &str) -> Self {
        fs::write(self.folder.path().join(name), text).expect("the folder can be written");
        self.top = format!("reservations = {name:?}\n");
        self
    }

    /// Adds a line below `[server]`.
    pub fn with_server_setting(mut self, line: &str) -> Self {
        self.server_settings.push_str(line);
        self.server_settings.push('\n');
        self
    }

    /// Adds a line below `[plugins]`.
    pub fn with_plugin_setting(mut self, line: &str) -> Self {
        self.plugin_settings.push_str(line);
        self.plugin_settings.push('\n');
        self
    }

    /// Makes the server compile its policies itself, because the test is about that, or because it
    /// runs as a user who cannot read what other tests have compiled.
    pub fn without_shared_code(mut self) -> Self {
        self.shares_code = false;
        self
    }

    /// Adds tables to the configuration, such as `[log]`.
    pub fn with_tables(mut self, tables: &str) -> Self {
        self.tables.push_str(tables);
        self.tables.push('\n');
        self
    }

    /// Sets the lines below `[journal]`, instead of the default path.
    pub fn with_journal(mut self, lines: &str) -> Self {
        self.journal_settings = format!("{lines}\n");
        self
    }

    /// Adds an argument of `lessor serve`.
    pub fn with_argument(mut self, argument: &str) -> Self {
        self.arguments.push(argument.into());
        self
    }

    /// Sets the program that is started, such as a copy of the binary.
    pub fn with_program(mut self, program: &Path) -> Self {
        self.program = Some(program.to_owned());
        self
    }

    /// Connects standard error to a pipe that is not read.
    pub fn unheard(mut self) -> Self {
        self.is_unheard = true;
        self
    }

    /// Adds a policy: its name in the chain, its package, and the text of its sidecar file.
    pub fn with_policy(self, name: &str, package: &str, sidecar: &str) -> Self {
        self.put_policy(name, &fs::read(built::policy(package)).expect("it was built"), sidecar);
        self
    }

    /// Adds a variable to the environment of the server.
    pub fn with_environment(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.environment.push((name.into(), value.as_ref().to_owned()));
        self
    }

    /// Removes a capability, such as `net_admin`, like a service manager that grants only what is
    /// needed.
    pub fn without_capability(mut self, capability: &str) -> Self {
        self.missing_capabilities.push(format!("-{capability}"));
        self
    }

    /// Sets the clock of the server.
    pub fn with_clock(self, clock: &WrongClock) -> Self {
        let variables = clock.environment().into_iter();
        variables.fold(self, |setup, (name, value)| setup.with_environment(name, value))
    }

    /// Puts the store on a separate file system of this size. This needs root.
    pub fn with_small_store(mut self, mib: u32) -> Self {
        self.store_mib = Some(mib);
        // Other processes do not see the server's mounts, so the socket must not be below them.
        let socket = self.folder.path().join("control.sock");
        self.with_tables(&format!("[control]\nsocket = {socket:?}"))
    }

    /// Sets the host on which the server runs.
    pub fn on(mut self, host: &Host) -> Self {
        let entering = host.command("env");
        let words = std::iter::once(entering.get_program()).chain(entering.get_args());
        self.entering = words.map(OsStr::to_owned).collect();
        self
    }

    /// Starts the process without waiting until it serves.
    pub fn launch(&self) -> crate::Process {
        self.write();
        let output = self.folder.path().join("launched.log");
        crate::Process::start("lessor", &mut self.command(), &output)
    }

    /// Starts the server, checks that it refuses to serve, and returns its messages.
    ///
    /// # Panics
    /// If it serves, or ends as if all was well.
    #[track_caller]
    pub fn refused(&self) -> String {
        self.write();
        self.restart_is_refused()
    }

    /// Like [`Setup::refused`], without writing the configuration.
    #[track_caller]
    pub(crate) fn restart_is_refused(&self) -> String {
        let output = self.folder.path().join("refused.log");
        let mut server = crate::Process::start("lessor", &mut self.command(), &output);
        let status = server.ended(wait::SOON);
        assert!(!status.success(), "the server accepted this: {}", server.output());
        server.output()
    }

    /// Returns the address on which the server listens for relays.
    ///
    /// # Panics
    /// Panics if it does not listen for relays.
    pub fn listens_at(&self) -> SocketAddrV4 {
        self.listen.expect("this server listens for relays")
    }

    /// Writes a policy to the plugin folder and replaces a policy of the same name.
    pub fn put_policy(&self, name: &str, component: &[u8], sidecar: &str) {
        let plugins = self.folder.path().join("plugins");
        // Written to another name and renamed, as an operator should, so that no file is ever
        // incomplete.
        for (extension, contents) in [("wasm", component), ("toml", sidecar.as_bytes())] {
            let aside = plugins.join(format!("{name}.{extension}.new"));
            let moved = fs::write(&aside, contents)
                .and_then(|()| fs::rename(&aside, plugins.join(format!("{name}.{extension}"))));
            moved.unwrap_or_else(|error| panic!("{}: {error}", aside.display()));
        }
    }

    /// Writes a script and its sidecar file to the plugin folder, and builds the interpreters.
    pub fn put_script(&self, file: &str, script: &str, sidecar: &str) {
        lessor_guests::interpreters().unwrap_or_else(|error| panic!("{error}"));
        let path = self.folder.path().join("plugins").join(file);
        for (path, text) in [(path.with_extension("toml"), sidecar), (path, script)] {
            fs::write(&path, text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        }
    }

    /// Removes a policy and its sidecar file from the plugin folder.
    pub fn remove_policy(&self, name: &str) {
        for extension in ["wasm", "toml"] {
            let path = self.folder.path().join(format!("plugins/{name}.{extension}"));
            fs::remove_file(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        }
    }

    /// Replaces the subnets of the configuration.
    pub fn put_subnets(&mut self, subnets: &str) {
        subnets.clone_into(&mut self.subnets);
        self.write();
    }

    /// Returns the folder of the server.
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
        if let Some(text) = &self.example {
            fs::write(self.configuration(), text).expect("the folder can be written");
            return;
        }
        let mut text = format!("{}[server]\n", self.top);
        if let Some(listen) = self.listen {
            text.push_str(&format!("listen = [\"{listen}\"]\n"));
        }
        if !self.interfaces.is_empty() {
            text.push_str(&format!("interfaces = {:?}\n", self.interfaces));
        }
        text.push_str(&self.server_settings);
        // Paths are relative to the configuration.
        text.push_str("[store]\npath = \"store\"\n");
        text.push_str("[journal]\n");
        text.push_str(&self.journal_settings);
        text.push_str("[plugins]\ndirectory = \"plugins\"\n");
        text.push_str(&self.plugin_settings);
        if self.shares_code && !self.plugin_settings.contains("cache = ") {
            let cache = built::checkout().join("target/tests-cache");
            text.push_str(&format!("cache = {cache:?}\n"));
        }
        text.push_str(&self.tables);
        text.push_str(&self.subnets);
        fs::write(self.configuration(), text).expect("the folder can be written");
    }

    /// Returns the command for `lessor serve` on its host. The started process becomes the server,
    /// whatever the prefix is.
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
