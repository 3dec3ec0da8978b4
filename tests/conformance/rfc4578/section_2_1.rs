//! RFC 4578 section 2.1: the architecture of a client that boots over the network.

use lessor_conformance::{
    Expected, Packet, features::BOOT_BY_ARCHITECTURE, messages::discover_asking, world,
};

fn booting(architecture: u16) -> Packet {
    discover_asking(1, &[1, 3, 66, 67])
        .option(60, b"PXEClient:Arch:00007:UNDI:003016")
        .option(93, &architecture.to_be_bytes())
        .option(94, &[1, 3, 16])
        .option(97, &[0; 17])
}

#[test]
fn the_boot_file_follows_the_architecture() {
    let world = world!(BOOT_BY_ARCHITECTURE);
    assert_eq!(world.site.broadcast(&booting(7)).offer().boot_file(), "x64.efi");
    assert_eq!(world.site.broadcast(&booting(0)).offer().boot_file(), "other.img");
}
