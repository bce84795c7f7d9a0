//! Ratios, medians, and which variant of a library is shown.

use super::figures::median;
use super::machine::locked_version;
use super::*;
use crate::run::{Sample, Series};

fn series(rates: &[Option<f64>]) -> Series {
    let sample = |rate| Sample {
        figure: Figure::Rate(rate),
        cpu: None,
    };
    Series {
        samples: rates.iter().map(|rate| rate.map(sample)).collect(),
        trouble: None,
    }
}

#[test]
fn a_ratio_is_taken_within_a_round_before_the_median() {
    // Each round twice as fast as libzmq, on a machine that was ten times slower in the second.
    let libzmq = series(&[Some(100.0), Some(10.0), Some(100.0)]);
    let other = series(&[Some(200.0), Some(20.0), Some(200.0)]);
    assert_eq!(ratios(&other, &libzmq), Some((2.0, None)));
}

#[test]
fn a_round_in_which_either_failed_does_not_count() {
    let libzmq = series(&[Some(100.0), None, Some(100.0)]);
    let other = series(&[None, Some(900.0), Some(300.0)]);
    assert_eq!(ratios(&other, &libzmq), Some((3.0, None)));
    assert_eq!(ratios(&series(&[None]), &libzmq), None);
}

#[test]
fn megabytes_are_those_of_the_median_rate() {
    let rates = [Some(1e6), None, Some(3e6), Some(2e6)];
    assert_eq!(megabytes(&series(&rates), Some(64)), "128 MB/s");
    assert_eq!(megabytes(&series(&[None]), Some(64)), "n/a");
}

#[test]
fn of_round_trips_the_shorter_is_the_better() {
    let trips = |median, p99| Series {
        samples: vec![Some(Sample {
            figure: Figure::RoundTrip { median, p99 },
            cpu: None,
        })],
        trouble: None,
    };
    assert_eq!(
        ratios(&trips(10.0, 20.0), &trips(40.0, 100.0)),
        Some((4.0, Some(5.0)))
    );
}

#[test]
fn what_is_next_to_nothing_is_told_and_not_compared() {
    let at_rest = |share| Series {
        samples: vec![Some(Sample {
            figure: Figure::Rest(share),
            cpu: None,
        })],
        trouble: None,
    };
    assert_eq!(ratios(&at_rest(0.01), &at_rest(0.0)), None);
    assert_eq!(ratio_cell(&at_rest(0.01), &at_rest(0.0)), "10.00 ms/s");
}

#[test]
fn of_a_library_the_better_variant_is_shown_in_each_cell_and_other_calls_are_not_its_variant() {
    let entry = |name| Entry::named(name);
    let peers = [
        "libzmq",
        "highwater",
        "highwater-many",
        "rzmq",
        "rzmq-1t",
        "omq-1t",
    ]
    .map(entry);
    let columns = columns(&peers);
    let names: Vec<&str> = columns.iter().map(|column| column.name).collect();
    assert_eq!(
        names,
        ["libzmq", "highwater", "highwater-many", "rzmq", "omq-1t"]
    );
    let best_of_rzmq = |rates: [Option<f64>; 2]| {
        let mut of_peers: Vec<Series> = (0..6).map(|_| series(&[Some(100.0)])).collect();
        of_peers[3] = series(&[rates[0]]);
        of_peers[4] = series(&[rates[1]]);
        let result = CellResult {
            cell: "tcp/push-pull/16".parse().expect("a cell"),
            aspect: "",
            of_peers,
        };
        assert_eq!(
            columns[3].best(&result, Some(0)),
            columns[3].best(&result, None)
        );
        peers[columns[3].best(&result, Some(0))].name
    };
    assert_eq!(best_of_rzmq([Some(10.0), Some(20.0)]), "rzmq-1t");
    assert_eq!(best_of_rzmq([Some(20.0), Some(10.0)]), "rzmq");
    assert_eq!(best_of_rzmq([None, Some(10.0)]), "rzmq-1t");
    assert_eq!(best_of_rzmq([None, None]), "rzmq");
}

#[test]
fn the_median_of_an_even_number_lies_between_the_middle_two() {
    assert_eq!(median([4.0, 1.0, 2.0, 3.0].into_iter()), Some(2.5));
    assert_eq!(median(std::iter::empty()), None);
}

#[test]
fn a_locked_version_is_found_by_the_whole_name() {
    let lock = "name = \"omq-tokio\"\nversion = \"1.2.3\"\n\nname = \"omq\"\nversion = \"4.5.6\"\n";
    assert_eq!(locked_version(lock, "omq"), Some("4.5.6"));
    assert_eq!(locked_version(lock, "mq"), None);
}
