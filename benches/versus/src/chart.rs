//! A bar chart in SVG: for each cell a bar for each library, on a logarithmic axis around libzmq.

use std::fmt::Write as _;

/// The bars of one cell.
#[derive(Debug)]
pub(crate) struct Group {
    pub(crate) name: String,
    pub(crate) bars: Vec<Bar>,
}

/// A library, and its ratio to libzmq.
#[derive(Debug)]
pub(crate) struct Bar {
    pub(crate) library: &'static str,
    pub(crate) ratio: f64,
    /// What stands behind the figure.
    pub(crate) mark: &'static str,
}

/// The least and the greatest ratio with a place of its own; what lies beyond is drawn at the edge.
const LEAST: f64 = 1.0 / 8.0;
const MOST: f64 = 64.0;

const LEFT: f64 = 190.0;
const WIDTH: f64 = 640.0;
const TOP: f64 = 86.0;
const BAR: f64 = 11.0;
const GAP: f64 = 10.0;

const COLOURS: &[(&str, &str)] = &[
    ("highwater", "#0b6e99"),
    ("highwater-many", "#6cb6d9"),
    ("monocoque", "#e07a3f"),
    ("omq", "#7a9e48"),
    ("rzmq", "#b5546d"),
    ("zeromq", "#8a6fb0"),
    ("floor", "#b8b8b8"),
];

/// The chart of `groups`; `caption` says on what it was measured.
pub(crate) fn draw(groups: &[Group], caption: &str) -> String {
    #[expect(clippy::cast_precision_loss, reason = "a few hundred bars")]
    let height_of = |group: &Group| group.bars.len().max(1) as f64 * BAR + GAP;
    let height: f64 = groups.iter().map(height_of).sum();
    let (right, bottom) = (LEFT + WIDTH + 60.0, TOP + height);
    let mut svg = String::new();
    let _ = writeln!(
        svg,
        r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {right} {total}" font-family="sans-serif" font-size="11">"#,
        total = bottom + 16.0
    );
    let _ = writeln!(
        svg,
        r##"<rect width="100%" height="100%" fill="#ffffff"/>"##
    );
    let _ = writeln!(
        svg,
        r#"<text x="12" y="20" font-size="15">Ratio to libzmq in the same round: right of 1 is better</text>"#
    );
    let _ = writeln!(
        svg,
        r##"<text x="12" y="36" fill="#666666">{}</text>"##,
        escape(caption)
    );
    legend(&mut svg, groups);
    axis(&mut svg, bottom);
    let mut y = TOP + GAP / 2.0;
    for group in groups {
        let middle = y + (height_of(group) - GAP) / 2.0 + 4.0;
        let _ = writeln!(
            svg,
            r#"<text x="{x}" y="{middle}" text-anchor="end">{name}</text>"#,
            x = LEFT - 8.0,
            name = escape(&group.name)
        );
        for bar in &group.bars {
            draw_bar(&mut svg, y, bar);
            y += BAR;
        }
        y += GAP + if group.bars.is_empty() { BAR } else { 0.0 };
    }
    svg.push_str("</svg>\n");
    svg
}

fn legend(svg: &mut String, groups: &[Group]) {
    let mut x = 12.0;
    for (library, colour) in COLOURS {
        if groups
            .iter()
            .any(|group| group.bars.iter().any(|bar| bar.library == *library))
        {
            let _ = writeln!(
                svg,
                r#"<rect x="{x}" y="46" width="11" height="11" fill="{colour}"/><text x="{text}" y="56">{library}</text>"#,
                text = x + 15.0
            );
            #[expect(clippy::cast_precision_loss, reason = "a short name")]
            let letters = library.len() as f64;
            x += 40.0 + 6.0 * letters;
        }
    }
}

fn axis(svg: &mut String, bottom: f64) {
    let mut ratio = LEAST;
    while ratio <= MOST {
        let (x, colour) = (
            place(ratio),
            if ratio == 1.0 { "#444444" } else { "#dddddd" },
        );
        let label = if ratio < 1.0 {
            format!("1/{}", 1.0 / ratio)
        } else {
            ratio.to_string()
        };
        let _ = writeln!(
            svg,
            r#"<line x1="{x:.1}" y1="{TOP}" x2="{x:.1}" y2="{bottom}" stroke="{colour}"/><text x="{x:.1}" y="{y}" text-anchor="middle">{label}</text>"#,
            y = TOP - 6.0
        );
        ratio *= 2.0;
    }
}

fn draw_bar(svg: &mut String, y: f64, bar: &Bar) {
    let &Bar {
        library,
        ratio,
        mark,
    } = bar;
    let (one, end) = (place(1.0), place(ratio));
    let colour = COLOURS
        .iter()
        .find(|(name, _)| *name == library)
        .map_or("#444444", |(_, c)| c);
    let label = if ratio >= 10.0 {
        format!("{ratio:.0} {mark}")
    } else {
        format!("{ratio:.2} {mark}")
    };
    let label = label.trim_end();
    let _ = writeln!(
        svg,
        r#"<rect x="{x:.1}" y="{y:.1}" width="{width:.1}" height="{height}" fill="{colour}"><title>{library} {label}</title></rect><text x="{text:.1}" y="{base:.1}" font-size="8">{label}</text>"#,
        x = one.min(end),
        width = (end - one).abs().max(0.5),
        height = BAR - 1.5,
        text = one.max(end) + 3.0,
        base = y + BAR - 3.0,
    );
}

/// Where `ratio` lies on the axis.
fn place(ratio: f64) -> f64 {
    let position = (ratio.clamp(LEAST, MOST) / LEAST).log2() / (MOST / LEAST).log2();
    LEFT + WIDTH * position
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn better_lies_to_the_right_and_nothing_leaves_the_axis() {
        assert!(place(2.0) > place(1.0) && place(1.0) > place(0.5));
        assert_eq!(place(1e9), place(MOST));
        assert_eq!(place(0.0), LEFT);
    }

    #[test]
    fn a_chart_names_its_cells_and_escapes_what_it_quotes() {
        let group = Group {
            name: "tcp/push-pull/16".to_owned(),
            bars: vec![
                Bar {
                    library: "floor",
                    ratio: 18.0,
                    mark: "",
                },
                Bar {
                    library: "rzmq",
                    ratio: 0.5,
                    mark: "1t",
                },
            ],
        };
        let svg = draw(&[group], "a <machine> & its kernel");
        assert!(svg.contains("tcp/push-pull/16") && svg.contains(">18</text>"));
        assert!(svg.contains(">0.50 1t</text>"));
        assert!(svg.contains("a &lt;machine> &amp; its kernel"));
        let coloured = |colour: &str| svg.matches(&format!("fill=\"{colour}\"")).count();
        // In the legend and as a bar.
        assert_eq!((coloured("#b8b8b8"), coloured("#b5546d")), (2, 2));
        assert_eq!(svg.matches("<rect").count(), 2 + 2 + 1);
    }
}
