//! Proves that the core is pure. Linked completely into a module for bare WebAssembly, it imports
//! nothing: no clock, no random numbers, no shared memory.

use lessor_guests::{CORE, Target, build};
use wasmparser::{Parser, Payload};

#[test]
fn the_core_imports_nothing() {
    let files = build(&[CORE], Target::Bare).unwrap();
    let module = std::fs::read(&files[0]).unwrap();
    let mut imports = Vec::new();
    let mut has_engine = false;
    for payload in Parser::new(0).parse_all(&module) {
        match payload.unwrap() {
            Payload::ImportSection(section) => {
                for import in section.into_imports() {
                    let import = import.unwrap();
                    imports.push(format!("{}.{}", import.module, import.name));
                }
            }
            Payload::ExportSection(section) => {
                has_engine |= section.into_iter().any(|it| it.unwrap().name == "drive_engine");
            }
            _ => {}
        }
    }
    assert!(has_engine, "the module exports no drive_engine, so it proves nothing");
    assert!(
        imports.is_empty(),
        "the core imports {imports:?}; find the dependency with `cargo tree -p lessor-core` and \
         keep it out"
    );
}
