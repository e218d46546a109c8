//! Figures as Markdown that can be read as it is.

use std::fmt::Write;
use std::time::Duration;

use crate::contender::{BUDGET, Contender};
use crate::figures::Figures;
use crate::owed::Owed;
use crate::world::PROCESSES;

/// A figure of one seed.
type Figure = fn(&Figures) -> f64;

/// A column: its name, its figure, how many decimals are shown.
const COLUMNS: [(&str, Figure, usize); 10] = [
    ("dials per client", Figures::dials_mean, 1),
    ("at most", |seed| f64::from(seed.dials_max), 0),
    ("peak/100 ms", |seed| seed.peak_100_ms as f64, 0),
    ("peak/s", |seed| seed.peak_second as f64, 0),
    ("back/100 ms", |seed| seed.back_100_ms as f64, 0),
    ("back/s", |seed| seed.back_second as f64, 0),
    ("x mean", |seed| seed.back_ratio, 2),
    ("half", |seed| seconds(seed.half), 2),
    ("99 %", |seed| seconds(seed.most), 2),
    ("all", |seed| seconds(seed.all), 2),
];

/// What was played, and how the table is read.
pub(crate) fn intro(clients: u32, seeds: u64) -> String {
    let processes = PROCESSES.len();
    format!(
        "{clients} clients in {processes} processes; their server is killed, refuses for 20 s, \
         listens again. {seeds} seeds; base 1 s, cap 10 s.\n\
         Each figure is that of the worst seed, with the median in brackets.\n\n\
         * dials per client, and of the one that dialed most: from the hang-up until all are back\n\
         * peak: the most dials in any 100 ms and in any second of that time, wherever they begin\n\
         * back: the same in the recovery, which is from when the server listens again until all \
         are back\n\
         * x mean: the peak second of the recovery as a multiple of its mean second; a recovery \
         shorter than a second counts as one\n\
         * half, 99 %, all: seconds from when the server listens again until so many are back\n"
    )
}

/// A row for each contender, and below how each was set up.
pub(crate) fn table(rows: &[(&Contender, Vec<Figures>)]) -> String {
    let mut cells = vec![header()];
    cells.extend(
        rows.iter()
            .map(|(contender, figures)| row(contender, figures)),
    );
    let widths: Vec<usize> = (0..=COLUMNS.len())
        .map(|nth| cells.iter().map(|row| row[nth].len()).max().unwrap_or(0))
        .collect();
    let mut page = String::new();
    for (nth, row) in cells.iter().enumerate() {
        line(&mut page, row, &widths);
        if nth == 0 {
            let rule: Vec<_> = widths.iter().enumerate().map(rule).collect();
            line(&mut page, &rule, &widths);
        }
    }
    page.push('\n');
    for (contender, _) in rows {
        let Contender { name, used, .. } = contender;
        writeln!(page, "* {name}: {used}").expect("a string takes anything");
    }
    let (rate, burst, in_flight) = (BUDGET.per_second, BUDGET.burst, BUDGET.in_flight);
    writeln!(
        page,
        "* the budget of a process: {rate} dials a second, {burst} at once after a rest, \
         {in_flight} under way, handshakes included"
    )
    .expect("a string takes anything");
    page
}

/// A line for each thing that is asked of ours.
pub(crate) fn verdicts(owed: &[Owed]) -> String {
    let lines = owed.iter().map(|owed| {
        let verdict = match owed.is_reached {
            true => "reached",
            false => "NOT REACHED",
        };
        format!("{}: {verdict}", owed.text)
    });
    lines.collect::<Vec<_>>().join("\n")
}

fn header() -> Vec<String> {
    let names = COLUMNS.iter().map(|(name, ..)| (*name).to_owned());
    std::iter::once(String::new()).chain(names).collect()
}

fn row(contender: &Contender, figures: &[Figures]) -> Vec<String> {
    let cells = COLUMNS.iter().map(|(_, figure, decimals)| {
        let mut over: Vec<f64> = figures.iter().map(figure).collect();
        over.sort_by(f64::total_cmp);
        let worst = over.last().copied().unwrap_or(f64::NAN);
        let median = over.get(over.len() / 2).copied().unwrap_or(f64::NAN);
        format!("{worst:.decimals$} ({median:.decimals$})")
    });
    std::iter::once(contender.name.to_owned())
        .chain(cells)
        .collect()
}

fn rule((nth, width): (usize, &usize)) -> String {
    match nth {
        0 => "-".repeat(*width),
        _ => format!("{}:", "-".repeat(width - 1)),
    }
}

fn line(page: &mut String, cells: &[String], widths: &[usize]) {
    let padded = cells.iter().zip(widths).enumerate();
    let padded = padded.map(|(nth, (cell, width))| match nth {
        0 => format!("{cell:<width$}"),
        _ => format!("{cell:>width$}"),
    });
    let padded: Vec<_> = padded.collect();
    writeln!(page, "| {} |", padded.join(" | ")).expect("a string takes anything");
}

fn seconds(time: Duration) -> f64 {
    time.as_secs_f64()
}
