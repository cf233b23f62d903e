//! `fulfil review list`: what a person must decide, with the evidence.

use fulfil_contract::{
    attempt::Attempt,
    procurement::{Review, ReviewId},
};
use serde::Serialize;

use super::{
    context::Context,
    failure::Failure,
    failure_of,
    output::Output,
    table::{Side, Table},
};

/// How many are read at once.
const PAGE: u32 = 500;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Also those that are resolved
    #[arg(long)]
    pub all: bool,
}

#[derive(Serialize)]
struct Listed {
    review: i64,
    kind: &'static str,
    /// Whether a line waits for the decision.
    holds_its_line: bool,
    order_id: String,
    line_no: u32,
    sku: String,
    quantity: u32,
    supplier: Option<String>,
    reference: Option<String>,
    their_id: Option<String>,
    attempt: Option<&'static str>,
    evidence: String,
    opened_at: String,
    resolved: Option<ListedEnd>,
}

#[derive(Serialize)]
struct ListedEnd {
    at: String,
    how: String,
    reason: String,
}

/// # Errors
/// [`Failure`].
pub async fn execute(args: Args, context: &Context) -> Result<(), Failure> {
    let ledger = context.ledger_to_read()?.reviews;
    let mut output = Output::stdout();
    let (mut after, mut listed) = (ReviewId(0), Vec::new());
    loop {
        let page = ledger.reviews(args.all, after, PAGE).await.map_err(failure_of::ledger)?;
        let Some(last) = page.last() else { break };
        after = last.id;
        listed.extend(page.into_iter().map(Listed::from));
    }
    if context.is_json() {
        output.json(&listed)?;
        return output.flush();
    }
    if listed.is_empty() {
        output.line(if args.all { "There was never anything to review." } else { "Nothing waits for a decision." })?;
        return output.flush();
    }
    table(&listed).print(&mut output)?;
    output.line("")?;
    for review in &listed {
        output.line(format_args!("{}: {}", review.review, review.evidence))?;
        if let Some(end) = &review.resolved {
            output.line(format_args!("   {} at {}: {}", end.how, end.at, end.reason))?;
        }
    }
    if listed.iter().any(|review| review.resolved.is_none()) {
        output
            .line("\nAsk the supplier by the reference, then decide: `fulfil review resolve ID --as … --reason …`;")?;
        output.line("`fulfil review resolve --help` tells what there is to choose from.")?;
    }
    output.flush()
}

fn table(listed: &[Listed]) -> Table {
    let mut table = Table::new(&[
        ("id", Side::Right),
        ("kind", Side::Left),
        ("order", Side::Left),
        ("line", Side::Right),
        ("sku", Side::Left),
        ("quantity", Side::Right),
        ("supplier", Side::Left),
        ("reference", Side::Left),
        ("line waits", Side::Left),
        ("opened", Side::Left),
    ]);
    for review in listed {
        let or_dash = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".into());
        table.row([
            review.review.to_string(),
            review.kind.into(),
            review.order_id.clone(),
            review.line_no.to_string(),
            review.sku.clone(),
            review.quantity.to_string(),
            or_dash(&review.supplier),
            or_dash(&review.reference),
            if review.holds_its_line && review.resolved.is_none() { "yes" } else { "no" }.into(),
            review.opened_at.clone(),
        ]);
    }
    table
}

impl From<Review> for Listed {
    fn from(review: Review) -> Self {
        let of_attempt = |what: fn(&Attempt) -> String| review.attempt.as_ref().map(what);
        Self {
            review: review.id.0,
            kind: review.case.kind.as_str(),
            holds_its_line: review.case.kind.holds_its_line(),
            supplier: of_attempt(|attempt| attempt.supplier.to_string()),
            reference: of_attempt(|attempt| attempt.reference.to_string()),
            their_id: review.attempt.as_ref().and_then(|attempt| attempt.their_id.clone()),
            attempt: review.attempt.as_ref().map(|attempt| attempt.state.as_str()),
            order_id: review.order_id.to_string(),
            line_no: review.line_no.0,
            sku: review.sku.to_string(),
            quantity: review.quantity.get(),
            evidence: review.case.evidence,
            opened_at: review.opened_at.to_string(),
            resolved: review.resolved.map(|end| ListedEnd { at: end.at.to_string(), how: end.how, reason: end.reason }),
        }
    }
}
