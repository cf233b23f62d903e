//! What the judge says: counts, one line per check, and whether all of them hold.

use std::{collections::BTreeMap, fmt};

use serde::{Deserialize, Serialize};

use crate::results::Results;

/// Offenders that are named.
const MOST_EXAMPLES: usize = 5;

/// One thing that must hold.
#[derive(Debug, Clone, Serialize)]
pub struct Check {
    pub name: &'static str,
    #[serde(skip)]
    must_hold: &'static str,
    pub offenders: u64,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub examples: Vec<String>,
}

impl Check {
    #[must_use]
    pub fn new(name: &'static str, must_hold: &'static str) -> Self {
        Self { name, must_hold, offenders: 0, examples: Vec::new() }
    }

    /// With everything that offends it.
    #[must_use]
    pub fn all(mut self, offenders: impl IntoIterator<Item = String>) -> Self {
        for offender in offenders {
            self.offenders += 1;
            if self.examples.len() < MOST_EXAMPLES {
                self.examples.push(offender);
            }
        }
        self
    }
}

/// What `fulfil audit --format json` says; docs/architecture.md explains each count.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Audit {
    pub ok: bool,
    pub imported: u64,
    pub available: u64,
    pub sold: u64,
    pub quarantined: u64,
    pub orders: u64,
    pub lines_short: u64,
    pub keys_sold_twice: u64,
    pub stock_offered: Option<u64>,
    pub stock_not_available: Option<u64>,
    pub stock_missing: Option<u64>,
    pub claims_open: Option<u64>,
}

/// The judgement.
#[derive(Debug, Clone, Serialize)]
pub struct Verdict {
    pub clean: bool,
    pub messages_sent: u64,
    pub messages_read: u64,
    pub results: u64,
    /// Distinct message ids.
    pub message_ids: u64,
    /// Results that came again under the same message id.
    pub repeats: u64,
    /// Results that the broker gave to the judge twice, which is the judge's own doing.
    pub read_twice: u64,
    /// Orders by the status of their highest revision.
    pub statuses: BTreeMap<String, u64>,
    pub conflicts: u64,
    pub without_order_id: u64,
    pub keys_delivered: u64,
    /// Keys of the files that were imported; `None` where they are not known.
    pub keys_held: Option<u64>,
    /// Delivered keys that suppliers brought, and what suppliers sold, where that may be more.
    pub keys_brought: u64,
    pub keys_sold_by_suppliers: u64,
    /// Delivered keys that were opened with the private key of the run; `None`: there was none at hand.
    pub keys_opened: Option<u64>,
    pub checks: Vec<Check>,
    pub audit: Option<Audit>,
}

impl Verdict {
    pub(crate) fn new(messages_sent: u64, results: &Results) -> Self {
        let mut statuses = BTreeMap::new();
        let mut keys_delivered = 0;
        for result in results.orders.values().filter_map(|revisions| revisions.values().next_back()) {
            *statuses.entry(result.status.clone()).or_default() += 1;
            keys_delivered += result.lines.iter().map(|line| line.keys.len() as u64).sum::<u64>();
        }
        Self {
            clean: false,
            messages_sent,
            messages_read: results.messages,
            results: results.results,
            message_ids: results.seen.len() as u64,
            repeats: results.repeats(),
            read_twice: results.redelivered,
            statuses,
            conflicts: results.conflicts.values().map(|digits| digits.len() as u64).sum(),
            without_order_id: results.rejected.len() as u64,
            keys_delivered,
            keys_held: None,
            keys_brought: 0,
            keys_sold_by_suppliers: 0,
            keys_opened: None,
            checks: Vec::new(),
            audit: None,
        }
    }

    /// Hears the witness, and ends the judgement.
    #[must_use]
    pub fn with_audit(mut self, audit: Audit) -> Self {
        let mut wrong = Vec::new();
        if !audit.ok {
            wrong.push("the audit is not ok".to_owned());
        }
        if audit.sold != self.keys_delivered {
            wrong.push(format!("the ledger has {} keys sold, the results hold {}", audit.sold, self.keys_delivered));
        }
        if audit.imported != audit.available + audit.sold + audit.quarantined {
            wrong.push(format!(
                "imported {} ≠ available {} + sold {} + quarantined {}",
                audit.imported, audit.available, audit.sold, audit.quarantined
            ));
        }
        if let Some(held) = self.keys_held {
            let (least, most) = (held + self.keys_brought, held + self.keys_brought.max(self.keys_sold_by_suppliers));
            if !(least..=most).contains(&audit.imported) {
                wrong.push(format!("the ledger has {} keys imported, there were {least} to {most}", audit.imported));
            }
        }
        if audit.stock_missing != Some(0) {
            wrong.push(format!("stock_missing is {:?}", audit.stock_missing));
        }
        self.checks.push(
            Check::new(
                "audit",
                "the ledger's own audit agrees: imported, sold, conservation, nothing missing from stock",
            )
            .all(wrong),
        );
        self.audit = Some(audit);
        self.concluded()
    }

    /// Ends the judgement.
    #[must_use]
    pub fn concluded(mut self) -> Self {
        self.clean = self.checks.iter().all(|check| check.offenders == 0);
        self
    }

    /// The ledger has to have imported the keys of the files, and what suppliers brought for lines.
    pub(crate) fn expects_imported(&mut self, held: u64, brought: u64) {
        (self.keys_held, self.keys_brought) = (Some(held), brought);
    }

    /// What of it nobody was given is in stock.
    pub(crate) fn suppliers_sold(&mut self, keys: u64) {
        self.keys_sold_by_suppliers = keys;
    }

    /// Adds a check of the caller's.
    pub fn also(&mut self, check: Check) {
        self.checks.push(check);
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "messages sent     {:>10}", self.messages_sent)?;
        writeln!(
            f,
            "results read      {:>10}   in {} messages, {} message ids",
            self.results, self.messages_read, self.message_ids
        )?;
        writeln!(f, "  repeats         {:>10}   read twice by the judge {}", self.repeats, self.read_twice)?;
        for (status, count) in &self.statuses {
            writeln!(f, "  {status:<16}{count:>10}")?;
        }
        writeln!(f, "  conflict        {:>10}", self.conflicts)?;
        writeln!(f, "  no order id     {:>10}", self.without_order_id)?;
        write!(f, "keys delivered    {:>10}", self.keys_delivered)?;
        match self.keys_opened {
            Some(opened) => writeln!(f, "   {opened} opened")?,
            None => writeln!(f, "   not opened: no private key at hand")?,
        }
        for check in &self.checks {
            let sign = if check.offenders == 0 { "ok" } else { "FAIL" };
            writeln!(f, "{sign:<5} {:<24} {}", check.name, check.must_hold)?;
            if check.offenders > 0 {
                writeln!(f, "      {} offend, such as: {}", check.offenders, check.examples.join("; "))?;
            }
        }
        write!(f, "{}", if self.clean { "CLEAN" } else { "NOT CLEAN" })
    }
}
