//! The arguments that say who a client is, of `lessor explain` and of changes of leases by hand.
//!
//! Does not find the client, which the server does.

use lessor_core::HardwareAddress;
use lessor_foresight::explain::Octets;

/// Who a client is. What is needed depends on the `client-key` of its network.
#[derive(Debug, clap::Args)]
#[group(id = "client", multiple = true)]
pub(crate) struct ClientArguments {
    /// The hardware address of the client.
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) hardware_address: Option<HardwareAddress>,
    /// The client identifier (option 61): hex: followed by octets, as in hex:0102005e0053; id:
    /// followed by octets, as `lessor leases` shows it; or a text, if the client sends one.
    #[arg(long, value_name = "OCTETS", value_parser = client_identifier)]
    pub(crate) client_id: Option<Octets>,
    /// The circuit id of the line of the client, as text or as hex: followed by octets.
    #[arg(long, value_name = "OCTETS", value_parser = octets)]
    pub(crate) circuit_id: Option<Octets>,
    /// The remote id of the line of the client, as text or as hex: followed by octets.
    #[arg(long, value_name = "OCTETS", value_parser = octets)]
    pub(crate) remote_id: Option<Octets>,
}

/// Octets without separators that are taken for digits of octets, not for a text.
const DIGITS_MIN: usize = 8;

/// Parses a client identifier. A text that could be meant as octets is refused, because the octets
/// of the text would be those of no client.
fn client_identifier(text: &str) -> Result<Octets, String> {
    let is_digit = |letter: char| letter.is_ascii_hexdigit();
    if let Some(digits) = text.strip_prefix("id:")
        && let Ok(octets) = hex::decode(digits)
        && !octets.is_empty()
    {
        return Ok(Octets(octets));
    }
    let is_grouped = [':', '-'].into_iter().any(|separator| {
        let mut groups = text.split(separator);
        text.contains(separator)
            && groups.all(|group| group.len() == 2 && group.chars().all(is_digit))
    });
    let is_plain = text.len() >= DIGITS_MIN && text.len().is_multiple_of(2);
    let is_plain = is_plain && text.chars().all(is_digit);
    if !is_grouped && !is_plain {
        return octets(text);
    }
    let digits: String = text.chars().filter(|letter| is_digit(*letter)).collect();
    Err(format!(
        "it could be octets or a text; wanted hex:{digits} for these octets, or hex:{} for this text",
        hex::encode(text)
    ))
}

/// Parses text, or `hex:` and octets, as in the configuration.
pub(super) fn octets(text: &str) -> Result<Octets, String> {
    let octets = match text.strip_prefix("hex:") {
        None => text.as_bytes().to_vec(),
        Some(digits) => hex::decode(digits.replace([':', '-', ' '], "")).map_err(|error| {
            format!("{error}; wanted text, or hex: and pairs of hexadecimal digits")
        })?,
    };
    Ok(Octets(octets))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_identifier_is_octets_or_a_text_that_cannot_be_meant_as_octets() {
        let read = |text: &str| client_identifier(text).map(|Octets(octets)| octets);
        for text in ["hex:010203", "hex:01:02:03", "id:010203"] {
            assert_eq!(read(text), Ok(vec![1, 2, 3]), "{text}");
        }
        for text in ["ada", "stb-00017", "olt1:2", "id:ada", "id:", "cafe", "0102030", "a:b"] {
            assert_eq!(read(text), Ok(text.as_bytes().to_vec()), "{text}");
        }
        for (text, digits) in
            [("01:02:03", "010203"), ("01-aB", "01aB"), ("0102005e000017", "0102005e000017")]
        {
            let why = read(text).unwrap_err();
            let as_text = format!("hex:{} for this text", hex::encode(text));
            assert!(why.contains(&format!("hex:{digits} for these octets")), "{why}");
            assert!(why.contains(&as_text), "{why}");
        }
        assert!(read("hex:0").is_err());
    }
}
