//! Orders whose ids are in the ledger: a repeat gets the stored answer, another body a conflict, written once.

use std::collections::HashMap;

use fulfil_contract::{
    ids::{KeyId, MerchantId, OrderId, Revision, SealedKey},
    ports::ledger::{Asked, LedgerError},
    reason::Reason,
    recorded::{Judgement, OrderStatus, RecordedConflict, RecordedOrder, StoredLine},
    time::Timestamp,
};
use tokio_postgres::Row;

use crate::{
    columns::{body_hash, broken, column, merchant, moment},
    errors::Failure,
    postgres::Postgres,
    session::{Begin, Call, Session},
};

const READ: &str = "
    select o.order_id, o.merchant_id, o.body_hash, o.status, o.revision, o.decided_at, o.lines, o.reason
    from unnest($1::text[]) a(order_id) join fulfil.orders o on o.order_id = a.order_id";

const READ_KEYS: &str = "
    select k.id, k.order_id, k.sealed
    from unnest($1::bigint[]) a(id) join fulfil.card_key k on k.id = a.id where k.state = 1";

const WRITE_CONFLICTS: &str = "
    insert into fulfil.conflict (order_id, body_hash, merchant_id)
    select * from unnest($1::text[], $2::bytea[], $3::text[]) on conflict do nothing";

const READ_CONFLICTS: &str = "
    select c.order_id, c.merchant_id, c.body_hash, c.decided_at
    from unnest($1::text[], $2::bytea[]) a(order_id, body_hash)
    join fulfil.conflict c on c.order_id = a.order_id and c.body_hash = a.body_hash";

/// See [`Ledger::answer_known`](fulfil_contract::ports::ledger::Ledger::answer_known).
pub(crate) async fn answer_known(
    postgres: &Postgres,
    call: &Call,
    asked: &[Asked],
) -> Result<Vec<Option<Judgement>>, LedgerError> {
    postgres
        .attempts(async || {
            let session = postgres.open(call).await?;
            let outcome = async {
                session.begin(Begin::Judge).await?;
                let answers = answer(&session, asked).await?;
                session.commit().await?;
                Ok(answers)
            }
            .await;
            session.end(outcome).await
        })
        .await
}

/// The same within an open transaction.
pub(crate) async fn answer(session: &Session<'_>, asked: &[Asked]) -> Result<Vec<Option<Judgement>>, Failure> {
    let ids: Vec<&OrderId> = asked.iter().map(|asked| &asked.order_id).collect();
    let mut stored = stored_rows(session, &ids).await?;
    let same = |asked: &Asked, row: &StoredOrder| asked.body_hash == row.order.body_hash;
    let refused: Vec<&Asked> =
        asked.iter().filter(|asked| stored.get(&asked.order_id).is_some_and(|row| !same(asked, row))).collect();
    let conflicts = write_conflicts(session, &refused).await?;
    // Keys are read for those alone that get the order's own answer.
    let repeated: Vec<StoredOrder> = asked
        .iter()
        .filter_map(
            |asked| if same(asked, stored.get(&asked.order_id)?) { stored.remove(&asked.order_id) } else { None },
        )
        .collect();
    let repeats: HashMap<OrderId, RecordedOrder> =
        with_keys(session, repeated).await?.into_iter().map(|order| (order.order_id.clone(), order)).collect();
    let answer = |asked: &Asked| match repeats.get(&asked.order_id) {
        Some(order) if order.body_hash == asked.body_hash => Some(Judgement::Repeat(order.clone())),
        Some(_) | None => conflicts
            .iter()
            .find(|conflict| (&conflict.order_id, conflict.body_hash) == (&asked.order_id, asked.body_hash))
            .cloned()
            .map(Judgement::Conflict),
    };
    Ok(asked.iter().map(answer).collect())
}

/// An order's row; its keys by id only.
#[derive(Debug)]
pub(crate) struct StoredOrder {
    /// Without lines.
    pub(crate) order: RecordedOrder,
    pub(crate) lines: Vec<StoredLine>,
}

/// The orders of these ids, with their keys.
pub(crate) async fn orders(
    session: &Session<'_>,
    ids: &[&OrderId],
) -> Result<HashMap<OrderId, RecordedOrder>, Failure> {
    let rows = stored_rows(session, ids).await?.into_values().collect();
    Ok(with_keys(session, rows).await?.into_iter().map(|order| (order.order_id.clone(), order)).collect())
}

async fn stored_rows(session: &Session<'_>, ids: &[&OrderId]) -> Result<HashMap<OrderId, StoredOrder>, Failure> {
    let ids: Vec<&str> = ids.iter().map(|id| id.as_str()).collect();
    let rows = session.rows(READ, &[&ids]).await?;
    rows.iter().map(stored_order).map(|row| row.map(|row| (row.order.order_id.clone(), row))).collect()
}

/// The columns of `READ`.
pub(crate) fn stored_order(row: &Row) -> Result<StoredOrder, Failure> {
    let name: &str = column(row, 0)?;
    let here = |what: &str| broken(&format!("order {name}"), what);
    let status: i16 = column(row, 3)?;
    let revision: i32 = column(row, 4)?;
    let reason: Option<&str> = column(row, 7)?;
    let order = RecordedOrder {
        order_id: OrderId::parse(name).map_err(|error| here(&error.to_string()))?,
        merchant_id: merchant(row, 1)?,
        body_hash: body_hash(row, 2)?,
        revision: Revision(u32::try_from(revision).map_err(|_| here(&format!("revision {revision}")))?),
        status: OrderStatus::from_code(status).ok_or_else(|| here(&format!("status {status}")))?,
        decided_at: moment(row, 5)?,
        lines: Vec::new(),
        reason: reason.map(|text| read_reason(name, text)).transpose()?,
    };
    Ok(StoredOrder { order, lines: StoredLine::read(name, column(row, 6)?)? })
}

/// Reads the keys of all these orders together. A key that is not sold to its order is missing. Several may be
/// revisions of one order, which have keys in common.
pub(crate) async fn with_keys(session: &Session<'_>, orders: Vec<StoredOrder>) -> Result<Vec<RecordedOrder>, Failure> {
    let ids: Vec<i64> = orders.iter().flat_map(|order| &order.lines).flat_map(key_ids).copied().collect();
    let mut sealed: HashMap<i64, (String, Vec<u8>)> = HashMap::with_capacity(ids.len());
    if !ids.is_empty() {
        for row in &session.rows(READ_KEYS, &[&ids]).await? {
            sealed.insert(column(row, 0)?, (column(row, 1)?, column(row, 2)?));
        }
    }
    let mut complete = Vec::with_capacity(orders.len());
    for StoredOrder { mut order, lines } in orders {
        let name = order.order_id.as_str().to_owned();
        for line in lines {
            let mut find = |id: KeyId| {
                sealed.get(&id.0).filter(|(sold_to, _)| *sold_to == name).map(|(_, bytes)| SealedKey(bytes.clone()))
            };
            order.lines.push(line.with_keys(&name, &mut find)?);
        }
        order.lines.sort_by_key(|line| line.line_no);
        complete.push(order);
    }
    Ok(complete)
}

fn key_ids(line: &StoredLine) -> &[i64] {
    line.outcome.key_ids()
}

/// Writes what is not written yet and gives the rows as they stand.
async fn write_conflicts(session: &Session<'_>, refused: &[&Asked]) -> Result<Vec<RecordedConflict>, Failure> {
    if refused.is_empty() {
        return Ok(Vec::new());
    }
    let mut refused = refused.to_vec();
    refused.sort_unstable_by(|a, b| (&a.order_id, a.body_hash).cmp(&(&b.order_id, b.body_hash)));
    let ids: Vec<&str> = refused.iter().map(|asked| asked.order_id.as_str()).collect();
    let hashes: Vec<&[u8]> = refused.iter().map(|asked| asked.body_hash.0.as_slice()).collect();
    let merchants: Vec<Option<&str>> =
        refused.iter().map(|asked| asked.merchant_id.as_ref().map(MerchantId::as_str)).collect();
    session.rows(WRITE_CONFLICTS, &[&ids, &hashes, &merchants]).await?;
    session.rows(READ_CONFLICTS, &[&ids, &hashes]).await?.iter().map(conflict).collect()
}

/// The columns `order_id, merchant_id, body_hash, decided_at`.
pub(crate) fn conflict(row: &Row) -> Result<RecordedConflict, Failure> {
    let order_id =
        OrderId::parse(column(row, 0)?).map_err(|error| broken("a conflict's order id", &error.to_string()))?;
    let decided_at: Timestamp = moment(row, 3)?;
    Ok(RecordedConflict { order_id, merchant_id: merchant(row, 1)?, body_hash: body_hash(row, 2)?, decided_at })
}

/// The text of a `reason` column.
pub(crate) fn stored_reason(reason: &Reason) -> String {
    // A plain struct into a String can't fail; what a reader would then see is no reason.
    serde_json::to_string(reason).unwrap_or_default()
}

pub(crate) fn read_reason(place: &str, text: &str) -> Result<Reason, Failure> {
    serde_json::from_str(text).map_err(|error| broken(place, &format!("its reason: {error}")))
}
