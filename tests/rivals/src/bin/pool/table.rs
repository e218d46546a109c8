//! A table with a row for each contender, and under it who is best. Less is better wherever a
//! column is judged.

use std::fmt;

use bowline_link::BoxError;

use crate::contender::{CONTENDERS, Each, Trial, all};

/// One figure of each contender.
#[derive(Debug)]
pub(crate) struct Column {
    pub(crate) name: &'static str,
    pub(crate) decimals: usize,
    /// Whether it says who is best; others only explain.
    pub(crate) is_judged: bool,
}

/// What a scenario came to.
#[derive(Debug)]
pub(crate) struct Table<const N: usize> {
    title: String,
    columns: [Column; N],
    rows: Each<[f64; N]>,
}

const NAME_WIDTH: usize = 28;

// === impl Column ===

impl Column {
    /// A column in which the least is best.
    pub(crate) const fn judged(name: &'static str, decimals: usize) -> Self {
        Self {
            name,
            decimals,
            is_judged: true,
        }
    }

    /// A column that explains.
    pub(crate) const fn told(name: &'static str, decimals: usize) -> Self {
        Self {
            name,
            decimals,
            is_judged: false,
        }
    }

    fn width(&self) -> usize {
        self.name.len().max(8)
    }

    fn shown(&self, figure: f64) -> String {
        if figure.is_infinite() {
            return "never".to_owned();
        }
        format!("{figure:.*}", self.decimals)
    }
}

// === impl Table ===

impl<const N: usize> Table<N> {
    pub(crate) fn new(title: String, columns: [Column; N], rows: Each<[f64; N]>) -> Self {
        Self {
            title,
            columns,
            rows,
        }
    }

    /// The table of a trial whose outcomes are the rows.
    pub(crate) fn of(
        title: String,
        columns: [Column; N],
        trial: &impl Trial<Outcome = [f64; N]>,
    ) -> Result<Self, BoxError> {
        Ok(Self::new(title, columns, all(trial)?))
    }

    /// Who is best in one column, as it is shown: nobody wins by what nobody sees.
    fn best(&self, nth: usize) -> String {
        let column = &self.columns[nth];
        let (_, first) = &self.rows[0];
        let least = self
            .rows
            .iter()
            .fold(first[nth], |least, (_, row)| least.min(row[nth]));
        let shown = column.shown(least);
        let tied = self
            .rows
            .iter()
            .filter(|(_, row)| column.shown(row[nth]) == shown);
        let names: Vec<&str> = tied.map(|(name, _)| *name).collect();
        if names.len() == CONTENDERS {
            return format!("{} {shown}: all alike", column.name);
        }
        format!("{} {shown}: {}", column.name, names.join(" and "))
    }
}

impl<const N: usize> fmt::Display for Table<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "\n{}", self.title)?;
        write!(f, "  {:<NAME_WIDTH$}", "")?;
        for column in &self.columns {
            write!(f, "  {:>1$}", column.name, column.width())?;
        }
        for (name, row) in &self.rows {
            write!(f, "\n  {name:<NAME_WIDTH$}")?;
            for (column, figure) in self.columns.iter().zip(row) {
                write!(f, "  {:>1$}", column.shown(*figure), column.width())?;
            }
        }
        let judged = (0..N).filter(|nth| self.columns[*nth].is_judged);
        let best: Vec<String> = judged.map(|nth| self.best(nth)).collect();
        write!(f, "\n  best: {}", best.join("; "))
    }
}
