//! The ledger's side of stock: imports, epochs, loaders' leases.

use std::time::Duration;

use async_trait::async_trait;
use fulfil_contract::{
    ids::{KeyId, Sku, WorkerId},
    ports::{
        ledger::LedgerError,
        stock_ledger::{Imported, NewKey, RaiseBecause, SkuState, StockLedger},
    },
    stock::{Epoch, StockIdentity},
    time::Timestamp,
};
use rusqlite::{Connection, OptionalExtension};

use crate::{errors::StoreError, import::import, open::Sqlite};

/// An epoch that is younger is not raised because of a sold key: the rebuilding may not have begun.
const EPOCH_REST_US: i64 = 10_000_000;

#[async_trait]
impl StockLedger for Sqlite {
    async fn import(&self, keys: &[NewKey], buckets: u16) -> Result<Vec<Imported>, LedgerError> {
        let keys = keys.to_vec();
        Ok(self.write(move |connection| import(connection, &keys, buckets, Timestamp::now())).await?)
    }

    async fn skus(&self) -> Result<Vec<SkuState>, LedgerError> {
        Ok(self.read(skus).await?)
    }

    async fn available(
        &self,
        sku: &SkuState,
        bucket: u16,
        after: KeyId,
        up_to: KeyId,
        most: u32,
    ) -> Result<Vec<KeyId>, LedgerError> {
        let sku = sku.clone();
        // `id >> 10` as in `Bucket::index_of`.
        let sql = "select id from card_key where sku_no = (select sku_no from sku where sku = ?1) and state = 0
            and id > ?2 and id <= ?3 and (id >> 10) % ?4 = ?5 order by id limit ?6";
        let work = move |connection: &Connection| {
            let mut available = connection.prepare_cached(sql)?;
            let window = (sku.sku.as_str(), after.0, up_to.0, sku.buckets.max(1), bucket, most);
            Ok(available.query_map(window, |row| row.get(0).map(KeyId))?.collect::<Result<_, _>>()?)
        };
        Ok(self.read(work).await?)
    }

    async fn still_available(&self, ids: &[KeyId]) -> Result<Vec<KeyId>, LedgerError> {
        let mut ids = ids.to_vec();
        ids.sort_unstable();
        ids.dedup();
        let work = move |connection: &Connection| {
            let mut available = connection.prepare_cached("select 1 from card_key where id = ?1 and state = 0")?;
            let mut still = Vec::with_capacity(ids.len());
            for id in ids {
                if available.exists([id.0])? {
                    still.push(id);
                }
            }
            Ok(still)
        };
        Ok(self.read(work).await?)
    }

    /// There are no lots to mark here: the index of available keys holds no others.
    async fn lease_loading(&self, worker: &WorkerId, ttl: Duration) -> Result<Vec<SkuState>, LedgerError> {
        let mut skus = self.read(skus).await?;
        // The port says "takes": a folder that is open to read only has no leases to give.
        self.writer()?;
        skus.retain(|state| self.leases().load(&state.sku, worker, ttl));
        Ok(skus)
    }

    async fn raise_epoch(&self, sku: &Sku, from: Epoch, because: RaiseBecause) -> Result<Epoch, LedgerError> {
        let sku = sku.clone();
        Ok(self.write(move |connection| raise_epoch(connection, &sku, from, because, Timestamp::now())).await?)
    }

    async fn adopt_identity(&self, seen: &StockIdentity) -> Result<bool, LedgerError> {
        let seen = seen.clone();
        Ok(self.write(move |connection| adopt_identity(connection, &seen, Timestamp::now())).await?)
    }
}

fn skus(connection: &Connection) -> Result<Vec<SkuState>, StoreError> {
    let mut skus = connection.prepare_cached("select sku, epoch, buckets, last_id from sku order by sku")?;
    let rows = skus.query_map([], |row| Ok((row.get::<_, String>(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))?;
    let mut states = Vec::new();
    for row in rows {
        let (sku, epoch, buckets, last_id) = row?;
        let sku = Sku::parse(&sku)
            .map_err(|error| StoreError::Broken(format!("a SKU of the ledger can't be read: it {error}")))?;
        states.push(SkuState { sku, epoch: Epoch(epoch), buckets, last_id: KeyId(last_id) });
    }
    Ok(states)
}

fn raise_epoch(
    connection: &Connection,
    sku: &Sku,
    from: Epoch,
    because: RaiseBecause,
    at: Timestamp,
) -> Result<Epoch, StoreError> {
    let read = "select epoch, epoch_began from sku where sku = ?1";
    let found = connection
        .prepare_cached(read)?
        .query_row([sku.as_str()], |row| Ok((row.get(0).map(Epoch)?, row.get::<_, i64>(1)?)));
    let Some((epoch, began)) = found.optional()? else {
        return Err(StoreError::Data(format!("no key was ever imported for {sku}")));
    };
    let due = match because {
        RaiseBecause::Lost => true,
        RaiseBecause::OfferedSold(sold_at) => sold_at.0 < began && at.0 - began > EPOCH_REST_US,
    };
    if epoch != from || !due {
        return Ok(epoch);
    }
    let raise = "update sku set epoch = epoch + 1, epoch_began = ?2 where sku = ?1 and epoch = ?3 returning epoch";
    Ok(Epoch(connection.prepare_cached(raise)?.query_row((sku.as_str(), at.0, from.0), |row| row.get(0))?))
}

fn adopt_identity(connection: &Connection, seen: &StockIdentity, at: Timestamp) -> Result<bool, StoreError> {
    let first = "insert into stock_server (one, identity) values (1, ?1) on conflict do nothing";
    connection.prepare_cached(first)?.execute([&seen.0])?;
    let other =
        connection.prepare_cached("update stock_server set identity = ?1 where identity <> ?1")?.execute([&seen.0])?
            == 1;
    if other {
        connection.prepare_cached("update sku set epoch = epoch + 1, epoch_began = ?1")?.execute([at.0])?;
    }
    Ok(other)
}
