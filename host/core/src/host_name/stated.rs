//! The names that a client states in a message.

use smallvec::SmallVec;

use crate::{ReceivedOptions, Request, option::code};

use super::{ClientFqdn, HostName, NameFault};

/// The names in options 81 and 12, in the order in which they count (RFC 4702 section 3.1: a server
/// that reads option 81 ignores option 12): the code of each option, and its name or what is wrong
/// with it.
pub type StatedNames = SmallVec<[(u8, Result<HostName, NameFault>); 2]>;

impl Request {
    /// The names that the client states. An option 81 that leaves the name to the server is not
    /// one of them.
    pub fn stated_names(&self) -> StatedNames {
        let of_fqdn = self.options.get(code::CLIENT_FQDN).and_then(|octets| {
            let read = ClientFqdn::read(octets).ok_or(NameFault::Truncated);
            read.and_then(|fqdn| fqdn.name()).transpose()
        });
        let of_option = self.options.get(code::HOST_NAME).map(HostName::sanitised);
        let of_fqdn = of_fqdn.map(|name| (code::CLIENT_FQDN, name));
        let of_option = of_option.map(|name| (code::HOST_NAME, name));
        of_fqdn.into_iter().chain(of_option).collect()
    }

    /// The first of these names that a client may have.
    pub fn stated_name(&self) -> Option<HostName> {
        self.stated_names().into_iter().find_map(|(_, name)| name.ok())
    }
}

impl ReceivedOptions {
    /// Option 81, if it is long enough to be answered.
    pub(crate) fn client_fqdn(&self) -> Option<ClientFqdn<'_>> {
        self.get(code::CLIENT_FQDN).and_then(ClientFqdn::read)
    }
}
