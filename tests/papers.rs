//! What the README says of tests is so.

use std::fs;
use std::path::Path;

/// The table "When things fail" names the test of each failure: a file in `tests/`, or one test in it.
#[test]
fn every_failure_of_the_readme_has_its_test() {
    let home = Path::new(env!("CARGO_MANIFEST_DIR"));
    let readme = fs::read_to_string(home.join("README.md")).expect("there is a README");
    let section = readme
        .split("\n## ")
        .find(|section| section.starts_with("When things fail\n"))
        .expect("it has the section");
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
