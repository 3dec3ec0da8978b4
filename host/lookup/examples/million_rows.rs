//! Measures a file of many rows: how long it takes to read, how much memory it takes, and how long
//! it takes to find a row.
//!
//! ```text
//! cargo run --release -p lessor-lookup --example million_rows -- [rows]
//! ```
use std::{
    env,
    fmt::Write as _,
    fs,
    hint::black_box,
    io::{BufWriter, Write as _},
    path::Path,
    time::Instant,
};

use lessor_lookup::Sources;
use lessor_settings::{CsvSettings, JsonSettings, OnSourceFailure, SourceKind, SourceSettings};

const QUESTIONS: u32 = 1_000_000;

fn main() {
    let rows: u32 = env::args().nth(1).map_or(1_000_000, |text| text.parse().expect("a number"));
    let folder = tempfile::tempdir().unwrap();
    let before = resident_octets();
    for format in ["csv", "json"] {
        let path = folder.path().join(format!("subscribers.{format}"));
        write(&path, format, rows);
        let length = fs::metadata(&path).unwrap().len();
        let (key, rows_min) = ("port".to_owned(), None);
        let kind = match format {
            "csv" => SourceKind::Csv(CsvSettings { path, key, delimiter: ',', rows_min }),
            _ => SourceKind::Json(JsonSettings { path, key: Some(key), rows_min }),
        };
        let begun = Instant::now();
        let (name, on_failure) = ("subscribers".to_owned(), OnSourceFailure::default());
        let settings = [SourceSettings { name, kind, on_failure }];
        let sources = Sources::open(&settings).unwrap_or_else(|errors| panic!("{errors:?}"));
        let read = begun.elapsed();
        let table = sources.table("subscribers").unwrap();
        println!(
            "{format}: {} rows, {} MB in the file; read in {read:.2?}; {} MB of rows and index, \
             {} MB more resident",
            table.rows(),
            length / 1_000_000,
            table.octets() / 1_000_000,
            resident_octets().saturating_sub(before) / 1_000_000
        );
        let mut key = String::new();
        let begun = Instant::now();
        for question in 0..QUESTIONS {
            write_name(&mut key, spread(question) % rows);
            black_box(sources.now("subscribers", &key));
        }
        let with_row = begun.elapsed() / QUESTIONS;
        let begun = Instant::now();
        for question in 0..QUESTIONS {
            write_name(&mut key, spread(question) % rows);
            black_box(table.field(&key, "plan").expect("every row has a plan"));
        }
        println!(
            "{format}: a row is found in {with_row:.0?}, a field in {:.0?}",
            begun.elapsed() / QUESTIONS
        );
    }
}

fn write(path: &Path, format: &str, rows: u32) {
    let mut file = BufWriter::new(fs::File::create(path).unwrap());
    let mut key = String::new();
    if format == "csv" {
        writeln!(file, "port,subscriber,plan,pool,address,note").unwrap();
    }
    for row in 0..rows {
        write_name(&mut key, row);
        let address = std::net::Ipv4Addr::from(0x0a00_0000 + row);
        match format {
            "csv" => writeln!(file, "{key},customer-{row},fast-100,residential,{address},"),
            _ => writeln!(
                file,
                r#"{{"port":"{key}","subscriber":"customer-{row}","plan":"fast-100","pool":"residential","address":"{address}","note":null}}"#
            ),
        }
        .unwrap();
    }
    file.flush().unwrap();
}

fn write_name(key: &mut String, row: u32) {
    key.clear();
    write!(
        key,
        "olt{}.example.net/{}/{}/onu{}",
        row / 65_536,
        row / 4096 % 16,
        row / 64 % 64,
        row % 64
    )
    .unwrap();
}

/// Distributes numbers, so that memory is not read sequentially.
fn spread(number: u32) -> u32 {
    number.wrapping_mul(2_654_435_761)
}

fn resident_octets() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
    let kib: u64 = line.split_whitespace().next().and_then(|text| text.parse().ok()).unwrap_or(0);
    kib * 1024
}
