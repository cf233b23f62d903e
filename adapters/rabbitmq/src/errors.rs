//! What goes wrong with a broker, in words that say what to do. Nothing here holds a password.

use std::time::Duration;

use fulfil_contract::ports::source::SourceError;
use lapin::ErrorKind;

/// Why a text is not the URL of a broker.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UrlError {
    #[error(
        "the broker's URL can't be read ({0}): write amqp://USER:PASSWORD@HOST:PORT/VHOST, with %2f for the virtual host /"
    )]
    Malformed(String),
    #[error("the broker's URL begins with {0}://, which is no AMQP: write amqp://USER:PASSWORD@HOST:PORT/VHOST")]
    Scheme(String),
    #[error(
        "amqps:// (AMQP over TLS) is not supported yet: write amqp://, and reach a distant broker through a tunnel (stunnel, WireGuard)"
    )]
    Tls,
    #[error(
        "the broker's URL ends in a slash, which names the virtual host with the empty name: leave the slash out, or write %2f for the virtual host /"
    )]
    EmptyVhost,
}

/// Why the broker doesn't have what we need.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TopologyError {
    /// Try again later.
    #[error("{0}")]
    Unavailable(String),
    /// User, password or virtual host are not as the broker has them.
    #[error("{0}")]
    Refused(String),
    #[error(
        "the broker doesn't know exchanges of type x-consistent-hash, which more than one lane needs; enable it: rabbitmq-plugins enable rabbitmq_consistent_hash_exchange (or configure one lane)"
    )]
    PluginMissing,
    #[error(
        "{what} in virtual host {vhost} exists already, with other properties ({said}): let it run empty, delete it (rabbitmqctl or the management page), then run `fulfil migrate` again"
    )]
    Differs { what: String, vhost: String, said: String },
    #[error("{what} does not exist in virtual host {vhost}: run `fulfil migrate`")]
    Missing { what: String, vhost: String },
    #[error(
        "the broker forbids to touch {what} in virtual host {vhost} ({said}): let the user configure, write and read there (rabbitmqctl set_permissions -p {vhost} USER '.*' '.*' '.*')"
    )]
    Forbidden { what: String, vhost: String, said: String },
    #[error("no lane is configured: give at least one")]
    NoLane,
}

impl From<TopologyError> for SourceError {
    fn from(error: TopologyError) -> Self {
        match error {
            TopologyError::Unavailable(said) => Self::Unavailable(said),
            TopologyError::Refused(_)
            | TopologyError::PluginMissing
            | TopologyError::Differs { .. }
            | TopologyError::Missing { .. }
            | TopologyError::Forbidden { .. }
            | TopologyError::NoLane => Self::Topology(error.to_string()),
        }
    }
}

const ACCESS_REFUSED: u16 = 403;
const NOT_FOUND: u16 = 404;
const PRECONDITION_FAILED: u16 = 406;
const COMMAND_INVALID: u16 = 503;
const NOT_ALLOWED: u16 = 530;

impl TopologyError {
    /// What a connection that could not be opened means.
    pub(crate) fn of_connecting(broker: &str, error: &lapin::Error) -> Self {
        let text = format!("{broker}: {}", said(error));
        match code(error) {
            Some(ACCESS_REFUSED) => Self::Refused(format!("{text}; check the user and the password")),
            Some(NOT_ALLOWED) => Self::Refused(format!("{text}; check the virtual host and the user's permissions")),
            _ => Self::Unavailable(text),
        }
    }

    /// What a refused declaration or binding of `what` means.
    pub(crate) fn of(what: &str, vhost: &str, error: &lapin::Error) -> Self {
        let (what, vhost, said) = (what.to_owned(), vhost.to_owned(), said(error));
        match code(error) {
            Some(COMMAND_INVALID | PRECONDITION_FAILED) if said.contains("exchange type") => Self::PluginMissing,
            Some(PRECONDITION_FAILED) => Self::Differs { what, vhost, said },
            Some(ACCESS_REFUSED) => Self::Forbidden { what, vhost, said },
            Some(NOT_FOUND) => Self::Missing { what, vhost },
            _ => Self::Unavailable(format!("{what} in virtual host {vhost}: {said}")),
        }
    }

    pub(crate) fn late(what: &str, limit: Duration) -> Self {
        Self::Unavailable(late(what, limit))
    }
}

/// The broker's own words where there are any.
pub(crate) fn said(error: &lapin::Error) -> String {
    match error.kind() {
        ErrorKind::ProtocolError(error) => error.get_message().to_string(),
        _ => error.to_string(),
    }
}

pub(crate) fn late(what: &str, limit: Duration) -> String {
    format!("{what}: no answer from the broker within {limit:?}")
}

fn code(error: &lapin::Error) -> Option<u16> {
    match error.kind() {
        ErrorKind::ProtocolError(error) => Some(error.get_id()),
        _ => None,
    }
}
