//! What audits and support read, each from one snapshot.

use std::collections::BTreeMap;

use async_trait::async_trait;
use fulfil_contract::{
    ids::{KeyId, OrderId, Sku},
    ports::{
        books::{Balance, Books, OrderFile, ProcurementFile, SkuCounts},
        ledger::LedgerError,
    },
    procurement::ProcurementId,
    recorded::{StoredLine, StoredOutcome},
};
use rusqlite::Connection;

use crate::{errors::StoreError, ledger::stored, open::Sqlite, procurement};

#[async_trait]
impl Books for Sqlite {
    async fn balance(&self) -> Result<Balance, LedgerError> {
        Ok(self.read(balance).await?)
    }

    async fn counts(&self) -> Result<Vec<SkuCounts>, LedgerError> {
        Ok(self.read(counts).await?)
    }

    async fn order(&self, id: &OrderId) -> Result<Option<OrderFile>, LedgerError> {
        let id = id.clone();
        Ok(self.read(move |connection| order(connection, &id)).await?)
    }
}

fn order(connection: &Connection, id: &OrderId) -> Result<Option<OrderFile>, StoreError> {
    let Some(order) = stored::order(connection, id.as_str())? else { return Ok(None) };
    let owed = connection.prepare_cached("select 1 from announcement where order_id = ?1")?.exists([id.as_str()])?;
    let procurements = procurements(connection, id)?;
    Ok(Some(OrderFile { order, conflicts: stored::conflicts(connection, id)?, procurements, owed }))
}

fn procurements(connection: &Connection, id: &OrderId) -> Result<Vec<ProcurementFile>, StoreError> {
    let sql =
        "select procurement_no from procurement join orders using (order_no) where order_id = ?1 order by line_no";
    let mut numbers = connection.prepare_cached(sql)?;
    let ids = numbers.query_map([id.as_str()], |row| row.get(0).map(ProcurementId))?.collect::<Result<Vec<_>, _>>()?;
    let mut files = Vec::with_capacity(ids.len());
    for id in ids {
        let Some(row) = procurement::find(connection, id)? else { continue };
        let wake_at = row.wake_at;
        files.push(ProcurementFile {
            line_no: row.line_no,
            state: row.state,
            waits: row.waits_for.map(|waits_for| (waits_for, wake_at)),
            attempts: procurement::attempts_of(connection, id)?,
        });
    }
    Ok(files)
}

fn counts(connection: &Connection) -> Result<Vec<SkuCounts>, StoreError> {
    let mut states: BTreeMap<i64, [i64; 3]> = BTreeMap::new();
    let mut count = connection.prepare_cached("select sku_no, state, count(*) from card_key group by sku_no, state")?;
    let mut rows = count.query([])?;
    while let Some(row) = rows.next()? {
        let (state, count): (u16, i64) = (row.get(1)?, row.get(2)?);
        if let Some(counted) = states.entry(row.get(0)?).or_default().get_mut(usize::from(state)) {
            *counted = count;
        }
    }
    let mut skus = connection.prepare_cached("select sku, sku_no, imported from sku order by sku")?;
    let mut rows = skus.query([])?;
    let mut counts = Vec::new();
    while let Some(row) = rows.next()? {
        let sku = Sku::parse(&row.get::<_, String>(0)?)
            .map_err(|error| StoreError::Broken(format!("a SKU of the ledger can't be read: it {error}")))?;
        let [available, sold, quarantined] = states.remove(&row.get(1)?).unwrap_or_default().map(i64::unsigned_abs);
        counts.push(SkuCounts { sku, imported: row.get::<_, i64>(2)?.unsigned_abs(), available, sold, quarantined });
    }
    Ok(counts)
}

fn balance(connection: &Connection) -> Result<Balance, StoreError> {
    let mut balance = Balance::default();
    for sku in counts(connection)? {
        balance.imported += sku.imported;
        balance.available += sku.available;
        balance.sold += sku.sold;
        balance.quarantined += sku.quarantined;
        if sku.imported != sku.available + sku.sold + sku.quarantined {
            balance.unbalanced.push(sku.sku);
        }
    }
    let mut available = connection.prepare_cached("select id from card_key where state = 0")?;
    balance.available_ids = available.query_map([], |row| row.get(0).map(KeyId))?.collect::<Result<_, _>>()?;
    balance.available_ids.sort_unstable();
    check_lines(connection, &mut balance)?;
    Ok(balance)
}

/// Holds every order line against the keys that it says were delivered.
fn check_lines(connection: &Connection, balance: &mut Balance) -> Result<(), StoreError> {
    let last: i64 = connection.query_row("select coalesce(max(id), 0) from card_key", [], |row| row.get(0))?;
    let (mut once, mut twice) = (KeySet::up_to(last), KeySet::up_to(last));
    let sql = "select sku.sku, card_key.order_no from card_key join sku using (sku_no) where id = ?1 and state = 1";
    let mut sold = connection.prepare_cached(sql)?;
    let mut orders = connection.prepare_cached("select order_no, order_id, lines from orders")?;
    let mut rows = orders.query([])?;
    while let Some(row) = rows.next()? {
        balance.orders += 1;
        let (order_no, order_id): (i64, _) = (row.get(0)?, row.get_ref(1)?.as_str().unwrap_or_default());
        let lines = StoredLine::read(order_id, row.get_ref(2)?.as_str().unwrap_or_default())?;
        let ended = procurement::outcomes(connection, order_no, order_id)?;
        for line in &lines {
            let Some(keys) = delivered(line, &ended) else { continue };
            let mut right = 0;
            for &id in &keys {
                if !once.insert(id) {
                    twice.insert(id);
                }
                let mut found = sold.query([id])?;
                if let Some(key) = found.next()? {
                    right += u32::from(key.get_ref(0)?.as_str() == Ok(&line.sku) && key.get::<_, i64>(1)? == order_no);
                }
            }
            if right != line.quantity || keys.len() != right as usize {
                balance.lines_short += 1;
            }
        }
    }
    balance.keys_sold_twice = twice.len();
    Ok(())
}

/// The keys of a delivered line: those of the order's row with those of its procurement, which has them first
/// and has the same ones. `None`: no key was delivered for it.
fn delivered(line: &StoredLine, ended: &[(u32, StoredOutcome)]) -> Option<Vec<i64>> {
    let procured = ended.iter().find(|(line_no, _)| *line_no == line.line_no).map(|(_, outcome)| outcome);
    match (keys_of(&line.outcome), procured.and_then(keys_of)) {
        (None, None) => None,
        (Some(keys), None) | (None, Some(keys)) => Some(keys.to_vec()),
        (Some(keys), Some(procured)) => {
            let others = procured.iter().filter(|id| !keys.contains(id));
            Some(keys.iter().chain(others).copied().collect())
        }
    }
}

fn keys_of(outcome: &StoredOutcome) -> Option<&[i64]> {
    match outcome {
        StoredOutcome::Delivered { keys } => Some(keys),
        StoredOutcome::Recharged { .. }
        | StoredOutcome::Rejected { .. }
        | StoredOutcome::Processing
        | StoredOutcome::Review => None,
    }
}

/// Ids from 1 to the ledger's last, a bit each: the audit of millions of keys fits in memory.
struct KeySet(Vec<u64>);

impl KeySet {
    fn up_to(last: i64) -> Self {
        Self(vec![0; usize::try_from(last / 64).unwrap_or(0) + 1])
    }

    /// Whether it is new; an id beyond the last is no key, which its line is counted for.
    fn insert(&mut self, id: i64) -> bool {
        let Some(word) = usize::try_from(id / 64).ok().and_then(|at| self.0.get_mut(at)) else { return true };
        let bit = 1u64 << id.rem_euclid(64);
        let new = *word & bit == 0;
        *word |= bit;
        new
    }

    fn len(&self) -> u64 {
        self.0.iter().map(|word| u64::from(word.count_ones())).sum()
    }
}
