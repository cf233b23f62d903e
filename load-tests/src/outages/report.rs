//! What each outage showed: second by second, and a line each.

use std::fmt;

use serde::Serialize;

use super::{
    Outage, Plan, Second, Span,
    flow::{median, within},
};
use crate::judge::verdict::Verdict;

/// Seconds in a line.
const IN_A_LINE: usize = 20;

#[derive(Debug, Serialize)]
pub struct Report {
    pub seed: u64,
    /// Orders per second.
    pub rate: u32,
    pub lasts_seconds: f64,
    pub runs: Vec<Run>,
    /// Outages that were not made, and why.
    pub left_out: Vec<(Outage, &'static str)>,
    pub clean: bool,
}

/// One outage.
#[derive(Debug, Serialize)]
pub struct Run {
    pub outage: Outage,
    pub span: Span,
    /// Orders that the ledger had recorded when it was ended.
    pub recorded: u64,
    /// Deliveries that were acknowledged by then.
    pub acknowledged: u64,
    /// Deliveries that workers held by then, neither announced nor acknowledged.
    pub held: u64,
    /// Times that the broker told workers' connections that it takes no publications.
    pub blocked: u64,
    /// Orders that were in the queues when it took effect.
    pub waiting: u64,
    /// From the outage's end until results came at the orders' rate.
    pub seconds_to_full: Option<f64>,
    /// Until what had been consumed by then was acknowledged.
    pub seconds_to_acknowledged: Option<f64>,
    /// Until no more orders waited than come in a second.
    pub seconds_to_drained: Option<f64>,
    pub ended_by_themselves: u64,
    pub seconds: Vec<Second>,
    pub verdict: Verdict,
}

/// What a run looks like before, during and after.
struct Phases<'a> {
    before: &'a [Second],
    during: &'a [Second],
    after: &'a [Second],
}

impl Run {
    fn phases(&self) -> Phases<'_> {
        let Span { began, over } = self.span;
        Phases {
            before: within(&self.seconds, 0.0, began),
            during: within(&self.seconds, began, over),
            after: within(&self.seconds, over, f64::INFINITY),
        }
    }

    pub(super) fn in_short(&self) -> String {
        let during = self.phases().during;
        format!(
            "{}: {} consumed and {} results in its {:.0} s; full flow {} after its end, drained {}; {}",
            self.outage.as_str(),
            during.iter().map(|second| second.consumed).sum::<u64>(),
            during.iter().map(|second| second.results).sum::<u64>(),
            self.span.over - self.span.began,
            seconds(self.seconds_to_full),
            seconds(self.seconds_to_drained),
            said(self.verdict.clean)
        )
    }
}

impl Report {
    pub(super) fn new(plan: &Plan, runs: Vec<Run>) -> Self {
        let clean = runs.iter().all(|run| run.verdict.clean);
        Self {
            seed: plan.seed,
            rate: plan.rate,
            lasts_seconds: plan.lasts.as_secs_f64(),
            runs,
            left_out: plan.left_out.clone(),
            clean,
        }
    }

    /// The last line, which tells all in short.
    fn in_short(&self) -> String {
        let left_out: Vec<&str> = self.left_out.iter().map(|(outage, _)| outage.as_str()).collect();
        let left_out = if left_out.is_empty() { String::new() } else { format!(", left out: {}", left_out.join(", ")) };
        match self.runs.iter().find(|run| !run.verdict.clean) {
            None => format!(
                "CLEAN: {} outages of {:.0} s each{left_out}; seed {}",
                self.runs.len(),
                self.lasts_seconds,
                self.seed
            ),
            Some(run) => {
                let failed = run.verdict.checks.iter().filter(|check| check.offenders > 0).map(|check| check.name);
                let failed: Vec<&str> = failed.collect();
                format!("NOT CLEAN: {}: {}{left_out}; seed {}", run.outage.as_str(), failed.join(", "), self.seed)
            }
        }
    }
}

fn said(clean: bool) -> &'static str {
    if clean { "CLEAN" } else { "NOT CLEAN" }
}

fn seconds(time: Option<f64>) -> String {
    time.map_or("never".to_owned(), |time| format!("{time:.1} s"))
}

fn lines(f: &mut fmt::Formatter<'_>, what: &str, seconds: &[Second], number: impl Fn(&Second) -> u64) -> fmt::Result {
    for (at, line) in seconds.chunks(IN_A_LINE).enumerate() {
        let numbers: Vec<String> = line.iter().map(|second| format!("{:>5}", number(second))).collect();
        writeln!(f, "{:<22}{}", if at == 0 { what } else { "" }, numbers.join(""))?;
    }
    Ok(())
}

impl fmt::Display for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "—— {}", self.outage.as_str())?;
        let Phases { before, during, after } = self.phases();
        for (phase, of_phase) in [("before", before), ("during", during), ("after", after)] {
            lines(f, &format!("{phase}: consumed"), of_phase, |second| second.consumed)?;
            lines(f, &format!("{phase}: acknowledged"), of_phase, |second| second.acknowledged)?;
            lines(f, &format!("{phase}: results"), of_phase, |second| second.results)?;
        }
        writeln!(f, "{}", self.verdict)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.runs.iter().try_for_each(|run| write!(f, "{run}"))?;
        writeln!(f, "{} orders a second, {:.0} s each; per second, the median:", self.rate, self.lasts_seconds)?;
        writeln!(
            f,
            "{:<16}{:>9}{:>9}{:>10}{:>9}{:>8}{:>9}{:>7}{:>11}{:>11}{:>10}  verdict",
            "outage",
            "results",
            "waiting",
            "consumed",
            "results",
            "lowest",
            "acked",
            "held",
            "full flow",
            "announced",
            "drained"
        )?;
        writeln!(
            f,
            "{:<16}{:>9}{:>9}{:>10}{:>9}{:>8}{:>9}{:>7}{:>11}{:>11}{:>10}",
            "", "before", "at first", "in all", "during", "second", "in all", "at end", "after", "after", "after"
        )?;
        for run in &self.runs {
            let Phases { before, during, .. } = run.phases();
            let of = |seconds: &[Second], number: fn(&Second) -> u64| seconds.iter().map(number).collect::<Vec<_>>();
            let results = of(during, |second| second.results);
            writeln!(
                f,
                "{:<16}{:>9}{:>9}{:>10}{:>9}{:>8}{:>9}{:>7}{:>11}{:>11}{:>10}  {}",
                run.outage.as_str(),
                median(of(before, |second| second.results)),
                run.waiting,
                of(during, |second| second.consumed).iter().sum::<u64>(),
                median(results.clone()),
                results.iter().min().copied().unwrap_or(0),
                of(during, |second| second.acknowledged).iter().sum::<u64>(),
                run.held,
                seconds(run.seconds_to_full),
                seconds(run.seconds_to_acknowledged),
                seconds(run.seconds_to_drained),
                said(run.verdict.clean)
            )?;
        }
        for (outage, why) in &self.left_out {
            writeln!(f, "left out: {}, {why}", outage.as_str())?;
        }
        write!(f, "{}", self.in_short())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_left_out_stands_in_the_report_and_in_its_last_line() {
        let report = Report {
            seed: 7,
            rate: 200,
            lasts_seconds: 60.0,
            runs: Vec::new(),
            left_out: vec![(Outage::PostgresFull, "one has to be root")],
            clean: true,
        };
        let text = report.to_string();
        assert!(text.contains("\nleft out: postgres-full, one has to be root\n"), "{text}");
        assert!(text.ends_with("CLEAN: 0 outages of 60 s each, left out: postgres-full; seed 7"), "{text}");
    }
}
