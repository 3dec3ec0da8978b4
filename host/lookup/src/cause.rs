//! Explains why a connection failed. The innermost cause is the most informative, and the errors of
//! a TLS library do not tell an operator what to do.
//!
//! Does not handle the failed query.

use std::{error::Error, io};

use rustls::{AlertDescription, CertificateError, Error as TlsError, pki_types::UnixTime};

/// The library's message for a connection that ends during the TLS handshake.
const HANDSHAKE_EOF: &str = "tls handshake eof";

/// The cause of an error, in words.
pub(crate) fn in_words(error: &(dyn Error + 'static)) -> String {
    let mut cause = error;
    loop {
        if let Some(error) = cause.downcast_ref() {
            return of_tls(error);
        }
        if cause.to_string() == HANDSHAKE_EOF {
            return "the service ended the connection before it was encrypted: does it speak TLS at \
                    this port?"
                .to_owned();
        }
        // The `source` of an I/O error skips the error that it wraps.
        let within = cause.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        let deeper: Option<&(dyn Error + 'static)> = match within {
            Some(within) => Some(within),
            None => cause.source(),
        };
        match deeper {
            Some(deeper) => cause = deeper,
            None => return cause.to_string(),
        }
    }
}

fn of_tls(error: &TlsError) -> String {
    match error {
        TlsError::InvalidCertificate(error) => of_certificate(error),
        TlsError::InvalidMessage(_) | TlsError::InappropriateMessage { .. } => {
            "what answers there speaks no TLS, or breaks it: is the port the right one, and does \
             the service take encrypted connections?"
                .to_owned()
        }
        TlsError::PeerIncompatible(why) => format!(
            "the service and this server have no version or algorithm of TLS in common ({why:?}); \
             wanted TLS 1.2 or 1.3"
        ),
        TlsError::AlertReceived(alert) => of_alert(*alert),
        TlsError::NoCertificatesPresented => "the service shows no certificate".to_owned(),
        other => format!("the encrypted connection failed: {other}"),
    }
}

fn of_certificate(error: &CertificateError) -> String {
    let of = |what: &str| format!("the service's certificate {what}");
    match error {
        CertificateError::UnknownIssuer => of(
            "was issued by nobody who is trusted: set ca-file to the certificate of its issuer, \
             and have the service send those in between",
        ),
        CertificateError::Expired => of("has expired: renew it there, or check this clock"),
        CertificateError::ExpiredContext { not_after, .. } => {
            let date = date(*not_after);
            of(&format!("expired on {date}: renew it there, or check this clock"))
        }
        CertificateError::NotValidYet => of("is not valid yet: check the clocks"),
        CertificateError::NotValidYetContext { not_before, .. } => {
            of(&format!("is not valid before {}: check the clocks", date(*not_before)))
        }
        CertificateError::NotValidForName => {
            of("is for another name: write the name that it has in url")
        }
        CertificateError::NotValidForNameContext { expected, presented } => of(&format!(
            "is for {} and not for {}: write a name that it has in url",
            listed(presented),
            expected.to_str()
        )),
        CertificateError::Revoked => of("was revoked: the service needs another"),
        CertificateError::BadSignature => {
            of("is not signed by the issuer that it names: is ca-file that of another one?")
        }
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
            of("is not made for servers: the service needs one for server authentication")
        }
        CertificateError::Other(other) if format!("{other:?}").contains("CaUsedAsEndEntity") => {
            of("is one for issuing others: the service needs a separate one")
        }
        other => of(&format!("cannot be used: {other}")),
    }
}

fn of_alert(alert: AlertDescription) -> String {
    match alert {
        AlertDescription::CertificateRequired
        | AlertDescription::BadCertificate
        | AlertDescription::NoCertificate => {
            "the service wants a certificate from this server, which has none".to_owned()
        }
        AlertDescription::ProtocolVersion => {
            "the service takes no version of TLS that this server speaks; wanted TLS 1.2 or 1.3"
                .to_owned()
        }
        AlertDescription::HandshakeFailure => "the service refuses the encrypted connection; it \
                                               may want other algorithms, or a certificate from \
                                               this server"
            .to_owned(),
        AlertDescription::UnrecognisedName => {
            "the service knows no host of this name: is url right?".to_owned()
        }
        other => format!("the service ended the encrypted connection: {other:?}"),
    }
}

/// A date in ISO 8601 format.
fn date(time: UnixTime) -> String {
    let secs = i64::try_from(time.as_secs()).unwrap_or(i64::MAX);
    let known = jiff::Timestamp::from_second(secs);
    known.map_or_else(|_| "an unknown day".to_owned(), |time| time.strftime("%F").to_string())
}

fn listed(names: &[String]) -> String {
    if names.is_empty() { "no name".to_owned() } else { names.join(", ") }
}

#[cfg(test)]
mod tests {
    use rustls::InvalidMessage;

    use super::*;

    #[test]
    fn tls_errors_are_found_wherever_they_are_and_told_in_words() {
        let issuer = TlsError::InvalidCertificate(CertificateError::UnknownIssuer);
        let wrapped = io::Error::other(io::Error::other(issuer));
        assert!(in_words(&wrapped).contains("issued by nobody who is trusted: set ca-file"));
        let time = UnixTime::since_unix_epoch(std::time::Duration::from_secs(1_767_225_600));
        for (error, told) in [
            (
                TlsError::InvalidCertificate(CertificateError::ExpiredContext {
                    time,
                    not_after: time,
                }),
                "certificate expired on 2026-01-01",
            ),
            (
                TlsError::InvalidCertificate(CertificateError::NotValidForNameContext {
                    expected: "crm.example.net".try_into().unwrap(),
                    presented: vec!["www.example.net".to_owned()],
                }),
                "is for www.example.net and not for crm.example.net",
            ),
            (TlsError::InvalidMessage(InvalidMessage::InvalidContentType), "speaks no TLS"),
            (TlsError::AlertReceived(AlertDescription::CertificateRequired), "which has none"),
            (TlsError::AlertReceived(AlertDescription::ProtocolVersion), "TLS 1.2 or 1.3"),
        ] {
            let words = in_words(&io::Error::other(error));
            assert!(words.contains(told), "{words}");
        }
        let refused = io::Error::from(io::ErrorKind::ConnectionRefused);
        assert_eq!(in_words(&refused), refused.to_string());
    }
}
