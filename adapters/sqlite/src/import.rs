//! Keys come in: from a file, or bought. What holds here: a fingerprint is imported once; ids of one SKU follow
//! one another; what waits for a SKU is woken by the transaction that brings its keys.

use std::collections::{BTreeMap, HashSet};

use fulfil_contract::{
    ids::{Fingerprint, KeyId, Sku},
    ports::stock_ledger::{Imported, NewKey},
    time::Timestamp,
};
use rusqlite::Connection;

use crate::{errors::StoreError, procurement::wake};

/// Adds keys as available. A SKU that was unheard of gets `buckets` buckets.
pub(crate) fn import(
    connection: &Connection,
    keys: &[NewKey],
    buckets: u16,
    at: Timestamp,
) -> Result<Vec<Imported>, StoreError> {
    // SKU by SKU, so that one SKU's ids follow one another; of equal fingerprints the first counts.
    let mut seen = HashSet::with_capacity(keys.len());
    let mut of_sku: BTreeMap<&Sku, Vec<usize>> = BTreeMap::new();
    for (place, key) in keys.iter().enumerate().filter(|(_, key)| seen.insert(key.fingerprint)) {
        of_sku.entry(&key.sku).or_default().push(place);
    }
    let mut imported = vec![Imported::Repeat; keys.len()];
    for (sku, places) in of_sku {
        let know = "insert into sku (sku, epoch, epoch_began, buckets, imported, last_id) values (?1, 1, ?2, ?3, 0, 0) on conflict do nothing";
        let unheard_of = connection.prepare_cached(know)?.execute((sku.as_str(), at.0, buckets.max(1)))? == 1;
        let sku_no: i64 = connection
            .prepare_cached("select sku_no from sku where sku = ?1")?
            .query_row([sku.as_str()], |row| row.get(0))?;
        let add = "insert into card_key (sku_no, state, fingerprint, sealed) values (?1, 0, ?2, ?3) on conflict (fingerprint) do nothing";
        let mut add = connection.prepare_cached(add)?;
        let (mut count, mut last) = (0i64, None);
        for place in places {
            let key = &keys[place];
            if is_held(connection, key.fingerprint)? {
                continue;
            }
            if add.execute((sku_no, key.fingerprint.0, &key.sealed.0))? == 1 {
                let id = KeyId(connection.last_insert_rowid());
                imported[place] = Imported::New(id);
                (count, last) = (count + 1, Some(id));
            }
        }
        if let Some(last) = last {
            let sum = "update sku set imported = imported + ?2, last_id = ?3 where sku_no = ?1";
            connection.prepare_cached(sum)?.execute((sku_no, count, last.0))?;
            wake::waiting_for(connection, sku, at)?;
        } else if unheard_of {
            // Repeats alone make no SKU known.
            connection.prepare_cached("delete from sku where sku_no = ?1")?.execute([sku_no])?;
        }
    }
    Ok(imported)
}

/// Whether a key is in the ledger, as a key of stock or held for a line.
pub(crate) fn is_known(connection: &Connection, fingerprint: Fingerprint) -> Result<bool, StoreError> {
    let mut known = connection.prepare_cached("select 1 from card_key where fingerprint = ?1")?;
    Ok(known.exists([fingerprint.0])? || is_held(connection, fingerprint)?)
}

fn is_held(connection: &Connection, fingerprint: Fingerprint) -> Result<bool, StoreError> {
    Ok(connection.prepare_cached("select 1 from held_key where fingerprint = ?1")?.exists([fingerprint.0])?)
}
