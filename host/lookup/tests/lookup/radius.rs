//! Tests with a real RADIUS server.

use std::{path::PathBuf, time::Duration};

use lessor_core::LookupAnswer;
use lessor_e2e::{require, sources::FreeRadius};
use lessor_lookup::FAILED_KEYS_IN_A_ROW_MAX;
use lessor_settings::{RadiusSettings, RemoteLimits, SourceKind};
use md5::{Digest, Md5};

use crate::support::{Folder, fields, generous, open, refused, status, unavailable};

const USERS: &str = r#"
olt1/1  Cleartext-Password := "olt1/1"
        Framed-IP-Address = 192.0.2.7,
        Session-Timeout = 3600,
        Filter-Id = "gold",
        Framed-Pool = "residential",
        Class = 0x00ff,
        Tunnel-Private-Group-Id:1 = "307",
        Cisco-AVPair = "a=b"

named   Cleartext-Password := "pass word"
        Filter-Id = "silver"
"#;

fn settings(server: String, secret_file: PathBuf) -> RadiusSettings {
    RadiusSettings {
        server,
        secret_file,
        password_file: None,
        nas_identifier: "lessor".to_owned(),
        require_message_authenticator: true,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn accepted_is_a_row_and_rejected_is_none() {
    require!(freeradius);
    let server = FreeRadius::start(USERS);
    let folder = Folder::new();
    let secret = folder.file("secret", FreeRadius::SECRET);
    let of = |settings| open(SourceKind::Radius(settings, generous()));
    let sources = of(settings(server.address(), secret.clone()));
    let answer = sources.ask("it", "olt1/1").await;
    let mut row = fields(&answer);
    row.sort_unstable();
    assert_eq!(
        row,
        [
            ("Class", "hex:00ff"),
            ("Filter-Id", "gold"),
            ("Framed-IP-Address", "192.0.2.7"),
            ("Framed-Pool", "residential"),
            ("Session-Timeout", "3600"),
            ("Tunnel-Private-Group-Id", "307"),
            ("Vendor-9-1", "a=b"),
        ]
    );
    assert_eq!(sources.ask("it", "olt1/2").await, LookupAnswer::NotFound);
    assert_eq!(sources.ask("it", "named").await, LookupAnswer::NotFound, "it has another password");
    let with_password = of(RadiusSettings {
        password_file: Some(folder.file("password", "pass word")),
        ..settings(server.address(), secret)
    });
    assert_eq!(fields(&with_password.ask("it", "named").await), [("Filter-Id", "silver")]);
    let why = unavailable(sources.ask("it", &"x".repeat(254)).await);
    assert!(why.contains("the key has 254 octets; RADIUS allows at most 253"), "{why}");
    assert!(server.requests() >= 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_with_another_secret_stays_silent_and_is_asked_again() {
    require!(freeradius);
    let server = FreeRadius::start(USERS);
    let folder = Folder::new();
    let limits = RemoteLimits { deadline: Duration::from_millis(900), ..generous() };
    let secret = folder.file("secret", "another");
    let sources = open(SourceKind::Radius(settings(server.address(), secret), limits));
    let why = unavailable(sources.ask("it", "olt1/1").await);
    assert!(why.contains("no answer within 900 ms"), "{why}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_makes_no_request_says_nothing_about_the_server() {
    let silent = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let folder = Folder::new();
    let limits = RemoteLimits { deadline: Duration::from_millis(100), ..generous() };
    let secret = folder.file("secret", "secret");
    let address = silent.local_addr().unwrap().to_string();
    let sources = open(SourceKind::Radius(settings(address, secret), limits));
    for number in 0..FAILED_KEYS_IN_A_ROW_MAX {
        let why = unavailable(sources.now("it", &"x".repeat(129)).expect("an answer at once"));
        assert!(why.contains("as password, has 129 octets; RADIUS allows at most 128"), "{why}");
        assert!(!status(&sources).is_down);
        unavailable(sources.ask("it", &number.to_string()).await);
    }
    let counted = status(&sources);
    assert!(counted.is_down, "it was silent each time");
    assert_eq!((counted.timeouts, counted.failures), (FAILED_KEYS_IN_A_ROW_MAX as u64, 0));
}

/// Answers all three requests with the same octets.
#[tokio::test(flavor = "multi_thread")]
async fn forged_answers_are_discarded_and_told_of() {
    let socket = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let address = socket.local_addr().unwrap().to_string();
    let forger = tokio::spawn(async move {
        let mut request = [0; 4096];
        for _ in 0..3 {
            let (_, from) = socket.recv_from(&mut request).await.unwrap();
            let mut accept = vec![2, request[1], 0, 20];
            accept.extend([0; 16]);
            socket.send_to(&accept, from).await.unwrap();
        }
    });
    let folder = Folder::new();
    let limits = RemoteLimits { deadline: Duration::from_millis(900), ..generous() };
    let secret = folder.file("secret", "secret");
    let sources = open(SourceKind::Radius(settings(address, secret), limits));
    let why = unavailable(sources.ask("it", "a").await);
    assert!(why.contains("made with another secret arrived; check secret-file"), "{why}");
    forger.await.unwrap();
}

/// An Access-Accept to a request with these attributes, made with the secret.
fn accept(request: &[u8], attributes: &[u8], secret: &[u8]) -> Vec<u8> {
    let length = (20 + attributes.len() as u16).to_be_bytes();
    let head = [2, request[1], length[0], length[1]];
    let authenticator = Md5::digest([&head, &request[4..20], attributes, secret].concat());
    [&head, &authenticator[..], attributes].concat()
}

/// A server that sends these answers in turn to every client.
async fn serving(answers: &'static [&'static [u8]]) -> String {
    let socket = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let address = socket.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        let mut request = [0; 4096];
        loop {
            let (_, from) = socket.recv_from(&mut request).await.unwrap();
            for attributes in answers {
                socket.send_to(&accept(&request, attributes, b"secret"), from).await.unwrap();
            }
        }
    });
    address
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_with_broken_attributes_are_discarded() {
    const SHORT_TIMEOUT: &[u8] = &[27, 4, 0, 1];
    const CUT_OFF: &[u8] = &[27, 6, 0, 0, 14, 16, 88, 9, b'n'];
    const GOOD: &[u8] = &[27, 6, 0, 0, 14, 16];
    let folder = Folder::new();
    let secret = folder.file("secret", "secret");
    let asking = |address, deadline_ms| {
        let limits = RemoteLimits { deadline: Duration::from_millis(deadline_ms), ..generous() };
        let settings = RadiusSettings {
            require_message_authenticator: false,
            ..settings(address, secret.clone())
        };
        open(SourceKind::Radius(settings, limits))
    };
    let sources = asking(serving(&[SHORT_TIMEOUT, CUT_OFF, GOOD]).await, 20_000);
    assert_eq!(fields(&sources.ask("it", "a").await), [("Session-Timeout", "3600")]);
    for (answers, told) in [
        (&[SHORT_TIMEOUT][..], "Session-Timeout has 2 octets; wanted 4"),
        (&[CUT_OFF], "attribute 88 has the length 9, but only 3 octets are left"),
    ] {
        let why = unavailable(asking(serving(answers).await, 500).ask("it", "a").await);
        let discarded = "; answers with invalid attributes arrived and were discarded: ";
        assert_eq!(why, format!("`it`: no answer within 500 ms{discarded}{told}"));
    }
}

#[test]
fn what_cannot_be_asked_is_refused() {
    let folder = Folder::new();
    let secret = folder.file("secret", "secret");
    let refused = |settings| refused(SourceKind::Radius(settings, generous()));
    let error = refused(settings("radius.example.net".to_owned(), secret.clone()));
    assert!(error.contains("wanted host and port"), "{error}");
    let good = settings("localhost:1812".to_owned(), secret);
    let error = refused(RadiusSettings { nas_identifier: String::new(), ..good.clone() });
    assert!(error.contains("wanted 1 to 253 octets"), "{error}");
    let password_file = Some(folder.file("password", &"x".repeat(129)));
    let error = refused(RadiusSettings { password_file, ..good.clone() });
    assert!(error.contains("129 octets; wanted a password of at most 128"), "{error}");
    let error = refused(RadiusSettings { secret_file: folder.path("none"), ..good });
    assert!(error.contains("cannot read"), "{error}");
}
