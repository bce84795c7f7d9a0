//! What the README says of tests and figures is so.

use std::fs;
use std::path::Path;

/// The table "When things fail" names the test of each failure: a file in `tests/`, or one test in it.
#[test]
fn every_failure_of_the_readme_has_its_test() {
    let home = Path::new(env!("CARGO_MANIFEST_DIR"));
    let section = section("When things fail");
    let rows: Vec<_> = section
        .lines()
        .filter(|line| line.starts_with('|'))
        .collect();
    assert!(rows.len() > 10, "the table is gone");
    for row in &rows[2..] {
        let tests = row.trim_end_matches([' ', '|']).rsplit('|').next();
        let tests = tests.expect("a row has columns").trim();
        if tests == "the same" {
            continue;
        }
        for name in tests.split(", ") {
            let name = name.trim_matches('`');
            let (file, test) = match name.split_once("::") {
                Some((file, test)) => (file, Some(test)),
                None => (name, None),
            };
            let text = fs::read_to_string(home.join("tests").join(file).with_extension("rs"));
            let text = text.unwrap_or_else(|error| panic!("{name}: {error}"));
            let there = test.is_none_or(|test| text.contains(&format!("fn {test}(")));
            assert!(there, "no test {name}");
        }
    }
}

/// The six rows of "Speed" are those of the same cells in the page of all results.
#[test]
fn the_figures_of_the_readme_stand_among_the_results() {
    let home = Path::new(env!("CARGO_MANIFEST_DIR"));
    let results = fs::read_to_string(home.join("benches/versus/RESULTS.md")).expect("the results");
    let figures_of = |cell: &str| {
        let row = results
            .lines()
            .find(|row| row.starts_with(&format!("| {cell} |")));
        let row = row.unwrap_or_else(|| panic!("no result of {cell}"));
        columns(row)
            .map(|figure| figure.trim_end_matches(" 1t").replace("p99 ", ""))
            .collect::<Vec<_>>()
    };
    let readme = section("Speed");
    let rows: Vec<_> = readme
        .lines()
        .filter(|line| line.starts_with("| `"))
        .collect();
    assert_eq!(rows.len(), 6, "six rows stay");
    for row in rows {
        // The cell, what it is, and then the figures; the column of `highwater-many` is not among them.
        let row: Vec<_> = columns(row).collect();
        let mut results = figures_of(row[0].trim_matches('`'));
        results.remove(3);
        assert_eq!(row[2..], results[1..], "{}", row[0]);
    }
}

fn section(name: &str) -> String {
    let home = Path::new(env!("CARGO_MANIFEST_DIR"));
    let readme = fs::read_to_string(home.join("README.md")).expect("there is a README");
    let mut sections = readme.split("\n## ");
    let section = sections.find(|section| section.starts_with(&format!("{name}\n")));
    section.expect("it has the section").to_owned()
}

/// The columns of a row, without the bars.
fn columns(row: &str) -> impl Iterator<Item = &str> {
    row.trim_matches([' ', '|']).split(" | ").map(str::trim)
}
