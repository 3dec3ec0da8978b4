//! `lessor plugin new`: creates a project for a new policy from the templates in `templates/`.
//!
//! The project builds anywhere: it includes the contract and the SDK. Only a Rust project in a
//! checkout of this repository uses the SDK of the checkout.

use std::{
    fs,
    io::{self, Write},
    path::{Component, Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context, bail};
use lessor_config::FILE_OCTETS_MAX;

use crate::output::{Tone, toned};

mod embedded {
    include!(concat!(env!("OUT_DIR"), "/embedded.rs"));
}

/// The maximum length of a policy's name.
const NAME_CHARS_MAX: usize = 48;
/// The name of the policy in the templates.
const PLACEHOLDER: &str = "policy-name";
const SNAKE_PLACEHOLDER: &str = "policy_name";
/// The dependency on the included SDK in the template of a Rust project.
const VENDORED: &str = "lessor-policy = { path = \"sdk\" }";

#[derive(Debug, clap::Args)]
pub(crate) struct NewArguments {
    /// The name of the policy: lower-case letters, digits and hyphens.
    #[arg(value_name = "NAME")]
    name: String,
    /// The language of the policy.
    #[arg(long, short, value_enum)]
    language: Language,
    /// The folder of the project, which must be empty or must not exist. Defaults to NAME.
    #[arg(long, value_name = "FOLDER")]
    directory: Option<PathBuf>,
    /// For Rust: the folder of the crate lessor-policy to depend on. Defaults to that of the
    /// checkout that contains the project, or else to a copy in the project.
    #[arg(long, value_name = "FOLDER")]
    sdk: Option<PathBuf>,
}

/// The languages of policies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Language {
    /// Rust, built with cargo
    Rust,
    /// JavaScript, compiled to a component by componentize-js
    #[value(name = "javascript")]
    JavascriptComponent,
    /// TypeScript, compiled to a component by componentize-js
    Typescript,
    /// Python, compiled to a component by componentize-py
    Python,
    /// C, built with clang
    C,
    /// A script in Rhai, which needs no build
    Rhai,
    /// A script in JavaScript, which needs no build
    #[value(name = "js")]
    JavascriptScript,
}

impl Language {
    /// The folder of its template.
    const fn template(self) -> &'static str {
        match self {
            Self::Rust => "rust",
            Self::JavascriptComponent => "javascript-component",
            Self::Typescript => "typescript",
            Self::Python => "python",
            Self::C => "c",
            Self::Rhai => "rhai",
            Self::JavascriptScript => "javascript-script",
        }
    }
}

/// The location of the SDK of a Rust project.
#[derive(Debug, PartialEq, Eq)]
enum Sdk {
    /// A folder in the project.
    Vendored,
    /// This path.
    At(PathBuf),
}

pub(crate) fn run(arguments: &NewArguments) -> anyhow::Result<ExitCode> {
    check_name(&arguments.name)?;
    let folder = arguments.directory.clone().unwrap_or_else(|| PathBuf::from(&arguments.name));
    check_folder(&folder)?;
    let folder_path = std::path::absolute(&folder)
        .with_context(|| format!("{} has no absolute path", folder.display()))?;
    let sdk = find_sdk(arguments.sdk.as_deref(), &folder_path)?;
    let files = project(&arguments.name, arguments.language, &sdk);
    for (path, text) in &files {
        let path = folder.join(path);
        let parent = path.parent().unwrap_or(&folder);
        fs::create_dir_all(parent).with_context(|| format!("cannot make {}", parent.display()))?;
        fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
    }
    let mut out = io::stdout().lock();
    let noun = if files.len() == 1 { "file" } else { "files" };
    writeln!(out, "{} {noun} written to {}", files.len(), folder.display())?;
    writeln!(out, "{}", toned("next:", Tone::Quiet))?;
    writeln!(out, "  cd {}", folder.display())?;
    let readme = files.iter().find(|(path, _)| path == Path::new("README.md"));
    let readme = readme.map(|(_, text)| String::from_utf8_lossy(text)).unwrap_or_default();
    for command in first_commands(&readme) {
        writeln!(out, "  {command}")?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The files of the project, with paths relative to its folder.
fn project(name: &str, language: Language, sdk: &Sdk) -> Vec<(PathBuf, Vec<u8>)> {
    let filled = |text: &str| {
        text.replace(PLACEHOLDER, name).replace(SNAKE_PLACEHOLDER, &name.replace('-', "_"))
    };
    let prefix = format!("templates/{}/", language.template());
    let mut files: Vec<(PathBuf, Vec<u8>)> = under(&prefix)
        .map(|(path, octets)| {
            // Files that are not text have no placeholders.
            let octets = match std::str::from_utf8(octets) {
                Ok(text) => filled(text).into_bytes(),
                Err(_) => octets.to_owned(),
            };
            (PathBuf::from(filled(path)), octets)
        })
        .collect();
    match (language, sdk) {
        (Language::Rust, Sdk::Vendored) => files.extend(rust_sdk()),
        (Language::Rust, Sdk::At(path)) => {
            let path = toml::Value::String(path.display().to_string());
            for (_, text) in files.iter_mut().filter(|(path, _)| path == Path::new("Cargo.toml")) {
                let manifest = String::from_utf8_lossy(text);
                let dependency = format!("lessor-policy = {{ path = {path} }}");
                *text = manifest.replace(VENDORED, &dependency).into_bytes();
            }
        }
        (Language::JavascriptComponent | Language::Typescript | Language::Python, _) => {
            let sdk = match language {
                Language::Python => "sdk-python/",
                _ => "sdk-javascript/",
            };
            files.extend(under("wit/").filter(is_wit).map(at("wit")));
            files.extend(under(sdk).filter(is_source).map(at("")));
        }
        (Language::C, _) => files.extend(under("sdk-c/").filter(is_source).map(at("sdk"))),
        (Language::Rhai | Language::JavascriptScript, _) => {}
    }
    files.sort();
    files
}

/// The SDK for Rust as a separate crate in `sdk/`, with the contract.
fn rust_sdk() -> impl Iterator<Item = (PathBuf, Vec<u8>)> {
    let sources = under("sdk-rust/").chain(under("templates/sdk-rust/")).map(at("sdk"));
    sources.chain(under("wit/").filter(is_wit).map(at("sdk/wit/deps/policy")))
}

/// Moves a file into a folder.
fn at(folder: &str) -> impl Fn((&str, &[u8])) -> (PathBuf, Vec<u8>) {
    move |(path, octets)| (Path::new(folder).join(path), octets.to_owned())
}

fn is_source((path, _): &(&str, &[u8])) -> bool {
    [".c", ".h", ".js", ".py"].iter().any(|ending| path.ends_with(ending))
}

fn is_wit((path, _): &(&str, &[u8])) -> bool {
    path.ends_with(".wit")
}

/// The embedded files below `prefix`: the rest of the name, and the octets.
fn under(prefix: &str) -> impl Iterator<Item = (&'static str, &'static [u8])> {
    let files = embedded::FILES.iter();
    files.filter_map(move |(name, octets)| Some((name.strip_prefix(prefix)?, *octets)))
}

/// The commands in the first section of the page, which show how to build and test, in order.
fn first_commands(readme: &str) -> Vec<String> {
    let section = readme.split("\n## ").nth(1).unwrap_or_default();
    let blocks = section.split("```sh\n").skip(1).filter_map(|block| block.split("```").next());
    blocks.flat_map(str::lines).map(str::to_owned).collect()
}

fn check_name(name: &str) -> anyhow::Result<()> {
    const TAKEN: [&str; 13] = [
        "async",
        "build",
        "class",
        "core",
        "def",
        "import",
        "lessor",
        "lessor-policy",
        "policy-name",
        "sdk",
        "std",
        "test",
        "wit",
    ];
    let is_name_char =
        |found: char| found.is_ascii_lowercase() || found.is_ascii_digit() || found == '-';
    let begins = name.starts_with(|found: char| found.is_ascii_lowercase());
    if !begins || !name.chars().all(is_name_char) || name.ends_with('-') || name.contains("--") {
        let meant: String = name
            .to_lowercase()
            .chars()
            .map(|found| if is_name_char(found) { found } else { '-' })
            .collect();
        let meant = meant.trim_start_matches(|found: char| !found.is_ascii_lowercase());
        let meant = meant.split('-').filter(|part| !part.is_empty()).collect::<Vec<_>>().join("-");
        let hint = if meant.is_empty() { String::new() } else { format!("; try {meant}") };
        bail!(
            "{name:?} is not a name for a policy; wanted lower-case letters, digits and hyphens, a \
             letter first{hint}"
        );
    }
    if name.len() > NAME_CHARS_MAX {
        bail!("the name has {} characters; wanted at most {NAME_CHARS_MAX}", name.len());
    }
    if TAKEN.contains(&name) {
        bail!("{name:?} is reserved by the tools that build policies; choose another name");
    }
    Ok(())
}

fn check_folder(folder: &Path) -> anyhow::Result<()> {
    match fs::read_dir(folder).map(Iterator::count) {
        Ok(0) => Ok(()),
        Ok(_) => bail!(
            "{} already exists and is not empty; remove it, or name another with --directory",
            folder.display()
        ),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => bail!("{} cannot be used: {error}; name another", folder.display()),
    }
}

/// `folder` is the absolute path of the project.
fn find_sdk(named: Option<&Path>, folder: &Path) -> anyhow::Result<Sdk> {
    let is_sdk = |path: &Path| {
        let manifest = path.join("Cargo.toml");
        let manifest =
            lessor_files::read_text(&manifest, FILE_OCTETS_MAX as u64).unwrap_or_default();
        manifest.contains("name = \"lessor-policy\"")
    };
    if let Some(path) = named {
        if !is_sdk(path) {
            bail!(
                "{} is not the crate lessor-policy; wanted the folder plugins/sdk/rust of a \
                 checkout",
                path.display()
            );
        }
        let path = path.canonicalize().with_context(|| format!("no path {}", path.display()))?;
        return Ok(Sdk::At(path));
    }
    let mut up = PathBuf::new();
    for above in folder.ancestors().skip(1) {
        up.push(Component::ParentDir);
        if is_sdk(&above.join("plugins/sdk/rust")) {
            return Ok(Sdk::At(up.join("plugins/sdk/rust")));
        }
    }
    Ok(Sdk::Vendored)
}

#[cfg(test)]
mod tests;
