//! Every limit is reached, and files that cannot be read are refused.
use std::{fs, path::Path};

use lessor_config::{
    FILE_OCTETS_MAX, JOURNAL_FILE_MIB_RANGE, JOURNAL_FILES_RANGE, JOURNAL_FREE_MIB_MAX,
    LOOKUP_CACHE_ENTRIES_MAX, LOOKUP_CONCURRENCY_MAX, LOOKUP_DEADLINE_MS_MAX,
    LOOKUP_DEADLINE_MS_MIN, LOOKUP_QUEUE_MAX, LOOKUP_ROWS_MIN_MAX, MISTAKES_MAX, Mistakes,
    OFFER_HOLD_SECS_MAX, OPTION_OCTETS_MAX, PREFIX_LENGTH_MIN, SHOWN_LINE_OCTETS_MAX,
    SOCKET_PATH_OCTETS_MAX, WAITING_CHANGES_MAX, WAITING_MESSAGES_MAX, WORKERS_MAX,
};

/// Reads a configuration with these lines in [server], these tables, and these lines in its only
/// subnet.
fn read(server: &str, tables: &str, subnet: &str) -> Result<(), Mistakes> {
    let text =
        format!("[server]\nlisten = [\"192.0.2.1\"]\n{server}\n{tables}\n[[subnet]]\n{subnet}\n");
    lessor_config::parse("test.toml", &text, Path::new("")).map(|_| ())
}

/// The text of the only mistake.
#[track_caller]
fn only_mistake(result: Result<(), Mistakes>) -> String {
    let mistakes = result.expect_err("there is a mistake");
    assert_eq!(mistakes.count(), 1, "{mistakes}");
    mistakes.to_string()
}

const PREFIX: &str = "prefix = \"100.64.0.0/16\"";

#[test]
fn a_file_is_not_larger_than_its_limit() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("large.toml");
    let text = format!("[server]\nlisten = [\"192.0.2.1\"]\n[[subnet]]\n{PREFIX}\n");
    let comment = format!("{}\n", "#".repeat(99));
    let filled = text + &comment.repeat(FILE_OCTETS_MAX / comment.len());
    fs::write(&path, &filled[..FILE_OCTETS_MAX]).unwrap();
    assert!(lessor_config::load(&path).is_ok());
    fs::write(&path, &filled[..FILE_OCTETS_MAX + 1]).unwrap();
    let said = lessor_config::load(&path).unwrap_err().to_string();
    assert!(said.contains("is larger than 64 MiB"), "{said}");
}

#[test]
fn so_many_mistakes_are_shown_and_the_others_counted() {
    let keys: String = (0..MISTAKES_MAX + 7).map(|number| format!("x{number} = 1\n")).collect();
    let mistakes = read("", "", &format!("{PREFIX}\n{keys}")).unwrap_err();
    assert_eq!(mistakes.iter().count(), MISTAKES_MAX);
    assert_eq!(mistakes.count(), MISTAKES_MAX + 7);
    let said = mistakes.to_string();
    assert!(said.ends_with("107 mistakes in test.toml; 7 are not shown"), "{said}");
    // The server iterates over the mistakes, too.
    assert_eq!((&mistakes).into_iter().count(), MISTAKES_MAX);
}

#[test]
fn mistakes_know_their_place() {
    let mistakes = read("colour = \"blau-grün\"", "", PREFIX).unwrap_err();
    let mistake = mistakes.iter().next().unwrap();
    assert_eq!(mistake.file(), "test.toml");
    assert_eq!((mistake.line(), mistake.column()), (Some(3), Some(1)));
    assert_eq!(mistake.source_line(), Some("colour = \"blau-grün\""));
    assert_eq!(mistake.message(), "unknown key `colour` in [server]");
    assert_eq!(mistake.wanted(), Some("unknown"));
    assert!(mistake.help().unwrap().contains("`interfaces`"));
}

#[test]
fn colour_changes_nothing_but_colour() {
    let mistakes = read("colour = 1", "", PREFIX).unwrap_err();
    let coloured = mistakes.render(true);
    assert!(coloured.contains("\u{1b}["));
    let mut plain = String::new();
    let mut rest = coloured.as_str();
    while let Some((before, after)) = rest.split_once("\u{1b}[") {
        plain.push_str(before);
        rest = after.split_once('m').unwrap().1;
    }
    plain.push_str(rest);
    let trimmed = |text: &str| text.lines().map(str::trim_end).collect::<Vec<_>>().join("\n");
    assert_eq!(trimmed(&plain), trimmed(&mistakes.render(false)));
}

#[test]
fn lines_that_are_too_long_are_not_shown() {
    let comment = "#".repeat(SHOWN_LINE_OCTETS_MAX);
    let shown = only_mistake(read("colour = 1", &comment, PREFIX));
    assert!(shown.contains("3 │ colour = 1"), "{shown}");
    let comment = "#".repeat(SHOWN_LINE_OCTETS_MAX + 1);
    let unshown = only_mistake(read("colour = 1", &comment, PREFIX));
    assert!(unshown.contains("at test.toml:3:1: unknown"), "{unshown}");
    assert!(unshown.contains("help: its keys are"), "{unshown}");
    assert!(!unshown.contains('│'), "{unshown}");
}

#[test]
fn numbers_keep_their_limits() {
    let workers = |number: usize| read(&format!("workers = {number}"), "", PREFIX);
    assert!(workers(WORKERS_MAX).is_ok());
    assert!(only_mistake(workers(WORKERS_MAX + 1)).contains("wanted a number from 0 to 256"));

    let waiting =
        |number: usize| read("", &format!("[store]\nwaiting-changes-max = {number}"), PREFIX);
    assert!(waiting(WAITING_CHANGES_MAX).is_ok());
    assert!(only_mistake(waiting(WAITING_CHANGES_MAX + 1)).contains("from 1 to 1000000"));

    let messages = |number: usize| read(&format!("waiting-messages-max = {number}"), "", PREFIX);
    assert!(messages(WAITING_MESSAGES_MAX).is_ok());
    assert!(only_mistake(messages(WAITING_MESSAGES_MAX + 1)).contains("from 1 to 1000000"));

    let offer_hold = |secs: u32| read("", "", &format!("{PREFIX}\noffer-hold = {secs}"));
    assert!(offer_hold(OFFER_HOLD_SECS_MAX).is_ok());
    assert!(only_mistake(offer_hold(OFFER_HOLD_SECS_MAX + 1)).contains("at most an hour"));

    let prefix = |length: u8| read("", "", &format!("prefix = \"128.0.0.0/{length}\""));
    assert!(prefix(PREFIX_LENGTH_MIN).is_ok());
    assert!(only_mistake(prefix(PREFIX_LENGTH_MIN - 1)).contains("length 8 to 32"));
}

#[test]
fn a_control_socket_has_a_path_that_the_system_allows() {
    let socket = |octets: usize| {
        let path = format!("/{}", "s".repeat(octets - 1));
        read("", &format!("[control]\nsocket = \"{path}\""), PREFIX)
    };
    assert!(socket(SOCKET_PATH_OCTETS_MAX).is_ok());
    assert!(only_mistake(socket(SOCKET_PATH_OCTETS_MAX + 1)).contains("at most 107 octets"));
}

#[test]
fn an_option_is_not_longer_than_can_be_sent() {
    let option = |value: String| read("", "", &format!("{PREFIX}\noptions = {{ {value} }}"));
    let text = |octets: usize| option(format!("root-path = \"{}\"", "x".repeat(octets)));
    assert!(text(OPTION_OCTETS_MAX).is_ok());
    assert!(only_mistake(text(OPTION_OCTETS_MAX + 1)).contains("takes 1021 octets"));
    let octets = |octets: usize| option(format!("224 = \"hex:{}\"", "00".repeat(octets)));
    assert!(octets(OPTION_OCTETS_MAX).is_ok());
    assert!(only_mistake(octets(OPTION_OCTETS_MAX + 1)).contains("takes 1021 octets"));
    let addresses =
        |count: usize| option(format!("ntp-servers = [{}]", "\"192.0.2.1\",".repeat(count)));
    assert!(addresses(OPTION_OCTETS_MAX / 4).is_ok());
    assert!(only_mistake(addresses(OPTION_OCTETS_MAX / 4 + 1)).contains("takes 1024 octets"));
    let name = format!("\"{}\",", ["x".repeat(63).as_str(); 3].join("."));
    let names = |count: usize| option(format!("domain-search = [{}]", name.repeat(count)));
    assert!(names(5).is_ok());
    assert!(only_mistake(names(6)).contains("takes 1158 octets"));
    let route = "{ to = \"10.0.0.0/8\", via = \"192.0.2.1\" },";
    let routes =
        |count: usize| option(format!("classless-static-routes = [{}]", route.repeat(count)));
    assert!(routes(170).is_ok());
    assert!(only_mistake(routes(171)).contains("takes 1026 octets"));
}

#[test]
fn names_and_identifiers_fit_where_they_are_used() {
    let name = |octets: usize| {
        let name = "n".repeat(octets);
        read("", "", &format!("{PREFIX}\nshared-network = \"{name}\""))
    };
    assert!(name(64).is_ok());
    assert!(only_mistake(name(65)).contains("at most 64 characters"));
    let circuit_id = |octets: usize| {
        let id = "c".repeat(octets);
        let reservation = format!("{{ circuit-id = \"{id}\", address = \"100.64.0.9\" }}");
        read("", "", &format!("{PREFIX}\nreservation = [{reservation}]"))
    };
    assert!(circuit_id(255).is_ok());
    assert!(only_mistake(circuit_id(256)).contains("it has 256 octets"));
}

#[test]
fn depth_and_noise_end_in_mistakes() {
    for text in [
        format!("a{} = 1", ".a".repeat(100_000)),
        format!("a = {}", "[".repeat(100_000)),
        format!("a = {}", "{a=".repeat(100_000)),
        "\u{0}\u{1}\u{2}".repeat(1_000),
        "= = =\n".repeat(1_000),
        "\"".repeat(1_001),
        "[[".repeat(1_001),
    ] {
        let mistakes = lessor_config::parse("noise.toml", &text, Path::new("")).unwrap_err();
        assert!(!mistakes.to_string().is_empty());
    }
}

#[test]
fn a_file_that_ends_anywhere_is_read_or_explained() {
    let reference = include_str!("../../../examples/reference.toml");
    let mut whole = 0;
    for (end, _) in reference.char_indices() {
        match lessor_config::parse("cut.toml", &reference[..end], Path::new("")) {
            Ok(_) => whole += 1,
            Err(mistakes) => assert!(mistakes.render(false).contains("in cut.toml")),
        }
    }
    assert!(whole > 0);
}

#[test]
fn files_that_cannot_be_read_say_so() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("missing.toml");
    let said = lessor_config::load(&missing).unwrap_err().to_string();
    assert!(said.contains("missing.toml cannot be read: No such file"), "{said}");
    assert!(said.contains("check the path"), "{said}");
    let said = lessor_config::load(folder.path()).unwrap_err().to_string();
    assert!(said.contains("cannot be read: is a directory"), "{said}");
    let latin = folder.path().join("latin.toml");
    fs::write(&latin, b"[server]\n# gr\xfcn\n").unwrap();
    let mistakes = lessor_config::load(&latin).unwrap_err();
    assert_eq!(mistakes.iter().next().unwrap().position(), Some((2, 5)));
    let said = mistakes.to_string();
    assert!(said.contains("save the file as UTF-8"), "{said}");
    assert!(said.ends_with("latin.toml"), "{said}");
}

#[test]
fn relative_paths_start_at_the_folder_of_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("lessor.toml");
    let server = "[server]\nlisten = [\"192.0.2.1\"]\n[plugins]\ndirectory = \"plugins\"";
    let text = format!("{server}\n[[subnet]]\n{PREFIX}\n");
    fs::write(&path, text).unwrap();
    let plugins = lessor_config::load(&path).unwrap().plugins.unwrap();
    assert_eq!(plugins.directory, folder.path().join("plugins"));
}

#[test]
fn the_limits_of_lookups_have_limits() {
    let with = |line: &str| {
        let source = "[[lookup]]\nname = \"crm\"\ntype = \"http\"\nurl = \"http://crm/{key}\"\n";
        read("", &format!("{source}{line}\n"), PREFIX)
    };
    for (key, min, max) in [
        ("deadline-ms", LOOKUP_DEADLINE_MS_MIN as usize, LOOKUP_DEADLINE_MS_MAX as usize),
        ("concurrency-max", 1, LOOKUP_CONCURRENCY_MAX),
        ("queue-max", 0, LOOKUP_QUEUE_MAX),
        ("cache-entries-max", 0, LOOKUP_CACHE_ENTRIES_MAX),
    ] {
        assert!(with(&format!("{key} = {min}")).is_ok(), "{key}");
        assert!(with(&format!("{key} = {max}")).is_ok(), "{key}");
        let said = only_mistake(with(&format!("{key} = {}", max + 1)));
        assert!(said.contains(&format!("a number from {min} to {max}")), "{said}");
    }
    let file = |line: &str| {
        let source = "[[lookup]]\nname = \"crm\"\ntype = \"json\"\npath = \"ports.json\"\n";
        read("", &format!("{source}{line}\n"), PREFIX)
    };
    for good in [0, LOOKUP_ROWS_MIN_MAX] {
        assert!(file(&format!("rows-min = {good}")).is_ok(), "{good}");
    }
    let said = only_mistake(file(&format!("rows-min = {}", LOOKUP_ROWS_MIN_MAX + 1)));
    assert!(said.contains("a number from 0 to 1000000000"), "{said}");
    assert!(with("rows-min = 1").is_err(), "it is for files");
    for key in ["cache-ttl", "negative-ttl", "stale-for"] {
        assert!(with(&format!("{key} = 0")).is_ok(), "{key}: not at all");
        assert!(with(&format!("{key} = \"infinite\"")).is_ok(), "{key}");
    }
}

#[test]
fn the_bounds_of_the_journal_have_bounds() {
    let journal =
        |line: String| read("", &format!("[journal]\npath = \"j.jsonl\"\n{line}"), PREFIX);
    let files = JOURNAL_FILES_RANGE;
    for (key, (min, max)) in [
        ("file-mib-max", JOURNAL_FILE_MIB_RANGE),
        ("files-max", (files.0 as u64, files.1 as u64)),
        ("free-mib-min", (0, JOURNAL_FREE_MIB_MAX)),
    ] {
        for good in [min, max] {
            assert!(journal(format!("{key} = {good}")).is_ok(), "{key} = {good}");
        }
        let said = only_mistake(journal(format!("{key} = {}", max + 1)));
        assert!(said.contains(&format!("a number from {min} to {max}")), "{said}");
    }
    assert!(journal("files-max = 1".to_owned()).is_err());
}

#[test]
fn a_group_is_that_of_a_user() {
    assert!(read("user = \"lessor\"", "", PREFIX).is_ok());
    assert!(read("user = \"lessor\"\ngroup = \"dhcp\"", "", PREFIX).is_ok());
    let said = only_mistake(read("group = \"dhcp\"", "", PREFIX));
    assert!(said.contains("has `group` but no `user`"), "{said}");
    for wrong in ["user = \"\"", "user = \"a b\"", "user = \"lessor:dhcp\"", "user = 7"] {
        let said = only_mistake(read(wrong, "", PREFIX));
        assert!(said.contains("the name of a user of this machine"), "{said}");
    }
}
