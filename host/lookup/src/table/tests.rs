//! Tables read from real files.

use std::{fs, path::PathBuf};

use super::*;
use crate::limits::{COLUMNS_MAX, TABLE_OCTETS_FREE};

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn file(&self, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.path().join(name);
        fs::write(&path, text).unwrap();
        path
    }
}

fn csv(text: impl AsRef<[u8]>) -> Result<LookupTable, String> {
    let folder = Folder::new();
    let file = keyed_by_port(folder.file("ports.csv", text));
    LookupTable::csv(&file).map(|(table, _)| table).map_err(|problem| in_folder(&folder, &problem))
}

fn keyed_by_port(path: PathBuf) -> CsvSettings {
    CsvSettings { path, key: "port".into(), delimiter: ',', rows_min: None }
}

fn json(text: &str, key: Option<&str>) -> Result<LookupTable, String> {
    let folder = Folder::new();
    let file = JsonSettings {
        path: folder.file("ports.json", text),
        key: key.map(str::to_owned),
        rows_min: None,
    };
    LookupTable::json(&file).map(|(table, _)| table).map_err(|problem| in_folder(&folder, &problem))
}

fn in_folder(folder: &Folder, problem: &SourceProblem) -> String {
    problem.to_string().replace(&format!("{}/", folder.0.path().display()), "")
}

fn fields(table: &LookupTable, key: &str) -> Vec<(String, String)> {
    let row = table.row(key).unwrap();
    row.fields().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

#[test]
fn a_csv_file_is_found_by_key() {
    let table = csv("plan,port,note\nfast,olt1/1,\n\"slow, cheap\",olt1/2,\"a\nb\"\n").unwrap();
    assert_eq!(table.rows(), 2);
    let expected = [("plan", "fast"), ("port", "olt1/1"), ("note", "")];
    assert_eq!(fields(&table, "olt1/1"), pairs(&expected));
    assert_eq!(table.field("olt1/2", "plan"), Some("slow, cheap"));
    assert_eq!(table.field("olt1/2", "note"), Some("a\nb"));
    assert_eq!(table.field("olt1/1", "note"), None);
    assert_eq!(table.field("olt1/1", "nothing"), None);
    assert!(table.row("olt1/3").is_none());
}

#[test]
fn a_byte_order_mark_and_other_delimiters_are_read() {
    let folder = Folder::new();
    let path = folder.file("ports.csv", "\u{feff}port;plan\nolt1/1;fast\n");
    let file = CsvSettings { delimiter: ';', ..keyed_by_port(path) };
    let (table, _) = LookupTable::csv(&file).unwrap();
    assert_eq!(table.field("olt1/1", "plan"), Some("fast"));
}

#[test]
fn mistakes_of_csv_files_are_reported_with_their_line_and_what_to_do() {
    for (text, told) in [
        ("", "ports.csv:1: the file is empty; wanted a first line with the names of the columns"),
        (
            "a,b\n",
            "ports.csv:1: there is no column \"port\" for the key; set `key` to one of \"a\", \
             \"b\"",
        ),
        (
            "port,a,a\n",
            "ports.csv:1: two columns have the name \"a\"; give each column its own name",
        ),
        (
            "port,plan\nx,1\ny\n",
            "ports.csv:3: the row has 1 values and the header has 2 names; wanted the same number. A \
             value that contains ',' must be in quotes",
        ),
        (
            "port,plan\nx,1\ny,2\n\nx,3\n",
            "ports.csv:5: the key \"x\" already occurs on line 2; remove one of the rows",
        ),
        (
            "port,plan\n,1\n",
            "ports.csv:2: the row has an empty key; give it one, or remove the row",
        ),
    ] {
        assert_eq!(csv(text).err().as_deref(), Some(told));
    }
    let not_utf8 = csv(b"port,plan\nx,\xff\n").err().unwrap();
    assert_eq!(not_utf8, "ports.csv:2: column 2 is not UTF-8; save the file as UTF-8");
    let long_key = csv(format!("port\n{}\n", "k".repeat(KEY_OCTETS_MAX + 1))).err().unwrap();
    assert!(long_key.contains("1025 octets; at most 1024"), "{long_key}");
    let long_row = csv(format!("port,a\nx,{}\n", "v".repeat(65536))).err().unwrap();
    assert_eq!(long_row, "ports.csv:2: a row has more than 65536 octets");
}

#[test]
fn json_is_read_in_three_forms() {
    let object = json(r#"{"olt1/1":{"plan":"fast"},"olt1/2":{"vlan":7,"plan":"slow"}}"#, None);
    let object = object.unwrap();
    assert_eq!(fields(&object, "olt1/1"), pairs(&[("plan", "fast")]));
    assert_eq!(fields(&object, "olt1/2"), pairs(&[("vlan", "7"), ("plan", "slow")]));
    let array = json(r#"[{"port":"olt1/1","plan":"fast"},{"plan":"slow","port":7}]"#, Some("port"));
    let array = array.unwrap();
    assert_eq!(array.field("olt1/1", "plan"), Some("fast"));
    assert_eq!(array.field("7", "plan"), Some("slow"));
    let lines =
        json("{\"port\":\"a\",\"plan\":\"x\"}\n{\"port\":\"b\"}\n\n", Some("port")).unwrap();
    assert_eq!((lines.rows(), lines.field("a", "plan")), (2, Some("x")));
    assert_eq!(json("{}", None).unwrap().rows(), 0);
    assert_eq!(json("[]", Some("port")).unwrap().rows(), 0);
}

#[test]
fn mistakes_of_json_files_are_reported_with_their_line_and_what_to_do() {
    for (text, key, told) in [
        ("\n", None, "ports.json:1: the file is empty; wanted rows, or {} for none"),
        ("7", None, "ports.json:1: wanted an object, or an array of objects"),
        (
            "\n[]",
            None,
            "ports.json:2: the file is an array; set the field of its objects that contains the \
             key: key = \"…\"",
        ),
        (
            "{\n\"a\": {},\n\"a\": {}}",
            None,
            "ports.json:3: the key \"a\" already occurs on line 2; remove one of the rows",
        ),
        (
            "\n{\"port\":\"a\"}\n{\"plan\":\"a\"}",
            Some("port"),
            "ports.json:3: the row has no field \"port\" for the key; correct `key`, or leave it \
             out if the file is one object of key and object",
        ),
        (
            "[{\"port\":\"a\"}\n{}]",
            Some("port"),
            "ports.json:2: this is not JSON: expected `,` or `]` (column 1)",
        ),
        (
            "{\"a\":\n7}",
            None,
            "ports.json:2: invalid type: integer `7`, expected an object of fields",
        ),
        (
            "{\n\"port\": \"a\"}",
            Some("port"),
            "ports.json:1: this is not JSON: EOF while parsing an object (column 0); wanted one \
             object per line",
        ),
        ("{} {}", None, "ports.json:1: this is not JSON: trailing characters (column 4)"),
    ] {
        assert_eq!(json(text, key).err().as_deref(), Some(told));
    }
}

#[test]
fn a_file_is_read_again_only_if_it_changed() {
    let folder = Folder::new();
    let path = folder.file("ports.csv", "port\nx\n");
    let file = keyed_by_port(path.clone());
    let (_, fresh) = LookupTable::csv(&file).unwrap();
    assert!(!fresh.still_holds(&path), "it may change again within the same tick");
    let old = std::time::SystemTime::now() - std::time::Duration::from_secs(60);
    fs::File::options().write(true).open(&path).unwrap().set_modified(old).unwrap();
    let (_, settled) = LookupTable::csv(&file).unwrap();
    assert!(settled.still_holds(&path));
    folder.file("ports.csv", "port\ny\n");
    assert!(!settled.still_holds(&path));
}

#[test]
fn what_is_no_file_or_too_long_is_refused() {
    let folder = Folder::new();
    let folder_itself = LookupTable::csv(&keyed_by_port(folder.0.path().to_owned())).err().unwrap();
    assert!(folder_itself.to_string().contains("is a directory"), "{folder_itself}");
    let missing = LookupTable::csv(&keyed_by_port(folder.0.path().join("none.csv"))).err().unwrap();
    assert!(missing.to_string().contains("check that the file exists"), "{missing}");
    let path = folder.file("long.csv", "port\n");
    let long = fs::File::options().write(true).open(&path).unwrap();
    long.set_len(crate::FILE_OCTETS_MAX + 1).unwrap();
    let too_long = LookupTable::csv(&keyed_by_port(path)).err().unwrap();
    assert!(too_long.to_string().contains("at most 1073741824"), "{too_long}");
}

#[test]
fn a_header_of_many_columns_is_read_in_linear_time() {
    let header = |count: usize| {
        let names = (0..count).map(|number| format!("column{number}"));
        format!("port,{}\n", names.collect::<Vec<_>>().join(","))
    };
    let row = format!("olt1/1{}\n", ",".repeat(100_000));
    let begun = std::time::Instant::now();
    let table = csv(header(100_000) + &row).unwrap();
    assert_eq!(table.rows(), 1);
    // Comparing every pair would take five thousand million comparisons.
    assert!(begun.elapsed() < std::time::Duration::from_secs(5), "{:?}", begun.elapsed());
    assert!(csv(header(COLUMNS_MAX - 1)).is_ok());
    let error = csv(header(COLUMNS_MAX)).err().unwrap();
    assert!(error.ends_with("the header has 131073 columns; at most 131072 are read"), "{error}");
    let unkeyed = header(100_000).replace("port", "line");
    let error = csv(unkeyed).err().unwrap();
    assert!(error.ends_with("and 99981 more") && error.len() < 1000, "{error}");
}

#[test]
fn a_row_that_does_not_end_is_refused_before_the_rest_is_read() {
    let much = "x,y\n".repeat(1_000_000);
    let error = csv(format!("port,plan\nolt1/1,fast\nolt1/2,\"fast\n{much}")).err().unwrap();
    let told = "the rest of the file cannot be read: the row has more than 524288 octets; check \
         for a quote or bracket that is not closed";
    assert_eq!(error, format!("ports.csv:3: {told}"));
    let error = csv(format!("port,\"plan\n{much}{much}")).err().unwrap();
    assert!(error.contains("there is no row in the first 4194304 octets"), "{error}");
    let long = "x".repeat(1_000_000);
    let text = format!("{{\"a\":{{}},\n\"b\":{{\"f\":\"{long}\"}}}}");
    assert_eq!(json(&text, None).err().unwrap(), format!("ports.json:2: {told}"));
    let error = json(&format!("[{{\"port\":1}},\n{{\"{long}\":1}}]"), Some("port")).err().unwrap();
    assert_eq!(error, format!("ports.json:2: {told}"));
}

#[test]
fn a_file_that_takes_much_more_memory_than_it_is_large_is_refused() {
    // Every row has a unique field, which costs twenty times its text.
    let rows = (0..400_000).map(|number| format!("\"k{number}\":{{\"f{number}\":1}}"));
    let text = format!("{{{}}}", rows.collect::<Vec<_>>().join(",\n"));
    let error = json(&text, None).err().unwrap();
    assert!(
        error.contains("the objects have different fields; give all objects the same fields"),
        "{error}"
    );
    let taken = error.split("take ").nth(1).unwrap().split(' ').next().unwrap();
    let taken: u64 = taken.parse().unwrap();
    assert!((TABLE_OCTETS_FREE..TABLE_OCTETS_FREE + 1000).contains(&taken), "{error}");
}
