//! The options of the SDKs for C, JavaScript and Python: each encodes the samples as
//! `lessor-vocabulary` does, and has the same mistakes in the same words.

use std::{
    env, fs,
    io::Write,
    process::{Command, Stdio},
};

use crate::{
    samples::{REFUSED, samples},
    sdk,
};

/// Reads a sample in JSON from each line, a name and a value, and writes the code and the digits of
/// the octets, or the mistake.
const JAVASCRIPT: &str = r#"
import { encodeOption } from "SDK/lessor.js";
import { readFileSync } from "node:fs";
for (const line of readFileSync(0, "utf8").trim().split("\n")) {
  try {
    const { code, value } = encodeOption(...JSON.parse(line));
    console.log(`${code} ${Buffer.from(value).toString("hex")}`);
  } catch (mistake) {
    console.log(mistake instanceof Error ? mistake.stack : mistake);
  }
}
"#;

/// Resolves the imports of the server to [`JAVASCRIPT_SERVER`].
const JAVASCRIPT_HOOKS: &str = r#"
import { register } from "node:module";
const hooks = `export const resolve = (name, context, next) => name.startsWith("lessor:")
  ? { url: "SERVER", shortCircuit: true } : next(name, context);`;
register(`data:text/javascript,${encodeURIComponent(hooks)}`);
"#;

const JAVASCRIPT_SERVER: &str = r#"
export const decode = () => "null";
export function encode(name, value) {
  if (name === "REFUSED") throw Object.assign(new Error(), { payload: "WORDS" });
  return [0, new Uint8Array(Buffer.from(`${name} ${value}`))];
}
"#;

const PYTHON: &str = r#"
import json, sys, types
sys.dont_write_bytecode = True
class Err(Exception):
    def __init__(self, value):
        self.value = value
def encode(name, value):
    if name == "REFUSED":
        raise Err("WORDS")
    return 0, f"{name} {value}".encode()
world = types.ModuleType("wit_world.imports")
world.options = types.SimpleNamespace(encode=encode)
sys.modules.update({
    "componentize_py_types": types.SimpleNamespace(Err=Err),
    "wit_world": types.ModuleType("wit_world"),
    "wit_world.imports": world,
})
sys.path.insert(0, "SDK")
from lessor import OptionMistake, encode_option
for line in sys.stdin:
    try:
        code, value = encode_option(*json.loads(line))
        print(code, value.hex())
    except OptionMistake as mistake:
        print(mistake)
"#;

const C: &str = r#"
#include <options.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <text.h>
char *lessor_encode_on_server(const char *name, const char *value, lessor_option *option) {
  if (!strcmp(name, "REFUSED")) return lessor_join("WORDS", NULL);
  char *asked = lessor_join(name, " ", value, NULL);
  *option = (lessor_option){.code = 0, .value = (uint8_t *)asked, .octets = strlen(asked)};
  return NULL;
}
int main(void) {
  static char line[1 << 16];
  while (fgets(line, sizeof line, stdin)) {
    lessor_json place = line;
    char *name = lessor_json_text(lessor_json_next(&place, NULL));
    lessor_option option;
    char *mistake = lessor_encode_option(name, lessor_json_next(&place, NULL), &option);
    if (mistake) {
      printf("%s\n", mistake);
    } else {
      printf("%d ", option.code);
      for (size_t i = 0; i < option.octets; i++) printf("%02x", option.value[i]);
      printf("\n");
      free(option.value);
    }
    free(mistake);
    free(name);
  }
}
"#;

#[test]
fn options_in_javascript_are_those_of_the_server() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        path
    };
    let server = write("server.mjs", &with_refusal(JAVASCRIPT_SERVER));
    let url = format!("file://{}", server.display());
    let hooks = write("hooks.mjs", &JAVASCRIPT_HOOKS.replace("SERVER", &url));
    let sdk = sdk("javascript").canonicalize().unwrap();
    let program = write("options.mjs", &JAVASCRIPT.replace("SDK", sdk.to_str().unwrap()));
    // A module of the SDK is one although no package says so.
    let mut node = Command::new("node");
    node.arg("--experimental-default-type=module").arg("--import").arg(&hooks).arg(&program);
    check("node", &mut node);
}

/// A server of the tests that refuses one option.
fn with_refusal(program: &str) -> String {
    program.replace("REFUSED", REFUSED.0).replace("WORDS", REFUSED.1)
}

#[test]
fn options_in_python_are_those_of_the_server() {
    let text = with_refusal(PYTHON).replace("SDK", sdk("python").to_str().unwrap());
    check("python3", Command::new("python3").args(["-B", "-c", &text]));
}

#[test]
fn options_in_c_are_those_of_the_server() {
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("options.c");
    fs::write(&program, with_refusal(C)).unwrap();
    let sources = ["json.c", "options.c", "text.c"].map(|name| sdk("c").join(name));
    let mut compiler = Command::new("cc");
    compiler.args(["-Wall", "-Wextra", "-Werror", "-O1", "-fsanitize=undefined", "-I"]);
    compiler.arg(sdk("c")).arg("-o").arg(folder.path().join("options")).arg(&program);
    match compiler.args(sources).output() {
        Err(error) => return skipped("cc", &error),
        Ok(output) => {
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        }
    }
    check("the program", &mut Command::new(folder.path().join("options")));
}

/// Runs a program on the samples and compares its lines.
fn check(program: &str, command: &mut Command) {
    let samples = samples();
    let input: String =
        samples.iter().map(|found| format!("[{:?},{}]\n", found.name, found.value)).collect();
    let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let mut child = match child {
        Err(error) => return skipped(program, &error),
        Ok(child) => child,
    };
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let complaints = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program}: {complaints}");
    assert_eq!(said.lines().count(), samples.len(), "{said}\n{complaints}");
    for (sample, said) in samples.iter().zip(said.lines()) {
        let wanted = match &sample.wanted {
            Ok((code, octets)) => {
                format!("{code} {}", lessor_vocabulary::hexadecimal::digits(octets))
            }
            Err(mistake) => mistake.clone(),
        };
        assert_eq!(said.trim_end(), wanted.trim_end(), "{} = {}", sample.name, sample.value);
    }
}

fn skipped(program: &str, error: &std::io::Error) {
    assert!(env::var_os("LESSOR_REQUIRE_E2E").is_none(), "{program}: {error}");
    eprintln!("SKIPPED: no {program}: {error}");
}
