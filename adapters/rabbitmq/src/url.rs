//! Where the broker is. The password goes to the broker and nowhere else.

use std::{fmt, net::Ipv6Addr};

use lapin::uri::{AMQPScheme, AMQPUri};

use crate::errors::UrlError;

/// Seconds between two signs of life; a broker that is silent for twice as long is gone.
const HEARTBEAT: u16 = 10;

/// A broker's URL, `amqp://USER:PASSWORD@HOST:PORT/VHOST`. Written out, it shows no password.
#[derive(Clone, PartialEq, Eq)]
pub struct BrokerUrl(AMQPUri);

impl BrokerUrl {
    /// `amqp://localhost` is enough: user and password are then `guest`, the port 5672, the virtual
    /// host `/`. Of the query, `heartbeat` (seconds), `frame_max` and `channel_max` are heeded.
    ///
    /// # Errors
    /// [`UrlError`] says what is wrong; it never repeats the text.
    pub fn parse(text: &str) -> Result<Self, UrlError> {
        let text = text.trim();
        let Some((scheme, rest)) = text.split_once("://") else {
            return Err(UrlError::Malformed("it has no ://".into()));
        };
        match scheme.to_ascii_lowercase().as_str() {
            "amqp" => {}
            "amqps" => return Err(UrlError::Tls),
            _ if scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'+') => {
                return Err(UrlError::Scheme(scheme.to_owned()));
            }
            _ => return Err(UrlError::Malformed("what stands before :// is no scheme".into())),
        }
        let mut uri: AMQPUri = text.parse().map_err(UrlError::Malformed)?;
        if uri.vhost.is_empty() {
            return Err(UrlError::EmptyVhost);
        }
        // The parser gives `localhost` for an address in brackets.
        if let Some(address) = bracketed(rest) {
            let address: Ipv6Addr = address
                .parse()
                .map_err(|_| UrlError::Malformed("the address in brackets is no IPv6 address".into()))?;
            uri.authority.host = address.to_string();
        }
        uri.scheme = AMQPScheme::AMQP;
        uri.query.heartbeat = Some(uri.query.heartbeat.filter(|&seconds| seconds > 0).unwrap_or(HEARTBEAT));
        Ok(Self(uri))
    }

    #[must_use]
    pub fn vhost(&self) -> &str {
        &self.0.vhost
    }

    pub(crate) fn uri(&self) -> &AMQPUri {
        &self.0
    }
}

fn bracketed(rest: &str) -> Option<&str> {
    let authority = rest.split(['/', '?', '#']).next()?;
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    host.strip_prefix('[')?.split(']').next()
}

/// `amqp://user@host:port/vhost`.
impl fmt::Display for BrokerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let AMQPUri { authority, vhost, .. } = &self.0;
        let (open, close) = if authority.host.contains(':') { ("[", "]") } else { ("", "") };
        let vhost = vhost.replace('/', "%2f");
        write!(f, "amqp://{}@{open}{}{close}:{}/{vhost}", authority.userinfo.username, authority.host, authority.port)
    }
}

impl fmt::Debug for BrokerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn little_is_enough() {
        assert_eq!(BrokerUrl::parse("amqp://localhost").unwrap().to_string(), "amqp://guest@localhost:5672/%2f");
        let url = BrokerUrl::parse("amqp://me:secret@broker.example:5673/shop?heartbeat=30").unwrap();
        assert_eq!(url.to_string(), "amqp://me@broker.example:5673/shop");
        assert_eq!((url.vhost(), url.uri().query.heartbeat), ("shop", Some(30)));
        assert_eq!(BrokerUrl::parse("amqp://h/%2f?heartbeat=0").unwrap().uri().query.heartbeat, Some(HEARTBEAT));
    }

    #[test]
    fn an_address_in_brackets_is_no_localhost() {
        let url = BrokerUrl::parse("amqp://me:se[cret@[2001:db8::1]:5672/%2f").unwrap();
        assert_eq!(url.uri().authority.host, "2001:db8::1");
        assert_eq!(url.to_string(), "amqp://me@[2001:db8::1]:5672/%2f");
    }

    #[test]
    fn the_password_is_never_repeated() {
        for text in [
            "amqp://me:secret@h:x/",
            "amqp:me:secret",
            "redis://me:secret@h",
            "amqps://me:secret@h",
            "amqp://me:secret@h/",
            "me:secret@://h",
            "amqp://me:secret@[::1",
            "amqp://me:secret@h/?heartbeat=secret",
        ] {
            let error = BrokerUrl::parse(text).expect_err(text);
            assert!(!format!("{error} {error:?}").contains("secret"), "{error}");
        }
        let url = BrokerUrl::parse("amqp://me:secret@h/v").unwrap();
        assert!(!format!("{url} {url:?}").contains("secret"));
    }

    #[test]
    fn what_is_wrong_is_said() {
        assert_eq!(BrokerUrl::parse("amqps://h"), Err(UrlError::Tls));
        assert_eq!(BrokerUrl::parse("http://h"), Err(UrlError::Scheme("http".into())));
        assert_eq!(BrokerUrl::parse("amqp://h/"), Err(UrlError::EmptyVhost));
        assert!(matches!(BrokerUrl::parse("h:5672"), Err(UrlError::Malformed(_))));
        assert!(matches!(BrokerUrl::parse("amqp://h:port"), Err(UrlError::Malformed(_))));
    }
}
