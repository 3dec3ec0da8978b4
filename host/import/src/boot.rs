//! The fields of the header that say what clients boot.
//!
//! Invariant: a text that is set fits into its field.

use lessor_core::{BootFileName, ServerName, option::code};

use crate::{
    model::{Boot, Options},
    option_value,
};

/// Sets the file that clients boot: a field of the header, or an option if it is too long for it.
/// Returns how it is changed.
///
/// # Errors
/// Returns why it is not carried.
pub(crate) fn set_boot_file(
    boot: &mut Boot,
    options: &mut Options,
    octets: &[u8],
) -> Result<Option<&'static str>, String> {
    match text(octets).filter(|text| BootFileName::new(text).is_ok()) {
        Some(text) => boot.file = Some(text),
        None => {
            return option_value::set(options, code::BOOT_FILE_NAME, octets.to_vec())
                .map(|()| Some(AS_OPTION));
        }
    }
    Ok(None)
}

/// Sets the name of the server that clients boot from, as [`set_boot_file`] does.
///
/// # Errors
/// Returns why it is not carried.
pub(crate) fn set_server_name(
    boot: &mut Boot,
    options: &mut Options,
    octets: &[u8],
) -> Result<Option<&'static str>, String> {
    match text(octets).filter(|text| ServerName::new(text).is_ok()) {
        Some(text) => boot.server_name = Some(text),
        None => {
            return option_value::set(options, code::TFTP_SERVER_NAME, octets.to_vec())
                .map(|()| Some(AS_OPTION));
        }
    }
    Ok(None)
}

/// How a field of the header is changed that has no room for its text.
const AS_OPTION: &str =
    "sent as an option to clients that ask for it, because the header's field has no room for it";

fn text(octets: &[u8]) -> Option<String> {
    String::from_utf8(octets.to_vec()).ok()
}
