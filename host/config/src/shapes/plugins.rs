//! The keys of the file beside a plugin.

use super::Shape;

pub(crate) static SIDECAR: Shape = Shape {
    name: "the sidecar file",
    keys: &["mode", "on-failure", "grants", "limits", "state", "settings"],
    synonyms: &[("grant", "grants"), ("capabilities", "grants")],
    groups: &[],
};

pub(crate) static LIMITS: Shape = Shape {
    name: "[limits]",
    keys: &["deadline-ms", "memory-mib", "table-elements", "log-lines-per-sec"],
    synonyms: &[
        ("timeout-ms", "deadline-ms"),
        ("memory", "memory-mib"),
        ("log-lines", "log-lines-per-sec"),
    ],
    groups: &[],
};

pub(crate) static STATE: Shape = Shape {
    name: "[state]",
    keys: &["keep", "when-full", "keys-max", "line-keys-max"],
    synonyms: &[
        ("keep-secs", "keep"),
        ("ttl", "keep"),
        ("expire-after", "keep"),
        ("max-keys", "keys-max"),
        ("keys", "keys-max"),
        ("keys-per-line", "line-keys-max"),
        ("on-full", "when-full"),
    ],
    groups: &[],
};
