//! The report as a picture: one group of bars for each case, on a logarithmic scale.

use std::fmt::Write;

use super::BenchReport;
use super::table::number;

const WIDTH: f64 = 900.0;
/// Where the bars begin and end.
const LEFT: f64 = 190.0;
const RIGHT: f64 = 800.0;
const BAR: f64 = 14.0;
const GAP: f64 = 12.0;
/// Colours that differ for people who do not tell red from green, too (Okabe and Ito's).
const COLOURS: [&str; 7] = ["#0072b2", "#d55e00", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#000000"];

/// A file in SVG 1.1 that refers to nothing else.
pub(super) fn svg(report: &BenchReport) -> String {
    let values = || report.figures.iter().map(|figure| figure.nanoseconds.median).filter(|ns| *ns > 0.0);
    // Whole powers of ten around all values. What is not above zero has a bar without length.
    let low = values().fold(f64::INFINITY, f64::min).log10().floor();
    let low = if low.is_finite() { low } else { 0.0 };
    let high = values().fold(0.0, f64::max).log10().ceil().max(low + 1.0);
    let x = |ns: f64| {
        let part = if ns > 0.0 { ((ns.log10() - low) / (high - low)).clamp(0.0, 1.0) } else { 0.0 };
        LEFT + part * (RIGHT - LEFT)
    };
    let mut subjects: Vec<&str> = Vec::new();
    let (mut bars, mut y) = (String::new(), 70.0);
    // Writing to a string cannot fail.
    for figures in report.cases() {
        let middle = y + BAR * figures.len() as f64 / 2.0 + 4.0;
        let (label, case) = (LEFT - 8.0, escape(figures[0].case));
        let _ = writeln!(bars, "<text x=\"{label:.1}\" y=\"{middle:.1}\" text-anchor=\"end\">{case}</text>");
        for figure in figures {
            let at = subjects.iter().position(|subject| *subject == figure.subject).unwrap_or_else(|| {
                subjects.push(figure.subject);
                subjects.len() - 1
            });
            let (time, colour) = (figure.nanoseconds, COLOURS[at % COLOURS.len()]);
            let (end, height, middle) = (x(time.median), BAR - 2.0, y + BAR / 2.0 - 1.0);
            let width = end - LEFT;
            let subject = escape(figure.subject);
            let shown = number(time.median);
            let _ = writeln!(
                bars,
                "<rect x=\"{LEFT:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" fill=\"{colour}\">\
                 <title>{case}, {subject}: {shown} ± {} ns</title></rect>",
                number(time.mad)
            );
            let (from, to) = (x(time.min), x(time.max));
            let _ = writeln!(
                bars,
                "<line x1=\"{from:.1}\" y1=\"{middle:.1}\" x2=\"{to:.1}\" y2=\"{middle:.1}\" stroke=\"#555\"/>"
            );
            let (text_x, text_y) = (to.max(end) + 5.0, y + BAR - 4.0);
            let _ =
                writeln!(bars, "<text x=\"{text_x:.1}\" y=\"{text_y:.1}\" font-size=\"10\">{shown}</text>");
            y += BAR;
        }
        y += GAP;
    }
    let height = y + 30.0;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH:.0}\" height=\"{height:.0}\" \
         viewBox=\"0 0 {WIDTH:.0} {height:.0}\" font-family=\"sans-serif\" font-size=\"12\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n\
         <text x=\"10\" y=\"22\" font-size=\"15\">Nanoseconds per call or item, logarithmic: median, and lowest to \
         highest sample</text>\n"
    );
    for (at, subject) in subjects.iter().enumerate() {
        let (left, colour) = (LEFT + at as f64 * 90.0, COLOURS[at % COLOURS.len()]);
        let (text, subject) = (left + 16.0, escape(subject));
        let _ =
            writeln!(svg, "<rect x=\"{left:.1}\" y=\"36\" width=\"12\" height=\"12\" fill=\"{colour}\"/>");
        let _ = writeln!(svg, "<text x=\"{text:.1}\" y=\"46\">{subject}</text>");
    }
    let bottom = y - GAP + 4.0;
    let mut power = low;
    while power <= high {
        let (at, text) = (x(10_f64.powf(power)), bottom + 16.0);
        let _ = writeln!(
            svg,
            "<line x1=\"{at:.1}\" y1=\"60\" x2=\"{at:.1}\" y2=\"{bottom:.1}\" stroke=\"#ddd\"/>"
        );
        let shown = 10_f64.powf(power);
        let _ = writeln!(
            svg,
            "<text x=\"{at:.1}\" y=\"{text:.1}\" text-anchor=\"middle\" font-size=\"10\">{shown}</text>"
        );
        power += 1.0;
    }
    svg + &bars + "</svg>\n"
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::super::{Figure, statistics::Summary, table};
    use super::*;

    fn report() -> BenchReport {
        let figure = |case, subject, ns: f64| Figure {
            case,
            subject,
            nanoseconds: Summary { median: ns, mad: ns / 10.0, min: ns * 0.9, max: ns * 1.5, samples: 3 },
        };
        BenchReport {
            optimised: true,
            clock: Summary { median: 20.0, mad: 1.0, min: 19.0, max: 30.0, samples: 3 },
            figures: vec![figure("a < b", "rust", 1.0), figure("a < b", "c", 2.0), figure("none", "c", 0.0)],
        }
    }

    /// Every tag that is opened is closed, in order, and every bar lies in the picture.
    #[test]
    fn a_chart_is_well_formed() {
        for report in [report(), BenchReport { figures: Vec::new(), ..report() }] {
            let svg = svg(&report);
            let mut open = Vec::new();
            for tag in svg.split('<').skip(1).map(|tag| tag.split('>').next().unwrap()) {
                if let Some(name) = tag.strip_prefix('/') {
                    assert_eq!(open.pop(), Some(name), "{svg}");
                } else if !tag.ends_with('/') {
                    open.push(tag.split(' ').next().unwrap());
                }
            }
            assert!(open.is_empty());
            assert!(!svg.contains("NaN") && !svg.contains("inf") && !svg.contains("=\"-"), "{svg}");
            assert_eq!(svg.matches("<title>").count(), report.figures.len());
        }
        // One decade wide: 1 begins where 10 ends.
        assert!(svg(&report()).contains("<title>a &lt; b, c: 2.00 ± 0.20 ns</title>"));
    }

    #[test]
    fn a_table_is_aligned() {
        let text = table::text(&report());
        let lines: Vec<&str> = text.lines().take(3).collect();
        assert_eq!(
            lines,
            [
                "ns, median ± MAD         rust                    c",
                "a < b             1.00 ± 0.10  2.00 ± 0.20 (2.00×)",
                "none                        -          0.00 ± 0.00",
            ]
        );
        assert!(text.contains("Reading the clock takes 20.0 ± 1.00 ns"));
        let json: serde_json::Value = serde_json::from_str(&report().json()).unwrap();
        assert_eq!(json["figures"][1]["median_ns"], 2.0);
        assert_eq!(json["clock"]["samples"], 3);
        assert_eq!(json["optimised"], true);
    }
}
