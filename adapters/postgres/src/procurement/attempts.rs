//! Attempts: their rows, and their way from intent to what came of it.
//!
//! What holds here: an attempt moves only as the machine allows and only from the version that was seen; at most
//! one of a procurement is open, which the table itself keeps (I6).

use std::collections::BTreeMap;

use fulfil_contract::{
    attempt::{Attempt, AttemptId, AttemptState, Change, Intent, Reference},
    ids::Quantity,
    money::{Currency, MinorUnits},
    ports::procurements::Limits,
    procurement::Lease,
    supplier::{RefusalMeans, SupplierName, SupplierProduct},
};
use tokio_postgres::Row;

use super::{
    Refused,
    rows::{self, row_of},
};
use crate::{
    columns::{as_bigint, as_integer, as_micros, as_text, broken, column, moment, moment_if_any, whole},
    errors::Failure,
    session::Session,
    transaction::Halt,
};

/// What a supplier may call an order of ours, in bytes; more is cut off.
const MOST_THEIR_ID: usize = 256;

/// The columns of [`attempt`], of `a`.
macro_rules! of_attempt {
    ($before:literal, $after:literal) => {
        concat!(
            $before,
            " a.attempt_id, a.supplier, a.product, a.reference, a.quantity, a.unit_price, a.currency, a.state,
            a.version, a.their_id, a.sends, a.queries, a.not_founds, a.countable_from, a.intended_at, a.sent_at,
            a.said, a.refusal, a.procurement_id ",
            $after
        )
    };
}
pub(crate) use of_attempt;

const OF_PROCUREMENTS: &str = of_attempt!(
    "select",
    "from unnest($1::bigint[]) p(id) join fulfil.attempt a on a.procurement_id = p.id
    order by a.procurement_id, a.attempt_id"
);
const BY_REFERENCE: &str = of_attempt!("select", "from fulfil.attempt a where a.reference = $1");
const BY_ID: &str = of_attempt!("select", "from fulfil.attempt a where a.attempt_id = $1 for no key update");
const OPEN: &str =
    of_attempt!("select", "from fulfil.attempt a where a.procurement_id = $1 and a.state not in (4, 5, 6)");

const INTEND: &str = of_attempt!(
    "insert into fulfil.attempt as a
        (procurement_id, supplier, product, reference, quantity, unit_price, currency)
    values ($1, $2, $3, $4, $5, $6, $7) returning",
    ""
);

const CHANGE: &str = of_attempt!(
    "update fulfil.attempt a set state = $2, version = version + 1, their_id = coalesce($3, their_id),
        said = coalesce($4, said), queries = queries + $5, not_founds = $6, refusal = coalesce($7, refusal)
    where attempt_id = $1 and version = $8 returning",
    ""
);

/// The same for one that is sent now: it counts, and a not-found counts from then on.
const SEND: &str = of_attempt!(
    "update fulfil.attempt a set state = $2, version = version + 1, their_id = coalesce($3, their_id),
        said = coalesce($4, said), queries = queries + $5, not_founds = 0, sends = sends + 1,
        sent_at = clock_timestamp(), countable_from = clock_timestamp() + $6::bigint * interval '1 microsecond'
    where attempt_id = $1 and version = $7 returning",
    ""
);

const RENEW_LEASE: &str = "
    update fulfil.procurement set wake_at = clock_timestamp() + $2::bigint * interval '1 microsecond'
    where procurement_id = $1";

/// See [`Procurements::intend`](fulfil_contract::ports::procurements::Procurements::intend).
pub(super) async fn intend(session: &Session<'_>, lease: &Lease, intent: &Intent) -> Result<Attempt, Halt<Refused>> {
    let row = row_of(session, lease.procurement).await?;
    rows::check_lease(&row, lease)?;
    if let Some(found) = session.rows(BY_REFERENCE, &[&intent.reference.as_str()]).await?.first() {
        if column::<i64>(found, PROCUREMENT)? == lease.procurement.0 {
            return Ok(attempt(found)?);
        }
        return Err(Refused::because(format!("the reference {} is another line's", intent.reference)));
    }
    if let Some(open) = open(session, lease.procurement.0).await? {
        return Err(Refused::because(format!("attempt {} is still {}", open.reference, open.state.as_str())));
    }
    let quantity = as_integer("quantity", intent.quantity.get())?;
    let price = as_bigint("unit_price", intent.unit_price.0)?;
    let (supplier, product) = (intent.supplier.as_str(), intent.product.as_str());
    let (reference, currency) = (intent.reference.as_str(), intent.currency.as_str());
    let inserted = session
        .rows(INTEND, &[&lease.procurement.0, &supplier, &product, &reference, &quantity, &price, &currency])
        .await?;
    Ok(attempt(inserted.first().ok_or_else(|| broken("an attempt", "no row after its insert"))?)?)
}

/// See [`Procurements::change`](fulfil_contract::ports::procurements::Procurements::change).
pub(super) async fn change(
    session: &Session<'_>,
    lease: &Lease,
    change: &Change,
    limits: Limits,
) -> Result<Attempt, Halt<Refused>> {
    if change.to == AttemptState::Delivered {
        return Err(Refused::because("an attempt becomes delivered by placing its goods"));
    }
    let row = row_of(session, lease.procurement).await?;
    rows::check_lease(&row, lease)?;
    let found = locked(session, change.attempt, lease.procurement.0).await?;
    if was_made(&found, change) {
        return Ok(found);
    }
    check(&found, change)?;
    if change.to != AttemptState::Sent {
        return Ok(write(session, change).await?);
    }
    let (lease_time, settles) = (as_micros(limits.lease), as_micros(limits.settles));
    session.rows(RENEW_LEASE, &[&lease.procurement.0, &lease_time]).await?;
    let countable = lease_time.saturating_add(settles);
    let (state, version) = (change.to.code(), as_integer("version", change.version)?);
    let (their_id, said) = texts(change);
    let queries = as_integer("queries", change.queries)?;
    let rows =
        session.rows(SEND, &[&change.attempt.0, &state, &their_id, &said, &queries, &countable, &version]).await?;
    Ok(written(&rows)?)
}

/// Whether the attempt is as the change would make it: it was made, and its answer lost.
pub(crate) fn was_made(found: &Attempt, change: &Change) -> bool {
    found.version == change.version.saturating_add(1) && found.state == change.to
}

/// Refuses what the machine does not allow, or what was decided from another version.
pub(crate) fn check(found: &Attempt, change: &Change) -> Result<(), Halt<Refused>> {
    if found.version != change.version {
        let (seen, now) = (change.version, found.version);
        return Err(Refused::because(format!("attempt {} is at version {now}, not {seen}", found.reference)));
    }
    if !found.state.may_become(change.to) {
        let (from, to) = (found.state.as_str(), change.to.as_str());
        return Err(Refused::because(format!("attempt {} is {from}; it can't become {to}", found.reference)));
    }
    Ok(())
}

/// Writes a change that was checked under the row's lock.
pub(crate) async fn write(session: &Session<'_>, change: &Change) -> Result<Attempt, Failure> {
    let (state, version) = (change.to.code(), as_integer("version", change.version)?);
    let (their_id, said) = texts(change);
    let queries = as_integer("queries", change.queries)?;
    let not_founds = as_integer("not_founds", change.not_founds)?;
    let refusal = change.refusal.filter(|_| change.to == AttemptState::Refused).map(RefusalMeans::code);
    let rows = session
        .rows(CHANGE, &[&change.attempt.0, &state, &their_id, &said, &queries, &not_founds, &refusal, &version])
        .await?;
    written(&rows)
}

fn written(rows: &[Row]) -> Result<Attempt, Failure> {
    attempt(rows.first().ok_or_else(|| Failure::Again("an attempt was changed meanwhile".into()))?)
}

/// What a change says, as it is kept.
pub(super) fn texts(change: &Change) -> (Option<String>, Option<String>) {
    let their_id = change.their_id.as_deref().map(|text| as_text(text, MOST_THEIR_ID));
    (their_id, change.said.as_deref().map(|text| as_text(text, Change::MOST_SAID)))
}

/// The attempt of this procurement, its row locked.
pub(super) async fn locked(session: &Session<'_>, id: AttemptId, procurement: i64) -> Result<Attempt, Halt<Refused>> {
    let rows = session.rows(BY_ID, &[&id.0]).await?;
    match rows.first() {
        Some(row) if column::<i64>(row, PROCUREMENT)? == procurement => Ok(attempt(row)?),
        Some(_) | None => Err(Refused::because(format!("attempt {} is none of this procurement", id.0))),
    }
}

/// The attempt that may still bring goods, if there is one.
pub(crate) async fn open(session: &Session<'_>, procurement: i64) -> Result<Option<Attempt>, Failure> {
    session.rows(OPEN, &[&procurement]).await?.first().map(attempt).transpose()
}

/// All attempts of these procurements, by rising id each.
pub(crate) async fn of_procurements(
    session: &Session<'_>,
    procurements: &[i64],
) -> Result<BTreeMap<i64, Vec<Attempt>>, Failure> {
    let mut found: BTreeMap<i64, Vec<Attempt>> = BTreeMap::new();
    for row in &session.rows(OF_PROCUREMENTS, &[&procurements]).await? {
        found.entry(column(row, PROCUREMENT)?).or_default().push(attempt(row)?);
    }
    Ok(found)
}

/// Where `of_attempt!` has the procurement's number, and how many columns it has.
pub(super) const PROCUREMENT: usize = 18;
pub(crate) const COLUMNS: usize = 19;

/// The columns of `of_attempt!`, first in their row.
pub(crate) fn attempt(row: &Row) -> Result<Attempt, Failure> {
    let id: i64 = column(row, 0)?;
    let here = |what: &str| broken(&format!("attempt {id}"), what);
    let price: i64 = column(row, 5)?;
    let state: i16 = column(row, 7)?;
    let refusal: Option<i16> = column(row, 17)?;
    Ok(Attempt {
        id: AttemptId(id),
        supplier: SupplierName::parse(column(row, 1)?).ok_or_else(|| here("its supplier"))?,
        product: SupplierProduct::parse(column(row, 2)?).ok_or_else(|| here("its product"))?,
        reference: Reference::parse(column(row, 3)?).ok_or_else(|| here("its reference"))?,
        quantity: Quantity::new(whole(row, 4)?).ok_or_else(|| here("its quantity"))?,
        unit_price: MinorUnits(u64::try_from(price).map_err(|_| here("its price"))?),
        currency: Currency::parse(column(row, 6)?).ok_or_else(|| here("its currency"))?,
        state: AttemptState::from_code(state).ok_or_else(|| here("its state"))?,
        version: whole(row, 8)?,
        their_id: column(row, 9)?,
        sends: whole(row, 10)?,
        queries: whole(row, 11)?,
        not_founds: whole(row, 12)?,
        countable_from: moment_if_any(row, 13)?,
        intended_at: moment(row, 14)?,
        sent_at: moment_if_any(row, 15)?,
        said: column(row, 16)?,
        refusal: refusal
            .map(|code| RefusalMeans::from_code(code).ok_or_else(|| here("what its no means")))
            .transpose()?,
    })
}
