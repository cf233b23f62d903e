//! `fulfil stock rebuild`: empties SKUs' stock and loads it anew from the ledger, while workers run: they take
//! from the ledger until it is there (I1).

use std::sync::Arc;

use fulfil_contract::{
    ids::Sku,
    ports::stock_ledger::{RaiseBecause, SkuState},
};
use serde::Serialize;

use super::{
    context::Context,
    failure::{Exit, Failure},
    failure_of,
    output::Output,
};
use crate::{
    chance::Dice,
    compose::{self, Folder, Stores},
    pool,
    stock::{catalogue::Catalogue, keeper::Keeper},
};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Which SKUs; none named: all
    #[arg(value_name = "SKU", value_parser = Sku::parse)]
    pub skus: Vec<Sku>,
}

#[derive(Serialize)]
struct Raised {
    sku: Sku,
    from: i64,
    epoch: i64,
}

/// # Errors
/// [`Failure`]: 1 when a SKU is unknown, and then nothing is done.
pub async fn execute(args: Args, context: &Context) -> Result<(), Failure> {
    // Looks first: a data folder that is not there is told, not made.
    let ledger = context.ledger_to_read()?.stock_ledger;
    let known = ledger.skus().await.map_err(failure_of::ledger)?;
    let chosen = chosen(&args.skus, known)?;
    let folder = context.data().map(compose::embedded).transpose().map_err(failure_of::compose)?;
    let ledger = folder.as_ref().map_or(ledger, |folder| folder.stores().stock_ledger);
    let mut raised = Vec::with_capacity(chosen.len());
    for SkuState { sku, epoch, .. } in chosen {
        let now = ledger.raise_epoch(&sku, epoch, RaiseBecause::Lost).await.map_err(failure_of::ledger)?;
        raised.push(Raised { sku, from: epoch.0, epoch: now.0 });
    }
    if let Some(folder) = &folder {
        load(folder).await?;
    }
    let mut output = Output::stdout();
    if context.is_json() {
        output.json(&raised)?;
        return output.flush();
    }
    for Raised { sku, from, epoch } in &raised {
        output.line(format_args!("{sku}: epoch {from} → {epoch}"))?;
    }
    output.line(match (raised.is_empty(), folder.is_some()) {
        (true, _) => "no keys were imported yet, so there is nothing to rebuild",
        (false, true) => "Loaded anew from the ledger.",
        (false, false) => {
            "A running worker loads them now; until then orders are filled from the ledger.\n\
             `fulfil stock status` shows how far it is; without a worker, the next one that starts loads them."
        }
    })?;
    output.flush()
}

/// No worker runs beside this: its lock is ours.
async fn load(folder: &Folder) -> Result<(), Failure> {
    let Stores { stock_ledger, loading, .. } = folder.stores();
    let keeper = Keeper {
        ledger: stock_ledger,
        stock: loading,
        catalogue: Arc::new(Catalogue::default()),
        worker: pool::worker_id(&Dice::default()),
    };
    keeper.round(None).await.map_err(failure_of::keep)
}

fn chosen(named: &[Sku], known: Vec<SkuState>) -> Result<Vec<SkuState>, Failure> {
    if let Some(unknown) = named.iter().find(|sku| known.iter().all(|state| state.sku != **sku)) {
        let text = format!(
            "no keys were ever imported for SKU {unknown}: `fulfil stock status` lists those \
             there are; nothing was done"
        );
        return Err(Failure::new(Exit::NotSo, text));
    }
    Ok(known.into_iter().filter(|state| named.is_empty() || named.contains(&state.sku)).collect())
}
