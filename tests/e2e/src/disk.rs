//! A disk that a test can break: an ext4 file system in a file, on a loop device.

use std::{
    fs::File,
    os::fd::AsRawFd,
    path::{Path, PathBuf},
    process::Command,
};

/// A separate ext4 file system, mounted while a test uses it. It needs root and loop devices
/// (`require!(root, loop_disk)`).
#[derive(Debug)]
pub struct LoopDisk {
    image: PathBuf,
    mount_point: PathBuf,
    is_mounted: bool,
    is_frozen: bool,
}

/// `EXT4_GOING_FLAGS_NOLOGFLUSH`: as in a power failure, nothing more is written, not even the part
/// of the journal that is in memory.
const NO_LOG_FLUSH: u32 = 2;

nix::ioctl_read!(ext4_shutdown, b'X', 125, u32);
nix::ioctl_readwrite!(freeze_file_system, b'X', 119, i32);
nix::ioctl_readwrite!(thaw_file_system, b'X', 120, i32);

impl LoopDisk {
    /// Creates a file system of `mib` MiB in the file `image` and mounts it on the folder
    /// `mount_point`, which is also created.
    #[track_caller]
    pub fn new(image: &Path, mount_point: &Path, mib: u64) -> Self {
        let file = File::create(image).unwrap_or_else(|error| panic!("{image:?}: {error}"));
        file.set_len(mib << 20).unwrap_or_else(|error| panic!("{image:?}: {error}"));
        run(Command::new("/usr/sbin/mkfs.ext4").args(["-q", "-F"]).arg(image));
        std::fs::create_dir_all(mount_point).expect("the folder can be written");
        let (image, mount_point) = (image.to_owned(), mount_point.to_owned());
        let mut disk = Self { image, mount_point, is_mounted: false, is_frozen: false };
        disk.mount();
        disk
    }

    /// Mounts the file system, which replays its journal.
    #[track_caller]
    pub fn mount(&mut self) {
        run(Command::new("mount")
            .args(["-t", "ext4", "-o", "loop"])
            .args([&self.image, &self.mount_point]));
        self.is_mounted = true;
    }

    /// Unmounts the file system, which must not be in use.
    #[track_caller]
    pub fn unmount(&mut self) {
        run(Command::new("umount").arg(&self.mount_point));
        self.is_mounted = false;
    }

    /// Makes every further write and flush fail, and discards what was not flushed, until the file
    /// system is mounted again.
    ///
    /// # Panics
    /// Panics if the system refuses.
    #[allow(unsafe_code, reason = "there is no safe interface to this call of ext4")]
    pub fn shut_down(&self) {
        let root = File::open(&self.mount_point).expect("the disk is mounted");
        let mut flags = NO_LOG_FLUSH;
        // SAFETY: the descriptor is open, and the kernel reads one u32 behind the pointer.
        unsafe { ext4_shutdown(root.as_raw_fd(), &raw mut flags) }
            .expect("ext4 can be shut down by root");
    }
}

impl LoopDisk {
    /// Blocks every write and flush until [`LoopDisk::thaw`].
    ///
    /// # Panics
    /// Panics if the system refuses.
    #[allow(unsafe_code, reason = "there is no safe interface to this call")]
    pub fn freeze(&mut self) {
        let root = File::open(&self.mount_point).expect("the disk is mounted");
        let mut unused = 0;
        // SAFETY: the descriptor is open, and the kernel does not use the number.
        unsafe { freeze_file_system(root.as_raw_fd(), &raw mut unused) }
            .expect("root can freeze a file system");
        self.is_frozen = true;
    }

    /// Unblocks waiting writes and flushes.
    ///
    /// # Panics
    /// Panics if the system refuses.
    #[allow(unsafe_code, reason = "there is no safe interface to this call")]
    pub fn thaw(&mut self) {
        let root = File::open(&self.mount_point).expect("the disk is mounted");
        let mut unused = 0;
        // SAFETY: the descriptor is open, and the kernel does not use the number.
        unsafe { thaw_file_system(root.as_raw_fd(), &raw mut unused) }
            .expect("root can thaw a file system");
        self.is_frozen = false;
    }
}

impl Drop for LoopDisk {
    fn drop(&mut self) {
        if self.is_frozen {
            self.thaw();
        }
        if self.is_mounted {
            let _ = Command::new("umount").arg("--lazy").arg(&self.mount_point).status();
        }
    }
}

#[track_caller]
fn run(command: &mut Command) {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {said}");
}
