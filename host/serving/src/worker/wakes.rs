//! How exchanges that wait for storage come back to their worker.

use std::cell::Cell;

use crossbeam_channel::Sender;
use lessor_net::Waker;

use crate::{exchange::Wakes, waiting::Wake};

use super::message::Message;

/// Notifies a worker that exchanges which wait for storage can continue. They have a separate
/// channel, because they continue before any later message is decided.
pub(super) struct WorkerWakes {
    pub(super) woken: Sender<u64>,
    pub(super) sender: Sender<Message>,
    pub(super) waker: Waker,
    pub(super) next: Cell<u64>,
}

impl Wakes for WorkerWakes {
    fn wake(&self) -> (u64, Wake) {
        let number = self.next.replace(self.next.get() + 1);
        let (woken, sender) = (self.woken.clone(), self.sender.clone());
        let waker = self.waker.clone();
        let wake = move || {
            let _ = woken.send(number);
            let _ = sender.send(Message::Woken);
            waker.wake();
        };
        (number, Box::new(wake))
    }
}
