//! A web service on loopback that answers as a test defines and records its requests.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

/// A connection, encrypted or not.
pub trait Stream: Read + Write {}

impl<T: Read + Write> Stream for T {}

/// A running service, which ends when it is dropped.
pub struct WebService {
    address: SocketAddr,
    shared: Arc<Shared>,
}

/// A request to the service.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Asked {
    /// The path and query, as sent.
    pub path: String,
    /// The header lines, as sent.
    pub headers: Vec<String>,
}

/// An answer of the service.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// The body.
    pub body: String,
    /// The delay of the answer.
    pub after: Duration,
}

struct Shared {
    asked: Mutex<Vec<Asked>>,
    working: AtomicUsize,
    working_most: AtomicUsize,
    is_over: AtomicBool,
}

impl Answer {
    /// Returns status 200 with this body, without delay.
    pub fn ok(body: &str) -> Self {
        Self { status: 200, body: body.to_owned(), after: Duration::ZERO }
    }

    /// Returns another status without a body, without delay.
    pub fn status(status: u16) -> Self {
        Self { status, body: String::new(), after: Duration::ZERO }
    }

    /// Sets the delay of the answer.
    pub fn after(self, after: Duration) -> Self {
        Self { after, ..self }
    }
}

impl WebService {
    /// Starts a service on a free port of loopback.
    pub fn start(answer: impl Fn(&Asked) -> Answer + Send + Sync + 'static) -> Self {
        Self::start_wrapped(|stream| Some(Box::new(stream)), answer)
    }

    /// Like [`WebService::start`], with wrapped connections, for example in TLS.
    pub fn start_wrapped(
        wrap: impl Fn(TcpStream) -> Option<Box<dyn Stream>> + Send + Sync + 'static,
        answer: impl Fn(&Asked) -> Answer + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            asked: Mutex::default(),
            working: AtomicUsize::new(0),
            working_most: AtomicUsize::new(0),
            is_over: AtomicBool::new(false),
        });
        let served = Arc::clone(&shared);
        let (wrap, answer) = (Arc::new(wrap), Arc::new(answer));
        thread::spawn(move || {
            for stream in listener.incoming() {
                if served.is_over.load(Ordering::SeqCst) {
                    return;
                }
                let Ok(stream) = stream else { return };
                let (served, wrap, answer) =
                    (Arc::clone(&served), Arc::clone(&wrap), Arc::clone(&answer));
                thread::spawn(move || {
                    if let Some(stream) = wrap(stream) {
                        served.converse(stream, &*answer);
                    }
                });
            }
        });
        Self { address, shared }
    }

    /// Returns the address of the service.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns the requests so far.
    pub fn asked(&self) -> Vec<Asked> {
        self.shared.asked.lock().unwrap().clone()
    }

    /// Returns the maximum number of concurrent requests.
    pub fn working_most(&self) -> usize {
        self.shared.working_most.load(Ordering::SeqCst)
    }
}

impl Drop for WebService {
    fn drop(&mut self) {
        self.shared.is_over.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.address);
    }
}

impl Shared {
    /// Answers the requests of one connection until its end.
    fn converse(&self, stream: Box<dyn Stream>, answer: &dyn Fn(&Asked) -> Answer) {
        let mut stream = BufReader::new(stream);
        while let Some(asked) = question(&mut stream) {
            if self.is_over.load(Ordering::SeqCst) {
                return;
            }
            let working = self.working.fetch_add(1, Ordering::SeqCst) + 1;
            self.working_most.fetch_max(working, Ordering::SeqCst);
            let Answer { status, body, after } = answer(&asked);
            self.asked.lock().unwrap().push(asked);
            thread::sleep(after);
            self.working.fetch_sub(1, Ordering::SeqCst);
            let text = format!(
                "HTTP/1.1 {status} Said\r\nContent-Type: application/json\r\n\
                 Content-Length: {}\r\n\r\n{body}",
                body.len()
            );
            if stream.get_mut().write_all(text.as_bytes()).is_err() {
                return;
            }
            let _ = stream.get_mut().flush();
        }
    }
}

fn question(stream: &mut impl BufRead) -> Option<Asked> {
    let mut asked = Asked::default();
    let mut line = String::new();
    while stream.read_line(&mut line).ok()? > 0 {
        match (line.trim_end(), asked.path.is_empty()) {
            ("", _) => return Some(asked),
            (first, true) => asked.path = first.split(' ').nth(1)?.to_owned(),
            (header, false) => asked.headers.push(header.to_owned()),
        }
        line.clear();
    }
    None
}
