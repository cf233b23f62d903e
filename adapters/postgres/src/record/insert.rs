//! The orders' rows: an id that another transaction has committed, or commits meanwhile, is left alone (I2).

use std::collections::HashSet;

use fulfil_contract::{ids::OrderId, recorded::RecordedOrder, time::Timestamp};

use super::draft::{Draft, stored_lines};
use crate::{
    columns::{column, moment},
    errors::Failure,
    session::Session,
};

/// Ids that are known are left out; one that another transaction commits meanwhile fails the statement. That is
/// rare, and an eighth cheaper than to be ready for it at every row.
const INSERT: &str = "
    insert into fulfil.orders (order_id, merchant_id, body_hash, status, lines, reason)
    select n.* from unnest($1::text[], $2::text[], $3::bytea[], $4::smallint[], $5::text[], $6::text[])
        n(order_id, merchant_id, body_hash, status, lines, reason)
    where not exists (select from fulfil.orders o where o.order_id = n.order_id)
    returning order_id, decided_at";

/// The same for the round after such a failure: it waits for the other transaction and gives way to it.
const INSERT_OR_GIVE_WAY: &str = "
    insert into fulfil.orders (order_id, merchant_id, body_hash, status, lines, reason)
    select * from unnest($1::text[], $2::text[], $3::bytea[], $4::smallint[], $5::text[], $6::text[])
    on conflict (order_id) do nothing
    returning order_id, decided_at";

/// Which orders this transaction inserted.
#[derive(Debug)]
pub(super) struct Inserted {
    new: New,
    decided_at: Option<Timestamp>,
}

#[derive(Debug)]
enum New {
    All,
    These(HashSet<OrderId>),
}

impl Inserted {
    pub(super) fn is_new(&self, order: &RecordedOrder) -> bool {
        match &self.new {
            New::All => true,
            New::These(ids) => ids.contains(&order.order_id),
        }
    }

    /// When they were decided: one time for all. `None` if none is new.
    pub(super) fn decided_at(&self) -> Option<Timestamp> {
        self.decided_at
    }
}

/// `give_way`: an earlier attempt was lost against another transaction.
pub(super) async fn insert(session: &Session<'_>, drafts: &[Draft], give_way: bool) -> Result<Inserted, Failure> {
    if drafts.is_empty() {
        return Ok(Inserted { new: New::All, decided_at: None });
    }
    let orders = || drafts.iter().map(|draft| &draft.order);
    let ids: Vec<&str> = orders().map(|order| order.order_id.as_str()).collect();
    let merchants: Vec<Option<&str>> = orders().map(|order| order.merchant_id.as_ref().map(AsRef::as_ref)).collect();
    let hashes: Vec<&[u8]> = orders().map(|order| order.body_hash.0.as_slice()).collect();
    let statuses: Vec<i16> = orders().map(|order| order.status.code()).collect();
    let lines: Vec<String> = orders().map(stored_lines).collect();
    let reasons: Vec<Option<String>> =
        orders().map(|order| order.reason.as_ref().map(crate::known::stored_reason)).collect();
    let sql = if give_way { INSERT_OR_GIVE_WAY } else { INSERT };
    let rows = session.rows(sql, &[&ids, &merchants, &hashes, &statuses, &lines, &reasons]).await?;

    let decided_at = rows.first().map(|row| moment(row, 1)).transpose()?;
    if rows.len() == drafts.len() {
        return Ok(Inserted { new: New::All, decided_at });
    }
    let mut ids = HashSet::with_capacity(rows.len());
    for row in &rows {
        let id = OrderId::parse(column(row, 0)?)
            .map_err(|error| crate::columns::broken("an order's id", &error.to_string()))?;
        ids.insert(id);
    }
    Ok(Inserted { new: New::These(ids), decided_at })
}
