//! The recording, replay and explanation in the demo: the messages of the subscribers are recorded,
//! and replayed against the policies as they would be if Carla had paid; and the server explains
//! its decision about her line.

use std::{
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

use anyhow::{Context, bail, ensure};

/// The timeout of the recorder, to begin and to end.
const PATIENCE: Duration = Duration::from_secs(60);
const GLANCE: Duration = Duration::from_millis(20);

/// A running `lessor record`.
pub(super) struct Recording {
    child: Child,
    file: PathBuf,
}

impl Recording {
    /// Begins to record this number of inputs.
    pub(super) fn begin(lessor: &Path, config: &Path, inputs: usize) -> anyhow::Result<Self> {
        let file = config.with_file_name("traffic.jsonl");
        let child = Command::new(lessor)
            .args(["record", "--count", &inputs.to_string(), "--config"])
            .arg(config)
            .arg("--output")
            .arg(&file)
            .stdout(Stdio::null())
            .spawn()
            .context("cannot start lessor record")?;
        let recording = Self { child, file };
        let started = Instant::now();
        while std::fs::read_to_string(&recording.file).unwrap_or_default().is_empty() {
            ensure!(started.elapsed() < PATIENCE, "the recorder has not begun after 60 s");
            sleep(GLANCE);
        }
        Ok(recording)
    }

    /// Waits until all inputs are recorded, and returns the recording.
    pub(super) fn end(mut self) -> anyhow::Result<PathBuf> {
        let ended = self.child.wait().context("cannot wait for the recorder")?;
        ensure!(ended.success(), "the recorder failed");
        Ok(std::mem::take(&mut self.file))
    }
}

/// Stops the recorder if the demo fails.
impl Drop for Recording {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Replays the recording against the policies without `circuit_id` in the list of unpaid lines, and
/// checks that only decisions about this line differ.
pub(super) fn replay(
    lessor: &Path,
    config: &Path,
    recording: &Path,
    circuit_id: &str,
) -> anyhow::Result<()> {
    let plugins = config.with_file_name("plugins");
    let changed = config.with_file_name("plugins-if-paid");
    std::fs::create_dir(&changed)?;
    for entry in std::fs::read_dir(&plugins)? {
        let entry = entry?;
        std::fs::copy(entry.path(), changed.join(entry.file_name()))?;
    }
    super::strike_off(&changed, circuit_id)?;
    let output = Command::new(lessor)
        .args(["replay", "--only", "differences", "--config"])
        .arg(config)
        .arg("--plugins")
        .arg(&changed)
        .arg(recording)
        .output()?;
    let text = show(&output)?;
    ensure!(output.status.code() == Some(1), "the replay should find differences");
    ensure!(
        text.contains("2 differences between replayed and recorded"),
        "the decisions about Carla's two messages, and no others, should differ"
    );
    std::fs::remove_dir_all(&changed)?;
    Ok(())
}

/// Runs `lessor explain` for a line.
pub(super) fn explain(lessor: &Path, config: &Path, circuit_id: &str) -> anyhow::Result<()> {
    let output = Command::new(lessor)
        .args(["explain", "--circuit-id", circuit_id, "--config"])
        .arg(config)
        .output()?;
    let text = show(&output)?;
    ensure!(output.status.success(), "the server should explain the line {circuit_id}");
    ensure!(
        text.contains("pool=walled-garden") && text.contains("offered-current"),
        "the line {circuit_id} should be in the walled garden and keep its address there"
    );
    Ok(())
}

/// Prints the output of a command, and returns its standard output.
pub(super) fn show(output: &std::process::Output) -> anyhow::Result<String> {
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let complaint = String::from_utf8_lossy(&output.stderr);
    for line in text.lines().chain(complaint.lines()) {
        println!("  {line}");
    }
    if text.is_empty() {
        bail!("a command printed nothing");
    }
    Ok(text)
}
