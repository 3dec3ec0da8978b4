//! Asks the kernel whether it considers its clock synchronised.
//!
//! Does not act on the answer.

/// Returns whether an NTP or PTP daemon told the kernel that its clock is synchronised, recently
/// enough for the kernel to rely on it (adjtimex(2), `STA_UNSYNC`).
#[allow(unsafe_code, reason = "no safe interface to adjtimex(2) is at hand")]
pub(crate) fn is_synchronised() -> bool {
    // SAFETY: `timex` consists of integers, for which zero is a valid value. With `modes` zero the
    // call only writes to the structure that it receives, and it keeps no pointer to it.
    let (state, found) = unsafe {
        let mut found: libc::timex = std::mem::zeroed();
        (libc::adjtimex(&raw mut found), found)
    };
    state >= 0 && found.status & libc::STA_UNSYNC == 0
}
