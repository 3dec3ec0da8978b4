//! Serves metrics to Prometheus: a small HTTP server. One request per connection, no TLS, no
//! passwords: use an address that only permitted readers can reach.

use std::{convert::Infallible, net::SocketAddr, sync::Arc, time::Duration};

use anyhow::Context;
use http_body_util::Full;
use hyper::{
    Method, Request, Response, StatusCode,
    body::{Bytes, Incoming},
    header::{ALLOW, CONTENT_TYPE, HeaderValue},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use lessor_control::{Caller, Callers};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
};

use crate::{metrics, reload::Reloader, status::Status};

/// The number of pages written at a time; further requests wait.
const PAGES_MAX: usize = 4;
/// How long the server waits for a complete request.
const REQUEST_WITHIN: Duration = Duration::from_secs(5);
/// How long a connection may take in total.
const CONNECTION_WITHIN: Duration = Duration::from_secs(15);
/// The largest number of octets that are read of a request.
const REQUEST_OCTETS_MAX: usize = 16 << 10;

/// Opens the port.
///
/// # Errors
/// If that is not possible.
pub(crate) async fn listen(address: SocketAddr) -> anyhow::Result<TcpListener> {
    let listener = TcpListener::bind(address).await;
    let listener = listener.with_context(|| {
        format!(
            "cannot listen for metrics requests at {address}; set metrics.listen to another address"
        )
    })?;
    tracing::info!(%address, "metrics can be fetched");
    Ok(listener)
}

/// Answers until the task is dropped.
pub(crate) async fn answer(listener: TcpListener, reloader: Arc<Reloader>) {
    let callers = Callers::new();
    let source = PageSource { reloader, pages: Arc::new(Semaphore::new(PAGES_MAX)) };
    loop {
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection for metrics");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let Some(caller) = callers.admit().await else { return };
        let source = source.clone();
        tokio::spawn(async move {
            let answering =
                tokio::time::timeout(CONNECTION_WITHIN, answer_one(stream, &caller, &source));
            if !matches!(caller.unless_dismissed(answering).await, Some(Ok(Ok(())))) {
                tracing::debug!("a connection for metrics ended early");
            }
        });
    }
}

/// The source of the pages.
#[derive(Clone)]
struct PageSource {
    reloader: Arc<Reloader>,
    pages: Arc<Semaphore>,
}

async fn answer_one(stream: TcpStream, caller: &Caller, source: &PageSource) -> hyper::Result<()> {
    let respond = service_fn(|request: Request<Incoming>| async move {
        caller.is_served();
        let response = response(&request, source).await;
        // The caller must still read the page.
        caller.keeps_waiting();
        Ok::<_, Infallible>(response)
    });
    http1::Builder::new()
        .keep_alive(false)
        .timer(TokioTimer::new())
        .header_read_timeout(REQUEST_WITHIN)
        .max_buf_size(REQUEST_OCTETS_MAX)
        .serve_connection(TokioIo::new(stream), respond)
        .await
}

async fn response(request: &Request<Incoming>, source: &PageSource) -> Response<Full<Bytes>> {
    if ![Method::GET, Method::HEAD].contains(request.method()) {
        let mut response = text(StatusCode::METHOD_NOT_ALLOWED, "metrics are fetched with GET\n");
        response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
        return response;
    }
    if request.uri().path() != "/metrics" {
        return text(StatusCode::NOT_FOUND, "metrics are at /metrics\n");
    }
    let _page = source.pages.acquire().await;
    let reloader = Arc::clone(&source.reloader);
    // This takes the lock of every network, so it must not run on the threads of the runtime.
    let page = tokio::task::spawn_blocking(move || metrics::page(&Status::of(&reloader)));
    match page.await {
        Ok(page) => text(StatusCode::OK, page),
        Err(_) => text(StatusCode::INTERNAL_SERVER_ERROR, "the page could not be written\n"),
    }
}

fn text(status: StatusCode, text: impl Into<Bytes>) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(text.into()));
    *response.status_mut() = status;
    let content_type = match status {
        StatusCode::OK => metrics::CONTENT_TYPE,
        _ => "text/plain",
    };
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}
