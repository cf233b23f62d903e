//! `fulfil stock status`: per SKU, what the ledger has and what the stock server offers of it.

use std::collections::HashMap;

use fulfil_contract::{
    ids::Sku,
    ports::{books::SkuCounts, stock::StockError, stock_ledger::SkuState},
    stock::{Bucket, BucketState, Epoch},
};
use serde::Serialize;

use super::{
    context::Context,
    failure::Failure,
    failure_of,
    output::{Output, note},
    summary::grouped,
    table::{Side, Table},
};
use crate::{compose::Stores, stock::catalogue::buckets};

#[derive(Debug, clap::Args)]
pub struct Args {}

/// How far a SKU's buckets are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Readiness {
    /// Every bucket has all that the ledger has.
    Complete,
    /// Some bucket is not loaded to its end yet.
    Loading,
    /// Some bucket is of an earlier epoch: it is emptied and loaded anew.
    Rebuilding,
    /// Some bucket is not there: never loaded, or lost.
    NotLoaded,
}

/// What the stock server says of a SKU.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Offer {
    offered: u64,
    claimed: u64,
    loading: Readiness,
}

#[derive(Debug, Serialize)]
struct Row {
    sku: Sku,
    imported: u64,
    available: u64,
    sold: u64,
    quarantined: u64,
    /// Null where the stock server can't be asked, as the three after it.
    offered: Option<u64>,
    claimed: Option<u64>,
    stock: Option<Readiness>,
    epoch: i64,
    buckets: u16,
}

/// # Errors
/// [`Failure`]. A stock server that is away is none: the ledger's side is shown.
pub async fn execute(_args: Args, context: &Context) -> Result<(), Failure> {
    let stores = context.to_read()?;
    let counts = stores.books.counts().await.map_err(failure_of::ledger)?;
    let skus = stores.stock_ledger.skus().await.map_err(failure_of::ledger)?;
    let offers = match offers(&stores, &skus).await {
        Ok(offers) => Some(offers),
        Err(error) => {
            note(format_args!("fulfil: only the ledger's side is shown: {error}"));
            None
        }
    };
    let rows = rows(counts, &skus, offers.as_ref());
    let mut output = Output::stdout();
    if context.is_json() {
        output.json(&rows)?;
    } else if rows.is_empty() {
        output.line("no keys were imported yet: `fulfil keys import FILE` does it")?;
    } else {
        table(&rows).print(&mut output)?;
    }
    output.flush()
}

async fn offers(stores: &Stores, skus: &[SkuState]) -> Result<HashMap<Sku, Offer>, StockError> {
    let mut offers = HashMap::with_capacity(skus.len());
    for sku in skus {
        offers.insert(sku.sku.clone(), offer(stores, sku).await?);
    }
    Ok(offers)
}

async fn offer(stores: &Stores, sku: &SkuState) -> Result<Offer, StockError> {
    let buckets: Vec<Bucket> = buckets(sku).collect();
    let states = stores.loading.states(&buckets).await?;
    let mut claimed = 0;
    for bucket in &buckets {
        claimed += stores.claims.open_claims(bucket).await?.iter().map(|claim| claim.ids.len() as u64).sum::<u64>();
    }
    Ok(Offer { offered: states.iter().map(|state| state.offered).sum(), claimed, loading: loading(sku, &states) })
}

fn loading(sku: &SkuState, states: &[BucketState]) -> Readiness {
    let any = |is: &dyn Fn(&BucketState) -> bool| states.iter().any(is);
    if any(&|state| state.epoch.is_none()) {
        Readiness::NotLoaded
    } else if any(&|state| state.epoch != Some(sku.epoch)) {
        Readiness::Rebuilding
    } else if any(&|state| !state.complete || state.loaded_to < sku.last_id) {
        Readiness::Loading
    } else {
        Readiness::Complete
    }
}

fn rows(counts: Vec<SkuCounts>, skus: &[SkuState], offers: Option<&HashMap<Sku, Offer>>) -> Vec<Row> {
    let states: HashMap<&Sku, &SkuState> = skus.iter().map(|state| (&state.sku, state)).collect();
    let mut rows: Vec<Row> = counts
        .into_iter()
        .map(|SkuCounts { sku, imported, available, sold, quarantined }| {
            let offer = offers.and_then(|offers| offers.get(&sku));
            let (Epoch(epoch), buckets) = states.get(&sku).map_or((Epoch(0), 0), |state| (state.epoch, state.buckets));
            Row {
                imported,
                available,
                sold,
                quarantined,
                offered: offer.map(|offer| offer.offered),
                claimed: offer.map(|offer| offer.claimed),
                stock: offer.map(|offer| offer.loading),
                epoch,
                buckets,
                sku,
            }
        })
        .collect();
    rows.sort_by(|one, two| one.sku.cmp(&two.sku));
    rows
}

fn table(rows: &[Row]) -> Table {
    let numbers = ["imported", "available", "sold", "quarantined", "offered", "claimed"];
    let mut columns = vec![("sku", Side::Left)];
    columns.extend(numbers.map(|name| (name, Side::Right)));
    columns.extend([("epoch", Side::Right), ("buckets", Side::Right), ("stock", Side::Left)]);
    let mut table = Table::new(&columns);
    let known = |count: Option<u64>| count.map_or_else(|| "?".to_owned(), grouped);
    for row in rows {
        let ledger = [row.imported, row.available, row.sold, row.quarantined].map(grouped);
        let stock = row.stock.map_or("?", Readiness::word);
        let rest =
            [known(row.offered), known(row.claimed), row.epoch.to_string(), row.buckets.to_string(), stock.to_owned()];
        table.row([row.sku.to_string()].into_iter().chain(ledger).chain(rest));
    }
    if rows.len() > 1 {
        let sum = |of: fn(&Row) -> u64| grouped(rows.iter().map(of).sum());
        let all = |of: fn(&Row) -> Option<u64>| known(rows.iter().map(of).sum());
        let ledger =
            [sum(|row| row.imported), sum(|row| row.available), sum(|row| row.sold), sum(|row| row.quarantined)];
        let stock = [all(|row| row.offered), all(|row| row.claimed)];
        table.row(["total".to_owned()].into_iter().chain(ledger).chain(stock));
    }
    table
}

impl Readiness {
    fn word(self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::Loading => "loading",
            Self::Rebuilding => "rebuilding",
            Self::NotLoaded => "not loaded",
        }
    }
}

#[cfg(test)]
mod tests {
    use fulfil_contract::ids::KeyId;

    use super::*;

    fn state(epoch: Option<i64>, loaded_to: i64, complete: bool) -> BucketState {
        BucketState { epoch: epoch.map(Epoch), loaded_to: KeyId(loaded_to), complete, offered: 0 }
    }

    #[test]
    fn the_bucket_that_is_furthest_behind_tells_how_far_a_sku_is() {
        let sku = SkuState { sku: Sku::parse("s").unwrap(), epoch: Epoch(2), buckets: 2, last_id: KeyId(9) };
        let good = state(Some(2), 9, true);
        for (other, expected) in [
            (state(Some(2), 9, true), Readiness::Complete),
            (state(Some(2), 8, true), Readiness::Loading),
            (state(Some(2), 9, false), Readiness::Loading),
            (state(Some(1), 9, true), Readiness::Rebuilding),
            (state(None, 0, false), Readiness::NotLoaded),
        ] {
            assert_eq!(loading(&sku, &[good.clone(), other]), expected);
        }
    }

    #[test]
    fn a_stock_server_that_is_away_leaves_question_marks() {
        let counts = ["b", "a"].map(|sku| SkuCounts {
            sku: Sku::parse(sku).unwrap(),
            imported: 1200,
            available: 1000,
            sold: 200,
            quarantined: 0,
        });
        let lines = table(&rows(counts.to_vec(), &[], None)).lines();
        assert_eq!(
            lines,
            [
                "sku    imported  available  sold  quarantined  offered  claimed  epoch  buckets  stock",
                "a         1,200      1,000   200            0        ?        ?      0        0  ?",
                "b         1,200      1,000   200            0        ?        ?      0        0  ?",
                "total     2,400      2,000   400            0        ?        ?",
            ]
        );
    }
}
