//! RFC 3004 section 4: the user class.

use lessor_conformance::{
    Expected, features::BOOT_BY_USER_CLASS, messages::discover_asking, world,
};

#[test]
fn a_user_class_selects_the_boot_file() {
    let world = world!(BOOT_BY_USER_CLASS);
    let asked = discover_asking(1, &[1, 3, 67]);
    let other = world.site.broadcast(&asked).offer();
    assert_eq!(other.boot_file(), "ipxe.efi");
    // An instance of user class data, after its length.
    let ipxe = world.site.broadcast(&asked.option(77, b"\x04iPXE")).offer();
    assert_eq!(ipxe.boot_file(), "menu.ipxe");
}

#[test]
fn another_user_class_selects_nothing() {
    let world = world!(BOOT_BY_USER_CLASS);
    let asked = discover_asking(1, &[1, 3, 67]).option(77, b"\x05other\x04more");
    assert_eq!(world.site.broadcast(&asked).offer().boot_file(), "ipxe.efi");
}
