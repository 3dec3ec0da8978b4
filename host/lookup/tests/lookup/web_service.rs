//! Web services, with and without encryption.

use std::sync::Arc;

use lessor_core::LookupAnswer;
use lessor_e2e::sources::{Answer, WebService};
use lessor_lookup::{FAILED_KEYS_IN_A_ROW_MAX, ROW_OCTETS_MAX};
use lessor_settings::{HttpSettings, SourceKind};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::{
    ServerConfig, ServerConnection, StreamOwned,
    crypto::ring,
    pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
};

use crate::support::{Folder, fields, generous, http, open, refused, status, unavailable};

fn url(service: &WebService) -> String {
    format!("http://{}/ports/{{key}}?full=yes", service.address())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_key_stands_in_the_url_and_cannot_leave_its_place() {
    let service = WebService::start(|_| Answer::ok(r#"{"plan":"fast","vlan":7}"#));
    let sources = open(http(url(&service), generous()));
    let row = [("plan", "fast"), ("vlan", "7")];
    assert_eq!(fields(&sources.ask("it", "olt1/1 x?a=b#c&d/../é").await), row);
    assert_eq!(
        service.asked()[0].path,
        "/ports/olt1%2F1%20x%3Fa%3Db%23c%26d%2F..%2F%C3%A9?full=yes"
    );
    assert_eq!(sources.ask("it", "..").await, LookupAnswer::NotFound);
    assert_eq!(service.asked().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_makes_no_url_says_nothing_about_the_service() {
    let service = WebService::start(|_| Answer::status(503));
    let sources = open(http(url(&service), generous()));
    for number in 0..FAILED_KEYS_IN_A_ROW_MAX {
        for key in [".", ".."] {
            assert_eq!(sources.ask("it", key).await, LookupAnswer::NotFound);
        }
        assert!(!status(&sources).is_down);
        unavailable(sources.ask("it", &number.to_string()).await);
    }
    let counted = status(&sources);
    assert!(counted.is_down, "it failed each time");
    assert_eq!((counted.fetched, counted.rows), (0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn headers_and_a_token_are_sent() {
    let service = WebService::start(|_| Answer::ok("{}"));
    let folder = Folder::new();
    let settings = HttpSettings {
        url: url(&service),
        headers: vec![("X-Site".to_owned(), "north".to_owned())],
        bearer_token_file: Some(folder.file("token", "s3cret\n")),
        ca_file: None,
    };
    let sources = open(SourceKind::Http(settings, generous()));
    assert_eq!(fields(&sources.ask("it", "a").await), []);
    let headers = service.asked()[0].headers.join("\n").to_lowercase();
    for header in ["x-site: north", "authorization: bearer s3cret", "accept: application/json"] {
        assert!(headers.contains(header), "{header} in {headers}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_are_rows_or_none_or_mistakes() {
    let service = WebService::start(|asked| match asked.path.split(['/', '?']).nth(2) {
        Some("missing") => Answer::status(404),
        Some("gone") => Answer::status(410),
        Some("nothing") => Answer::status(204),
        Some("empty") => Answer::ok(" "),
        Some("null") => Answer::ok("null"),
        Some("no-row") => Answer::ok("[]"),
        Some("one-row") => Answer::ok(r#"[{"a":"b"}]"#),
        Some("two-rows") => Answer::ok("[{},{}]"),
        Some("text") => Answer::ok("\"text\""),
        Some("page") => Answer::ok("<html>"),
        Some("long") => Answer::ok(&format!(r#"{{"a":"{}"}}"#, "x".repeat(ROW_OCTETS_MAX))),
        Some("moved") => Answer::status(301),
        _ => Answer::status(401),
    });
    let sources = open(http(url(&service), generous()));
    for key in ["missing", "gone", "nothing", "empty", "null", "no-row"] {
        assert_eq!(sources.ask("it", key).await, LookupAnswer::NotFound, "{key}");
    }
    assert_eq!(fields(&sources.ask("it", "one-row").await), [("a", "b")]);
    for (key, told) in [
        ("two-rows", "several objects; wanted one"),
        ("text", "not a JSON object"),
        ("page", "not a JSON object"),
        ("long", "a row has more than 65536 octets"),
    ] {
        let why = unavailable(sources.ask("it", key).await);
        assert!(why.contains(told), "{key}: {why}");
    }
    assert!(!status(&sources).is_down, "it works, for other keys");
    for (key, told) in
        [("moved", "set url to where it redirects to"), ("other", "401 Unauthorized")]
    {
        let why = unavailable(sources.ask("it", key).await);
        assert!(why.contains(told), "{key}: {why}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_refuses_one_key_works_for_others() {
    let service = WebService::start(|asked| match asked.path.split(['/', '?']).nth(2) {
        Some("good") => Answer::ok(r#"{"plan":"fast"}"#),
        key => {
            let status = key.and_then(|key| key.get(..3)).and_then(|status| status.parse().ok());
            Answer::status(status.unwrap_or(500))
        }
    });
    let sources = open(http(url(&service), generous()));
    for status in ["400", "414", "422"] {
        for number in 0..FAILED_KEYS_IN_A_ROW_MAX {
            let why = unavailable(sources.ask("it", &format!("{status}-{number}")).await);
            assert!(why.contains(&format!("the service answers {status}")), "{why}");
        }
    }
    // Failures caused by a key affect no other key: there was no probe, and 403 causes none either.
    assert_eq!(service.asked().len(), 3 * FAILED_KEYS_IN_A_ROW_MAX);
    for number in 0..FAILED_KEYS_IN_A_ROW_MAX {
        unavailable(sources.ask("it", &format!("403-{number}")).await);
    }
    assert!(status(&sources).is_down);
}

#[tokio::test(flavor = "multi_thread")]
async fn encrypted_services_are_asked_if_their_certificate_is_trusted() {
    let CertifiedKey { cert, signing_key } =
        generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(signing_key.serialize_der()));
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![cert.der().clone()], key)
        .unwrap();
    let config = Arc::new(config);
    let service = WebService::start_wrapped(
        move |stream| {
            let connection = ServerConnection::new(Arc::clone(&config)).ok()?;
            Some(Box::new(StreamOwned::new(connection, stream)))
        },
        |_| Answer::ok(r#"{"plan":"fast"}"#),
    );
    let folder = Folder::new();
    let url = format!("https://localhost:{}/{{key}}", service.address().port());
    let with_ca = |ca_file| {
        let settings = HttpSettings {
            url: url.clone(),
            headers: Vec::new(),
            bearer_token_file: None,
            ca_file: Some(ca_file),
        };
        SourceKind::Http(settings, generous())
    };
    let trusting = open(with_ca(folder.file("ca.pem", &cert.pem())));
    assert_eq!(fields(&trusting.ask("it", "a").await), [("plan", "fast")]);
    let other = generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let wary = open(with_ca(folder.file("other.pem", &other.cert.pem())));
    let why = unavailable(wary.ask("it", "a").await);
    let told = "the service's certificate is not signed by the issuer that it names: check that \
         ca-file is the certificate of that issuer";
    assert_eq!(why, format!("`it`: cannot query the service: {told}"));
    assert_eq!(service.asked().len(), 1);
    let none = refused(with_ca(folder.file("empty.pem", "")));
    assert!(none.contains("contains no certificate; wanted certificates as PEM"), "{none}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_speaks_no_tls_is_reported_in_words() {
    let service = WebService::start(|_| Answer::ok("{}"));
    let folder = Folder::new();
    let CertifiedKey { cert, .. } = generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let settings = HttpSettings {
        url: format!("https://localhost:{}/{{key}}", service.address().port()),
        headers: Vec::new(),
        bearer_token_file: None,
        ca_file: Some(folder.file("ca.pem", &cert.pem())),
    };
    let why = unavailable(open(SourceKind::Http(settings, generous())).ask("it", "a").await);
    let told = "the service closed the connection during the TLS handshake; check that it speaks \
         TLS on this port";
    assert_eq!(why, format!("`it`: cannot query the service: {told}"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_is_not_there_is_down() {
    let service = WebService::start(|_| Answer::ok("{}"));
    let url = url(&service);
    drop(service);
    std::thread::sleep(std::time::Duration::from_millis(100));
    let sources = open(http(url, generous()));
    let why = unavailable(sources.ask("it", "a").await);
    assert!(why.contains("Connection refused"), "{why}");
}

#[test]
fn urls_that_cannot_be_asked_are_refused() {
    for (url, told) in [
        ("https://example.net/ports", "wanted {key} where the key goes"),
        ("ftp://example.net/{key}", "wanted http:// or https:// at the beginning"),
        ("/ports/{key}", "wanted http:// or https:// at the beginning"),
        ("https://{key}.example.net/", "{key} is allowed only in the path and the query"),
        ("https://user:word@example.net/{key}", "set bearer-token-file"),
        ("https://exa mple.net/{key}", "wanted https://host/path"),
    ] {
        let error = refused(http(url.to_owned(), generous()));
        assert!(error.contains(told), "{url}: {error}");
    }
}

#[test]
fn secrets_are_kept_from_others() {
    use std::os::unix::fs::PermissionsExt;
    let folder = Folder::new();
    let with_token = |token| {
        let settings = HttpSettings {
            url: "http://localhost/{key}".to_owned(),
            headers: Vec::new(),
            bearer_token_file: Some(token),
            ca_file: None,
        };
        SourceKind::Http(settings, generous())
    };
    let token = folder.file("token", "s3cret");
    std::fs::set_permissions(&token, std::fs::Permissions::from_mode(0o644)).unwrap();
    let error = refused(with_token(token));
    assert!(error.contains("other users can read the secret") && error.contains("chmod o-rwx"));
    let error = refused(with_token(folder.file("empty", "\n")));
    assert!(error.contains("contains nothing; wanted the secret, on one line"), "{error}");
    let error = refused(with_token(folder.file("lines", "a\nb\n")));
    assert!(error.contains("more than one line"), "{error}");
}
