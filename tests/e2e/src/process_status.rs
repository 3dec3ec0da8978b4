//! The status of a process in `/proc`, as other processes see it.

use std::fs;

/// Returns the children of a process.
pub fn children(parent: u32) -> Vec<u32> {
    let entries = fs::read_dir("/proc").expect("/proc can be read").flatten();
    let ids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    ids.filter(|id| stat(*id, 1) == Some(i64::from(parent))).collect()
}

/// Returns the processor time of a process, in ticks of 10 ms.
pub fn processor_ticks(process: u32) -> u64 {
    let ticks = stat(process, 11).unwrap_or(0) + stat(process, 12).unwrap_or(0);
    ticks.unsigned_abs()
}

/// Returns the niceness of a process.
pub fn niceness(process: u32) -> i64 {
    stat(process, 16).expect("the process runs")
}

/// Returns the resident memory of a process, in KiB.
pub fn resident_kib(process: u32) -> u64 {
    number(process, "VmRSS").unwrap_or(0)
}

/// Returns the maximum resident memory of a process, in KiB.
pub fn peak_kib(process: u32) -> u64 {
    number(process, "VmHWM").unwrap_or(0)
}

/// Returns a field of `/proc/…/status`, or an empty text if there is no such field.
pub fn field(process: u32, name: &str) -> String {
    let status = read(process, "status");
    let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    line.unwrap_or_default().trim().to_owned()
}

/// Returns a file of `/proc/…`, or an empty text if there is no such file.
pub fn read(process: u32, file: &str) -> String {
    let octets = fs::read(format!("/proc/{process}/{file}")).unwrap_or_default();
    String::from_utf8_lossy(&octets).into_owned()
}

/// Returns the number in a field of `/proc/…/status`; sizes of memory are in KiB.
pub fn number(process: u32, name: &str) -> Option<u64> {
    field(process, name).split_whitespace().next()?.parse().ok()
}

/// Returns a field of `/proc/…/stat` after the program's name; field 0 is the state.
fn stat(process: u32, field: usize) -> Option<i64> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    stat.rsplit(") ").next()?.split(' ').nth(field)?.parse().ok()
}
