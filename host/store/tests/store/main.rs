//! The promises of every store, and how they hold when the process is killed, the disk is full or
//! too much is asked for.
mod answers;
mod battery;
mod committer;
mod crash;
mod disk_full;
mod keyed;
mod support;
