//! RADIUS packets (RFC 2865 section 3) with Message-Authenticator (RFC 3579 section 3.2). It is the
//! first attribute, so that nothing can be inserted before it.

use hmac::{Hmac, KeyInit, Mac};
use md5::{Digest, Md5};

/// The maximum size of a packet, in octets.
pub(super) const OCTETS_MAX: usize = 4096;
/// The maximum length of an attribute's value, in octets.
pub(super) const ATTRIBUTE_OCTETS_MAX: usize = 253;
/// The maximum length of a password, in octets (RFC 2865 section 5.2).
pub(super) const PASSWORD_OCTETS_MAX: usize = 128;

const ACCESS_REQUEST: u8 = 1;
const ACCESS_ACCEPT: u8 = 2;
const ACCESS_REJECT: u8 = 3;
const ACCESS_CHALLENGE: u8 = 11;

const USER_NAME: u8 = 1;
const USER_PASSWORD: u8 = 2;
const SERVICE_TYPE: u8 = 6;
const NAS_IDENTIFIER: u8 = 32;
const MESSAGE_AUTHENTICATOR: u8 = 80;

/// The Service-Type for a check whether a line may have service, without a login.
const CALL_CHECK: u32 = 10;

const HEADER_OCTETS: usize = 20;

/// An encoded Access-Request.
pub(super) struct Request {
    octets: Vec<u8>,
    authenticator: [u8; 16],
}

/// The reason why a user name and password cannot be sent, if there is one.
pub(super) fn too_long(user: &str, password: &[u8]) -> Option<String> {
    let (what, octets, octets_max) = match (user.len(), password.len()) {
        (octets, _) if octets > ATTRIBUTE_OCTETS_MAX => ("the key", octets, ATTRIBUTE_OCTETS_MAX),
        (_, octets) if octets > PASSWORD_OCTETS_MAX => {
            ("the key, as password,", octets, PASSWORD_OCTETS_MAX)
        }
        _ => return None,
    };
    Some(format!("{what} has {octets} octets; RADIUS allows at most {octets_max}"))
}

/// The meaning of a datagram as an answer to a request.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum RadiusAnswer<'a> {
    /// The request is accepted, with these attributes.
    Accept(Attributes<'a>),
    /// The request is rejected.
    Reject,
    /// The server asks for more information.
    Challenge,
    /// The answer was made with another secret.
    Forged,
    /// The answer has no Message-Authenticator.
    Unsigned,
    /// The server made the answer, but its attributes are not valid; the problem.
    Broken(String),
    /// The datagram does not answer this request.
    Other,
}

impl Request {
    /// Creates a request. `random` is an identifier and an authenticator. The user and the password
    /// must not be [`too_long`].
    pub(super) fn new(
        random: [u8; 17],
        user: &str,
        password: &[u8],
        nas_identifier: &str,
        secret: &[u8],
    ) -> Self {
        let [identifier, authenticator @ ..] = random;
        let mut octets = vec![ACCESS_REQUEST, identifier, 0, 0];
        octets.extend(authenticator);
        put(&mut octets, MESSAGE_AUTHENTICATOR, &[0; 16]);
        put(&mut octets, USER_NAME, user.as_bytes());
        put(&mut octets, USER_PASSWORD, &hidden(password, &authenticator, secret));
        put(&mut octets, SERVICE_TYPE, &CALL_CHECK.to_be_bytes());
        put(&mut octets, NAS_IDENTIFIER, nas_identifier.as_bytes());
        let length = (octets.len() as u16).to_be_bytes();
        write(&mut octets, 2, &length);
        let signature = sign(secret, &[&octets]);
        write(&mut octets, HEADER_OCTETS + 2, &signature);
        Self { octets, authenticator }
    }

    pub(super) fn octets(&self) -> &[u8] {
        &self.octets
    }

    /// Classifies a datagram as an answer to this request.
    pub(super) fn answer<'a>(
        &self,
        received: &'a [u8],
        secret: &[u8],
        must_be_signed: bool,
    ) -> RadiusAnswer<'a> {
        let Some((code, attributes, authenticator)) = self.opened(received) else {
            return RadiusAnswer::Other;
        };
        let head = received.get(..4).unwrap_or_default();
        let expected = [head, &self.authenticator, attributes, secret].concat();
        if Md5::digest(expected).as_slice() != authenticator {
            return RadiusAnswer::Forged;
        }
        let parsed = match Attributes::parse(attributes) {
            Ok(parsed) => parsed,
            Err(what) => return RadiusAnswer::Broken(what),
        };
        match parsed.two_of(MESSAGE_AUTHENTICATOR) {
            (Some(_), Some(_)) => return RadiusAnswer::Broken("it is signed twice".to_owned()),
            (Some(signature), None) if !self.is_signed(head, attributes, signature, secret) => {
                return RadiusAnswer::Forged;
            }
            (None, _) if must_be_signed => return RadiusAnswer::Unsigned,
            _ => {}
        }
        match code {
            ACCESS_ACCEPT => RadiusAnswer::Accept(parsed),
            ACCESS_REJECT => RadiusAnswer::Reject,
            ACCESS_CHALLENGE => RadiusAnswer::Challenge,
            _ => RadiusAnswer::Other,
        }
    }

    /// The code, attributes and authenticator of a packet that may answer this request.
    fn opened<'a>(&self, received: &'a [u8]) -> Option<(u8, &'a [u8], &'a [u8])> {
        let [code, identifier, high, low, ..] = received else { return None };
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        let (authenticator, attributes) = received.get(4..length)?.split_at_checked(16)?;
        (self.octets.get(1) == Some(identifier)).then_some((*code, attributes, authenticator))
    }

    /// Whether the signature matches the packet with the request's authenticator, and with zeros in
    /// place of the signature.
    fn is_signed(&self, head: &[u8], attributes: &[u8], signature: &[u8], secret: &[u8]) -> bool {
        let offset = signature.as_ptr().addr() - attributes.as_ptr().addr();
        let before = attributes.get(..offset).unwrap_or_default();
        let after = attributes.get(offset + signature.len()..).unwrap_or_default();
        let nothing = [0; 16];
        let expected = sign(secret, &[head, &self.authenticator, before, &nothing, after]);
        signature == expected
    }
}

/// Attributes that cover all of the octets that they were parsed from.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Attributes<'a>(Vec<(u8, &'a [u8])>);

impl<'a> Attributes<'a> {
    /// # Errors
    /// If the octets are not a sequence of attributes (RFC 2865 section 5).
    pub(super) fn parse(octets: &'a [u8]) -> Result<Self, String> {
        let mut found = Vec::new();
        let mut rest = octets;
        while let [code, others @ ..] = rest {
            let broken = |what: String| Err(format!("attribute {code} {what}"));
            let Some(length) = others.first().map(|length| usize::from(*length)) else {
                return broken("has no length".to_owned());
            };
            let left = rest.len();
            let Some((attribute, others)) = rest.split_at_checked(length) else {
                return broken(format!("has the length {length}, but only {left} octets are left"));
            };
            let Some(value) = attribute.get(2..) else {
                return broken(format!("has the length {length}; wanted at least 2"));
            };
            found.push((*code, value));
            rest = others;
        }
        Ok(Self(found))
    }

    /// The code and value of each attribute.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u8, &'a [u8])> {
        self.0.iter().copied()
    }

    /// The values of the first two attributes with this code.
    fn two_of(&self, code: u8) -> (Option<&'a [u8]>, Option<&'a [u8]>) {
        let mut values = self.iter().filter(|(found, _)| *found == code).map(|(_, value)| value);
        (values.next(), values.next())
    }
}

fn put(octets: &mut Vec<u8>, code: u8, value: &[u8]) {
    octets.extend([code, value.len() as u8 + 2]);
    octets.extend(value);
}

fn write(octets: &mut [u8], at: usize, value: &[u8]) {
    if let Some(place) = octets.get_mut(at..at + value.len()) {
        place.copy_from_slice(value);
    }
}

/// Hides a password for sending (RFC 2865 section 5.2).
fn hidden(password: &[u8], authenticator: &[u8; 16], secret: &[u8]) -> Vec<u8> {
    let mut padded = password.to_vec();
    padded.resize(password.len().max(1).next_multiple_of(16), 0);
    let mut hidden = Vec::with_capacity(padded.len());
    let mut before = authenticator.to_vec();
    for block in padded.chunks(16) {
        let pad = Md5::digest([secret, &before].concat());
        before = block.iter().zip(pad).map(|(octet, pad)| octet ^ pad).collect();
        hidden.extend(&before);
    }
    hidden
}

fn sign(secret: &[u8], parts: &[&[u8]]) -> [u8; 16] {
    // HMAC accepts keys of any length.
    let Ok(mut mac) = Hmac::<Md5>::new_from_slice(secret) else { return [0; 16] };
    parts.iter().for_each(|part| mac.update(part));
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &[u8] = b"xyzzy5461";

    /// An answer as a server makes it.
    fn answer(code: u8, request: &Request, secret: &[u8], sign_it: bool) -> Vec<u8> {
        let mut octets = vec![code, request.octets[1], 0, 0];
        octets.extend(request.authenticator);
        put(&mut octets, 8, &[10, 0, 0, 7]);
        if sign_it {
            put(&mut octets, MESSAGE_AUTHENTICATOR, &[0; 16]);
        }
        let length = (octets.len() as u16).to_be_bytes();
        write(&mut octets, 2, &length);
        if sign_it {
            let (signature, end) = (sign(secret, &[&octets]), octets.len());
            write(&mut octets, end - 16, &signature);
        }
        let authenticator = Md5::digest([&octets[..], secret].concat());
        write(&mut octets, 4, &authenticator);
        octets
    }

    fn request() -> Request {
        Request::new([7; 17], "olt1/1", b"secret", "lessor", SECRET)
    }

    /// The example in RFC 2865 section 7.1.
    #[test]
    fn a_password_is_hidden_as_the_standard_shows() {
        let authenticator: [u8; 16] = [
            0x0f, 0x40, 0x3f, 0x94, 0x73, 0x97, 0x80, 0x57, 0xbd, 0x83, 0xd5, 0xcb, 0x98, 0xf4,
            0x22, 0x7a,
        ];
        let expected = [
            0x0d, 0xbe, 0x70, 0x8d, 0x93, 0xd4, 0x13, 0xce, 0x31, 0x96, 0xe4, 0x3f, 0x78, 0x2a,
            0x0a, 0xee,
        ];
        assert_eq!(hidden(b"arctangent", &authenticator, SECRET), expected);
        assert_eq!(hidden(&[b'x'; 17], &authenticator, SECRET).len(), 32);
        assert_eq!(hidden(b"", &authenticator, SECRET).len(), 16);
    }

    #[test]
    fn only_answers_of_who_knows_the_secret_count() {
        let request = request();
        let accepted = answer(ACCESS_ACCEPT, &request, SECRET, true);
        let RadiusAnswer::Accept(attributes) = request.answer(&accepted, SECRET, true) else {
            panic!("it is an answer");
        };
        assert_eq!(attributes.iter().next(), Some((8, &[10, 0, 0, 7][..])));
        let rejected = answer(ACCESS_REJECT, &request, SECRET, true);
        assert_eq!(request.answer(&rejected, SECRET, true), RadiusAnswer::Reject);
        let challenge = answer(ACCESS_CHALLENGE, &request, SECRET, true);
        assert_eq!(request.answer(&challenge, SECRET, true), RadiusAnswer::Challenge);
        let forged = answer(ACCESS_ACCEPT, &request, b"guessed", true);
        assert_eq!(request.answer(&forged, SECRET, true), RadiusAnswer::Forged);
        let unsigned = answer(ACCESS_ACCEPT, &request, SECRET, false);
        assert_eq!(request.answer(&unsigned, SECRET, true), RadiusAnswer::Unsigned);
        assert!(matches!(request.answer(&unsigned, SECRET, false), RadiusAnswer::Accept(_)));
        let mut badly_signed = answer(ACCESS_ACCEPT, &request, SECRET, true);
        let end = badly_signed.len();
        badly_signed[end - 1] ^= 1;
        // The outer authenticator is recomputed, as an attacker with the secret could do.
        write(&mut badly_signed, 4, &request.authenticator);
        let authenticator = Md5::digest([&badly_signed[..], SECRET].concat());
        write(&mut badly_signed, 4, &authenticator);
        assert_eq!(request.answer(&badly_signed, SECRET, true), RadiusAnswer::Forged);
        let mut for_another = accepted.clone();
        for_another[1] ^= 1;
        assert_eq!(request.answer(&for_another, SECRET, true), RadiusAnswer::Other);
    }

    #[test]
    fn no_prefix_of_an_answer_is_one() {
        let request = request();
        let accepted = answer(ACCESS_ACCEPT, &request, SECRET, true);
        for length in 0..accepted.len() {
            assert_eq!(request.answer(&accepted[..length], SECRET, true), RadiusAnswer::Other);
        }
        let mut short = accepted.clone();
        write(&mut short, 2, &[0, 3]);
        assert_eq!(request.answer(&short, SECRET, true), RadiusAnswer::Other);
    }

    #[test]
    fn an_answer_with_broken_attributes_is_none() {
        for (attributes, what) in [
            (&[1, 0, 1, 1][..], "attribute 1 has the length 0; wanted at least 2"),
            (&[1, 1], "attribute 1 has the length 1; wanted at least 2"),
            (&[1, 3, 7, 26], "attribute 26 has no length"),
            (&[1, 3, 7, 26, 4, 0], "attribute 26 has the length 4, but only 3 octets are left"),
        ] {
            assert_eq!(Attributes::parse(attributes), Err(what.to_owned()));
        }
        assert_eq!(Attributes::parse(&[1, 3, 7, 2, 2]).unwrap().iter().count(), 2);
        assert_eq!(Attributes::parse(&[]).unwrap().iter().count(), 0);
        // Without the secret, an invalid packet is just forged.
        let request = request();
        let mut accepted = answer(ACCESS_ACCEPT, &request, SECRET, false);
        accepted[HEADER_OCTETS + 1] = 7;
        assert_eq!(request.answer(&accepted, SECRET, false), RadiusAnswer::Forged);
        write(&mut accepted, 4, &request.authenticator);
        let authenticator = Md5::digest([&accepted[..], SECRET].concat());
        write(&mut accepted, 4, &authenticator);
        let what = "attribute 8 has the length 7, but only 6 octets are left".to_owned();
        assert_eq!(request.answer(&accepted, SECRET, false), RadiusAnswer::Broken(what));
    }

    #[test]
    fn what_does_not_fit_makes_no_request() {
        let (user, password) = ("x".repeat(ATTRIBUTE_OCTETS_MAX), [b'p'; PASSWORD_OCTETS_MAX]);
        assert_eq!(too_long(&user, &password), None);
        Request::new([0; 17], &user, &password, "n", SECRET);
        assert!(too_long(&(user + "x"), b"p").is_some());
        assert!(too_long("u", &[b'p'; PASSWORD_OCTETS_MAX + 1]).is_some());
    }
}
