//! The commands, one a file: what each asks of a running server or does by itself, and what it
//! prints.

pub(crate) mod check;
pub(crate) mod client;
pub(crate) mod explain;
pub(crate) mod import;
pub(crate) mod leases;
pub(crate) mod manual;
#[cfg(feature = "author")]
pub(crate) mod plugin;
pub(crate) mod pool;
pub(crate) mod read_file;
pub(crate) mod record;
pub(crate) mod reload;
pub(crate) mod replay;
pub(crate) mod serve;
pub(crate) mod shadow;
pub(crate) mod state;
pub(crate) mod status;
pub(crate) mod store;
pub(crate) mod written_file;
