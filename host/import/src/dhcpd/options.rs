//! Options in `dhcpd.conf`: their values, and those of vendors.

use lessor_core::OptionKind;

use crate::{expressing, model::Options, option_value};

use super::{
    definitions::{Definitions, Destination, OF_VENDORS, SPACE, split},
    form::Form,
    grammar::{Statement, Token},
};

const OF_VENDOR: &str = "clients that name another vendor do not get it";

/// Reads `option NAME VALUE, …;` into `options`, where `selected` is the vendor option space.
/// Returns how the option is changed.
///
/// # Errors
/// Returns why it is not carried.
pub(super) fn set(
    statement: &Statement,
    definitions: &Definitions,
    selected: Option<&str>,
    options: &mut Options,
) -> Result<Option<&'static str>, String> {
    let (space, name) = split(statement.word(1).unwrap_or_default());
    let value = statement.after(2);
    if value.first() == Some(&Token::Mark('=')) {
        return Err("expressions are for policies: see docs/policies.md".to_owned());
    }
    if space == SPACE {
        let (code, form) = definitions.find(space, name)?;
        return option_value::set(options, code, form.encode(value)?).map(|()| None);
    }
    if space == OF_VENDORS {
        return set_vendor(definitions.vendor(name)?, value, options);
    }
    let destination = definitions.destination(space, selected)?;
    let (code, form) = definitions.find(space, name)?;
    let octets = form.encode(value)?;
    match destination {
        Destination::All(containing) => {
            option_value::set_sub_option(options, containing, code, octets)?;
            Ok(None)
        }
        Destination::Vendors(containing, vendors) => {
            for vendor in vendors {
                let sub_option = (code, octets.clone());
                option_value::set_of_vendor(options, containing, &vendor, sub_option)?;
            }
            Ok(None)
        }
    }
}

/// Sets the sub-options of the vendor of an enterprise, which are octets.
fn set_vendor(
    vendor: &str,
    value: &[Token],
    options: &mut Options,
) -> Result<Option<&'static str>, String> {
    let octets = Form::Kind(OptionKind::Octets).encode(value)?;
    let sub_options = expressing::unpacked(&octets).filter(|found| !found.is_empty());
    let sub_options = sub_options.ok_or("the octets are not sub-options with their lengths")?;
    option_value::set_vendor(options, vendor, sub_options)?;
    Ok(Some(OF_VENDOR))
}
