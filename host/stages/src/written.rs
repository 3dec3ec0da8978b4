//! The last stage: a decided request whose reply is octets.

use lessor_core::{BootFileName, Changes, Destination, Reply};
use smallvec::SmallVec;

use crate::{
    asked::Asked,
    decided::{Decided, Edited},
    ended::Ended,
    witness::Witness,
};

/// The space that a reply usually fits in, in octets.
const REPLY_OCTETS: usize = 600;

/// A decided request whose reply, if it has one, can be sent once its changes are durable.
#[derive(Debug)]
pub struct Written {
    decided: Decided,
    reply: Option<WrittenReply>,
}

/// A reply as octets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrittenReply {
    /// The payload of the datagram.
    pub packet: Vec<u8>,
    /// Its destination.
    pub destination: Destination,
    /// What the client boots; empty if the reply does not say.
    pub boot_file: BootFileName,
    /// The codes of the options that did not fit.
    pub left_out: SmallVec<[u8; 4]>,
}

impl Edited {
    /// Writes the reply, if there is one.
    ///
    /// # Errors
    /// If the reply does not fit into a message that the client accepts.
    pub fn write(self, witness: &mut impl Witness) -> Result<Written, Ended<Decided>> {
        let Self { decided, reply } = self;
        let Some(reply) = reply else { return Ok(Written { decided, reply: None }) };
        let mut packet = Vec::with_capacity(REPLY_OCTETS);
        match lessor_wire::write(decided.asked().request(), &reply, &mut packet) {
            Ok(written) => {
                witness.written(&reply, &packet, &written);
                let Reply { destination, boot_file, .. } = reply;
                let left_out = written.all_left_out();
                let reply = WrittenReply { packet, destination, boot_file, left_out };
                Ok(Written { decided, reply: Some(reply) })
            }
            Err(unwritable) => {
                Err(Ended::at(decided, unwritable.reason, Some(unwritable.to_string())))
            }
        }
    }
}

impl Written {
    /// The changes that must be durable before the reply leaves.
    pub const fn changes(&self) -> &Changes {
        self.decided.changes()
    }

    /// Takes the changes.
    pub fn take_changes(&mut self) -> Changes {
        self.decided.take_changes()
    }

    /// The decision.
    pub const fn decided(&self) -> &Decided {
        &self.decided
    }

    /// The decision and the reply, if there is one.
    pub fn into_parts(self) -> (Decided, Option<WrittenReply>) {
        (self.decided, self.reply)
    }

    /// Drops the decision and the reply, because another server was faster: the request can be
    /// decided again.
    pub fn into_asked(self) -> Asked {
        self.decided.into_asked()
    }
}
