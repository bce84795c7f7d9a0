//! The papers name tests, figures, files and pages that exist.

#[path = "support/repository.rs"]
mod repository;

use std::fs;
use std::path::{Path, PathBuf};

use repository::home;

/// The table of failures names the test of each: a file in `tests/`, or one test in it.
#[test]
fn every_failure_that_is_described_has_its_test() {
    let page = read("docs/FAILURES.md");
    let rows: Vec<_> = page.lines().filter(|line| line.starts_with('|')).collect();
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
            let text = fs::read_to_string(home().join("tests").join(file).with_extension("rs"));
            let text = text.unwrap_or_else(|error| panic!("{name}: {error}"));
            let there = test.is_none_or(|test| text.contains(&format!("fn {test}(")));
            assert!(there, "no test {name}");
        }
    }
}

/// The table of features tells how many crates each brings, and how many of them are ours.
#[cfg(target_os = "linux")]
#[test]
fn each_feature_costs_the_crates_that_the_readme_says() {
    use std::collections::BTreeSet;
    use std::process::Command;

    let section = section("Install");
    let rows: Vec<_> = section
        .lines()
        .filter(|line| line.starts_with('|'))
        .collect();
    assert!(rows.len() >= 4, "the table is gone");
    for row in &rows[2..] {
        let row: Vec<_> = columns(row).collect();
        let mut tree = Command::new(env!("CARGO"));
        tree.args("tree --offline --edges normal --prefix none --package highwater".split(' '));
        if let Some(feature) = row[0].strip_prefix('`') {
            tree.args(["--features", feature.trim_end_matches('`')]);
        }
        let tree = tree.current_dir(home()).output().expect("cargo runs");
        let tree = String::from_utf8(tree.stdout).expect("names of crates");
        let crates: BTreeSet<_> = tree
            .lines()
            .filter_map(|line| line.split(' ').next())
            .filter(|name| !name.is_empty())
            .collect();
        let ours = crates.iter().filter(|name| name.starts_with("highwater"));
        let (all, ours) = (crates.len().to_string(), ours.count().to_string());
        assert_eq!((&*all, &*ours), (row[1], row[2]), "{}: {crates:?}", row[0]);
    }
}

/// Whoever finds a crate in the registry finds its page and its licences, and nothing that only this repository needs.
#[test]
fn each_package_brings_its_page_and_its_licences() {
    for folder in ["", "buffers", "curve", "patterns"] {
        let list = std::process::Command::new(env!("CARGO"))
            .args("package --list --offline --allow-dirty --manifest-path".split(' '))
            .arg(home().join(folder).join("Cargo.toml"))
            .output()
            .expect("cargo runs");
        let list = String::from_utf8(list.stdout).expect("names of files");
        for file in ["README.md", "LICENSE-APACHE", "LICENSE-MIT", "src/lib.rs"] {
            assert!(
                list.lines().any(|line| line == file),
                "{folder}: no {file} in {list}"
            );
        }
        for name in list.lines() {
            let ours = ["src", "benches", "examples", "tests", "docs"];
            let (folder, _) = name.split_once('/').unwrap_or(("", name));
            let hidden = name.starts_with('.') && name != ".cargo_vcs_info.json";
            assert!(
                !hidden && (folder.is_empty() || ours.contains(&folder)),
                "{name}"
            );
        }
    }
}

/// The oldest compiler is named by the manifests, and the pages say the same; the gate compiles with it.
#[test]
fn the_pages_name_the_oldest_compiler() {
    let oldest = |manifest: &str| {
        let manifest = read(manifest);
        let line = manifest
            .lines()
            .find_map(|line| line.strip_prefix("rust-version = \""));
        line.and_then(|line| line.strip_suffix('"'))
            .expect("a version")
            .to_owned()
    };
    let (all, curve) = (oldest("Cargo.toml"), oldest("curve/Cargo.toml"));
    for (page, version) in [
        ("README.md", &all),
        ("README.md", &curve),
        ("src/lib.rs", &all),
        ("src/lib.rs", &curve),
        ("buffers/README.md", &all),
        ("patterns/README.md", &all),
        ("curve/README.md", &curve),
    ] {
        let named = read(page).contains(&format!("Rust {version}"));
        assert!(named, "{page} does not name Rust {version}");
    }
}

/// The rows of "Speed" are those of the same cells in the page of all results.
#[test]
fn the_figures_of_the_readme_stand_among_the_results() {
    let results = read("benches/versus/RESULTS.md");
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
    let rows = readme.lines().filter(|line| line.starts_with("| `"));
    let (tasks, threads): (Vec<_>, Vec<_>) = rows
        .map(|row| columns(row).collect::<Vec<_>>())
        .partition(|row| row[0].contains("/async-"));
    assert_eq!((threads.len(), tasks.len()), (6, 1), "the rows stay");
    for row in threads {
        // The cell, what it is, and then the figures; the column of `highwater-many` is not among them.
        let mut results = figures_of(row[0].trim_matches('`'));
        results.remove(3);
        assert_eq!(row[2..], results[1..], "{}", row[0]);
    }
    for row in tasks {
        // The cell and its medians; the 99th percentiles, in brackets, are not among them.
        let results = figures_of(row[0].trim_matches('`'));
        let medians = results[1..].iter().map(|figure| {
            let median = figure.split(" (").next();
            median.expect("a piece")
        });
        assert_eq!(row[1..], medians.collect::<Vec<_>>(), "{}", row[0]);
    }
}

/// Pages that describe the code.
const PAGES: [&str; 12] = [
    "README.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    "ARCHITECTURE.md",
    "docs/DECISIONS.md",
    "docs/FAILURES.md",
    "docs/GUARANTEES.md",
    "docs/LIBZMQ.md",
    "docs/OPTIONS.md",
    "docs/THREADS.md",
    "docs/WORDS.md",
    "benches/versus/RESULTS.md",
];

/// A page names a source file as `engine/timers.rs`: the end of a path that exists.
#[test]
fn every_source_file_that_a_page_names_exists() {
    let mut files = Vec::new();
    for root in [
        "src", "patterns", "buffers", "curve", "tests", "benches", "examples",
    ] {
        sources(&home().join(root), &mut files);
    }
    let mut missing = Vec::new();
    for page in PAGES.iter().filter(|page| **page != "CHANGELOG.md") {
        // Every second piece stands between backticks.
        for name in read(page).split('`').skip(1).step_by(2) {
            if name.ends_with(".rs") && !name.contains("NAME") && !name.contains([' ', '*', '<']) {
                let end = Path::new(name);
                if !files.iter().any(|file| file.ends_with(end)) {
                    missing.push(format!("{page}: `{name}`"));
                }
            }
        }
    }
    assert!(missing.is_empty(), "no such files: {missing:#?}");
}

/// A newcomer reads it in ten minutes.
#[test]
fn the_page_of_the_architecture_stays_short() {
    let words = read("ARCHITECTURE.md").split_whitespace().count();
    assert!(words <= 2000, "{words} words");
}

/// A link within the project leads to a file.
#[test]
fn every_link_between_pages_leads_somewhere() {
    let mut dead = Vec::new();
    let mut links = 0;
    for page in PAGES {
        let folder = home().join(page).parent().expect("a folder").to_owned();
        let text = read(page);
        for target in text.split("](").skip(1) {
            let target = target.split([')', '#']).next().expect("a piece");
            if target.is_empty() || target.contains("://") {
                continue;
            }
            links += 1;
            if !folder.join(target).exists() {
                dead.push(format!("{page}: {target}"));
            }
        }
    }
    assert!(links > 5, "the links are read");
    assert!(dead.is_empty(), "dead links: {dead:#?}");
}

fn section(name: &str) -> String {
    let readme = read("README.md");
    let mut sections = readme.split("\n## ");
    let section = sections.find(|section| section.starts_with(&format!("{name}\n")));
    section.expect("it has the section").to_owned()
}

/// The columns of a row, without the bars.
fn columns(row: &str) -> impl Iterator<Item = &str> {
    row.trim_matches([' ', '|']).split(" | ").map(str::trim)
}

fn sources(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            if path.file_name().is_some_and(|name| name != "target") {
                sources(&path, files);
            }
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

fn read(page: &str) -> String {
    fs::read_to_string(home().join(page)).unwrap_or_else(|error| panic!("{page}: {error}"))
}
