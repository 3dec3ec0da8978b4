//! The tables of options in the SDKs for C, JavaScript and Python.

use std::fs;

use lessor_vocabulary::OptionDefinition;

use crate::{assert_generated, samples::is_encoded_by_server, sdk};

/// Between these lines of a file, the tables are generated.
const BEGIN: &str = "begin generated\n";
const END: &str = "end generated\n";

#[test]
fn the_table_for_c_is_that_of_the_vocabulary() {
    let kinds: Vec<String> = kinds().iter().map(|kind| constant(kind)).collect();
    let options: String = encoded()
        .map(|option| {
            let (code, name, kind) = (option.code, option.name, constant(option.kind.name()));
            format!("  {{{code}, {kind}, \"{name}\"}},\n")
        })
        .collect();
    let reserved: String = OptionDefinition::of_engine()
        .iter()
        .map(|option| format!("  {{{}, \"{}\"}},\n", option.code, option.name))
        .collect();
    let text = format!(
        "// The tables of options. Generated from the crate lessor-vocabulary. DO NOT EDIT!\n\n\
         enum lessor_kind {{ {} }};\n\n\
         // The options that are encoded here: code, kind of value, and name.\n\
         static const struct {{\n  uint8_t code;\n  enum lessor_kind kind;\n  \
         const char *name;\n}} lessor_options[] = {{\n{options}}};\n\n\
         // Options that only the server sets.\n\
         static const struct {{\n  uint8_t code;\n  const char *name;\n}} \
         lessor_reserved_options[] = {{\n{reserved}}};\n\n\
         enum {{\n  LESSOR_OPTIONS = sizeof lessor_options / sizeof *lessor_options,\n  \
         LESSOR_RESERVED_OPTIONS = sizeof lessor_reserved_options / sizeof \
         *lessor_reserved_options\n}};\n",
        kinds.join(", ")
    );
    assert_generated(&sdk("c").join("generated/options.h"), text.as_bytes());
}

#[test]
fn the_table_for_javascript_is_that_of_the_vocabulary() {
    let text = format!(
        "/** The options that are encoded here: code, name, and kind of value. */\n\
         /** @type {{[number, string, string][]}} */\nconst OPTIONS = [\n{}];\n\n\
         /** Options that only the server sets. */\n\
         /** @type {{[number, string][]}} */\nconst RESERVED = [\n{}];\n",
        rows('[', ']', "  "),
        reserved_rows('[', ']', "  "),
    );
    assert_section("javascript", "lessor.js", "// ", &text);
}

#[test]
fn the_table_for_python_is_that_of_the_vocabulary() {
    let text = format!(
        "# The options that are encoded here: code, name, and kind of value.\nOPTIONS = [\n{}]\n\n\
         # Options that only the server sets.\nRESERVED = [\n{}]\n",
        rows('(', ')', "    "),
        reserved_rows('(', ')', "    "),
    );
    assert_section("python", "lessor.py", "# ", &text);
}

#[test]
fn the_page_about_options_is_that_of_the_vocabulary() {
    let page = sdk("c").join("../../../docs/options.md");
    let options = OptionDefinition::all()
        .iter()
        .map(|option| format!("| {} | `{}` | {} |\n", option.code, option.name, option.kind));
    let text = fs::read_to_string(&page).unwrap();
    let options =
        format!("| Code | Name | Value |\n|--:|---|---|\n{}", options.collect::<String>());
    let text = with_table(&text, "options", &options);
    let refused = |options: &[OptionDefinition]| {
        let row = |option: &OptionDefinition| {
            let (code, name, kind) = (option.code, option.name, &option.kind);
            format!("| {code} | `{name}` | {kind} | {} |\n", option.refused.unwrap_or_default())
        };
        let rows: String = options.iter().map(row).collect();
        format!("| Code | Name | Value | |\n|--:|---|---|---|\n{rows}")
    };
    let text = with_table(&text, "client options", &refused(OptionDefinition::of_clients()));
    let text = with_table(&text, "reserved options", &refused(OptionDefinition::of_engine()));
    assert_generated(&page, text.as_bytes());
}

/// The text with this table between its marks.
fn with_table(text: &str, name: &str, table: &str) -> String {
    let (begin, end) =
        (format!("<!-- begin generated {name} -->\n"), format!("<!-- end generated {name} -->\n"));
    let (before, rest) = text.split_once(&begin).unwrap();
    let (_, after) = rest.split_once(&end).unwrap();
    format!("{before}{begin}{table}{end}{after}")
}

fn rows(open: char, close: char, indent: &str) -> String {
    let row = |option: &OptionDefinition| {
        let (code, name, kind) = (option.code, option.name, option.kind.name());
        format!("{indent}{open}{code}, \"{name}\", \"{kind}\"{close},\n")
    };
    encoded().map(row).collect()
}

/// The options that the SDKs encode: the server encodes the others.
fn encoded() -> impl Iterator<Item = &'static OptionDefinition> {
    let settable = OptionDefinition::all().iter().chain(OptionDefinition::of_clients());
    settable.filter(|option| !is_encoded_by_server(option))
}

fn reserved_rows(open: char, close: char, indent: &str) -> String {
    let row = |option: &OptionDefinition| {
        format!("{indent}{open}{}, \"{}\"{close},\n", option.code, option.name)
    };
    OptionDefinition::of_engine().iter().map(row).collect()
}

/// The kinds of values, each once, in the order of the catalogue.
fn kinds() -> Vec<&'static str> {
    let all = encoded().map(|option| option.kind.name());
    let mut kinds: Vec<&str> = all.chain(["u16s"]).collect();
    kinds.sort_unstable();
    kinds.dedup();
    kinds
}

fn constant(kind: &str) -> String {
    format!("LESSOR_{}", kind.to_uppercase().replace('-', "_"))
}

/// Checks the generated section of a file, or writes it.
fn assert_section(language: &str, file: &str, comment: &str, wanted: &str) {
    let path = sdk(language).join(file);
    let found = fs::read_to_string(&path).unwrap();
    let (before, rest) = found.split_once(&format!("{comment}{BEGIN}")).unwrap();
    let (_, after) = rest.split_once(&format!("{comment}{END}")).unwrap();
    let text = format!("{before}{comment}{BEGIN}{wanted}{comment}{END}{after}");
    assert_generated(&path, text.as_bytes());
}
