//! Results and dead letters as rows: what is confirmed is committed. One row per message id, whose bytes never
//! change (I9).

use async_trait::async_trait;
use fulfil_contract::{
    ids::BodyHash,
    ports::announcer::{AnnounceUnavailable, Announcer, Destination, Publication, Verdict},
    time::Timestamp,
};
use rusqlite::Connection;

use crate::{errors::StoreError, open::Sqlite};

/// A message that was announced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Announced {
    /// Rises with every message of its kind: where to go on reading.
    pub number: i64,
    /// Empty for an array of results.
    pub message_id: String,
    pub routing_key: String,
    pub kind: String,
    pub body: Vec<u8>,
    /// For dead letters: code and detail.
    pub reason: Option<(String, String)>,
    pub announced_at: Timestamp,
}

impl Sqlite {
    /// Up to `most` results with numbers above `after`, in the order in which they were announced.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn results(&self, after: i64, most: u32) -> Result<Vec<Announced>, StoreError> {
        let sql = "select result_no, coalesce(message_id, ''), routing_key, kind, body, null, null, announced_at
            from result where result_no > ?1 order by result_no limit ?2";
        self.read(move |connection| announced(connection, sql, after, most)).await
    }

    /// Up to `most` dead letters with numbers above `after`, in the order in which they came.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn dead_letters(&self, after: i64, most: u32) -> Result<Vec<Announced>, StoreError> {
        let sql = "select dead_letter_no, message_id, routing_key, kind, body, code, detail, announced_at
            from dead_letter where dead_letter_no > ?1 order by dead_letter_no limit ?2";
        self.read(move |connection| announced(connection, sql, after, most)).await
    }
}

fn announced(connection: &Connection, sql: &str, after: i64, most: u32) -> Result<Vec<Announced>, StoreError> {
    let mut announced = connection.prepare_cached(sql)?;
    let rows = announced.query_map((after, most), |row| {
        Ok(Announced {
            number: row.get(0)?,
            message_id: row.get(1)?,
            routing_key: row.get(2)?,
            kind: row.get(3)?,
            body: row.get(4)?,
            reason: row.get::<_, Option<_>>(5)?.zip(row.get::<_, Option<_>>(6)?),
            announced_at: Timestamp(row.get(7)?),
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

#[async_trait]
impl Announcer for Sqlite {
    async fn publish(&self, batch: Vec<Publication>) -> Result<Vec<Verdict>, AnnounceUnavailable> {
        let work = move |connection: &Connection| {
            let at = Timestamp::now();
            batch
                .iter()
                .map(|publication| match publication.destination {
                    Destination::Results | Destination::Unrouted => result(connection, publication, at),
                    Destination::DeadLetters => dead_letter(connection, publication, at),
                })
                .collect()
        };
        Ok(self.write(work).await?)
    }
}

fn result(connection: &Connection, publication: &Publication, at: Timestamp) -> Result<Verdict, StoreError> {
    let message_id = (!publication.message_id.is_empty()).then_some(&publication.message_id);
    let sql = "insert into result (message_id, routing_key, kind, body, announced_at) values (?1, ?2, ?3, ?4, ?5)
        on conflict (message_id) do nothing";
    let row = (message_id, &publication.routing_key, publication.kind, &publication.body, at.0);
    if connection.prepare_cached(sql)?.execute(row)? == 1 {
        return Ok(Verdict::Confirmed);
    }
    let same = "select 1 from result where message_id = ?1 and body = ?2 and routing_key = ?3";
    if connection.prepare_cached(same)?.exists((message_id, &publication.body, &publication.routing_key))? {
        return Ok(Verdict::Confirmed);
    }
    let id = &publication.message_id;
    Ok(Verdict::Refused(format!("{id} was announced before with other bytes, which stand (I9): run `fulfil audit`")))
}

fn dead_letter(connection: &Connection, publication: &Publication, at: Timestamp) -> Result<Verdict, StoreError> {
    let sql = "insert into dead_letter (message_id, body_hash, routing_key, kind, body, code, detail, announced_at)
        values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) on conflict do nothing";
    let (code, detail) = publication.reason.as_ref().map(|(code, detail)| (code, detail)).unzip();
    connection.prepare_cached(sql)?.execute((
        &publication.message_id,
        BodyHash::of(&publication.body).0,
        &publication.routing_key,
        publication.kind,
        &publication.body,
        code,
        detail,
        at.0,
    ))?;
    Ok(Verdict::Confirmed)
}
