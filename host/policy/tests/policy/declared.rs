//! Options that a configuration declares, as scripts use them.

use std::sync::Arc;

use lessor_core::RequestKind;
use lessor_policy_host::PluginSource;
use lessor_vocabulary::{
    Catalogue, DeclaredOption, OptionKind, Vendor,
    option::{Field, Shared, SubOption},
};
use serde_json::json;
use tempfile::TempDir;

use crate::{
    common::{ask, request, view_of},
    scripts::{JAVASCRIPT, RHAI, RUNTIME, octets},
};

/// A catalogue with an option and a vendor of an operator.
fn declared() -> Arc<Catalogue> {
    let field = |name: &str, kind| Field { name: name.into(), kind, is_optional: false };
    let fields = vec![field("id", OptionKind::U16), field("servers", OptionKind::Addresses)];
    let kind = OptionKind::record(fields).unwrap();
    let mut catalogue = Catalogue::default();
    catalogue.declare(DeclaredOption { code: 224, name: "acme-profile".into(), kind }).unwrap();
    let url = SubOption { code: 1, name: "acs-url".into(), kind: OptionKind::Text };
    let vendor = Vendor {
        name: "acme".into(),
        class: Some("modem".into()),
        enterprise: None,
        options: Shared::Declared([url].into()),
    };
    catalogue.add_vendor(vendor).unwrap();
    Arc::new(catalogue)
}

#[test]
fn scripts_use_the_options_that_the_configuration_declares() {
    let rhai = r#"
        fn decide(request, terms) {
            terms.option("acme-profile", #{ id: 7, servers: ["192.0.2.1"] });
            terms.option("vendor-specific-information", #{ acme: #{ "acs-url": "a" } });
            terms.option("pcp-servers", [["192.0.2.1"]]);
            terms.option("host-name", `${terms.option("acme-profile").id}`);
            terms.option("domain-name", request.option(43).acme["acs-url"]);
        }
    "#;
    let javascript = r#"
        function decide(request, terms) {
            terms.option("acme-profile", { id: 7, servers: ["192.0.2.1"] });
            terms.option("vendor-specific-information", { acme: { "acs-url": "a" } });
            terms.option("pcp-servers", [["192.0.2.1"]]);
            terms.option("host-name", `${terms.option("acme-profile").id}`);
            terms.option("domain-name", request.option(43).acme["acs-url"]);
        }
    "#;
    let mut asked = request(RequestKind::Discover);
    asked.options.append(43, b"\x01\x01b");
    let view = view_of(asked);
    for (language, text) in [(&*RHAI, rhai), (&*JAVASCRIPT, javascript)] {
        let folder = TempDir::new().unwrap();
        let catalogue = declared();
        let source = PluginSource { catalogue, ..language.source(folder.path(), text, &json!({})) };
        let chain = RUNTIME.1.chain(vec![source]).unwrap_or_else(|errors| panic!("{errors:#?}"));
        let outcome = ask(&mut chain.runner().unwrap(), &view);
        let fault = chain.status()[0].last_fault.clone();
        let wanted = vec![
            (224, octets(&[0, 7, 192, 0, 2, 1])),
            (43, octets(b"\x01\x01a")),
            (158, octets(&[4, 192, 0, 2, 1])),
            (12, octets(b"7")),
            (15, octets(b"b")),
        ];
        assert_eq!(outcome.terms.options, wanted, "{fault:?}");
        let shown = outcome.trace[0].shown_settings(&declared());
        assert!(shown.contains(&"acme-profile={ id = 7, servers = [192.0.2.1] }".to_owned()));
    }
    let mistake = RHAI.fault("fn decide(request, terms) { terms.option(\"acme-profil\", 1); }");
    assert!(mistake.1.contains("no option is named `acme-profil`"), "{mistake:?}");
}
