//! A server process for the demo and the measurements.

use std::{
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

use anyhow::{Context, bail};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

/// The timeout of the server to start, to reload, and to write its journal.
const PATIENCE: Duration = Duration::from_secs(60);
const GLANCE: Duration = Duration::from_millis(20);

/// A running `lessor serve`.
pub(crate) struct Server {
    child: Child,
    folder: PathBuf,
    /// The length of the log before the last reload.
    log_mark: std::cell::Cell<usize>,
}

impl Server {
    /// Starts `lessor serve` and waits until it serves. The log and the journal are in the folder
    /// of the configuration.
    ///
    /// # Errors
    /// Returns an error with the log if the server does not serve.
    pub(crate) fn start(lessor: &Path, config: &Path) -> anyhow::Result<Self> {
        Self::spawn(Command::new(lessor), config)
    }

    /// Like [`Server::start`], with all threads of the server on one core.
    ///
    /// # Errors
    /// Returns an error with the log if the server does not serve.
    pub(crate) fn start_on_core(lessor: &Path, config: &Path, core: usize) -> anyhow::Result<Self> {
        let mut command = Command::new("taskset");
        command.args(["-c", &core.to_string()]).arg(lessor);
        Self::spawn(command, config)
    }

    fn spawn(mut command: Command, config: &Path) -> anyhow::Result<Self> {
        let folder = config.parent().unwrap_or(Path::new(".")).to_owned();
        let log = std::fs::File::create(folder.join("log"))?;
        let child = command
            .args(["serve", "--config"])
            .arg(config)
            .stdin(Stdio::null())
            .stderr(log)
            .spawn()
            .with_context(|| format!("cannot start {command:?}"))?;
        let mut server = Self { child, folder, log_mark: 0.into() };
        let started = Instant::now();
        loop {
            let ended = server.child.try_wait()?;
            if ended.is_some() || started.elapsed() > PATIENCE {
                bail!("the server does not serve; its log:\n{}", server.log());
            }
            if server.log().lines().any(|line| line.contains("INFO serving")) {
                return Ok(server);
            }
            sleep(GLANCE);
        }
    }

    /// The id of the server's process.
    pub(crate) fn process(&self) -> u32 {
        self.child.id()
    }

    /// Sends SIGHUP.
    pub(crate) fn hang_up(&self) -> anyhow::Result<()> {
        self.log_mark.set(self.log().len());
        self.signal(Signal::SIGHUP)
    }

    /// Waits for the outcome of the last [`Server::hang_up`], and returns whether the server
    /// accepted it.
    pub(crate) fn wait_for_reload(&self) -> anyhow::Result<bool> {
        let started = Instant::now();
        while started.elapsed() < PATIENCE {
            for line in self.log_since_reload() {
                if line.contains("reload refused") {
                    return Ok(false);
                }
                if line.contains("reloaded") {
                    return Ok(true);
                }
            }
            sleep(GLANCE);
        }
        bail!("the server did not reload; its log:\n{}", self.log())
    }

    /// Returns the lines that the server has logged since the last [`Server::hang_up`].
    pub(crate) fn log_since_reload(&self) -> Vec<String> {
        let log = self.log();
        log.get(self.log_mark.get()..).unwrap_or_default().lines().map(str::to_owned).collect()
    }

    /// Waits until `complete` returns true, and returns the lines of the journal.
    pub(crate) fn journal(
        &self,
        complete: impl Fn(&[serde_json::Value]) -> bool,
    ) -> anyhow::Result<Vec<serde_json::Value>> {
        let started = Instant::now();
        loop {
            let text =
                std::fs::read_to_string(self.folder.join("journal.jsonl")).unwrap_or_default();
            let lines: Vec<serde_json::Value> =
                text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
            if complete(&lines) {
                return Ok(lines);
            }
            if started.elapsed() > PATIENCE {
                bail!("the journal is not complete after {PATIENCE:?}");
            }
            sleep(GLANCE);
        }
    }

    /// Stops the server with SIGTERM; its exit code must be 0.
    pub(crate) fn stop(mut self) -> anyhow::Result<()> {
        self.signal(Signal::SIGTERM)?;
        self.ended()
    }

    /// Waits until the server exits. Ctrl-C reaches the server as well as this process.
    pub(crate) fn wait(mut self) -> anyhow::Result<()> {
        // This process must outlive the server, which may still have something to write.
        ctrlc::set_handler(|| {})?;
        self.ended()
    }

    fn ended(&mut self) -> anyhow::Result<()> {
        let status = self.child.wait()?;
        if !status.success() {
            bail!("the server exited with {status}; its log:\n{}", self.log());
        }
        Ok(())
    }

    fn signal(&self, signal: Signal) -> anyhow::Result<()> {
        Ok(kill(Pid::from_raw(self.child.id() as i32), signal)?)
    }

    /// Returns the processor time that the server has used.
    pub(crate) fn processor_time(&self) -> anyhow::Result<Duration> {
        // proc(5): utime and stime, in ticks of 10 ms, are fields after the name in brackets.
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id()))?;
        let (_, fields) = stat.rsplit_once(')').context("cannot read the process's times")?;
        let ticks = fields.split_whitespace().skip(11).take(2);
        let ticks: Vec<u64> = ticks.map(str::parse).collect::<Result<_, _>>()?;
        let ticks: u64 = ticks.into_iter().sum();
        Ok(Duration::from_millis(ticks * 10))
    }

    /// Returns the maximum resident memory of the server.
    pub(crate) fn memory_max_octets(&self) -> anyhow::Result<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = line.and_then(|line| line.trim().strip_suffix("kB")).context("no VmHWM")?;
        Ok(kib.trim().parse::<u64>()? << 10)
    }

    /// Returns the log of the server.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.folder.join("log")).unwrap_or_default()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}
