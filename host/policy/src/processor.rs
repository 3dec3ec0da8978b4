//! The features of the processor that compiled code may use.
//!
//! Invariant: on two processors for which [`features`] returns the same, wasmtime compiles the same
//! code, so that one can run what the other has compiled.

/// Returns the names of the features that this processor has, of those that wasmtime's compiler
/// looks for.
#[cfg(target_arch = "x86_64")]
pub(crate) fn features() -> impl Iterator<Item = &'static str> {
    macro_rules! detected {
        ($($name:tt),+) => { [$(($name, std::is_x86_feature_detected!($name))),+] };
    }
    let features = detected![
        "cmpxchg16b",
        "sse3",
        "ssse3",
        "sse4.1",
        "sse4.2",
        "popcnt",
        "avx",
        "avx2",
        "fma",
        "avxvnni",
        "avx512vnni",
        "bmi1",
        "bmi2",
        "avx512bitalg",
        "avx512dq",
        "avx512f",
        "avx512vl",
        "avx512vbmi",
        "lzcnt"
    ];
    features.into_iter().filter(|(_, is_there)| *is_there).map(|(name, _)| name)
}

/// Returns the names of the features that this processor has, of those that wasmtime's compiler
/// looks for.
#[cfg(target_arch = "aarch64")]
pub(crate) fn features() -> impl Iterator<Item = &'static str> {
    macro_rules! detected {
        ($($name:tt),+) => { [$(($name, std::arch::is_aarch64_feature_detected!($name))),+] };
    }
    let features = detected!["lse", "paca", "fp16", "dotprod", "i8mm"];
    features.into_iter().filter(|(_, is_there)| *is_there).map(|(name, _)| name)
}

/// Returns nothing: wasmtime checks compiled code when it loads it.
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
pub(crate) fn features() -> impl Iterator<Item = &'static str> {
    std::iter::empty()
}
