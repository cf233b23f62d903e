//! What the server's and the client's errors mean to the port.

use fulfil_contract::ports::stock::StockError;
use redis::{ErrorKind, RedisError, ServerError, ServerErrorKind};

/// What came instead of an answer.
pub(crate) fn of_client(error: &RedisError) -> StockError {
    match error.kind() {
        ErrorKind::Io | ErrorKind::Parse | ErrorKind::ClusterConnectionNotFound => {
            StockError::Unavailable(error.to_string())
        }
        ErrorKind::AuthenticationFailed => {
            StockError::Refused(format!("{error}: check user and password in stock.url"))
        }
        ErrorKind::Server(_) | ErrorKind::Extension => match ServerError::try_from(error.clone()) {
            Ok(error) => of_server(&error),
            Err(error) => StockError::Refused(error.to_string()),
        },
        _ => StockError::Refused(error.to_string()),
    }
}

/// What the server answered to one command.
pub(crate) fn of_server(error: &ServerError) -> StockError {
    let detail = error.details().unwrap_or_default();
    let text = || format!("{} {detail}", error.code());
    match error.kind() {
        // A restart, a fail-over or a slot on the move: over soon.
        Some(
            ServerErrorKind::BusyLoading
            | ServerErrorKind::ReadOnly
            | ServerErrorKind::MasterDown
            | ServerErrorKind::ClusterDown
            | ServerErrorKind::TryAgain,
        ) => StockError::Unavailable(text()),
        // "ERR Function not found".
        Some(ServerErrorKind::ResponseError) if detail.starts_with("Function not found") => {
            StockError::FunctionsMissing
        }
        Some(ServerErrorKind::ResponseError) if detail.starts_with("max number of clients reached") => {
            StockError::Unavailable(text())
        }
        Some(ServerErrorKind::ResponseError) if detail.starts_with("unknown command") => {
            StockError::Refused(format!("it lacks a command that we need ({detail}): use Redis 7.0 or newer"))
        }
        Some(_) => StockError::Refused(text()),
        None => match error.code() {
            "OOM" => StockError::OutOfMemory,
            // A script that runs for seconds blocks all others.
            "BUSY" => StockError::Unavailable(text()),
            _ => StockError::Refused(text()),
        },
    }
}

#[cfg(test)]
mod tests {
    use redis::{Value, parse_redis_value};

    use super::*;

    fn of(line: &str) -> StockError {
        match parse_redis_value(format!("-{line}\r\n").as_bytes()).unwrap() {
            Value::ServerError(error) => of_server(&error),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_passes_by_itself_is_unavailable() {
        for line in [
            "LOADING Redis is loading the dataset in memory",
            "READONLY You can't write against a read only replica.",
            "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.",
            "CLUSTERDOWN The cluster is down",
            "TRYAGAIN Multiple keys request during rehashing of slot",
            "BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.",
            "ERR max number of clients reached",
        ] {
            assert!(matches!(of(line), StockError::Unavailable(text) if text == line), "{line}");
        }
        let closed = RedisError::from(std::io::Error::from(std::io::ErrorKind::BrokenPipe));
        assert!(matches!(of_client(&closed), StockError::Unavailable(_)));
    }

    #[test]
    fn each_cause_has_its_own_error() {
        assert!(matches!(of("OOM command not allowed when used memory > 'maxmemory'."), StockError::OutOfMemory));
        assert!(matches!(of("ERR Function not found"), StockError::FunctionsMissing));
        for line in [
            "ERR syntax error",
            "WRONGTYPE Operation against a key holding the wrong kind of value",
            "NOAUTH Authentication required.",
            "NOPERM this user has no permissions to run the 'fcall' command",
            "MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to disk.",
            "CROSSSLOT Keys in request don't hash to the same slot",
        ] {
            assert!(matches!(of(line), StockError::Refused(text) if text == line), "{line}");
        }
        assert!(matches!(of("ERR unknown command 'FCALL'"), StockError::Refused(text) if text.contains("7.0")));
    }

    #[test]
    fn a_wrong_password_is_refused_with_advice() {
        let error = RedisError::from((ErrorKind::AuthenticationFailed, "Password authentication failed"));
        assert!(matches!(of_client(&error), StockError::Refused(text) if text.contains("stock.url")));
    }
}
