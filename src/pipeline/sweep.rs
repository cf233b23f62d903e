//! The sweep: results that are owed (announcement rows) are announced until confirmed, then their rows are
//! deleted by their key. Any worker sweeps; a result announced twice is the same message twice (I9).

use std::{sync::Arc, time::Duration};

use fulfil_contract::ports::{
    announcer::{Announcer, Verdict},
    ledger::{Ledger, LedgerError},
};

use tokio::sync::Notify;

use super::announce::{Mode, messages_of};
use crate::{
    crash::{self, Point},
    ops::{drain::Draining, metrics},
};

const PAUSE: Duration = Duration::from_secs(1);
const MOST: u32 = 500;

/// Sweeps until draining begins, at once when the bell is rung: whoever has just made a result announces it before
/// the others come to look.
pub async fn sweep(
    ledger: Arc<dyn Ledger>,
    announcer: Arc<dyn Announcer>,
    mode: Mode,
    bell: Arc<Notify>,
    mut draining: Draining,
) {
    loop {
        let more = match sweep_once(&*ledger, &*announcer, mode).await {
            Ok(swept) => swept,
            Err(error) => {
                tracing::warn!(error, "owed results could not be announced; trying again");
                false
            }
        };
        if more {
            continue;
        }
        // Workers that started together do not look together.
        let pause = draining.dice().about(PAUSE, 0.25);
        tokio::select! {
            biased;
            () = bell.notified() => {}
            whole = draining.pause(pause) => if !whole { return },
        }
    }
}

/// One round; says whether all that it read was confirmed and there may be more.
async fn sweep_once(ledger: &dyn Ledger, announcer: &dyn Announcer, mode: Mode) -> Result<bool, String> {
    let told = |error: LedgerError| error.to_string();
    let owed = ledger.owed(MOST).await.map_err(told)?;
    metrics::owed(owed.len());
    if owed.is_empty() {
        return Ok(false);
    }
    let (publications, rows): (Vec<_>, Vec<_>) = messages_of(&owed, mode).into_iter().unzip();
    let publish = crash::after(Point::Swept, &rows, announcer.publish(publications));
    let verdicts = publish.await.map_err(|error| error.to_string())?;
    let (mut paid, mut refused) = (Vec::new(), 0);
    for (rows, verdict) in rows.into_iter().zip(verdicts) {
        match verdict {
            Verdict::Confirmed => paid.extend(rows),
            Verdict::Refused(_) => refused += rows.len(),
        }
    }
    crash::after(Point::Paid, &paid, ledger.paid(&paid)).await.map_err(told)?;
    Ok(refused == 0 && owed.len() == MOST as usize)
}
