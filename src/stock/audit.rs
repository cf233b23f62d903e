//! The audit: does everything add up in the ledger (I3, I5), and how does stock compare with it?
//!
//! What holds here: nothing is written; the ledger's side is one snapshot and alone decides whether all is
//! well. Stock is read after it, while workers run: what was claimed or sold in between shows up as a
//! difference, which therefore fails nothing (ids in stock are hints, I1).

use fulfil_contract::{
    ids::KeyId,
    ports::{
        books::{Balance, Books},
        ledger::LedgerError,
        stock::{StockClaims, StockError, StockLoading},
        stock_ledger::{SkuState, StockLedger},
    },
};
use roaring::RoaringTreemap;

use super::catalogue::buckets;

/// What the audit found.
#[derive(Debug)]
pub struct Audit {
    pub balance: Balance,
    /// The error where stock can't be asked.
    pub stock: Result<Comparison, StockError>,
}

/// Stock against the ledger's available keys.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Comparison {
    /// Ids that buckets offer.
    pub offered: u64,
    /// Ids that are offered or claimed, and are not available in the ledger.
    pub not_available: u64,
    /// Ids that are available in the ledger, and neither offered nor claimed.
    pub missing: u64,
    /// Claims that are not settled.
    pub claims_open: u64,
}

/// What stock holds.
#[derive(Debug, Clone, Default)]
pub struct Held {
    offered: RoaringTreemap,
    claimed: RoaringTreemap,
    claims: u64,
}

impl Held {
    pub fn offer(&mut self, ids: &[KeyId]) {
        self.offered.extend(ids.iter().map(number));
    }

    pub fn claim(&mut self, ids: &[KeyId]) {
        self.claims += 1;
        self.claimed.extend(ids.iter().map(number));
    }
}

/// Ids are positive: the ledger counts from 1.
fn number(id: &KeyId) -> u64 {
    id.0.unsigned_abs()
}

/// The ledger's side, and stock's where it can be read.
///
/// # Errors
/// [`LedgerError`].
pub async fn audit(
    books: &dyn Books,
    ledger: &dyn StockLedger,
    loading: &dyn StockLoading,
    claims: &dyn StockClaims,
) -> Result<Audit, LedgerError> {
    let mut balance = books.balance().await?;
    let skus = ledger.skus().await?;
    let stock = held(&skus, loading, claims).await.map(|held| compare(&balance.available_ids, &held));
    // They have served: some hundred megabytes in a large ledger.
    balance.available_ids = Vec::new();
    Ok(Audit { balance, stock })
}

/// Bucket by bucket, so that no more than one is in memory uncompressed.
async fn held(skus: &[SkuState], loading: &dyn StockLoading, claims: &dyn StockClaims) -> Result<Held, StockError> {
    let mut held = Held::default();
    for bucket in skus.iter().flat_map(buckets) {
        // Offers come first: an id that is claimed in between is then in both, and counted once.
        held.offer(&loading.offered(&bucket).await?);
        for claim in claims.open_claims(&bucket).await? {
            held.claim(&claim.ids);
        }
    }
    Ok(held)
}

/// Holds stock against the ledger's available ids.
#[must_use]
pub fn compare(available: &[KeyId], held: &Held) -> Comparison {
    let available: RoaringTreemap = available.iter().map(number).collect();
    let in_stock = &held.offered | &held.claimed;
    let both = in_stock.intersection_len(&available);
    Comparison {
        offered: held.offered.len(),
        not_available: in_stock.len() - both,
        missing: available.len() - both,
        claims_open: held.claims,
    }
}

impl Audit {
    /// Every key is accounted for, per SKU; every delivered line has its keys; no key stands in two lines.
    #[must_use]
    pub fn is_ok(&self) -> bool {
        let Balance {
            imported,
            available,
            sold,
            quarantined,
            lines_short,
            keys_sold_twice,
            unbalanced,
            orders: _,
            available_ids: _,
        } = &self.balance;
        let balanced = unbalanced.is_empty() && *imported == available + sold + quarantined;
        balanced && *lines_short == 0 && *keys_sold_twice == 0
    }
}

#[cfg(test)]
mod tests {
    use fulfil_contract::ids::Sku;

    use super::*;

    fn ids(ids: impl IntoIterator<Item = i64>) -> Vec<KeyId> {
        ids.into_iter().map(KeyId).collect()
    }

    fn held(offered: &[i64], claims: &[&[i64]]) -> Held {
        let mut held = Held::default();
        held.offer(&ids(offered.iter().copied()));
        claims.iter().for_each(|claim| held.claim(&ids(claim.iter().copied())));
        held
    }

    #[test]
    fn each_id_is_counted_where_it_stands() {
        for (available, stock, expected) in [
            (vec![], held(&[], &[]), (0, 0, 0, 0)),
            (vec![1, 2, 3], held(&[1, 2, 3], &[]), (3, 0, 0, 0)),
            (vec![1, 2, 3], held(&[3], &[&[1, 2]]), (1, 0, 0, 1)),
            (vec![1, 2, 3], held(&[], &[]), (0, 0, 3, 0)),
            (vec![3], held(&[1, 3], &[&[2]]), (2, 2, 0, 1)),
            // Offered and claimed at once, as it looks when it is claimed between the two reads.
            (vec![7], held(&[7], &[&[7]]), (1, 0, 0, 1)),
            (vec![8], held(&[7], &[&[7], &[]]), (1, 1, 1, 2)),
            // An id that two buckets offer is one id.
            (vec![1 << 40], held(&[1 << 40, 1 << 40], &[]), (1, 0, 0, 0)),
        ] {
            let Comparison { offered, not_available, missing, claims_open } = compare(&ids(available.clone()), &stock);
            assert_eq!((offered, not_available, missing, claims_open), expected, "{available:?} {stock:?}");
        }
    }

    #[test]
    fn the_ledger_alone_decides_that_all_is_well() {
        let good = Balance { imported: 10, available: 4, sold: 5, quarantined: 1, orders: 5, ..Balance::default() };
        let audit = |balance: Balance| Audit {
            balance,
            stock: Ok(Comparison { missing: 4, not_available: 3, ..Comparison::default() }),
        };
        assert!(audit(good.clone()).is_ok());
        assert!(audit(Balance::default()).is_ok());
        for bad in [
            Balance { sold: 6, ..good.clone() },
            Balance { lines_short: 1, ..good.clone() },
            Balance { keys_sold_twice: 1, ..good.clone() },
            // One SKU has one too many, another one too few: the sums hide it.
            Balance { unbalanced: vec![Sku::parse("a").unwrap(), Sku::parse("b").unwrap()], ..good },
        ] {
            assert!(!audit(bad.clone()).is_ok(), "{bad:?}");
        }
    }
}
