//! `fulfil audit`: does everything add up? Says so with its exit code.

use fulfil_contract::ports::books::Balance;
use serde::Serialize;

use super::{
    context::Context,
    failure::{Exit, Failure},
    failure_of,
    output::{Output, note},
    summary::grouped,
};
use crate::{
    compose::Stores,
    stock::audit::{Audit, Comparison, audit},
};

#[derive(Debug, clap::Args)]
pub struct Args {}

#[derive(Debug, Serialize)]
struct Report {
    ok: bool,
    imported: u64,
    available: u64,
    sold: u64,
    quarantined: u64,
    orders: u64,
    lines_short: u64,
    keys_sold_twice: u64,
    /// Null where the stock server can't be asked, as the three after it.
    stock_offered: Option<u64>,
    stock_not_available: Option<u64>,
    stock_missing: Option<u64>,
    claims_open: Option<u64>,
}

/// # Errors
/// [`Failure`]: 1 when something does not add up. What stock holds beside the ledger fails nothing.
pub async fn execute(_args: Args, context: &Context) -> Result<(), Failure> {
    let Stores { stock_ledger, books, loading, claims, .. } = context.to_read()?;
    let audit = audit(&*books, &*stock_ledger, &*loading, &*claims).await.map_err(failure_of::ledger)?;
    if let Err(error) = &audit.stock {
        note(format_args!("fulfil: stock is not compared with the ledger: {error}"));
    }
    let report = Report::of(&audit);
    let mut output = Output::stdout();
    if context.is_json() {
        output.json(&report)?;
    } else {
        report.tell(&mut output)?;
    }
    output.flush()?;
    if audit.is_ok() { Ok(()) } else { Err(Failure::new(Exit::NotSo, what_is_wrong(&audit.balance))) }
}

impl Report {
    fn of(audit: &Audit) -> Self {
        let Balance { imported, available, sold, quarantined, orders, lines_short, keys_sold_twice, .. } =
            audit.balance;
        let stock = audit.stock.as_ref().ok();
        let of_stock = |count: fn(&Comparison) -> u64| stock.map(count);
        Self {
            ok: audit.is_ok(),
            imported,
            available,
            sold,
            quarantined,
            orders,
            lines_short,
            keys_sold_twice,
            stock_offered: of_stock(|stock| stock.offered),
            stock_not_available: of_stock(|stock| stock.not_available),
            stock_missing: of_stock(|stock| stock.missing),
            claims_open: of_stock(|stock| stock.claims_open),
        }
    }

    fn tell(&self, output: &mut Output) -> Result<(), Failure> {
        let verdict = if self.ok { "ok: every key is accounted for" } else { "NOT OK" };
        output.line(output.strong(verdict))?;
        let known = |count| Some(count);
        let rows = [
            ("keys imported", known(self.imported), ""),
            ("  available", known(self.available), ""),
            ("  sold", known(self.sold), ""),
            ("  quarantined", known(self.quarantined), ""),
            ("orders recorded", known(self.orders), ""),
            ("lines short", known(self.lines_short), "delivered lines that lack a key, or have another's"),
            ("keys sold twice", known(self.keys_sold_twice), ""),
            ("stock offers", self.stock_offered, ""),
            (
                "  not available",
                self.stock_not_available,
                "offered or claimed, but sold or quarantined in the ledger; 0 when nothing runs",
            ),
            ("  missing", self.stock_missing, "available, but neither offered nor claimed; 0 once all is loaded"),
            ("  claims open", self.claims_open, "0 when nothing runs"),
        ];
        for (name, count, remark) in rows {
            let count = count.map_or_else(|| "?".to_owned(), grouped);
            // What is as it should be needs no remark.
            let remark = if matches!(count.as_str(), "0" | "?") { "" } else { remark };
            output.line(format!("{name:<17}{count:>13}  {remark}").trim_end())?;
        }
        Ok(())
    }
}

fn what_is_wrong(balance: &Balance) -> String {
    const MOST: usize = 20;
    let mut wrong = Vec::new();
    let Balance { lines_short, keys_sold_twice, unbalanced, .. } = balance;
    if !unbalanced.is_empty() {
        let named: Vec<&str> = unbalanced.iter().take(MOST).map(|sku| sku.as_str()).collect();
        let more =
            if unbalanced.len() > MOST { format!(" and {} more", unbalanced.len() - MOST) } else { String::new() };
        wrong.push(format!("imported keys are not available + sold + quarantined for SKU {}{more}", named.join(", ")));
    }
    if *lines_short > 0 {
        wrong.push(format!("{} delivered lines lack keys", grouped(*lines_short)));
    }
    if *keys_sold_twice > 0 {
        wrong.push(format!("{} keys stand in more than one order line", grouped(*keys_sold_twice)));
    }
    if wrong.is_empty() {
        wrong.push("imported keys are not available + sold + quarantined".into());
    }
    format!(
        "the ledger does not add up: {}; stop the workers, keep a copy of the ledger, and find out who changed it",
        wrong.join("; ")
    )
}

#[cfg(test)]
mod tests {
    use fulfil_contract::{ids::Sku, ports::stock::StockError};

    use super::*;

    #[test]
    fn the_json_has_every_field_and_nulls_for_what_is_not_known() {
        let audit = Audit {
            balance: Balance { imported: 1, sold: 1, orders: 1, ..Balance::default() },
            stock: Err(StockError::OutOfMemory),
        };
        let json = serde_json::to_string(&Report::of(&audit)).unwrap();
        let expected = r#"{"ok":true,"imported":1,"available":0,"sold":1,"quarantined":0,"orders":1,"lines_short":0,"keys_sold_twice":0,"stock_offered":null,"stock_not_available":null,"stock_missing":null,"claims_open":null}"#;
        assert_eq!(json, expected);
    }

    #[test]
    fn everything_that_is_wrong_is_named() {
        let balance = Balance {
            unbalanced: vec![Sku::parse("music-12").unwrap()],
            lines_short: 1000,
            keys_sold_twice: 2,
            ..Balance::default()
        };
        let text = what_is_wrong(&balance);
        for part in ["SKU music-12", "1,000 delivered lines", "2 keys stand"] {
            assert!(text.contains(part), "{text}");
        }
    }
}
