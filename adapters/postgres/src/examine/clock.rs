//! How far this machine's clock is from Postgres's. Only that one decides: expiry and leases are judged by it.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use fulfil_contract::examination::{Check, Finding, Promise};

use super::{Asking, get};

const CLOCK: Check = Check { id: "postgres.clock", subject: "clock", promise: Promise::ExpiryIsRight };

/// Between two machines that both follow a time server it is some milliseconds.
const MOST: Duration = Duration::from_secs(1);
/// The quickest answer says it best.
const ROUNDS: u32 = 3;

pub(super) async fn look(asking: &Asking<'_>) -> Finding {
    let mut best: Option<(i64, i64)> = None;
    for _ in 0..ROUNDS {
        let sql = "select (extract(epoch from clock_timestamp()) * 1000000)::bigint";
        let before = micros();
        let answer = asking.row(sql, &[]).await;
        let after = micros();
        let there: i64 = match answer.as_ref().map(|row| get(row, 0)) {
            Ok(Some(there)) => there,
            Ok(None) => return CLOCK.not_asked("can't be seen: the server tells no time"),
            Err(why) => return CLOCK.not_asked(format!("can't be seen: {why}")),
        };
        let (way, apart) = (after - before, there - (before + after) / 2);
        if best.is_none_or(|(shortest, _)| way < shortest) {
            best = Some((way, apart));
        }
    }
    let (way, apart) = best.unwrap_or_default();
    judged(apart, way)
}

/// Both in microseconds: Postgres's clock less ours, and how long the answer took.
fn judged(apart: i64, way: i64) -> Finding {
    let seconds = format!(
        "{:.3} s {} this machine's",
        apart.unsigned_abs() as f64 / 1e6,
        if apart < 0 { "behind" } else { "ahead of" }
    );
    if apart.abs() - way / 2 <= i64::try_from(MOST.as_micros()).unwrap_or(i64::MAX) {
        return CLOCK.ok(seconds);
    }
    CLOCK
        .warning(format!(
            "{seconds}: expires_at is judged by Postgres's clock, so orders expire too {}; nothing else uses this machine's",
            if apart < 0 { "late by it, if this one is right" } else { "early by it, if this one is right" }
        ))
        .mended("shell", "timedatectl set-ntp true   # on both machines")
}

fn micros() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use fulfil_contract::examination::Grade;

    use super::*;

    #[test]
    fn a_second_is_much_and_a_slow_answer_proves_nothing() {
        assert_eq!(judged(900_000, 2_000).grade, Grade::Ok);
        assert_eq!(judged(-900_000, 2_000).grade, Grade::Ok);
        assert_eq!(judged(1_500_000, 2_000_000).grade, Grade::Ok);
        let ahead = judged(3_600_000_000, 2_000);
        assert_eq!(ahead.grade, Grade::Warning);
        assert!(ahead.found.starts_with("3600.000 s ahead of") && ahead.found.contains("too early"), "{}", ahead.found);
        let behind = judged(-2_000_000, 2_000);
        assert!(behind.found.starts_with("2.000 s behind") && behind.found.contains("too late"), "{}", behind.found);
    }
}
