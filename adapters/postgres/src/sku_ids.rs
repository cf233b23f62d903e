//! The ledger's numbers of SKUs, remembered: a SKU keeps its number for ever.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use fulfil_contract::ids::Sku;

use crate::{
    columns::{column, sku},
    errors::Failure,
    session::Session,
};

const IMPORTED: &str = "
    select s.sku, s.sku_id from unnest($1::text[]) w(sku) join fulfil.sku s on s.sku = w.sku where s.last_id > 0";

/// What each known SKU is called in rows.
#[derive(Debug, Default)]
pub(crate) struct SkuIds {
    known: Mutex<HashMap<Sku, i32>>,
}

impl SkuIds {
    /// A key was not of the SKU that its claim said: perhaps the ledger was restored from elsewhere.
    pub(crate) fn forget(&self) {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// The numbers of those of `wanted` that keys were imported for.
    pub(crate) async fn of(&self, session: &Session<'_>, wanted: &[&Sku]) -> Result<HashMap<Sku, i32>, Failure> {
        let mut found = HashMap::with_capacity(wanted.len());
        let mut missing: Vec<&str> = Vec::new();
        {
            let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
            for name in wanted {
                match known.get(*name) {
                    Some(id) => drop(found.insert((*name).clone(), *id)),
                    None => missing.push(name.as_str()),
                }
            }
        }
        if missing.is_empty() {
            return Ok(found);
        }
        let rows = session.rows(IMPORTED, &[&missing]).await?;
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        for row in &rows {
            let (name, id) = (sku(row, 0)?, column(row, 1)?);
            known.insert(name.clone(), id);
            found.insert(name, id);
        }
        Ok(found)
    }
}
