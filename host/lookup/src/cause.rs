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
            return "the service closed the connection during the TLS handshake; check that it \
                 speaks TLS on this port"
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
            "the answer is not valid TLS; check that the port is right and that the service \
             accepts encrypted connections"
                .to_owned()
        }
        TlsError::PeerIncompatible(why) => format!(
            "the service and this server support no common TLS version or algorithm ({why:?}); \
             wanted TLS 1.2 or 1.3"
        ),
        TlsError::AlertReceived(alert) => of_alert(*alert),
        TlsError::NoCertificatesPresented => "the service sent no certificate".to_owned(),
        other => format!("the encrypted connection failed: {other}"),
    }
}

fn of_certificate(error: &CertificateError) -> String {
    let of = |what: &str| format!("the service's certificate {what}");
    match error {
        CertificateError::UnknownIssuer => of(
            "was not issued by a trusted authority: set ca-file to the certificate of its issuer, \
             and configure the service to send the intermediate certificates",
        ),
        CertificateError::Expired => {
            of("has expired: renew it, or check the clock of this machine")
        }
        CertificateError::ExpiredContext { not_after, .. } => {
            let date = date(*not_after);
            of(&format!("expired on {date}: renew it, or check the clock of this machine"))
        }
        CertificateError::NotValidYet => of("is not valid yet: check the clocks"),
        CertificateError::NotValidYetContext { not_before, .. } => {
            of(&format!("is not valid before {}: check the clocks", date(*not_before)))
        }
        CertificateError::NotValidForName => {
            of("is for another name: set url to a name in the certificate")
        }
        CertificateError::NotValidForNameContext { expected, presented } => of(&format!(
            "is for {} and not for {}: set url to a name in the certificate",
            listed(presented),
            expected.to_str()
        )),
        CertificateError::Revoked => of("was revoked: install another certificate on the service"),
        CertificateError::BadSignature => {
            of("is not signed by the issuer that it names: check that ca-file is the certificate \
                 of that issuer")
        }
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
            of("is not for servers: install a certificate for server authentication on the service")
        }
        CertificateError::Other(other) if format!("{other:?}").contains("CaUsedAsEndEntity") => {
            of("is for issuing other certificates: install a separate certificate on the service")
        }
        other => of(&format!("cannot be used: {other}")),
    }
}

fn of_alert(alert: AlertDescription) -> String {
    match alert {
        AlertDescription::CertificateRequired
        | AlertDescription::BadCertificate
        | AlertDescription::NoCertificate => {
            "the service requires a client certificate, and this server has none".to_owned()
        }
        AlertDescription::ProtocolVersion => {
            "the service supports no TLS version that this server supports; wanted TLS 1.2 or 1.3"
                .to_owned()
        }
        AlertDescription::HandshakeFailure => "the service refused the TLS handshake; it may \
             require other algorithms, or a client certificate"
            .to_owned(),
        AlertDescription::UnrecognisedName => {
            "the service has no host of this name; check url".to_owned()
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
        assert!(in_words(&wrapped).contains("not issued by a trusted authority: set ca-file"));
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
            (TlsError::InvalidMessage(InvalidMessage::InvalidContentType), "not valid TLS"),
            (
                TlsError::AlertReceived(AlertDescription::CertificateRequired),
                "this server has none",
            ),
            (TlsError::AlertReceived(AlertDescription::ProtocolVersion), "TLS 1.2 or 1.3"),
        ] {
            let words = in_words(&io::Error::other(error));
            assert!(words.contains(told), "{words}");
        }
        let refused = io::Error::from(io::ErrorKind::ConnectionRefused);
        assert_eq!(in_words(&refused), refused.to_string());
    }
}
