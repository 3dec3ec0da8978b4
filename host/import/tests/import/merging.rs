//! Leases reach a store completely or not at all, and of two about an address the right one stays.

use lessor_core::{Binding, BindingState, ClientKey, HardwareAddress, Timestamp};
use lessor_import::{
    CarryError, Existing, LeaseTotals, LineOutcome, OldServer, ReadLeases, Report, Times, carry,
    read_leases,
};
use lessor_store::{DiskStore, Store};

use crate::common::{Folder, KEA_HEADER, NOW, topology};

const CONFIGURATION: &str = "
    [server]
    interfaces = [\"eth0\"]
    [[subnet]]
    prefix = \"10.64.0.0/16\"
    lease-time = \"1h\"
    max-lease-time = \"1d\"
    [[subnet.pool]]
    range = \"10.64.1.0-10.64.9.255\"
";

fn at(secs: u64) -> Timestamp {
    Timestamp::from_unix_ms(secs * 1000)
}

fn client(last: u8) -> ClientKey {
    ClientKey::Hardware(HardwareAddress::ethernet([2, 0, 0x5e, 0, 0, last]))
}

fn read_on(folder: &Folder, origin: OldServer, text: &str, ahead_ms: i64) -> ReadLeases {
    let path = folder.write("leases", text);
    let times = Times { clock: at(NOW), ahead_ms };
    let read = read_leases(origin, &[path], &topology(CONFIGURATION), &times);
    read.unwrap_or_else(|refusal| panic!("{refusal}"))
}

/// A store, into which files are merged one after the other.
struct Merged {
    folder: Folder,
    store: DiskStore,
}

impl Merged {
    fn new() -> Self {
        let folder = Folder::new();
        let store = DiskStore::open(&folder.path().join("store")).unwrap();
        Self { folder, store }
    }

    fn merge(&mut self, origin: OldServer, text: &str) -> (Report, LeaseTotals) {
        let read = read_on(&self.folder, origin, text, 0);
        carry(read, &mut self.store, Existing::Merge).unwrap_or_else(|error| panic!("{error}"))
    }

    /// Writes a record as the server does.
    fn serve(&mut self, last: u8, change: impl FnOnce(Binding) -> Binding) {
        let previous = self.records().into_iter().find(|found| found.address.octets()[3] == last);
        let previous = previous.unwrap();
        let revision = previous.revision + 1;
        let binding = Binding { revision, ..change(previous.clone()) }.into();
        let change = lessor_core::Change { binding, previous: Some(previous.into()) };
        let answers = self.store.commit(&[lessor_core::Changes::from_iter([change])]);
        assert_eq!(answers, [lessor_core::StorageAnswer::Made]);
    }

    fn records(&mut self) -> Vec<Binding> {
        let mut found = Vec::new();
        self.store.load(&mut |lease| found.push(lease)).unwrap();
        found.sort_by_key(|lease| lease.address);
        found
    }

    /// The state of each address, and its client as the last octet of its hardware address.
    #[track_caller]
    fn has(&mut self, wanted: &[(u8, BindingState, u8)]) {
        let records = self.records();
        let found: Vec<_> = records
            .iter()
            .map(|lease| (lease.address.octets()[3], lease.state, lease.client.clone()))
            .collect();
        let wanted: Vec<_> =
            wanted.iter().map(|(last, state, mac)| (*last, *state, client(*mac))).collect();
        assert_eq!(found, wanted, "{records:?}");
    }
}

/// An entry of dhcpd's file.
fn dhcpd(last: u8, state: &str, heard: u64, ends: u64, mac: u8) -> String {
    let client = match mac {
        0 => String::new(),
        mac => format!("hardware ethernet 02:00:5e:00:00:{mac:02x};"),
    };
    format!(
        "lease 10.64.1.{last} {{ starts epoch {heard}; ends epoch {ends}; cltt epoch {heard}; \
         binding state {state}; {client} }}\n"
    )
}

#[track_caller]
fn not_carried(report: &Report, wanted: &[&str]) {
    let entries = report.entries().iter();
    let lost = entries.filter(|entry| entry.outcome == LineOutcome::NotCarried);
    let lost: Vec<String> = lost
        .map(|entry| format!("{} {}: {}", entry.place.short(), entry.statement, entry.note))
        .collect();
    assert_eq!(lost.len(), wanted.len(), "{lost:?}");
    for (lost, wanted) in lost.iter().zip(wanted) {
        assert!(lost.contains(wanted), "{lost}");
    }
}

use BindingState::{Leased, Quarantined, Released};

#[test]
fn leases_reach_an_empty_store_and_others_only_if_they_may_be_merged() {
    let (heard, ends) = (NOW - 100, NOW + 3500);
    let mut merged = Merged::new();
    let one = dhcpd(1, "active", heard, ends, 1);
    let both = one + &dhcpd(2, "active", heard, ends, 2);
    let all = |merged: &Merged| read_on(&merged.folder, OldServer::Dhcpd, &both, 0);
    let first = all(&merged);
    carry(first, &mut merged.store, Existing::Refuse).unwrap();
    let again = all(&merged);
    let again = carry(again, &mut merged.store, Existing::Refuse).unwrap_err();
    assert!(matches!(again, CarryError::NotEmpty(2)), "{again}");
    // The second lease is newer, the first one older, and the third one new.
    let newer = dhcpd(2, "active", NOW, ends, 3);
    let older = dhcpd(1, "free", heard - 400, heard - 300, 4);
    let third = dhcpd(3, "active", heard, ends, 5);
    let (report, totals) = merged.merge(OldServer::Dhcpd, &(newer + &older + &third));
    assert_eq!((totals.kept, totals.not_carried), (1, 0), "{report}");
    merged.has(&[(1, Leased, 1), (2, Leased, 3), (3, Leased, 5)]);
    let revisions: Vec<u64> = merged.records().iter().map(|lease| lease.revision).collect();
    assert_eq!(revisions, [1, 2, 1]);
}

#[test]
fn a_client_that_released_or_declined_after_the_first_import_has_its_lease_no_more() {
    // As dhcpd writes them: `cltt` stays as it was.
    let (heard, ends) = (NOW - 600, NOW + 3000);
    let before = (1..=3).map(|last| dhcpd(last, "active", heard, ends, last));
    let before: String = before.collect();
    let mut merged = Merged::new();
    merged.merge(OldServer::Dhcpd, &before);
    let after = dhcpd(1, "free", heard, NOW - 100, 1)
        + &dhcpd(2, "abandoned", heard, NOW + 86_000, 0)
        + &dhcpd(3, "free", heard, NOW - 100, 0);
    let (report, totals) = merged.merge(OldServer::Dhcpd, &(before.clone() + &after));
    assert_eq!((totals.kept, totals.removed), (0, 1), "{report}");
    let nobody = HardwareAddress::new(1, &[]).map(ClientKey::Hardware).unwrap();
    let records = merged.records();
    let found: Vec<_> = records.iter().map(|lease| (lease.state, lease.client.clone())).collect();
    assert_eq!(found, [(Released, client(1)), (Quarantined, nobody), (Released, client(3))]);
    assert_eq!(records[0].changed_at, at(NOW - 100));
    assert_eq!(records[1].expires_at, at(NOW + 86_000));
    assert_eq!((records[2].changed_at, records[2].expires_at), (at(NOW - 100), at(NOW)));
    assert!(report.to_string().contains("the other server removed it"), "{report}");
    // The older file changes nothing any more.
    let (report, totals) = merged.merge(OldServer::Dhcpd, &before);
    assert_eq!((totals.kept, totals.not_carried), (2, 1), "{report}");
    not_carried(&report, &["10.64.1.2 for 02:00:5e:00:00:02: the store has it in quarantine"]);
    assert_eq!(merged.records(), records);
}

#[test]
fn what_the_server_wrote_since_is_not_ended_by_a_file() {
    let (heard, ends) = (NOW - 600, NOW + 3000);
    let mut merged = Merged::new();
    let before: String = (1..=4).map(|last| dhcpd(last, "active", heard, ends, last)).collect();
    merged.merge(OldServer::Dhcpd, &before);
    for last in 1..=3 {
        merged.serve(last, |lease| Binding {
            changed_at: at(NOW - 50),
            expires_at: at(NOW + 3550),
            ..lease
        });
    }
    merged.serve(4, |lease| Binding {
        client: client(9),
        changed_at: at(NOW - 50),
        began_at: at(NOW - 50),
        expires_at: at(NOW + 3550),
        ..lease
    });
    let records = merged.records();
    let after = dhcpd(1, "free", heard, NOW - 100, 1)
        + &dhcpd(2, "abandoned", heard, NOW + 86_000, 0)
        + &dhcpd(3, "free", heard, NOW - 100, 0)
        + &dhcpd(4, "active", NOW - 100, NOW + 3500, 4);
    let (report, totals) = merged.merge(OldServer::Dhcpd, &after);
    assert_eq!(merged.records(), records);
    assert_eq!((totals.kept, totals.not_carried, totals.removed), (2, 1, 0), "{report}");
    not_carried(
        &report,
        &["leases:4 lease of 10.64.1.4 for 02:00:5e:00:00:04: the store has it for \
                            02:00:5e:00:00:09, and its record is not older"],
    );
}

#[test]
fn a_lease_that_kea_removed_ends() {
    // As Kea writes them: the end of a lease that it removes is the time of its last change.
    let line = |last: u8, lifetime: u64, heard: u64, state: u8| {
        let ends = heard + lifetime;
        format!("10.64.1.{last},02:00:5e:00:00:{last:02x},,{lifetime},{ends},1,0,0,,{state},\n")
    };
    let heard = NOW - 600;
    let before: String = (1..=3).map(|last| line(last, 3600, heard, 0)).collect();
    let mut merged = Merged::new();
    merged.merge(OldServer::Kea, &format!("{KEA_HEADER}{before}"));
    merged.serve(3, |lease| Binding { changed_at: at(NOW - 5), ..lease });
    let after = line(1, 0, heard, 0) + &line(2, 3600, heard, 2) + &line(3, 0, heard, 0);
    let (report, totals) = merged.merge(OldServer::Kea, &format!("{KEA_HEADER}{before}{after}"));
    assert_eq!((totals.kept, totals.removed), (0, 1), "{report}");
    merged.has(&[(1, Released, 1), (2, Released, 2), (3, Leased, 3)]);
    // A lease that comes back after its removal is a lease.
    let again = line(1, 3600, NOW - 5, 0);
    merged.merge(OldServer::Kea, &format!("{KEA_HEADER}{after}{again}"));
    merged.has(&[(1, Leased, 1), (2, Released, 2), (3, Leased, 3)]);
    // An empty store gets nothing of what was removed.
    let mut merged = Merged::new();
    let (_, totals) = merged.merge(OldServer::Kea, &format!("{KEA_HEADER}{before}{after}"));
    assert_eq!(totals.removed, 0);
    merged.has(&[(2, Released, 2)]);
}

/// A line of dnsmasq's file.
fn dnsmasq(last: u8, ends: u64, mac: u8) -> String {
    format!("{ends} 02:00:5e:00:00:{mac:02x} 10.64.1.{last} * *\n")
}

#[test]
fn a_later_file_of_dnsmasq_replaces_an_earlier_one() {
    let mut merged = Merged::new();
    // The longest lease time here was another one.
    let path = merged.folder.write("leases", &dnsmasq(4, NOW + 43_200, 4));
    let shorter = topology(&CONFIGURATION.replace("\"1d\"", "\"1h\""));
    let times = Times { clock: Timestamp::from_unix_ms(NOW * 1000 + 345), ahead_ms: 0 };
    let read = read_leases(OldServer::Dnsmasq, &[path], &shorter, &times).unwrap();
    carry(read, &mut merged.store, Existing::Merge).unwrap();
    merged.merge(OldServer::Dnsmasq, &dnsmasq(4, NOW + 60, 14));
    merged.has(&[(4, Leased, 14)]);
    let mut merged = Merged::new();
    // The lease time is shortened before the move, so the later lease ends first.
    let before = dnsmasq(1, NOW + 43_200, 1) + &dnsmasq(2, 0, 2) + &dnsmasq(3, NOW + 600, 3);
    merged.merge(OldServer::Dnsmasq, &before);
    let after = dnsmasq(1, NOW + 600, 11) + &dnsmasq(2, 0, 12) + &dnsmasq(3, NOW + 600, 3);
    for ahead_ms in [0, -7, 7] {
        let read = read_on(&merged.folder, OldServer::Dnsmasq, &after, ahead_ms);
        carry(read, &mut merged.store, Existing::Merge).unwrap();
        merged.has(&[(1, Leased, 11), (2, Leased, 12), (3, Leased, 3)]);
    }
    let (report, totals) = merged.merge(OldServer::Dnsmasq, &before);
    assert_eq!((totals.kept, totals.not_carried), (0, 0), "{report}");
    let (report, totals) = merged.merge(OldServer::Dnsmasq, &before);
    assert_eq!((totals.kept, totals.not_carried), (3, 0), "{report}");
    assert!(report.entries().is_empty(), "{report}");
}

#[test]
fn a_file_of_dnsmasq_does_not_replace_what_the_server_granted_and_says_so() {
    let mut merged = Merged::new();
    let before: String = (1..=4).map(|last| dnsmasq(last, NOW + 600, last)).collect();
    merged.merge(OldServer::Dnsmasq, &before);
    let granted = |secs: u64| {
        move |lease: Binding| Binding {
            client: client(9),
            began_at: at(NOW - 60),
            changed_at: at(NOW - 60),
            expires_at: at(NOW - 60 + secs),
            ..lease
        }
    };
    // A lease of the longest time, one of another time, and a renewal that ends no later.
    merged.serve(1, granted(86_400));
    merged.serve(2, granted(600));
    merged.serve(3, |lease| Binding { changed_at: at(NOW - 60), ..lease });
    let after = dnsmasq(1, NOW + 700, 11)
        + &dnsmasq(2, NOW + 700, 12)
        + &dnsmasq(3, NOW + 700, 13)
        + &dnsmasq(4, NOW + 700, 14);
    let (report, totals) = merged.merge(OldServer::Dnsmasq, &after);
    merged.has(&[(1, Leased, 9), (2, Leased, 9), (3, Leased, 3), (4, Leased, 14)]);
    assert_eq!((totals.kept, totals.not_carried), (0, 3), "{report}");
    let wanted = "and the file does not say which is newer";
    not_carried(&report, &[wanted; 3]);
    // A lease that must be newer is, and what has ended is not missed.
    let (report, totals) = merged
        .merge(OldServer::Dnsmasq, &(dnsmasq(2, NOW + 90_000, 22) + &dnsmasq(3, NOW - 1, 23)));
    merged.has(&[(1, Leased, 9), (2, Leased, 22), (3, Leased, 3), (4, Leased, 14)]);
    assert_eq!((totals.kept, totals.not_carried), (1, 0), "{report}");
}

#[test]
fn a_store_that_another_process_uses_or_that_cannot_write_is_left_alone() {
    struct Failing;
    impl Store for Failing {
        fn load(&mut self, _: &mut dyn FnMut(Binding)) -> Result<u64, lessor_store::StoreError> {
            Ok(0)
        }

        fn commit(&mut self, batch: &[lessor_core::Changes]) -> Vec<lessor_core::StorageAnswer> {
            batch.iter().map(|_| lessor_core::StorageAnswer::NotMade).collect()
        }

        fn last_error(&self) -> Option<String> {
            Some("the disk is full".to_owned())
        }
    }
    let folder = Folder::new();
    let read = read_on(&folder, OldServer::Dnsmasq, &dnsmasq(1, NOW + 5, 1), 0);
    let refused = carry(read, &mut Failing, Existing::Merge).unwrap_err();
    assert_eq!(refused.to_string(), "no lease was written: the disk is full");
    let folder = Folder::new();
    let _used = DiskStore::open(folder.path()).unwrap();
    assert!(DiskStore::open(folder.path()).is_err());
}
