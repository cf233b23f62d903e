//! Results that are owed to the platform: a row each, with the words of its revision (I9), until they are confirmed
//! (I4).

use fulfil_contract::{
    ids::{MerchantId, OrderId, Revision},
    ports::ledger::LedgerError,
    recorded::RecordedOrder,
};

use crate::{
    Postgres,
    errors::Failure,
    known,
    session::{Begin, Call},
};

/// Of the order's own row, which has the revision's words as long as it is the order's. By rising id, so that two
/// such statements never wait for each other in a circle.
pub(crate) const OWE: &str = "
    insert into fulfil.announcement
        (order_id, revision, merchant_id, body_hash, status, decided_at, lines, reason)
    select o.order_id, o.revision, o.merchant_id, o.body_hash, o.status, o.decided_at, o.lines, o.reason
    from unnest($1::text[], $2::integer[]) r(order_id, revision)
    join fulfil.orders o on o.order_id = r.order_id and o.revision = r.revision
    on conflict do nothing";

const PAY: &str = "
    delete from fulfil.announcement a using unnest($1::text[], $2::integer[]) p(order_id, revision)
    where a.order_id = p.order_id and a.revision = p.revision";

const OLDEST: &str = "
    select order_id, merchant_id, body_hash, status, revision, decided_at, lines, reason
    from fulfil.announcement where coalesce(merchant_id, '') <> all($2::text[])
    order by owed_at, order_id, revision limit $1";

pub(crate) async fn owe(postgres: &Postgres, call: &Call, results: &[(OrderId, Revision)]) -> Result<(), LedgerError> {
    write(postgres, call, OWE, results).await
}

pub(crate) async fn paid(postgres: &Postgres, call: &Call, results: &[(OrderId, Revision)]) -> Result<(), LedgerError> {
    write(postgres, call, PAY, results).await
}

/// Runs `sql` over the results by rising id, so that two such calls never wait for each other in a circle.
async fn write(
    postgres: &Postgres,
    call: &Call,
    sql: &'static str,
    results: &[(OrderId, Revision)],
) -> Result<(), LedgerError> {
    if results.is_empty() {
        return Ok(());
    }
    let mut sorted: Vec<&(OrderId, Revision)> = results.iter().collect();
    sorted.sort_unstable();
    let ids: Vec<&str> = sorted.iter().map(|(id, _)| id.as_str()).collect();
    let revisions = sorted.iter().map(|(id, revision)| {
        i32::try_from(revision.0)
            .map_err(|_| LedgerError::Data(format!("revision {} of order {id} is above {}", revision.0, i32::MAX)))
    });
    let revisions = revisions.collect::<Result<Vec<i32>, LedgerError>>()?;
    let (ids, revisions) = (&ids, &revisions);
    postgres
        .attempts(|| async move {
            let session = postgres.open(call).await?;
            let outcome = session.write_at_once(sql, &[ids, revisions]).await;
            session.end(outcome).await.map(drop)
        })
        .await
}

pub(crate) async fn owed(
    postgres: &Postgres,
    call: &Call,
    most: u32,
    but_of: &[Option<MerchantId>],
) -> Result<Vec<RecordedOrder>, LedgerError> {
    // No merchant's id is empty.
    let but_of: Vec<&str> = but_of.iter().map(|merchant| merchant.as_ref().map_or("", MerchantId::as_str)).collect();
    let but_of = &but_of;
    postgres
        .attempts(|| async move {
            let session = postgres.open(call).await?;
            let outcome = async {
                session.begin(Begin::Judge).await?;
                let rows = session.rows(OLDEST, &[&i64::from(most), but_of]).await?;
                let owed = rows.iter().map(known::stored_order).collect::<Result<_, _>>()?;
                let orders = known::with_keys(&session, owed).await?;
                session.rollback().await?;
                Ok::<_, Failure>(orders)
            }
            .await;
            session.end(outcome).await
        })
        .await
}
