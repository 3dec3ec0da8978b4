//! Gives the interpreter a stack of 4 MiB: its parser uses much of it for each level of nesting,
//! and the default of 1 MiB is not enough for 80 nested parentheses.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    if std::env::var("CARGO_CFG_TARGET_ARCH").is_ok_and(|architecture| architecture == "wasm32") {
        println!("cargo::rustc-link-arg-cdylib=-zstack-size=4194304");
    }
}
