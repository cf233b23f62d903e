//! `fulfil review resolve`: a person's decision, with its reason, which stays in the ledger.

use std::{io::Read, path::PathBuf};

use clap::ValueEnum;
use fulfil_contract::{
    ports::procurements::ResolveError,
    procurement::{Resolution, Review, ReviewId, SealedGoods},
    reason::{Reason, ReasonCode},
    supplier::{Goods, PlainKey},
};

use super::{
    context::Context,
    failure::{Exit, Failure},
    failure_of, input,
    output::Output,
    vault::ledger_and_vault,
};
use crate::{compose::LedgerSide, procurement::goods, stock::import::Vault};

/// More than any line's keys.
const MOST_BYTES: u64 = 16 * 1024 * 1024;

/// What was found out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Decision {
    /// The supplier did deliver: with --keys FILE, or --receipt for a top-up
    Delivered,
    /// The supplier bought nothing: the line goes on to another supplier
    Refused,
    /// Ask the supplier anew
    AskAgain,
    /// The line fails, for the reason given
    Rejected,
    /// Seen; for reviews that hold no line
    Noted,
}

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The review's id, of `fulfil review list`
    #[arg(value_name = "ID")]
    pub id: i64,
    /// What was found out
    #[arg(long = "as", value_enum, value_name = "DECISION")]
    pub decision: Decision,
    /// Why, for whoever looks at it later; of a rejected line also what the merchant reads
    #[arg(long, value_name = "TEXT")]
    pub reason: String,
    /// The keys that the supplier gave, one a line; `-` is stdin
    #[arg(long, value_name = "FILE|-")]
    pub keys: Option<PathBuf>,
    /// The supplier's number of a top-up that was made
    #[arg(long, value_name = "TEXT")]
    pub receipt: Option<String>,
}

/// # Errors
/// [`Failure`]: 1 when there is no such open review, 65 when the decision does not fit it.
pub async fn execute(args: Args, context: &Context) -> Result<(), Failure> {
    check(&args)?;
    let id = ReviewId(args.id);
    // Looks first: a data folder that is not there is told, not made.
    let open = find(&context.ledger_to_read()?, id).await?;
    let resolution = match args.decision {
        Decision::Delivered => {
            let (_, vault) = ledger_and_vault(context)?;
            Resolution::Delivered(delivered(&args, &open, &vault).await?)
        }
        Decision::Refused => Resolution::Refused,
        Decision::AskAgain => Resolution::AskAgain,
        Decision::Rejected => Resolution::Reject(Reason::new(ReasonCode::Reviewed, args.reason.clone())),
        Decision::Noted => Resolution::Noted,
    };
    let reviews = context.ledger_to_write()?.reviews;
    reviews.resolve(id, &resolution, &args.reason).await.map_err(resolve_failure)?;
    let mut output = Output::stdout();
    if context.is_json() {
        output.json(&serde_json::json!({ "review": args.id, "resolved": resolution.as_str() }))?;
    } else {
        let next = match args.decision {
            Decision::Delivered | Decision::Rejected => "a worker announces the new result",
            Decision::Refused | Decision::AskAgain => "a worker goes on with the line",
            Decision::Noted => "nothing else changes",
        };
        let id = args.id;
        output.line(format_args!("review {id} of order {}: {}; {next}", open.order_id, resolution.as_str()))?;
    }
    output.flush()
}

fn check(args: &Args) -> Result<(), Failure> {
    let usage = |text: &str| Err(Failure::new(Exit::Usage, text));
    if args.reason.trim().is_empty() {
        return usage("--reason is empty: say why, whoever looks at it later will ask");
    }
    match (args.decision, &args.keys, &args.receipt) {
        (Decision::Delivered, Some(_), Some(_)) => {
            usage("give either --keys or --receipt: a line has keys or is a top-up")
        }
        (Decision::Delivered, _, _) | (_, None, None) => Ok(()),
        (_, _, _) => usage("--keys and --receipt belong to --as delivered"),
    }
}

async fn find(ledger: &LedgerSide, id: ReviewId) -> Result<Review, Failure> {
    let before = ReviewId(id.0.saturating_sub(1));
    let found = ledger.reviews.reviews(true, before, 1).await.map_err(failure_of::ledger)?;
    match found.into_iter().find(|review| review.id == id) {
        Some(review) if review.resolved.is_none() => Ok(review),
        Some(_) => Err(resolve_failure(ResolveError::Resolved(id))),
        None => Err(resolve_failure(ResolveError::NoSuchReview(id))),
    }
}

/// The goods, sealed. A top-up is one whose line has no keys to give.
async fn delivered(args: &Args, review: &Review, vault: &Vault) -> Result<SealedGoods, Failure> {
    let Some(path) = &args.keys else {
        return Ok(SealedGoods::Recharge { receipt: args.receipt.clone() });
    };
    let mut text = zeroize::Zeroizing::new(String::new());
    input::open(path, "key file")?
        .take(MOST_BYTES)
        .read_to_string(&mut text)
        .map_err(|error| input::unreadable(path, "key file", &error))?;
    let keys = text.lines().filter(|line| !line.trim().is_empty()).map(|line| PlainKey::new(line.to_owned()));
    goods::seal(Goods::Keys(keys.collect()), &review.sku, false, vault)
        .await
        .map_err(|error| Failure::new(Exit::Data, format!("{}: {error}; give one key a line", input::name(path))))
}

fn resolve_failure(error: ResolveError) -> Failure {
    match error {
        ResolveError::NoSuchReview(_) | ResolveError::Resolved(_) => Failure::new(Exit::NotSo, error.to_string()),
        ResolveError::DoesNotFit(_) => Failure::new(Exit::Data, error.to_string()),
        ResolveError::Ledger(error) => failure_of::ledger(error),
    }
}
