//! Web services: one GET request per key, answered with a JSON object.

use std::time::Duration;

use http_body_util::{BodyExt, Empty, Limited};
use hyper::{
    HeaderMap, Request, StatusCode, Uri,
    body::Bytes,
    header::{ACCEPT, AUTHORIZATION, HeaderName, HeaderValue, USER_AGENT},
};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use lessor_core::SourceRow;
use lessor_settings::{HttpSettings, RemoteLimits};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use rustls::RootCertStore;

use super::question::{Failure, SourceQuery};
use crate::{SourceProblem, cause, limits::ROW_OCTETS_MAX, row::Fields, secret::Secrets, tls};

/// All characters that RFC 3986 does not call unreserved.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
/// The placeholder for the key in a URL.
const KEY: &str = "{key}";
/// How long an idle connection is kept.
const IDLE_FOR: Duration = Duration::from_secs(60);

/// Whether a key would refer to a parent path in a URL, percent-encoded or not.
pub(super) fn climbs(key: &str) -> bool {
    matches!(key, "." | "..")
}

/// A web service and its connections.
pub(crate) struct Http {
    client: Client<HttpsConnector<HttpConnector>, Empty<Bytes>>,
    url: String,
    headers: HeaderMap,
}

impl Http {
    pub(super) fn open(
        settings: &HttpSettings,
        limits: &RemoteLimits,
        secrets: &Secrets,
    ) -> Result<Self, SourceProblem> {
        check(&settings.url)?;
        let mut connector = HttpConnector::new();
        connector.enforce_http(false);
        connector.set_nodelay(true);
        connector.set_connect_timeout(Some(limits.deadline));
        let ca = settings.ca_file.as_deref().zip(secrets.certificates.as_deref());
        let tls = match settings.url.starts_with("http://") {
            // Without TLS, no certificates are needed.
            true => tls::trusting(RootCertStore::empty())?,
            false => tls::client(ca)?,
        };
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(tls)
            .https_or_http()
            .enable_http1()
            .wrap_connector(connector);
        let client = Client::builder(TokioExecutor::new())
            .pool_idle_timeout(IDLE_FOR)
            .pool_max_idle_per_host(limits.concurrency_max)
            .build(connector);
        Ok(Self { client, url: settings.url.clone(), headers: headers(settings, secrets)? })
    }

    pub(super) async fn fetch(&self, question: SourceQuery) -> Result<Option<SourceRow>, Failure> {
        // The permit is held until this function returns.
        let SourceQuery { key, place: _place, .. } = question;
        let encoded = utf8_percent_encode(&key, ENCODED).to_string();
        let mut request =
            Request::get(self.url.replace(KEY, &encoded)).body(Empty::new()).map_err(bad_answer)?;
        *request.headers_mut() = self.headers.clone();
        let answer = self.client.request(request).await.map_err(|error| down(&error))?;
        let status = answer.status();
        match status {
            StatusCode::NOT_FOUND | StatusCode::GONE | StatusCode::NO_CONTENT => return Ok(None),
            StatusCode::OK => {}
            status if status.is_redirection() => {
                let why = format!("the service answers {status}; set url to where it redirects to");
                return Err(Failure::Down(why));
            }
            // The service rejects this key; it may accept another.
            StatusCode::BAD_REQUEST
            | StatusCode::URI_TOO_LONG
            | StatusCode::UNPROCESSABLE_ENTITY => {
                return Err(Failure::BadAnswer(format!("the service answers {status}")));
            }
            status => return Err(Failure::Down(format!("the service answers {status}"))),
        }
        let body = Limited::new(answer.into_body(), ROW_OCTETS_MAX).collect().await;
        row(&body.map_err(unreadable)?.to_bytes())
    }
}

/// The row in an answer; `None` if the answer is empty.
fn row(body: &[u8]) -> Result<Option<SourceRow>, Failure> {
    let body = body.trim_ascii();
    if body.is_empty() || body == b"null" {
        return Ok(None);
    }
    if body.starts_with(b"[") {
        let rows: Vec<Fields> = serde_json::from_slice(body).map_err(no_row)?;
        let mut rows = rows.into_iter();
        return match (rows.next(), rows.next()) {
            (_, Some(_)) => {
                let why = "the service answers with several objects; wanted one";
                Err(Failure::BadAnswer(why.to_owned()))
            }
            (first, None) => Ok(first.map(Fields::into_row)),
        };
    }
    serde_json::from_slice(body).map(|fields: Fields| Some(fields.into_row())).map_err(no_row)
}

fn check(url: &str) -> Result<(), SourceProblem> {
    let refuse = |message: &str| Err(SourceProblem::setting("url", url, message));
    let Some((before, _)) = url.split_once(KEY) else {
        return refuse("wanted {key} where the key goes, as in https://example.net/ports/{key}");
    };
    let uri: Uri = match url.replace(KEY, "key").parse() {
        Ok(uri) => uri,
        Err(error) => return refuse(&format!("{error}; wanted https://host/path")),
    };
    if !matches!(uri.scheme_str(), Some("http" | "https")) {
        return refuse("wanted http:// or https:// at the beginning");
    }
    let Some(authority) = uri.authority() else { return refuse("wanted a host") };
    if authority.as_str().contains('@') {
        return refuse("it contains a user name; for a token, set bearer-token-file");
    }
    let host_ends_at = before.find("://").and_then(|at| before.get(at + 3..));
    if !host_ends_at.is_some_and(|rest| rest.contains('/')) {
        return refuse("{key} is allowed only in the path and the query");
    }
    Ok(())
}

fn headers(settings: &HttpSettings, secrets: &Secrets) -> Result<HeaderMap, SourceProblem> {
    let mut headers = HeaderMap::new();
    headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
    headers.insert(
        USER_AGENT,
        HeaderValue::from_static(concat!("lessor/", env!("CARGO_PKG_VERSION"))),
    );
    for (name, value) in &settings.headers {
        let refuse = |error: String| SourceProblem::setting("headers", name, error);
        let header = HeaderName::try_from(name).map_err(|error| refuse(error.to_string()))?;
        let value = HeaderValue::try_from(value).map_err(|error| refuse(error.to_string()))?;
        headers.insert(header, value);
    }
    if let (Some(token), Some(path)) = (&secrets.main, &settings.bearer_token_file) {
        let value = [b"Bearer ", token.octets()].concat();
        let mut value = HeaderValue::try_from(value).map_err(|_| SourceProblem::Secret {
            path: path.clone(),
            found: "characters that are not allowed in a header".to_owned(),
            wanted: "a token, on one line",
        })?;
        value.set_sensitive(true);
        headers.insert(AUTHORIZATION, value);
    }
    Ok(headers)
}

fn bad_answer(error: hyper::http::Error) -> Failure {
    Failure::BadAnswer(format!("the URL with this key is invalid: {error}"))
}

fn no_row(error: serde_json::Error) -> Failure {
    Failure::BadAnswer(format!("the answer of the service is not a JSON object: {error}"))
}

fn unreadable(error: Box<dyn std::error::Error + Send + Sync>) -> Failure {
    match error.is::<http_body_util::LengthLimitError>() {
        true => Failure::BadAnswer(crate::row::too_long()),
        false => Failure::Down(format!("the answer is incomplete: {error}")),
    }
}

fn down(error: &hyper_util::client::legacy::Error) -> Failure {
    Failure::Down(format!("cannot query the service: {}", cause::in_words(error)))
}
