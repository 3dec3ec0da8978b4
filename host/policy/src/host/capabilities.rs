//! The capabilities, as guests call them. A component that imports a capability which it is not
//! granted is not loaded; an interpreter imports all of them, and gets an error at each call that
//! is not granted.

use std::{sync::Arc, time::Instant};

use super::{
    Guest,
    bindings::lessor::policy::{
        capabilities::{self, CapabilityError},
        log, metrics, state, tables,
    },
    request::json_object,
};
use crate::{
    Offender,
    belongings::{KeptState, LineTag, MetricCell, MetricError, Occasion, StateError},
    limits::{LOG_LINE_OCTETS_MAX, LOOKUP_KEY_OCTETS_MAX},
};
use lessor_core::SourceRow;
use lessor_settings::Capability;

type Answer<T> = wasmtime::Result<Result<T, CapabilityError>>;

impl Guest {
    fn granted(&self, capability: Capability) -> Result<(), CapabilityError> {
        match self.grants.contains(capability) {
            true => Ok(()),
            false => Err(CapabilityError::NotGranted),
        }
    }
}

impl capabilities::Host for Guest {}

impl log::Host for Guest {
    fn write(&mut self, level: log::Level, message: String) -> wasmtime::Result<()> {
        let is_seen = match level {
            log::Level::Debug => tracing::enabled!(target: LOG_TARGET, tracing::Level::DEBUG),
            log::Level::Info => tracing::enabled!(target: LOG_TARGET, tracing::Level::INFO),
            log::Level::Warn => tracing::enabled!(target: LOG_TARGET, tracing::Level::WARN),
            log::Level::Error => tracing::enabled!(target: LOG_TARGET, tracing::Level::ERROR),
        };
        if !is_seen || self.granted(Capability::Log).is_err() {
            return Ok(());
        }
        let (plugin, most) = (&*self.plugin, self.log_lines_per_sec_max);
        let admission = self.belongings.log.admit(Instant::now(), most);
        if let Some(left_out) = admission.to_say {
            tracing::warn!(
                plugin,
                left_out,
                "plugin logs more than {most} lines in a second; further lines are omitted"
            );
        }
        if !admission.is_written {
            return Ok(());
        }
        let kept = message.get(..message.floor_char_boundary(LOG_LINE_OCTETS_MAX));
        let line = kept.unwrap_or_default().replace(char::is_control, " ");
        match level {
            log::Level::Debug => tracing::debug!(target: LOG_TARGET, plugin, "{line}"),
            log::Level::Info => tracing::info!(target: LOG_TARGET, plugin, "{line}"),
            log::Level::Warn => tracing::warn!(target: LOG_TARGET, plugin, "{line}"),
            log::Level::Error => tracing::error!(target: LOG_TARGET, plugin, "{line}"),
        }
        Ok(())
    }
}

/// The target of lines that policies log, for log filters.
const LOG_TARGET: &str = "lessor::policy";

impl metrics::Host for Guest {
    fn add(&mut self, name: String, more: u64) -> Answer<()> {
        Ok(self.metric(name, false).and_then(|cell| cell.add(more).map_err(metric_error)))
    }

    fn set(&mut self, name: String, value: f64) -> Answer<()> {
        Ok(self.metric(name, true).and_then(|cell| cell.set(value).map_err(metric_error)))
    }
}

impl Guest {
    fn metric(&mut self, name: String, is_gauge: bool) -> Result<&MetricCell, CapabilityError> {
        self.granted(Capability::Metrics)?;
        let metrics = &self.belongings.metrics;
        match self.metrics.entry(name.into_boxed_str()) {
            std::collections::hash_map::Entry::Occupied(known) => Ok(known.into_mut()),
            std::collections::hash_map::Entry::Vacant(place) => {
                let cell: Arc<MetricCell> =
                    metrics.cell(place.key(), is_gauge).map_err(metric_error)?;
                Ok(place.insert(cell))
            }
        }
    }
}

impl state::Host for Guest {
    fn get(&mut self, key: String) -> Answer<Option<Vec<u8>>> {
        let granted = self.granted(Capability::State);
        let occasion = Occasion { rules: &self.state_rules, now_ms: self.now_ms(), line: None };
        Ok(granted.and_then(|()| self.belongings.state.get(&occasion, &key).map_err(state_error)))
    }

    fn set(&mut self, key: String, value: Option<Vec<u8>>) -> Answer<()> {
        Ok(self.change_state(|state, occasion| state.set(occasion, &key, value.as_deref())))
    }

    fn replace(
        &mut self,
        key: String,
        expected: Option<Vec<u8>>,
        value: Option<Vec<u8>>,
    ) -> Answer<bool> {
        Ok(self.change_state(|state, occasion| {
            state.replace(occasion, &key, expected.as_deref(), value.as_deref())
        }))
    }
}

impl Guest {
    fn change_state<T>(
        &self,
        act: impl FnOnce(&KeptState, &Occasion<'_>) -> Result<T, StateError>,
    ) -> Result<T, CapabilityError> {
        self.granted(Capability::State)?;
        let (state, rules) = (&self.belongings.state, &self.state_rules);
        let culprit = self.culprit();
        let now_ms = culprit.as_ref().map(|(_, now_ms)| *now_ms);
        let line = culprit.as_ref().and_then(|(culprit, _)| LineTag::of(&culprit.origin));
        act(state, &Occasion { rules, now_ms, line }).map_err(|error| {
            if error.is_limit() {
                let client = culprit.and_then(|(culprit, _)| culprit.parties().next());
                state.complain(error, rules, client.as_ref().map(Offender::of));
            }
            state_error(error)
        })
    }
}

impl tables::Host for Guest {
    fn field(&mut self, table: String, key: String, field: String) -> Answer<Option<String>> {
        let found = self.table_row(&table, &key);
        Ok(found.map(|row| row.and_then(|row| row.field(&field).map(str::to_owned))))
    }

    fn row(&mut self, table: String, key: String) -> Answer<Option<String>> {
        Ok(self.table_row(&table, &key).map(|row| row.as_ref().map(json_object)))
    }
}

impl Guest {
    fn table_row(&self, table: &str, key: &str) -> Result<Option<SourceRow>, CapabilityError> {
        self.granted(Capability::Tables)?;
        if !(1..=LOOKUP_KEY_OCTETS_MAX).contains(&key.len()) {
            return Err(CapabilityError::UnusableName);
        }
        self.lookup_sources.row(table, key).ok_or(CapabilityError::UnknownTable)
    }
}

fn metric_error(error: MetricError) -> CapabilityError {
    match error {
        MetricError::UnusableName => CapabilityError::UnusableName,
        MetricError::TooMany => CapabilityError::LimitReached,
        MetricError::OtherKind => {
            let said = "a counter has this name and cannot be set as a gauge, or vice versa";
            CapabilityError::Other(Some(said.to_owned()))
        }
        MetricError::NotFinite => {
            CapabilityError::Other(Some("the value of a gauge must be a finite number".to_owned()))
        }
    }
}

fn state_error(error: StateError) -> CapabilityError {
    match error {
        StateError::UnusableKey => CapabilityError::UnusableName,
        StateError::ValueTooLong => CapabilityError::ValueTooLong,
        StateError::KeysFull
        | StateError::OctetsFull
        | StateError::LineFull
        | StateError::RemovalsFull => CapabilityError::LimitReached,
    }
}
