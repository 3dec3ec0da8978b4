//! The options of the SDKs for C, JavaScript and Python: each encodes the samples as
//! `lessor-vocabulary` does, and has the same mistakes in the same words.

use std::{
    env, fs,
    io::Write,
    process::{Command, Stdio},
};

use crate::{samples::samples, sdk};

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

const PYTHON: &str = r#"
import json, sys
sys.dont_write_bytecode = True
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
    let program = folder.path().join("options.mjs");
    let text =
        JAVASCRIPT.replace("SDK", sdk("javascript").canonicalize().unwrap().to_str().unwrap());
    fs::write(&program, text).unwrap();
    // A module of the SDK is one although no package says so.
    check("node", Command::new("node").arg("--experimental-default-type=module").arg(&program));
}

#[test]
fn options_in_python_are_those_of_the_server() {
    let text = PYTHON.replace("SDK", sdk("python").to_str().unwrap());
    check("python3", Command::new("python3").args(["-B", "-c", &text]));
}

#[test]
fn options_in_c_are_those_of_the_server() {
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("options.c");
    fs::write(&program, C).unwrap();
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
