//! Declares the options and vendors of another server in the catalogue of the new configuration.
//!
//! Knows no syntax. Invariant: what is in the catalogue can be written as `[[option]]` and
//! `[[vendor]]`; names that Lessor would refuse are changed, and the report says so.

use lessor_config::VENDORS_MAX;
use lessor_core::{OptionDefinition, OptionKind};
use lessor_vocabulary::{
    Catalogue, CatalogueMistake, DeclaredOption, Vendor,
    option::{Field, SubOption},
};

use crate::report::LineOutcome;

/// The maximum length of a name.
const NAME_OCTETS_MAX: usize = 64;

/// Declares an option. If its kind cannot be described, the reason is given instead, and its values
/// become octets. Returns what becomes of the declaration, and why or how.
pub(crate) fn option(
    catalogue: &mut Catalogue,
    name: &str,
    code: u8,
    kind: Result<OptionKind, String>,
) -> (LineOutcome, String) {
    if let Some(known) = OptionDefinition::by_code(code) {
        let note = format!("option {code} is known as `{}`", known.name);
        return (LineOutcome::NotNeeded, note);
    }
    let mut notes = Vec::new();
    let kind = kind.unwrap_or_else(|why| {
        notes.push(format!("its values are octets: {why}"));
        OptionKind::Octets
    });
    let mut wanted = self::name(name);
    let mut declare = |name: &str| {
        catalogue.declare(DeclaredOption { code, name: name.into(), kind: kind.clone() })
    };
    let mut declared = declare(&wanted);
    if matches!(declared, Err(CatalogueMistake::NameTaken(_))) {
        wanted = with_suffix(&wanted, u32::from(code));
        declared = declare(&wanted);
    }
    match declared {
        Err(mistake) => (LineOutcome::NotCarried, mistake.to_string()),
        Ok(()) => {
            if wanted != name {
                notes.push(format!("its name is `{wanted}`"));
            }
            match notes.is_empty() {
                true => (LineOutcome::Carried, String::new()),
                false => (LineOutcome::Changed, notes.join("; ")),
            }
        }
    }
}

/// Declares a vendor, by the beginning of the vendor class of its clients or by its enterprise
/// number. Returns its name.
///
/// # Errors
/// Returns why the vendor cannot be declared.
pub(crate) fn vendor(
    catalogue: &mut Catalogue,
    name: &str,
    class: Option<String>,
    enterprise: Option<u32>,
    options: Vec<SubOption>,
) -> Result<String, String> {
    if catalogue.vendors().len() >= VENDORS_MAX {
        return Err(format!("there are more than {VENDORS_MAX} vendors"));
    }
    let options = match OptionKind::sub_options(options) {
        Ok(OptionKind::SubOptions(options)) => options,
        Ok(_) => return Err("a vendor has sub-options".to_owned()),
        Err(mistake) => return Err(mistake.to_string()),
    };
    let base = self::name(name);
    let is_known = |wanted: &str| catalogue.vendors().iter().any(|known| &*known.name == wanted);
    let numbers = 2..=u32::try_from(VENDORS_MAX).unwrap_or(u32::MAX);
    let names = std::iter::once(base.clone());
    let mut names = names.chain(numbers.map(|number| with_suffix(&base, number)));
    let name = names.find(|wanted| !is_known(wanted)).unwrap_or(base);
    let vendor = Vendor { name: name.as_str().into(), class, enterprise, options };
    catalogue.add_vendor(vendor).map_err(|mistake| mistake.to_string())?;
    Ok(name)
}

/// A name of an option, a sub-option or a vendor that is as close as Lessor allows.
pub(crate) fn name(text: &str) -> String {
    let plain = |letter: char| match letter.to_ascii_lowercase() {
        letter @ ('a'..='z' | '0'..='9') => letter,
        _ => '-',
    };
    let name: String = text.chars().map(plain).collect();
    let name = match name.starts_with(|first: char| first.is_ascii_lowercase()) {
        true => name,
        false => format!("option-{}", name.trim_start_matches('-')),
    };
    name.chars().take(NAME_OCTETS_MAX).collect()
}

/// The fields of a record of another server, where fields have no names.
///
/// # Errors
/// Returns why such a value could not be read.
pub(crate) fn record(kinds: Vec<OptionKind>) -> Result<OptionKind, String> {
    let fields = kinds.into_iter().enumerate().map(|(position, kind)| Field {
        name: format!("field-{}", position + 1).as_str().into(),
        kind,
        is_optional: false,
    });
    OptionKind::record(fields.collect()).map_err(|mistake| mistake.to_string())
}

/// An option with sub-options after its own value, if it has one.
///
/// # Errors
/// Returns why such a value could not be read.
pub(crate) fn with_sub_options(
    kind: OptionKind,
    options: Vec<SubOption>,
) -> Result<OptionKind, String> {
    let sub_options = OptionKind::sub_options(options).map_err(|mistake| mistake.to_string())?;
    let mut fields = match kind {
        OptionKind::Empty => return Ok(sub_options),
        OptionKind::Record(fields) => fields.to_vec(),
        kind => vec![Field { name: "value".into(), kind, is_optional: false }],
    };
    fields.push(Field { name: "sub-options".into(), kind: sub_options, is_optional: true });
    OptionKind::record(fields).map_err(|mistake| mistake.to_string())
}

fn with_suffix(name: &str, number: u32) -> String {
    let suffix = format!("-{number}");
    let kept: String = name.chars().take(NAME_OCTETS_MAX - suffix.len()).collect();
    kept + &suffix
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_as_close_as_is_allowed() {
        for (text, wanted) in [
            ("acs-url", "acs-url"),
            ("Acs_URL.2", "acs-url-2"),
            ("6rd", "option-6rd"),
            ("_x", "option-x"),
        ] {
            assert_eq!(name(text), wanted);
        }
        assert_eq!(name(&"x".repeat(100)).len(), NAME_OCTETS_MAX);
        assert_eq!(with_suffix(&"x".repeat(64), 224).len(), NAME_OCTETS_MAX);
    }

    #[test]
    fn options_are_declared_once_and_with_a_name_of_their_own() {
        let mut catalogue = Catalogue::default();
        let mut declare = |name: &str, code, kind| option(&mut catalogue, name, code, kind);
        let carried = declare("acs-url", 224, Ok(OptionKind::Text));
        assert_eq!(carried, (LineOutcome::Carried, String::new()));
        for (name, code, kind, outcome, note) in [
            ("other", 224, Ok(OptionKind::Text), LineOutcome::NotCarried, "has the name `acs-url`"),
            (
                "routes",
                121,
                Ok(OptionKind::Octets),
                LineOutcome::NotNeeded,
                "`classless-static-routes`",
            ),
            ("wpad", 225, Ok(OptionKind::Text), LineOutcome::Changed, "its name is `wpad-225`"),
            (
                "psid",
                226,
                Err("why".to_owned()),
                LineOutcome::Changed,
                "its values are octets: why",
            ),
            ("end", 255, Ok(OptionKind::Text), LineOutcome::NotNeeded, "`end`"),
        ] {
            let found = declare(name, code, kind);
            assert!(found.0 == outcome && found.1.contains(note), "{name}: {found:?}");
        }
    }

    #[test]
    fn vendors_differ_in_name() {
        let mut catalogue = Catalogue::default();
        let options = || vec![SubOption { code: 1, name: "url".into(), kind: OptionKind::Text }];
        let mut declare = |class: &str, options| {
            vendor(&mut catalogue, "ACME", Some(class.to_owned()), None, options)
        };
        assert_eq!(declare("A", options()).unwrap(), "acme");
        assert_eq!(declare("B", options()).unwrap(), "acme-2");
        assert!(declare("A", options()).unwrap_err().contains("same class"));
        assert!(declare("C", Vec::new()).unwrap_err().contains("no members"));
    }
}
