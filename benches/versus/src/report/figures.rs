//! What the samples of a peer come to: medians, ratios, and how they are written.
//!
//! Always true: a ratio is taken within one round, before the median.

use crate::run::{Figure, Series, Trouble};

/// Greater is better, whatever is measured.
pub(super) fn absolute_merit(series: &Series) -> Option<f64> {
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

pub(super) fn cpu(series: &Series) -> Option<f64> {
    median(
        series
            .samples
            .iter()
            .flatten()
            .filter_map(|sample| sample.cpu),
    )
}

pub(super) fn ratio_cell(series: &Series, reference: &Series) -> String {
    match ratios(series, reference) {
        // A figure that is compared with nothing.
        None if series.samples.iter().any(Option::is_some) => absolute_cell(series),
        Some((ratio, Some(of_p99))) => format!("{} ({})", short(ratio), short(of_p99)),
        Some((ratio, None)) => short(ratio),
        None => no_figure(series),
    }
}

pub(super) fn absolute_cell(series: &Series) -> String {
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
        Some(Figure::Number(_)) => Figure::Number(middle(main_value)).to_string(),
        Some(Figure::Thread(_)) => Figure::Thread(middle(main_value)).to_string(),
        Some(Figure::Share(_)) => Figure::Share(middle(main_value)).to_string(),
        None => no_figure(series),
    }
}

/// What bodies of `size` bytes make at the median rate of `series`.
pub(super) fn megabytes(series: &Series, size: Option<usize>) -> String {
    let rates = series.samples.iter().flatten();
    let rate = median(rates.map(|sample| main_value(sample.figure)));
    match (rate, size) {
        (Some(rate), Some(size)) => format!("{:.0} MB/s", rate * size as f64 / 1e6),
        _ => no_figure(series),
    }
}

pub(super) fn no_figure(series: &Series) -> String {
    match series.trouble {
        Some(Trouble::Unsupported(_)) | None => "n/a",
        Some(Trouble::Failed(_)) => "failed",
        Some(Trouble::Hung(_) | Trouble::OutOfTime(_)) => "too slow",
    }
    .to_owned()
}

/// The median of the ratios of each round, and for round trips that of the 99th percentiles.
pub(super) fn ratios(series: &Series, reference: &Series) -> Option<(f64, Option<f64>)> {
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

pub(super) fn main_value(figure: Figure) -> f64 {
    match figure {
        Figure::Rate(value)
        | Figure::Duration(value)
        | Figure::Memory(value)
        | Figure::Rest(value)
        | Figure::Share(value)
        | Figure::Number(value)
        | Figure::Thread(value) => value,
        Figure::RoundTrip { median, .. } => median,
    }
}

pub(super) fn p99(figure: Figure) -> f64 {
    match figure {
        Figure::RoundTrip { p99, .. } => p99,
        _ => f64::NAN,
    }
}

pub(super) fn median(values: impl Iterator<Item = f64>) -> Option<f64> {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => None,
        odd if odd % 2 == 1 => Some(values[middle]),
        _ => Some(f64::midpoint(values[middle - 1], values[middle])),
    }
}

pub(super) fn short(ratio: f64) -> String {
    if ratio.abs() >= 10.0 {
        format!("{ratio:.0}")
    } else {
        format!("{ratio:.2}")
    }
}
