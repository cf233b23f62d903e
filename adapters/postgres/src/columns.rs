//! Values as they stand in rows. A value that does not fit is a broken ledger, never a panic.

use std::{error::Error, time::Duration};

use bytes::BytesMut;
use fulfil_contract::{
    ids::{BodyHash, MerchantId, Sku},
    ports::{ledger::LedgerError, stock_ledger::SkuState},
    stock::Epoch,
    time::Timestamp,
};
use tokio_postgres::{
    Row,
    types::{FromSql, IsNull, ToSql, Type, to_sql_checked},
};

use crate::errors::Failure;

/// Postgres counts microseconds from 2000-01-01.
const POSTGRES_EPOCH: i64 = 946_684_800_000_000;

/// A `timestamptz`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Moment(pub(crate) Timestamp);

impl<'a> FromSql<'a> for Moment {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn Error + Sync + Send>> {
        let micros = i64::from_be_bytes(raw.try_into()?);
        Ok(Self(Timestamp(micros.saturating_add(POSTGRES_EPOCH))))
    }

    fn accepts(ty: &Type) -> bool {
        *ty == Type::TIMESTAMPTZ
    }
}

impl ToSql for Moment {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        out.extend_from_slice(&self.0.0.saturating_sub(POSTGRES_EPOCH).to_be_bytes());
        Ok(IsNull::No)
    }

    fn accepts(ty: &Type) -> bool {
        *ty == Type::TIMESTAMPTZ
    }

    to_sql_checked!();
}

/// The value of a column.
pub(crate) fn column<'a, T: FromSql<'a>>(row: &'a Row, at: usize) -> Result<T, Failure> {
    row.try_get(at).map_err(|error| broken(&format!("column {at}"), &crate::errors::with_causes(&error)))
}

/// A row that this program did not write.
pub(crate) fn broken(place: &str, what: &str) -> Failure {
    Failure::Ledger(LedgerError::Broken(format!(
        "a row of the ledger can't be read: {place}: {what}: run `fulfil audit`, and mend the row from a backup"
    )))
}

pub(crate) fn body_hash(row: &Row, at: usize) -> Result<BodyHash, Failure> {
    let bytes: &[u8] = column(row, at)?;
    let hash = bytes.try_into().map_err(|_| broken("a body's hash", &format!("{} bytes", bytes.len())))?;
    Ok(BodyHash(hash))
}

pub(crate) fn merchant(row: &Row, at: usize) -> Result<Option<MerchantId>, Failure> {
    let text: Option<&str> = column(row, at)?;
    text.map(MerchantId::parse).transpose().map_err(|error| broken("a merchant", &error.to_string()))
}

pub(crate) fn moment(row: &Row, at: usize) -> Result<Timestamp, Failure> {
    column::<Moment>(row, at).map(|moment| moment.0)
}

/// A count, which Postgres gives as `bigint`.
pub(crate) fn count(row: &Row, at: usize) -> Result<u64, Failure> {
    let count: i64 = column(row, at)?;
    u64::try_from(count).map_err(|_| broken("a count", &count.to_string()))
}

/// An `integer` that is never negative.
pub(crate) fn whole(row: &Row, at: usize) -> Result<u32, Failure> {
    let number: i32 = column(row, at)?;
    u32::try_from(number).map_err(|_| broken("a count", &number.to_string()))
}

/// The same of a column that may be empty.
pub(crate) fn moment_if_any(row: &Row, at: usize) -> Result<Option<Timestamp>, Failure> {
    Ok(column::<Option<Moment>>(row, at)?.map(|moment| moment.0))
}

/// A number for an `integer` column.
pub(crate) fn as_integer(what: &str, number: u32) -> Result<i32, LedgerError> {
    i32::try_from(number).map_err(|_| LedgerError::Data(format!("{what}: {number} is above {}", i32::MAX)))
}

/// A number for a `bigint` column.
pub(crate) fn as_bigint(what: &str, number: u64) -> Result<i64, LedgerError> {
    i64::try_from(number).map_err(|_| LedgerError::Data(format!("{what}: {number} is above {}", i64::MAX)))
}

/// A length of time in microseconds, for `$n * interval '1 microsecond'`.
pub(crate) fn as_micros(time: Duration) -> i64 {
    // Three hundred years: what is longer is no different, and the sum stays a time.
    const MOST: i64 = 300 * 365 * 86_400 * 1_000_000;
    i64::try_from(time.as_micros()).unwrap_or(MOST).min(MOST)
}

/// A text for a column: without U+0000, which Postgres has no room for, and cut at a character.
pub(crate) fn as_text(text: &str, most: usize) -> String {
    let mut text = text.replace('\0', "\u{fffd}");
    if text.len() > most {
        let end = (0..=most).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0);
        text.truncate(end);
    }
    text
}

pub(crate) fn sku(row: &Row, at: usize) -> Result<Sku, Failure> {
    Sku::parse(column(row, at)?).map_err(|error| broken("a SKU", &error.to_string()))
}

/// The columns `sku, epoch, buckets, last_id`, first in their row.
pub(crate) fn sku_state(row: &Row) -> Result<SkuState, Failure> {
    let buckets: i16 = column(row, 2)?;
    Ok(SkuState {
        sku: sku(row, 0)?,
        epoch: Epoch(column(row, 1)?),
        buckets: u16::try_from(buckets).map_err(|_| broken("a SKU's buckets", &buckets.to_string()))?,
        last_id: fulfil_contract::ids::KeyId(column(row, 3)?),
    })
}
