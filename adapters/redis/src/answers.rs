//! Reads what the functions and commands answer; an answer that they never give is an error, not a guess.

use std::fmt::{Debug, Write};

use fulfil_contract::{
    ids::KeyId,
    ports::stock::StockError,
    stock::{BucketState, ClaimAnswer, ClaimId, Epoch, Loaded, OpenClaim},
};
use redis::Value;

/// `what` answered something that our functions don't say.
pub(crate) fn unexpected(what: &str, answer: &(impl Debug + ?Sized)) -> StockError {
    let mut shown = format!("{answer:?}");
    if let Some((end, _)) = shown.char_indices().nth(200) {
        shown.truncate(end);
    }
    StockError::Refused(format!("{what} answered {shown}, which our functions don't say: run `fulfil stock rebuild`"))
}

pub(crate) fn claim(answer: &Value) -> Result<ClaimAnswer, StockError> {
    let read = match answer {
        Value::BulkString(text) => ids(text).map(ClaimAnswer::Claimed),
        Value::Array(none) if none.is_empty() => Some(ClaimAnswer::WrongEpoch(None)),
        Value::Array(one) if one.len() == 1 => number(&one[0]).map(|epoch| ClaimAnswer::WrongEpoch(Some(Epoch(epoch)))),
        _ => None,
    };
    read.ok_or_else(|| unexpected("claim", answer))
}

pub(crate) fn loaded(answers: &[Value]) -> Result<Loaded, StockError> {
    match answers {
        [Value::Int(1)] => Ok(Loaded::Done),
        [Value::Int(0)] => Ok(Loaded::Refused),
        other => Err(unexpected("load or reset", other)),
    }
}

pub(crate) fn state(answer: &Value) -> Result<BucketState, StockError> {
    let read = match answer {
        Value::Array(fields) => match fields.as_slice() {
            [] => Some(BucketState { epoch: None, loaded_to: KeyId(0), complete: false, offered: 0 }),
            [epoch, loaded_to, complete, Value::Int(offered)] => (|| {
                Some(BucketState {
                    epoch: Some(Epoch(number(epoch)?)),
                    loaded_to: KeyId(number(loaded_to)?),
                    complete: number(complete)? == 1,
                    offered: u64::try_from(*offered).ok()?,
                })
            })(),
            _ => None,
        },
        _ => None,
    };
    read.ok_or_else(|| unexpected("state", answer))
}

/// A page of a list of ids.
pub(crate) fn page(answers: &[Value]) -> Result<Vec<KeyId>, StockError> {
    let read = match answers {
        [Value::Array(ids)] => ids.iter().map(|id| number(id).map(KeyId)).collect(),
        _ => None,
    };
    read.ok_or_else(|| unexpected("LRANGE", answers))
}

/// Every field of a hash of claims.
pub(crate) fn open_claims(answers: &[Value]) -> Result<Vec<OpenClaim>, StockError> {
    let open = |fields: &[Value]| match fields {
        [Value::BulkString(claim), Value::BulkString(held)] => {
            Some(OpenClaim { claim: ClaimId::parse(std::str::from_utf8(claim).ok()?)?, ids: ids(held)? })
        }
        _ => None,
    };
    let read = match answers {
        [Value::Array(fields)] => fields.chunks(2).map(open).collect(),
        _ => None,
    };
    read.ok_or_else(|| unexpected("HGETALL", answers))
}

/// The values of these fields of an INFO.
pub(crate) fn info<const FIELDS: usize>(
    answers: &[Value],
    names: [&str; FIELDS],
) -> Result<[String; FIELDS], StockError> {
    let texts: Vec<_> = answers
        .iter()
        .filter_map(|answer| match answer {
            Value::BulkString(text) => Some(String::from_utf8_lossy(text)),
            _ => None,
        })
        .collect();
    let find = |name: &str| {
        let mut lines = texts.iter().flat_map(|text| text.lines());
        lines.find_map(|line| Some(line.strip_prefix(name)?.strip_prefix(':')?.to_owned()))
    };
    let found = names.map(find);
    if found.iter().any(Option::is_none) {
        return Err(StockError::Refused(format!("INFO lacks {}", names.join(" or "))));
    }
    Ok(found.map(Option::unwrap_or_default))
}

/// The ids as the functions take them.
pub(crate) fn joined(ids: &[KeyId]) -> String {
    let mut text = String::with_capacity(ids.len() * 10);
    for id in ids {
        if !text.is_empty() {
            text.push(',');
        }
        // Writing to a String can't fail.
        if write!(text, "{id}").is_err() {
            break;
        }
    }
    text
}

fn ids(text: &[u8]) -> Option<Vec<KeyId>> {
    if text.is_empty() {
        return Some(Vec::new());
    }
    let text = std::str::from_utf8(text).ok()?;
    text.split(',').map(|id| id.parse().ok().map(KeyId)).collect()
}

fn number(value: &Value) -> Option<i64> {
    match value {
        Value::BulkString(text) => std::str::from_utf8(text).ok()?.parse().ok(),
        Value::Int(number) => Some(*number),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Value {
        Value::BulkString(text.into())
    }

    #[test]
    fn ids_are_read_as_they_are_written() {
        let some: Vec<_> = [1, 22, i64::MAX].map(KeyId).into();
        assert_eq!(joined(&some), "1,22,9223372036854775807");
        assert_eq!(ids(joined(&some).as_bytes()), Some(some));
        assert_eq!(ids(b""), Some(Vec::new()));
        assert_eq!(joined(&[]), "");
    }

    #[test]
    fn what_can_t_be_read_is_an_error() {
        for answer in [text("1,,2"), text("1,x"), text(","), Value::Nil, Value::Array(vec![text("x")]), Value::Int(1)] {
            assert!(claim(&answer).is_err(), "{answer:?}");
            assert!(state(&answer).is_err(), "{answer:?}");
            assert!(open_claims(std::slice::from_ref(&answer)).is_err(), "{answer:?}");
        }
        assert!(loaded(&[Value::Int(2)]).is_err() && loaded(&[]).is_err());
        assert!(open_claims(&[Value::Array(vec![text("w/1")])]).is_err());
        assert!(info(&[text("run_id:a\r\nx:y\r\n")], ["run_id", "master_replid"]).is_err());
    }

    #[test]
    fn the_fields_of_an_info() {
        let answers = [text("# Server\r\nredis_version:7.0.15\r\nrun_id:abc\r\n"), text("master_replid:def\r\n")];
        assert_eq!(info(&answers, ["run_id", "master_replid"]).unwrap(), ["abc", "def"]);
    }
}
