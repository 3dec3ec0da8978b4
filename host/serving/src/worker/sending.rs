//! The replies of a worker that are ready to send.

use lessor_core::Reason;
use lessor_net::Outgoing;

use crate::exchange::Finished;

use super::Worker;

impl Worker {
    pub(super) fn finish(&mut self, exchange: Finished) {
        match self.finished.get_mut(exchange.endpoint()) {
            Some(finished) if exchange.outgoing.is_some() => finished.push(exchange),
            _ => self.shared.finish(exchange),
        }
    }

    /// Sends every reply that is ready, with one call per socket.
    pub(super) fn send_finished(&mut self) {
        for (endpoint, finished) in self.endpoints.iter_mut().zip(&mut self.finished) {
            if finished.is_empty() {
                continue;
            }
            let outgoing: Vec<Outgoing> =
                finished.iter_mut().filter_map(|exchange| exchange.outgoing.take()).collect();
            match endpoint {
                Some(endpoint) => {
                    for unsent in endpoint.send(&outgoing).failed {
                        if let Some(exchange) = finished.get_mut(unsent.position) {
                            let (reason, detail) = unsent.failure.why();
                            exchange.fail_to_send(reason, Some(detail));
                        }
                    }
                }
                None => {
                    for exchange in finished.iter_mut() {
                        let detail = "the interface that the request arrived on no longer exists";
                        exchange.fail_to_send(Reason::SendFailed, Some(detail.to_owned()));
                    }
                }
            }
            for exchange in finished.drain(..) {
                self.shared.finish(exchange);
            }
        }
    }
}
