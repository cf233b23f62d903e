//! `fulfil keys import`: a key file into the ledger, sealed on the way. The same file again imports nothing.

use std::path::PathBuf;

use serde::Serialize;

use super::{
    context::Context,
    failure::{Exit, Failure},
    failure_of,
    import_problems::{Listed, Problems},
    input,
    output::Output,
    progress,
    summary::grouped,
    vault::ledger_and_vault,
};
use crate::{
    compose::LedgerSide,
    stock::import::{ImportCounts, import},
};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Keys: CSV with the columns sku,key, with or without that header; `-` is stdin
    #[arg(value_name = "FILE|-")]
    pub file: PathBuf,
    /// Write every line that was not imported to this file, as CSV with the columns line,sku,problem
    #[arg(long, value_name = "FILE")]
    pub report: Option<PathBuf>,
}

#[derive(Serialize)]
struct Summary<'a> {
    lines: u64,
    imported: u64,
    repeats: u64,
    bad_lines: u64,
    problems: &'a [Listed],
}

/// # Errors
/// [`Failure`]: 65 when there were bad lines; the good ones are in.
pub async fn execute(args: Args, context: &Context) -> Result<(), Failure> {
    let file = input::open(&args.file, "key file")?;
    let mut problems = Problems::new(args.report.as_deref(), &args.file)?;
    let buckets = context.config()?.stock.buckets;
    let (LedgerSide { stock_ledger, .. }, vault) = ledger_and_vault(context)?;

    let bar = progress::over(&args.file);
    let tell = |counts: &ImportCounts| bar.set_message(format!("{} keys", grouped(counts.lines())));
    let counts =
        import(bar.wrap_read(file), &vault, &*stock_ledger, buckets, |problem| problems.take(&problem), tell).await;
    bar.finish_and_clear();
    let counts = counts.map_err(failure_of::import)?;
    let report = problems.end_report();

    let mut output = Output::stdout();
    let ImportCounts { imported, repeats, bad_lines } = counts;
    if context.is_json() {
        output.json(&Summary { lines: counts.lines(), imported, repeats, bad_lines, problems: problems.listed() })?;
    } else {
        let [imported, repeats, bad] = [imported, repeats, bad_lines].map(grouped);
        output
            .line(format_args!("{}: {imported} imported, {repeats} known already, {bad} bad", lines(counts.lines())))?;
        problems.tell(&counts, &mut output)?;
    }
    output.flush()?;
    report?;
    match bad_lines {
        0 => Ok(()),
        bad => Err(Failure::new(
            Exit::Data,
            format!("{} could not be imported: mend them and import the file again, what is in is skipped", lines(bad)),
        )),
    }
}

fn lines(count: u64) -> String {
    if count == 1 { "1 line".into() } else { format!("{} lines", grouped(count)) }
}
