//! What may stand in HTTP's place: an adapter is then driven with answers that no server gave, without a socket.

use std::fmt;

use reqwest::{
    Url,
    header::{HeaderMap, HeaderName, HeaderValue},
};

use super::{call::Call, failure::Failure, reply::Reply};

/// Carries each call of an adapter, in the order in which they are made.
pub trait Carrier: fmt::Debug + Send + Sync {
    /// # Errors
    /// [`Failure`]: there is no answer, and whether something was sent.
    fn carry(&self, asked: Asked<'_>) -> Result<Answered, Failure>;
}

/// A request as it would go out. Its `Debug` shows neither query, headers nor body: keys and secrets stand in them.
#[derive(Clone, Copy)]
pub struct Asked<'a> {
    pub method: &'a str,
    /// With scheme, host and query.
    pub url: &'a str,
    pub headers: &'a [(String, String)],
    pub body: &'a [u8],
}

/// Every HTTP status is an answer.
#[derive(Clone, Default)]
pub struct Answered {
    pub status: u16,
    /// Those that no HTTP message can have are left out.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

pub(super) fn carry(carrier: &dyn Carrier, call: &Call, url: &Url, most: usize) -> Result<Reply, Failure> {
    let body = call.body.as_ref().map_or(&[][..], |(_, body)| body);
    let asked = Asked { method: call.method.as_str(), url: url.as_str(), headers: &call.headers, body };
    let Answered { status, headers, body } = carrier.carry(asked)?;
    let headers: HeaderMap = headers
        .iter()
        .filter_map(|(name, value)| {
            Some((HeaderName::try_from(name.as_str()).ok()?, HeaderValue::try_from(value.as_str()).ok()?))
        })
        .collect();
    Reply::of(status, &headers, body, most)
}

impl fmt::Debug for Asked<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method, self.url.split('?').next().unwrap_or(""))
    }
}

impl fmt::Debug for Answered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HTTP {} ({} bytes)", self.status, self.body.len())
    }
}
