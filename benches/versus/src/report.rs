//! What a run found: tables in Markdown, every sample in CSV, a chart.
//!
//! Always true: a ratio is taken within one round, and the median of a peer's ratios is reported, so that whatever made
//! a round slow has slowed both; above 1 is better than libzmq, whatever the cell measures. A library that was measured
//! both ways, with its threads and on one, is shown by the better of the two in each cell, in all tables and the chart.

use std::fmt::Write as _;
use std::path::Path;

use crate::chart;
use crate::peers::{Entry, LIBZMQ};
use crate::plan::FAIRNESS;
use crate::run::{CellResult, Figure, Options, Series, Trouble};

/// Prints the tables, and leaves them with the samples and the chart in `folder`.
pub(crate) fn write(
    options: &Options,
    results: &[CellResult],
    folder: &Path,
) -> Result<(), String> {
    let table = tables(options, results);
    println!("{table}");
    let save = || -> std::io::Result<()> {
        std::fs::create_dir_all(folder)?;
        std::fs::write(folder.join("table.md"), &table)?;
        std::fs::write(folder.join("samples.csv"), samples(options, results))?;
        std::fs::write(
            folder.join("chart.svg"),
            chart::draw(&bars(options, results), &machine()),
        )
    };
    save().map_err(|error| format!("cannot write to {}: {error}", folder.display()))?;
    eprintln!(
        "table.md, chart.svg and samples.csv are in {}",
        folder.display()
    );
    Ok(())
}

fn tables(options: &Options, results: &[CellResult]) -> String {
    let mut text = String::new();
    let reference = reference(options);
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let _ = writeln!(
        text,
        "{}; `versus {}`; medians of {} rounds.\n",
        machine(),
        arguments.join(" "),
        options.rounds
    );
    for peer in &options.peers {
        let _ = writeln!(text, "- {} {}: {}", peer.name, version(peer), peer.settings);
    }
    if columns(&options.peers)
        .iter()
        .any(|column| column.peers.len() > 1)
    {
        let _ = writeln!(
            text,
            "\nOf a library and its variant `-1t` the better stands in each cell, marked `{MARK}` if it is that on one thread."
        );
    }
    let all: Vec<&CellResult> = results.iter().collect();
    if let Some(reference) = reference {
        text.push_str("\nRatio to libzmq in the same round; above 1 is better. In brackets: of the 99th percentile.\n\n");
        table(&mut text, options, &all, |result, peer| {
            if peer == reference {
                absolute_cell(&result.of_peers[peer])
            } else {
                ratio_cell(&result.of_peers[peer], &result.of_peers[reference])
            }
        });
    }
    text.push_str("\nAbsolute.\n\n");
    table(&mut text, options, &all, |result, peer| {
        absolute_cell(&result.of_peers[peer])
    });
    let streams: Vec<&CellResult> = results
        .iter()
        .filter(|result| result.cell.streamed_size().is_some() && result.aspect.is_empty())
        .collect();
    if !streams.is_empty() {
        text.push_str("\nMegabytes of bodies a second (MB/s; 10^6 bytes).\n\n");
        table(&mut text, options, &streams, |result, peer| {
            let series = &result.of_peers[peer];
            megabytes(series, result.cell.streamed_size())
        });
    }
    // What a million messages cost, in the cells where messages are counted.
    let counted: Vec<&CellResult> = results
        .iter()
        .filter(|result| result.of_peers.iter().any(|series| cpu(series).is_some()))
        .collect();
    if !counted.is_empty() {
        text.push_str("\nCPU seconds of both sides per million messages (or round trips); in io-threads of the PULL's process alone.\n\n");
        table(&mut text, options, &counted, |result, peer| {
            cpu(&result.of_peers[peer]).map_or("-".to_owned(), |seconds| format!("{seconds:.3}"))
        });
    }
    let notes = troubles(options, results);
    if !notes.is_empty() {
        text.push_str("\nWithout a figure, or not in every round:\n\n");
        for (trouble, cells) in notes {
            let _ = writeln!(text, "- {trouble} ({})", cells.join(", "));
        }
    }
    text
}

/// A column of the tables: a library, and the peers that may stand for it.
#[derive(Debug, PartialEq)]
struct Column {
    name: &'static str,
    peers: Vec<usize>,
}

/// Stands beside a figure of the variant on one thread, where the other was measured, too.
const MARK: &str = "1t";

fn columns(peers: &[Entry]) -> Vec<Column> {
    let mut columns: Vec<Column> = Vec::new();
    for (number, peer) in peers.iter().enumerate() {
        let known = columns
            .iter_mut()
            .find(|column| peers[column.peers[0]].library() == peer.library());
        match known {
            Some(column) => {
                column.name = peer.library();
                column.peers.push(number);
            }
            None => columns.push(Column {
                name: peer.name,
                peers: vec![number],
            }),
        }
    }
    columns
}

impl Column {
    /// The peer that did best in `result`; the first, if none of them has a figure.
    fn best(&self, result: &CellResult, reference: Option<usize>) -> usize {
        let merit = |peer: usize| {
            let series = &result.of_peers[peer];
            let ratio = reference.and_then(|it| ratios(series, &result.of_peers[it]));
            (ratio.map(|(ratio, _)| ratio), absolute_merit(series))
        };
        let better = |best, peer| {
            if merit(peer) > merit(best) {
                peer
            } else {
                best
            }
        };
        self.peers
            .iter()
            .copied()
            .reduce(better)
            .unwrap_or_default()
    }
}

/// Greater is better, whatever is measured.
fn absolute_merit(series: &Series) -> Option<f64> {
    median(
        series
            .samples
            .iter()
            .flatten()
            .map(|sample| match sample.figure {
                Figure::Rate(rate) => rate,
                other => -main_value(other),
            }),
    )
}

fn cpu(series: &Series) -> Option<f64> {
    median(
        series
            .samples
            .iter()
            .flatten()
            .filter_map(|sample| sample.cpu),
    )
}

/// Who has no figure, or not in every round, and why; and in which cells.
fn troubles(options: &Options, results: &[CellResult]) -> Vec<(String, Vec<String>)> {
    let mut notes: Vec<(String, Vec<String>)> = Vec::new();
    for result in results {
        for (peer, series) in options.peers.iter().zip(&result.of_peers) {
            let Some(trouble) = &series.trouble else {
                continue;
            };
            let (note, cell) = (format!("{}: {trouble}", peer.name), result.cell.to_string());
            match notes.iter_mut().find(|(known, _)| *known == note) {
                // The aspects of a cell share their troubles.
                Some((_, cells)) if cells.contains(&cell) => {}
                Some((_, cells)) => cells.push(cell),
                None => notes.push((note, vec![cell])),
            }
        }
    }
    notes
}

/// A table with a row for each cell and a column for each library.
fn table(
    text: &mut String,
    options: &Options,
    rows: &[&CellResult],
    entry: impl Fn(&CellResult, usize) -> String,
) {
    let columns = columns(&options.peers);
    let names: Vec<&str> = columns.iter().map(|column| column.name).collect();
    let _ = writeln!(text, "| cell | {} |", names.join(" | "));
    let _ = writeln!(text, "|---|{}", "---:|".repeat(names.len()));
    for result in rows {
        let row: Vec<String> = columns
            .iter()
            .map(|column| {
                let peer = column.best(result, reference(options));
                let marked = column.peers.len() > 1
                    && options.peers[peer].is_one_thread()
                    && absolute_merit(&result.of_peers[peer]).is_some();
                let mark = if marked {
                    [" ", MARK].concat()
                } else {
                    String::new()
                };
                entry(result, peer) + &mark
            })
            .collect();
        let _ = writeln!(text, "| {} | {} |", result.name(), row.join(" | "));
    }
}

fn ratio_cell(series: &Series, reference: &Series) -> String {
    match ratios(series, reference) {
        // A figure that is compared with nothing.
        None if series.samples.iter().any(Option::is_some) => absolute_cell(series),
        Some((ratio, Some(of_p99))) => format!("{} ({})", short(ratio), short(of_p99)),
        Some((ratio, None)) => short(ratio),
        None => no_figure(series),
    }
}

fn absolute_cell(series: &Series) -> String {
    let figures: Vec<Figure> = series
        .samples
        .iter()
        .flatten()
        .map(|sample| sample.figure)
        .collect();
    let middle =
        |of: fn(Figure) -> f64| median(figures.iter().copied().map(of)).unwrap_or(f64::NAN);
    match figures.first() {
        Some(Figure::Rate(_)) => Figure::Rate(middle(main_value)).to_string(),
        Some(Figure::RoundTrip { .. }) => Figure::RoundTrip {
            median: middle(main_value),
            p99: middle(p99),
        }
        .to_string(),
        Some(Figure::Duration(_)) => Figure::Duration(middle(main_value)).to_string(),
        Some(Figure::Memory(_)) => Figure::Memory(middle(main_value)).to_string(),
        Some(Figure::Rest(_)) => Figure::Rest(middle(main_value)).to_string(),
        Some(Figure::Thread(_)) => Figure::Thread(middle(main_value)).to_string(),
        Some(Figure::Share(_)) => Figure::Share(middle(main_value)).to_string(),
        None => no_figure(series),
    }
}

/// What bodies of `size` bytes make at the median rate of `series`.
fn megabytes(series: &Series, size: Option<usize>) -> String {
    let rates = series.samples.iter().flatten();
    let rate = median(rates.map(|sample| main_value(sample.figure)));
    match (rate, size) {
        (Some(rate), Some(size)) => format!("{:.0} MB/s", rate * size as f64 / 1e6),
        _ => no_figure(series),
    }
}

fn no_figure(series: &Series) -> String {
    match series.trouble {
        Some(Trouble::Unsupported(_)) | None => "n/a",
        Some(Trouble::Failed(_)) => "failed",
        Some(Trouble::Hung(_) | Trouble::OutOfTime(_)) => "too slow",
    }
    .to_owned()
}

/// The median of the ratios of each round, and for round trips that of the 99th percentiles.
fn ratios(series: &Series, reference: &Series) -> Option<(f64, Option<f64>)> {
    let rounds = || {
        let pairs = series.samples.iter().zip(&reference.samples);
        pairs.filter_map(|(mine, theirs)| Some((mine.as_ref()?.figure, theirs.as_ref()?.figure)))
    };
    let ratio = median(rounds().filter_map(|(mine, theirs)| match mine {
        Figure::Rate(_) | Figure::Share(_) => Some(main_value(mine) / main_value(theirs)),
        // Both are next to nothing, and nothing has no multiples.
        Figure::Rest(_) => None,
        _ => Some(main_value(theirs) / main_value(mine)),
    }))?;
    let is_round_trip = |(mine, _): &(Figure, Figure)| matches!(mine, Figure::RoundTrip { .. });
    let of_p99 = median(
        rounds()
            .filter(is_round_trip)
            .map(|(mine, theirs)| p99(theirs) / p99(mine)),
    );
    Some((ratio, of_p99))
}

fn main_value(figure: Figure) -> f64 {
    match figure {
        Figure::Rate(value)
        | Figure::Duration(value)
        | Figure::Memory(value)
        | Figure::Rest(value)
        | Figure::Share(value)
        | Figure::Thread(value) => value,
        Figure::RoundTrip { median, .. } => median,
    }
}

fn p99(figure: Figure) -> f64 {
    match figure {
        Figure::RoundTrip { p99, .. } => p99,
        _ => f64::NAN,
    }
}

fn median(values: impl Iterator<Item = f64>) -> Option<f64> {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => None,
        odd if odd % 2 == 1 => Some(values[middle]),
        _ => Some(f64::midpoint(values[middle - 1], values[middle])),
    }
}

fn short(ratio: f64) -> String {
    if ratio.abs() >= 10.0 {
        format!("{ratio:.0}")
    } else {
        format!("{ratio:.2}")
    }
}

fn reference(options: &Options) -> Option<usize> {
    options.peers.iter().position(|peer| peer.name == LIBZMQ)
}

/// For the chart: in each cell every library against libzmq. How evenly peers are heard stands in the tables alone.
fn bars(options: &Options, results: &[CellResult]) -> Vec<chart::Group> {
    let Some(reference) = reference(options) else {
        return Vec::new();
    };
    let mut groups = Vec::new();
    let of_speed = |result: &&CellResult| !FAIRNESS.contains(&result.aspect);
    for result in results.iter().filter(of_speed) {
        let mut bars = Vec::new();
        for column in columns(&options.peers) {
            let peer = column.best(result, Some(reference));
            let ratio = ratios(&result.of_peers[peer], &result.of_peers[reference]);
            let (Some((ratio, _)), true) = (ratio, peer != reference) else {
                continue;
            };
            bars.push(chart::Bar {
                library: options.peers[peer].library(),
                ratio,
                mark: if options.peers[peer].is_one_thread() {
                    MARK
                } else {
                    ""
                },
            });
        }
        if !bars.is_empty() {
            groups.push(chart::Group {
                name: result.name(),
                bars,
            });
        }
    }
    groups
}

fn samples(options: &Options, results: &[CellResult]) -> String {
    let mut text = String::from("cell,peer,round,value,p99,unit,cpu_seconds_per_million\n");
    for result in results {
        for (peer, series) in options.peers.iter().zip(&result.of_peers) {
            for (round, sample) in series.samples.iter().enumerate() {
                let Some(sample) = sample else { continue };
                let (unit, p99) = match sample.figure {
                    Figure::Rate(_) => ("messages/s", String::new()),
                    Figure::RoundTrip { p99, .. } => ("ns", p99.to_string()),
                    Figure::Duration(_) => ("s", String::new()),
                    Figure::Memory(_) => ("bytes/connection", String::new()),
                    Figure::Rest(_) => ("CPU s/s", String::new()),
                    Figure::Thread(_) => ("CPU s/million", String::new()),
                    Figure::Share(_) => ("messages/message", String::new()),
                };
                let cpu = sample.cpu.map(|cpu| cpu.to_string()).unwrap_or_default();
                let value = main_value(sample.figure);
                let _ = writeln!(
                    text,
                    "{},{},{},{value},{p99},{unit},{cpu}",
                    result.name(),
                    peer.name,
                    round + 1
                );
            }
        }
    }
    text
}

/// The version of a peer's package in this build.
fn version(peer: &Entry) -> String {
    let locked = locked_version(include_str!("../Cargo.lock"), peer.package).unwrap_or("?");
    #[cfg(feature = "libzmq")]
    if peer.name == LIBZMQ {
        let (major, minor, patch) = zmq::version();
        return format!("{major}.{minor}.{patch} through {} {locked}", peer.package);
    }
    if peer.library() == peer.package {
        locked.to_owned()
    } else {
        format!("({} {locked})", peer.package)
    }
}

fn locked_version<'a>(lock: &'a str, package: &str) -> Option<&'a str> {
    let name = format!("name = \"{package}\"");
    let mut lines = lock.lines().skip_while(|line| *line != name);
    lines
        .nth(1)?
        .strip_prefix("version = \"")?
        .strip_suffix('"')
}

/// The machine, in a few words.
fn machine() -> String {
    let read = |path| std::fs::read_to_string(path).unwrap_or_default();
    let cpuinfo = read("/proc/cpuinfo");
    let model = cpuinfo
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let model = model.map_or(std::env::consts::ARCH, |(_, model)| model);
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let release = read("/proc/sys/kernel/osrelease");
    format!(
        "{model}, {cores} cores, {} {}",
        std::env::consts::OS,
        release.trim()
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::Sample;

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
        let lock =
            "name = \"omq-tokio\"\nversion = \"1.2.3\"\n\nname = \"omq\"\nversion = \"4.5.6\"\n";
        assert_eq!(locked_version(lock, "omq"), Some("4.5.6"));
        assert_eq!(locked_version(lock, "mq"), None);
    }
}
