//! Judges a batch: one transaction that commits everything of it, or rounds of it without the orders that lost.
//!
//! What holds here: an order is new only if this transaction inserted its id (I2) and sold every key of it (I1,
//! I3); nothing is committed before both were checked; what a lost order would have written or taken was
//! rolled back; each line that a supplier is to fill has its procurement, made by this transaction.

mod batch;
mod draft;
mod insert;
mod procure;
pub(crate) mod sell;
pub(crate) mod take;
mod unreadable;

use fulfil_contract::{
    ids::KeyId,
    ports::ledger::{Asked, LedgerError},
    proposal::Entry,
    recorded::{GoneKey, Judgement},
    time::Timestamp,
};

use self::batch::{Batch, Standing};
use crate::{
    columns::moment,
    errors::Failure,
    known,
    postgres::{Postgres, Retry},
    session::{Begin, Call, Session},
};

/// How a round goes, by what happened to the earlier ones.
#[derive(Debug, Clone, Copy)]
struct Manner {
    /// It is ready for other transactions' inserts of the same ids.
    gives_way: bool,
}

/// How a round ended.
enum Round {
    Committed(Vec<(usize, Judgement)>),
    /// Rolled back: these orders, by their place among the batch's orders, claimed keys that are gone.
    Lost(Vec<(usize, Vec<GoneKey>)>),
    /// Rolled back: these orders are known, and others went short beside them.
    Known(Vec<usize>),
    /// Rolled back: short of keys that other transactions hold.
    Held,
}

/// What the statements of a round made of it, before commit or rollback.
enum Verdict {
    Commit(Vec<(usize, Judgement)>),
    Gone(Vec<KeyId>),
    Known(Vec<usize>),
    Held,
}

/// See [`Ledger::record`](fulfil_contract::ports::ledger::Ledger::record).
pub(crate) async fn record(postgres: &Postgres, call: &Call, entries: &[Entry]) -> Result<Vec<Judgement>, LedgerError> {
    let batch = Batch::of(entries)?;
    let mut standings = vec![Standing::Open; batch.orders.len()];
    let (mut retry, mut waits) = (Retry::default(), Retry::until_the_limit());
    loop {
        let manner = Manner { gives_way: retry.made() > 0 };
        match round(postgres, call, &batch, &standings, manner).await {
            Ok(Round::Committed(judgements)) => return batch.answer(judgements, standings),
            Ok(Round::Lost(lost)) => lost.into_iter().for_each(|(at, gone)| standings[at] = Standing::Lost(gone)),
            Ok(Round::Known(known)) => known.into_iter().for_each(|at| standings[at] = Standing::Known),
            Ok(Round::Held) => waits.pause("keys that other transactions hold").await?,
            Err(Failure::Again(why)) => retry.pause(&why).await?,
            Err(Failure::Ledger(error)) => return Err(error),
        }
    }
}

async fn round(
    postgres: &Postgres,
    call: &Call,
    batch: &Batch<'_>,
    standings: &[Standing],
    manner: Manner,
) -> Result<Round, Failure> {
    if batch.is_all_lost(standings) {
        return Ok(Round::Committed(Vec::new()));
    }
    let session = postgres.open(call).await?;
    let outcome = async {
        session.begin(Begin::Judge).await?;
        match judge(postgres, &session, batch, standings, manner).await? {
            Verdict::Commit(judgements) => {
                session.commit().await?;
                Ok(Round::Committed(judgements))
            }
            Verdict::Gone(missing) => {
                session.rollback().await?;
                sell::why_gone(postgres, &session, batch, standings, &missing).await.map(Round::Lost)
            }
            Verdict::Known(known) => session.rollback().await.map(|()| Round::Known(known)),
            Verdict::Held => session.rollback().await.map(|()| Round::Held),
        }
    }
    .await;
    session.end(outcome).await
}

async fn judge(
    postgres: &Postgres,
    session: &Session<'_>,
    batch: &Batch<'_>,
    standings: &[Standing],
    manner: Manner,
) -> Result<Verdict, Failure> {
    let now = if batch.any_expires() { Some(ledger_time(session).await?) } else { None };
    let open = batch.open(standings, now);
    let Some(taken) = take::take(postgres, session, batch, &open).await? else {
        return Ok(Verdict::Held);
    };
    let mut drafts = draft::drafts(batch, &open, &taken);

    let inserted = insert::insert(session, &drafts, manner.gives_way).await?;
    let known: Vec<usize> =
        drafts.iter().filter(|draft| !inserted.is_new(&draft.order)).map(|draft| draft.place).collect();
    // Those need no keys, and what was taken or kept for them is missed.
    if !known.is_empty() && taken.short().any(|place| !known.contains(&place)) {
        return Ok(Verdict::Known(known));
    }
    drafts.retain(|draft| inserted.is_new(&draft.order));
    let missing = sell::sell(postgres, session, &mut drafts).await?;
    if !missing.is_empty() {
        return Ok(Verdict::Gone(missing));
    }
    procure::procure(session, batch, &open, &drafts).await?;

    let mut judgements = answer_known(session, batch, standings, known).await?;
    judgements.extend(unreadable::record(session, &batch.unreadables).await?);
    for mut draft in drafts {
        // Inserted by this transaction, so the insert said when.
        draft.order.decided_at = inserted.decided_at().unwrap_or(draft.order.decided_at);
        judgements.push((batch.orders[draft.place].at, Judgement::New(draft.order)));
    }
    taken.remember(&postgres.take_memory);
    Ok(Verdict::Commit(judgements))
}

/// Orders whose ids are in the ledger: repeats and conflicts.
async fn answer_known(
    session: &Session<'_>,
    batch: &Batch<'_>,
    standings: &[Standing],
    mut known: Vec<usize>,
) -> Result<Vec<(usize, Judgement)>, Failure> {
    known.extend((0..standings.len()).filter(|&place| standings[place] == Standing::Known));
    if known.is_empty() {
        return Ok(Vec::new());
    }
    let asked: Vec<Asked> = known
        .iter()
        .map(|&place| {
            let order = batch.orders[place].order;
            Asked {
                order_id: order.order_id.clone(),
                body_hash: order.body_hash,
                merchant_id: order.merchant_id.clone(),
            }
        })
        .collect();
    let answers = known::answer(session, &asked).await?;
    let at = known.into_iter().map(|place| batch.orders[place].at);
    at.zip(answers)
        .map(|(at, answer)| {
            // The insert saw the order's row; only a deletion by hand takes it away again.
            answer.map(|judgement| (at, judgement)).ok_or_else(|| Failure::Again("an order's row went away".into()))
        })
        .collect()
}

/// The transaction's time, which its orders are decided at.
async fn ledger_time(session: &Session<'_>) -> Result<Timestamp, Failure> {
    let rows = session.rows("select now()", &[]).await?;
    let row = rows.first().ok_or_else(|| crate::columns::broken("the time", "no row"))?;
    moment(row, 0)
}
