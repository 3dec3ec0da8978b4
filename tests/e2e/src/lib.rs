//! The building blocks of the end-to-end tests: the server as a process, network namespaces with
//! links between them, and third-party DHCP clients, relays and tools.
//!
//! Nothing of the server is linked in: the tests run its binary and check what it sends, prints and
//! stores. If a helper cannot do something, or does not see it in time, it panics, which fails the
//! test.
//!
//! - `LESSOR_BIN` names the binary to test; without it, cargo builds it.
//! - `LESSOR_DEB` names a Debian package of the server, and `LESSOR_DEB_ROOT` a root of Debian to
//!   install it in; without it, a layer above the root of this machine is used.
//! - `LESSOR_TARBALL` names a static tarball of the server.
//! - `LESSOR_SMALL_BIN` names a binary without features.
//! - `LESSOR_REQUIRE_E2E=1` makes tests fail that cannot run on this machine.
//! - `LESSOR_MOVED_LEASES` sets the number of leases that are moved from each other server.
//! - `LESSOR_FLOOD` sets the number of messages of a flood.
//! - `LESSOR_SEED` repeats a random run; tests with random values print their seed.
//!
//! **Every wait has a deadline, and everything that a test starts ends with the test**: processes,
//! namespaces and files belong to values that clean up when they are dropped.

pub mod attack;
pub mod built;
pub mod bystanders;
mod capture;
mod client_message;
pub mod clients;
mod clock;
pub mod compare;
pub mod compiling;
mod disk;
mod floods;
mod former;
pub mod guide;
mod heavy;
mod link;
mod loopback;
mod machine;
pub mod needs;
mod notify;
mod perfdhcp;
pub mod plain;
mod process;
pub mod process_status;
mod records;
mod relay_agent;
mod server;
mod setup;
mod short_exchange;
pub mod sources;
pub mod subject;
pub mod wait;

pub use capture::{Capture, Datagram};
pub use client_message::ClientMessage;
pub use clock::WrongClock;
pub use disk::LoopDisk;
pub use floods::{decline_flood, flood_size, made_up, offer_flood};
pub use former::{Former, FormerKind};
pub use heavy::{HeavyTest, heavy};
pub use link::{Host, Link};
pub use loopback::{loopback_address, relay};
pub use machine::Machine;
pub use notify::{Notifications, monotonic_usec};
pub use perfdhcp::{ExchangeReport, perfdhcp};
pub use process::Process;
pub use records::{
    ClockRow, Destination, DifferenceRow, DrainRow, EndpointRow, HoldRow, JournalLine, LeaseRow,
    LeaseState, LeftOutRow, PluginRow, PoolRow, ReasonRow, RefusedNameRow, ShadowRow,
    ShadowSummary, StateRow, Status, StoreRow, TraceRow, reasons,
};
pub use relay_agent::{DHCP_HELPER_FOLDER, RelayAgent, RelayKind};
pub use server::{Reload, Server};
pub use setup::Setup;
pub use short_exchange::ShortExchange;
