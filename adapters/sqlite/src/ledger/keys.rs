//! Finds a batch's keys: the claimed ids that are still to be had, and ids that the ledger takes itself.

use std::collections::{HashMap, HashSet};

use fulfil_contract::{
    ids::{KeyId, SealedKey, Sku},
    recorded::{DeliveredKey, Gone, GoneKey},
    time::Timestamp,
};
use rusqlite::{Connection, OptionalExtension};

use crate::errors::StoreError;

/// A SKU's number in this file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SkuNo(i64);

/// Looks keys up for one batch.
pub(crate) struct Keys<'a> {
    connection: &'a Connection,
    known: HashMap<Sku, Option<SkuNo>>,
}

impl<'a> Keys<'a> {
    pub(crate) fn of(connection: &'a Connection) -> Self {
        Self { connection, known: HashMap::new() }
    }

    /// `None`: no key was ever imported for it.
    pub(crate) fn sku(&mut self, sku: &Sku) -> Result<Option<SkuNo>, StoreError> {
        if let Some(known) = self.known.get(sku) {
            return Ok(*known);
        }
        let mut find = self.connection.prepare_cached("select sku_no from sku where sku = ?1")?;
        let found = find.query_row([sku.as_str()], |row| row.get(0).map(SkuNo)).optional()?;
        self.known.insert(sku.clone(), found);
        Ok(found)
    }

    /// A claimed key, if it is available and of this SKU.
    pub(crate) fn claimed(&self, id: KeyId, sku: Option<SkuNo>) -> Result<Result<DeliveredKey, GoneKey>, StoreError> {
        let mut find =
            self.connection.prepare_cached("select sku_no, order_no, state, sealed from card_key where id = ?1")?;
        let found = find
            .query_row([id.0], |row| Ok((row.get(0).map(SkuNo)?, row.get(1)?, row.get(2)?, row.get(3).map(SealedKey)?)))
            .optional()?;
        let why = match found {
            Some((of_sku, order_no, state, sealed)) if Some(of_sku) == sku => match (order_no, state) {
                (None, 0) => return Ok(Ok(DeliveredKey { id, sealed })),
                (None, _) => Gone::Quarantined,
                (Some(order_no), _) => Gone::SoldAt(self.decided_at(order_no)?),
            },
            Some(_) | None => Gone::Unknown,
        };
        Ok(Err(GoneKey { id, why }))
    }

    fn decided_at(&self, order_no: i64) -> Result<Timestamp, StoreError> {
        let mut decided_at = self.connection.prepare_cached("select decided_at from orders where order_no = ?1")?;
        Ok(Timestamp(decided_at.query_row([order_no], |row| row.get(0))?))
    }

    /// `count` available keys, highest ids first (stock offers lowest first), none of them in `not`; `None`
    /// when there are not that many.
    pub(crate) fn take(
        &self,
        sku: SkuNo,
        count: usize,
        not: &HashSet<KeyId>,
    ) -> Result<Option<Vec<DeliveredKey>>, StoreError> {
        let sql = "select id, sealed from card_key where sku_no = ?1 and state = 0 order by id desc";
        let mut available = self.connection.prepare_cached(sql)?;
        let mut rows = available.query([sku.0])?;
        let mut taken = Vec::with_capacity(count);
        while taken.len() < count {
            let Some(row) = rows.next()? else { return Ok(None) };
            let id = KeyId(row.get(0)?);
            if !not.contains(&id) {
                taken.push(DeliveredKey { id, sealed: SealedKey(row.get(1)?) });
            }
        }
        taken.reverse();
        Ok(Some(taken))
    }

    /// Marks a key as sold; the row's state judges (I1, I3).
    pub(crate) fn sell(&self, id: KeyId, order_no: i64) -> Result<(), StoreError> {
        let sql = "update card_key set state = 1, order_no = ?2 where id = ?1 and state = 0";
        match self.connection.prepare_cached(sql)?.execute([id.0, order_no])? {
            1 => Ok(()),
            _ => Err(StoreError::Data(format!("key {id} was offered to two lines of one batch"))),
        }
    }
}
