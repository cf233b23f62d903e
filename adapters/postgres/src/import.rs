//! Imports: each fingerprint once in the whole ledger, ids of one SKU in the order of their commits (I5).
//!
//! A SKU's row is locked from before its ids are given until the commit. Ids are given SKU by SKU, so that
//! a SKU's keys lie together in the heap whatever the order of the file. What waits for a SKU's stock is woken in the
//! same transaction.

use std::collections::{BTreeMap, HashMap, HashSet};

use fulfil_contract::{
    ids::{KeyId, Sku},
    ports::{
        ledger::LedgerError,
        stock_ledger::{Imported, NewKey},
    },
};

use crate::{
    Postgres,
    columns::{broken, column, sku},
    errors::Failure,
    procurement::waking,
    session::{Begin, Call, Session},
};

/// Known SKUs are left out, or each of them would use up a number at each import.
const ADD_SKUS: &str = "
    insert into fulfil.sku (sku, buckets)
    select n.sku, $2 from unnest($1::text[]) n(sku) where not exists (select from fulfil.sku s where s.sku = n.sku)
    on conflict (sku) do nothing";
/// Locked in the order of their numbers, as everywhere.
const LOCK_SKUS: &str = "
    select s.sku, s.sku_id from fulfil.sku s where s.sku = any($1::text[]) order by s.sku_id for no key update";
/// In stock, sold or quarantined, or held for a line that is not whole yet.
const KNOWN: &str = "
    select k.fingerprint from unnest($1::bytea[]) f(fingerprint)
    join fulfil.card_key k on k.fingerprint = f.fingerprint
    union all
    select h.fingerprint from unnest($1::bytea[]) f(fingerprint)
    join fulfil.held_key h on h.fingerprint = f.fingerprint";
const GIVE_IDS: &str = "select nextval('fulfil.key_id') from generate_series(1, $1::integer)";
const INSERT: &str = "
    insert into fulfil.card_key (id, sku_id, fingerprint, sealed)
    select * from unnest($1::bigint[], $2::integer[], $3::bytea[], $4::bytea[])
    on conflict (fingerprint) do nothing returning id";
const ADD_TO_LOTS: &str = "
    insert into fulfil.lot (sku_id, block, first_id, last_id, keys)
    select * from unnest($1::integer[], $2::bigint[], $3::bigint[], $4::bigint[], $5::integer[])
    on conflict (sku_id, block) do update
    set last_id = excluded.last_id, keys = fulfil.lot.keys + excluded.keys, sold_out = false";
const RAISE_LAST_IDS: &str = "
    update fulfil.sku s set last_id = l.last_id
    from unnest($1::integer[], $2::bigint[]) l(sku_id, last_id) where s.sku_id = l.sku_id";
/// A SKU that only repeats came for is not known by that.
const DROP_EMPTY_SKUS: &str = "delete from fulfil.sku where sku_id = any($1::integer[]) and last_id = 0";

/// See [`StockLedger::import`](fulfil_contract::ports::stock_ledger::StockLedger::import).
pub(crate) async fn import(
    postgres: &Postgres,
    call: &Call,
    keys: &[NewKey],
    buckets: u16,
) -> Result<Vec<Imported>, LedgerError> {
    if keys.is_empty() {
        return Ok(Vec::new());
    }
    let buckets = i16::try_from(buckets.max(1))
        .map_err(|_| LedgerError::Data(format!("{buckets} buckets; at most {} are possible", i16::MAX)))?;
    let outcome = postgres
        .attempts(|| async move {
            let session = postgres.open(call).await?;
            let outcome = async {
                session.begin(Begin::Judge).await?;
                let names = names(keys);
                // Before any SKU is locked, as everybody does who needs both.
                let waiting = waking::lock_waiting(&session, keys).await?;
                let sku_ids = lock_skus(&session, &names, buckets).await?;
                let imported = add(&session, keys, &sku_ids).await?;
                drop_empty(&session, &sku_ids).await?;
                waiting.wake(&session, keys, &imported).await?;
                session.commit().await?;
                Ok((imported, sku_ids.into_values().collect::<Vec<i32>>()))
            }
            .await;
            session.end(outcome).await
        })
        .await;
    // After a failure too: it may have been committed all the same.
    match &outcome {
        Ok((_, sku_ids)) => postgres.take_memory.imported(sku_ids.iter().copied()),
        Err(_) => postgres.take_memory.forget(),
    }
    outcome.map(|(imported, _)| imported)
}

/// The SKUs' numbers, their rows locked until the transaction ends; unknown ones are added, with so many buckets.
/// Names are distinct and rise.
pub(crate) async fn lock_skus(
    session: &Session<'_>,
    names: &[&str],
    buckets: i16,
) -> Result<HashMap<Sku, i32>, Failure> {
    session.rows(ADD_SKUS, &[&names, &buckets]).await?;
    let rows = session.rows(LOCK_SKUS, &[&names]).await?;
    if rows.len() < names.len() {
        // Another import added the SKU, found nothing but repeats, and dropped it again.
        return Err(Failure::Again("a SKU's row went away".into()));
    }
    rows.iter().map(|row| Ok((sku(row, 0)?, column(row, 1)?))).collect()
}

/// Adds keys as available; their SKUs are locked. Answers in the same order.
pub(crate) async fn add(
    session: &Session<'_>,
    keys: &[NewKey],
    sku_ids: &HashMap<Sku, i32>,
) -> Result<Vec<Imported>, Failure> {
    let fresh = fresh(session, keys, sku_ids).await?;
    let ids = give_ids(session, fresh.len()).await?;
    let new = insert(session, keys, &fresh, &ids).await?;

    let mut imported = vec![Imported::Repeat; keys.len()];
    let mut lots: BTreeMap<(i32, i64), Lot> = BTreeMap::new();
    for (&(sku_id, at), id) in fresh.iter().zip(ids) {
        if new.contains(&id) {
            imported[at] = Imported::New(KeyId(id));
            lots.entry((sku_id, id >> 10)).or_insert(Lot { first: id, last: id, keys: 0 }).add(id);
        }
    }
    add_to_lots(session, &lots).await?;
    Ok(imported)
}

/// Drops the rows that [`lock_skus`] added and no key came for.
pub(crate) async fn drop_empty(session: &Session<'_>, sku_ids: &HashMap<Sku, i32>) -> Result<(), Failure> {
    let all: Vec<i32> = sku_ids.values().copied().collect();
    session.rows(DROP_EMPTY_SKUS, &[&all]).await.map(drop)
}

/// Which of these fingerprints are in the ledger. Those of one SKU stay so while the SKU is locked.
pub(crate) async fn known(session: &Session<'_>, fingerprints: &[&[u8]]) -> Result<HashSet<Vec<u8>>, Failure> {
    session.rows(KNOWN, &[&fingerprints]).await?.iter().map(|row| column(row, 0)).collect()
}

fn names(keys: &[NewKey]) -> Vec<&str> {
    let mut names: Vec<&str> = keys.iter().map(|key| key.sku.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    names
}

/// SKU number and place of each key that is neither in the ledger nor earlier in the call; SKU by SKU.
async fn fresh(
    session: &Session<'_>,
    keys: &[NewKey],
    sku_ids: &HashMap<Sku, i32>,
) -> Result<Vec<(i32, usize)>, Failure> {
    let fingerprints: Vec<&[u8]> = keys.iter().map(|key| key.fingerprint.0.as_slice()).collect();
    let known = known(session, &fingerprints).await?;
    let mut seen: HashSet<&[u8]> = known.iter().map(Vec::as_slice).collect();
    let mut fresh = Vec::with_capacity(keys.len());
    for (at, key) in keys.iter().enumerate() {
        if seen.insert(key.fingerprint.0.as_slice()) {
            let sku_id = sku_ids.get(&key.sku).copied().ok_or_else(|| broken("a SKU", "no row after its lock"))?;
            fresh.push((sku_id, at));
        }
    }
    fresh.sort_unstable();
    Ok(fresh)
}

async fn give_ids(session: &Session<'_>, count: usize) -> Result<Vec<i64>, Failure> {
    let count = i32::try_from(count).map_err(|_| LedgerError::Data(format!("{count} keys in one import")))?;
    let rows = session.rows(GIVE_IDS, &[&count]).await?;
    rows.iter().map(|row| column(row, 0)).collect()
}

/// The ids that were inserted: an import of another SKU may have been faster with the same fingerprint.
async fn insert(
    session: &Session<'_>,
    keys: &[NewKey],
    fresh: &[(i32, usize)],
    ids: &[i64],
) -> Result<HashSet<i64>, Failure> {
    let skus: Vec<i32> = fresh.iter().map(|(sku_id, _)| *sku_id).collect();
    let fingerprints: Vec<&[u8]> = fresh.iter().map(|(_, at)| keys[*at].fingerprint.0.as_slice()).collect();
    let sealed: Vec<&[u8]> = fresh.iter().map(|(_, at)| keys[*at].sealed.0.as_slice()).collect();
    let rows = session.rows(INSERT, &[&ids, &skus, &fingerprints, &sealed]).await?;
    rows.iter().map(|row| column(row, 0)).collect()
}

/// What an import adds to the keys of one SKU in one block of ids.
struct Lot {
    first: i64,
    last: i64,
    keys: i32,
}

impl Lot {
    fn add(&mut self, id: i64) {
        self.last = id;
        self.keys += 1;
    }
}

async fn add_to_lots(session: &Session<'_>, lots: &BTreeMap<(i32, i64), Lot>) -> Result<(), Failure> {
    let skus: Vec<i32> = lots.keys().map(|(sku_id, _)| *sku_id).collect();
    let blocks: Vec<i64> = lots.keys().map(|(_, block)| *block).collect();
    let firsts: Vec<i64> = lots.values().map(|lot| lot.first).collect();
    let lasts: Vec<i64> = lots.values().map(|lot| lot.last).collect();
    let counts: Vec<i32> = lots.values().map(|lot| lot.keys).collect();
    session.rows(ADD_TO_LOTS, &[&skus, &blocks, &firsts, &lasts, &counts]).await?;
    // By rising block, so the last one of a SKU stays.
    let highest: BTreeMap<i32, i64> = lots.iter().map(|((sku_id, _), lot)| (*sku_id, lot.last)).collect();
    let (skus, lasts): (Vec<i32>, Vec<i64>) = highest.into_iter().unzip();
    session.rows(RAISE_LAST_IDS, &[&skus, &lasts]).await?;
    Ok(())
}
