//! What a key may be set to, and how its value gets into the [`Config`].

use std::{net::SocketAddr, time::Duration};

use fulfil_contract::money;

use crate::sealing::{FingerprintSecret, Recipient};

use super::{Config, keys::Secrecy, log_level, server_url::ServerUrl, supplier_url::SupplierUrl};

pub(super) use super::server_url::Server;

/// What a key may be, with the function that puts the checked value into its field of `T`.
#[derive(Debug)]
pub(super) enum Kind<T: 'static = Config> {
    Url { server: Server, set: fn(&mut T, ServerUrl) },
    SupplierUrl { set: fn(&mut T, SupplierUrl) },
    Currency { set: fn(&mut T, money::Currency) },
    Count { from: u16, to: u16, set: fn(&mut T, u16) },
    Milliseconds { from: u32, to: u32, set: fn(&mut T, Duration) },
    Seconds { from: u32, to: u32, set: fn(&mut T, Duration) },
    Choice { of: &'static [Word<T>] },
    Recipient { set: fn(&mut T, Recipient) },
    FingerprintSecret { set: fn(&mut T, FingerprintSecret) },
    Listen { set: fn(&mut T, Option<SocketAddr>) },
    LogLevel { set: fn(&mut T, String) },
}

/// A word that may be chosen, and the function that chooses it.
pub(super) type Word<T> = (&'static str, fn(&mut T));

/// A value as it was given, before anybody knows whether it is right.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Raw {
    /// From the environment or the command line, which know no types.
    Untyped(String),
    /// A text of a TOML file.
    Text(String),
    /// A whole number of a TOML file, in decimal digits.
    Number(String),
    /// Something else of a TOML file: `a list`.
    Other(&'static str),
}

const MORE: &str = "docs/configuration.md says more";

/// How to come by a right value.
pub(super) enum Example {
    /// A value, as it would stand in the environment.
    Copy(&'static str),
    /// What makes one, where an example that is copied would do harm.
    Make(&'static str),
}

/// Why a value is refused.
pub(super) struct Wrong {
    /// Quoted, redacted, or described; ready to be shown.
    pub(super) found: String,
    /// Where there is more to say than an example of the right form.
    pub(super) advice: Option<String>,
}

impl<T> Kind<T> {
    /// Checks the value, sets the field, and returns the value as it may be shown.
    pub(super) fn apply(&self, raw: &Raw, config: &mut T) -> Result<String, Wrong> {
        let text = self.text_of(raw)?;
        let found = match raw {
            Raw::Number(number) => number.clone(),
            Raw::Untyped(_) | Raw::Text(_) | Raw::Other(_) => quote(text),
        };
        let as_found = Wrong { found, advice: None };
        match self {
            Self::Url { server, set } => {
                let url = ServerUrl::parse(text, *server)
                    .map_err(|problem| Wrong { found: problem.found, advice: problem.advice })?;
                let shown = url.to_string();
                set(config, url);
                return Ok(shown);
            }
            Self::SupplierUrl { set } => {
                let url = SupplierUrl::parse(text)
                    .map_err(|problem| Wrong { found: problem.found, advice: problem.advice })?;
                let shown = url.to_string();
                set(config, url);
                return Ok(shown);
            }
            Self::Currency { set } => set(config, money::Currency::parse(text).ok_or(as_found)?),
            Self::Count { from, to, set } => {
                let number = text.parse().ok().filter(|n| (from..=to).contains(&n));
                set(config, number.ok_or(as_found)?);
            }
            Self::Milliseconds { from, to, set } => {
                let number: Option<u32> = text.parse().ok().filter(|n| (from..=to).contains(&n));
                set(config, Duration::from_millis(number.ok_or(as_found)?.into()));
            }
            Self::Seconds { from, to, set } => {
                let number: Option<u32> = text.parse().ok().filter(|n| (from..=to).contains(&n));
                set(config, Duration::from_secs(number.ok_or(as_found)?.into()));
            }
            Self::Choice { of } => {
                let chosen = of.iter().find(|(word, _)| *word == text);
                chosen.ok_or(as_found)?.1(config);
            }
            Self::Recipient { set } => {
                let refused = |error: crate::sealing::RecipientError| Wrong {
                    found: hidden(text),
                    advice: Some(error.to_string()),
                };
                set(config, Recipient::parse(text).map_err(refused)?);
            }
            Self::FingerprintSecret { set } => {
                let refused = |_| Wrong { found: hidden(text), advice: None };
                set(config, FingerprintSecret::parse(text).map_err(refused)?);
                return Ok("(set, not shown)".into());
            }
            Self::Listen { set } => {
                let address = match text {
                    "off" => None,
                    address => Some(address.parse().map_err(|_| as_found)?),
                };
                set(config, address);
            }
            Self::LogLevel { set } => {
                if !log_level::is_filter(text) {
                    return Err(as_found);
                }
                set(config, text.into());
            }
        }
        Ok(text.into())
    }

    /// In words, for errors and for the docs.
    pub(super) fn allowed(&self) -> String {
        match self {
            Self::Url { server, .. } => server.allowed().into(),
            Self::SupplierUrl { .. } => {
                "https://host[:port][/path], or http:// only to this machine (localhost, 127.0.0.1, [::1])".into()
            }
            Self::Currency { .. } => "an ISO 4217 code, three letters A-Z".into(),
            Self::Count { from, to, .. } => format!("a whole number from {from} to {to}"),
            Self::Milliseconds { from, to, .. } => format!("milliseconds, from {from} to {to}"),
            Self::Seconds { from, to, .. } => format!("seconds, from {from} to {to}"),
            Self::Choice { of } => {
                let words: Vec<String> = of.iter().map(|(word, _)| quote(word)).collect();
                words.join(" or ")
            }
            Self::Recipient { .. } => "a public key, 32 bytes in base64".into(),
            Self::FingerprintSecret { .. } => {
                format!("a secret of at least {} bytes", FingerprintSecret::LEAST_BYTES)
            }
            Self::Listen { .. } => "an IP address with a port, or \"off\"".into(),
            Self::LogLevel { .. } => {
                "a level (off, error, warn, info, debug, trace), or several as target=level with commas between".into()
            }
        }
    }

    /// How to come by a right value.
    pub(super) fn example(&self, default: Option<&'static str>) -> Example {
        match self {
            Self::Url { server, .. } => Example::Copy(server.example()),
            Self::SupplierUrl { .. } => Example::Copy("https://api.example.com"),
            Self::Currency { .. } => Example::Copy("CNY"),
            Self::Choice { of } => match default.or(of.first().map(|(word, _)| *word)) {
                Some(word) => Example::Copy(word),
                None => Example::Make(MORE),
            },
            Self::FingerprintSecret { .. } => Example::Make("`openssl rand -base64 32` makes one"),
            Self::Recipient { .. } => Example::Make("`fulfil keygen` prints one"),
            Self::Count { .. } | Self::Milliseconds { .. } | Self::Seconds { .. } => {
                default.map_or(Example::Make("write a number without quotes, or leave it out"), Example::Copy)
            }
            Self::Listen { .. } | Self::LogLevel { .. } => default.map_or(Example::Make(MORE), Example::Copy),
        }
    }

    pub(super) fn secrecy(&self) -> Secrecy {
        match self {
            Self::Url { .. } => Secrecy::Password,
            Self::FingerprintSecret { .. } => Secrecy::Whole,
            Self::SupplierUrl { .. }
            | Self::Currency { .. }
            | Self::Count { .. }
            | Self::Milliseconds { .. }
            | Self::Seconds { .. }
            | Self::Choice { .. }
            | Self::Recipient { .. }
            | Self::Listen { .. }
            | Self::LogLevel { .. } => Secrecy::Open,
        }
    }

    /// Whether a TOML file writes it without quotes.
    pub(super) fn is_number(&self) -> bool {
        match self {
            Self::Count { .. } | Self::Milliseconds { .. } | Self::Seconds { .. } => true,
            Self::Url { .. }
            | Self::SupplierUrl { .. }
            | Self::Currency { .. }
            | Self::Choice { .. }
            | Self::Recipient { .. }
            | Self::FingerprintSecret { .. }
            | Self::Listen { .. }
            | Self::LogLevel { .. } => false,
        }
    }

    /// The text to parse, if the value has the right type. Of a wrong one, only what may be shown is told.
    fn text_of<'a>(&self, raw: &'a Raw) -> Result<&'a str, Wrong> {
        let open = self.secrecy() == Secrecy::Open;
        let found = match raw {
            Raw::Untyped(text) | Raw::Text(text) if text.is_empty() => "nothing (an empty text)".into(),
            Raw::Untyped(text) => return Ok(text),
            Raw::Text(text) if !self.is_number() => return Ok(text),
            Raw::Number(number) if self.is_number() => return Ok(number),
            Raw::Text(text) => format!("the text {}", quote(text)),
            Raw::Number(number) if open => format!("the number {number}, without quotes"),
            Raw::Number(_) => "a number, without quotes".into(),
            Raw::Other(what) => (*what).into(),
        };
        Err(Wrong { found, advice: None })
    }
}

/// `text` in quotes, cut where it gets long and at the end of its first line: a text whose quotes were never
/// closed holds the rest of the file, secrets too.
pub(super) fn quote(text: &str) -> String {
    const MOST: usize = 80;
    let first_line = text.lines().next().unwrap_or("");
    let start: String = first_line.chars().take(MOST).collect();
    if start == text {
        return format!("{text:?}");
    }
    format!("{start:?}… ({} bytes)", text.len())
}

/// What may be said of a secret.
pub(super) fn hidden(text: &str) -> String {
    format!("{} bytes (not shown)", text.len())
}
