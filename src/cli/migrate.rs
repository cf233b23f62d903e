//! `fulfil migrate`: the ledger's schema, the broker's queues, the stock server's functions. Safe to repeat,
//! also while workers run.

use serde::Serialize;

use super::{Context, Failure, context::Needed, failure_of, output::Output};
use crate::compose;

#[derive(Debug, clap::Args)]
pub struct Args {}

#[derive(Serialize)]
struct Report {
    server: &'static str,
    done: bool,
    what: String,
}

/// # Errors
/// [`Failure`] when one of the three could not be brought up; the others are all the same.
pub async fn execute(_args: Args, context: &Context) -> Result<(), Failure> {
    if let Some(folder) = context.data() {
        compose::embedded(folder).map_err(failure_of::compose)?;
        let mut output = Output::stdout();
        output.line(format!("the data folder {} is ready; it needs no servers", folder.display()))?;
        return output.flush();
    }
    let config = context.config_with(&[Needed::SourceUrl, Needed::LedgerUrl, Needed::StockUrl])?;
    let lanes = config.source.lanes;
    let (ledger, source, stock) = tokio::join!(
        compose::migrate_ledger(config),
        compose::declare_topology(config),
        compose::install_functions(config)
    );
    let parts = [
        ("ledger", ledger, "the schema fulfil is there".to_owned()),
        ("source", source, format!("the exchanges and queues are there, {lanes} lanes")),
        ("stock", stock, "the functions are there".to_owned()),
    ];
    let mut reports = Vec::new();
    let mut failed = None;
    for (server, outcome, what) in parts {
        match outcome {
            Ok(()) => reports.push(Report { server, done: true, what }),
            Err(error) => {
                let failure = failure_of::compose(error);
                reports.push(Report { server, done: false, what: failure.text.clone() });
                failed.get_or_insert(failure.exit);
            }
        }
    }
    let mut output = Output::stdout();
    if context.is_json() {
        output.json(&reports)?;
    } else {
        reports.iter().try_for_each(|report| output.line(format!("{:8} {}", report.server, report.what)))?;
    }
    output.flush()?;
    match failed {
        None => Ok(()),
        Some(exit) => Err(Failure::new(
            exit,
            "not everything could be brought up: mend what is said above and run `fulfil migrate` again",
        )),
    }
}
