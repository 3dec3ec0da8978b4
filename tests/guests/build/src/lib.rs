//! Builds policies from source for tests that run them.
