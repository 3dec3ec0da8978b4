//! What is generated in the SDK for C: bindings, and a header for each hook.

use std::{collections::BTreeSet, fs, path::Path};

use lessor_vocabulary::HOOKS;
use wit_bindgen_core::{
    Files,
    wit_parser::{Resolve, WorldId},
};

use crate::{assert_generated, sdk};

/// The octets of a line of a custom section.
const LINE_OCTETS: usize = 48;

#[test]
fn the_bindings_for_c_are_those_of_the_contract() {
    let generated = sdk("c").join("generated");
    let (mut resolve, package) = contract();
    let world = resolve.select_world(&[package], Some("policy")).unwrap();
    for (name, wanted) in bindings(&mut resolve, world).iter() {
        match name.strip_suffix("_component_type.o") {
            None => assert_generated(&generated.join(name), wanted),
            Some(name) => {
                let text = format!(
                    "// The types of the imports and exports of a policy, for the server.\n\
                     // Generated from the contract. DO NOT EDIT!\n\n\
                     void __component_type_object_force_link_{name}(void) {{}}\n\n{}",
                    assembled(wanted)
                );
                let path = generated.join(format!("{name}_component_type.c"));
                assert_generated(&path, text.as_bytes());
            }
        }
    }
}

#[test]
fn every_hook_has_its_header() {
    let hooks = sdk("c").join("hooks");
    let (mut resolve, _) = contract();
    let policy = resolve.packages.iter().find(|(_, package)| package.name.name == "policy");
    let (policy, version) =
        policy.map(|(id, found)| (id, found.name.version.clone().unwrap())).unwrap();
    let mut wanted = BTreeSet::new();
    for hook in HOOKS {
        let interface = format!("lessor:policy/{}@{version}", hook.name);
        let id = resolve.packages[policy].interfaces[hook.name];
        let about = resolve.interfaces[id].docs.contents.clone().unwrap_or_default();
        let about: String = about.lines().map(|line| format!("// {}\n", line.trim())).collect();
        let world = format!(
            "package lessor:{function}; world {function} {{ export {interface}; }}",
            function = hook.name
        );
        let package = resolve.push_str("hook.wit", &world).unwrap();
        let world = resolve.select_world(&[package], None).unwrap();
        let files = bindings(&mut resolve, world);
        let object = files.iter().find(|(name, _)| name.ends_with(".o")).unwrap().1;
        let text = format!(
            "// The hook `{name}`. A policy that includes this file implements `lessor_{function}`.\n\
             //\n{about}// Generated from the contract. DO NOT EDIT!\n\n#include <shapes.h>\n\n\
             LESSOR_{shape}({function}, \"{interface}#{entry}\")\n\n{section}",
            name = hook.name,
            function = hook.function,
            shape = hook.shape.name().to_uppercase(),
            entry = hook.shape.function(),
            section = assembled(object),
        );
        let name = format!("{}.h", hook.function);
        assert_generated(&hooks.join(&name), text.as_bytes());
        wanted.insert(name);
    }
    let found = fs::read_dir(&hooks).unwrap().map(|entry| entry.unwrap().file_name());
    let found: BTreeSet<String> = found.map(|name| name.into_string().unwrap()).collect();
    assert_eq!(found, wanted, "{} has files of hooks that do not exist", hooks.display());
}

/// The contract and the world of policies in C.
fn contract() -> (Resolve, wit_bindgen_core::wit_parser::PackageId) {
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_dir(sdk("c").join("wit")).unwrap();
    (resolve, package)
}

fn bindings(resolve: &mut Resolve, world: WorldId) -> Files {
    let mut files = Files::default();
    let options = wit_bindgen_c::Opts::default();
    options.build().generate(resolve, world, &mut files).unwrap();
    files
}

/// The section of an object that describes its world, as C. So no compiled object has to be kept.
fn assembled(object: &[u8]) -> String {
    let sections =
        wasmparser::Parser::new(0).parse_all(object).filter_map(|payload| match payload.unwrap() {
            wasmparser::Payload::CustomSection(section) => Some(section),
            _ => None,
        });
    let mut sections = sections.filter(|section| section.name().starts_with("component-type:"));
    let section = sections.next().unwrap();
    let mut text =
        format!("__asm__(\".section \\\".custom_section.{}\\\",\\\"\\\",@\\n\"\n", section.name());
    for octets in section.data().chunks(LINE_OCTETS) {
        let escaped: String = octets.iter().map(|octet| escaped(*octet)).collect();
        text += &format!("        \".ascii \\\"{escaped}\\\"\\n\"\n");
    }
    text + "        \".text\\n\");\n"
}

/// An octet in a text of the assembler, which is in a text of C.
fn escaped(octet: u8) -> String {
    match octet {
        b'"' | b'\\' | b'?' | 0..b' ' | 0x7f.. => format!("\\\\{octet:03o}"),
        octet => char::from(octet).to_string(),
    }
}

/// The bindings are generated for the folder of this repository only.
#[test]
fn the_sdk_has_no_compiled_object() {
    fn objects(folder: &Path) -> usize {
        let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        entries
            .map(|path| match path.is_dir() && !path.is_symlink() {
                true => objects(&path),
                false => usize::from(path.extension().is_some_and(|found| found == "o")),
            })
            .sum()
    }
    assert_eq!(objects(&sdk("c")), 0);
}
