//! Cases that test a policy: a described request, and the expected result of the policy.
//!
//! Knows neither the wire format nor how a policy is run: the caller does both. A file is TOML, or
//! JSON with the same keys.

mod expectation;
mod lookups;
mod request;

use std::path::Path;

use toml::{Spanned, de::DeTable};

use crate::{
    Surroundings, classes,
    collector::Collector,
    declarations, file,
    json::{self, JsonDescription},
    mistake::{Draft, Mistakes},
    reader::Table,
    shapes, sidecar,
    source::SourceFile,
    syntax,
};

pub use expectation::{Expectation, ExpectedOptions, PlannedName, ReplyTerms};
pub use lookups::LOOKUPS_MAX;
pub use request::{CaseLease, CaseReply, CaseRequest, PARAMETERS_MAX, POOLS_MAX, SUB_OPTIONS_MAX};

/// A request and the expected result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Case {
    /// The request.
    pub request: CaseRequest,
    /// `[settings]` as a JSON object, which replaces that of the sidecar file; `None` if the case
    /// has no such table.
    pub settings_json: Option<String>,
    /// The expected result; `None` if the case has none.
    pub expectation: Option<Expectation>,
}

/// Reads a case: a file with `[request]`, `[expect]` and `[settings]`, and with `[[option]]`,
/// `[[vendor]]` and `[[class]]` as the configuration has them if the policy uses such options or
/// classes; or one that contains only a request.
///
/// # Errors
/// All mistakes in the file, or the reason why it cannot be read.
pub fn load_case(path: &Path) -> Result<Case, Mistakes> {
    let text = file::read(path)?;
    parse_case(&path.display().to_string(), &text)
}

/// Reads a case from text. Mistakes refer to it as `name`; it is JSON if the name ends in `.json`.
///
/// # Errors
/// As [`load_case`].
pub fn parse_case(name: &str, text: &str) -> Result<Case, Mistakes> {
    let collector = Collector::new(SourceFile::new(name, text));
    let case = if name.ends_with(".json") {
        json::as_toml(&collector, &REQUEST).and_then(|toml| read(&collector, &toml))
    } else {
        read(&collector, text)
    };
    case.filter(|_| collector.is_empty()).ok_or_else(|| collector.into_mistakes())
}

const REQUEST: JsonDescription =
    JsonDescription { noun: "the file", help: "write the request as { \"kind\": \"discover\" }" };

/// `text` is the TOML equivalent of the collector's source.
fn read(collector: &Collector, text: &str) -> Option<Case> {
    let document: Spanned<DeTable> = syntax::parse_text(collector, text);
    let keys = document.get_ref();
    let is_whole = shapes::CASE.keys().any(|key| keys.contains_key(key));
    if !is_whole {
        let table = Table::open(collector, &shapes::CASE_REQUEST, keys, document.span());
        let request = request::read(&table);
        return Some(Case { request, settings_json: None, expectation: None });
    }
    let root = Table::open(collector, &shapes::CASE, keys, document.span());
    collector.declare(declarations::read(&root, collector));
    let class = root.get("class");
    let base = Path::new(collector.source().name()).parent().unwrap_or(Path::new(""));
    let around = Surroundings { base, addresses_of: &|_| Vec::new(), stand_in: &Path::to_owned };
    let classes = classes::read(class.as_ref(), &around, None).of_case(collector);
    let request = match root.get("request") {
        Some(value) => value.table(&shapes::CASE_REQUEST).map(|table| request::read(&table)),
        None => {
            let draft = Draft::found("the case has no request")
                .help("write [request] and below it, for example, kind = \"discover\"");
            collector.report_file_missing(draft);
            None
        }
    };
    let settings = root.get("settings").map(|value| sidecar::settings_json(&value));
    let expectation = root
        .get("expect")
        .and_then(|value| value.table(&shapes::CASE_EXPECT))
        .map(|table| expectation::read(&table));
    let request = CaseRequest { classes, ..request? };
    Some(Case { request, settings_json: settings, expectation })
}
