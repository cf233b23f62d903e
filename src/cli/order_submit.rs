//! `fulfil order submit`: publishes a file of orders as the platform would. Every line goes out as it is: a
//! broken one gets its recorded answer too (I8), and one that arrives twice has one effect (I2).

use std::{
    io::Read,
    path::{Path, PathBuf},
    time::Instant,
};

use fulfil_contract::{
    ids::OrderId,
    order::{Decoded, decode},
    ports::announcer::Verdict,
};
use futures_util::{StreamExt, stream};
use indicatif::ProgressBar;
use serde::Serialize;
use tokio::sync::mpsc;

use super::{
    context::{Context, Needed},
    failure::{Exit, Failure},
    failure_of, input,
    order_lines::{OrderLines, OrderText},
    output::Output,
    progress,
    summary::grouped,
};
use crate::compose::{self, RabbitSubmitter, Submission};

/// Orders that are published together.
const CHUNK_LINES: usize = 500;
/// Chunks on their way at once.
const AT_ONCE: usize = 4;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Orders, one JSON object a line; `-` is stdin
    #[arg(value_name = "FILE|-")]
    pub file: PathBuf,
}

/// What became of the lines.
#[derive(Debug, Default)]
struct Counts {
    submitted: u64,
    without_order_id: u64,
    refused: u64,
    first_refusal: Option<String>,
}

#[derive(Serialize)]
struct Summary {
    submitted: u64,
    without_order_id: u64,
    seconds: f64,
}

/// # Errors
/// [`Failure`]: 75 when the broker refused some of them.
pub async fn execute(args: Args, context: &Context) -> Result<(), Failure> {
    if let Some(folder) = context.data() {
        let text = format!(
            "orders are submitted to a broker; a data folder works off a file at once: \
             `fulfil run --orders FILE --data {}`",
            folder.display()
        );
        return Err(Failure::new(Exit::Usage, text));
    }
    let started = Instant::now();
    let config = context.config_with(&[Needed::SourceUrl])?;
    let url = compose::broker_url(config).map_err(failure_of::compose)?;
    let file = input::open(&args.file, "orders file")?;
    let submitter = RabbitSubmitter::new(url, config.results.confirm_timeout);
    let bar = progress::over(&args.file);
    let mut counts = Counts::default();
    let outcome = submit(bar.wrap_read(file), &args.file, &submitter, &mut counts, &bar).await;
    bar.finish_and_clear();
    submitter.close().await;

    let Counts { submitted, without_order_id, refused, first_refusal } = counts;
    let seconds = (started.elapsed().as_secs_f64() * 1000.0).round() / 1000.0;
    if submitted == 0 && outcome.is_err() {
        return outcome;
    }
    let mut output = Output::stdout();
    if context.is_json() {
        output.json(&Summary { submitted, without_order_id, seconds })?;
    } else {
        output.line(format_args!("{} orders submitted in {seconds:.1} s", grouped(submitted)))?;
        if without_order_id > 0 {
            output.line(format_args!(
                "{} of them have no order id that can be read, and will be rejected",
                grouped(without_order_id)
            ))?;
        }
    }
    output.flush()?;
    outcome?;
    match first_refusal {
        None => Ok(()),
        Some(said) => Err(Failure::new(
            Exit::TryAgain,
            format!(
                "{} orders were refused by the broker, the first with: {said}; run `fulfil migrate` \
                 if a queue is missing, and submit the file again: what has arrived is known by its order id",
                grouped(refused)
            ),
        )),
    }
}

async fn submit(
    file: impl Read + Send + 'static,
    path: &Path,
    submitter: &RabbitSubmitter,
    counts: &mut Counts,
    bar: &ProgressBar,
) -> Result<(), Failure> {
    let chunks = read_on_a_thread(file);
    let submitted = stream::unfold(chunks, |mut chunks| async { chunks.recv().await.map(|chunk| (chunk, chunks)) })
        .map(|chunk| async move {
            let lines = chunk.map_err(|error| input::unreadable(path, "orders file", &error))?;
            let submissions: Vec<Submission> = lines.into_iter().map(submission).collect();
            let without = submissions.iter().filter(|order| order.order_id.is_empty()).count() as u64;
            let verdicts = submitter.submit(submissions).await.map_err(|error| {
                Failure::new(
                    Exit::Unavailable,
                    format!(
                        "{error}; `fulfil migrate` makes what is missing; submit the file again then, \
                         what has arrived is known by its order id"
                    ),
                )
            })?;
            Ok::<_, Failure>((verdicts, without))
        })
        .buffered(AT_ONCE);
    let mut submitted = std::pin::pin!(submitted);
    while let Some(chunk) = submitted.next().await {
        let (verdicts, without) = chunk?;
        counts.without_order_id += without;
        for verdict in verdicts {
            match verdict {
                Verdict::Confirmed => counts.submitted += 1,
                Verdict::Refused(said) => {
                    counts.refused += 1;
                    counts.first_refusal.get_or_insert(said);
                }
            }
        }
        bar.set_message(format!("{} orders", grouped(counts.submitted)));
    }
    Ok(())
}

/// The id routes the order; where none can be read, it is empty.
fn submission(line: OrderText) -> Submission {
    let id = match decode(&line.body) {
        Decoded::Order(order) => Some(order.order_id),
        Decoded::Refused(refusal) => refusal.order_id,
    };
    Submission { order_id: id.as_ref().map_or("", OrderId::as_str).to_owned(), body: line.body }
}

fn read_on_a_thread(file: impl Read + Send + 'static) -> mpsc::Receiver<std::io::Result<Vec<OrderText>>> {
    let (sender, receiver) = mpsc::channel(AT_ONCE);
    tokio::task::spawn_blocking(move || {
        let mut lines = OrderLines::new(file);
        loop {
            let chunk = lines.chunk(CHUNK_LINES);
            let last = match &chunk {
                Ok(lines) if lines.is_empty() => return,
                Ok(_) => false,
                Err(_) => true,
            };
            if sender.blocking_send(chunk).is_err() || last {
                return;
            }
        }
    });
    receiver
}
