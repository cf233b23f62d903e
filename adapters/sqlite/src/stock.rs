//! Stock on tables: buckets, offers, claims. Ids here are hints, as on a stock server; the ledger judges.

use std::{collections::HashSet, time::Duration};

use async_trait::async_trait;
use fulfil_contract::{
    ids::{KeyId, WorkerId},
    ports::stock::{Stock, StockClaims, StockError, StockLoading},
    stock::{
        Bucket, BucketState, ClaimAnswer, ClaimId, ClaimRequest, Epoch, GoBack, Load, Loaded, OpenClaim, Settle,
        StockIdentity,
    },
};
use rusqlite::{Connection, OptionalExtension};

use crate::{errors::StoreError, open::Sqlite};

#[async_trait]
impl Stock for Sqlite {
    async fn claim(&self, settles: &[Settle], claims: &[ClaimRequest]) -> Result<Vec<ClaimAnswer>, StockError> {
        let (settles, claims) = (settles.to_vec(), claims.to_vec());
        let work = move |connection: &Connection| {
            settles.iter().try_for_each(|one| settle(connection, one))?;
            claims.iter().map(|one| claim(connection, one)).collect()
        };
        Ok(self.write(work).await?)
    }

    async fn settle(&self, settles: &[Settle]) -> Result<(), StockError> {
        let settles = settles.to_vec();
        Ok(self.write(move |connection| settles.iter().try_for_each(|one| settle(connection, one))).await?)
    }
}

#[async_trait]
impl StockLoading for Sqlite {
    /// Nothing to install: the functions are this crate.
    async fn install(&self) -> Result<(), StockError> {
        Ok(())
    }

    /// Made once, with the file: stock and ledger are of the same file and of the same age.
    async fn identity(&self) -> Result<StockIdentity, StockError> {
        let sql = "select identity from stock_identity";
        Ok(self.read(move |connection| Ok(StockIdentity(connection.query_row(sql, [], |row| row.get(0))?))).await?)
    }

    async fn states(&self, buckets: &[Bucket]) -> Result<Vec<BucketState>, StockError> {
        let buckets = buckets.to_vec();
        Ok(self.read(move |connection| buckets.iter().map(|bucket| state(connection, bucket)).collect()).await?)
    }

    async fn reset(&self, bucket: &Bucket, epoch: Epoch) -> Result<Loaded, StockError> {
        let bucket = bucket.clone();
        Ok(self.write(move |connection| reset(connection, &bucket, epoch)).await?)
    }

    async fn load(&self, window: &Load) -> Result<Loaded, StockError> {
        let window = window.clone();
        Ok(self.write(move |connection| load(connection, &window)).await?)
    }

    async fn offered(&self, bucket: &Bucket) -> Result<Vec<KeyId>, StockError> {
        let bucket = bucket.clone();
        let work = move |connection: &Connection| match find(connection, &bucket)? {
            Some(found) => lowest(connection, found.no, i64::MAX),
            None => Ok(Vec::new()),
        };
        Ok(self.read(work).await?)
    }
}

#[async_trait]
impl StockClaims for Sqlite {
    async fn beat(&self, worker: &WorkerId, ttl: Duration) -> Result<(), StockError> {
        self.leases().beat(worker, ttl);
        Ok(())
    }

    async fn living(&self, workers: &[WorkerId]) -> Result<Vec<bool>, StockError> {
        Ok(workers.iter().map(|worker| self.leases().lives(worker)).collect())
    }

    async fn open_claims(&self, bucket: &Bucket) -> Result<Vec<OpenClaim>, StockError> {
        let bucket = bucket.clone();
        Ok(self.read(move |connection| open_claims(connection, &bucket)).await?)
    }
}

/// A bucket's row.
struct Found {
    no: i64,
    epoch: Epoch,
    loaded_to: KeyId,
    complete: bool,
}

fn find(connection: &Connection, bucket: &Bucket) -> Result<Option<Found>, StoreError> {
    let mut find = connection
        .prepare_cached("select bucket_no, epoch, loaded_to, complete from bucket where sku = ?1 and idx = ?2")?;
    let found = find.query_row((bucket.sku.as_str(), bucket.index), |row| {
        Ok(Found { no: row.get(0)?, epoch: Epoch(row.get(1)?), loaded_to: KeyId(row.get(2)?), complete: row.get(3)? })
    });
    Ok(found.optional()?)
}

fn lowest(connection: &Connection, bucket_no: i64, most: i64) -> Result<Vec<KeyId>, StoreError> {
    let mut lowest = connection.prepare_cached("select id from offer where bucket_no = ?1 order by id limit ?2")?;
    Ok(lowest.query_map((bucket_no, most), |row| row.get(0).map(KeyId))?.collect::<Result<_, _>>()?)
}

fn claim(connection: &Connection, request: &ClaimRequest) -> Result<ClaimAnswer, StoreError> {
    let bucket = match find(connection, &request.bucket)? {
        Some(bucket) if bucket.epoch == request.epoch => bucket,
        other => return Ok(ClaimAnswer::WrongEpoch(other.map(|bucket| bucket.epoch))),
    };
    let name = request.claim.to_string();
    let mut same = connection.prepare_cached("select ids from claim where bucket_no = ?1 and claim = ?2")?;
    if let Some(ids) = same.query_row((bucket.no, &name), |row| row.get::<_, String>(0)).optional()? {
        return Ok(ClaimAnswer::Claimed(read_ids(&ids)?));
    }
    let ids = lowest(connection, bucket.no, request.most.into())?;
    if let Some(last) = ids.last() {
        connection
            .prepare_cached("delete from offer where bucket_no = ?1 and id <= ?2")?
            .execute((bucket.no, last.0))?;
        let mut keep = connection.prepare_cached("insert into claim (bucket_no, claim, ids) values (?1, ?2, ?3)")?;
        keep.execute((bucket.no, name, write_ids(&ids)))?;
    }
    Ok(ClaimAnswer::Claimed(ids))
}

fn settle(connection: &Connection, settle: &Settle) -> Result<(), StoreError> {
    let bucket = match find(connection, &settle.bucket)? {
        Some(bucket) if bucket.epoch == settle.epoch => bucket,
        Some(_) | None => return Ok(()),
    };
    let mut forget =
        connection.prepare_cached("delete from claim where bucket_no = ?1 and claim = ?2 returning ids")?;
    let Some(ids) =
        forget.query_row((bucket.no, settle.claim.to_string()), |row| row.get::<_, String>(0)).optional()?
    else {
        return Ok(());
    };
    let held = read_ids(&ids)?;
    match &settle.back {
        GoBack::All => offer(connection, bucket.no, held),
        GoBack::These(back) => {
            let back: HashSet<&KeyId> = back.iter().collect();
            offer(connection, bucket.no, held.into_iter().filter(|id| back.contains(id)))
        }
    }
}

fn offer(connection: &Connection, bucket_no: i64, ids: impl IntoIterator<Item = KeyId>) -> Result<(), StoreError> {
    let mut offer =
        connection.prepare_cached("insert into offer (bucket_no, id) values (?1, ?2) on conflict do nothing")?;
    for id in ids {
        offer.execute((bucket_no, id.0))?;
    }
    Ok(())
}

fn state(connection: &Connection, bucket: &Bucket) -> Result<BucketState, StoreError> {
    let Some(found) = find(connection, bucket)? else {
        return Ok(BucketState { epoch: None, loaded_to: KeyId(0), complete: false, offered: 0 });
    };
    let mut count = connection.prepare_cached("select count(*) from offer where bucket_no = ?1")?;
    let offered: i64 = count.query_row([found.no], |row| row.get(0))?;
    Ok(BucketState {
        epoch: Some(found.epoch),
        loaded_to: found.loaded_to,
        complete: found.complete,
        offered: offered.unsigned_abs(),
    })
}

fn reset(connection: &Connection, bucket: &Bucket, epoch: Epoch) -> Result<Loaded, StoreError> {
    let sql = "insert into bucket (sku, idx, epoch, loaded_to, complete) values (?1, ?2, ?3, 0, 0)
        on conflict (sku, idx) do update set epoch = excluded.epoch, loaded_to = 0, complete = 0 where excluded.epoch > bucket.epoch
        returning bucket_no";
    let mut raise = connection.prepare_cached(sql)?;
    let Some(no) =
        raise.query_row((bucket.sku.as_str(), bucket.index, epoch.0), |row| row.get::<_, i64>(0)).optional()?
    else {
        return Ok(Loaded::Refused);
    };
    connection.prepare_cached("delete from offer where bucket_no = ?1")?.execute([no])?;
    connection.prepare_cached("delete from claim where bucket_no = ?1")?.execute([no])?;
    Ok(Loaded::Done)
}

fn load(connection: &Connection, window: &Load) -> Result<Loaded, StoreError> {
    let sql = "update bucket set loaded_to = ?5, complete = max(complete, ?6)
        where sku = ?1 and idx = ?2 and epoch = ?3 and loaded_to = ?4 returning bucket_no";
    let bucket =
        (window.bucket.sku.as_str(), window.bucket.index, window.epoch.0, window.from.0, window.to.0, window.complete);
    let Some(no) = connection.prepare_cached(sql)?.query_row(bucket, |row| row.get(0)).optional()? else {
        return Ok(Loaded::Refused);
    };
    offer(connection, no, window.ids.iter().copied())?;
    Ok(Loaded::Done)
}

fn open_claims(connection: &Connection, bucket: &Bucket) -> Result<Vec<OpenClaim>, StoreError> {
    let Some(found) = find(connection, bucket)? else { return Ok(Vec::new()) };
    let mut open = connection.prepare_cached("select claim, ids from claim where bucket_no = ?1")?;
    let rows = open.query_map([found.no], |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?)))?;
    let mut claims = Vec::new();
    for row in rows {
        let (name, ids) = row?;
        let claim = ClaimId::parse(&name).ok_or_else(|| unreadable("the name of a claim"))?;
        claims.push(OpenClaim { claim, ids: read_ids(&ids)? });
    }
    Ok(claims)
}

/// The text of a `claim.ids` column.
fn write_ids(ids: &[KeyId]) -> String {
    let ids: Vec<i64> = ids.iter().map(|id| id.0).collect();
    // Numbers into a String can't fail; a reader would refuse the empty text.
    serde_json::to_string(&ids).unwrap_or_default()
}

fn read_ids(text: &str) -> Result<Vec<KeyId>, StoreError> {
    let ids: Vec<i64> = serde_json::from_str(text).map_err(|_| unreadable("the ids of a claim"))?;
    Ok(ids.into_iter().map(KeyId).collect())
}

fn unreadable(what: &str) -> StoreError {
    StoreError::Broken(format!("{what} can't be read: run `fulfil stock rebuild`"))
}
