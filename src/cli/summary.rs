//! What a run or a worker did: the same counts for a program and for a shopkeeper.

use serde::Serialize;

use super::{Context, Failure, output::Output};
use crate::pool::Done;

/// Counts of deliveries (file lines in `run`); each stands in one column besides `orders`, which is their sum.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Summary {
    pub orders: u64,
    pub fulfilled: u64,
    pub partly_fulfilled: u64,
    pub processing: u64,
    pub rejected: u64,
    pub conflict: u64,
    pub repeats: u64,
    pub keys_delivered: u64,
    pub seconds: f64,
}

impl Summary {
    #[must_use]
    pub fn of(done: &Done) -> Self {
        let tally = done.tally;
        Self {
            orders: tally.orders(),
            fulfilled: tally.fulfilled,
            partly_fulfilled: tally.partly_fulfilled,
            processing: tally.processing,
            rejected: tally.rejected,
            conflict: tally.conflict,
            repeats: tally.repeats,
            keys_delivered: tally.keys_delivered,
            seconds: (done.seconds * 1000.0).round() / 1000.0,
        }
    }

    /// A line a column, those that are 0 left out, with what it means.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        let rows = [
            (self.fulfilled, format!("fulfilled, {} keys delivered", grouped(self.keys_delivered))),
            (self.partly_fulfilled, "partly fulfilled (some lines were rejected)".to_owned()),
            (self.processing, "in work".to_owned()),
            (self.repeats, "repeats of orders that were known (their first answer stands)".to_owned()),
            (self.rejected, "rejected".to_owned()),
            (self.conflict, "conflicts (an order id that came before with other content)".to_owned()),
        ];
        let mut lines = vec![format!("{} orders in {:.1} s", grouped(self.orders), self.seconds)];
        lines.extend(
            rows.into_iter()
                .filter(|(count, _)| *count > 0)
                .map(|(count, what)| format!("{:>11}  {what}", grouped(count))),
        );
        lines
    }
}

/// Prints it as the caller wants it.
///
/// # Errors
/// [`Failure`] when stdout can't be written.
pub fn print(summary: &Summary, context: &Context) -> Result<(), Failure> {
    let mut output = Output::stdout();
    if context.is_json() {
        output.json(summary)?;
    } else {
        summary.lines().iter().try_for_each(|line| output.line(line))?;
    }
    output.flush()
}

/// With a comma between thousands.
#[must_use]
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_told_apart() {
        assert_eq!([0, 999, 1000, 69_659, 1_234_567].map(grouped), ["0", "999", "1,000", "69,659", "1,234,567"]);
    }
}
