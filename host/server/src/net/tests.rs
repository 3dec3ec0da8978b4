//! Endpoints against the real network of the machine.
