//! Errors when an endpoint or a poller is opened.
//!
//! Does not include failures to send, which are part of a [`super::SendReport`]. Invariant: an
//! error says what was attempted, what the system answered and what to do.

use std::io;

use nix::errno::Errno;
use thiserror::Error;

/// Why an endpoint or a poller could not be made.
#[derive(Debug, Error)]
pub enum NetError {
    /// The interface is not Ethernet.
    #[error(
        "interface {name} is not Ethernet, and clients on a link can be served only on Ethernet; \
         use a relay for them, or remove {name} from `interfaces`"
    )]
    NotEthernet {
        /// The interface.
        name: String,
    },
    /// The operating system rejected a call.
    #[error("cannot {attempt}: {error}; {advice}")]
    System {
        /// What was attempted.
        attempt: String,
        /// The answer of the system.
        error: io::Error,
        /// What to do.
        advice: &'static str,
    },
}

impl NetError {
    /// Creates the error for the system's rejection `error` of `attempt` (an infinitive), with
    /// advice.
    pub(super) fn system(attempt: impl Into<String>, error: impl Into<io::Error>) -> Self {
        let error = error.into();
        let advice = advice(&error);
        Self::System { attempt: attempt.into(), error, advice }
    }
}

/// Returns what an operator can do about `error`.
fn advice(error: &io::Error) -> &'static str {
    match error.raw_os_error().map(Errno::from_raw) {
        Some(Errno::EACCES | Errno::EPERM) => {
            "it needs root, or the capabilities CAP_NET_BIND_SERVICE (ports below 1024) and \
             CAP_NET_RAW (clients on the link)"
        }
        Some(Errno::EADDRINUSE) => {
            "another DHCP server may be running; `ss -lunp` names the process that uses the port"
        }
        Some(Errno::EADDRNOTAVAIL) => {
            "no interface of this machine has that address: correct the address, or add it to an \
             interface first"
        }
        Some(Errno::EAFNOSUPPORT) => {
            "if systemd restricts the address families of the service, allow AF_INET, AF_NETLINK \
             and AF_PACKET"
        }
        Some(Errno::EMFILE | Errno::ENFILE) => {
            "raise the limit of open files (LimitNOFILE in a systemd unit)"
        }
        Some(Errno::ENODEV | Errno::ENXIO) => {
            "the interface no longer exists: restore it, or remove it from `interfaces`"
        }
        _ => "the server has no advice for this error; errno(3) describes it",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_names_what_was_tried_what_was_said_and_what_to_do() {
        let text = NetError::system("bind to 192.0.2.1:67", Errno::EADDRINUSE).to_string();
        assert!(text.starts_with("cannot bind to 192.0.2.1:67: Address already in use"), "{text}");
        assert!(text.contains("another DHCP server"), "{text}");
    }

    #[test]
    fn missing_rights_are_reported_by_capability() {
        for errno in [Errno::EACCES, Errno::EPERM] {
            assert!(NetError::system("x", errno).to_string().contains("CAP_NET_BIND_SERVICE"));
        }
    }
}
