//! The handle to a running worker: starts it, sends it messages, and waits for its end.

use std::{
    sync::{Arc, Mutex, PoisonError},
    thread::JoinHandle,
};

use anyhow::Context;
use crossbeam_channel::Sender;
use lessor_generation::Generation;
use lessor_net::{Endpoint, Waker};
use lessor_policy_host::Runner;

use crate::vital;

use super::{Worker, WorkerParts, message::Message};

/// A handle to a running worker.
#[derive(Debug)]
pub(crate) struct WorkerHandle {
    sender: Sender<Message>,
    waker: Waker,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// Sends endpoints to one worker. Clones send to the same worker.
#[derive(Clone, Debug)]
pub(crate) struct EndpointSender {
    sender: Sender<Message>,
    waker: Waker,
}

impl WorkerHandle {
    /// Starts a worker on its endpoints.
    ///
    /// # Errors
    /// If the operating system provides no thread or no epoll instance.
    pub(crate) fn start(number: usize, parts: WorkerParts) -> anyhow::Result<Self> {
        let (sender, receiver) = crossbeam_channel::unbounded();
        let waker = Waker::new()?;
        let worker = Worker::new(parts, sender.clone(), receiver, waker.clone())?;
        let thread = vital::spawn(format!("worker-{number}"), move || worker.run())
            .context("cannot start a worker thread")?;
        Ok(Self { sender, waker, thread: Mutex::new(Some(thread)) })
    }

    /// Makes the worker use another generation after the current turn. The worker answers on
    /// `taken` once no further packet will reach the policies of the old one.
    pub(crate) fn hand_over(&self, generation: Arc<Generation>, runner: Runner, taken: Sender<()>) {
        self.tell(Message::Generation { generation, runner: Box::new(runner), taken });
    }

    /// Returns a sender of endpoints to the worker.
    pub(crate) fn endpoint_sender(&self) -> EndpointSender {
        EndpointSender { sender: self.sender.clone(), waker: self.waker.clone() }
    }

    /// Makes the worker answer the requests in progress, and waits for its end.
    pub(crate) fn stop(&self) {
        self.tell(Message::Stop);
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            // The thread cannot have panicked: see `vital`.
            let _ = thread.join();
        }
    }

    fn tell(&self, message: Message) {
        let _ = self.sender.send(message);
        self.waker.wake();
    }
}

impl EndpointSender {
    /// Makes the worker receive from `endpoint` instead of the one at `position`, or from none.
    /// Replies to messages of the old endpoint leave through the new one.
    pub(crate) fn replace(&self, position: usize, endpoint: Option<Endpoint>) {
        let endpoint = endpoint.map(Box::new);
        let _ = self.sender.send(Message::Endpoint { position, endpoint });
        self.waker.wake();
    }
}
