//! An answer, read whole.

use std::{fmt, time::Duration};

use fulfil_contract::time::Timestamp;
use reqwest::{Response, header::HeaderMap};
use serde::de::DeserializeOwned;
use zeroize::Zeroizing;

use super::failure::{Failure, chain};

/// What a supplier answered. Its `Debug` shows no body: keys stand in it, and they are wiped when it is
/// dropped.
pub(crate) struct Reply {
    pub(crate) status: u16,
    /// How long the supplier wants to be left alone: `Retry-After` in seconds or as a date, or else
    /// `X-RateLimit-Reset`.
    pub(crate) retry_after: Option<Duration>,
    pub(crate) body: Zeroizing<Vec<u8>>,
}

impl Reply {
    pub(super) async fn read(mut answer: Response, most: usize) -> Result<Self, Failure> {
        let status = answer.status().as_u16();
        let retry_after = retry_after(answer.headers(), Timestamp::now());
        let too_large = || too_large(status, most);
        if answer.content_length().is_some_and(|length| length > most as u64) {
            return Err(too_large());
        }
        let mut body =
            Zeroizing::new(Vec::with_capacity(answer.content_length().map_or(4096, |length| length as usize)));
        loop {
            match answer.chunk().await {
                Ok(Some(chunk)) if body.len() + chunk.len() > most => return Err(too_large()),
                Ok(Some(chunk)) => body.extend_from_slice(&chunk),
                Ok(None) => return Ok(Self { status, retry_after, body }),
                Err(error) => {
                    let why = chain(&error.without_url());
                    return Err(Failure::Unknown(format!("HTTP {status}, and its body was cut: {why}")));
                }
            }
        }
    }

    /// The same of what is here already.
    pub(super) fn of(status: u16, headers: &HeaderMap, body: Vec<u8>, most: usize) -> Result<Self, Failure> {
        let body = Zeroizing::new(body);
        if body.len() > most {
            return Err(too_large(status, most));
        }
        Ok(Self { status, retry_after: retry_after(headers, Timestamp::now()), body })
    }

    /// 200–299.
    pub(crate) fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The body as JSON. The error says what is wrong in a few words and shows nothing of the body.
    ///
    /// # Errors
    /// The body is no such JSON.
    pub(crate) fn json<T: DeserializeOwned>(&self) -> Result<T, String> {
        serde_json::from_slice(&self.body).map_err(|error| {
            let what = match error.classify() {
                serde_json::error::Category::Data => "is JSON of another shape than the protocol's",
                serde_json::error::Category::Eof => "ends in the middle of JSON",
                serde_json::error::Category::Syntax | serde_json::error::Category::Io => "is no JSON",
            };
            let (status, length) = (self.status, self.body.len());
            format!("HTTP {status}: the body ({length} bytes) {what}, line {}, column {}", error.line(), error.column())
        })
    }
}

impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HTTP {} ({} bytes)", self.status, self.body.len())
    }
}

fn too_large(status: u16, most: usize) -> Failure {
    Failure::Unknown(format!("HTTP {status} with a body of more than {most} bytes"))
}

/// A date is taken against the answer's own `Date` where it has one: the two clocks may differ.
fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
    if let Some(after) = text("retry-after") {
        if let Ok(seconds) = after.parse() {
            return Some(Duration::from_secs(seconds));
        }
        let until = http_date(after)?;
        let from = text("date").and_then(http_date).unwrap_or(now.0 / 1_000_000);
        return Some(Duration::from_secs(u64::try_from(until - from).unwrap_or(0)));
    }
    // Some count seconds from now, others from 1970.
    let reset: i64 = text("x-ratelimit-reset")?.parse().ok()?;
    let seconds = if reset > 1_000_000_000 { reset - now.0 / 1_000_000 } else { reset };
    Some(Duration::from_secs(u64::try_from(seconds).unwrap_or(0)))
}

/// Seconds since 1970 of an HTTP date in the form that is sent today (`Sun, 06 Nov 1994 08:49:37 GMT`).
fn http_date(text: &str) -> Option<i64> {
    jiff::fmt::rfc2822::parse(text).ok().map(|time| time.timestamp().as_second())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(headers: &[(&'static str, &'static str)]) -> Option<u64> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.insert(*name, value.parse().unwrap());
        }
        retry_after(&map, Timestamp::parse("1994-11-06T08:49:00Z").unwrap()).map(|after| after.as_secs())
    }

    #[test]
    fn when_to_come_again() {
        assert_eq!(after(&[]), None);
        assert_eq!(after(&[("retry-after", "120")]), Some(120));
        assert_eq!(after(&[("retry-after", "Sun, 06 Nov 1994 08:49:37 GMT")]), Some(37));
        let by_their_clock =
            [("retry-after", "Sun, 06 Nov 1994 09:49:37 GMT"), ("date", "Sun, 06 Nov 1994 09:49:30 GMT")];
        assert_eq!(after(&by_their_clock), Some(7));
        assert_eq!(after(&[("retry-after", "Sun, 06 Nov 1994 08:00:00 GMT")]), Some(0), "it has passed");
        assert_eq!(after(&[("retry-after", "soon")]), None);
        assert_eq!(after(&[("retry-after", "-5")]), None);
        assert_eq!(after(&[("x-ratelimit-reset", "30")]), Some(30));
    }
}
