//! The port `Books`: each answer is of one snapshot (I5). These are the only statements that read whole tables.

use async_trait::async_trait;
use fulfil_contract::{
    ids::{KeyId, LineNo, OrderId, Sku},
    ports::{
        books::{Balance, Books, OrderFile, ProcurementFile, ProcurementState, SkuCounts},
        ledger::LedgerError,
    },
};

use crate::{
    Postgres,
    columns::{broken, column, count, moment, sku, whole},
    errors::Failure,
    known,
    procurement::attempts,
    session::{Begin, Call, Session},
};

/// Every SKU with keys, lots or both: a key without a lot is as unbalanced as a lot without its keys.
const COUNTS: &str = "
    with lots as (select sku_id, sum(keys)::bigint as imported from fulfil.lot group by sku_id),
    keys as (
        select sku_id, count(*) filter (where state = 0) as available, count(*) filter (where state = 1) as sold,
            count(*) filter (where state = 2) as quarantined
        from fulfil.card_key group by sku_id)
    select coalesce(s.sku, 'sku-number-' || n.sku_id), coalesce(lots.imported, 0), coalesce(keys.available, 0),
        coalesce(keys.sold, 0), coalesce(keys.quarantined, 0)
    from (select sku_id from lots union select sku_id from keys) n
    left join lots on lots.sku_id = n.sku_id left join keys on keys.sku_id = n.sku_id
    left join fulfil.sku s on s.sku_id = n.sku_id
    order by 1";

/// Delivered lines: how many there are of whose keys not exactly the quantity are sold to the order and of the
/// SKU, and how many keys stand in more than one place. What was bought for a line counts from then on, though its
/// order says so only when no line of it is open any more; once it says the same, that is one line.
const LINES: &str = "
    with line as (
        select o.order_id, l.line ->> 'sku' as sku, (l.line ->> 'quantity')::bigint as quantity,
            l.line -> 'keys' as keys, o.order_id || ' ' || (l.line ->> 'line_no') as name
        from fulfil.orders o cross join lateral jsonb_array_elements(o.lines::jsonb) l(line)
        where l.line ->> 'status' = 'delivered'
        union all
        select p.order_id, p.sku, p.quantity::bigint, p.outcome::jsonb -> 'keys', p.order_id || ' ' || p.line_no
        from fulfil.procurement p left join fulfil.orders o on o.order_id = p.order_id
        where p.state = 1 and p.outcome::jsonb ->> 'status' = 'delivered' and not exists (
            select from jsonb_array_elements(o.lines::jsonb) l(line)
            where l.line ->> 'line_no' = p.line_no::text and l.line -> 'keys' = p.outcome::jsonb -> 'keys')),
    key as (
        select line.name, line.order_id, line.sku, k.id::bigint as id
        from line cross join lateral jsonb_array_elements_text(line.keys) k(id)),
    good as (
        select key.name, count(distinct key.id) as keys
        from key join fulfil.card_key c on c.id = key.id join fulfil.sku s on s.sku_id = c.sku_id
        where c.state = 1 and c.order_id = key.order_id and s.sku = key.sku
        group by key.name)
    select
        (select count(*) from line left join good on good.name = line.name
         where coalesce(good.keys, 0) <> line.quantity or jsonb_array_length(line.keys) <> line.quantity),
        (select count(*) from (select id from key group by id having count(*) > 1) twice)";

const AVAILABLE: &str = "select id from fulfil.card_key where state = 0 order by id";

/// One that a worker has now waits for the end of its lease, or of the work.
const PROCUREMENTS: &str = "
    select procurement_id, line_no, state, coalesce('worker ' || worker, waits_for), wake_at
    from fulfil.procurement where order_id = $1 order by line_no";

const CONFLICTS: &str = "
    select order_id, merchant_id, body_hash, decided_at from fulfil.conflict
    where order_id = $1 order by decided_at, body_hash";

#[async_trait]
impl Books for Postgres {
    async fn balance(&self) -> Result<Balance, LedgerError> {
        let call = Call::default();
        self.at_length(&call, self.attempts(|| async { snapshot(self, &call, balance).await })).await
    }

    async fn counts(&self) -> Result<Vec<SkuCounts>, LedgerError> {
        let call = Call::default();
        self.at_length(&call, self.attempts(|| async { snapshot(self, &call, counts).await })).await
    }

    async fn order(&self, id: &OrderId) -> Result<Option<OrderFile>, LedgerError> {
        let call = Call::default();
        self.limited(
            &call,
            self.attempts(|| async { snapshot(self, &call, async |session| order_file(session, id).await).await }),
        )
        .await
    }
}

async fn snapshot<T>(
    postgres: &Postgres,
    call: &Call,
    read: impl AsyncFnOnce(&Session<'_>) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let session = postgres.open(call).await?;
    let outcome = async {
        session.begin(Begin::Snapshot).await?;
        let value = read(&session).await?;
        session.rollback().await?;
        Ok(value)
    }
    .await;
    session.end(outcome).await
}

async fn balance(session: &Session<'_>) -> Result<Balance, Failure> {
    // Whole tables are joined here. While nothing is known of them yet (they grew since their last `analyze`), Postgres
    // takes them for a few rows and compares each with each: minutes instead of a second.
    session.simple("set local enable_nestloop = off").await?;
    let counts = counts(session).await?;
    let sum = |of: fn(&SkuCounts) -> u64| counts.iter().map(of).sum();
    let orders = session.rows("select count(*) from fulfil.orders", &[]).await?;
    let lines = session.rows(LINES, &[]).await.map_err(unreadable_lines)?;
    let (lines_short, keys_sold_twice) =
        lines.first().map_or(Ok((0, 0)), |row| Ok::<_, Failure>((count(row, 0)?, count(row, 1)?)))?;
    let unbalanced = |sku: &&SkuCounts| sku.imported != sku.available + sku.sold + sku.quarantined;
    Ok(Balance {
        imported: sum(|sku| sku.imported),
        available: sum(|sku| sku.available),
        sold: sum(|sku| sku.sold),
        quarantined: sum(|sku| sku.quarantined),
        orders: orders.first().map_or(Ok(0), |row| count(row, 0))?,
        lines_short,
        keys_sold_twice,
        unbalanced: counts.iter().filter(unbalanced).map(|sku| sku.sku.clone()).collect::<Vec<Sku>>(),
        available_ids: session
            .rows(AVAILABLE, &[])
            .await?
            .iter()
            .map(|row| column(row, 0).map(KeyId))
            .collect::<Result<_, _>>()?,
    })
}

/// The only data that the statement could refuse is a row's.
fn unreadable_lines(failure: Failure) -> Failure {
    match failure {
        Failure::Ledger(LedgerError::Data(what)) => broken("the lines of an order", &what),
        other @ (Failure::Ledger(_) | Failure::Again(_)) => other,
    }
}

async fn counts(session: &Session<'_>) -> Result<Vec<SkuCounts>, Failure> {
    let rows = session.rows(COUNTS, &[]).await?;
    rows.iter()
        .map(|row| {
            Ok(SkuCounts {
                sku: sku(row, 0)?,
                imported: count(row, 1)?,
                available: count(row, 2)?,
                sold: count(row, 3)?,
                quarantined: count(row, 4)?,
            })
        })
        .collect()
}

async fn order_file(session: &Session<'_>, id: &OrderId) -> Result<Option<OrderFile>, Failure> {
    let Some(order) = known::orders(session, &[id]).await?.remove(id) else { return Ok(None) };
    let conflicts =
        session.rows(CONFLICTS, &[&id.as_str()]).await?.iter().map(known::conflict).collect::<Result<_, _>>()?;
    let owed = session.rows("select 1 from fulfil.announcement where order_id = $1 limit 1", &[&id.as_str()]).await?;
    let procurements = procurements(session, id).await?;
    Ok(Some(OrderFile { order, conflicts, procurements, owed: !owed.is_empty() }))
}

/// Where each of an order's procurements stands, by rising line number.
async fn procurements(session: &Session<'_>, id: &OrderId) -> Result<Vec<ProcurementFile>, Failure> {
    let rows = session.rows(PROCUREMENTS, &[&id.as_str()]).await?;
    let numbers = rows.iter().map(|row| column(row, 0)).collect::<Result<Vec<i64>, Failure>>()?;
    let mut attempts = attempts::of_procurements(session, &numbers).await?;
    let mut files = Vec::with_capacity(rows.len());
    for (row, number) in rows.iter().zip(numbers) {
        let state: i16 = column(row, 2)?;
        let state = ProcurementState::from_code(state)
            .ok_or_else(|| broken(&format!("procurement {number}"), &format!("state {state}")))?;
        let waits = match state {
            ProcurementState::Open => Some((column(row, 3)?, moment(row, 4)?)),
            ProcurementState::Delivered | ProcurementState::Rejected | ProcurementState::InReview => None,
        };
        let attempts = attempts.remove(&number).unwrap_or_default();
        files.push(ProcurementFile { line_no: LineNo(whole(row, 1)?), state, waits, attempts });
    }
    Ok(files)
}
