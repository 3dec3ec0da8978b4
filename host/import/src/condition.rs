//! Conditions on messages, which the expressions and tags of other servers come to.
//!
//! Knows no syntax. Invariant: a condition is met by the messages that meet the other server's
//! expression, as far as zeros at the end of texts do not matter.

use std::net::Ipv4Addr;

use lessor_core::HardwareAddress;

/// A condition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Condition {
    /// Some part of the message compares like this.
    Test(Fact, Comparison),
    /// All of them hold.
    All(Vec<Condition>),
    /// One of them holds.
    Any(Vec<Condition>),
    /// It does not hold.
    Not(Box<Condition>),
}

/// A part of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fact {
    /// An option.
    Option(u8),
    /// A sub-option of option 82.
    RelaySubOption(u8),
    /// The hardware address. Its octets begin with its type.
    HardwareAddress,
    /// The address of the relay (giaddr).
    Relay,
    /// The interface on which the message arrived, as text.
    Interface,
}

/// How a part is compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Comparison {
    Equals(Vec<u8>),
    StartsWith(Vec<u8>),
    Present,
}

/// What an expression computes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Data {
    /// The same octets for every message.
    Constant(Vec<u8>),
    /// A part of the message.
    Fact(Fact),
    /// The hardware address without its type.
    Address,
    /// At most so many octets from the beginning of a part.
    Beginning(Box<Data>, usize),
    /// Octets as hexadecimal numbers of small letters without leading zeros, with this separator.
    Numbers(Box<Data>, String),
}

/// Why a comparison that no message can meet is not carried.
pub(crate) const NEVER: &str = "the comparison never holds";
/// Why text that is not written that way is not carried.
const NEVER_WRITTEN: &str = "the comparison never holds: octets are written in small letters and \
                             without leading zeros, such as 0:4:f2";
const OTHERS: &str = "values of the message are compared with constants only";

impl Condition {
    /// That all of these hold.
    pub(crate) fn all(conditions: Vec<Self>) -> Self {
        Self::joined(conditions, Self::All)
    }

    /// That one of these holds.
    pub(crate) fn any(conditions: Vec<Self>) -> Self {
        Self::joined(conditions, Self::Any)
    }

    /// That it does not hold.
    pub(crate) fn not(self) -> Self {
        match self {
            Self::Not(inner) => *inner,
            other => Self::Not(Box::new(other)),
        }
    }

    fn joined(mut conditions: Vec<Self>, several: fn(Vec<Self>) -> Self) -> Self {
        match (conditions.pop(), conditions.is_empty()) {
            (Some(only), true) => only,
            (last, _) => {
                conditions.extend(last);
                several(conditions)
            }
        }
    }
}

impl Data {
    /// That a part of the message is there.
    ///
    /// # Errors
    /// Returns why it is not carried.
    pub(crate) fn exists(self) -> Result<Condition, String> {
        match self {
            Self::Fact(fact @ (Fact::Option(_) | Fact::RelaySubOption(_))) => {
                Ok(Condition::Test(fact, Comparison::Present))
            }
            _ => Err("only options are tested for existence".to_owned()),
        }
    }

    /// That two values are equal.
    ///
    /// # Errors
    /// Returns why it is not carried.
    pub(crate) fn equals(self, other: Self) -> Result<Condition, String> {
        match (self, other) {
            (Self::Constant(_), Self::Constant(_)) => Err(OTHERS.to_owned()),
            (Self::Constant(value), part) | (part, Self::Constant(value)) => part.is(value),
            _ => Err(OTHERS.to_owned()),
        }
    }

    fn is(self, value: Vec<u8>) -> Result<Condition, String> {
        let test = |fact, comparison| Ok(Condition::Test(fact, comparison));
        match self {
            Self::Constant(_) => Err(OTHERS.to_owned()),
            // No relay has this address: it says that there is none.
            Self::Fact(Fact::Relay) if value == [0; 4] => {
                Ok(Condition::Test(Fact::Relay, Comparison::Present).not())
            }
            Self::Fact(fact) => test(fact, Comparison::Equals(value)),
            Self::Address => test(
                Fact::HardwareAddress,
                Comparison::Equals([&[HardwareAddress::ETHERNET], value.as_slice()].concat()),
            ),
            Self::Numbers(part, separator) => {
                let text = String::from_utf8(value).map_err(|_| NEVER)?;
                part.is(octets_of(&text, &separator)?)
            }
            // Shorter than the beginning: the whole part is meant.
            Self::Beginning(part, length) if value.len() < length => part.is(value),
            Self::Beginning(_, length) if value.len() > length => Err(NEVER.to_owned()),
            Self::Beginning(part, _) => part.starts_with(value),
        }
    }

    /// That this value begins with these octets.
    ///
    /// # Errors
    /// Returns why it is not carried.
    pub(crate) fn starts_with(self, value: Vec<u8>) -> Result<Condition, String> {
        let test = |fact, value| Ok(Condition::Test(fact, Comparison::StartsWith(value)));
        match self {
            Self::Constant(_) => Err(OTHERS.to_owned()),
            Self::Fact(fact) => test(fact, value),
            Self::Address => {
                let value = [&[HardwareAddress::ETHERNET], value.as_slice()].concat();
                test(Fact::HardwareAddress, value)
            }
            Self::Beginning(_, length) if value.len() > length => Err(NEVER.to_owned()),
            Self::Beginning(part, _) => part.starts_with(value),
            Self::Numbers(part, separator) => {
                let text = String::from_utf8(value).map_err(|_| NEVER)?;
                let whole = text.strip_suffix(separator.as_str());
                let last = text.rsplit(separator.as_str()).next();
                // A number of one digit could be the beginning of one of two.
                let whole = whole.or_else(|| (last?.len() == 2).then_some(text.as_str()));
                let whole = whole.ok_or("the text ends within a number")?;
                part.starts_with(octets_of(whole, &separator)?)
            }
        }
    }

    /// A part of this value.
    ///
    /// # Errors
    /// Returns why it is not carried.
    pub(crate) fn substring(self, start: usize, length: Option<usize>) -> Result<Self, String> {
        let whole = match (self, start) {
            (Self::Constant(octets), _) => {
                let rest = octets.get(start..).unwrap_or_default();
                let length = length.unwrap_or(rest.len()).min(rest.len());
                return Ok(Self::Constant(rest.get(..length).unwrap_or_default().to_vec()));
            }
            // The type of the hardware address is its first octet.
            (Self::Fact(Fact::HardwareAddress), 1) => Self::Address,
            (part @ (Self::Fact(_) | Self::Address), 0) => part,
            _ => return Err("only the beginning of a value is compared".to_owned()),
        };
        Ok(match length {
            Some(length) => Self::Beginning(Box::new(whole), length),
            None => whole,
        })
    }
}

/// The octets that are written as this text.
fn octets_of(text: &str, separator: &str) -> Result<Vec<u8>, String> {
    let octet = |number: &str| {
        let octet = u8::from_str_radix(number, 16).map_err(|_| NEVER)?;
        if format!("{octet:x}") == number { Ok(octet) } else { Err(NEVER_WRITTEN.to_owned()) }
    };
    text.split(separator).map(octet).collect()
}

/// An address as the octets of [`Fact::Relay`].
pub(crate) fn relay(address: Ipv4Addr) -> Vec<u8> {
    address.octets().to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_beginning_of_a_value_is_its_beginning_or_all_of_it() {
        let vendor = || Data::Fact(Fact::Option(60));
        let of = |data: Data, value: &[u8]| data.equals(Data::Constant(value.to_vec()));
        let beginning = |length| vendor().substring(0, Some(length)).unwrap();
        let test = |fact, comparison| Ok(Condition::Test(fact, comparison));
        let starts = Comparison::StartsWith(b"PXE".to_vec());
        assert_eq!(of(beginning(3), b"PXE"), test(Fact::Option(60), starts));
        let equals = Comparison::Equals(b"PXE".to_vec());
        assert_eq!(of(beginning(9), b"PXE"), test(Fact::Option(60), equals));
        assert_eq!(of(beginning(2), b"PXE"), Err(NEVER.to_owned()));
        assert!(vendor().substring(1, Some(2)).is_err());
        let maker = Data::Fact(Fact::HardwareAddress).substring(1, Some(3)).unwrap();
        let maker = Data::Numbers(Box::new(maker), ":".to_owned());
        let wanted = Comparison::StartsWith(vec![1, 0, 4, 0xf2]);
        assert_eq!(of(maker, b"0:4:f2"), test(Fact::HardwareAddress, wanted));
    }

    #[test]
    fn the_beginning_of_numbers_is_that_of_their_octets() {
        let numbers = || Data::Numbers(Box::new(Data::Address), ":".to_owned());
        let maker = Comparison::StartsWith(vec![1, 0, 4, 0xf2]);
        for text in ["0:4:f2:", "0:4:f2"] {
            let read = numbers().starts_with(text.as_bytes().to_vec());
            assert_eq!(read, Ok(Condition::Test(Fact::HardwareAddress, maker.clone())), "{text}");
        }
        for (text, why) in [
            ("0:4:f", "within a number"),
            ("0:zz:", NEVER),
            (":", NEVER),
            ("0:4:F2", NEVER_WRITTEN),
            ("00:4:f2", NEVER_WRITTEN),
        ] {
            let error = numbers().starts_with(text.as_bytes().to_vec()).unwrap_err();
            assert!(error.contains(why), "{text}: {error}");
        }
        let never = numbers().equals(Data::Constant(b"02:00:5e:0:0:1".to_vec()));
        assert_eq!(never, Err(NEVER_WRITTEN.to_owned()));
    }

    #[test]
    fn conditions_of_one_part_are_that_part() {
        let test = || Condition::Test(Fact::Option(60), Comparison::Present);
        assert_eq!(Condition::all(vec![test()]), test());
        assert_eq!(Condition::any(vec![test()]), test());
        assert_eq!(test().not().not(), test());
        assert_eq!(Condition::all(vec![test(), test()]), Condition::All(vec![test(), test()]));
    }
}
