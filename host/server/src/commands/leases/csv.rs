//! Leases as CSV (RFC 4180), except that lines end in a line feed only.

use std::io::{self, Write};

use lessor_serving::leases::LeaseRow;

/// The columns, by the names that their fields have in JSON.
const COLUMNS: [&str; 13] = [
    "address",
    "vpn",
    "state",
    "client",
    "hardware-address",
    "host-name",
    "pool",
    "subscriber",
    "circuit-id",
    "remote-id",
    "began-at",
    "changed-at",
    "expires-at",
];

/// Writes the names of the columns and the leases.
pub(super) fn write(out: impl Write, rows: &[LeaseRow]) -> io::Result<()> {
    let mut writer = csv::Writer::from_writer(out);
    writer.write_record(COLUMNS)?;
    rows.iter().try_for_each(|row| writer.write_record(cells(row)))?;
    writer.flush()
}

fn cells(row: &LeaseRow) -> [String; 13] {
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    [
        row.address.to_string(),
        text(&row.vpn),
        row.state.name().to_owned(),
        row.client.clone(),
        row.hardware_address.clone(),
        text(&row.host_name),
        text(&row.pool),
        text(&row.subscriber),
        text(&row.circuit_id),
        text(&row.remote_id),
        row.began_at.clone(),
        row.changed_at.clone(),
        row.expires_at.clone(),
    ]
}

#[cfg(test)]
mod tests {
    use lessor_serving::leases::LeaseRowState;

    use super::*;

    #[test]
    fn each_lease_is_a_line_whose_cells_are_quoted_where_they_must_be() {
        let row = LeaseRow {
            address: [192, 0, 2, 7].into(),
            vpn: Some("green".to_owned()),
            state: LeaseRowState::Leased,
            client: "id:01".to_owned(),
            hardware_address: "02:00:5e:00:53:01".to_owned(),
            host_name: Some("pc.lan".to_owned()),
            pool: None,
            subscriber: Some("A, \"B\"".to_owned()),
            circuit_id: Some("olt1/1".to_owned()),
            remote_id: None,
            began_at: "1".to_owned(),
            changed_at: "2".to_owned(),
            expires_at: "never".to_owned(),
        };
        let mut out = Vec::new();
        write(&mut out, &[row]).unwrap();
        let text = String::from_utf8(out).unwrap();
        let expected = "192.0.2.7,green,leased,id:01,02:00:5e:00:53:01,pc.lan,,\"A, \"\"B\"\"\",olt1/1,,1,2,\
                        never\n";
        assert_eq!(text, format!("{}\n{expected}", COLUMNS.join(",")));
    }
}
