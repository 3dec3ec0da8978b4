//! The log lines of faults.

use std::time::{Duration, Instant};

use super::{Consequence, Culprit, Health, Offender};
use crate::{fault::Fault, limits::FAULT_LINES_PER_SEC_MAX};

impl Health {
    /// Notes a fault of the plugin `name` and its cost in processor time, and returns the
    /// consequences.
    pub(crate) fn report(
        &self,
        name: &str,
        fault: Fault,
        cost: Duration,
        culprit: Option<Culprit>,
    ) -> Vec<Consequence> {
        let now = Instant::now();
        let (kind, message) = (fault.kind, &fault.message);
        let who = culprit.as_ref().and_then(|culprit| culprit.parties().next());
        let who = who.map(|party| Offender::of(&party).to_string());
        if self.is_rehearsal() {
            tracing::debug!(plugin = name, fault = %kind, message, "plugin faulted in a rehearsal");
        } else {
            let admission = self.log.admit(now, FAULT_LINES_PER_SEC_MAX);
            if let Some(left_out) = admission.to_say {
                tracing::warn!(
                    plugin = name,
                    left_out,
                    "plugin faults too often to log every fault"
                );
            }
            if admission.is_written {
                tracing::warn!(plugin = name, fault = %kind, who, message, "plugin faulted");
            }
        }
        self.note_fault(now, fault, cost, culprit)
    }
}
