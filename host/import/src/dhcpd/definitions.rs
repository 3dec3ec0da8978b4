//! Definitions in `dhcpd.conf`: options, option spaces, and where the options of a space go.
//!
//! Reads no values. A space becomes a vendor if a class selects it by the beginning of the vendor
//! class, or if the space `vendor` gives its enterprise number.

use std::collections::BTreeSet;

use lessor_core::{OptionKind, option::code};
use lessor_vocabulary::{
    Catalogue,
    option::{DEPTH_MAX, SubOption},
};

use crate::{
    declaring, option_names,
    report::{LineOutcome, Report},
};

use super::{
    form::Form,
    grammar::{Statement, Token},
    vendor_classes,
};

/// The option space of DHCPv4 itself.
pub(super) const SPACE: &str = "dhcp";
/// The space whose codes are enterprise numbers.
pub(super) const OF_VENDORS: &str = "vendor";

/// An option that the configuration defines.
#[derive(Clone, Debug)]
struct Definition {
    statement: Statement,
    space: String,
    name: String,
    code: u32,
    form: Form,
}

/// An option space.
#[derive(Clone, Debug)]
struct Space {
    statement: Statement,
    name: String,
    /// Why its options are not carried.
    obstacle: Option<String>,
    /// The vendors in the catalogue whose classes select it.
    of_classes: Vec<String>,
    /// The vendor in the catalogue that has it in option 125.
    of_enterprise: Option<String>,
    /// Whether a statement outside of classes selects it.
    is_selected: bool,
}

/// Where the options of a space go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Destination {
    /// Into this option, for every client.
    All(u8),
    /// Into this option, for the clients of these vendors.
    Vendors(u8, Vec<String>),
}

/// Why option 43 has no options of a space: dhcpd sends the octets instead.
const HAS_OCTETS: &str = "dhcpd sends vendor-encapsulated-options instead, which is set for all";
/// Why option 43 has no options of the space of a class: then other clients would lose theirs.
const HAS_SPACE: &str = "all other clients get the options of another space in option 43";
/// Why the options of the space of an enterprise are not carried.
const NOT_SENT: &str = "dhcpd sends only the octets that the option of the space vendor has";

/// All options and spaces that the configuration defines.
#[derive(Clone, Debug, Default)]
pub(super) struct Definitions {
    all: Vec<Definition>,
    spaces: Vec<Space>,
    /// The names of the options of spaces that are set outside of classes.
    set_outside: BTreeSet<String>,
    /// Whether all clients get octets in option 43.
    has_octets: bool,
    /// Whether all clients get the options of a space in option 43.
    has_space: bool,
}

/// Whether a statement defines an option or an option space.
pub(super) fn is_definition(statement: &Statement) -> bool {
    let is_option = statement.word(0) == Some("option");
    is_option && (statement.word(2) == Some("code") || statement.word(1) == Some("space"))
}

/// The space and the name of an option.
pub(super) fn split(name: &str) -> (&str, &str) {
    name.split_once('.').unwrap_or((SPACE, name))
}

impl Definitions {
    /// Reads the definitions in a configuration, which apply wherever they stand, and declares
    /// them.
    pub(super) fn read(
        statements: &[Statement],
        catalogue: &mut Catalogue,
        report: &mut Report,
    ) -> Self {
        let mut definitions = Self::default();
        definitions.collect(statements, report);
        definitions.look_outside_of_classes(statements);
        definitions.has_octets = statements.iter().any(sets_option_43);
        let mut words = statements.iter().map(|statement| statement.word(0));
        definitions.has_space = words.any(|first| first == Some("vendor-option-space"));
        definitions.declare_classes(statements, catalogue);
        definitions.declare_enterprises(catalogue);
        definitions.declare_options(catalogue, report);
        definitions.report_spaces(report);
        definitions
    }

    /// The code of the option with this name, and the form of its values.
    ///
    /// # Errors
    /// Returns that there is none.
    pub(super) fn find(&self, space: &str, name: &str) -> Result<(u8, Form), String> {
        let same = |definition: &&Definition| definition.space == space && definition.name == name;
        if let Some(defined) = self.all.iter().find(same) {
            let code = u8::try_from(defined.code).map_err(|_| "its code is more than an octet")?;
            return Ok((code, defined.form.clone()));
        }
        let standard = (space == SPACE).then(|| option_names::dhcpd(name)).flatten();
        let (code, kind) = standard.ok_or_else(|| format!("no option is named {name:?}"))?;
        Ok((code, Form::Kind(kind.unwrap_or(OptionKind::Octets))))
    }

    /// Where the options of a space go, in a place where `selected` is the vendor option space.
    ///
    /// # Errors
    /// Returns why they are not carried.
    pub(super) fn destination(
        &self,
        space: &str,
        selected: Option<&str>,
    ) -> Result<Destination, String> {
        let found = self.spaces.iter().find(|found| found.name == space);
        let found = found.ok_or_else(|| format!("no option space is named {space:?}"))?;
        if let Some(why) = &found.obstacle {
            return Err(why.clone());
        }
        if found.of_enterprise.is_some() {
            return Err(NOT_SENT.to_owned());
        }
        let code = code::VENDOR_SPECIFIC_INFORMATION;
        match (self.containing(space), found.of_classes.as_slice()) {
            (Some(containing), _) => Ok(Destination::All(containing)),
            (None, _) if self.has_octets => Err(HAS_OCTETS.to_owned()),
            (None, _) if selected == Some(space) => Ok(Destination::All(code)),
            (None, []) => Err(format!("no vendor-option-space selects {space:?} here")),
            (None, _) if self.has_space => Err(HAS_SPACE.to_owned()),
            (None, vendors) => Ok(Destination::Vendors(code, vendors.to_vec())),
        }
    }

    /// The vendor in the catalogue whose sub-options `option vendor.NAME` has.
    ///
    /// # Errors
    /// Returns that there is none.
    pub(super) fn vendor(&self, name: &str) -> Result<&str, String> {
        let same = |found: &&Definition| found.space == OF_VENDORS && found.name == name;
        let Some(Form::Space(space)) = self.all.iter().find(same).map(|found| &found.form) else {
            return Err(format!("no option space of an enterprise is named {name:?}"));
        };
        let found = self.spaces.iter().find(|found| found.name == *space);
        let vendor = found.and_then(|found| found.of_enterprise.as_deref());
        vendor.ok_or_else(|| format!("the space {space:?} is not carried"))
    }

    /// Whether a class selects this space for the clients of a vendor.
    pub(super) fn is_of_class(&self, space: &str) -> bool {
        let destination = self.destination(space, None);
        let code = code::VENDOR_SPECIFIC_INFORMATION;
        matches!(destination, Ok(Destination::Vendors(found, _)) if found == code)
    }

    /// Whether an option is set outside of classes, where it would be overridden by a class.
    pub(super) fn is_set_outside(&self, name: &str) -> bool {
        self.set_outside.contains(name)
    }

    /// The code of the option of DHCPv4 that contains a space.
    fn containing(&self, space: &str) -> Option<u8> {
        let contains = |definition: &&Definition| {
            definition.space == SPACE && definition.form == Form::Space(space.to_owned())
        };
        u8::try_from(self.all.iter().find(contains)?.code).ok()
    }

    fn collect(&mut self, statements: &[Statement], report: &mut Report) {
        for statement in statements {
            if is_definition(statement)
                && let Err(why) = self.definition(statement)
            {
                report.not_carried(&statement.place, &statement.shown(), why);
            }
            self.collect(statement.block.as_deref().unwrap_or_default(), report);
        }
    }

    /// Reads `option NAME code NUMBER = TYPE;` or `option space NAME;`.
    fn definition(&mut self, statement: &Statement) -> Result<(), String> {
        if statement.word(1) == Some("space") {
            let name = statement.word(2).ok_or("it has no name")?.to_owned();
            self.spaces.push(Space {
                statement: statement.clone(),
                name,
                obstacle: obstacle(statement.after(3)),
                of_classes: Vec::new(),
                of_enterprise: None,
                is_selected: false,
            });
            return Ok(());
        }
        let (space, name) = split(statement.word(1).unwrap_or_default());
        let (space, name) = (space.to_owned(), name.to_owned());
        let code = statement.word(3).and_then(|code| code.parse::<u32>().ok());
        let code = code.ok_or("its code is not a number")?;
        let equals = statement.tokens.iter().position(|token| *token == Token::Mark('='));
        let form = Form::read(statement.after(equals.map_or(usize::MAX, |at| at + 1)));
        self.all.push(Definition { statement: statement.clone(), space, name, code, form });
        Ok(())
    }

    /// Notes which spaces are selected, and which of their options are set, outside of classes.
    fn look_outside_of_classes(&mut self, statements: &[Statement]) {
        for statement in statements {
            let name = statement.word(1).unwrap_or_default();
            match statement.word(0) {
                _ if is_definition(statement) => {}
                Some("vendor-option-space") => {
                    let spaces = self.spaces.iter_mut().filter(|space| space.name == name);
                    spaces.for_each(|space| space.is_selected = true);
                }
                Some("option") if split(name).0 != SPACE => {
                    self.set_outside.insert(name.to_owned());
                }
                Some("class" | "subclass") => {}
                _ => {
                    let block = statement.block.as_deref().unwrap_or_default();
                    self.look_outside_of_classes(block);
                }
            }
        }
    }

    fn declare_classes(&mut self, statements: &[Statement], catalogue: &mut Catalogue) {
        for statement in statements {
            let block = statement.block.as_deref().unwrap_or_default();
            let Some(class) = vendor_classes::read(statement) else {
                self.declare_classes(block, catalogue);
                continue;
            };
            let (name, beginning) = (class.space.as_str(), Some(class.beginning));
            let options = self.members(name, 0);
            let declared = declaring::vendor(catalogue, name, beginning, None, options);
            let spaces = self.spaces.iter_mut().filter(|space| space.name == name);
            if let Ok(vendor) = declared {
                spaces.for_each(|space| space.of_classes.push(vendor.clone()));
            }
        }
    }

    fn declare_enterprises(&mut self, catalogue: &mut Catalogue) {
        for definition in self.all.iter().filter(|found| found.space == OF_VENDORS) {
            let Form::Space(name) = &definition.form else { continue };
            let options = self.members(name, 0);
            let number = Some(definition.code);
            let declared = declaring::vendor(catalogue, name, None, number, options);
            if let Some(space) = self.spaces.iter_mut().find(|space| space.name == *name) {
                space.of_enterprise = declared.ok();
            }
        }
    }

    fn declare_options(&self, catalogue: &mut Catalogue, report: &mut Report) {
        for definition in &self.all {
            let (outcome, note) = match (definition.space.as_str(), u8::try_from(definition.code)) {
                (SPACE, Ok(code)) => {
                    let kind = self.kind(&definition.form, 0);
                    declaring::option(catalogue, &definition.name, code, kind)
                }
                (SPACE, Err(_)) => {
                    (LineOutcome::NotCarried, "its code is not a number up to 254".to_owned())
                }
                (OF_VENDORS, _) => match &definition.form {
                    Form::Space(space) => self.fate_of_member(space),
                    _ => (LineOutcome::NotCarried, "only spaces of vendors are carried".to_owned()),
                },
                (space, _) => self.fate_of_member(space),
            };
            let statement = &definition.statement;
            report.add(&statement.place, &statement.shown(), outcome, note);
        }
    }

    fn report_spaces(&self, report: &mut Report) {
        for space in &self.spaces {
            let (outcome, note) = self.fate_of_member(&space.name);
            report.add(&space.statement.place, &space.statement.shown(), outcome, note);
        }
    }

    /// What becomes of a space and the definitions in it.
    fn fate_of_member(&self, space: &str) -> (LineOutcome, String) {
        let is_selected = self.spaces.iter().any(|found| found.name == space && found.is_selected);
        let is_vendor = |found: &&Space| found.name == space && found.of_enterprise.is_some();
        let is_vendor = self.spaces.iter().find(is_vendor).is_some();
        match self.destination(space, None) {
            Ok(_) => (LineOutcome::Carried, String::new()),
            Err(_) if is_vendor => (LineOutcome::Carried, String::new()),
            Err(why) if why == HAS_OCTETS => (LineOutcome::NotCarried, why),
            Err(_) if is_selected => {
                let note = "the values are octets of option 43, because no vendor class is given";
                (LineOutcome::Changed, note.to_owned())
            }
            Err(why) => (LineOutcome::NotCarried, why),
        }
    }

    /// The kind of values of a form, with the options that they contain.
    fn kind(&self, form: &Form, depth: usize) -> Result<OptionKind, String> {
        match form {
            Form::Kind(kind) => Ok(kind.clone()),
            Form::Other(why) => Err(why.clone()),
            Form::Space(_) if depth > DEPTH_MAX => Err("it is nested too deeply".to_owned()),
            Form::Space(space) => {
                declaring::with_sub_options(OptionKind::Empty, self.members(space, depth))
            }
        }
    }

    fn members(&self, space: &str, depth: usize) -> Vec<SubOption> {
        let of_space = self.all.iter().filter(|definition| definition.space == space);
        let member = |definition: &Definition| {
            Some(SubOption {
                code: u8::try_from(definition.code).ok()?,
                name: declaring::name(&definition.name).as_str().into(),
                kind: self.kind(&definition.form, depth + 1).unwrap_or(OptionKind::Octets),
            })
        };
        of_space.filter_map(member).collect()
    }
}

/// Whether a statement sets the octets of option 43.
fn sets_option_43(statement: &Statement) -> bool {
    let (space, name) = split(statement.word(1).unwrap_or_default());
    let is_43 = space == SPACE && name == "vendor-encapsulated-options";
    statement.word(0) == Some("option") && is_43 && statement.word(2) != Some("code")
}

/// Why the options of a space are not carried: `code width 2` and the like.
fn obstacle(settings: &[Token]) -> Option<String> {
    let words: Vec<&str> = settings.iter().filter_map(Token::word).collect();
    let is_wide = words.windows(2).any(|pair| matches!(pair, ["width", width] if *width != "1"));
    is_wide.then(|| "sub-options have codes and lengths of one octet".to_owned())
}
