//! The service manager in systemd's notification protocol (sd_notify(3)).

use std::{
    os::unix::net::UnixDatagram,
    path::{Path, PathBuf},
};

use nix::time::{ClockId, clock_gettime};
use tempfile::TempDir;

use crate::wait;

/// A socket that a service sends its notifications to.
#[derive(Debug)]
pub struct Notifications {
    folder: TempDir,
    socket: UnixDatagram,
}

impl Notifications {
    /// Opens a socket.
    pub fn open() -> Self {
        let folder = tempfile::tempdir().expect("there is room for a socket");
        let socket = UnixDatagram::bind(path(&folder)).expect("the folder is empty");
        socket.set_read_timeout(Some(wait::SOON)).expect("the time is not zero");
        Self { folder, socket }
    }

    /// Returns the value of `NOTIFY_SOCKET` for the service.
    pub fn path(&self) -> PathBuf {
        path(&self.folder)
    }

    /// Returns the next notification: lines such as `READY=1`.
    ///
    /// # Panics
    /// Panics if no notification arrives soon.
    #[track_caller]
    pub fn next(&self) -> Vec<String> {
        let mut buffer = [0; 4096];
        let length = self.socket.recv(&mut buffer).expect("a notification comes soon");
        let text = String::from_utf8_lossy(buffer.get(..length).unwrap_or_default());
        text.lines().map(str::to_owned).collect()
    }
}

/// Returns the time of the clock of `MONOTONIC_USEC`.
pub fn monotonic_usec() -> u64 {
    let now = clock_gettime(ClockId::CLOCK_MONOTONIC).expect("there is such a clock");
    u64::try_from(std::time::Duration::from(now).as_micros()).unwrap_or(u64::MAX)
}

fn path(folder: &TempDir) -> PathBuf {
    Path::join(folder.path(), "notify.sock")
}
