//! Thinning: a filter on a socket with which the system drops a share of the DISCOVERs of some
//! relays before the server reads them.
//!
//! In an overload, a message that is read only to be dropped costs a tenth of what an answer costs,
//! and three such messages for each answer take a third of the server's time. Does not choose the
//! share or the relays. Invariant: nothing but DISCOVERs of these relays is dropped; a message that
//! begins in an unusual way passes.

use std::net::Ipv4Addr;

use nix::libc::{
    BPF_ABS, BPF_ALU, BPF_B, BPF_JEQ, BPF_JGE, BPF_JMP, BPF_K, BPF_LD, BPF_LEN, BPF_RET, BPF_RSH,
    BPF_W, SKF_AD_OFF, SKF_AD_RANDOM,
};
use socket2::SockFilter;

/// The DISCOVERs to drop: a share of those of some relays, chosen at random.
#[derive(Clone, Debug, PartialEq)]
pub struct Thinning {
    relays: Vec<Ipv4Addr>,
    passed: f64,
}

/// The system shows a filter of a UDP socket the UDP header first.
const HEADER_OCTETS: u32 = 8;
const OP: u32 = HEADER_OCTETS;
const GIADDR: u32 = HEADER_OCTETS + 24;
const MAGIC: u32 = HEADER_OCTETS + 236;
const FIRST_OPTION: u32 = HEADER_OCTETS + 240;
const REQUEST_OP: u32 = 1;
const MAGIC_COOKIE: u32 = 0x6382_5363;
/// Option 53 with one octet, 1 (RFC 2132 section 9.6).
const DISCOVER: u32 = 0x0035_0101;

impl Thinning {
    /// The number of relays whose DISCOVERs can be dropped.
    pub const RELAYS_MAX: usize = 64;

    /// Lets `passed` of the DISCOVERs of these relays pass, a number from 0 to 1. The address
    /// 0.0.0.0 stands for clients that send without a relay. Relays beyond the limit keep all of
    /// theirs. Returns `None` without relays.
    pub fn new(relays: impl IntoIterator<Item = Ipv4Addr>, passed: f64) -> Option<Self> {
        let relays: Vec<_> = relays.into_iter().take(Self::RELAYS_MAX).collect();
        (!relays.is_empty()).then(|| Self { relays, passed: passed.clamp(0.0, 1.0) })
    }

    /// Returns whether the filter would recognise a DISCOVER of a relay as one. It looks only at
    /// the first option, which is where nearly all clients have option 53.
    pub fn recognises(discover: &[u8]) -> bool {
        discover.get(240..244).is_some_and(|option| option.starts_with(&[53, 1, 1]))
    }

    /// Returns the filter's program. A load beyond the end of a datagram would drop it, so its
    /// length is checked first.
    pub(super) fn program(&self) -> Vec<SockFilter> {
        // Jumps count from the next instruction. Ten come before the relays, and four after them.
        let relays = self.relays.len() as u8;
        let (before, last) = (9, 9 + relays + 1 + 2);
        let accept = |at: u8| last.saturating_sub(at + 1);
        let unless = |at: u8, code: u32, value: u32| jump(code, value, 0, accept(at));
        let mut program = vec![
            load(BPF_LEN, BPF_W, 0),
            unless(1, BPF_JGE, FIRST_OPTION + 4),
            load(BPF_ABS, BPF_B, OP),
            unless(3, BPF_JEQ, REQUEST_OP),
            load(BPF_ABS, BPF_W, MAGIC),
            unless(5, BPF_JEQ, MAGIC_COOKIE),
            load(BPF_ABS, BPF_W, FIRST_OPTION),
            statement(BPF_ALU | BPF_RSH | BPF_K, 8),
            unless(8, BPF_JEQ, DISCOVER),
            load(BPF_ABS, BPF_W, GIADDR),
        ];
        for (number, relay) in (1..=relays).zip(&self.relays) {
            let to_draw = relays - number;
            let otherwise = if number == relays { accept(before + number) } else { 0 };
            program.push(jump(BPF_JEQ, u32::from(*relay), to_draw, otherwise));
        }
        let threshold = (self.passed * f64::from(u32::MAX)) as u32;
        program.extend([
            load(BPF_ABS, BPF_W, (SKF_AD_OFF + SKF_AD_RANDOM) as u32),
            jump(BPF_JGE, threshold, 1, 0),
            statement(BPF_RET | BPF_K, u32::MAX),
            statement(BPF_RET | BPF_K, 0),
        ]);
        program
    }
}

fn load(mode: u32, size: u32, at: u32) -> SockFilter {
    statement(BPF_LD | mode | size, at)
}

fn statement(code: u32, value: u32) -> SockFilter {
    SockFilter::new(code as u16, 0, 0, value)
}

fn jump(condition: u32, value: u32, then: u8, otherwise: u8) -> SockFilter {
    SockFilter::new((BPF_JMP | condition | BPF_K) as u16, then, otherwise, value)
}
