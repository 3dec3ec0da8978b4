//! Metrics: the contents of `lessor status`, in the text format 0.0.4 of Prometheus.
//!
//! Counts nothing: a page is made of a [`Status`] on request, so metrics cost nothing on the packet
//! path. Their names are listed in docs/operators.md.

mod exposition;
pub(crate) mod http;

pub(crate) use self::exposition::CONTENT_TYPE;
use self::exposition::{Page, plain, sample};
use crate::{
    class_counts::ClassRow,
    status::{PoolRow, Status},
};
use lessor_core::Reason;
use lessor_lookup::SourceStatus;
use lessor_policy_host::{Metric as OwnNumber, PluginStatus};

/// Returns the page for a status.
pub fn page(status: &Status) -> String {
    let mut page = Page::default();
    server(&mut page, status);
    pools(&mut page, status);
    plugins(&mut page, &status.plugins);
    shadows(&mut page, status);
    lookups(&mut page, status);
    store(&mut page, status);
    clock(&mut page, status);
    page.into_text()
}

fn server(page: &mut Page, status: &Status) {
    let version = [("version", env!("CARGO_PKG_VERSION"))];
    page.gauge("lessor_info", "1, with the version of the server", [sample(&version, 1.0)]);
    let number = [plain(status.generation)];
    page.gauge("lessor_generation", "The generation that serves", number);
    let since: Option<jiff::Timestamp> = status.serving_since.parse().ok();
    let since = since.map(|since| sample(&[], since.as_second() as f64));
    page.gauge("lessor_generation_start_time_seconds", "When it began to serve, Unix time", since);
    let reloads = [("accepted", status.reloads), ("refused", status.reloads_refused)];
    let reloads = reloads.map(|(outcome, count)| sample(&[("outcome", outcome)], count as f64));
    page.counter("lessor_reloads_total", "Reloads, by outcome", reloads);
    let help = "New generations that were rolled back because their policies failed";
    page.counter("lessor_rollbacks_total", help, [plain(status.rollbacks)]);
    let endpoints = status.endpoints.iter().map(|endpoint| {
        let labels = [("endpoint", &*endpoint.endpoint), ("kind", &*endpoint.kind)];
        sample(&labels, f64::from(u8::from(endpoint.state.is_serving())))
    });
    let help = "Whether messages are received and answered there";
    page.gauge("lessor_endpoint_serving", help, endpoints);
    let help = "Whether the last accepted generation serves because the configuration cannot";
    let fallback = [plain(u64::from(status.fallback.is_some()))];
    page.gauge("lessor_serves_last_accepted", help, fallback);
    let help = "Whether another generation serves until the configured policies are compiled";
    let meanwhile = [plain(u64::from(status.meanwhile.is_some()))];
    page.gauge("lessor_serves_until_compiled", help, meanwhile);
    let inputs = Reason::ALL.iter().map(|reason| {
        let count = status.reasons.iter().find(|(found, _)| found == reason);
        let outcome = written(&reason.outcome());
        let labels = [("reason", reason.name()), ("outcome", outcome.as_str())];
        sample(&labels, count.map_or(0, |(_, count)| *count) as f64)
    });
    page.counter("lessor_inputs_total", "Inputs, by the reason that each ended in", inputs);
    let classes = status.classes.iter().flat_map(|row| {
        let ClassRow { class, offers, acks, naks, unanswered } = row;
        let counts = [("offer", offers), ("ack", acks), ("nak", naks), ("none", unanswered)];
        let labels = |answer| [("class", class.as_str()), ("answer", answer)];
        counts.map(|(answer, count)| sample(&labels(answer), *count as f64))
    });
    page.counter("lessor_class_messages_total", "Messages of a class, by their answer", classes);
    let limits = status.limits.iter();
    let limits = limits.map(|(limit, count)| sample(&[("limit", limit.name())], *count as f64));
    page.counter("lessor_dropped_total", "Packets dropped, by the limit that was reached", limits);
    let help = "Events that did not reach the journal";
    page.counter("lessor_events_lost_total", help, [plain(status.events_lost)]);
    let help = "Messages of a client key with another hardware address, or behind another line, \
                than its active lease has";
    page.counter("lessor_keys_seen_elsewhere_total", help, [plain(status.keys_seen_elsewhere)]);
    let help = "Addresses offered unprobed, because too many were probed or a probe was not sent";
    page.counter("lessor_offered_unprobed_total", help, [plain(status.offered_unprobed)]);
    let help = "Whether the journal is configured and cannot be written";
    let problem = [plain(u64::from(status.journal_problem.is_some()))];
    page.gauge("lessor_journal_failing", help, problem);
    let left_out = status.journal_lines_left_out;
    let left_out = [
        ("malformed", left_out.malformed),
        ("unanswered", left_out.unanswered),
        ("answered", left_out.answered),
    ];
    let left_out = left_out.map(|(kind, count)| sample(&[("kind", kind)], count as f64));
    let help = "Lines of the journal left out because there were too many of their kind";
    page.counter("lessor_journal_lines_left_out_total", help, left_out);
    let help = "Lines of the log that were lost because standard error was not read in time";
    page.counter("lessor_log_lines_lost_total", help, [plain(status.log_lines_lost)]);
    let help = "Options left out of replies because they did not fit";
    page.counter("lessor_options_left_out_total", help, [plain(status.options_left_out)]);
    let help = "Replies without the relay agent information, which did not fit";
    let left_out = [plain(status.relay_information_left_out)];
    page.counter("lessor_relay_information_left_out_total", help, left_out);
    let help = "Messages that ended within an option and were read up to it";
    page.counter("lessor_messages_cut_short_total", help, [plain(status.messages_cut_short)]);
}

fn pools(page: &mut Page, status: &Status) {
    let labels = |row: usize| -> Vec<(&str, &str)> {
        let row = status.pools.get(row);
        row.map_or_else(Vec::new, |row| {
            vec![("network", &*row.network), ("pool", &*row.usage.pool)]
        })
    };
    let rows = || status.pools.iter().enumerate();
    let sizes = rows().map(|(row, pool)| sample(&labels(row), pool.usage.size as f64));
    page.gauge("lessor_pool_addresses", "Addresses that a pool may allocate", sizes);
    let taken = rows().flat_map(|(row, pool)| {
        let usage = &pool.usage;
        let counts = [
            ("leased", usage.leased),
            ("offered", usage.offered),
            ("quarantined", usage.quarantined),
        ];
        let labels = labels(row);
        counts.map(|(state, count)| sample(&with(&labels, "state", state), count as f64))
    });
    page.gauge(
        "lessor_pool_taken_addresses",
        "Addresses of a pool that are taken, by state",
        taken,
    );
    let is_drained = |row: &PoolRow| {
        let mut drained = status.drained.iter();
        drained.any(|of| of.network == row.network && *of.pool == *row.usage.pool)
    };
    let drained =
        rows().map(|(row, pool)| sample(&labels(row), f64::from(u8::from(is_drained(pool)))));
    let help = "Whether a pool gives no address to new clients because an operator drained it";
    page.gauge("lessor_pool_drained", help, drained);
    let filled = [("90", status.pools_nearly_full), ("100", status.pools_full)];
    let filled = filled.map(|(percent, count)| sample(&[("percent", percent)], count as f64));
    page.counter("lessor_pools_filled_total", "How often a pool became this full", filled);
    let help = "Leases on storage that no configured network spans";
    page.gauge("lessor_stray_leases", help, [plain(status.stray_leases as u64)]);
}

fn plugins(page: &mut Page, plugins: &[PluginStatus]) {
    let each = |value: fn(&PluginStatus) -> f64| {
        plugins.iter().map(move |plugin| sample(&of_plugin(plugin), value(plugin)))
    };
    let help = "Calls of a plugin's hooks, since its generation began";
    page.counter("lessor_plugin_calls_total", help, each(|plugin| plugin.calls as f64));
    let help = "Time that calls of a plugin took";
    let total = each(|plugin| plugin.call_time_total.as_secs_f64());
    page.counter("lessor_plugin_call_seconds_total", help, total);
    let help = "Time that 99 of 100 calls of a plugin took at most, to within a quarter";
    let p99 = each(|plugin| plugin.call_time_p99.as_secs_f64());
    page.gauge("lessor_plugin_call_p99_seconds", help, p99);
    let faults = plugins.iter().flat_map(|plugin| {
        plugin.faults.iter().map(move |(kind, count)| {
            sample(&with(&of_plugin(plugin), "fault", kind.name()), *count as f64)
        })
    });
    let help = "Calls of a plugin that failed or were not made, by the reason";
    page.counter("lessor_plugin_faults_total", help, faults);
    let help = "Whether a plugin is suspended for all packets because its faults cost too much";
    let suspended = each(|plugin| f64::from(u8::from(plugin.suspended.is_some())));
    page.gauge("lessor_plugin_suspended", help, suspended);
    let help = "How often a plugin was suspended for all packets";
    page.counter("lessor_plugin_suspensions_total", help, each(|plugin| plugin.suspensions as f64));
    let help = "Clients, lines and links for which a plugin is not called because of their faults";
    page.gauge("lessor_plugin_shut_out", help, each(|plugin| plugin.shut_out as f64));
    let help = "Lines that a plugin logged beyond its limit, which were left out";
    let left_out = each(|plugin| plugin.log_lines_left_out as f64);
    page.counter("lessor_plugin_log_lines_left_out_total", help, left_out);
    let states = plugins.iter().filter_map(|plugin| Some((plugin, plugin.state?)));
    let keys = states.clone().map(|(plugin, state)| sample(&of_plugin(plugin), state.keys as f64));
    page.gauge("lessor_plugin_state_keys", "Keys that a plugin has stored", keys);
    let keys_max =
        states.clone().map(|(plugin, state)| sample(&of_plugin(plugin), state.keys_max as f64));
    page.gauge("lessor_plugin_state_keys_max", "Keys that a plugin may store", keys_max);
    let refused =
        states.clone().map(|(plugin, state)| sample(&of_plugin(plugin), state.refused as f64));
    let help = "Keys that a plugin could not set because there was no room";
    page.counter("lessor_plugin_state_refused_total", help, refused);
    let octets = states.map(|(plugin, state)| sample(&of_plugin(plugin), state.octets as f64));
    page.gauge("lessor_plugin_state_octets", "Octets that a plugin has stored", octets);
    own_numbers(page, plugins);
}

/// Adds the numbers that plugins count and measure themselves. Their names are a label, because two
/// plugins may use one name for different things.
fn own_numbers(page: &mut Page, plugins: &[PluginStatus]) {
    let all = || {
        plugins.iter().flat_map(|plugin| {
            let numbers = plugin.metrics.iter();
            numbers.map(move |(name, number)| (with(&of_plugin(plugin), "name", name), *number))
        })
    };
    let counters = all().filter_map(|(labels, number)| match number {
        OwnNumber::Counter(count) => Some(sample(&labels, count as f64)),
        OwnNumber::Gauge(_) => None,
    });
    page.counter("lessor_plugin_own_total", "Counters of a plugin, by name", counters);
    let gauges = all().filter_map(|(labels, number)| match number {
        OwnNumber::Gauge(value) => Some(sample(&labels, value)),
        OwnNumber::Counter(_) => None,
    });
    page.gauge("lessor_plugin_own", "Gauges of a plugin, by name", gauges);
}

fn shadows(page: &mut Page, status: &Status) {
    let shadows = &status.shadows.shadows;
    let requests = shadows.iter().flat_map(|shadow| {
        let results = [
            ("agreed", shadow.agreed),
            ("differed", shadow.differed),
            ("not-comparable", shadow.not_comparable),
        ];
        results.map(|(result, count)| {
            sample(&[("plugin", &*shadow.plugin.name), ("result", result)], count as f64)
        })
    });
    let help = "Requests that a shadow plugin was compared in, by the result";
    page.counter("lessor_shadow_requests_total", help, requests);
    let differences = shadows.iter().flat_map(|shadow| {
        shadow.differences.iter().map(|(kind, count)| {
            let kind = kind.to_string();
            sample(&[("plugin", &*shadow.plugin.name), ("difference", &kind)], *count as f64)
        })
    });
    let help = "Requests that a shadow plugin differed in, by the kind of difference";
    page.counter("lessor_shadow_differences_total", help, differences);
    let help = "Exchanges that shadow plugins could not compare";
    page.counter("lessor_shadow_samples_lost_total", help, [plain(status.shadows.lost)]);
    let help = "Differences of shadow plugins that were not journalled";
    let left_out = [plain(status.shadow_lines_left_out)];
    page.counter("lessor_shadow_lines_left_out_total", help, left_out);
}

fn lookups(page: &mut Page, status: &Status) {
    let each = |value: fn(&SourceStatus) -> f64| {
        status.lookups.iter().map(move |source| sample(&of_source(source), value(source)))
    };
    let answers = status.lookups.iter().flat_map(|source| {
        let answers = [
            ("row", source.hits),
            ("no-row", source.negative_hits),
            ("stale", source.stale),
            ("fetched", source.fetched),
            ("unavailable", source.unavailable),
        ];
        answers.map(|(answer, count)| {
            sample(&with(&of_source(source), "answer", answer), count as f64)
        })
    });
    let help = "Lookups of policies, by what answered them: memory (row, no-row, stale), the \
                source itself (fetched; many may share one), or nothing";
    page.counter("lessor_lookup_answers_total", help, answers);
    let failures = status.lookups.iter().flat_map(|source| {
        let failures =
            [("error", source.failures), ("timeout", source.timeouts), ("refused", source.refused)];
        failures.map(|(failure, count)| {
            sample(&with(&of_source(source), "failure", failure), count as f64)
        })
    });
    let help = "Queries that a source did not answer, by the reason";
    page.counter("lessor_lookup_failures_total", help, failures);
    let help = "Rows of a source in memory, or remembered answers";
    page.gauge("lessor_lookup_rows", help, each(|source| source.rows as f64));
    let help = "Queries that wait for a source";
    page.gauge("lessor_lookup_in_flight", help, each(|source| source.in_flight as f64));
    let help = "Whether a source is not queried for a time because it failed";
    let down = each(|source| f64::from(u8::from(source.is_down)));
    page.gauge("lessor_lookup_down", help, down);
    let help = "How long a source took to answer, on average";
    page.gauge("lessor_lookup_mean_seconds", help, each(|source| source.mean_us as f64 / 1e6));
    let help = "The longest that a source took to answer";
    page.gauge("lessor_lookup_longest_seconds", help, each(|source| source.max_us as f64 / 1e6));
    let help = "Messages that wait for lookups";
    page.gauge("lessor_lookup_waiting_messages", help, [plain(status.waiting_for_lookups)]);
}

fn store(page: &mut Page, status: &Status) {
    let store = &status.store;
    let help = "Changes of leases made durable";
    page.counter("lessor_store_changes_total", help, [plain(store.changes)]);
    let help = "Flushes that made them durable";
    page.counter("lessor_store_flushes_total", help, [plain(store.flushes)]);
    let help = "Flushes that failed";
    page.counter("lessor_store_failed_flushes_total", help, [plain(store.failed_flushes)]);
    let longest = [sample(&[], store.longest_flush_us as f64 / 1e6)];
    page.gauge("lessor_store_longest_flush_seconds", "The longest flush so far", longest);
}

fn clock(page: &mut Page, status: &Status) {
    let clock = &status.clock;
    let help = "Whether the kernel considers its clock synchronised";
    page.gauge("lessor_clock_synchronised", help, [plain(clock.is_synchronised.into())]);
    let help = "How often the clock was set while the server ran";
    page.counter("lessor_clock_steps_total", help, [plain(clock.steps)]);
}

fn of_plugin(plugin: &PluginStatus) -> [(&str, &str); 2] {
    [("plugin", &*plugin.name), ("mode", plugin.mode.name())]
}

fn of_source(source: &SourceStatus) -> [(&str, &str); 2] {
    [("source", &source.name), ("kind", &source.kind)]
}

fn with<'l>(
    labels: &[(&'l str, &'l str)],
    name: &'l str,
    value: &'l str,
) -> Vec<(&'l str, &'l str)> {
    [labels, &[(name, value)]].concat()
}

/// Returns the name of an outcome as it is in JSON.
fn written(outcome: &lessor_core::Outcome) -> String {
    format!("{outcome:?}").to_lowercase()
}

#[cfg(test)]
mod tests;
