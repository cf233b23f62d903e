//! `fulfil order show`: everything that the ledger knows of an order id, for whoever is asked "where is my
//! key?". Key ids are shown, sealed keys are not.

use fulfil_contract::{
    answer::Answer,
    ids::{KeyId, MerchantId, OrderId},
    ports::books::OrderFile,
    reason::Reason,
    recorded::{LineOutcome, OrderStatus, RecordedLine},
};

use super::{
    context::Context,
    failure::{Exit, Failure},
    failure_of,
    output::Output,
    summary::grouped,
    table::{Side, Table},
};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The order's id
    #[arg(value_name = "ID", value_parser = OrderId::parse)]
    pub id: OrderId,
}

/// # Errors
/// [`Failure`]: 1 when no order of this id is recorded.
pub async fn execute(args: Args, context: &Context) -> Result<(), Failure> {
    let ledger = context.ledger_to_read()?;
    let Some(file) = ledger.books.order(&args.id).await.map_err(failure_of::ledger)? else {
        let text = format!("no order {}: check the id; an order that is still queued is not recorded yet", args.id);
        return Err(Failure::new(Exit::NotSo, text));
    };
    let mut output = Output::stdout();
    if context.is_json() {
        output.raw(&json(&file))?;
        return output.flush();
    }
    tell(&file, &mut output)?;
    output.flush()
}

/// The result as it is announced, byte for byte, with two fields more.
fn json(file: &OrderFile) -> Vec<u8> {
    let mut text = Answer::Order(&file.order).body();
    text.pop(); // the closing brace
    text.extend_from_slice(b",\"conflicts\":[");
    for (at, conflict) in file.conflicts.iter().enumerate() {
        if at > 0 {
            text.push(b',');
        }
        let answer = Answer::Conflict(conflict);
        answer.write_element(&answer.message_id(), &mut text);
    }
    text.extend_from_slice(format!("],\"owed\":{}}}\n", file.owed).as_bytes());
    text
}

fn tell(file: &OrderFile, output: &mut Output) -> Result<(), Failure> {
    let order = &file.order;
    let merchant = order.merchant_id.as_ref().map_or("none that is valid", MerchantId::as_str);
    output.line(format_args!("order     {}", output.strong(order.order_id.as_str())))?;
    output.line(format_args!("status    {}{}", output.strong(order.status.as_str()), meaning(order.status)))?;
    output.line(format_args!("decided   {}", order.decided_at))?;
    output.line(format_args!("merchant  {merchant}"))?;
    output.line(format_args!(
        "result    {}{}",
        Answer::Order(order).message_id(),
        if file.owed { ", not announced yet: a worker will" } else { "" }
    ))?;
    if let Some(reason) = &order.reason {
        output.line(format_args!("reason    {}", sentence(reason)))?;
    }
    if !order.lines.is_empty() {
        output.line("")?;
        lines(&order.lines).print(output)?;
    }
    if !file.conflicts.is_empty() {
        output.line("\nRefused since: the same order id with another body (the first one stands)")?;
        let mut table = Table::new(&[("when", Side::Left), ("merchant", Side::Left), ("message_id", Side::Left)]);
        for conflict in &file.conflicts {
            let merchant = conflict.merchant_id.as_ref().map_or("-", MerchantId::as_str);
            table.row([conflict.decided_at.to_string(), merchant.to_owned(), Answer::Conflict(conflict).message_id()]);
        }
        table.print(output)?;
    }
    Ok(())
}

fn meaning(status: OrderStatus) -> &'static str {
    match status {
        OrderStatus::Processing => " (lines are being bought)",
        OrderStatus::PartlyFulfilled => " (some lines were rejected)",
        OrderStatus::Review => " (a person has to look at it)",
        OrderStatus::Fulfilled | OrderStatus::Rejected | OrderStatus::Conflict => "",
    }
}

fn lines(lines: &[RecordedLine]) -> Table {
    let columns = [
        ("line", Side::Right),
        ("sku", Side::Left),
        ("quantity", Side::Right),
        ("status", Side::Left),
        ("key ids / reason", Side::Left),
    ];
    let mut table = Table::new(&columns);
    for line in lines {
        let (status, what) = match &line.outcome {
            LineOutcome::Delivered(keys) => ("delivered", ranges(keys.iter().map(|key| key.id))),
            LineOutcome::Recharged { receipt } => (
                "delivered",
                receipt.as_ref().map_or("topped up".into(), |receipt| format!("topped up, receipt {receipt}")),
            ),
            LineOutcome::Rejected(reason) => ("rejected", sentence(reason)),
            LineOutcome::Processing => ("processing", "a supplier is to fill it".into()),
            LineOutcome::Review => ("review", "a person has to decide: `fulfil review list`".into()),
        };
        table.row([
            line.line_no.0.to_string(),
            line.sku.to_string(),
            grouped(line.quantity.get().into()),
            status.into(),
            what,
        ]);
    }
    table
}

fn sentence(reason: &Reason) -> String {
    let code =
        serde_json::to_value(reason.code).ok().and_then(|code| code.as_str().map(str::to_owned)).unwrap_or_default();
    let again = if reason.retryable { " (a new order may fare better)" } else { "" };
    format!("{code}: {}{again}", reason.detail)
}

/// `7, 40–49`: a line may have a thousand keys. Ids rise.
fn ranges(ids: impl Iterator<Item = KeyId>) -> String {
    const MOST: usize = 12;
    let mut runs: Vec<(i64, i64)> = Vec::new();
    for KeyId(id) in ids {
        match runs.last_mut() {
            Some((_, last)) if *last + 1 == id => *last = id,
            _ => runs.push((id, id)),
        }
    }
    let shown = runs.iter().take(MOST).map(|&(first, last)| match last - first {
        0 => first.to_string(),
        1 => format!("{first}, {last}"),
        _ => format!("{first}–{last}"),
    });
    let mut text = shown.collect::<Vec<_>>().join(", ");
    if runs.len() > MOST {
        let more: i64 = runs.iter().skip(MOST).map(|(first, last)| last - first + 1).sum();
        text.push_str(&format!(", and {} more (--format json lists all)", grouped(more.unsigned_abs())));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_key_ids_are_told_in_few_words() {
        let told = |ids: &[i64]| ranges(ids.iter().map(|&id| KeyId(id)));
        assert_eq!(told(&[]), "");
        assert_eq!(told(&[42]), "42");
        assert_eq!(told(&[1, 2, 4, 10, 11, 12, 13]), "1, 2, 4, 10–13");
        let odd: Vec<i64> = (0..1000).map(|n| 2 * n + 1).collect();
        assert_eq!(told(&odd), "1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, and 988 more (--format json lists all)");
    }
}
