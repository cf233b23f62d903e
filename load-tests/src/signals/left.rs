//! Visits to procurements that workers gave up, as their logs tell.

use std::path::PathBuf;

use anyhow::{Context, Result};
use serde::Deserialize;

use crate::sent::lines;

/// What the log says of each.
const LEFT: &str = "a procurement was left";
const LEASE_LOST: &str = "the lease is lost";
const DEFECT: &str = "which is a defect";

#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Left {
    /// Another worker had leased it meanwhile: the fence refused a write.
    pub(super) lease_lost: u64,
    /// The ledger took a change for impossible.
    pub(super) defects: u64,
}

#[derive(Deserialize)]
struct Line {
    #[serde(default)]
    message: String,
    #[serde(default)]
    error: String,
}

impl Left {
    pub(super) fn read(logs: &[PathBuf]) -> Result<Self> {
        let mut left = Self::default();
        for log in logs {
            for line in lines(log)? {
                left.add(&line.with_context(|| format!("cannot read {}", log.display()))?);
            }
        }
        Ok(left)
    }

    fn add(&mut self, line: &str) {
        // A worker that was killed may have left half a line.
        let Ok(Line { message, error }) = serde_json::from_str(line) else { return };
        if message.starts_with(LEFT) {
            self.lease_lost += u64::from(error.contains(LEASE_LOST));
            self.defects += u64::from(error.contains(DEFECT));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_left_is_told_apart() {
        let mut left = Left::default();
        let line = |error: &str| {
            format!(
                r#"{{"level":"WARN","message":"a procurement was left; it goes on when its lease lapses","error":"{error}"}}"#
            )
        };
        left.add(&line("the lease is lost; another worker goes on"));
        left.add(&line("the ledger refuses a change, which is a defect: no"));
        left.add(&line("the ledger: away"));
        left.add(r#"{"message":"buying","error":"the lease is lost"}"#);
        left.add("half a li");
        assert_eq!(left, Left { lease_lost: 1, defects: 1 });
    }
}
