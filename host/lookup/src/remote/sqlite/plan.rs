//! SQLite's plan for a query: whether it reads a whole table for each key.
//!
//! Refuses no query, because a table may be small.

use rusqlite::Connection;

/// A warning for each table that a query reads completely.
pub(super) fn warnings(connection: &Connection, query: &str) -> Vec<String> {
    // A query that cannot be explained gets no warning; another check validates it.
    let steps = steps(connection, query).unwrap_or_default();
    scanned(&steps)
        .map(|(table, step)| {
            format!(
                "its query reads the whole of {table} for each key ({step}): create an index on \
                 the column that it compares with $1, as in CREATE INDEX by_key ON {table} (…)"
            )
        })
        .collect()
}

/// The steps of the plan, as SQLite describes them.
fn steps(connection: &Connection, query: &str) -> rusqlite::Result<Vec<String>> {
    let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {query}"))?;
    let mut rows = statement.raw_query();
    let mut steps = Vec::new();
    while let Some(row) = rows.next()? {
        steps.push(row.get("detail")?);
    }
    Ok(steps)
}

/// The tables that are read completely, with the step that reads them.
fn scanned(steps: &[String]) -> impl Iterator<Item = (&str, &str)> {
    // The result of a subquery is not a table.
    let made = |name: &str| {
        let is_made = |step: &String| {
            ["CO-ROUTINE ", "MATERIALIZE "].iter().any(|verb| step.strip_prefix(verb) == Some(name))
        };
        steps.iter().any(is_made)
    };
    steps.iter().filter_map(move |step| {
        let (verb, rest) = step.split_once(' ')?;
        let (table, how) = rest.split_once(' ').unwrap_or((rest, ""));
        let is_whole = match verb {
            "SCAN" => !rest.contains("CONSTANT ROW") && !how.starts_with("VIRTUAL TABLE"),
            // SQLite builds this index for each query, from the whole table.
            "SEARCH" => how.starts_with("USING AUTOMATIC"),
            _ => false,
        };
        (is_whole && !made(table)).then_some((table, &**step))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_that_read_a_whole_table_are_distinguished_from_others() {
        let database = Connection::open_in_memory().unwrap();
        let tables = "CREATE TABLE ports (id INTEGER PRIMARY KEY, port TEXT, plan TEXT);
                      CREATE TABLE plans (plan TEXT PRIMARY KEY, pool TEXT);
                      CREATE INDEX by_plan ON ports (plan);
                      CREATE TABLE a (x TEXT, y TEXT); CREATE TABLE b (x TEXT, y TEXT);";
        database.execute_batch(tables).unwrap();
        for (query, expected) in [
            ("SELECT plan FROM ports WHERE port = $1", &["ports"][..]),
            ("SELECT port FROM ports WHERE upper(plan) = $1", &["ports"]),
            ("SELECT plan FROM ports WHERE plan LIKE '%' || $1", &["ports"]),
            ("SELECT port FROM ports WHERE plan = $1", &[]),
            ("SELECT port FROM ports WHERE id = $1", &[]),
            ("SELECT pool FROM ports JOIN plans USING (plan) WHERE port = $1", &["ports"]),
            ("SELECT pool FROM ports JOIN plans USING (plan) WHERE id = $1", &[]),
            ("SELECT b.y FROM a LEFT JOIN b ON b.x = a.x WHERE a.y = $1", &["a", "b"]),
            ("SELECT $1 AS key", &[]),
            ("WITH found(p) AS (VALUES ($1)) SELECT p FROM found", &[]),
            (
                "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) \
                 SELECT i FROM n WHERE i = $1 LIMIT 1",
                &[],
            ),
        ] {
            let steps = steps(&database, query).unwrap();
            let found: Vec<_> = scanned(&steps).map(|(table, _)| table).collect();
            assert_eq!(found, expected, "{query}: {steps:?}");
        }
        let told = warnings(&database, "SELECT plan FROM ports WHERE port = $1");
        assert!(told[0].contains("reads the whole of ports for each key (SCAN ports)"), "{told:?}");
    }
}
