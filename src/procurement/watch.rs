//! Beside the visits: prices, stock and balances of suppliers as they are now, and the counts of procurements,
//! for routing and for people. Nothing is decided here.

use std::{sync::Arc, time::Duration};

use fulfil_contract::ports::procurements::Procurements;
use futures_util::future::join_all;

use super::buyer::{Supplies, Supply};
use crate::ops::{drain::Draining, procurement_metrics as metrics};

const OFFERS_EVERY: Duration = Duration::from_secs(60);
const COUNTS_EVERY: Duration = Duration::from_secs(5);

/// Measures prices and stock until draining begins. All suppliers at once: one that does not answer holds up
/// nobody.
pub async fn offers(supplies: Supplies, mut draining: Draining) {
    loop {
        join_all(supplies.all().into_iter().map(measure)).await;
        if !draining.pause(OFFERS_EVERY).await {
            return;
        }
    }
}

async fn measure(supply: &Supply) {
    for products in supply.products.chunks(50) {
        if let Err(error) = supply.guarded.offers(products).await {
            tracing::debug!(supplier = %supply.guarded.name(), %error, "prices and stock could not be read");
            break;
        }
    }
    if let Err(error) = supply.guarded.balance().await {
        tracing::debug!(supplier = %supply.guarded.name(), %error, "the balance could not be read");
    }
}

/// Counts procurements until draining begins.
/// Says so once where lines wait and this process has no supplier to buy from: if no other has one, nobody buys them.
pub async fn counts(ledger: Arc<dyn Procurements>, buys: bool, mut draining: Draining) {
    let mut told = buys;
    loop {
        match ledger.counts().await {
            Ok(counts) => {
                metrics::counts(&counts);
                if counts.open > 0 && !told {
                    told = true;
                    tracing::warn!(
                        open = counts.open,
                        "lines wait for suppliers, and none is configured here: only a worker with [suppliers] buys them; otherwise they wait for new stock, or until their time is over"
                    );
                }
            }
            Err(error) => tracing::debug!(%error, "procurements could not be counted"),
        }
        if !draining.pause(COUNTS_EVERY).await {
            return;
        }
    }
}
