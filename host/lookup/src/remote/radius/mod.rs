//! RADIUS: one Access-Request (RFC 2865) a key, as user name. Accepted is a row of the reply's
//! attributes, rejected is none. Requests are sent again while there is time.
//!
//! Every request has a socket, a port and an authenticator of its own: who cannot see it cannot
//! answer it.

mod attributes;
mod packet;

use std::{
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::atomic::{AtomicU8, Ordering},
    time::Duration,
};

use lessor_core::Row;
use tokio::net::{UdpSocket, lookup_host};

use self::packet::{Answer, Request};
use super::backend::{Failure, Question};
use crate::{
    Problem,
    secret::{Secret, Secrets},
    settings::{RadiusSettings, RemoteLimits},
    tls,
};

/// How often a request is sent within the deadline.
const SENT_MAX: u32 = 3;

/// A RADIUS server.
pub(super) struct Radius {
    server: String,
    secret: Secret,
    password: Option<Secret>,
    nas_identifier: String,
    require_message_authenticator: bool,
    send_again_after: Duration,
    /// What was wrong with the answer that was discarded last; see [`Radius::silence_hint`].
    discarded: AtomicU8,
}

impl Radius {
    pub(super) fn open(
        settings: &RadiusSettings,
        limits: &RemoteLimits,
        secrets: &Secrets,
    ) -> Result<Self, Problem> {
        let port = settings.server.rsplit_once(':').and_then(|(_, port)| port.parse::<u16>().ok());
        if port.is_none() {
            let message = "wanted host and port, as in radius.example.net:1812";
            return Err(Problem::setting("server", &settings.server, message));
        }
        if !(1..=packet::ATTRIBUTE_OCTETS_MAX).contains(&settings.nas_identifier.len()) {
            let message = "wanted 1 to 253 octets";
            return Err(Problem::setting("nas-identifier", &settings.nas_identifier, message));
        }
        if let (Some(password), Some(path)) = (&secrets.password, &settings.password_file)
            && password.octets().len() > packet::PASSWORD_OCTETS_MAX
        {
            let found = format!("{} octets", password.octets().len());
            let wanted = "a password of at most 128 octets";
            return Err(Problem::Secret { path: path.clone(), found, wanted });
        }
        let Some(secret) = secrets.main.clone() else {
            let path = settings.secret_file.clone();
            let (found, wanted) = ("nothing".to_owned(), "the secret, on one line");
            return Err(Problem::Secret { path, found, wanted });
        };
        Ok(Self {
            server: settings.server.clone(),
            secret,
            password: secrets.password.clone(),
            nas_identifier: settings.nas_identifier.clone(),
            require_message_authenticator: settings.require_message_authenticator,
            send_again_after: limits.deadline / SENT_MAX,
            discarded: AtomicU8::new(0),
        })
    }

    pub(super) async fn fetch(&self, question: Question) -> Result<Option<Row>, Failure> {
        // Kept to the end.
        let Question { key, place: _place, .. } = question;
        let mut random = [0; 17];
        let filled = tls::provider().secure_random.fill(&mut random);
        filled.map_err(|_| Failure::Down("this system gives no random numbers".to_owned()))?;
        let (nas_identifier, secret) = (&self.nas_identifier, self.secret.octets());
        let request = Request::new(random, &key, self.password(&key), nas_identifier, secret);
        let socket = self.connect().await?;
        loop {
            socket.send(request.octets()).await.map_err(|error| self.down(&error))?;
            // The caller's deadline ends this.
            match tokio::time::timeout(self.send_again_after, self.receive(&socket, &request)).await
            {
                Ok(answer) => return answer,
                Err(_) => tracing::debug!(server = self.server, "no answer; sending again"),
            }
        }
    }

    /// Why the server cannot be asked about a key, if it cannot.
    pub(super) fn too_long(&self, key: &str) -> Option<String> {
        packet::too_long(key, self.password(key))
    }

    /// Says why a server seems to be silent whose answers are discarded.
    pub(super) fn silence_hint(&self) -> Option<&'static str> {
        match self.discarded.swap(0, Ordering::Relaxed) {
            FORGED => {
                Some("; answers came that were made with another secret: is secret-file right?")
            }
            UNSIGNED => Some(
                "; answers came without Message-Authenticator: have the server send it, or set \
                 require-message-authenticator = false",
            ),
            _ => None,
        }
    }

    /// Waits for an answer to the request; what is none is discarded.
    async fn receive(&self, socket: &UdpSocket, request: &Request) -> Result<Option<Row>, Failure> {
        let mut octets = vec![0; packet::OCTETS_MAX];
        loop {
            let length = socket.recv(&mut octets).await.map_err(|error| self.down(&error))?;
            let received = octets.get(..length).unwrap_or_default();
            let must_be_signed = self.require_message_authenticator;
            match request.answer(received, self.secret.octets(), must_be_signed) {
                Answer::Accept(attributes) => return Ok(Some(attributes::row(attributes))),
                Answer::Reject => return Ok(None),
                Answer::Challenge => {
                    let why = "the server answers with a challenge; wanted to accept or reject";
                    return Err(Failure::BadAnswer(why.to_owned()));
                }
                Answer::Forged => self.discarded.store(FORGED, Ordering::Relaxed),
                Answer::Unsigned => self.discarded.store(UNSIGNED, Ordering::Relaxed),
                Answer::Other => {}
            }
        }
    }

    fn password<'a>(&'a self, key: &'a str) -> &'a [u8] {
        self.password.as_ref().map_or(key.as_bytes(), Secret::octets)
    }

    async fn connect(&self) -> Result<UdpSocket, Failure> {
        let found = lookup_host(&self.server).await.map_err(|error| self.down(&error))?.next();
        let Some(server) = found else {
            return Err(Failure::Down(format!("{} has no address", self.server)));
        };
        let own: SocketAddr = match server {
            SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
            SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
        };
        let socket = UdpSocket::bind(own).await.map_err(|error| self.down(&error))?;
        socket.connect(server).await.map_err(|error| self.down(&error))?;
        Ok(socket)
    }

    fn down(&self, error: &std::io::Error) -> Failure {
        Failure::Down(format!("cannot ask {}: {error}", self.server))
    }
}

const FORGED: u8 = 1;
const UNSIGNED: u8 = 2;
