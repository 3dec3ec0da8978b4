//! What a server costs as what it serves grows.

pub(crate) mod configuration;
