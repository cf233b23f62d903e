//! Where a run takes place: the servers, `fulfil` with its keys imported, and the end that every run has: all answered,
//! nothing missing from stock within a minute, workers stopped, and a verdict from what was sent and what came back.

use std::{
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use private_servers::{Server, Servers};

use crate::{
    crew::{Crew, Sums},
    ending::{all_answered, no_panic, none_given_up, none_turned_away, only_repeats, open_keys, whole_stock},
    judge::{
        judge,
        stock::Stock,
        verdict::{Audit, Check, Verdict},
    },
    market::Market,
    own_servers::{self, Place},
    program::{Program, Urls},
    queues::left_in_lanes,
    results::{Results, follow::Follower},
    sent::Sent,
};

/// For all results to come once the last order is in.
const ANSWER_LIMIT: Duration = Duration::from_secs(300);
/// What asks for servers of its own where there are none.
pub(crate) const PRIVATE_ONLY: &str = "a user's own servers are neither killed nor emptied: leave out the fault, or \
     leave out --source, --stock and --ledger, and private servers are started for it";
const QUIET: Duration = Duration::from_secs(3);
/// Once no worker runs.
const QUIET_LIMIT: Duration = Duration::from_secs(60);

/// What a stage is set with.
pub(crate) struct Scene<'a> {
    pub(crate) fulfil: &'a Path,
    pub(crate) place: &'a Place,
    pub(crate) folder: &'a Path,
    pub(crate) lanes: u16,
    pub(crate) keys: &'a Path,
    /// A file of the configuration, where suppliers are needed.
    pub(crate) configuration: Option<&'a Path>,
}

pub(crate) struct Stage {
    /// `None`: they are a user's.
    servers: Option<Servers>,
    pub(crate) urls: Urls,
    pub(crate) program: Program,
    folder: PathBuf,
    keys: PathBuf,
    lanes: u16,
}

/// How a run ended.
pub(crate) struct Ended {
    /// Without the audit's word yet: the caller has checks of its own.
    pub(crate) verdict: Verdict,
    pub(crate) audit: Audit,
    pub(crate) results: Results,
    pub(crate) workers: Sums,
    /// From the begin that was given until every order was answered.
    pub(crate) seconds_until_answered: f64,
    /// From then until the audit had nothing missing from stock.
    pub(crate) seconds_until_stock_whole: f64,
}

impl Stage {
    pub(crate) async fn set(scene: &Scene<'_>) -> Result<Self> {
        let (servers, urls) = match scene.place {
            Place::Private => {
                let servers = Servers::start()?;
                let urls =
                    Urls { source: servers.rabbitmq.url(), stock: servers.redis.url(), ledger: servers.postgres.url() };
                (Some(servers), urls)
            }
            Place::Own { urls, erase } => {
                own_servers::claim(urls, erase).await?;
                (None, urls.clone())
            }
        };
        let mut program = Program::prepare(scene.fulfil.to_owned(), scene.folder, &urls, scene.lanes).await?;
        program.set("LOG__FORMAT", "json");
        if let Some(file) = scene.configuration {
            program.set("CONFIG", &file.canonicalize()?.to_string_lossy());
        }
        program.run(&["migrate"]).await?;
        if let Some(servers) = &servers {
            servers.rabbitmq.save_declarations()?;
        }
        let keys = scene.keys.canonicalize().with_context(|| format!("cannot read {}", scene.keys.display()))?;
        program.run(&["keys", "import", &keys.to_string_lossy()]).await.or_else(only_repeats)?;
        Ok(Self { servers, urls, program, folder: scene.folder.to_owned(), keys, lanes: scene.lanes })
    }

    /// The servers of its own.
    pub(crate) fn servers(&self) -> Result<&Servers> {
        self.servers.as_ref().context(PRIVATE_ONLY)
    }

    /// Begins to read the results, and keeps them.
    pub(crate) fn follow(&self) -> Result<Follower> {
        let save = std::fs::File::create(self.folder.join("results.jsonl"))?;
        Ok(Follower::start(&self.urls.source, Some(save)))
    }

    /// Waits until everything that was sent has its answer and the stock is whole, stops the workers, and judges.
    pub(crate) async fn end(
        &self,
        mut crew: Crew<'_>,
        follower: Follower,
        sent: &Sent,
        market: Option<&Market>,
        begin: Instant,
    ) -> Result<Ended> {
        let mut waiting = sent.expected();
        let answered =
            crew.while_waiting(follower.wait_until(ANSWER_LIMIT, |results| all_answered(&mut waiting, results))).await;
        // What is missing then is told by the judge.
        if let Err(error) = answered {
            eprintln!("{error:#}");
        }
        let seconds_until_answered = begin.elapsed().as_secs_f64();
        eprintln!("answered after {seconds_until_answered:.1} s; waiting until the stock is whole");
        let begin = Instant::now();
        let audit = crew.while_waiting(whole_stock(&self.program)).await?;
        let seconds_until_stock_whole = begin.elapsed().as_secs_f64();
        let workers = crew.stop().await?;
        follower.wait_until_quiet(QUIET, QUIET_LIMIT).await?;
        let results = follower.finish();
        let stock = Stock::read(&self.keys)?;
        let mut verdict = judge(sent, &results, Some(&stock));
        open_keys(&mut verdict, &results, &self.program, Some(&stock), market)?;
        verdict.also(none_given_up(&results));
        verdict.also(no_panic(&workers));
        if market.is_some() {
            verdict.also(none_turned_away(&results));
        }
        let left = left_in_lanes(&self.urls.source, self.lanes).await?;
        verdict.also(Check::new("queues_empty", "no order is left in a queue").all(left));
        let badly = workers.badly.clone();
        verdict.also(Check::new("ended_well", "a worker that is told to stop ends with exit code 0").all(badly));
        Ok(Ended { verdict, audit, results, workers, seconds_until_answered, seconds_until_stock_whole })
    }
}
