//! Leases on stable storage: one trait, a backend in memory and one on disk, and the thread that
//! makes the changes of many packets durable with one flush.
//!
//! Not here: which lease is given to which client (the core decides that), and when a client is
//! answered (the server decides that). Invariant: **a change reported as [`Answer::Made`]
//! survives the death of the process and, on disk, the loss of power.** A change is a
//! compare-and-set, never a blind write, so that a shared database used by several servers fits
//! behind the same trait; the changes of one decision are made together or not at all.
//!
//! ```text
//! workers ──submit──▶ Committer ──one commit──▶ Store ──▶ disk
//!    ▲                    │
//!    └──────on_done───────┘   one answer per decision, in order
//! ```

mod committer;
mod compare;
mod disk_store;
mod error;
mod keyed;
mod log;
mod memory;
mod record;
mod salvage;
mod status;

use lessor_core::{Answer, Changes, Lease};

pub use committer::{Committer, CommitterLimits, CommitterThread, Submission};
pub use disk_store::{DiskStore, StoreSurvey};
pub use error::StoreError;
pub use keyed::{DamagedKeyedStore, KeyedStore, KeyedStoreError, KeyedValue};
pub use log::survey::{Damage, SegmentSurvey, Survey, TornTail};
pub use memory::MemoryStore;
pub use salvage::Salvage;
pub use status::CommitterStatus;

/// Where lease records are kept: one for each address.
///
/// Only one thread uses a store: that of the [`Committer`].
pub trait Store: Send {
    /// Passes every record to `each`, in no particular order, and returns how many there are.
    /// Called once, at start.
    ///
    /// # Errors
    ///
    /// If a record cannot be read. The server then must not start: it would take the address of
    /// the unreadable lease for a free one.
    fn load(&mut self, each: &mut dyn FnMut(Lease)) -> Result<u64, StoreError>;

    /// Makes the changes of decisions durable with one flush, each as a compare-and-set on the
    /// revision of its record ([`lessor_core::Change::expected_revision`]), and returns one answer per
    /// decision, in order. If one change of a decision conflicts, none of that decision is made.
    ///
    /// Decisions about the same address in one batch build on each other in order. What a batch
    /// makes is written whole or not at all. If that fails, every answer is [`Answer::NotMade`], and
    /// that is final: whatever the failed attempt left behind is undone before anything else is
    /// written. (Should power fail before that, the disk alone knows, and is read at the next start.)
    ///
    /// A store that failed resumes without help as soon as its storage works again; until then it
    /// answers [`Answer::NotMade`] without delay.
    fn commit(&mut self, batch: &[Changes]) -> Vec<Answer>;

    /// Why the latest commit failed and what is done about it, as a sentence for the log; none if
    /// it did not fail.
    fn last_error(&self) -> Option<String> {
        None
    }

    /// What is wrong although commits succeed, as a sentence for the log: damage to old records, for
    /// instance.
    fn complaint(&self) -> Option<String> {
        None
    }
}
