//! Sells the keys of new orders: each only if it is available and of the line's SKU (I1, I3).

use std::collections::HashMap;

use fulfil_contract::{
    ids::{KeyId, SealedKey, Sku},
    ports::ledger::LedgerError,
    recorded::{Gone, GoneKey, LineOutcome},
    time::Timestamp,
};

use super::{
    batch::{Batch, Standing, claims},
    draft::Draft,
};
use crate::{
    columns::{Moment, column},
    errors::Failure,
    postgres::Postgres,
    session::Session,
};

pub(crate) const SELL: &str = "
    update fulfil.card_key k set state = 1, order_id = s.order_id
    from unnest($1::bigint[], $2::text[], $3::integer[]) s(id, order_id, sku_id)
    where k.id = s.id and k.state = 0 and k.sku_id = s.sku_id
    returning k.id, k.sealed";

const WHY: &str = "
    select g.id, k.state, k.sku_id, o.decided_at
    from unnest($1::bigint[]) g(id)
    left join fulfil.card_key k on k.id = g.id left join fulfil.orders o on o.order_id = k.order_id";

/// No SKU has this number.
const NO_SKU: i32 = 0;

/// Sells every key of the drafts and puts its sealed bytes into them. Gives the ids that could not be sold.
pub(super) async fn sell(
    postgres: &Postgres,
    session: &Session<'_>,
    drafts: &mut [Draft],
) -> Result<Vec<KeyId>, Failure> {
    let skus: Vec<&Sku> = distinct(drafts.iter().flat_map(|draft| draft.order.lines.iter().map(|line| &line.sku)));
    let sku_ids = postgres.sku_ids.of(session, &skus).await?;
    let mut keys: Vec<(i64, &str, i32)> = Vec::with_capacity(drafts.len());
    for draft in &*drafts {
        for line in &draft.order.lines {
            let LineOutcome::Delivered(delivered) = &line.outcome else { continue };
            let sku_id = sku_ids.get(&line.sku).copied().unwrap_or(NO_SKU);
            keys.extend(delivered.iter().map(|key| (key.id.0, draft.order.order_id.as_str(), sku_id)));
        }
    }
    if keys.is_empty() {
        return Ok(Vec::new());
    }
    // Everybody locks keys in this order, so nobody waits in a circle.
    keys.sort_unstable_by_key(|key| key.0);
    let ids: Vec<i64> = keys.iter().map(|key| key.0).collect();
    let order_ids: Vec<&str> = keys.iter().map(|key| key.1).collect();
    let key_skus: Vec<i32> = keys.iter().map(|key| key.2).collect();
    let rows = session.rows(SELL, &[&ids, &order_ids, &key_skus]).await?;

    let mut sold: HashMap<i64, Vec<u8>> = HashMap::with_capacity(rows.len());
    for row in &rows {
        sold.insert(column(row, 0)?, column(row, 1)?);
    }
    if sold.len() < ids.len() {
        let missing: Vec<KeyId> = ids.into_iter().filter(|id| !sold.contains_key(id)).map(KeyId).collect();
        if missing.is_empty() {
            let twice = "a key stands in two lines of one batch: this is an error in the program";
            return Err(Failure::Ledger(LedgerError::Broken(twice.into())));
        }
        return Ok(missing);
    }
    for line in drafts.iter_mut().flat_map(|draft| &mut draft.order.lines) {
        let LineOutcome::Delivered(delivered) = &mut line.outcome else { continue };
        for key in delivered {
            key.sealed = SealedKey(sold.remove(&key.id.0).unwrap_or_default());
        }
    }
    Ok(Vec::new())
}

fn distinct<'a>(all: impl Iterator<Item = &'a Sku>) -> Vec<&'a Sku> {
    let mut skus: Vec<&Sku> = Vec::new();
    let mut last = None;
    for sku in all {
        // Neighbours are often of one SKU, and a batch has few.
        if last != Some(sku) && !skus.contains(&sku) {
            skus.push(sku);
        }
        last = Some(sku);
    }
    skus
}

/// What happened to each missing id, by the order that claimed it: read after the rollback, so by others'
/// commits alone.
pub(super) async fn why_gone(
    postgres: &Postgres,
    session: &Session<'_>,
    batch: &Batch<'_>,
    standings: &[Standing],
    missing: &[KeyId],
) -> Result<Vec<(usize, Vec<GoneKey>)>, Failure> {
    let ids: Vec<i64> = missing.iter().map(|id| id.0).collect();
    let rows = session.rows(WHY, &[&ids]).await?;
    let mut found: HashMap<i64, Found> = HashMap::with_capacity(rows.len());
    for row in &rows {
        let sold_at = column::<Option<Moment>>(row, 3)?.map(|moment| moment.0);
        found.insert(column(row, 0)?, Found { state: column(row, 1)?, sku_id: column(row, 2)?, sold_at });
    }
    let skus = distinct(batch.orders.iter().flat_map(|entry| claims(entry.order).map(|(line, _)| &line.sku)));
    let sku_ids = postgres.sku_ids.of(session, &skus).await?;
    let mut lost: Vec<(usize, Vec<GoneKey>)> = Vec::new();
    for (place, entry) in batch.orders.iter().enumerate().filter(|&(place, _)| standings[place] == Standing::Open) {
        let mut gone: Vec<GoneKey> = Vec::new();
        for (line, ids) in claims(entry.order) {
            let sku_id = sku_ids.get(&line.sku).copied();
            let whys = ids.iter().filter_map(|id| Some((id, found.get(&id.0)?.why(sku_id)?)));
            gone.extend(whys.map(|(id, why)| GoneKey { id: *id, why }));
        }
        if !gone.is_empty() {
            lost.push((place, gone));
        }
    }
    if lost.iter().any(|(_, gone)| gone.iter().any(|key| key.why == Gone::Unknown)) {
        postgres.sku_ids.forget();
    }
    if lost.is_empty() {
        return Err(Failure::Again("keys that could not be sold are available again".into()));
    }
    Ok(lost)
}

/// A key's row, if there is one.
struct Found {
    state: Option<i16>,
    sku_id: Option<i32>,
    sold_at: Option<Timestamp>,
}

impl Found {
    /// `None`: it is available, so nothing is wrong with it.
    fn why(&self, sku_id: Option<i32>) -> Option<Gone> {
        if self.sku_id.is_none() || self.sku_id != sku_id {
            return Some(Gone::Unknown);
        }
        match (self.state, self.sold_at) {
            (Some(0), _) => None,
            (Some(2), _) => Some(Gone::Quarantined),
            (_, Some(sold_at)) => Some(Gone::SoldAt(sold_at)),
            (_, None) => Some(Gone::Unknown),
        }
    }
}
