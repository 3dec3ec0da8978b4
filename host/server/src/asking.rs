//! Asks the server that runs with a configuration, for the commands.
//!
//! Finds its control socket. What is said there is defined by [`lessor_control`] and
//! [`crate::questions`].

use std::path::{Path, PathBuf};

use anyhow::Context;
use lessor_config::{FILE_OCTETS_MAX, FoundValue};
use serde::de::DeserializeOwned;

use crate::questions::Question;

/// The default folder of the server's state.
const STATE_FOLDER: &str = "/var/lib/lessor";

/// Asks the server that runs with the configuration at `config`, as [`lessor_control::open`] does.
///
/// # Errors
/// If no server answers.
pub(crate) fn open(
    config: &Path,
    question: &Question,
) -> anyhow::Result<impl Iterator<Item = anyhow::Result<String>>> {
    lessor_control::open(&socket_of(config)?, question)
}

/// As [`open`], but passes each line of the answer to `each`.
///
/// # Errors
/// If no server answers, or the answer ends too early.
pub(crate) fn ask<T: DeserializeOwned>(
    config: &Path,
    question: &Question,
    each: impl FnMut(T),
) -> anyhow::Result<()> {
    lessor_control::ask(&socket_of(config)?, question, each)
}

/// As [`ask`], for an answer of one line.
///
/// # Errors
/// As [`ask`], or if that line is missing.
pub(crate) fn ask_one<T: DeserializeOwned>(config: &Path, question: Question) -> anyhow::Result<T> {
    let mut answer = None;
    ask(config, &question, |line| answer = Some(line))?;
    answer.context("the server gave no answer; its log may say why")
}

/// Returns the control socket of the server that runs with the configuration at `config`.
///
/// # Errors
/// If the configuration has none, or cannot be read.
pub(crate) fn socket_of(config: &Path) -> anyhow::Result<PathBuf> {
    match lessor_generation::load_configuration(config, crate::colour_on_stderr()) {
        Ok(configuration) => configuration
            .control
            .socket
            .context("this configuration has no control socket; set control.socket and restart"),
        // The server may be running with the former contents of the file.
        Err(refusal) => {
            let text = lessor_files::read_text(config, FILE_OCTETS_MAX as u64).ok();
            let base = config.parent().unwrap_or(Path::new(""));
            let socket = text.and_then(|text| socket_despite_mistakes(&text, base));
            let socket = socket.ok_or(refusal)?;
            eprintln!("note: {} has mistakes; `lessor check` lists them", config.display());
            Ok(socket)
        }
    }
}

/// Returns the path of the socket in a configuration that has mistakes, if that part has none.
fn socket_despite_mistakes(text: &str, base: &Path) -> Option<PathBuf> {
    let get = |table, key| lessor_config::look_up(text, table, key);
    match get("control", "enabled") {
        FoundValue::Nothing | FoundValue::Flag(true) => {}
        _ => return None,
    }
    if let FoundValue::Text(socket) = get("control", "socket") {
        return Some(base.join(socket));
    }
    let folder = match (get("control", "socket"), get("store", "path"), get("store", "backend")) {
        (FoundValue::Nothing, FoundValue::Text(folder), _) => base.join(folder),
        (FoundValue::Nothing, FoundValue::Nothing, FoundValue::Nothing) => {
            PathBuf::from(STATE_FOLDER)
        }
        (FoundValue::Nothing, FoundValue::Nothing, FoundValue::Text(name))
            if name == "embedded" =>
        {
            PathBuf::from(STATE_FOLDER)
        }
        _ => return None,
    };
    Some(folder.join("control.sock"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_socket_is_found_as_if_the_configuration_were_right() {
        for settings in [
            "",
            "[store]\npath = \"state\"\n",
            "[store]\nbackend = \"memory\"\n",
            "[store]\nbackend = \"embedded\"\n",
            "[control]\nsocket = \"/run/lessor.sock\"\n",
            "[control]\nenabled = false\n",
        ] {
            let base = Path::new("/etc/lessor");
            let right = format!(
                "{settings}[server]\nlisten = [\"192.0.2.1\"]\n[[subnet]]\nprefix = \"100.64.0.0/16\"\n"
            );
            let wrong = format!("{right}lease-tiem = 1\nlease-time = [\n");
            let right = lessor_config::parse("lessor.toml", &right, base).unwrap();
            let found = socket_despite_mistakes(&wrong, base);
            assert_eq!(found, right.control.socket, "{settings}");
        }
        let unclear = "[store]\npath = 5\n";
        assert_eq!(socket_despite_mistakes(unclear, Path::new("")), None);
    }
}
