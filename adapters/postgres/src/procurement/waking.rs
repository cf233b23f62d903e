//! What makes a procurement due before its time: stock that came, a supplier's callback.
//!
//! What holds here: whoever locks procurements and SKUs locks the procurements first; several procurements are
//! locked by rising SKU and number, or only if nobody holds them. One that a worker has is due at once when it is
//! given back.

use std::{
    collections::{BTreeMap, HashSet},
    convert::Infallible,
};

use fulfil_contract::{
    ids::Sku,
    ports::{
        procurements::Woken,
        stock_ledger::{Imported, NewKey},
    },
    supplier::{About, SupplierName},
};

use super::attempts::{self, of_attempt};
use crate::{
    columns::{column, sku},
    errors::Failure,
    session::Session,
    transaction::Halt,
};

/// However few keys come, so many of those that wait look whether they are enough: some want fewer than others.
const AT_LEAST: usize = 100;

/// Those that stock may fill: no top-up, and nothing open at a supplier. The oldest first, as many as keys came.
const LOCK_WAITING: &str = "
    select w.procurement_id, w.sku
    from unnest($1::text[], $2::bigint[]) n(sku, most)
    cross join lateral (
        select p.procurement_id, p.sku from fulfil.procurement p
        where p.sku = n.sku and p.state = 0 and p.recharge_account is null and not exists (
            select from fulfil.attempt a where a.procurement_id = p.procurement_id and a.state not in (4, 5, 6))
        order by p.procurement_id limit n.most for no key update of p) w";

/// The same, but for those that somebody holds.
const LOCK_FREE: &str = "
    select p.procurement_id, p.sku from fulfil.procurement p
    where p.sku = $1 and p.state = 0 and p.recharge_account is null and not exists (
        select from fulfil.attempt a where a.procurement_id = p.procurement_id and a.state not in (4, 5, 6))
    order by p.procurement_id limit $2 for no key update of p skip locked";

const WAKE: &str = "
    update fulfil.procurement set woken = worker is not null,
        wake_at = case when worker is null then least(wake_at, clock_timestamp()) else wake_at end
    where procurement_id = any($1::bigint[]) and state = 0";

const BY_REFERENCE: &str = of_attempt!(
    "select",
    ", p.sku, p.recharge_account is not null
    from fulfil.attempt a join fulfil.procurement p on p.procurement_id = a.procurement_id
    where a.reference = $2 and a.supplier = $1"
);
/// Some suppliers use an id again: the latest.
const BY_THEIR_ID: &str = of_attempt!(
    "select",
    ", p.sku, p.recharge_account is not null
    from fulfil.attempt a join fulfil.procurement p on p.procurement_id = a.procurement_id
    where a.supplier = $1 and a.their_id = $2 order by a.attempt_id desc limit 1"
);

/// Procurements that wait for stock, locked.
#[derive(Debug)]
pub(crate) struct Waiting(BTreeMap<Sku, Vec<i64>>);

/// Locks what an import of these keys may wake, before any SKU is locked.
pub(crate) async fn lock_waiting(session: &Session<'_>, keys: &[NewKey]) -> Result<Waiting, Failure> {
    let mut counts: BTreeMap<&Sku, usize> = BTreeMap::new();
    for key in keys {
        *counts.entry(&key.sku).or_default() += 1;
    }
    let skus: Vec<&str> = counts.keys().map(|sku| sku.as_str()).collect();
    let most: Vec<i64> = counts.values().map(|keys| as_limit(*keys)).collect();
    let mut waiting: BTreeMap<Sku, Vec<i64>> = BTreeMap::new();
    for row in &session.rows(LOCK_WAITING, &[&skus, &most]).await? {
        waiting.entry(sku(row, 1)?).or_default().push(column(row, 0)?);
    }
    Ok(Waiting(waiting))
}

impl Waiting {
    /// Wakes those whose SKU got a new key.
    pub(crate) async fn wake(
        mut self,
        session: &Session<'_>,
        keys: &[NewKey],
        imported: &[Imported],
    ) -> Result<(), Failure> {
        if self.0.is_empty() {
            return Ok(());
        }
        let new: HashSet<&Sku> = keys
            .iter()
            .zip(imported)
            .filter(|(_, imported)| matches!(imported, Imported::New(_)))
            .map(|(key, _)| &key.sku)
            .collect();
        self.0.retain(|sku, _| new.contains(sku));
        wake_these(session, &self.0.into_values().flatten().collect::<Vec<i64>>()).await
    }
}

/// `keys` of a supplier came into stock, in a transaction that holds the SKU's lock already. What others hold now
/// looks for stock by itself.
pub(super) async fn stock_came(session: &Session<'_>, sku: &Sku, keys: usize) -> Result<(), Failure> {
    let rows = session.rows(LOCK_FREE, &[&sku.as_str(), &as_limit(keys)]).await?;
    let ids = rows.iter().map(|row| column(row, 0)).collect::<Result<Vec<i64>, Failure>>()?;
    wake_these(session, &ids).await
}

/// See [`Procurements::wake`](fulfil_contract::ports::procurements::Procurements::wake).
pub(super) async fn wake(
    session: &Session<'_>,
    supplier: &SupplierName,
    about: &About,
) -> Result<Option<Woken>, Halt<Infallible>> {
    let supplier = supplier.as_str();
    let rows = match about {
        About::Reference(reference) => session.rows(BY_REFERENCE, &[&supplier, &reference.as_str()]).await?,
        About::TheirId(id) if id.contains('\0') => Vec::new(),
        About::TheirId(id) => session.rows(BY_THEIR_ID, &[&supplier, id]).await?,
    };
    let Some(row) = rows.first() else { return Ok(None) };
    let attempt = attempts::attempt(row)?;
    if attempt.state.is_open() {
        wake_these(session, &[column(row, attempts::PROCUREMENT)?]).await?;
    }
    let woken = Woken { attempt, sku: sku(row, attempts::COLUMNS)?, recharge: column(row, attempts::COLUMNS + 1)? };
    Ok(Some(woken))
}

async fn wake_these(session: &Session<'_>, procurements: &[i64]) -> Result<(), Failure> {
    if procurements.is_empty() {
        return Ok(());
    }
    session.rows(WAKE, &[&procurements]).await.map(drop)
}

fn as_limit(keys: usize) -> i64 {
    i64::try_from(keys.max(AT_LEAST)).unwrap_or(i64::MAX)
}
