//! `fulfil order check`: would these orders be accepted? Nothing is sent, and nobody is asked: what only the
//! ledger knows (a known id, stock) is not looked at.

use std::path::PathBuf;

use fulfil_contract::{
    ids::OrderId,
    order::{Decoded, decode, unknown_fields},
    reason::Reason,
};
use serde::Serialize;

use super::{
    context::Context,
    failure::{Exit, Failure},
    input,
    order_lines::{OrderLines, OrderText},
    output::Output,
    summary::grouped,
};

const CHUNK_LINES: usize = 1000;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Orders, one JSON object a line; `-` is stdin
    #[arg(value_name = "FILE|-")]
    pub file: PathBuf,
}

/// What is to be said of a line.
#[derive(Debug, Serialize)]
struct Checked {
    line: u64,
    /// `None` where no valid one can be read.
    order_id: Option<OrderId>,
    ok: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<Reason>,
    /// Paths of fields that the contract does not name; they are ignored.
    unknown_fields: Vec<String>,
}

#[derive(Debug, Default)]
struct Counts {
    lines: u64,
    bad: u64,
    with_unknown: u64,
}

/// # Errors
/// [`Failure`]: 65 when an order would be refused.
pub async fn execute(args: Args, context: &Context) -> Result<(), Failure> {
    let mut file = OrderLines::new(input::open(&args.file, "orders file")?);
    let mut output = Output::stdout();
    let mut counts = Counts::default();
    loop {
        let chunk = file.chunk(CHUNK_LINES).map_err(|error| input::unreadable(&args.file, "orders file", &error))?;
        if chunk.is_empty() {
            break;
        }
        for line in &chunk {
            let checked = check(line);
            counts.lines += 1;
            counts.bad += u64::from(!checked.ok);
            counts.with_unknown += u64::from(!checked.unknown_fields.is_empty());
            if context.is_json() {
                output.json(&checked)?;
            } else {
                tell(&checked, &mut output)?;
            }
        }
    }
    if !context.is_json() {
        output.line(summary(&counts))?;
    }
    output.flush()?;
    match counts.bad {
        0 => Ok(()),
        bad => Err(Failure::new(
            Exit::Data,
            format!(
                "{} of {} orders would be refused; docs/contract.md says what an order is",
                grouped(bad),
                grouped(counts.lines)
            ),
        )),
    }
}

fn check(line: &OrderText) -> Checked {
    let unknown_fields = unknown_fields(&line.body);
    let (order_id, problem) = match decode(&line.body) {
        Decoded::Order(order) => (Some(order.order_id), None),
        Decoded::Refused(refusal) => (refusal.order_id, Some(marked(refusal.reason, &line.body))),
    };
    Checked { line: line.number, order_id, ok: problem.is_none(), problem, unknown_fields }
}

/// An editor shows no byte order mark, so its owner has to be told of it.
fn marked(reason: Reason, body: &[u8]) -> Reason {
    if !body.starts_with("\u{feff}".as_bytes()) {
        return reason;
    }
    Reason::new(reason.code, "the line begins with a byte order mark: save the file as UTF-8 without one")
}

/// Only what a person has to look at.
fn tell(checked: &Checked, output: &mut Output) -> Result<(), Failure> {
    let Checked { line, order_id, problem, unknown_fields, ok: _ } = checked;
    let id = order_id.as_ref().map_or("no order id", OrderId::as_str);
    if let Some(reason) = problem {
        output.line(format_args!("line {line} ({id}): {}", reason.detail))?;
    }
    if !unknown_fields.is_empty() {
        let s = if unknown_fields.len() == 1 { "" } else { "s" };
        output.line(format_args!("line {line} ({id}): unknown field{s}, ignored: {}", unknown_fields.join(", ")))?;
    }
    Ok(())
}

fn summary(counts: &Counts) -> String {
    let Counts { lines, bad, with_unknown } = *counts;
    let mut text = match lines {
        1 => "1 order: ".to_owned(),
        lines => format!("{} orders: ", grouped(lines)),
    };
    text.push_str(&match (bad, lines - bad) {
        (0, _) => "ok".into(),
        (bad, good) => format!("{} ok, {} bad", grouped(good), grouped(bad)),
    });
    if with_unknown > 0 {
        text.push_str(&format!(", {} with unknown fields", grouped(with_unknown)));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_byte_order_mark_is_named() {
        let checked = check(&OrderText { number: 1, body: "\u{feff}{}".into() });
        assert!(checked.problem.unwrap().detail.contains("byte order mark"));
    }

    #[test]
    fn the_summary_counts() {
        let summed = |lines, bad, with_unknown| summary(&Counts { lines, bad, with_unknown });
        assert_eq!(summed(1, 0, 0), "1 order: ok");
        assert_eq!(summed(10_000, 2, 1), "10,000 orders: 9,998 ok, 2 bad, 1 with unknown fields");
        assert_eq!(summed(0, 0, 0), "0 orders: ok");
    }
}
