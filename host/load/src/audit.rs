//! The audit: checks a server reply by reply.
//!
//! A mistake is a violation of RFC 2131, 3046 or 6842 that a subscriber or a relay would notice.

use std::time::Duration;

use dhcproto::v4::MessageType;

use crate::{
    acquired::Acquired,
    code,
    message::Asked,
    mistake::{SERVER_IDENTIFIER, Violation, written},
    reply::Reply,
};

const ETHERNET: u8 = 1;
const BROADCAST: u16 = 0x8000;

/// Checks what must be true of every reply, including a NAK.
pub(crate) fn of_any_reply(asked: &Asked, reply: &Reply) -> Vec<Violation> {
    let mut mistakes = Vec::new();
    if reply.hardware_type != ETHERNET {
        mistakes.push(not_copied("htype", ETHERNET, reply.hardware_type));
    }
    if reply.relay_address != asked.relay_address {
        mistakes.push(not_copied("giaddr", asked.relay_address, reply.relay_address));
    }
    // The server sets the BROADCAST bit of a NAK (RFC 2131 section 4.3.2).
    let is_nak = reply.message_type == MessageType::Nak;
    let flags = if is_nak { asked.flags | BROADCAST } else { asked.flags };
    if reply.flags != flags {
        mistakes.push(not_copied("flags", flags, reply.flags));
    }
    if is_nak && reply.server_identifier().is_none() {
        mistakes.push(Violation::Missing { what: SERVER_IDENTIFIER });
    }
    if reply.relay_information() != asked.relay_information.as_deref() {
        mistakes.push(Violation::RelayInformationNotEchoed {
            sent: asked.relay_information.clone(),
            found: reply.relay_information().map(<[u8]>::to_owned),
        });
    }
    let client_identifier = reply.options.get(code::CLIENT_IDENTIFIER);
    if client_identifier != asked.client_identifier.as_deref() {
        mistakes.push(Violation::ClientIdentifierNotEchoed {
            sent: asked.client_identifier.clone(),
            found: client_identifier.map(<[u8]>::to_owned),
        });
    }
    mistakes
}

/// Returns how the ACK contradicts the OFFER, if it does. Times may differ by the time that has
/// `elapsed` between the two, rounded up to seconds: a server may count down.
pub(crate) fn of_ack_after_offer(
    offer: &Acquired,
    ack: &Acquired,
    elapsed: Duration,
) -> Option<Violation> {
    let differs = |what: String| Some(Violation::AckDiffersFromOffer { what });
    if offer.address != ack.address {
        return differs(format!("address {}, then {}", offer.address, ack.address));
    }
    if offer.next_server != ack.next_server {
        return differs(format!("next server {}, then {}", offer.next_server, ack.next_server));
    }
    let boot = |reply: &Acquired| (reply.server_name.clone(), reply.boot_file.clone());
    if boot(offer) != boot(ack) {
        return differs("server name or boot file".to_owned());
    }
    let tolerance_secs = u32::try_from(elapsed.as_secs()).unwrap_or(u32::MAX).saturating_add(1);
    let all_codes = offer.options.iter().chain(ack.options.iter()).map(|(code, _)| code);
    for code in all_codes {
        let (offered, acknowledged) = (offer.options.get(code), ack.options.get(code));
        let agrees = match code {
            code::MESSAGE_TYPE | code::MESSAGE | code::OVERLOAD => true,
            // Each echo is compared with its own message, which may contain another option 82.
            code::RELAY_AGENT_INFORMATION => true,
            code::LEASE_TIME | code::RENEWAL_TIME | code::REBINDING_TIME => {
                let times = (offer.options.number(code), ack.options.number(code));
                if let (Some(offered), Some(acknowledged)) = times
                    && offered.abs_diff(acknowledged) > tolerance_secs
                {
                    return differs(format!("option {code} is {offered} s, then {acknowledged} s"));
                }
                times.0.is_some() == times.1.is_some()
            }
            _ => offered == acknowledged,
        };
        if !agrees {
            let (offered, acknowledged) = (written(offered), written(acknowledged));
            return differs(format!("option {code} is {offered}, then {acknowledged}"));
        }
    }
    None
}

fn not_copied(field: &'static str, wanted: impl ToString, found: impl ToString) -> Violation {
    Violation::HeaderNotCopied { field, wanted: wanted.to_string(), found: found.to_string() }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;
    use crate::{
        mistake::{ADDRESS, LEASE_TIME},
        testing::{asked, offer},
    };

    fn acquired(change: impl FnOnce(&mut Reply)) -> Acquired {
        let mut reply = offer();
        change(&mut reply);
        Acquired::from_reply(reply).unwrap()
    }

    fn kinds(change: impl FnOnce(&mut Reply)) -> Vec<&'static str> {
        let mut reply = offer();
        change(&mut reply);
        of_any_reply(&asked(), &reply).iter().map(Violation::kind).collect()
    }

    #[test]
    fn a_correct_reply_holds_no_mistake() {
        assert_eq!(kinds(|_| ()), Vec::<&str>::new());
    }

    #[test]
    fn every_breach_in_a_reply_is_named() {
        assert_eq!(kinds(|reply| reply.hardware_type = 6), ["header-not-copied"]);
        assert_eq!(kinds(|reply| reply.flags = BROADCAST), ["header-not-copied"]);
        assert_eq!(kinds(|reply| reply.relay_address = [0; 4].into()), ["header-not-copied"]);
        assert_eq!(
            kinds(|reply| reply.options.set(82, b"\x01\x01b")),
            ["relay-information-not-echoed"]
        );
        assert_eq!(kinds(|reply| reply.options.remove(82)), ["relay-information-not-echoed"]);
        assert_eq!(kinds(|reply| reply.options.set(61, b"x")), ["client-identifier-not-echoed"]);
        let nak = |reply: &mut Reply| {
            reply.message_type = MessageType::Nak;
            reply.options.remove(54);
        };
        assert_eq!(kinds(nak), ["header-not-copied", "missing"]);
    }

    #[test]
    fn an_option_82_or_61_that_was_not_sent_must_not_come_back() {
        let mut asked = asked();
        asked.relay_information = None;
        let kinds: Vec<_> = of_any_reply(&asked, &offer()).iter().map(Violation::kind).collect();
        assert_eq!(kinds, ["relay-information-not-echoed"]);
    }

    #[test]
    fn what_an_offer_or_ack_must_have_is_missed() {
        for (code, wanted) in [(54, SERVER_IDENTIFIER), (51, LEASE_TIME)] {
            let mut reply = offer();
            reply.options.remove(code);
            assert_eq!(Acquired::from_reply(reply), Err(Violation::Missing { what: wanted }));
        }
        let mut reply = offer();
        reply.your_address = Ipv4Addr::UNSPECIFIED;
        assert_eq!(Acquired::from_reply(reply.clone()), Err(Violation::Missing { what: ADDRESS }));
        reply.options.set(108, &[0, 0, 7, 8]);
        assert!(Acquired::from_reply(reply.clone()).is_ok(), "an IPv6-only client gets none");
        reply.message_type = MessageType::Ack;
        assert_eq!(Acquired::from_reply(reply), Err(Violation::Missing { what: ADDRESS }));
    }

    #[test]
    fn an_ack_that_keeps_its_word_passes() {
        let quick = Duration::from_millis(3);
        assert_eq!(of_ack_after_offer(&acquired(|_| ()), &acquired(|_| ()), quick), None);
        let counted_down = acquired(|reply| reply.options.set(51, &7197_u32.to_be_bytes()));
        let offer = acquired(|_| ());
        assert_eq!(of_ack_after_offer(&offer, &counted_down, Duration::from_millis(2100)), None);
        let mistake = of_ack_after_offer(&offer, &counted_down, quick).unwrap();
        let wanted = "the ACK differs from the OFFER: option 51 is 7200 s, then 7197 s";
        assert_eq!(mistake.to_string(), wanted);
    }

    #[test]
    fn an_ack_that_breaks_its_word_is_reported_with_both_values() {
        let said = |change: fn(&mut Reply)| {
            let mistake = of_ack_after_offer(&acquired(|_| ()), &acquired(change), Duration::ZERO);
            mistake.unwrap().to_string()
        };
        assert_eq!(
            said(|reply| reply.your_address = [100, 64, 0, 8].into()),
            "the ACK differs from the OFFER: address 100.64.0.7, then 100.64.0.8"
        );
        assert_eq!(
            said(|reply| reply.options.set(3, &[100, 64, 0, 2])),
            "the ACK differs from the OFFER: option 3 is 64400001, then 64400002"
        );
        assert_eq!(
            said(|reply| reply.options.remove(3)),
            "the ACK differs from the OFFER: option 3 is 64400001, then absent"
        );
        assert_eq!(
            said(|reply| reply.options.set(15, b"")),
            "the ACK differs from the OFFER: option 15 is absent, then empty"
        );
        assert!(said(|reply| reply.options.set(54, &[192, 0, 2, 2])).contains("option 54"));
        assert!(said(|reply| reply.options.remove(58)).contains("option 58"));
        assert!(said(|reply| reply.next_server = [192, 0, 2, 9].into()).contains("next server"));
        assert!(said(|reply| reply.boot_file = b"other".to_vec()).contains("boot file"));
    }
}
