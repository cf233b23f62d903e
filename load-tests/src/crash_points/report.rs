//! The table of a run, and whether all of it is clean.

use std::fmt;

use serde::Serialize;

use crate::arguments::Outcome;

/// What came of one point and one action.
#[derive(Debug, Clone, Serialize)]
pub struct Row {
    pub point: &'static str,
    pub action: &'static str,
    /// How often it happened; two workers, each once.
    pub fired: u64,
    pub seconds: f64,
    pub clean: bool,
    /// What is wrong, in lines.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub wrong: Vec<String>,
}

#[derive(Debug, Serialize)]
pub struct Report {
    pub seed: u64,
    pub orders_each: u64,
    pub points: usize,
    pub actions: usize,
    pub seconds: f64,
    pub clean: bool,
    pub rows: Vec<Row>,
}

impl Report {
    pub(super) fn new(seed: u64, orders_each: u64, seconds: f64, mut rows: Vec<Row>, order: &[&str]) -> Self {
        rows.sort_by_key(|row| order.iter().position(|point| *point == row.point));
        let distinct =
            |name: fn(&Row) -> &'static str| rows.iter().map(name).collect::<std::collections::BTreeSet<_>>().len();
        let (points, actions) = (distinct(|row| row.point), distinct(|row| row.action));
        let clean = !rows.is_empty() && rows.iter().all(|row| row.clean);
        Self { seed, orders_each, points, actions, seconds, clean, rows }
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.clean { "ok" } else { "FAIL" };
        write!(f, "{sign:<5} {:<20} {:<6} fired {:>2}  {:>6.1} s", self.point, self.action, self.fired, self.seconds)?;
        self.wrong.iter().try_for_each(|wrong| write!(f, "\n      {wrong}"))
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.rows.iter().try_for_each(|row| writeln!(f, "{row}"))?;
        let Self { points, actions, orders_each, seed, seconds, .. } = self;
        write!(f, "{points} points, {actions} actions, {orders_each} orders each, seed {seed}, {seconds:.0} s")
    }
}

impl Outcome for Report {
    fn clean(&self) -> bool {
        self.clean
    }

    fn in_short(&self) -> String {
        if self.clean {
            return format!("{} points x {} actions, all fired", self.points, self.actions);
        }
        let silent = self.rows.iter().filter(|row| row.fired == 0).count();
        let wrong = self.rows.iter().filter(|row| !row.clean).count();
        format!("{wrong} of {} cases ({silent} never fired)", self.rows.len())
    }
}
