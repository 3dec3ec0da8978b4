//! What a client hears.

use lessor_e2e::{
    Datagram,
    subject::{Answer, Place},
};
use lessor_load::Reply;

/// The types of replies (option 53).
const OFFER: u8 = 2;
const ACK: u8 = 5;
const NAK: u8 = 6;

/// A reply.
#[derive(Clone, Debug)]
pub struct Heard {
    /// The message.
    pub said: Reply,
    /// The datagram and the frame around it.
    pub datagram: Datagram,
    /// Where it was sent.
    pub place: Place,
}

/// What a test expects of an answer.
pub trait Expected {
    /// Returns the OFFER.
    ///
    /// # Panics
    /// Panics if the answer is another one.
    fn offer(&self) -> Heard;

    /// Returns the ACK.
    ///
    /// # Panics
    /// Panics if the answer is another one.
    fn ack(&self) -> Heard;

    /// Returns the NAK.
    ///
    /// # Panics
    /// Panics if the answer is another one.
    fn nak(&self) -> Heard;

    /// Expects that nothing arrives.
    ///
    /// # Panics
    /// Panics if there is an answer.
    fn silence(&self);
}

impl Expected for Answer {
    #[track_caller]
    fn offer(&self) -> Heard {
        heard(self, OFFER, "an OFFER")
    }

    #[track_caller]
    fn ack(&self) -> Heard {
        heard(self, ACK, "an ACK")
    }

    #[track_caller]
    fn nak(&self) -> Heard {
        heard(self, NAK, "a NAK")
    }

    #[track_caller]
    fn silence(&self) {
        assert!(matches!(self, Self::Nothing), "wanted silence; got {self}");
    }
}

#[track_caller]
fn heard(answer: &Answer, wanted: u8, name: &str) -> Heard {
    let Some(reply) = answer.reply() else { panic!("wanted {name}; got {answer}") };
    let said = reply.message();
    assert!(u8::from(said.message_type) == wanted, "wanted {name}; got {answer}");
    Heard { said, datagram: reply.datagram.clone(), place: reply.place }
}

impl Heard {
    /// Returns the codes of the options in their order, without those that every reply has or that
    /// no list of parameters orders: 53, 54, 51, 58, 59, 61, 52 and 82.
    pub fn parameters(&self) -> Vec<u8> {
        let codes = self.said.options.codes();
        codes.into_iter().filter(|code| ![51, 52, 53, 54, 58, 59, 61, 82].contains(code)).collect()
    }

    /// Returns the octets of an option.
    ///
    /// # Panics
    /// Panics if the reply does not have it.
    #[track_caller]
    pub fn option(&self, code: u8) -> &[u8] {
        let found = self.said.options.get(code);
        found
            .unwrap_or_else(|| panic!("there is no option {code}: {:?}", self.said.options.codes()))
    }

    /// Returns whether the reply has an option.
    pub fn has(&self, code: u8) -> bool {
        self.said.options.get(code).is_some()
    }

    /// Returns the boot file: of the header, or option 67.
    pub fn boot_file(&self) -> String {
        let field = &self.said.boot_file[..];
        let octets = if field.is_empty() { self.said.options.get(67) } else { Some(field) };
        let text = String::from_utf8_lossy(octets.unwrap_or_default()).into_owned();
        text.trim_end_matches('\0').to_owned()
    }

    /// Returns the length of the IP packet.
    pub fn packet_octets(&self) -> usize {
        const IP_AND_UDP_OCTETS: usize = 28;
        self.datagram.message.len() + IP_AND_UDP_OCTETS
    }
}
