//! The classes of a message, as scripts read them.

use lessor_core::{Class, RequestKind, Verdict};
use serde_json::json;

use crate::{
    common::{request, view_of},
    scripts::{JAVASCRIPT, RHAI},
};

#[test]
fn scripts_read_the_names_of_classes_in_their_order() {
    let rhai = r#"fn decide(request, terms) {
        let names = "";
        for name in request.classes { names += name + ";"; }
        ignore(names + ("tv" in request.classes))
    }"#;
    let javascript = r#"function decide(request, terms) {
        return ignore(request.classes.map(name => name + ";").join("") + request.classes.includes("tv"));
    }"#;
    for (language, text) in [(&*RHAI, rhai), (&*JAVASCRIPT, javascript)] {
        let (_chain, mut runner) = language.start(text, json!({}));
        for (names, expected) in [(&["tv", "rooms"][..], "tv;rooms;true"), (&[], "false")] {
            let mut request = request(RequestKind::Discover);
            request.classes = names.iter().map(|name| Class::named(*name)).collect();
            let verdict = runner.terms(&view_of(request)).terms.verdict;
            assert_eq!(verdict, Verdict::Ignore(expected.to_owned()));
        }
    }
}
