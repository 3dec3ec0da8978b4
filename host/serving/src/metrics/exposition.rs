//! The text format 0.0.4 of Prometheus:
//! <https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format>.

use std::fmt::{self, Write};

/// The content type of a page in HTTP.
pub(crate) const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// A page of metrics, in the order in which they are added.
#[derive(Default)]
pub(super) struct Page(String);

/// One value with its labels, for any kind of metric.
pub(super) struct Sample {
    labels: String,
    value: f64,
}

impl Page {
    pub(super) fn counter(
        &mut self,
        name: &str,
        help: &str,
        samples: impl IntoIterator<Item = Sample>,
    ) {
        self.put(name, help, "counter", samples);
    }

    pub(super) fn gauge(
        &mut self,
        name: &str,
        help: &str,
        samples: impl IntoIterator<Item = Sample>,
    ) {
        self.put(name, help, "gauge", samples);
    }

    /// Returns the text of the page.
    pub(super) fn into_text(self) -> String {
        self.0
    }

    /// Adds a metric. A metric that has no value is left out.
    fn put(
        &mut self,
        name: &str,
        help: &str,
        kind: &str,
        samples: impl IntoIterator<Item = Sample>,
    ) {
        let mut samples = samples.into_iter().peekable();
        if samples.peek().is_none() {
            return;
        }
        let help = help.replace('\\', r"\\").replace('\n', r"\n");
        // Writing to a text cannot fail.
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
        for Sample { labels, value } in samples {
            let _ = writeln!(self.0, "{name}{labels} {}", Value(value));
        }
    }
}

/// Creates a value with labels: names, and values that may contain anything.
pub(super) fn sample(labels: &[(&str, &str)], value: f64) -> Sample {
    let mut written = String::new();
    for (position, (name, value)) in labels.iter().enumerate() {
        let value = value.replace('\\', r"\\").replace('"', "\\\"").replace('\n', r"\n");
        let before = if position == 0 { '{' } else { ',' };
        let _ = write!(written, "{before}{name}=\"{value}\"");
    }
    if !labels.is_empty() {
        written.push('}');
    }
    Sample { labels: written, value }
}

/// Creates a value without labels.
pub(super) fn plain(value: u64) -> Sample {
    sample(&[], value as f64)
}

/// A number in the notation of the format: Rust would write `inf`.
struct Value(f64);

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            value if value == f64::INFINITY => f.write_str("+Inf"),
            value if value == f64::NEG_INFINITY => f.write_str("-Inf"),
            value => write!(f, "{value}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_labels_and_helps_hold_is_escaped() {
        let mut page = Page::default();
        page.gauge("a", "b\\c\nd", [sample(&[("one", "\"x\"\n"), ("two", "\\")], 0.5), plain(7)]);
        let wanted = "# HELP a b\\\\c\\nd\n# TYPE a gauge\n\
                      a{one=\"\\\"x\\\"\\n\",two=\"\\\\\"} 0.5\na 7\n";
        assert_eq!(page.into_text(), wanted);
    }

    #[test]
    fn numbers_are_written_as_the_format_wants_them() {
        for (value, text) in [
            (0.0, "0"),
            (1e15, "1000000000000000"),
            (0.0025, "0.0025"),
            (f64::INFINITY, "+Inf"),
            (f64::NEG_INFINITY, "-Inf"),
            (f64::NAN, "NaN"),
        ] {
            assert_eq!(Value(value).to_string(), text);
        }
    }

    #[test]
    fn a_metric_without_values_is_not_shown() {
        let mut page = Page::default();
        page.counter("a_total", "a", []);
        assert_eq!(page.into_text(), "");
    }
}
