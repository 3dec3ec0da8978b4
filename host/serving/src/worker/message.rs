//! What other threads send to a worker.

use std::sync::Arc;

use crossbeam_channel::Sender;
use lessor_core::StorageAnswer;
use lessor_generation::Generation;
use lessor_net::Endpoint;
use lessor_policy_host::Runner;
use lessor_stages::Written;

use crate::{exchange::Exchange, parking::Returned};

pub(super) enum Message {
    /// Storage has answered a batch.
    Committed { exchanges: Vec<Exchange<Written>>, answers: Vec<StorageAnswer> },
    /// Exchanges that waited for storage can be decided; their numbers are in the other channel.
    Woken,
    /// An exchange that waited for lookups has its answers.
    LookedUp(Box<Returned>),
    /// Use this generation with these instances of its policies from now on, and confirm that.
    Generation { generation: Arc<Generation>, runner: Box<Runner>, taken: Sender<()> },
    /// Replace the endpoint at this position, or close it.
    Endpoint { position: usize, endpoint: Option<Box<Endpoint>> },
    /// Stop reading, answer the requests in progress, end.
    Stop,
}
