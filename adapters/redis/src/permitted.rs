//! Whether our user may give the commands that workers give, tried without effect.
//!
//! What holds: what would write is only queued in a transaction that is discarded, after it is certain that
//! discarding is permitted; the rights are checked as a command is queued.

use fulfil_contract::ports::stock::StockError;
use redis::{Cmd, pipe};

use crate::{keys::PREFIX, link::Link};

/// On a key that is not there, in the slot of no bucket.
fn tried() -> Vec<(&'static str, Cmd)> {
    let key = format!("{PREFIX}:{{doctor}}:nothing");
    let on = |name: &str, arguments: &[&str]| {
        let mut command = redis::cmd(name);
        command.arg(&key).arg(arguments);
        command
    };
    vec![
        ("HGET", on("HGET", &["epoch"])),
        ("HMGET", on("HMGET", &["epoch", "loaded_to"])),
        ("HGETALL", on("HGETALL", &[])),
        ("HSET", on("HSET", &["epoch", "0"])),
        ("HDEL", on("HDEL", &["epoch"])),
        ("LPOP", on("LPOP", &["1"])),
        ("LPUSH", on("LPUSH", &["0"])),
        ("RPUSH", on("RPUSH", &["0"])),
        ("LLEN", on("LLEN", &[])),
        ("LRANGE", on("LRANGE", &["0", "0"])),
        ("UNLINK", on("UNLINK", &[])),
        ("SET", on("SET", &["1", "PX", "1"])),
        ("EXISTS", on("EXISTS", &[])),
        ("INFO", redis::cmd("INFO").arg("server").to_owned()),
        ("FUNCTION LOAD", redis::cmd("FUNCTION").arg("LOAD").arg("").to_owned()),
        ("FCALL", redis::cmd("FCALL").arg("fulfil_nothing").arg(1).arg(&key).to_owned()),
        ("FCALL_RO", redis::cmd("FCALL_RO").arg("fulfil_nothing").arg(0).to_owned()),
    ]
}

/// The commands that the server refuses to this user.
///
/// # Errors
/// [`StockError`] when it can't be tried without effect, or the server does not answer.
pub(crate) async fn refused(link: &Link) -> Result<Vec<&'static str>, StockError> {
    link.call(pipe().cmd("MULTI").cmd("DISCARD")).await?;
    let mut refused = Vec::new();
    for (name, command) in tried() {
        let mut queued = pipe();
        queued.cmd("MULTI").add_command(command).cmd("DISCARD");
        match link.call(&queued).await {
            Ok(_) => {}
            Err(StockError::Refused(why)) if why.starts_with("NOPERM") => refused.push(name),
            Err(StockError::Refused(_) | StockError::FunctionsMissing | StockError::OutOfMemory) => {}
            Err(error @ StockError::Unavailable(_)) => return Err(error),
        }
    }
    Ok(refused)
}
