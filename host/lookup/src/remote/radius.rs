//! RADIUS: one Access-Request (RFC 2865) per key, which is the user name. An accept returns a row
//! with the attributes of the reply, a reject no row. Requests are repeated within the deadline, to
//! the next address of the server if it has several.
//!
//! Every request has its own socket, port and authenticator, so that an attacker who cannot see it
//! cannot answer it.

mod attributes;
mod packet;

use std::{
    collections::VecDeque,
    io,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use lessor_core::SourceRow;
use lessor_settings::{RadiusSettings, RemoteLimits};
use tokio::net::{UdpSocket, lookup_host};

use self::packet::{RadiusAnswer, Request};
use super::question::{Failure, SourceQuery};
use crate::{
    SourceProblem,
    secret::{Secret, Secrets},
    tls,
};

/// How often a request is sent within the deadline, unless the server has more addresses.
const SENT_MAX: usize = 3;

/// A RADIUS server.
pub(crate) struct Radius {
    server: String,
    secret: Secret,
    password: Option<Secret>,
    nas_identifier: String,
    require_message_authenticator: bool,
    deadline: Duration,
    /// The address that answered last, if there are several.
    answered: Mutex<Option<SocketAddr>>,
    /// The problem of the last discarded answer; see [`Radius::silence_hint`].
    discarded: Mutex<Option<Discarded>>,
}

/// Why an answer was discarded.
enum Discarded {
    Forged,
    Unsigned,
    Broken(String),
}

impl Radius {
    pub(super) fn open(
        settings: &RadiusSettings,
        limits: &RemoteLimits,
        secrets: &Secrets,
    ) -> Result<Self, SourceProblem> {
        let port = settings.server.rsplit_once(':').and_then(|(_, port)| port.parse::<u16>().ok());
        if port.is_none() {
            let message = "wanted host and port, as in radius.example.net:1812";
            return Err(SourceProblem::setting("server", &settings.server, message));
        }
        if !(1..=packet::ATTRIBUTE_OCTETS_MAX).contains(&settings.nas_identifier.len()) {
            let message = "wanted 1 to 253 octets";
            return Err(SourceProblem::setting(
                "nas-identifier",
                &settings.nas_identifier,
                message,
            ));
        }
        if let (Some(password), Some(path)) = (&secrets.password, &settings.password_file)
            && password.octets().len() > packet::PASSWORD_OCTETS_MAX
        {
            let found = format!("{} octets", password.octets().len());
            let wanted = "a password of at most 128 octets";
            return Err(SourceProblem::Secret { path: path.clone(), found, wanted });
        }
        let Some(secret) = secrets.main.clone() else {
            let path = settings.secret_file.clone();
            let (found, wanted) = ("nothing".to_owned(), "the secret, on one line");
            return Err(SourceProblem::Secret { path, found, wanted });
        };
        Ok(Self {
            server: settings.server.clone(),
            secret,
            password: secrets.password.clone(),
            nas_identifier: settings.nas_identifier.clone(),
            require_message_authenticator: settings.require_message_authenticator,
            deadline: limits.deadline,
            answered: Mutex::default(),
            discarded: Mutex::default(),
        })
    }

    pub(super) async fn fetch(&self, question: SourceQuery) -> Result<Option<SourceRow>, Failure> {
        // The permit is held until this function returns.
        let SourceQuery { key, place: _place, .. } = question;
        let found = lookup_host(&self.server).await.map_err(|error| self.down(&error))?;
        self.ask(&key, found.collect()).await
    }

    /// Queries the server at one address after another.
    async fn ask(
        &self,
        key: &str,
        addresses: Vec<SocketAddr>,
    ) -> Result<Option<SourceRow>, Failure> {
        let mut random = [0; 17];
        let filled = tls::provider().secure_random.fill(&mut random);
        filled.map_err(|_| Failure::Down("the system returned no random numbers".to_owned()))?;
        let (nas_identifier, secret) = (&self.nas_identifier, self.secret.octets());
        let request = Request::new(random, key, self.password(key), nas_identifier, secret);
        let sent_max = addresses.len().max(SENT_MAX);
        let send_again_after = self.deadline / sent_max as u32;
        let mut sockets = self.connect(addresses).await?;
        // The caller's deadline ends the loop. Sockets stay open for late answers.
        while let Some((address, socket)) = sockets.pop_front() {
            let exchanged = self.exchange(&socket, &request);
            match tokio::time::timeout(send_again_after, exchanged).await {
                Ok(Ok(answer)) => {
                    *self.answered() = Some(address);
                    return answer;
                }
                Ok(Err(error)) if sockets.is_empty() => return Err(self.down(&error)),
                Ok(Err(error)) => {
                    tracing::debug!(%address, %error, "no answer; trying the next server");
                }
                Err(_) => {
                    tracing::debug!(%address, "no answer; retransmitting");
                    sockets.push_back((address, socket));
                }
            }
        }
        Err(Failure::Down(format!("{} has no address", self.server)))
    }

    /// The reason why the server cannot be queried for a key, if there is one.
    pub(super) fn too_long(&self, key: &str) -> Option<String> {
        packet::too_long(key, self.password(key))
    }

    /// Explains why a server whose answers are discarded appears to be silent.
    pub(super) fn silence_hint(&self) -> Option<String> {
        let discarded = self.discarded.lock().unwrap_or_else(PoisonError::into_inner).take()?;
        Some(match discarded {
            Discarded::Forged => {
                "; answers that were made with another secret arrived; check secret-file".to_owned()
            }
            Discarded::Unsigned => {
                "; answers without Message-Authenticator arrived; configure the server to send it, \
                 or set require-message-authenticator = false"
                    .to_owned()
            }
            Discarded::Broken(what) => {
                format!("; answers with invalid attributes arrived and were discarded: {what}")
            }
        })
    }

    /// Sends the request and waits for its answer. Other datagrams are discarded.
    async fn exchange(
        &self,
        socket: &UdpSocket,
        request: &Request,
    ) -> io::Result<Result<Option<SourceRow>, Failure>> {
        socket.send(request.octets()).await?;
        let mut octets = vec![0; packet::OCTETS_MAX];
        loop {
            let length = socket.recv(&mut octets).await?;
            let received = octets.get(..length).unwrap_or_default();
            let must_be_signed = self.require_message_authenticator;
            match request.answer(received, self.secret.octets(), must_be_signed) {
                RadiusAnswer::Accept(attributes) => match attributes::row(&attributes) {
                    Ok(row) => return Ok(Ok(Some(row))),
                    Err(what) => self.discard(Discarded::Broken(what)),
                },
                RadiusAnswer::Reject => return Ok(Ok(None)),
                RadiusAnswer::Challenge => {
                    let why = "the server answers with a challenge; wanted to accept or reject";
                    return Ok(Err(Failure::BadAnswer(why.to_owned())));
                }
                RadiusAnswer::Forged => self.discard(Discarded::Forged),
                RadiusAnswer::Unsigned => self.discard(Discarded::Unsigned),
                RadiusAnswer::Broken(what) => self.discard(Discarded::Broken(what)),
                RadiusAnswer::Other => {}
            }
        }
    }

    fn discard(&self, discarded: Discarded) {
        *self.discarded.lock().unwrap_or_else(PoisonError::into_inner) = Some(discarded);
    }

    fn password<'a>(&'a self, key: &'a str) -> &'a [u8] {
        self.password.as_ref().map_or(key.as_bytes(), Secret::octets)
    }

    /// Opens a socket for each address, starting with the one that answered last.
    async fn connect(
        &self,
        mut addresses: Vec<SocketAddr>,
    ) -> Result<VecDeque<(SocketAddr, UdpSocket)>, Failure> {
        let answered = *self.answered();
        addresses.sort_by_key(|address| Some(*address) != answered);
        let mut sockets = VecDeque::new();
        let mut failed = None;
        for address in addresses {
            match connected(address).await {
                Ok(socket) => sockets.push_back((address, socket)),
                Err(error) => failed = Some(error),
            }
        }
        match failed {
            Some(error) if sockets.is_empty() => Err(self.down(&error)),
            _ => Ok(sockets),
        }
    }

    fn answered(&self) -> MutexGuard<'_, Option<SocketAddr>> {
        self.answered.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn down(&self, error: &io::Error) -> Failure {
        Failure::Down(format!("cannot query {}: {error}", self.server))
    }
}

async fn connected(address: SocketAddr) -> io::Result<UdpSocket> {
    let own: SocketAddr = match address {
        SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
    };
    let socket = UdpSocket::bind(own).await?;
    socket.connect(address).await?;
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use lessor_e2e::{require, sources::FreeRadius};
    use tempfile::TempDir;

    use super::*;

    #[tokio::test]
    async fn a_server_is_asked_at_its_other_addresses_and_then_where_it_answered() {
        require!(freeradius);
        let server = FreeRadius::start("olt1/1 Cleartext-Password := \"olt1/1\"\n");
        let answering: SocketAddr = server.address().parse().unwrap();
        let silent = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        // The socket is closed, so nothing listens there.
        let closed = UdpSocket::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        let addresses = vec![closed, silent.local_addr().unwrap(), answering];
        let source = source(FreeRadius::SECRET);
        for key in ["olt1/1", "olt1/2"] {
            let row = source.ask(key, addresses.clone()).await.unwrap();
            assert_eq!(row.is_some(), key == "olt1/1");
        }
        let mut request = [0; packet::OCTETS_MAX];
        silent.try_recv(&mut request).expect("it was asked once");
        silent.try_recv(&mut request).expect_err("it was not asked again");
        let none = source.ask("a", vec![closed, closed]).await;
        assert!(matches!(none, Err(Failure::Down(why)) if why.contains("refused")));
    }

    fn source(secret: &str) -> Radius {
        let folder = TempDir::new().unwrap();
        let secret_file = folder.path().join("secret");
        std::fs::write(&secret_file, secret).unwrap();
        let only_owner = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        std::fs::set_permissions(&secret_file, only_owner).unwrap();
        let settings = RadiusSettings {
            server: "radius.example.net:1812".to_owned(),
            secret_file: secret_file.clone(),
            password_file: None,
            nas_identifier: "lessor".to_owned(),
            require_message_authenticator: true,
        };
        let limits = RemoteLimits { deadline: Duration::from_secs(6), ..RemoteLimits::default() };
        let main = Some(Secret::read(&secret_file).unwrap());
        Radius::open(&settings, &limits, &Secrets { main, ..Secrets::default() }).unwrap()
    }
}
