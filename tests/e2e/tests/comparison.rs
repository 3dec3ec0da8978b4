//! The comparison with other servers: its table has exactly the existing cases, and this server
//! answers as the table shows.

use lessor_e2e::{
    built,
    compare::{cases, play, rows_of_guide},
    require,
    subject::Kind,
};

fn guide() -> String {
    std::fs::read_to_string(built::checkout().join("docs/operators.md")).unwrap()
}

#[test]
fn the_guide_compares_the_servers_in_every_case_and_in_no_other() {
    let rows = rows_of_guide(&guide());
    let names: Vec<&str> = rows.iter().map(|row| row.case.as_str()).collect();
    let expected: Vec<&str> = cases().iter().map(|case| case.name).collect();
    assert_eq!(names, expected, "run cargo xtask compare --write");
    for row in rows {
        assert_eq!(row.answers.len(), Kind::ALL.len(), "{row:?}");
        assert!(row.answers.iter().all(|answer| !answer.is_empty()), "{row:?}");
    }
}

#[test]
fn this_server_answers_as_the_guide_says() {
    require!(root, ip);
    let cases = cases();
    let answered = play(&cases, &[Kind::Lessor], &|_, _| ());
    for (row, answered) in rows_of_guide(&guide()).iter().zip(&answered) {
        assert_eq!(row.answers[0], answered.answers[0], "{}", row.case);
    }
}
