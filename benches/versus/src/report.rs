//! What a run found: tables in Markdown, every sample in CSV, a chart.
//!
//! Always true: a ratio is taken within one round, and the median of a peer's ratios is reported, so that whatever made
//! a round slow has slowed both; above 1 is better than libzmq, and in the cells of tasks better than bare tokio, whatever
//! the cell measures. A library that was measured both ways, with its threads and on one, is shown by the better of the two in each cell, in all tables and the chart.

mod figures;
mod machine;
#[cfg(test)]
mod tests;

use std::fmt::Write as _;
use std::path::Path;

use self::figures::{
    absolute_cell, absolute_merit, cpu, main_value, megabytes, ratio_cell, ratios,
};
use self::machine::{machine, version};
use crate::chart;
use crate::peers::{Entry, FLOOR, LIBZMQ};
use crate::plan::{Calls, FAIRNESS};
use crate::run::{CellResult, Figure, Options};

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
    for calls in [Calls::Blocking, Calls::Async] {
        let of_calls = |result: &&CellResult| result.cell.calls == calls;
        let rows: Vec<&CellResult> = results.iter().filter(of_calls).collect();
        let Some(reference) = reference(options, calls) else {
            continue;
        };
        if rows.is_empty() {
            continue;
        }
        let _ = writeln!(
            text,
            "\nRatio to {} in the same round; above 1 is better. In brackets: of the 99th percentile.\n",
            match calls {
                Calls::Blocking => "libzmq",
                Calls::Async => "the floor, bare tokio on one thread,",
            }
        );
        table(&mut text, options, &rows, |result, peer| {
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

/// The peers without a figure, or without one in every round: why, and in which cells.
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
                let peer = column.best(result, reference(options, result.cell.calls));
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

/// The peer that others are measured against, if it takes part.
fn reference(options: &Options, calls: Calls) -> Option<usize> {
    let name = match calls {
        Calls::Blocking => LIBZMQ,
        Calls::Async => FLOOR,
    };
    options.peers.iter().position(|peer| peer.name == name)
}

/// For the chart: in each cell every library against libzmq. How evenly peers are heard, and the cells of tasks, stand in the
/// tables alone.
fn bars(options: &Options, results: &[CellResult]) -> Vec<chart::Group> {
    let Some(reference) = reference(options, Calls::Blocking) else {
        return Vec::new();
    };
    let mut groups = Vec::new();
    let of_speed = |result: &&CellResult| {
        result.cell.calls == Calls::Blocking && !FAIRNESS.contains(&result.aspect)
    };
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
                    Figure::Number(_) => ("", String::new()),
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
