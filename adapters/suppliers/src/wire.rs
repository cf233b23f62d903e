//! The one HTTP client of all adapters.
//!
//! What holds here:
//! - A call goes to the host of the configured URL and to no other: no redirects, no proxy from the
//!   environment, https unless that host is this machine.
//! - A call is written to the network at most once. Two layers below repeat requests by themselves, and what
//!   they repeat was read in their source. reqwest repeats what an HTTP/2 peer declares unprocessed: switched
//!   off (`retry::never`), and only HTTP/1.1 is spoken. hyper-util takes another connection when a pooled one
//!   turns out closed, but only where it gets the request back *unwritten* (the request had not left the
//!   channel to the connection's task); a request of which a byte may have been written is not repeated.
//! - [`Failure::NotSent`] is said for DNS, connecting and TLS alone, for a call that can't be built, and for one whose
//!   time was over before it began; it says which of the two sides that is the doing of. Once a connection was there everything is [`Failure::Unknown`]: a write error, a
//!   reset, a cut or too large body, and the time limit.
//! - Every call has a time limit, connecting one within it, an answer a size limit.
//! - A purchase that may be sent until some moment is not begun after it, and one with a body is not written after it
//!   either, whatever came between: a connection that took long, a process that was stopped.
//!
//! A [`Carrier`] in HTTP's place serves fuzz targets and tests: adapters then meet answers that no server gave.
//!
//! Idle connections are kept for a few seconds only, less than servers keep theirs: a purchase that meets a
//! connection which the server is just closing would be unknown for nothing.

mod call;
mod carrier;
mod escape;
mod failure;
mod punctual;
mod reply;
mod tls;
mod words;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use reqwest::{Client, Url, redirect, retry};

pub(crate) use call::Call;
pub use carrier::{Answered, Asked, Carrier};
pub(crate) use escape::{form, query_pairs, segment};
pub use failure::Failure;
use punctual::punctual;
pub(crate) use reply::Reply;
pub(crate) use reqwest::Method;
pub(crate) use words::line;

/// Answers of every protocol are far smaller.
const MOST_BYTES: usize = 1024 * 1024;
/// Less than what common servers keep idle connections for (5 s at the least).
const IDLE: Duration = Duration::from_secs(4);
const MOST_CONNECT: Duration = Duration::from_secs(5);

/// Calls to one host.
#[derive(Debug, Clone)]
pub(crate) struct Wire {
    way: Way,
    base: Url,
}

#[derive(Debug, Clone)]
enum Way {
    Http(Client),
    Carried(Arc<dyn Carrier>),
}

/// Why a URL can't be a supplier's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum UrlError {
    #[error("found {0:?}, which is no URL; allowed is https://host[:port][/path]")]
    NoUrl(String),
    #[error("found http; allowed is https, and http only for this machine (localhost, 127.0.0.1, [::1])")]
    Clear,
    #[error("found {0}; allowed is https://host[:port][/path] without user, query and fragment")]
    Parts(&'static str),
    #[error("TLS can't be set up: {0}; install the system's CA certificates (package ca-certificates)")]
    Tls(String),
}

impl Wire {
    /// `url`: `https://host[:port][/path]`; the paths of calls follow it. `timeout` bounds a whole call.
    ///
    /// # Errors
    /// [`UrlError`].
    pub(crate) fn new(url: &str, timeout: Duration) -> Result<Self, UrlError> {
        let base = base(url)?;
        let way = Way::Http(client(&base, timeout)?);
        Ok(Self { way, base })
    }

    /// The same, with `carrier` in HTTP's place.
    ///
    /// # Errors
    /// [`UrlError`].
    pub(crate) fn carried(url: &str, carrier: Arc<dyn Carrier>) -> Result<Self, UrlError> {
        Ok(Self { way: Way::Carried(carrier), base: base(url)? })
    }

    /// The path as it is sent, without the query: what some protocols sign.
    ///
    /// # Errors
    /// [`Failure::NotSent`]: the path would leave the place that it names.
    pub(crate) fn path(&self, path: &str) -> Result<String, Failure> {
        self.url(path, &[]).map(|url| url.path().to_owned())
    }

    /// Sends a call, once, and reads the whole answer. Every HTTP status is an answer.
    ///
    /// # Errors
    /// [`Failure`] says whether something may have been sent.
    pub(crate) async fn send(&self, call: Call) -> Result<Reply, Failure> {
        let url = self.url(&call.path, &call.query)?;
        if call.send_by.is_some_and(|time| Instant::now() > time) {
            return Err(Failure::withheld("the time in which it could be sent is over"));
        }
        let client = match &self.way {
            Way::Http(client) => client,
            Way::Carried(carrier) => return carrier::carry(carrier.as_ref(), &call, &url, MOST_BYTES),
        };
        let mut request = client.request(call.method, url);
        for (name, value) in &call.headers {
            request = request.header(name.as_str(), value.as_str());
        }
        if let Some((content_type, body)) = call.body {
            request = request.header("content-type", content_type).body(punctual(body, call.send_by));
        }
        let answer = request.send().await.map_err(|error| Failure::of(&error.without_url()))?;
        Reply::read(answer, MOST_BYTES).await
    }

    fn url(&self, path: &str, query: &[(String, String)]) -> Result<Url, Failure> {
        let mut url = self.base.clone();
        let starts_right = path.starts_with('/');
        let path = format!("{}{path}", self.base.path().trim_end_matches('/'));
        url.set_path(&path);
        // A parser of URLs resolves dots and drops control characters; a path that is not what it says is not
        // asked for. Characters that are only escaped on the way are fine.
        let dots =
            path.split('/').any(|part| matches!(part.to_ascii_lowercase().replace("%2e", ".").as_str(), "." | ".."));
        if dots || path.contains(['?', '#', '\\']) || path.chars().any(char::is_control) || !starts_right {
            return Err(Failure::withheld("the path would leave the place that it names"));
        }
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        Ok(url)
    }
}

fn base(url: &str) -> Result<Url, UrlError> {
    let base = Url::parse(url).map_err(|_| UrlError::NoUrl(without_user(url)))?;
    let local = is_this_machine(&base);
    match base.scheme() {
        "https" => {}
        "http" if local => {}
        "http" => return Err(UrlError::Clear),
        _ => return Err(UrlError::NoUrl(without_user(url))),
    }
    if !base.username().is_empty() || base.password().is_some() {
        return Err(UrlError::Parts("a user"));
    }
    if base.query().is_some() || base.fragment().is_some() {
        return Err(UrlError::Parts("a query or fragment"));
    }
    Ok(base)
}

fn client(base: &Url, timeout: Duration) -> Result<Client, UrlError> {
    let builder = Client::builder()
        .no_proxy()
        .redirect(redirect::Policy::none())
        .retry(retry::never())
        .http1_only()
        .referer(false)
        .user_agent(concat!("fulfil/", env!("CARGO_PKG_VERSION")))
        .timeout(timeout)
        .connect_timeout(MOST_CONNECT.min(timeout / 2))
        .pool_idle_timeout(IDLE)
        .tcp_nodelay(true);
    tls::with_ring(builder, base)
        .and_then(|builder| builder.build().map_err(|error| failure::chain(&error)))
        .map_err(UrlError::Tls)
}

fn is_this_machine(url: &Url) -> bool {
    let host = url.host_str().unwrap_or("").trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// A text that is no URL may still hold a password.
fn without_user(url: &str) -> String {
    url.rsplit_once('@').map_or_else(|| url.to_owned(), |(_, host)| format!("…@{host}"))
}

#[cfg(test)]
mod tests;
