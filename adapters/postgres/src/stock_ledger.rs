//! The port `StockLedger`: each call within its limit.

use std::time::Duration;

use async_trait::async_trait;
use fulfil_contract::{
    ids::{KeyId, Sku, WorkerId},
    ports::{
        ledger::LedgerError,
        stock_ledger::{Imported, NewKey, RaiseBecause, SkuState, StockLedger},
    },
    stock::{Epoch, StockIdentity},
};
use tokio_postgres::Row;

use crate::{
    Postgres,
    columns::{column, sku_state},
    errors::Failure,
    import, loading,
    session::{Call, Parameters},
};

const SKUS: &str = "select sku, epoch, buckets, last_id from fulfil.sku where last_id > 0 order by sku";

/// A lot lies within one block of 1,024 ids, and so within one bucket.
const AVAILABLE: &str = "
    select k.id
    from (
        select first_id, last_id from fulfil.lot
        where sku_id = (select sku_id from fulfil.sku where sku = $1) and not sold_out
          and block >= $2::bigint >> 10 and last_id > $2 and first_id <= $3 and block % $4 = $5
        order by block) l
    cross join lateral (
        select id from fulfil.card_key
        where sku_id = (select sku_id from fulfil.sku where sku = $1) and state = 0
          and id > $2 and id >= l.first_id and id <= l.last_id and id <= $3
        order by id) k
    limit $6";

const STILL_AVAILABLE: &str = "
    select k.id from unnest($1::bigint[]) a(id) join fulfil.card_key k on k.id = a.id where k.state = 0";

#[async_trait]
impl StockLedger for Postgres {
    async fn import(&self, keys: &[NewKey], buckets: u16) -> Result<Vec<Imported>, LedgerError> {
        let call = Call::default();
        self.limited(&call, import::import(self, &call, keys, buckets)).await
    }

    async fn skus(&self) -> Result<Vec<SkuState>, LedgerError> {
        let call = Call::default();
        self.limited(&call, async { read(self, &call, SKUS, &[], sku_state).await }).await
    }

    async fn available(
        &self,
        sku: &SkuState,
        bucket: u16,
        after: KeyId,
        up_to: KeyId,
        most: u32,
    ) -> Result<Vec<KeyId>, LedgerError> {
        let call = Call::default();
        let (buckets, bucket, most) = (i64::from(sku.buckets.max(1)), i64::from(bucket), i64::from(most));
        let parameters: Parameters<'_> = &[&sku.sku.as_str(), &after.0, &up_to.0, &buckets, &bucket, &most];
        let mut ids = self.limited(&call, async { read(self, &call, AVAILABLE, parameters, key_id).await }).await?;
        ids.sort_unstable();
        Ok(ids)
    }

    async fn still_available(&self, ids: &[KeyId]) -> Result<Vec<KeyId>, LedgerError> {
        let call = Call::default();
        let ids: Vec<i64> = ids.iter().map(|id| id.0).collect();
        let parameters: Parameters<'_> = &[&ids];
        let mut ids =
            self.limited(&call, async { read(self, &call, STILL_AVAILABLE, parameters, key_id).await }).await?;
        ids.sort_unstable();
        ids.dedup();
        Ok(ids)
    }

    async fn lease_loading(&self, worker: &WorkerId, ttl: Duration) -> Result<Vec<SkuState>, LedgerError> {
        let call = Call::default();
        self.limited(&call, loading::lease(self, &call, worker, ttl)).await
    }

    async fn raise_epoch(&self, sku: &Sku, from: Epoch, because: RaiseBecause) -> Result<Epoch, LedgerError> {
        let call = Call::default();
        self.limited(&call, loading::raise_epoch(self, &call, sku, from, because)).await
    }

    async fn adopt_identity(&self, seen: &StockIdentity) -> Result<bool, LedgerError> {
        let call = Call::default();
        self.limited(&call, loading::adopt_identity(self, &call, seen)).await
    }
}

/// Runs one statement that only reads.
async fn read<T>(
    postgres: &Postgres,
    call: &Call,
    sql: &'static str,
    parameters: Parameters<'_>,
    value: fn(&Row) -> Result<T, Failure>,
) -> Result<Vec<T>, LedgerError> {
    postgres
        .attempts(|| async {
            let session = postgres.open(call).await?;
            let outcome = session.rows(sql, parameters).await;
            session.end(outcome).await?.iter().map(value).collect()
        })
        .await
}

fn key_id(row: &Row) -> Result<KeyId, Failure> {
    column(row, 0).map(KeyId)
}
