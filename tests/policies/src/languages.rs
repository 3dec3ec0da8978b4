//! The languages with what each needs and its commands. To add a language, add an entry to
//! [`LANGUAGES`].

use crate::Need;

/// A language with an implementation of the subscriber table.
#[derive(Clone, Copy, Debug)]
pub struct Language {
    /// The name of the language and of its folder in `examples/policies`.
    pub name: &'static str,
    /// The requirements of its commands.
    pub(crate) needs: &'static [Need],
    /// The step that fetches tools and libraries, if it needs any.
    pub(crate) install: Option<Step>,
    /// The step that builds the policy; `None` for a script, which needs no build.
    pub(crate) build: Option<Step>,
    /// The file of the policy.
    pub(crate) file: &'static str,
}

/// A command that a shell runs in the folder of the example.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Step {
    pub(crate) command: &'static str,
    /// The file or folder that it creates.
    pub(crate) makes: &'static str,
    /// Its inputs: files and folders, relative to the folder of the example.
    pub(crate) of: &'static [&'static str],
}

/// Every language.
pub const LANGUAGES: &[Language] = &[
    Language {
        name: "rust",
        needs: &[],
        install: None,
        build: Some(Step {
            command: "cargo build --release --locked --target wasm32-unknown-unknown && cp \
                      target/wasm32-unknown-unknown/release/subscriber_table.wasm \
                      subscriber-table.wasm",
            makes: "subscriber-table.wasm",
            of: &[
                "Cargo.toml",
                "Cargo.lock",
                "src",
                "../../../plugins/sdk/rust",
                "../../../vocabulary",
                "../../../wit",
            ],
        }),
        file: "subscriber-table.wasm",
    },
    Language {
        name: "c",
        needs: &[CLANG, LLD, WASI_LIBC, CLANG_RUNTIME],
        install: None,
        build: Some(Step {
            command: "clang --target=wasm32-wasi -mexec-model=reactor -O2 -Wall -Wextra \
                      -I../../../plugins/sdk/c -Wl,--strip-debug -o subscriber-table.wasm \
                      subscriber-table.c ../../../plugins/sdk/c/*.c \
                      ../../../plugins/sdk/c/generated/*.c",
            makes: "subscriber-table.wasm",
            of: &["subscriber-table.c", "../../../plugins/sdk/c"],
        }),
        file: "subscriber-table.wasm",
    },
    Language {
        name: "javascript",
        needs: &[NPM],
        install: Some(NPM_CI),
        build: Some(Step {
            command: "npm run build",
            makes: "subscriber-table.wasm",
            of: &[
                "package-lock.json",
                "package.json",
                "subscriber-table.js",
                "../../../plugins/sdk/javascript",
                "../../../wit",
            ],
        }),
        file: "subscriber-table.wasm",
    },
    Language {
        name: "typescript",
        needs: &[NPM],
        install: Some(NPM_CI),
        build: Some(Step {
            command: "npm run build",
            makes: "subscriber-table.wasm",
            of: &[
                "package-lock.json",
                "package.json",
                "subscriber-table.ts",
                "tsconfig.json",
                "../../../plugins/sdk/javascript",
                "../../../wit",
            ],
        }),
        file: "subscriber-table.wasm",
    },
    Language {
        name: "python",
        needs: &[PYTHON],
        install: Some(Step {
            command: "python3 -m venv .venv && .venv/bin/pip install --quiet --requirement \
                      requirements.txt",
            makes: ".venv",
            of: &["requirements.txt"],
        }),
        build: Some(Step {
            command: ".venv/bin/componentize-py --wit-path ../../../wit --world request-policy \
                      componentize --stub-wasi --python-path . --python-path \
                      ../../../plugins/sdk/python subscriber_table --output subscriber-table.wasm",
            makes: "subscriber-table.wasm",
            of: &[
                "requirements.txt",
                "subscriber_table.py",
                "../../../plugins/sdk/python/lessor.py",
                "../../../wit",
            ],
        }),
        file: "subscriber-table.wasm",
    },
    Language {
        name: "rhai",
        needs: &[],
        install: None,
        build: None,
        file: "subscriber-table.rhai",
    },
    Language {
        name: "javascript-script",
        needs: &[],
        install: None,
        build: None,
        file: "subscriber-table.js",
    },
];

const NPM_CI: Step = Step {
    command: "npm ci --ignore-scripts --no-audit --no-fund",
    makes: "node_modules",
    of: &["package-lock.json", "package.json"],
};

const CLANG: Need = Need { probe: "command -v clang", package: "clang" };
const LLD: Need = Need { probe: "command -v wasm-ld", package: "lld" };
const WASI_LIBC: Need =
    Need { probe: "test -f /usr/include/wasm32-wasi/stdlib.h", package: "wasi-libc" };
const CLANG_RUNTIME: Need = Need {
    probe: "test -f \"$(clang --target=wasm32-wasi --print-libgcc-file-name)\"",
    package: "libclang-rt-dev-wasm32",
};
const NPM: Need = Need { probe: "command -v npm", package: "npm" };
const PYTHON: Need = Need { probe: "python3 -c 'import ensurepip, venv'", package: "python3-venv" };
