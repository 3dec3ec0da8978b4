//! Classes that reservations name, in the configuration and in files of reservations.
use std::{fs, path::Path};

use lessor_config::{Configuration, Mistakes};
use lessor_core::Reservation;

const CLASSES: &str = "[[class]]\nname = \"gold\"\n[[class]]\nname = \"phones\"\n\
    match = { vendor-class = \"phone\" }\n";
const SERVER: &str = "[server]\nlisten = [\"192.0.2.1\"]\n";
const SUBNET: &str = "[[subnet]]\nprefix = \"100.64.0.0/24\"\n";

fn read(folder: &Path, text: &str) -> Result<Configuration, Mistakes> {
    let path = folder.join("lessor.toml");
    fs::write(&path, text).unwrap();
    lessor_config::load(&path)
}

fn read_text(text: &str) -> Result<Configuration, Mistakes> {
    read(tempfile::tempdir().unwrap().path(), text)
}

fn reservations(configuration: &Configuration) -> impl Iterator<Item = &Reservation> {
    let topology = &configuration.topology;
    let subnets = topology.networks().iter().flat_map(|network| &network.subnets);
    subnets.flat_map(|subnet| &subnet.reservations).chain(topology.shared_reservations().list())
}

/// The classes of each reservation.
fn classes(configuration: &Configuration) -> Vec<String> {
    let of = |reservation: &Reservation| {
        let names = reservation.settings.classes.iter().flat_map(|names| names.iter());
        names.map(|name| &**name).collect::<Vec<_>>().join(" ")
    };
    reservations(configuration).map(of).collect()
}

#[test]
fn every_place_of_reservations_has_classes() {
    let folder = tempfile::tempdir().unwrap();
    let csv = "circuit-id,address,classes\na,100.64.0.21,gold\nb,100.64.0.22,phones gold\nc,100.64.0.23,\n";
    fs::write(folder.path().join("a.csv"), csv).unwrap();
    let json = r#"{"circuit-id": "d", "classes": ["gold", "phones"]}
        {"circuit-id": "e", "classes": "gold"}"#;
    fs::write(folder.path().join("b.jsonl"), json).unwrap();
    let table = "port,class\nf,phones\n,gold\ng,\n";
    fs::write(folder.path().join("ports.csv"), table).unwrap();
    let text = format!(
        "reservations = [\"a.csv\", \"b.jsonl\", {{ lookup = \"ports\", columns = {{ circuit-id = \"port\", \
         classes = \"class\" }} }}]\n{SERVER}[[lookup]]\nname = \"ports\"\ntype = \"csv\"\n\
         path = \"ports.csv\"\nkey = \"port\"\n{CLASSES}\
         [[reservation]]\ncircuit-id = \"h\"\nclasses = [\"gold\"]\n{SUBNET}\
         reservation = [{{ circuit-id = \"i\", pool = \"p\", classes = [\"phones\"] }}]\n\
         [[subnet.pool]]\nname = \"p\"\nrange = \"100.64.0.100-100.64.0.200\"\n"
    );
    let configuration = read(folder.path(), &text).unwrap_or_else(|mistakes| panic!("{mistakes}"));
    assert_eq!(
        classes(&configuration),
        ["phones", "gold", "phones gold", "", "gold", "gold phones", "gold", "phones"]
    );
    let with_pool = reservations(&configuration).next().unwrap();
    assert_eq!(with_pool.settings.pool.as_deref(), Some("p"));
    assert!(configuration.topology.reservations_name_classes());
}

#[test]
fn a_class_without_a_match_needs_a_reservation_that_names_it_or_a_file_that_may() {
    let named = "[[reservation]]\ncircuit-id = \"a\"\nclasses = [\"gold\"]\n";
    assert!(read_text(&format!("{SERVER}{CLASSES}{named}{SUBNET}")).is_ok());
    let mistakes = read_text(&format!("{SERVER}{CLASSES}{SUBNET}")).unwrap_err().render(false);
    assert!(
        mistakes.contains("\"gold\" has no `match`, and no reservation names it"),
        "{mistakes}"
    );

    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("a.csv"), "circuit-id,address\n").unwrap();
    let text = format!("reservations = \"a.csv\"\n{SERVER}{CLASSES}{SUBNET}");
    assert!(read(folder.path(), &text).is_ok());
}

#[test]
fn a_reservation_names_at_most_sixteen_classes() {
    let names: Vec<String> = (0..17).map(|number| format!("c{number}")).collect();
    let classes: String =
        names.iter().map(|name| format!("[[class]]\nname = {name:?}\n")).collect();
    let text = |names: &[String]| {
        let named = format!("[[reservation]]\ncircuit-id = \"a\"\nclasses = {names:?}\n");
        format!("reservations = []\n{SERVER}{classes}{named}{SUBNET}")
    };
    assert!(read_text(&text(&names[..16])).is_ok());
    let mistakes = read_text(&text(&names)).unwrap_err().render(false);
    assert!(mistakes.contains("1 to 16 names of classes"), "{mistakes}");
}
