//! `fulfil order show`: everything that the ledger knows of an order id, for whoever is asked "where is my
//! key?". Key ids are shown; sealed keys, and the accounts of top-ups, are not.

use fulfil_contract::{
    answer::Answer,
    attempt::{Attempt, AttemptState},
    ids::{KeyId, MerchantId, OrderId},
    ports::books::{OrderFile, ProcurementFile, ProcurementState},
    reason::Reason,
    recorded::{LineOutcome, OrderStatus, RecordedLine},
};
use serde_json::{Value, json};

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
        output.raw(&as_json(&file))?;
        return output.flush();
    }
    tell(&file, &mut output)?;
    output.flush()
}

/// The result as it is announced, byte for byte, with three fields more.
fn as_json(file: &OrderFile) -> Vec<u8> {
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
    let procurements: Value = file.procurements.iter().map(procurement_json).collect();
    text.extend_from_slice(format!("],\"procurements\":{procurements},\"owed\":{}}}\n", file.owed).as_bytes());
    text
}

fn procurement_json(procurement: &ProcurementFile) -> Value {
    let (waits_for, until) = match &procurement.waits {
        Some((what, until)) => (Some(what.as_str()), Some(until.to_string())),
        None => (None, None),
    };
    json!({
        "line_no": procurement.line_no.0,
        "state": procurement.state.as_str(),
        "waits_for": waits_for,
        "until": until,
        "attempts": procurement.attempts.iter().map(attempt_json).collect::<Value>(),
    })
}

fn attempt_json(attempt: &Attempt) -> Value {
    json!({
        "supplier": attempt.supplier.as_str(),
        "product": attempt.product.as_str(),
        "reference": attempt.reference.as_str(),
        "their_id": attempt.their_id,
        "state": attempt.state.as_str(),
        "quantity": attempt.quantity.get(),
        // The most that one may cost, in minor units.
        "unit_price": attempt.unit_price.0,
        "currency": attempt.currency.as_str(),
        "sends": attempt.sends,
        "queries": attempt.queries,
        "intended_at": attempt.intended_at.to_string(),
        "sent_at": attempt.sent_at.map(|at| at.to_string()),
        "said": attempt.said,
    })
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
    if !file.procurements.is_empty() {
        bought(&file.procurements, output)?;
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
                receipt
                    .as_ref()
                    .map_or("topped up".into(), |receipt| format!("topped up, receipt {}", one_line(receipt))),
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

/// Where each line's buying stands, and what was tried for it.
fn bought(procurements: &[ProcurementFile], output: &mut Output) -> Result<(), Failure> {
    output.line("\nLeft to suppliers")?;
    standing(procurements).print(output)?;
    if procurements.iter().all(|procurement| procurement.attempts.is_empty()) {
        return output.line("\nNo supplier was asked.");
    }
    output.line("\nPurchases by line, the oldest first (tell the supplier the reference, or its own number)")?;
    attempts(procurements).print(output)?;
    let is_there =
        |state: &AttemptState| procurements.iter().any(|one| one.attempts.iter().any(|one| one.state == *state));
    output.line("")?;
    for state in AttemptState::ALL.into_iter().filter(is_there) {
        output.line(format_args!("{}: {}", state.as_str(), means(state)))?;
    }
    Ok(())
}

fn standing(procurements: &[ProcurementFile]) -> Table {
    let mut table = Table::new(&[
        ("line", Side::Right),
        ("state", Side::Left),
        ("waits for", Side::Left),
        ("looked at again", Side::Left),
    ]);
    for procurement in procurements {
        let (waits_for, until) = match (&procurement.waits, procurement.state) {
            (Some((what, until)), _) => (one_line(what), until.to_string()),
            (None, ProcurementState::Open) => ("a worker".into(), "now".into()),
            (None, ProcurementState::InReview) => ("a person: `fulfil review list`".into(), "-".into()),
            (None, ProcurementState::Delivered | ProcurementState::Rejected) => ("-".into(), "-".into()),
        };
        table.row([procurement.line_no.0.to_string(), procurement.state.as_str().into(), waits_for, until]);
    }
    table
}

fn attempts(procurements: &[ProcurementFile]) -> Table {
    let mut table = Table::new(&[
        ("line", Side::Right),
        ("supplier", Side::Left),
        ("reference", Side::Left),
        ("its number", Side::Left),
        ("pieces", Side::Right),
        ("state", Side::Left),
        ("sent", Side::Left),
        ("sends", Side::Right),
        ("queries", Side::Right),
        ("it said", Side::Left),
    ]);
    for procurement in procurements {
        for attempt in &procurement.attempts {
            let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".into());
            table.row([
                procurement.line_no.0.to_string(),
                attempt.supplier.to_string(),
                attempt.reference.to_string(),
                or_dash(attempt.their_id.as_deref().map(one_line)),
                grouped(attempt.quantity.get().into()),
                attempt.state.as_str().into(),
                or_dash(attempt.sent_at.map(|at| at.to_string())),
                attempt.sends.to_string(),
                attempt.queries.to_string(),
                or_dash(attempt.said.as_deref().map(one_line)),
            ]);
        }
    }
    table
}

/// For somebody who has a buyer on the phone.
fn means(state: AttemptState) -> &'static str {
    match state {
        AttemptState::Intended => "chosen, and not sent yet",
        AttemptState::Sent => "on its way to the supplier",
        AttemptState::Accepted => "the supplier has it and owes the goods; it is asked again and again",
        AttemptState::Unknown => {
            "no clear answer came, so it may be paid for: the supplier is asked, and nothing else is bought meanwhile"
        }
        AttemptState::Delivered => "the goods came",
        AttemptState::Refused => "the supplier said no and sold nothing",
        AttemptState::NotSent => "it never left this side, and nothing was bought",
        AttemptState::InReview => "nobody but a person can settle it: `fulfil review list`",
    }
}

/// A supplier's words: what would end the line, or command the terminal, is shown as a space.
fn one_line(text: &str) -> String {
    text.replace(char::is_control, " ")
}

fn sentence(reason: &Reason) -> String {
    let code =
        serde_json::to_value(reason.code).ok().and_then(|code| code.as_str().map(str::to_owned)).unwrap_or_default();
    let again = if reason.retryable { " (a new order may fare better)" } else { "" };
    format!("{code}: {}{again}", one_line(&reason.detail))
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
    use fulfil_contract::{
        attempt::{AttemptId, Reference},
        ids::{LineNo, Quantity},
        money::{Currency, MinorUnits},
        supplier::{SupplierName, SupplierProduct},
        time::Timestamp,
    };

    use super::*;

    fn waiting() -> ProcurementFile {
        let attempt = Attempt {
            id: AttemptId(7),
            supplier: SupplierName::parse("kasu").unwrap(),
            product: SupplierProduct::parse("1001").unwrap(),
            reference: Reference::from_bits([0; 10]),
            quantity: Quantity::ONE,
            unit_price: MinorUnits(900),
            currency: Currency::parse("CNY").unwrap(),
            state: AttemptState::Unknown,
            version: 2,
            their_id: Some("D1".into()),
            sends: 1,
            queries: 4,
            not_founds: 0,
            countable_from: None,
            intended_at: Timestamp(0),
            sent_at: Some(Timestamp(1)),
            said: Some("a page\n\u{1b}[2J of HTML".into()),
            refusal: None,
        };
        let waits = Some(("the outcome of a purchase".to_owned(), Timestamp(2)));
        ProcurementFile { line_no: LineNo(3), state: ProcurementState::Open, waits, attempts: vec![attempt] }
    }

    #[test]
    fn a_purchase_stands_on_one_line_whatever_the_supplier_says() {
        let table = attempts(&[waiting()]).lines();
        assert_eq!(table.len(), 2);
        let row = "   3  kasu      f0000000000000000  D1               1  unknown  1970-01-01T00:00:00.000001Z      1        4  a page  [2J of HTML";
        assert_eq!(table[1], row);
        assert!(standing(&[waiting()]).lines()[1].ends_with("the outcome of a purchase  1970-01-01T00:00:00.000002Z"));
    }

    #[test]
    fn programs_are_told_all_that_people_are() {
        let told = procurement_json(&waiting());
        assert_eq!((&told["line_no"], &told["state"]), (&json!(3), &json!("open")));
        assert_eq!(told["waits_for"], "the outcome of a purchase");
        assert_eq!(told["until"], "1970-01-01T00:00:00.000002Z");
        let attempt = &told["attempts"][0];
        let expected = json!({
            "supplier": "kasu", "product": "1001", "reference": "f0000000000000000", "their_id": "D1",
            "state": "unknown", "quantity": 1, "unit_price": 900, "currency": "CNY", "sends": 1, "queries": 4,
            "intended_at": "1970-01-01T00:00:00.000000Z", "sent_at": "1970-01-01T00:00:00.000001Z",
            "said": "a page\n\u{1b}[2J of HTML",
        });
        assert_eq!(*attempt, expected);
    }

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
