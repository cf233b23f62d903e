//! URLs of suppliers.
//!
//! What holds: a [`SupplierUrl`] is `https`, or `http` to this machine alone; it has a host and no user, query
//! or fragment; it is written in characters that every parser of URLs reads in the same way. A refusal of one
//! shows no password.

use std::{fmt, net::IpAddr};

use super::kind::quote;

/// `https://host[:port][/path]`, without a slash at its end.
#[derive(Clone, PartialEq, Eq)]
pub struct SupplierUrl(String);

pub(super) struct SupplierUrlProblem {
    pub(super) found: String,
    pub(super) advice: Option<String>,
}

impl SupplierUrl {
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub(super) fn parse(text: &str) -> Result<Self, SupplierUrlProblem> {
        match advice_on(text) {
            Ok(()) => Ok(Self(text.trim_end_matches('/').into())),
            Err(advice) => Err(SupplierUrlProblem { found: quote(&shown(text)), advice: advice.map(str::to_owned) }),
        }
    }
}

impl fmt::Display for SupplierUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for SupplierUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SupplierUrl({self})")
    }
}

/// `Err(None)`: an example of the right form says all there is to say.
fn advice_on(text: &str) -> Result<(), Option<&'static str>> {
    let Some((scheme @ ("https" | "http"), rest)) = text.split_once("://") else {
        return Err(None);
    };
    if rest.contains('@') {
        return Err(Some("credentials belong into keys of their own, which are not shown; write the URL without them"));
    }
    if rest.contains(['?', '#']) {
        return Err(Some("write it without query and fragment: each call's path follows it"));
    }
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let Some(host) = host_of(authority) else {
        return Err(Some("after https:// it needs a host, and a port from 1 to 65535 if any: host:port"));
    };
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/-._~%!$&'()*+,;=:".contains(&byte);
    if !path.bytes().all(plain) || path.split('/').any(|part| matches!(part, "." | "..")) {
        return Err(Some("its path may hold letters, digits and / - . _ ~ %, and no part . or .."));
    }
    match scheme == "https" || is_this_machine(host) {
        true => Ok(()),
        false => Err(Some("keys and credentials would travel in clear; write https")),
    }
}

/// The host of `name`, `name:port`, `[v6]`, `[v6]:port`.
fn host_of(authority: &str) -> Option<&str> {
    let (host, port) = match authority.strip_prefix('[') {
        Some(inner) => {
            let (host, port) = inner.split_once(']')?;
            host.parse::<std::net::Ipv6Addr>().ok()?;
            (host, if port.is_empty() { None } else { Some(port.strip_prefix(':')?) })
        }
        None => authority.split_once(':').map_or((authority, None), |(host, port)| (host, Some(port))),
    };
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b':');
    let is_port =
        |port: &str| port.bytes().all(|byte| byte.is_ascii_digit()) && port.parse::<u16>().is_ok_and(|n| n > 0);
    (!host.is_empty() && host.bytes().all(plain) && port.is_none_or(is_port)).then_some(host)
}

fn is_this_machine(host: &str) -> bool {
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// Without what may be a user and a password, and without a query, which may hold a token.
fn shown(text: &str) -> String {
    let (scheme, rest) = text.split_once("://").map_or(("", text), |(scheme, rest)| (scheme, rest));
    let scheme = if scheme.is_empty() { String::new() } else { format!("{scheme}://") };
    let (user, rest) = rest.rsplit_once('@').map_or(("", rest), |(_, rest)| ("***@", rest));
    let end = rest.find(['?', '#']).unwrap_or(rest.len());
    let (rest, query) = (&rest[..end], if end < rest.len() { "?***" } else { "" });
    format!("{scheme}{user}{rest}{query}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn good_urls_are_taken() {
        for (text, kept) in [
            ("https://api.example.com", "https://api.example.com"),
            ("https://api.example.com:8443/esa/api/", "https://api.example.com:8443/esa/api"),
            ("https://[2001:db8::1]/x", "https://[2001:db8::1]/x"),
            ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
            ("http://127.8.0.1", "http://127.8.0.1"),
            ("http://[::1]:8080/a%20b", "http://[::1]:8080/a%20b"),
            ("http://localhost:1/", "http://localhost:1"),
        ] {
            let url = SupplierUrl::parse(text).unwrap_or_else(|problem| panic!("{text}: {:?}", problem.advice));
            assert_eq!(url.as_str(), kept);
            assert_eq!(format!("{url:?}"), format!("SupplierUrl({kept})"));
        }
    }

    #[test]
    fn others_are_refused_without_a_password() {
        for text in [
            "",
            "api.example.com",
            "ftp://h",
            "HTTPS://h",
            "https://",
            "https:///path",
            "https://:443",
            "https://h:0",
            "https://h:+1",
            "https://h:70000",
            "https://h:",
            "https://[::1",
            "https://[h]",
            "https://[::1]443",
            "https://a b",
            "https://a\\b",
            "https://h/a\\b",
            "https://h/a b",
            "https://h/../x",
            "https://h/x?token=SECRET",
            "https://h/x#SECRET",
            "https://u:SECRET@h/x",
            "u:SECRET@h",
            "http://api.example.com",
            "http://127.0.0.1.example.com",
            "http://localhost.example.com",
            "http://0.0.0.0",
            "http://u:SECRET@127.0.0.1",
        ] {
            let problem = SupplierUrl::parse(text).err().unwrap_or_else(|| panic!("taken: {text}"));
            assert!(!problem.found.contains("SECRET"), "{text}: {}", problem.found);
        }
    }
}
