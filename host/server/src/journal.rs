//! The journal: one JSON line for each input and each lease that expired or was replaced, for legal
//! logs, support and tests. Its fields are documented in docs/operators.md.

use std::{
    fs::{File, OpenOptions},
    io::{self, BufWriter, Read, Seek, SeekFrom, Write},
    net::{Ipv4Addr, SocketAddrV4},
    path::PathBuf,
    time::{Duration, Instant},
};

use anyhow::Context;
use lessor_core::{Destination, Lease, RelayInformation, option::code, readable};
use lessor_policy_host::{Difference, ShadowDifference, TraceEntry};
use serde::Serialize;

use crate::{observer::Event, recording::option_name};

/// An open journal file.
#[derive(Debug)]
pub(crate) struct Journal {
    path: PathBuf,
    /// Is given whole lines only, so that a kill between two writes cuts none.
    file: BufWriter<File>,
    /// Where a line is put together.
    line: Vec<u8>,
    flushed_at: Instant,
    /// When it could last not be written; nothing if it can.
    failed_at: Option<Instant>,
    /// Lines that may not have reached the file since it was last flushed.
    unflushed: u64,
}

/// How often a journal that cannot be written is tried again.
const RETRY_EVERY: Duration = Duration::from_secs(1);

/// A line of the journal; absent fields are left out.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "kebab-case")]
struct Line<'a> {
    time: String,
    reason: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    outcome: Option<lessor_core::Outcome>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    transaction_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hardware_address: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    host_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<Ipv4Addr>,
    #[serde(skip_serializing_if = "Option::is_none")]
    lease_time_secs: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    destination: Option<Destination>,
    /// Names of options for which the reply had no room.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    left_out: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    subscriber: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    network: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<SocketAddrV4>,
    #[serde(skip_serializing_if = "Option::is_none")]
    interface: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    relay_address: Option<Ipv4Addr>,
    #[serde(skip_serializing_if = "Option::is_none")]
    circuit_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    remote_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    relay_information: Option<String>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    plugins: &'a [TraceEntry],
    /// The shadow whose differences these are.
    #[serde(skip_serializing_if = "Option::is_none")]
    shadow: Option<&'a str>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    differences: &'a [Difference],
}

/// How a lease ended without a message of its client.
#[derive(Clone, Copy, Debug)]
pub(crate) enum LeaseEnd {
    /// By itself.
    Expired,
    /// By the lease of another client: in favour of that, or because its address passed on.
    Replaced,
}

impl LeaseEnd {
    const fn name(self) -> &'static str {
        match self {
            Self::Expired => "expired-lease",
            Self::Replaced => "replaced-lease",
        }
    }
}

impl Journal {
    /// Opens the file for appending.
    ///
    /// # Errors
    /// If it cannot be created or written.
    pub(crate) fn open(path: PathBuf) -> anyhow::Result<Self> {
        let file = append_to(&path)
            .with_context(|| format!("cannot open the journal {}", path.display()))?;
        Ok(Self {
            path,
            file: BufWriter::new(file),
            line: Vec::new(),
            flushed_at: Instant::now(),
            failed_at: None,
            unflushed: 0,
        })
    }

    /// Does something to the journal, and returns how many lines were lost by it. A failure is
    /// logged once; the file is tried again every now and then.
    pub(crate) fn attempt(&mut self, work: impl FnOnce(&mut Self) -> io::Result<()>) -> u64 {
        let is_due = self.failed_at.is_none_or(|failed_at| failed_at.elapsed() > RETRY_EVERY);
        if self.failed_at.is_some() && is_due {
            // What the broken writer still holds is counted as lost already.
            match append_to(&self.path) {
                Ok(file) => {
                    drop(std::mem::replace(&mut self.file, BufWriter::new(file)).into_parts());
                    self.failed_at = None;
                    self.unflushed = 0;
                    tracing::info!(journal = %self.path.display(), "trying the journal again");
                }
                Err(_) => self.failed_at = Some(Instant::now()),
            }
        }
        let Err(error) = work(self) else { return 0 };
        if self.failed_at.is_none() {
            self.failed_at = Some(Instant::now());
            tracing::error!(
                journal = %self.path.display(),
                %error,
                "cannot write the journal; lines are lost and counted until it can be written"
            );
        }
        std::mem::take(&mut self.unflushed)
    }

    /// Writes what became of an input.
    pub(crate) fn input(&mut self, event: &Event) -> io::Result<()> {
        let mut line = Line {
            reason: event.reason.name(),
            outcome: Some(event.reason.outcome()),
            detail: event.detail.as_deref(),
            client: event.client.as_ref().map(ToString::to_string),
            address: event.address,
            lease_time_secs: event.lease_time_secs,
            subscriber: event.subscriber.as_deref(),
            network: event.network.as_deref(),
            source: Some(event.source),
            plugins: &event.trace,
            ..Line::default()
        };
        if let Some(written) = &event.written {
            line.destination = Some(written.destination);
            line.left_out = written.left_out.iter().map(|code| option_name(*code)).collect();
        }
        if let Some(request) = event.request.as_deref() {
            line.message = Some(request.kind.name());
            line.transaction_id = Some(format!("{:08x}", request.transaction_id));
            line.hardware_address = Some(request.hardware_address.to_string());
            line.host_name = request
                .options
                .get(code::HOST_NAME)
                .map(|octets| String::from_utf8_lossy(octets).into_owned());
            line.interface = request.arrival.interface.as_deref();
            line.relay_address = request.is_relayed().then_some(request.relay_address);
            line.say_line(request.relay_information.as_ref());
        }
        self.write(line)
    }

    /// Writes that a lease ended without a message of its client: it expired or was replaced.
    pub(crate) fn ended(
        &mut self,
        end: LeaseEnd,
        network: Option<&str>,
        lease: &Lease,
    ) -> io::Result<()> {
        let mut line = Line {
            reason: end.name(),
            network,
            subscriber: lease.subscriber.as_deref(),
            client: Some(lease.client.to_string()),
            hardware_address: Some(lease.hardware_address.to_string()),
            address: Some(lease.address),
            ..Line::default()
        };
        line.say_line(lease.relay_information.as_ref());
        self.write(line)
    }

    /// Writes in what a shadow differed.
    pub(crate) fn shadow_difference(&mut self, difference: &ShadowDifference) -> io::Result<()> {
        self.write(Line {
            reason: "shadow-difference",
            message: Some(&difference.message),
            transaction_id: Some(format!("{:08x}", difference.transaction_id)),
            client: Some(difference.client.clone()),
            hardware_address: Some(difference.hardware_address.clone()),
            network: Some(&difference.network),
            circuit_id: difference.circuit_id.clone(),
            shadow: Some(&difference.plugin),
            differences: &difference.differences,
            ..Line::default()
        })
    }

    /// Opens the file anew, after it was rotated away.
    pub(crate) fn reopen(&mut self) -> io::Result<()> {
        // A flush that fails must not keep the new file from being opened.
        let flushed = self.file.flush();
        self.file = BufWriter::new(append_to(&self.path)?);
        self.failed_at = None;
        flushed
    }

    /// Hands everything to the operating system.
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        self.flushed_at = Instant::now();
        if self.failed_at.is_none() {
            self.file.flush()?;
            self.unflushed = 0;
        }
        Ok(())
    }

    /// The same, if the last time is longer ago than `age`.
    pub(crate) fn flush_if_older_than(&mut self, age: Duration) -> io::Result<()> {
        if self.flushed_at.elapsed() > age { self.flush() } else { Ok(()) }
    }

    fn write(&mut self, mut line: Line<'_>) -> io::Result<()> {
        self.unflushed += 1;
        if self.failed_at.is_some() {
            return Err(io::Error::other("the journal cannot be written"));
        }
        line.time = jiff::Timestamp::now().to_string();
        self.line.clear();
        serde_json::to_writer(&mut self.line, &line)?;
        self.line.push(b'\n');
        self.file.write_all(&self.line)
    }
}

impl Line<'_> {
    fn say_line(&mut self, relay_information: Option<&RelayInformation>) {
        let Some(information) = relay_information else { return };
        self.circuit_id = information.circuit_id().map(readable);
        self.remote_id = information.remote_id().map(readable);
        self.relay_information = Some(hex::encode(information.octets()));
    }
}

/// Opens a file for appending. A line that was cut short, by a full disk or a crash, is ended
/// first, so that it does not swallow the next one.
fn append_to(path: &std::path::Path) -> io::Result<File> {
    let mut file = OpenOptions::new().create(true).append(true).read(true).open(path)?;
    let mut last = [b'\n'];
    if file.metadata()?.len() > 0 {
        file.seek(SeekFrom::End(-1))?;
        file.read_exact(&mut last)?;
    }
    if last != *b"\n" {
        file.write_all(b"\n")?;
    }
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line() -> Line<'static> {
        Line { reason: "ack-selecting", ..Line::default() }
    }

    #[test]
    fn lines_that_a_full_disk_takes_are_counted() {
        let mut journal = Journal::open("/dev/full".into()).unwrap();
        assert_eq!(journal.attempt(|journal| journal.write(line())), 0);
        assert_eq!(journal.attempt(|journal| journal.write(line())), 0);
        assert_eq!(journal.attempt(Journal::flush), 2);
        assert_eq!(journal.attempt(|journal| journal.write(line())), 1);
    }

    #[test]
    fn a_journal_is_written_again_as_soon_as_it_can_be() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal.jsonl");
        std::os::unix::fs::symlink("/dev/full", &path).unwrap();
        let mut journal = Journal::open(path.clone()).unwrap();
        journal.attempt(|journal| journal.write(line()));
        assert_eq!(journal.attempt(Journal::flush), 1);
        std::fs::remove_file(&path).unwrap();
        std::thread::sleep(RETRY_EVERY + Duration::from_millis(50));
        assert_eq!(journal.attempt(|journal| journal.write(line())), 0);
        assert_eq!(journal.attempt(Journal::flush), 0);
        assert_eq!(std::fs::read_to_string(&path).unwrap().lines().count(), 1);
    }

    #[test]
    fn what_reaches_the_file_before_a_flush_are_whole_lines() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal.jsonl");
        let mut journal = Journal::open(path.clone()).unwrap();
        let text = || std::fs::read_to_string(&path).unwrap();
        while text().is_empty() {
            assert_eq!(journal.attempt(|journal| journal.write(line())), 0);
        }
        assert!(text().lines().count() > 1 && text().ends_with('\n'), "{}", text());
    }

    #[test]
    fn a_line_that_was_cut_short_does_not_swallow_the_next() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal.jsonl");
        std::fs::write(&path, "{\"time\":").unwrap();
        let mut journal = Journal::open(path.clone()).unwrap();
        journal.attempt(|journal| journal.write(line()));
        journal.attempt(Journal::flush);
        let text = std::fs::read_to_string(&path).unwrap();
        let last: serde_json::Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
        assert_eq!(last["reason"], "ack-selecting");
    }
}
