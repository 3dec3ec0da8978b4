//! The exchanges of a worker that wait for lookups or for storage: where they go, and how they
//! continue.

use std::sync::{Arc, atomic::Ordering};

use lessor_core::Reason;
use lessor_stages::{Asked, Planned};

use crate::{
    backlog::AGE_MAX,
    clock,
    counters::increment,
    exchange::{Exchange, Next},
    parking::{Away, Returned},
};

use super::{Worker, message::Message};

impl Worker {
    /// Moves an exchange to the runtime, which returns it with the results of its lookups.
    pub(super) fn look_up(&mut self, exchange: Exchange<Planned>) {
        let ticket = match self.parking.leave(exchange.request()) {
            Ok(ticket) => ticket,
            Err(reason) => return self.finish(exchange.end(reason)),
        };
        increment(&self.shared.counters.waiting_for_lookups);
        let (sender, waker) = (self.sender.clone(), self.waker.clone());
        let back = move |returned| {
            let _ = sender.send(Message::LookedUp(Box::new(returned)));
            waker.wake();
        };
        let generation = Arc::clone(&self.held.generation);
        self.runtime.spawn(Away::new(ticket, generation, exchange, back).ask());
    }

    /// Continues with an exchange that waited for lookups.
    pub(super) fn looked_up(&mut self, returned: Returned) {
        let Returned { ticket, generation, exchange, answers } = returned;
        let is_awaited = self.parking.is_back(&ticket, exchange.request());
        self.shared.counters.waiting_for_lookups.fetch_sub(1, Ordering::Relaxed);
        if !is_awaited {
            return self.finish(exchange.end(Reason::Superseded));
        }
        self.go_on_with_woken();
        let pipeline = self.shared.pipeline_with(&self.wakes);
        let (held, now) = (&mut self.held, clock::now());
        let next = match Arc::ptr_eq(&generation, &held.generation) {
            true => pipeline.looked_up(held, now, exchange, answers),
            false => pipeline.plan_again(held, now, exchange),
        };
        self.proceed(next);
    }

    /// Keeps an exchange until storage has answered the changes that it depends on.
    pub(super) fn park(&mut self, number: u64, exchange: Exchange<Asked>) {
        match self.parking.park(number, exchange) {
            Ok(None) => {}
            Ok(Some(earlier)) => self.finish(earlier.end_undecided(Reason::ChangePending)),
            Err((exchange, reason)) => self.finish(exchange.end_undecided(reason)),
        }
    }

    /// Ends an earlier exchange of a client that has asked for an address again.
    pub(super) fn supersede(&mut self, next: &Next) {
        let request = match next {
            Next::LookUp(exchange) => Some(exchange.request()),
            Next::Wait(_, exchange) => Some(exchange.request()),
            Next::Commit(exchange) => Some(exchange.request()),
            Next::End(finished) => finished.request(),
        };
        if let Some(earlier) = request.and_then(|request| self.parking.supersede(request)) {
            self.finish(earlier.end_undecided(Reason::Superseded));
        }
    }

    /// Continues with the exchanges that no longer wait for storage, in the order in which their
    /// waits ended. They arrived before the message that is decided next, which may come from the
    /// same client.
    pub(super) fn go_on_with_woken(&mut self) {
        while let Ok(number) = self.woken.try_recv() {
            self.go_on(number);
        }
    }

    /// Continues with an exchange that waited for storage.
    fn go_on(&mut self, number: u64) {
        // One that was one too many to be parked has ended.
        let Some(exchange) = self.parking.unpark(number) else { return };
        if exchange.notes.since.elapsed() > AGE_MAX {
            return self.finish(exchange.end_undecided(Reason::TooOld));
        }
        let pipeline = self.shared.pipeline_with(&self.wakes);
        let next = pipeline.go_on(&mut self.held, clock::now(), exchange);
        self.proceed(next);
    }
}
