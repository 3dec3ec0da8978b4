//! Measures running programs and folders, and formats the figures.

use std::{
    path::Path,
    process::{Command, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

use anyhow::{Context, bail, ensure};

const GLANCE: Duration = Duration::from_millis(10);
/// The timeout of a check.
const CHECK_MAX: Duration = Duration::from_secs(120);
/// The time within which a server frees the memory that it needed only to start.
const SETTLE: Duration = Duration::from_secs(3);

/// The cost of a check of a configuration.
pub(super) struct Checked {
    pub(super) took: Duration,
    pub(super) peak_octets: u64,
}

/// Runs `lessor check`.
///
/// # Errors
/// Returns an error if the configuration is refused.
pub(super) fn check(lessor: &Path, config: &Path) -> anyhow::Result<Checked> {
    let began = Instant::now();
    let mut command = Command::new(lessor);
    command.args(["check", "--config"]).arg(config).stdout(Stdio::null());
    let mut child = command.spawn().with_context(|| format!("cannot start {command:?}"))?;
    let mut peak_octets = 0;
    loop {
        // The last value before the process exits is the most accurate.
        let peak = memory_octets(child.id(), "VmHWM:").unwrap_or_default();
        peak_octets = peak_octets.max(peak);
        if let Some(status) = child.try_wait()? {
            ensure!(status.success(), "lessor check refused {}", config.display());
            return Ok(Checked { took: began.elapsed(), peak_octets });
        }
        if began.elapsed() > CHECK_MAX {
            child.kill()?;
            child.wait()?;
            bail!("lessor check takes longer than {CHECK_MAX:?}");
        }
        sleep(GLANCE);
    }
}

/// Waits until a process has settled, and returns its resident memory.
///
/// # Errors
/// Returns an error if there is no such process.
pub(super) fn resident_octets(process: u32) -> anyhow::Result<u64> {
    sleep(SETTLE);
    memory_octets(process, "VmRSS:")
}

fn memory_octets(process: u32, field: &str) -> anyhow::Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix(field));
    let kib = line.and_then(|line| line.trim().strip_suffix("kB"));
    Ok(kib.context("the process has ended")?.trim().parse::<u64>()? << 10)
}

/// Returns the total size of the files in a folder.
///
/// # Errors
/// Returns an error if the folder cannot be read.
pub(super) fn folder_octets(folder: &Path) -> anyhow::Result<u64> {
    let mut octets = 0;
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        octets += match entry.metadata()? {
            metadata if metadata.is_dir() => folder_octets(&entry.path())?,
            metadata => metadata.len(),
        };
    }
    Ok(octets)
}

/// Formats octets as MiB.
pub(super) fn mib(octets: u64) -> String {
    format!("{:.1}", octets as f64 / f64::from(1 << 20))
}

/// Formats seconds with two decimals.
pub(super) fn secs(time: Duration) -> String {
    format!("{:.2}", time.as_secs_f64())
}

/// Formats `octets` divided by `count`, or returns an empty text if `count` is 0.
pub(super) fn each(octets: u64, count: u32) -> String {
    match count {
        0 => String::new(),
        count => format!("{:.0}", octets as f64 / f64::from(count)),
    }
}

/// Formats a number with separators of thousands.
pub(super) fn grouped(number: u32) -> String {
    let digits = number.to_string();
    let groups: Vec<&[u8]> = digits.as_bytes().rchunks(3).rev().collect();
    let groups = groups.iter().map(|group| String::from_utf8_lossy(group));
    groups.collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        let written = [7, 999, 1000, 1_234_567].map(grouped);
        assert_eq!(written, ["7", "999", "1,000", "1,234,567"]);
        assert_eq!(
            (mib(3 << 19), each(1000, 3), each(1, 0)),
            ("1.5".into(), "333".into(), "".into())
        );
    }
}
