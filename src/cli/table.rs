//! A table for a terminal: columns as wide as they need to be, numbers to the right.

use super::{failure::Failure, output::Output};

/// Which side of a column is straight.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    Left,
    Right,
}

#[derive(Debug, Clone)]
pub struct Table {
    columns: Vec<(&'static str, Side)>,
    rows: Vec<Vec<String>>,
}

impl Table {
    #[must_use]
    pub fn new(columns: &[(&'static str, Side)]) -> Self {
        Self { columns: columns.to_vec(), rows: Vec::new() }
    }

    pub fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().collect());
    }

    /// # Errors
    /// As [`Output::line`].
    pub fn print(&self, output: &mut Output) -> Result<(), Failure> {
        let mut lines = self.lines().into_iter();
        if let Some(header) = lines.next() {
            output.line(output.strong(&header))?;
        }
        lines.try_for_each(|line| output.line(line))
    }

    /// The header, then the rows; two spaces between columns, none at a line's end.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        let header: Vec<String> = self.columns.iter().map(|(name, _)| (*name).to_owned()).collect();
        let all = || std::iter::once(&header).chain(&self.rows);
        let width = |at: usize| all().filter_map(|row| row.get(at)).map(|cell| cell.chars().count()).max().unwrap_or(0);
        let widths: Vec<usize> = (0..self.columns.len()).map(width).collect();
        let line = |row: &Vec<String>| {
            let cells = row.iter().zip(&self.columns).zip(&widths).map(|((cell, (_, side)), &width)| match side {
                Side::Left => format!("{cell:width$}"),
                Side::Right => format!("{cell:>width$}"),
            });
            cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
        };
        all().map(line).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_straight() {
        let mut table = Table::new(&[("sku", Side::Left), ("sold", Side::Right), ("stock", Side::Left)]);
        table.row(["music-12".into(), "1,000".into(), "complete".into()]);
        table.row(["ä".into(), "7".into(), String::new()]);
        assert_eq!(table.lines(), ["sku        sold  stock", "music-12  1,000  complete", "ä             7"]);
    }
}
