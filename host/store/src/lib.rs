//! Bindings on stable storage: one trait, a backend in memory and one on disk, and the thread that
//! commits the changes of many packets with one flush.
//!
//! Does not decide which client gets a lease (the core does) or when a client is answered (the
//! server does). Invariant: **a change reported as [`StorageAnswer::Made`] survives the end of the
//! process and, on disk, the loss of power.** A change is a compare-and-set, never an unconditional
//! write, so that a database shared by several servers fits behind the same trait. The changes of
//! one decision are committed atomically.
//!
//! ```text
//! workers ──submit──▶ Committer ──one commit──▶ Store ──▶ disk
//!    ▲                    │
//!    └──────on_done───────┘   one answer per decision, in order
//! ```

#![deny(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]

mod backend;
pub mod backup;
mod committer;
mod compare;
mod disk_store;
mod error;
mod keyed;
mod log;
mod memory;
mod owner;
mod point;
mod record;
mod record_key;
mod replacing;
mod salvage;
mod status;

use lessor_core::{Binding, Changes, StorageAnswer};

pub use backend::{open, read};
pub use committer::{Committer, CommitterLimits, CommitterThread, Submission};
pub use disk_store::{DiskStore, StoreSurvey};
pub use error::StoreError;
pub use keyed::{DamagedKeyedStore, KeyedStore, KeyedStoreError, KeyedValue};
pub use log::survey::{Damage, SegmentSurvey, Survey, TornTail};
pub use memory::MemoryStore;
pub use owner::as_owner;
pub use salvage::Salvage;
pub use status::CommitterStatus;

/// The place where bindings are kept, one for each address of each VPN and outside of all.
///
/// Only one thread uses a store: that of the [`Committer`].
pub trait Store: Send {
    /// Passes every record to `each`, in no particular order, and returns their number. It is
    /// called once, at start.
    ///
    /// # Errors
    ///
    /// Fails if a record cannot be read. The server must not start then: it would take the address
    /// of the unreadable binding for a free one.
    fn load(&mut self, each: &mut dyn FnMut(Binding)) -> Result<u64, StoreError>;

    /// Commits the changes of decisions with one flush, each as a compare-and-set on the revision
    /// of its record ([`lessor_core::Change::expected_revision`]), and returns one answer per
    /// decision, in order. If one change of a decision conflicts, none of its changes is made.
    ///
    /// Decisions about the same address in one batch build on each other in order. A batch is
    /// written completely or not at all. If writing fails, every answer is
    /// [`StorageAnswer::NotMade`], and that is final: the remains of the failed attempt are undone
    /// before anything else is written. (If power fails before that, only the disk knows the
    /// result, and it is read at the next start.)
    ///
    /// After a failure, a store resumes without intervention as soon as its storage works again;
    /// until then it answers [`StorageAnswer::NotMade`] without delay.
    fn commit(&mut self, batch: &[Changes]) -> Vec<StorageAnswer>;

    /// Why the latest commit failed and what the store does about it, as a sentence for the log;
    /// `None` if it did not fail.
    fn last_error(&self) -> Option<String> {
        None
    }

    /// A problem that exists although commits succeed, as a sentence for the log, for example
    /// damage to old records.
    fn complaint(&self) -> Option<String> {
        None
    }
}
