//! URLs of servers, which hold passwords.
//!
//! What holds: a [`ServerUrl`] has the scheme of its server, a host, and nothing that a driver would read
//! in another way than it was meant; neither it nor a refusal of it ever shows a password.

use std::fmt;

use super::kind::{hidden, quote};

/// Which server a URL is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Server {
    RabbitMq,
    Redis,
    Postgres,
}

/// A URL, password included. `Display` and `Debug` leave the password out.
#[derive(Clone, PartialEq, Eq)]
pub struct ServerUrl(String);

pub(super) struct UrlProblem {
    pub(super) found: String,
    pub(super) advice: Option<String>,
}

impl ServerUrl {
    /// The whole URL: for the driver, not for a log.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    pub(super) fn parse(text: &str, server: Server) -> Result<Self, UrlProblem> {
        match advice_on(text, server) {
            Ok(()) => Ok(Self(text.into())),
            Err(advice) => Err(UrlProblem { found: quote_redacted(text), advice }),
        }
    }
}

impl fmt::Display for ServerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&redacted(&self.0).unwrap_or_else(|| hidden(&self.0)))
    }
}

impl fmt::Debug for ServerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ServerUrl({self})")
    }
}

impl Server {
    pub(super) fn allowed(self) -> &'static str {
        match self {
            Self::RabbitMq => "a URL that starts with amqp://",
            Self::Redis => "a URL that starts with redis://",
            Self::Postgres => "a URL that starts with postgres:// or postgresql://",
        }
    }

    pub(super) fn example(self) -> &'static str {
        match self {
            Self::RabbitMq => "amqp://user:password@host:5672/vhost",
            Self::Redis => "redis://user:password@host:6379/0",
            Self::Postgres => "postgres://user:password@host:5432/database",
        }
    }

    fn schemes(self) -> &'static [&'static str] {
        match self {
            Self::RabbitMq => &["amqp"],
            Self::Redis => &["redis"],
            Self::Postgres => &["postgres", "postgresql"],
        }
    }

    fn encrypted_scheme(self) -> Option<&'static str> {
        match self {
            Self::RabbitMq => Some("amqps"),
            Self::Redis => Some("rediss"),
            Self::Postgres => None,
        }
    }
}

/// `Err(None)`: an example of the right form says all there is to say.
fn advice_on(text: &str, server: Server) -> Result<(), Option<String>> {
    let say = |advice: &str| Err(Some(advice.to_owned()));
    let Some((scheme, rest)) = text.split_once("://") else {
        return Err(None);
    };
    if Some(scheme) == server.encrypted_scheme() || asks_for_tls(rest, server) {
        return say(
            "TLS to this server is not supported yet: connect within a private network, or through a TLS tunnel on this machine",
        );
    }
    if !server.schemes().contains(&scheme) {
        return Err(None);
    }
    if text.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return say("it holds a space or a control character: write a space as %20");
    }
    let (authority, after) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    let (user, hosts) = authority.rsplit_once('@').unwrap_or(("", authority));
    if user.contains('@') || after.contains('@') {
        return say(
            "the user or the password holds a reserved character: write @ as %40, / as %2F, ? as %3F, # as %23",
        );
    }
    // Postgres takes several hosts, and none when the query names a socket's folder.
    let socket = server == Server::Postgres && after.contains("host=");
    let several = server == Server::Postgres;
    if hosts.contains(',') && !several {
        return say("it names several hosts, and this server takes one");
    }
    match hosts.split(',').all(|host| is_host(host) || (host.is_empty() && socket)) {
        true => Ok(()),
        false => say("after the user it needs a host, and a port from 1 to 65535 if any: host:port"),
    }
}

fn asks_for_tls(rest: &str, server: Server) -> bool {
    let query = rest.split_once('?').map_or("", |(_, query)| query);
    server == Server::Postgres
        && query.split('&').any(|pair| matches!(pair, "sslmode=require" | "sslmode=verify-ca" | "sslmode=verify-full"))
}

/// `name`, `name:port`, `[v6]`, `[v6]:port`.
fn is_host(text: &str) -> bool {
    let (host, port) = match text.strip_prefix('[') {
        Some(inner) => match inner.split_once(']') {
            Some((host, "")) => (host, None),
            Some((host, port)) => (host, Some(port.strip_prefix(':').unwrap_or(""))),
            None => return false,
        },
        None => match text.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (text, None),
        },
    };
    !host.is_empty() && port.is_none_or(|port| port.parse::<u16>().is_ok_and(|port| port > 0))
}

fn quote_redacted(text: &str) -> String {
    match redacted(text) {
        Some(shown) => quote(&shown),
        None if text.contains('@') || text.to_lowercase().contains("pass") => hidden(text),
        None => quote(text),
    }
}

/// The URL without its password, also where it is written so badly that one can't tell where that ends;
/// `None` if it is no URL at all.
fn redacted(text: &str) -> Option<String> {
    let (scheme, rest) = text.split_once("://")?;
    let (user, rest) = match rest.rsplit_once('@') {
        None => (String::new(), rest),
        Some((user, _)) if user.contains(['/', '?', '#', '@']) => {
            return Some(format!("{scheme}://***"));
        }
        Some((user, rest)) => match user.split_once(':') {
            Some((name, _)) => (format!("{name}:***@"), rest),
            None => (format!("{user}@"), rest),
        },
    };
    let (path, query) = rest.split_once('?').map_or((rest, None), |(path, query)| (path, Some(query)));
    let query = query.map_or(String::new(), |query| {
        let pairs: Vec<String> = query.split('&').map(without_secret).collect();
        format!("?{}", pairs.join("&"))
    });
    Some(format!("{scheme}://{user}{path}{query}"))
}

fn without_secret(pair: &str) -> String {
    match pair.split_once('=') {
        Some((name, _)) if ["pass", "secret", "token", "key"].iter().any(|part| name.to_lowercase().contains(part)) => {
            format!("{name}=***")
        }
        Some(_) | None => pair.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn good_urls_are_taken_and_shown_without_password() {
        use Server::{Postgres, RabbitMq, Redis};
        for (server, text, shown) in [
            (RabbitMq, "amqp://guest:SECRET@mq:5672/%2f", "amqp://guest:***@mq:5672/%2f"),
            (RabbitMq, "amqp://localhost", "amqp://localhost"),
            (Redis, "redis://:SECRET@[::1]:6379/0", "redis://:***@[::1]:6379/0"),
            (Redis, "redis://cache/1?protocol=resp3", "redis://cache/1?protocol=resp3"),
            (Postgres, "postgres://u:SECRET@a:5432,b:5433/db", "postgres://u:***@a:5432,b:5433/db"),
            (Postgres, "postgresql:///db?host=/var/run/postgresql", "postgresql:///db?host=/var/run/postgresql"),
            (
                Postgres,
                "postgres://u@h/db?sslmode=prefer&password=SECRET",
                "postgres://u@h/db?sslmode=prefer&password=***",
            ),
        ] {
            let url = ServerUrl::parse(text, server).unwrap_or_else(|problem| panic!("{text}: {:?}", problem.advice));
            assert_eq!(url.expose(), text);
            assert_eq!(url.to_string(), shown);
            assert_eq!(format!("{url:?}"), format!("ServerUrl({shown})"));
        }
    }

    #[test]
    fn a_bad_url_is_refused_without_its_password() {
        use Server::{Postgres, RabbitMq, Redis};
        for (server, text) in [
            (RabbitMq, "amqps://u:SECRET@h"),
            (RabbitMq, "redis://u:SECRET@h"),
            (RabbitMq, "amqp:/u:SECRET@h"),
            (RabbitMq, "amqp://u:SECRET@"),
            (RabbitMq, "amqp://u:SECRET@h:0"),
            (RabbitMq, "amqp://u:SECRET@h:70000/x"),
            (RabbitMq, "amqp://u:SECRET@h1,h2/x"),
            (RabbitMq, "amqp://u:SEC/RET@h"),
            (Redis, "redis://u:SEC?RET@h"),
            (Redis, "redis://u:SEC#RET@h"),
            (Redis, "redis://u:SEC@RET@h"),
            (Redis, "redis://u:SEC RET@h"),
            (Redis, "redis://u:SECRET@/0"),
            (Redis, "redis://[::1/0"),
            (Redis, "rediss://:SECRET@h"),
            (Postgres, "host=h password=SECRET"),
            (Postgres, "Postgres://u:SECRET@h/db"),
            (Postgres, "postgres:///db"),
            (Postgres, "postgres://h/db?password=x@SECRET"),
            (Postgres, "postgres://u:SECRET@h/db?sslmode=require"),
        ] {
            let problem = ServerUrl::parse(text, server).err().unwrap_or_else(|| panic!("taken: {text}"));
            for part in ["SECRET", "SEC", "RET"] {
                assert!(!problem.found.contains(part), "{text}: {}", problem.found);
            }
        }
    }
}
