//! The cuts of one kind, on servers of their own.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use anyhow::Result;
use private_servers::{Server, Servers};

use super::{Kind, Plan, Run, feed::feed};
use crate::{
    crew::{Crew, Sums},
    ending::{all_answered, left_in_queues, no_panic, none_given_up, only_repeats, open_keys, settled, whole_stock},
    generate::{KEYS_FILE, Mix, ORDERS_FILE, write},
    judge::{
        judge,
        stock::Stock,
        verdict::{Check, Verdict},
    },
    program::{Program, Urls},
    proxy::{self, Counts, Protocol, Proxy, server_of},
    publisher::Publisher,
    results::follow::Follower,
    seed::mixed,
    sent::{Sent, lines},
};

/// For all results to come once everything passes again.
const ANSWER_LIMIT: Duration = Duration::from_secs(120);
/// A little more than a proxy waits for an answer.
const LAST_ANSWERS: Duration = Duration::from_secs(11);
const LOOK: Duration = Duration::from_millis(20);
const QUIET: Duration = Duration::from_secs(2);
/// Once no worker runs.
const QUIET_LIMIT: Duration = Duration::from_secs(60);
/// The broker's, after which the publisher gives up.
const PUBLISH_LIMIT: Duration = Duration::from_secs(60);
/// How long a worker waits for a silent server: shorter than by default, since silences are many here.
const PATIENCE_MS: &str = "3000";
/// Orders beyond those that the cuts need on average.
const SPARE_ORDERS: u64 = 4000;

/// The three proxies.
struct Proxies {
    rabbitmq: Proxy,
    redis: Proxy,
    postgres: Proxy,
}

impl Proxies {
    async fn start(plan: &Plan, kind: Kind, servers: &Servers) -> Result<Self> {
        let (fault, places) = kind.fault(plan.silence);
        let start = async |protocol: Protocol, url: String, number: u64| {
            let struck =
                proxy::Plan { fault, percent: kind.percent(), most: u64::MAX, seed: plan.seed ^ mixed(number) };
            Proxy::start(protocol, server_of(&url)?, places.contains(&protocol).then_some(struck)).await
        };
        Ok(Self {
            rabbitmq: start(Protocol::Amqp, servers.rabbitmq.url(), 1).await?,
            redis: start(Protocol::Redis, servers.redis.url(), 2).await?,
            postgres: start(Protocol::Postgres, servers.postgres.url(), 3).await?,
        })
    }

    fn all(&self) -> [&Proxy; 3] {
        [&self.rabbitmq, &self.redis, &self.postgres]
    }

    fn counts(&self) -> Counts {
        self.all().into_iter().fold(Counts::default(), |counts, proxy| counts.and(proxy.counts()))
    }
}

/// What the cuts left behind, before it is judged.
struct Storm {
    published: usize,
    counts: Counts,
    seconds: f64,
}

pub(super) async fn run(plan: &Plan, kind: Kind) -> Result<Run> {
    let folder = plan.folder.join(kind.as_str());
    let asked = plan.cuts.unwrap_or(kind.usual_cuts());
    write(&folder, &mix(plan, kind, asked))?;
    let (orders, keys) = (folder.join(ORDERS_FILE), folder.join(KEYS_FILE));
    let servers = Servers::start()?;
    let proxies = Proxies::start(plan, kind, &servers).await?;
    let (program, through) = programs(plan, &servers, &proxies, &folder).await?;
    program.run(&["migrate"]).await?;
    servers.rabbitmq.save_declarations()?;
    program.run(&["keys", "import", &keys.canonicalize()?.to_string_lossy()]).await.or_else(only_repeats)?;
    eprintln!("{}: keys are imported; {asked} cuts, seed {}", kind.as_str(), plan.seed);

    let bodies = lines(&orders)?.map(|line| Ok(line?.into_bytes())).collect::<Result<Vec<_>>>()?;
    let follower = Follower::start(&servers.rabbitmq.url(), Some(std::fs::File::create(folder.join("results.jsonl"))?));
    let mut publisher = Publisher::new(&servers.rabbitmq.url(), PUBLISH_LIMIT);
    let mut crew = Crew::prepare(&through, plan.workers);
    let stormed = storm(plan, kind, asked, &proxies, &bodies, &mut publisher, &follower, &mut crew, &folder).await;
    publisher.write_log(&folder.join("published.jsonl"))?;
    let storm = stormed?;

    let mut sent = Sent::default();
    bodies.iter().zip(&publisher.log).for_each(|(body, line)| sent.add(body, line.confirmed));
    let begin = Instant::now();
    let mut waiting = sent.expected();
    let answered =
        crew.while_waiting(follower.wait_until(ANSWER_LIMIT, |results| all_answered(&mut waiting, results))).await;
    if let Err(error) = answered {
        eprintln!("{error:#}");
    }
    let seconds_until_answered = begin.elapsed().as_secs_f64();
    let begin = Instant::now();
    let audit = crew.while_waiting(whole_stock(&program)).await?;
    let seconds_until_stock_whole = begin.elapsed().as_secs_f64();
    let ended = crew.stop().await?;
    follower.wait_until_quiet(QUIET, QUIET_LIMIT).await?;

    let results = follower.finish();
    let stock = Stock::read(&keys)?;
    let mut verdict = judge(&sent, &results, Some(&stock));
    open_keys(&mut verdict, &results, &program, Some(&stock), None)?;
    verdict.also(none_given_up(&results));
    verdict.also(no_panic(&ended));
    let left = left_in_queues(&servers, plan.lanes).await?;
    verdict.also(Check::new("queues_empty", "no order is left in a queue").all(left));
    let recorded = (audit.orders != sent.orders.len() as u64)
        .then(|| format!("{} orders were sent, the ledger has {}", sent.orders.len(), audit.orders));
    verdict.also(Check::new("one_effect_each", "the ledger has each order that was sent, once").all(recorded));
    verdict.also(settled(&audit));
    also_cuts(&mut verdict, kind, asked, &storm.counts, &ended);
    Ok(Run {
        kind,
        asked,
        done: kind.done(&storm.counts),
        counts: storm.counts,
        orders: storm.published as u64,
        seconds: storm.seconds,
        seconds_until_answered,
        seconds_until_stock_whole,
        deliveries: ended.counted.get("fulfil_deliveries_total"),
        redelivered: ended.counted.get("fulfil_redelivered_total"),
        ended_by_themselves: ended.by_themselves,
        verdict: verdict.with_audit(audit),
    })
}

/// The program straight to its servers, and through the proxies.
async fn programs(plan: &Plan, servers: &Servers, proxies: &Proxies, folder: &Path) -> Result<(Program, Program)> {
    let urls = Urls { source: servers.rabbitmq.url(), stock: servers.redis.url(), ledger: servers.postgres.url() };
    let mut program = Program::prepare(plan.fulfil.clone(), folder, &urls, plan.lanes).await?;
    program.set("LOG__FORMAT", "json");
    program.set("SOURCE__BATCH_ORDERS", &plan.batch.to_string());
    program.set("LEDGER__TIMEOUT_MS", PATIENCE_MS);
    program.set("RESULTS__CONFIRM_TIMEOUT_MS", PATIENCE_MS);
    let mut through = program.clone();
    through.set("SOURCE__URL", &proxies.rabbitmq.before(&urls.source)?);
    through.set("STOCK__URL", &proxies.redis.before(&urls.stock)?);
    through.set("LEDGER__URL", &proxies.postgres.before(&urls.ledger)?);
    Ok((program, through))
}

/// Enough orders for the cuts, by what is struck of each: a batch has one COMMIT and one acknowledgement.
fn mix(plan: &Plan, kind: Kind, asked: u64) -> Mix {
    let batch = u64::from(plan.batch);
    let per_cut = match kind {
        Kind::Commit | Kind::CommitUnsent | Kind::Ack | Kind::Claim => batch * 100 / kind.percent(),
        Kind::Publish => 100 / kind.percent(),
        Kind::Random => 200,
        Kind::Blackhole => 500,
    };
    let orders = asked * per_cut + SPARE_ORDERS;
    Mix {
        orders,
        skus: 5,
        most_lines: 2,
        most_quantity: 2,
        repeats: orders / 50,
        conflicts: orders / 500,
        broken: orders / 300,
        spare_percent: 5,
        seed: plan.seed,
    }
}

/// Starts the workers, and publishes until enough was cut.
#[expect(clippy::too_many_arguments, reason = "the parts of one run, which are nowhere else together")]
async fn storm(
    plan: &Plan,
    kind: Kind,
    asked: u64,
    proxies: &Proxies,
    bodies: &[Vec<u8>],
    publisher: &mut Publisher,
    follower: &Follower,
    crew: &mut Crew<'_>,
    folder: &Path,
) -> Result<Storm> {
    if !kind.strikes_starts() {
        crew.start_all(folder).await?;
    }
    proxies.all().into_iter().for_each(Proxy::arm);
    let begin = Instant::now();
    if kind.strikes_starts() {
        crew.start_all(folder).await?;
    }
    let enough = || kind.done(&proxies.counts()) >= asked;
    let published = crew.while_waiting(feed(publisher, bodies, follower, plan.limit, enough)).await?;
    proxies.all().into_iter().for_each(Proxy::heal);
    let seconds = begin.elapsed().as_secs_f64();
    let counts = all_read(proxies).await;
    Ok(Storm { published, counts, seconds })
}

/// The counts once the servers' answers that are kept from workers have been read; at the latest when no proxy waits
/// for one any more.
async fn all_read(proxies: &Proxies) -> Counts {
    let begin = Instant::now();
    loop {
        let counts = proxies.counts();
        if counts.answers_given >= counts.answers_lost || begin.elapsed() > LAST_ANSWERS {
            return counts;
        }
        tokio::time::sleep(LOOK).await;
    }
}

fn also_cuts(verdict: &mut Verdict, kind: Kind, asked: u64, counts: &Counts, ended: &Sums) {
    let done = kind.done(counts);
    let too_few = (done < asked).then(|| format!("{done} of {asked}, and orders or time ran out"));
    verdict.also(Check::new("cuts_made", "as many connections were struck as asked for").all(too_few));
    let delivered =
        (counts.bytes_after > 0).then(|| format!("{} bytes came to a client after its cut", counts.bytes_after));
    verdict.also(Check::new("answers_lost", "no answer that was to be lost was delivered").all(delivered));
    if kind == Kind::Commit {
        // Else it would show nothing: an answer that never came may belong to a COMMIT that never took place.
        let few = (counts.committed * 10 < counts.answers_lost * 9)
            .then(|| format!("{} of {} took place", counts.committed, counts.answers_lost));
        verdict.also(Check::new("committed", "nine in ten of the COMMITs whose answer was lost took place").all(few));
    }
    verdict
        .also(Check::new("ended_well", "a worker that is told to stop ends with exit code 0").all(ended.badly.clone()));
    if !kind.strikes_starts() {
        let by_themselves = (ended.by_themselves > 0).then(|| format!("{} did", ended.by_themselves));
        verdict.also(Check::new("stayed", "no worker ends because a connection was cut").all(by_themselves));
    }
}
