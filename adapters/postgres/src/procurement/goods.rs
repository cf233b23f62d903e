//! Where the keys of suppliers go.
//!
//! What holds here: a key is in the ledger once: in stock by its import (I5), held for a line that is not whole yet,
//! or, known already, apart from both. All of it is decided under the SKU's lock, so no import comes between.

use std::collections::{HashMap, HashSet};

use fulfil_contract::{
    attempt::{Attempt, AttemptId},
    ids::{Fingerprint, KeyId, SealedKey, Sku},
    ports::stock_ledger::{Imported, NewKey},
    procurement::{BoughtKey, Placed},
    recorded::StoredOutcome,
};
use tokio_postgres::Row;

use super::rows::ProcurementRow;
use crate::{
    columns::{column, count},
    errors::Failure,
    import,
    record::sell::SELL,
    session::Session,
};

/// A SKU that is known by a purchase alone is asked for seldom: one bucket is enough.
const BUCKETS: i16 = 1;

const TELL: &str = "
    insert into fulfil.told_key (attempt_id, place, fingerprint)
    select $1, k.* from unnest($2::integer[], $3::bytea[]) k(place, fingerprint)";

const TOLD: &str = "select fingerprint from fulfil.told_key where attempt_id = $1";

const REFUSE: &str = "
    insert into fulfil.refused_key (attempt_id, place, fingerprint, sealed)
    select k.* from unnest($1::bigint[], $2::integer[], $3::bytea[], $4::bytea[]) k(attempt_id, place, fingerprint, sealed)
    on conflict do nothing";

const HOLD: &str = "
    insert into fulfil.held_key (fingerprint, procurement_id, attempt_id, place, sealed)
    select k.fingerprint, $1, k.attempt_id, k.place, k.sealed
    from unnest($2::bigint[], $3::integer[], $4::bytea[], $5::bytea[]) k(attempt_id, place, fingerprint, sealed)";

const COUNT_HELD: &str = "select count(*) from fulfil.held_key where procurement_id = $1";

const LET_GO: &str = "
    delete from fulfil.held_key where procurement_id = $1 returning attempt_id, place, fingerprint, sealed";

/// A key, and where its supplier told it.
#[derive(Debug)]
struct Told {
    attempt: AttemptId,
    place: i32,
    key: BoughtKey,
}

/// What was made of a delivery.
#[derive(Debug)]
pub(crate) struct Stowed {
    pub(crate) placed: Placed,
    /// The line's, if it is whole.
    pub(crate) outcome: Option<StoredOutcome>,
    /// Of the SKU that keys were put into stock for, to be sold to others.
    pub(crate) stocked: Option<Stocked>,
}

/// Keys came into stock.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stocked {
    pub(crate) sku_id: i32,
    pub(crate) keys: usize,
}

/// Places the keys that an attempt brought.
pub(crate) async fn place(
    session: &Session<'_>,
    row: &ProcurementRow,
    attempt: &Attempt,
    keys: &[BoughtKey],
) -> Result<Stowed, Failure> {
    let sku_ids = import::lock_skus(session, &[row.sku.as_str()], BUCKETS).await?;
    let (fresh, refused) = sorted_out(session, attempt, keys, 0).await?;
    refuse(session, &refused).await?;
    let wanted = row.quantity.as_usize();
    let mut placed = Placed {
        complete: false,
        known: as_u32(refused.len()),
        surplus: 0,
        missing: attempt.quantity.get().saturating_sub(as_u32(fresh.len())),
    };
    let held = session.rows(COUNT_HELD, &[&row.id.0]).await?;
    let held = usize::try_from(held.first().map_or(Ok(0), |row| count(row, 0))?).unwrap_or(usize::MAX);
    if held.saturating_add(fresh.len()) < wanted {
        hold(session, row, &fresh).await?;
        import::drop_empty(session, &sku_ids).await?;
        return Ok(Stowed { placed, outcome: None, stocked: None });
    }
    let mut whole = let_go(session, row).await?;
    whole.extend(fresh);
    let imported = import::add(session, &new_keys(row, &whole), &sku_ids).await?;
    let ids = imported.into_iter().map(|imported| match imported {
        Imported::New(id) => Ok(id),
        // Another SKU's import was faster: the next attempt finds it known.
        Imported::Repeat => Err(Failure::Again("a bought key came into the ledger meanwhile".into())),
    });
    let ids = ids.collect::<Result<Vec<KeyId>, Failure>>()?;
    let (line, surplus) = ids.split_at(wanted.min(ids.len()));
    let sku_id = sku_ids.get(&row.sku).copied();
    sell(session, row, sku_id, line).await?;
    (placed.complete, placed.surplus) = (true, as_u32(surplus.len()));
    let stocked = sku_id.map(|sku_id| Stocked { sku_id, keys: surplus.len() });
    Ok(Stowed { placed, outcome: Some(delivered(line)), stocked: stocked.filter(|stocked| stocked.keys > 0) })
}

/// The line is filled otherwise, or fails: what was held for it goes into stock. One that is in the ledger
/// meanwhile, under another SKU, goes to the refused ones.
pub(crate) async fn into_stock(session: &Session<'_>, row: &ProcurementRow) -> Result<Option<Stocked>, Failure> {
    let held = session.rows(COUNT_HELD, &[&row.id.0]).await?;
    if held.first().map_or(Ok(0), |row| count(row, 0))? == 0 {
        return Ok(None);
    }
    let sku_ids = import::lock_skus(session, &[row.sku.as_str()], BUCKETS).await?;
    let held = let_go(session, row).await?;
    Ok(add_to_stock(session, row, held, &sku_ids).await?.0)
}

/// Keys of an attempt that its line does not want any more: new ones go into stock, the others are kept apart; how many
/// these are.
pub(super) async fn stock(
    session: &Session<'_>,
    row: &ProcurementRow,
    attempt: &Attempt,
    keys: &[BoughtKey],
) -> Result<(Option<Stocked>, u32), Failure> {
    let sku_ids = import::lock_skus(session, &[row.sku.as_str()], BUCKETS).await?;
    let told = told_by(session, attempt).await?.len();
    let (fresh, refused) = sorted_out(session, attempt, keys, place_of(told)).await?;
    refuse(session, &refused).await?;
    let (stocked, repeats) = add_to_stock(session, row, fresh, &sku_ids).await?;
    Ok((stocked, as_u32(refused.len() + repeats)))
}

/// Keeps keys of an attempt apart, though the ledger may not know them; how many they are.
pub(super) async fn apart(session: &Session<'_>, attempt: &Attempt, keys: &[BoughtKey]) -> Result<u32, Failure> {
    // Behind all that it told: it can't have been more than a line wants.
    let first = place_of(told_by(session, attempt).await?.len());
    let told = |(key, place): (&BoughtKey, i32)| Told { attempt: attempt.id, place, key: key.clone() };
    refuse(session, &keys.iter().zip(first..).map(told).collect::<Vec<Told>>()).await?;
    Ok(as_u32(keys.len()))
}

/// What an attempt has told.
pub(super) async fn told_by(session: &Session<'_>, attempt: &Attempt) -> Result<Vec<Fingerprint>, Failure> {
    session.rows(TOLD, &[&attempt.id.0]).await?.iter().map(|row| fingerprint(row, 0)).collect()
}

/// Adds keys to the stock of the line's SKU, which is locked; keeps apart what is in the ledger meanwhile, and says how
/// many these are.
async fn add_to_stock(
    session: &Session<'_>,
    row: &ProcurementRow,
    keys: Vec<Told>,
    sku_ids: &HashMap<Sku, i32>,
) -> Result<(Option<Stocked>, usize), Failure> {
    let imported = import::add(session, &new_keys(row, &keys), sku_ids).await?;
    import::drop_empty(session, sku_ids).await?;
    let all = keys.len();
    let repeats: Vec<Told> = keys
        .into_iter()
        .zip(imported)
        .filter(|(_, imported)| matches!(imported, Imported::Repeat))
        .map(|(told, _)| told)
        .collect();
    refuse(session, &repeats).await?;
    let keys = all - repeats.len();
    let stocked = sku_ids.get(&row.sku).map(|sku_id| Stocked { sku_id: *sku_id, keys });
    Ok((stocked.filter(|stocked| stocked.keys > 0), repeats.len()))
}

/// Sells these available keys to the line's order.
pub(super) async fn sell(
    session: &Session<'_>,
    row: &ProcurementRow,
    sku_id: Option<i32>,
    ids: &[KeyId],
) -> Result<(), Failure> {
    let order_id = row.order_id.as_str();
    let mut sorted: Vec<i64> = ids.iter().map(|id| id.0).collect();
    sorted.sort_unstable();
    let (order_ids, skus) = (vec![order_id; sorted.len()], vec![sku_id; sorted.len()]);
    let sold = session.rows(SELL, &[&sorted, &order_ids, &skus]).await?;
    if sold.len() < sorted.len() {
        return Err(Failure::Again("keys that this transaction holds could not be sold".into()));
    }
    Ok(())
}

/// What a line says that these keys were sold to.
pub(super) fn delivered(ids: &[KeyId]) -> StoredOutcome {
    let mut keys: Vec<i64> = ids.iter().map(|id| id.0).collect();
    keys.sort_unstable();
    StoredOutcome::Delivered { keys }
}

/// Writes down what was told, from this place on; gives what is new to the ledger, and what is not, in the supplier's
/// order.
async fn sorted_out(
    session: &Session<'_>,
    attempt: &Attempt,
    keys: &[BoughtKey],
    first: i32,
) -> Result<(Vec<Told>, Vec<Told>), Failure> {
    let fingerprints: Vec<&[u8]> = keys.iter().map(|key| key.fingerprint.0.as_slice()).collect();
    let places: Vec<i32> = (first..).take(keys.len()).collect();
    session.rows(TELL, &[&attempt.id.0, &places, &fingerprints]).await?;
    let mut seen: HashSet<Vec<u8>> = import::known(session, &fingerprints).await?;
    let (mut fresh, mut refused) = (Vec::with_capacity(keys.len()), Vec::new());
    for (key, place) in keys.iter().zip(places) {
        let into = if seen.insert(key.fingerprint.0.to_vec()) { &mut fresh } else { &mut refused };
        into.push(Told { attempt: attempt.id, place, key: key.clone() });
    }
    Ok((fresh, refused))
}

async fn refuse(session: &Session<'_>, keys: &[Told]) -> Result<(), Failure> {
    if keys.is_empty() {
        return Ok(());
    }
    let Columns { attempts, places, fingerprints, sealed } = Columns::of(keys);
    session.rows(REFUSE, &[&attempts, &places, &fingerprints, &sealed]).await.map(drop)
}

async fn hold(session: &Session<'_>, row: &ProcurementRow, keys: &[Told]) -> Result<(), Failure> {
    if keys.is_empty() {
        return Ok(());
    }
    let Columns { attempts, places, fingerprints, sealed } = Columns::of(keys);
    session.rows(HOLD, &[&row.id.0, &attempts, &places, &fingerprints, &sealed]).await.map(drop)
}

struct Columns<'a> {
    attempts: Vec<i64>,
    places: Vec<i32>,
    fingerprints: Vec<&'a [u8]>,
    sealed: Vec<&'a [u8]>,
}

impl<'a> Columns<'a> {
    fn of(keys: &'a [Told]) -> Self {
        Self {
            attempts: keys.iter().map(|told| told.attempt.0).collect(),
            places: keys.iter().map(|told| told.place).collect(),
            fingerprints: keys.iter().map(|told| told.key.fingerprint.0.as_slice()).collect(),
            sealed: keys.iter().map(|told| told.key.sealed.0.as_slice()).collect(),
        }
    }
}

/// The keys that were held, in the order in which they came; they are held no more.
async fn let_go(session: &Session<'_>, row: &ProcurementRow) -> Result<Vec<Told>, Failure> {
    let mut held = session.rows(LET_GO, &[&row.id.0]).await?.iter().map(told).collect::<Result<Vec<_>, _>>()?;
    held.sort_unstable_by_key(|told: &Told| (told.attempt, told.place));
    Ok(held)
}

/// The columns that `LET_GO` returns.
fn told(row: &Row) -> Result<Told, Failure> {
    let key = BoughtKey { fingerprint: fingerprint(row, 2)?, sealed: SealedKey(column(row, 3)?) };
    Ok(Told { attempt: AttemptId(column(row, 0)?), place: column(row, 1)?, key })
}

pub(crate) fn fingerprint(row: &Row, at: usize) -> Result<Fingerprint, Failure> {
    let bytes: &[u8] = column(row, at)?;
    let cut =
        bytes.try_into().map_err(|_| crate::columns::broken("a fingerprint", &format!("{} bytes", bytes.len())))?;
    Ok(Fingerprint(cut))
}

fn new_keys(row: &ProcurementRow, keys: &[Told]) -> Vec<NewKey> {
    let new = |told: &Told| NewKey {
        sku: row.sku.clone(),
        fingerprint: told.key.fingerprint,
        sealed: told.key.sealed.clone(),
    };
    keys.iter().map(new).collect()
}

fn place_of(count: usize) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}

fn as_u32(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}
