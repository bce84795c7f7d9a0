//! Measures `highwater` beside libzmq, other Rust libraries and bare sockets, in the same run. See README.md.

mod chart;
mod child;
mod peers;
mod plan;
mod report;
mod run;

use std::path::PathBuf;
use std::process::ExitCode;
use std::str::FromStr;
use std::time::Duration;

use lexopt::prelude::*;

use crate::child::{Job, Side};
use crate::peers::Entry;
use crate::run::Options;

const HELP: &str = "\
Compares messaging libraries, in the same run and always as a ratio to libzmq.

Usage: versus run [OPTIONS]     measure, and print tables
       versus list              show the cells and the peers of this build

Options of `run`:
  --quick            a cell of each kind, 0.4 s each
  --cells A,B        these cells: whole names, or beginnings with * for a segment (tcp/push-pull, */req-rep/16)
  --peers A,B        these peers, in this order; libzmq is what the others are compared with; of a library
                     and its variant on one thread (rzmq,rzmq-1t) the better is shown in each cell
  --rounds N         rounds; every peer is measured once in each [5]
  --seconds S        length of one measurement [0.7]
  --warm-up S        what precedes it and does not count [0.25]
  --limit S          what one peer may take for one cell, all rounds together; then it is left out [120]
  --out DIR          where table.md, chart.svg and samples.csv go [target/versus]
";

fn main() -> ExitCode {
    match command() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("versus: {error}");
            ExitCode::FAILURE
        }
    }
}

fn command() -> Result<(), lexopt::Error> {
    let mut arguments = lexopt::Parser::from_env();
    let command = match arguments.next()? {
        Some(Value(word)) => word.string()?,
        Some(Short('h') | Long("help")) | None => {
            print!("{HELP}");
            return Ok(());
        }
        Some(other) => return Err(other.unexpected()),
    };
    match command.as_str() {
        "run" => run_command(arguments),
        "list" => {
            list();
            Ok(())
        }
        "child" => child_command(arguments),
        _ => Err(format!("there is no command {command}; try --help").into()),
    }
}

fn list() {
    println!("cells:");
    for cell in plan::ALL {
        println!("  {cell}");
    }
    println!("peers:");
    for peer in peers::all() {
        println!("  {:14} {}", peer.name, peer.settings);
    }
}

fn run_command(mut arguments: lexopt::Parser) -> Result<(), lexopt::Error> {
    let (mut cells, mut quick) = (Vec::new(), false);
    let mut names: Vec<String> = Vec::new();
    let (mut rounds, mut seconds, mut warm_up) = (5, None, None);
    let mut limit = Duration::from_secs(120);
    let mut out = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("target/versus");
    while let Some(argument) = arguments.next()? {
        match argument {
            Long("quick") => quick = true,
            Long("cells") => cells.extend(words(arguments.value()?.string()?)),
            Long("peers") => names.extend(words(arguments.value()?.string()?)),
            Long("rounds") => rounds = arguments.value()?.parse()?,
            Long("seconds") => seconds = Some(arguments.value()?.parse_with(duration)?),
            Long("warm-up") => warm_up = Some(arguments.value()?.parse_with(duration)?),
            Long("limit") => limit = arguments.value()?.parse_with(duration)?,
            Long("out") => out = arguments.value()?.into(),
            Short('h') | Long("help") => {
                print!("{HELP}");
                return Ok(());
            }
            other => return Err(other.unexpected()),
        }
    }
    if rounds == 0 {
        return Err("a run has at least one round".into());
    }
    let options = Options {
        cells: plan::select(&cells, if quick { plan::QUICK } else { plan::ALL })?,
        peers: if names.is_empty() {
            peers::all()
        } else {
            names
                .iter()
                .map(|name| peer(name))
                .collect::<Result<_, _>>()?
        },
        rounds,
        span: seconds.unwrap_or(Duration::from_millis(if quick { 400 } else { 700 })),
        warm_up: warm_up.unwrap_or(Duration::from_millis(if quick { 150 } else { 250 })),
        limit,
    };
    let results = run::run(&options)?;
    report::write(&options, &results, &out)?;
    Ok(())
}

fn child_command(mut arguments: lexopt::Parser) -> Result<(), lexopt::Error> {
    let (mut name, mut job) = (
        None,
        Job {
            cell: "tcp/push-pull/16".parse().map_err(|error: String| error)?,
            side: Side::Both,
            at: String::new(),
            warm_up: Duration::ZERO,
            span: Duration::ZERO,
        },
    );
    while let Some(argument) = arguments.next()? {
        match argument {
            Long("peer") => name = Some(arguments.value()?.string()?),
            Long("cell") => job.cell = arguments.value()?.parse()?,
            Long("side") => job.side = arguments.value()?.parse_with(Side::from_str)?,
            Long("at") => job.at = arguments.value()?.string()?,
            Long("seconds") => job.span = arguments.value()?.parse_with(duration)?,
            Long("warm-up") => job.warm_up = arguments.value()?.parse_with(duration)?,
            other => return Err(other.unexpected()),
        }
    }
    let entry = peer(&name.ok_or("a child needs a peer")?)?;
    if let Err(failure) = child::main(&entry, &job) {
        child::complain(failure);
    }
    Ok(())
}

fn peer(name: &str) -> Result<Entry, String> {
    peers::all()
        .into_iter()
        .find(|peer| peer.name == name)
        .ok_or_else(|| format!("this build has no peer {name}; `versus list` shows them"))
}

fn words(list: String) -> Vec<String> {
    list.split(',')
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect()
}

fn duration(seconds: &str) -> Result<Duration, String> {
    let seconds: f64 = seconds
        .parse()
        .map_err(|_| "not a number of seconds".to_owned())?;
    Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string())
}
