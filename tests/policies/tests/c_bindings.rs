//! Checks that the bindings of the SDK for C match the contract. `UPDATE_GOLDEN=1` regenerates
//! them.

use std::{env, fs, path::Path};

use wit_bindgen_core::{Files, wit_parser::Resolve};

#[test]
fn the_bindings_for_c_are_those_of_the_contract() {
    let sdk = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../plugins/sdk/c");
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_dir(sdk.join("wit")).unwrap();
    let world = resolve.select_world(&[package], Some("policy")).unwrap();
    let mut files = Files::default();
    let options = wit_bindgen_c::Opts::default();
    options.build().generate(&mut resolve, world, &mut files).unwrap();
    for (name, wanted) in files.iter() {
        let path = sdk.join("generated").join(name);
        if env::var_os("UPDATE_GOLDEN").is_some() {
            fs::create_dir_all(sdk.join("generated")).unwrap();
            fs::write(&path, wanted).unwrap();
        }
        let found = fs::read(&path).unwrap_or_default();
        assert!(
            found == wanted,
            "{} is not what the contract makes: run UPDATE_GOLDEN=1 cargo test --package \
             lessor-policies --test c_bindings",
            path.display()
        );
    }
}
