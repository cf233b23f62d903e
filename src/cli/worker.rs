//! `fulfil worker`: takes orders from the broker until it is told to stop, or until its queues are empty.

use std::{sync::Arc, time::Duration};

use super::{
    Context, Exit, Failure,
    context::Needed,
    failure_of,
    summary::{Summary, print},
};
use crate::{
    compose,
    ops::{admin, drain::Drain, metrics, signals::drain_on_signal},
    pipeline::board::Board,
    pool::{self, Done, StartError},
    procurement::callbacks::serve,
};

/// A queue that was empty for so long, with nothing of this worker in flight, is empty.
const EMPTY_FOR: Duration = Duration::from_secs(2);

#[derive(Debug, clap::Args)]
pub struct Args {
    /// End when nothing is ready and nothing of this worker has been in flight for 2 s; exit 69 if the broker is away for 30 s at the start
    #[arg(long)]
    pub until_empty: bool,
}

/// # Errors
/// [`Failure`].
pub async fn execute(args: Args, context: &Context) -> Result<(), Failure> {
    if context.data().is_some() {
        return Err(Failure::new(
            Exit::Usage,
            "a worker works on servers: use `fulfil run --orders FILE --keys FILE --data DIR` for a data folder",
        ));
    }
    // First of all: whoever ends a worker that is only starting ends it in good order too.
    let (drain, draining) = Drain::new();
    let drain = Arc::new(drain);
    drain_on_signal(drain.clone()).map_err(|error| Failure::new(Exit::Software, error.to_string()))?;
    let config = context.config_with(&[Needed::SourceUrl, Needed::LedgerUrl, Needed::StockUrl])?;
    let ports = compose::worker(config).map_err(failure_of::compose)?;
    let mut settings = compose::settings(config, args.until_empty.then_some(EMPTY_FOR));
    settings.buying = compose::buying(config, || compose::vault(config)).map_err(failure_of::compose)?;

    let metrics = metrics::install().map_err(|error| Failure::new(Exit::Software, error.to_string()))?;
    let board = Board::default();
    let supplies = settings.buying.as_ref().map(|buying| buying.supplies.clone()).unwrap_or_default();
    if let Some(address) = config.admin.listen {
        let ready = {
            let board = board.clone();
            Arc::new(move || board.ready())
        };
        let bound = admin::serve(address, metrics, ready, Arc::new(move || supplies.told()), draining.clone())
            .await
            .map_err(|error| Failure::new(Exit::Unavailable, error.to_string()))?;
        tracing::info!(%bound, "the admin port answers /metrics, /healthz and /readyz");
    }
    if let (Some(address), Some(buying)) = (config.callbacks.listen, &settings.buying) {
        let callbacks = compose::callbacks(config, buying).map_err(failure_of::compose)?;
        let bound =
            serve(address, callbacks).await.map_err(|error| Failure::new(Exit::Unavailable, error.to_string()))?;
        tracing::info!(%bound, "suppliers' callbacks are taken at /callbacks/<supplier>");
    }
    let done = match pool::run(ports, settings, board, drain, draining).await {
        Ok(done) => done,
        // Told to end before it had begun: it did nothing, and that is a summary too.
        Err(StartError::Ended) => Done::nothing(),
        Err(StartError::Source(error)) => return Err(failure_of::source(error)),
    };
    print(&Summary::of(&done), context)?;
    if done.broken {
        return Err(Failure::new(
            Exit::Software,
            "one of its tasks ended by a defect of ours, so the worker drained; start it again, and report the log line above that names the task",
        ));
    }
    if done.abandoned {
        return Err(Failure::new(
            Exit::TryAgain,
            "the grace period (worker.drain_seconds) was over before everything in flight was finished; the broker delivers the rest again",
        ));
    }
    Ok(())
}
