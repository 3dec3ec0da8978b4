//! What `/proc` says of a process: as anybody on the machine sees it.

use std::fs;

/// The children of a process.
pub fn children(parent: u32) -> Vec<u32> {
    let entries = fs::read_dir("/proc").expect("/proc can be read").flatten();
    let ids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    ids.filter(|id| stat(*id, 1) == Some(i64::from(parent))).collect()
}

/// Processor time of a process, in ticks of 10 ms.
pub fn processor_ticks(process: u32) -> u64 {
    let ticks = stat(process, 11).unwrap_or(0) + stat(process, 12).unwrap_or(0);
    ticks.unsigned_abs()
}

/// Its niceness.
pub fn niceness(process: u32) -> i64 {
    stat(process, 16).expect("the process runs")
}

/// What it has resident, in KiB.
pub fn resident_kib(process: u32) -> u64 {
    number(process, "VmRSS").unwrap_or(0)
}

/// The most that it has had resident, in KiB.
pub fn peak_kib(process: u32) -> u64 {
    number(process, "VmHWM").unwrap_or(0)
}

/// A field of `/proc/…/status`; empty if there is none.
pub fn field(process: u32, name: &str) -> String {
    let status = read(process, "status");
    let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    line.unwrap_or_default().trim().to_owned()
}

/// A file of `/proc/…`; empty if there is none.
pub fn read(process: u32, file: &str) -> String {
    let octets = fs::read(format!("/proc/{process}/{file}")).unwrap_or_default();
    String::from_utf8_lossy(&octets).into_owned()
}

/// The number in a field of `/proc/…/status`, of KiB where it is one of memory.
pub fn number(process: u32, name: &str) -> Option<u64> {
    field(process, name).split_whitespace().next()?.parse().ok()
}

/// A field of `/proc/…/stat` behind the program's name; 0 is the state.
fn stat(process: u32, field: usize) -> Option<i64> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    stat.rsplit(") ").next()?.split(' ').nth(field)?.parse().ok()
}
