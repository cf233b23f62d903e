//! The outside judge: what was sent against what came back. Ends with 1 where they disagree.

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

use anyhow::{Context, Result, bail};
use clap::Parser;
use fulfil_load_tests::{
    judge::{
        judge,
        opening::{Opener, Origins},
        stock::Stock,
        verdict::Audit,
    },
    results::{Results, follow::Follower},
    sent::{Sent, lines},
};

#[derive(Parser)]
struct Arguments {
    /// What was sent: an order a line.
    #[arg(long)]
    sent: PathBuf,
    /// The publisher's log: lines that were never confirmed need no result.
    #[arg(long)]
    log: Option<PathBuf>,
    /// RabbitMQ; the queue `results` is read, and so emptied.
    #[arg(long, required_unless_present = "results", conflicts_with = "results")]
    url: Option<String>,
    /// Messages that were saved before, instead of the queue.
    #[arg(long)]
    results: Option<PathBuf>,
    /// Where the messages that are read are saved.
    #[arg(long)]
    save: Option<PathBuf>,
    /// The key file that was imported, all of it: nothing may be refused while its SKUs have keys left, and the audit has
    /// to count as many keys.
    #[arg(long)]
    keys: Option<PathBuf>,
    /// The private key: with --keys, every delivered key is opened, and has to be one of the file's.
    #[arg(long, requires = "keys")]
    private_key: Option<PathBuf>,
    /// What `fulfil audit --format json` printed.
    #[arg(long)]
    audit: Option<PathBuf>,
    /// The queue is empty when nothing came for so many seconds.
    #[arg(long, default_value_t = 3)]
    quiet: u64,
    /// The verdict as JSON.
    #[arg(long)]
    json: bool,
}

const LIMIT: Duration = Duration::from_secs(600);

#[tokio::main]
async fn main() -> Result<ExitCode> {
    let arguments = Arguments::parse();
    let sent = Sent::read(&arguments.sent, arguments.log.as_deref())?;
    let results = match (&arguments.results, &arguments.url) {
        (Some(saved), _) => read_saved(saved)?,
        (None, Some(url)) => read_queue(url, &arguments).await?,
        (None, None) => bail!("give --url or --results"),
    };
    let stock = arguments.keys.as_deref().map(Stock::read).transpose()?;
    let mut verdict = judge(&sent, &results, stock.as_ref());
    if let Some(file) = &arguments.private_key {
        let origins = Origins { stock: stock.as_ref(), ..Origins::default() };
        Opener::new(file)?.look(&mut verdict, &results, &origins);
    }
    let verdict = match &arguments.audit {
        Some(audit) => verdict.with_audit(read_audit(audit)?),
        None => verdict.concluded(),
    };
    if arguments.json {
        println!("{}", serde_json::to_string_pretty(&verdict)?);
    } else {
        println!("{verdict}");
    }
    Ok(if verdict.clean { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn read_queue(url: &str, arguments: &Arguments) -> Result<Results> {
    let save = arguments
        .save
        .as_ref()
        .map(|path| std::fs::File::create(path).with_context(|| format!("cannot write {}", path.display())));
    let follower = Follower::start(url, save.transpose()?);
    follower.wait_until_quiet(Duration::from_secs(arguments.quiet), LIMIT).await?;
    Ok(follower.finish())
}

fn read_saved(path: &Path) -> Result<Results> {
    let mut results = Results::default();
    for line in lines(path)? {
        let message = serde_json::from_str(&line?)
            .with_context(|| format!("{} holds something else than saved messages", path.display()))?;
        results.add(&message);
    }
    Ok(results)
}

fn read_audit(path: &Path) -> Result<Audit> {
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    serde_json::from_str(&text)
        .with_context(|| format!("{} is not what `fulfil audit --format json` prints", path.display()))
}
