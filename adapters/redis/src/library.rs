//! Our functions on the server: their text, their names, how they get there.

use fulfil_contract::ports::stock::StockError;
use redis::{Cmd, Value, pipe};

use crate::{answers, keys::BucketKeys, link::Link};

const TEXT: &str = include_str!("fulfil.lua");
/// Stands in [`TEXT`] too.
pub(crate) const VERSION: i64 = 1;
/// How often an install looks again after somebody else has loaded the library meanwhile.
const TRIES: u32 = 3;

/// A function of this version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Function {
    Claim,
    Settle,
    Reset,
    Load,
    State,
    Beat,
}

impl Function {
    fn name(self) -> &'static str {
        match self {
            Self::Claim => "fulfil_v1_claim",
            Self::Settle => "fulfil_v1_settle",
            Self::Reset => "fulfil_v1_reset",
            Self::Load => "fulfil_v1_load",
            Self::State => "fulfil_v1_state",
            Self::Beat => "fulfil_v1_beat",
        }
    }

    /// A call on a bucket, its arguments still to come.
    pub(crate) fn on_bucket(self, keys: &BucketKeys) -> Cmd {
        let mut call = redis::cmd("FCALL");
        call.arg(self.name()).arg(3).arg(&keys.bucket).arg(&keys.stock).arg(&keys.claims);
        call
    }

    /// A call on one key, its arguments still to come.
    pub(crate) fn on_key(self, key: &str) -> Cmd {
        let mut call = redis::cmd("FCALL");
        call.arg(self.name()).arg(1).arg(key);
        call
    }
}

/// Loads the library where there is none or an older one.
pub(crate) async fn install(link: &Link) -> Result<(), StockError> {
    let mut last = StockError::FunctionsMissing;
    for _ in 0..TRIES {
        let mut load = redis::cmd("FUNCTION");
        load.arg("LOAD");
        match installed(link).await? {
            Some(version) if version >= VERSION => return Ok(()),
            Some(_) => load.arg("REPLACE"),
            // Without REPLACE: somebody may load a newer one before this arrives.
            None => &mut load,
        };
        load.arg(TEXT);
        match link.call(pipe().add_command(load)).await {
            Ok(_) => return Ok(()),
            Err(StockError::Refused(why)) if why.contains("already exists") => last = StockError::Refused(why),
            Err(error) => return Err(error),
        }
    }
    Err(last)
}

/// The version of the library that is there; `None`: there is none.
pub(crate) async fn installed(link: &Link) -> Result<Option<i64>, StockError> {
    let mut version = redis::cmd("FCALL_RO");
    version.arg("fulfil_version").arg(0);
    match link.call(pipe().add_command(version)).await {
        Ok(answers) => match answers.as_slice() {
            [Value::Int(version)] => Ok(Some(*version)),
            other => Err(answers::unexpected("fulfil_version", other)),
        },
        Err(StockError::FunctionsMissing) => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_has_our_version() {
        assert!(TEXT.contains(&format!("local VERSION = '{VERSION}'\n")));
    }

    #[test]
    fn names_carry_the_version_and_stand_in_the_text() {
        let all = [Function::Claim, Function::Settle, Function::Reset, Function::Load, Function::State, Function::Beat];
        for function in all {
            let name = function.name().strip_prefix(&format!("fulfil_v{VERSION}_")).unwrap();
            assert!(TEXT.contains(&format!("register('{name}', {name}, ")), "{name}");
        }
    }
}
