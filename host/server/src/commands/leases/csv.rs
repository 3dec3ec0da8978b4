//! Leases as CSV (RFC 4180), except that lines end in a line feed only.

use std::{
    borrow::Cow,
    io::{self, Write},
};

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
pub(super) fn write(out: &mut impl Write, rows: &[LeaseRow]) -> io::Result<()> {
    writeln!(out, "{}", COLUMNS.join(","))?;
    rows.iter().try_for_each(|row| writeln!(out, "{}", line(row)))
}

fn line(row: &LeaseRow) -> String {
    let address = row.address.to_string();
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    let cells: [&str; 13] = [
        &address,
        &text(&row.vpn),
        row.state.name(),
        &row.client,
        &row.hardware_address,
        &text(&row.host_name),
        &text(&row.pool),
        &text(&row.subscriber),
        &text(&row.circuit_id),
        &text(&row.remote_id),
        &row.began_at,
        &row.changed_at,
        &row.expires_at,
    ];
    cells.map(cell).join(",")
}

fn cell(text: &str) -> Cow<'_, str> {
    match text.contains([',', '"', '\n', '\r']) {
        true => format!("\"{}\"", text.replace('"', "\"\"")).into(),
        false => text.into(),
    }
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
