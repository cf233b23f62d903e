//! Messages without an order id: recorded under their body's hash, the first time they come.

use std::collections::HashMap;

use fulfil_contract::{
    ids::BodyHash,
    proposal::UnreadableMessage,
    recorded::{Judgement, RecordedUnreadable},
};

use crate::{
    columns::{body_hash, column, merchant, moment},
    errors::Failure,
    known::{read_reason, stored_reason},
    session::Session,
};

const INSERT: &str = "
    insert into fulfil.unreadable (body_hash, merchant_id, reason)
    select * from unnest($1::bytea[], $2::text[], $3::text[]) on conflict do nothing";

const READ: &str = "
    select u.body_hash, u.merchant_id, u.reason, u.decided_at
    from unnest($1::bytea[]) a(body_hash) join fulfil.unreadable u on u.body_hash = a.body_hash";

pub(super) async fn record(
    session: &Session<'_>,
    messages: &[(usize, &UnreadableMessage)],
) -> Result<Vec<(usize, Judgement)>, Failure> {
    if messages.is_empty() {
        return Ok(Vec::new());
    }
    let mut sorted: Vec<&UnreadableMessage> = messages.iter().map(|(_, message)| *message).collect();
    sorted.sort_unstable_by_key(|message| message.body_hash);
    let hashes: Vec<&[u8]> = sorted.iter().map(|message| message.body_hash.0.as_slice()).collect();
    let merchants: Vec<Option<&str>> =
        sorted.iter().map(|message| message.merchant_id.as_ref().map(AsRef::as_ref)).collect();
    let reasons: Vec<String> = sorted.iter().map(|message| stored_reason(&message.reason)).collect();
    session.rows(INSERT, &[&hashes, &merchants, &reasons]).await?;

    let mut stored: HashMap<BodyHash, RecordedUnreadable> = HashMap::with_capacity(messages.len());
    for row in &session.rows(READ, &[&hashes]).await? {
        let body_hash = body_hash(row, 0)?;
        let reason = read_reason("an unreadable message", column(row, 2)?)?;
        stored.insert(
            body_hash,
            RecordedUnreadable { body_hash, merchant_id: merchant(row, 1)?, reason, decided_at: moment(row, 3)? },
        );
    }
    messages
        .iter()
        .map(|(at, message)| {
            let row = stored.remove(&message.body_hash);
            row.map(|row| (*at, Judgement::Unreadable(row)))
                .ok_or_else(|| Failure::Again("an unreadable message's row went away".into()))
        })
        .collect()
}
