//! `fulfil run`: works off a file of orders on this machine alone. The same pipeline as a worker's, over one
//! data folder. Started again on the same folder, it sells nothing twice: what is known is a repeat.

use std::{
    fs::File,
    io::{BufRead, BufReader, IsTerminal},
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use fulfil_contract::ports::{procurements::Procurements, stock_ledger::StockLedger};
use indicatif::{ProgressBar, ProgressStyle};

use super::{
    Context, Exit, Failure, failure_of,
    output::{Output, note},
    summary::{Summary, grouped, print},
};
use crate::{
    compose::{self, Folder},
    ops::{drain::Drain, metrics, signals::drain_on_signal},
    pipeline::{announce::Mode, board::Board},
    pool::{self, Buying, Done, StartError},
    sealing::OwnKeys,
    stock::import::{ImportCounts, Problem, Vault, import},
};

/// The inbox is filled before the work begins, so a moment of quiet is its end.
const EMPTY_FOR: Duration = Duration::from_millis(300);
/// Lines that are put into the inbox together.
const CHUNK_LINES: usize = 5_000;
/// Problem lines that are told one by one.
const MOST_TOLD: usize = 10;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Orders, one JSON object a line
    #[arg(long, value_name = "FILE")]
    pub orders: PathBuf,
    /// Keys to import first: CSV with the columns sku,key
    #[arg(long, value_name = "FILE")]
    pub keys: Option<PathBuf>,
}

/// Where a run keeps its data when it is not told.
pub const DEFAULT_FOLDER: &str = "fulfil-data";

/// # Errors
/// [`Failure`].
pub async fn execute(args: Args, context: &Context) -> Result<(), Failure> {
    let started = Instant::now();
    let config = context.config()?;
    let orders = open(&args.orders, "orders")?;
    let keys = args.keys.as_deref().map(|path| open(path, "keys")).transpose()?;
    let path = context.data().unwrap_or(Path::new(DEFAULT_FOLDER));
    let folder = compose::embedded(path).map_err(failure_of::compose)?;
    let own = OwnKeys::open_or_make(path).map_err(failure_of::own_keys)?;
    if own.made {
        note(format!(
            "A key pair was made. The private key is in {}: only you can read it,",
            own.private_key_file.display()
        ));
        note("it alone opens the keys that are delivered, so keep a copy of it in a safe place.");
    }

    let (drain, draining) = Drain::new();
    let drain = Arc::new(drain);
    drain_on_signal(drain.clone()).map_err(|error| Failure::new(Exit::Software, error.to_string()))?;
    // Nobody scrapes a run; the recorder stays, so that the pipeline is the same one.
    metrics::install().map_err(|error| Failure::new(Exit::Software, error.to_string()))?;

    let vault = Vault { sealer: Arc::new(own.sealer), fingerprinter: Arc::new(own.fingerprinter) };
    if let Some(file) = keys {
        import_keys(file, &vault, &folder.stores().stock_ledger, config.stock.buckets).await?;
    }
    let lines = fill_inbox(orders, &args.orders, &folder).await?;

    let board = Board::default();
    let bar = progress_bar(folder.waiting().await.unwrap_or(lines));
    let procurements = folder.stores().procurements;
    let showing = tokio::spawn(show(bar, board.clone(), procurements.clone()));
    let mut settings = compose::settings(config, Some(EMPTY_FOR));
    settings.mode = Mode::Single;
    // What suppliers owe is waited for: the shop has no other process that goes on with it.
    settings.buying = compose::buying(config, || Ok(vault))
        .map_err(failure_of::compose)?
        .map(|buying| Buying { awaits_all: true, ..buying });
    let done = pool::run(folder.worker(), settings, board, drain, draining).await;
    showing.abort();
    let done = match done {
        Ok(done) => Done { seconds: started.elapsed().as_secs_f64(), ..done },
        Err(StartError::Ended) => return Err(ended_early()),
        Err(StartError::Source(error)) => return Err(failure_of::source(error)),
    };
    print(&Summary::of(&done), context)?;
    tell_bought(&*procurements).await?;
    if folder.waiting().await.map_err(|error| Failure::new(Exit::TryAgain, error))? > 0 {
        return Err(ended_early());
    }
    if !context.is_json() {
        let (data, mut output) = (path.display(), Output::stdout());
        output.line(format!("Everything is in {data}: `fulfil order show ID --data {data}` shows an order,"))?;
        output.line(format!(
            "`fulfil results tail --data {data}` the results, `fulfil audit --data {data}` that all adds up."
        ))?;
        output.flush()?;
    }
    Ok(())
}

/// What of the lines that went to suppliers has no end yet.
async fn tell_bought(ledger: &dyn Procurements) -> Result<(), Failure> {
    let counts = ledger.counts().await.map_err(failure_of::ledger)?;
    if counts.open > 0 {
        note(format!("{} lines still wait for suppliers: the same command again goes on with them.", counts.open));
    }
    if counts.in_review > 0 {
        note(format!("{} lines wait for a person: `fulfil review list` shows why.", counts.in_review));
    }
    Ok(())
}

fn ended_early() -> Failure {
    Failure::new(
        Exit::TryAgain,
        "ended before all orders were worked off: run the same command again, it goes on where it stopped",
    )
}

fn open(path: &Path, what: &str) -> Result<File, Failure> {
    File::open(path).map_err(|error| {
        Failure::new(Exit::NoInput, format!("the {what} file {} can't be read: {error}", path.display()))
    })
}

async fn import_keys(file: File, vault: &Vault, ledger: &Arc<dyn StockLedger>, buckets: u16) -> Result<(), Failure> {
    let bar = spinner();
    let (mut told, mut untold) = (0, 0);
    let problem = |problem: Problem| match problem {
        Problem::Bad(line) if told < MOST_TOLD => {
            told += 1;
            note(format!("keys, line {}: {}", line.number, line.problem));
        }
        Problem::Bad(_) => untold += 1,
        Problem::Repeat { .. } => {}
    };
    let progress = |counts: &ImportCounts| bar.set_message(format!("{} keys read", grouped(counts.lines())));
    let counts = import(BufReader::with_capacity(1 << 20, file), vault, &**ledger, buckets, problem, progress).await;
    bar.finish_and_clear();
    let counts = counts.map_err(failure_of::import)?;
    if untold > 0 {
        note(format!("keys: {untold} more bad lines; `fulfil keys import FILE --report REPORT` lists every one"));
    }
    note(format!(
        "Keys: {} imported, {} known already and skipped, bad lines: {}.",
        grouped(counts.imported),
        grouped(counts.repeats),
        grouped(counts.bad_lines)
    ));
    Ok(())
}

/// Puts the file's lines into the inbox; blank lines are none. Gives how many.
async fn fill_inbox(file: File, path: &Path, folder: &Folder) -> Result<u64, Failure> {
    let source = path.canonicalize().unwrap_or_else(|_| path.to_owned()).display().to_string();
    let unreadable = |error: std::io::Error| {
        Failure::new(Exit::NoInput, format!("the orders file {} can't be read on: {error}", path.display()))
    };
    let mut reader = BufReader::with_capacity(1 << 20, file);
    let (mut number, mut lines) = (0, 0);
    loop {
        let mut chunk = Vec::with_capacity(CHUNK_LINES);
        while chunk.len() < CHUNK_LINES {
            let mut line = Vec::new();
            if reader.read_until(b'\n', &mut line).map_err(unreadable)? == 0 {
                break;
            }
            number += 1;
            while line.last().is_some_and(|byte| matches!(byte, b'\n' | b'\r')) {
                line.pop();
            }
            if !line.is_empty() {
                chunk.push((number, line));
            }
        }
        if chunk.is_empty() {
            return Ok(lines);
        }
        lines += chunk.len() as u64;
        folder.ingest(&source, chunk).await.map_err(|error| Failure::new(Exit::TryAgain, error))?;
    }
}

fn progress_bar(orders: u64) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(orders);
    if let Ok(style) =
        ProgressStyle::with_template("{bar:40} {human_pos} of {human_len} orders, {per_sec}, {eta} left{msg}")
    {
        bar.set_style(style);
    }
    bar
}

fn spinner() -> ProgressBar {
    let bar = if std::io::stderr().is_terminal() { ProgressBar::new_spinner() } else { ProgressBar::hidden() };
    bar.enable_steady_tick(Duration::from_millis(100));
    bar
}

async fn show(bar: ProgressBar, board: Board, procurements: Arc<dyn Procurements>) {
    let mut tick = tokio::time::interval(Duration::from_millis(100));
    loop {
        tick.tick().await;
        bar.set_position(board.handled());
        // All orders are recorded: what is left to do is the suppliers'.
        if Some(board.handled()) >= bar.length()
            && let Ok(counts) = procurements.counts().await
            && counts.open > 0
        {
            bar.set_message(format!("; {} lines wait for suppliers", counts.open));
        }
    }
}
