//! Reads what was decided before; whoever answers a repeat answers from here and from nothing else (I2, I9).

use fulfil_contract::{
    ids::{BodyHash, KeyId, MerchantId, OrderId, Revision, SealedKey},
    ports::ledger::Asked,
    proposal::UnreadableMessage,
    reason::Reason,
    recorded::{
        Judgement, OrderStatus, RecordedConflict, RecordedOrder, RecordedUnreadable, StoredLine, UnreadableRow,
    },
    time::Timestamp,
};
use rusqlite::{Connection, OptionalExtension};

use crate::errors::StoreError;

/// An order's row as it stands, or as it stood at an announcement's revision.
struct Row {
    order_id: String,
    merchant_id: Option<String>,
    body_hash: [u8; 32],
    revision: u32,
    status: i16,
    decided_at: i64,
    lines: String,
    reason: Option<String>,
}

impl Row {
    fn of(row: &rusqlite::Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            order_id: row.get(0)?,
            merchant_id: row.get(1)?,
            body_hash: row.get(2)?,
            revision: row.get(3)?,
            status: row.get(4)?,
            decided_at: row.get(5)?,
            lines: row.get(6)?,
            reason: row.get(7)?,
        })
    }
}

/// The committed order of this id, with its keys.
pub(crate) fn order(connection: &Connection, order_id: &str) -> Result<Option<RecordedOrder>, StoreError> {
    let sql = "select order_id, merchant_id, body_hash, revision, status, decided_at, lines, reason
        from orders where order_id = ?1";
    let row = connection.prepare_cached(sql)?.query_row([order_id], Row::of).optional()?;
    row.map(|row| read(connection, row)).transpose()
}

/// The result that an announcement's row holds: its own revision, whatever the order's is by now.
pub(super) fn announced(connection: &Connection, number: i64) -> Result<RecordedOrder, StoreError> {
    let sql = "select order_id, merchant_id, body_hash, a.revision, a.status, a.decided_at, a.lines, a.reason
        from announcement a join orders using (order_id) where announcement_no = ?1";
    read(connection, connection.prepare_cached(sql)?.query_row([number], Row::of)?)
}

fn read(connection: &Connection, row: Row) -> Result<RecordedOrder, StoreError> {
    let order_id = row.order_id.as_str();
    let mut sealed = connection.prepare_cached("select sealed from card_key where id = ?1")?;
    let mut sealed_of = |id: KeyId| sealed.query_row([id.0], |row| row.get(0)).ok().map(SealedKey);
    let mut lines = Vec::new();
    for line in StoredLine::read(order_id, &row.lines)? {
        lines.push(line.with_keys(order_id, &mut sealed_of)?);
    }
    let broken = |what: String| UnreadableRow { order_id: order_id.to_owned(), what };
    Ok(RecordedOrder {
        order_id: OrderId::parse(order_id).map_err(|error| broken(format!("order id {error}")))?,
        merchant_id: merchant(order_id, row.merchant_id)?,
        body_hash: BodyHash(row.body_hash),
        revision: Revision(row.revision),
        status: OrderStatus::from_code(row.status).ok_or_else(|| broken(format!("status {}", row.status)))?,
        decided_at: Timestamp(row.decided_at),
        lines,
        reason: row.reason.map(|text| reason(order_id, &text)).transpose()?,
    })
}

fn merchant(order_id: &str, text: Option<String>) -> Result<Option<MerchantId>, UnreadableRow> {
    let broken = |error| UnreadableRow { order_id: order_id.to_owned(), what: format!("merchant id {error}") };
    text.map(|text| MerchantId::parse(&text).map_err(broken)).transpose()
}

fn reason(order_id: &str, text: &str) -> Result<Reason, UnreadableRow> {
    serde_json::from_str(text)
        .map_err(|error| UnreadableRow { order_id: order_id.to_owned(), what: format!("reason: {error}") })
}

/// What a known order id answers to this body; a new conflict is written with `at`.
pub(super) fn known(connection: &Connection, asked: &Asked, at: Timestamp) -> Result<Option<Judgement>, StoreError> {
    let Some(order) = order(connection, asked.order_id.as_str())? else { return Ok(None) };
    if order.body_hash == asked.body_hash {
        return Ok(Some(Judgement::Repeat(order)));
    }
    let write = "insert into conflict (order_id, body_hash, merchant_id, decided_at) values (?1, ?2, ?3, ?4) on conflict do nothing";
    let merchant_id = asked.merchant_id.as_ref().map(MerchantId::as_str);
    connection.prepare_cached(write)?.execute((asked.order_id.as_str(), asked.body_hash.0, merchant_id, at.0))?;
    let read = "select merchant_id, decided_at from conflict where order_id = ?1 and body_hash = ?2";
    let (merchant_id, decided_at) = connection
        .prepare_cached(read)?
        .query_row((asked.order_id.as_str(), asked.body_hash.0), |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(Some(Judgement::Conflict(RecordedConflict {
        order_id: asked.order_id.clone(),
        merchant_id: merchant(asked.order_id.as_str(), merchant_id)?,
        body_hash: asked.body_hash,
        decided_at: Timestamp(decided_at),
    })))
}

/// Every conflict of an order id, oldest first.
pub(crate) fn conflicts(connection: &Connection, order_id: &OrderId) -> Result<Vec<RecordedConflict>, StoreError> {
    let sql = "select body_hash, merchant_id, decided_at from conflict where order_id = ?1 order by conflict_no";
    let mut statement = connection.prepare_cached(sql)?;
    let rows = statement.query_map([order_id.as_str()], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    let mut conflicts = Vec::new();
    for row in rows {
        let (body_hash, merchant_id, decided_at) = row?;
        conflicts.push(RecordedConflict {
            order_id: order_id.clone(),
            merchant_id: merchant(order_id.as_str(), merchant_id)?,
            body_hash: BodyHash(body_hash),
            decided_at: Timestamp(decided_at),
        });
    }
    Ok(conflicts)
}

/// Writes what no order id could be read of, unless the same body was there before.
pub(super) fn unreadable(
    connection: &Connection,
    message: &UnreadableMessage,
    at: Timestamp,
) -> Result<RecordedUnreadable, StoreError> {
    let write = "insert into unreadable (body_hash, merchant_id, reason, decided_at) values (?1, ?2, ?3, ?4) on conflict do nothing";
    let merchant_id = message.merchant_id.as_ref().map(MerchantId::as_str);
    connection.prepare_cached(write)?.execute((
        message.body_hash.0,
        merchant_id,
        write_reason(&message.reason),
        at.0,
    ))?;
    let read = "select merchant_id, reason, decided_at from unreadable where body_hash = ?1";
    let (merchant_id, text, decided_at): (_, String, _) = connection
        .prepare_cached(read)?
        .query_row([message.body_hash.0], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    let name = message.body_hash.hex(32);
    Ok(RecordedUnreadable {
        body_hash: message.body_hash,
        merchant_id: merchant(&name, merchant_id)?,
        reason: reason(&name, &text)?,
        decided_at: Timestamp(decided_at),
    })
}

/// The text of a `reason` column.
pub(crate) fn write_reason(reason: &Reason) -> String {
    // A plain struct into a String can't fail; a reader would refuse the empty text.
    serde_json::to_string(reason).unwrap_or_default()
}
