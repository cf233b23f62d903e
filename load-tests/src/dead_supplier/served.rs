//! Which supplier served a line, and whether it had to wait for the dead one's word first, by the ledger's attempts.

use std::collections::HashMap;

use anyhow::{Context, Result};
use private_servers::Postgres;

/// The ledger's number of a delivered attempt, and of one that was never sent.
const DELIVERED: i64 = 4;
const NOT_SENT: i64 = 6;

#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Served {
    /// Who delivered.
    pub(super) by: Option<String>,
    /// A purchase reached the dead supplier, or may have: another is not asked before its final no (I6).
    pub(super) waited_for_dead: bool,
    /// Attempts at the dead supplier, those that were never sent too.
    pub(super) tries_at_dead: u64,
}

/// By order id.
pub(super) fn read(postgres: &Postgres, dead: &str) -> Result<HashMap<String, Served>> {
    let rows = postgres.execute(
        "select p.order_id, a.supplier, a.state from fulfil.attempt a join fulfil.procurement p using (procurement_id)",
    )?;
    let mut served: HashMap<String, Served> = HashMap::new();
    for row in rows.lines() {
        let (order_id, supplier, state) = attempt(row).with_context(|| format!("an attempt's row: {row}"))?;
        served.entry(order_id.to_owned()).or_default().add(supplier, state, dead);
    }
    Ok(served)
}

fn attempt(row: &str) -> Option<(&str, &str, i64)> {
    let mut columns = row.split('|');
    Some((columns.next()?, columns.next()?, columns.next()?.parse().ok()?))
}

impl Served {
    fn add(&mut self, supplier: &str, state: i64, dead: &str) {
        if state == DELIVERED {
            self.by = Some(supplier.to_owned());
        }
        if supplier == dead {
            self.tries_at_dead += 1;
            self.waited_for_dead |= state != NOT_SENT;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_never_sent_keeps_nobody_waiting() {
        let mut served = Served::default();
        served.add("dead", NOT_SENT, "dead");
        served.add("other", DELIVERED, "dead");
        let expected = Served { by: Some("other".into()), waited_for_dead: false, tries_at_dead: 1 };
        assert_eq!(served, expected);
        served.add("dead", 5, "dead");
        assert!(served.waited_for_dead);
    }
}
