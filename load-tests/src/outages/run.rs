//! One outage, on servers of its own.

use std::{sync::Arc, time::Duration};

use anyhow::{Context, Result};
use private_servers::{Server, Servers};

#[cfg(test)]
use super::SHORTEST_SECONDS;
use super::{
    Outage, Plan, Run, Second,
    flow::{seconds, seconds_to_acknowledged, seconds_to_drained, seconds_to_full, within},
    script::{AFTER, BEFORE, Moments, Orders, Stage, off_the_runtime, play},
};
use crate::{
    crew::{Crew, Sums},
    ending::{all_answered, left_in_queues, no_panic, none_given_up, open_keys, settled, whole_stock},
    generate::{KEYS_FILE, Mix, ORDERS_FILE, write},
    judge::{
        judge,
        stock::Stock,
        verdict::{Audit, Check},
    },
    program::{Program, Urls},
    proxy::{Protocol, Proxy, server_of},
    publisher::Publisher,
    results::follow::Follower,
    sent::{Sent, lines},
};

/// faults.md of the agreement: "back by itself in 30 s".
const BACK_LIMIT: f64 = 30.0;
/// Publishers of the burst.
const BURSTERS: usize = 4;
/// Of one lane in one worker: three in flight by default, and what has arrived meanwhile.
const BATCHES_HELD: u64 = 4;
/// For all results to come once the load has ended.
const ANSWER_LIMIT: Duration = Duration::from_secs(120);
const QUIET: Duration = Duration::from_secs(2);
/// Once no worker runs.
const QUIET_LIMIT: Duration = Duration::from_secs(60);
/// Beyond the outage, after which a publisher gives up.
const PUBLISH_LIMIT: Duration = Duration::from_secs(120);

pub(super) async fn run(plan: &Plan, outage: Outage) -> Result<Run> {
    let folder = plan.folder.join(outage.as_str());
    let steady = (f64::from(plan.rate) * (BEFORE + plan.lasts + AFTER).as_secs_f64()) as usize;
    write(&folder, &mix(plan, outage, steady as u64))?;
    let (orders, keys) = (folder.join(ORDERS_FILE), folder.join(KEYS_FILE));
    let servers = Arc::new(tokio::task::spawn_blocking(move || outage.servers()).await??);
    let proxy = Proxy::start(Protocol::Amqp, server_of(&servers.rabbitmq.url())?, None).await?;
    let urls = Urls { source: servers.rabbitmq.url(), stock: servers.redis.url(), ledger: servers.postgres.url() };
    let mut program = Program::prepare(plan.fulfil.clone(), &folder, &urls, plan.lanes).await?;
    program.set("LOG__FORMAT", "json");
    program.set("SOURCE__BATCH_ORDERS", &plan.batch.to_string());
    program.run(&["migrate"]).await?;
    program.run(&["keys", "import", &keys.canonicalize()?.to_string_lossy()]).await?;
    eprintln!("{}: keys are imported; {} orders a second, seed {}", outage.as_str(), plan.rate, plan.seed);

    let mut through = program.clone();
    through.set("SOURCE__URL", &proxy.before(&urls.source)?);
    let bodies = lines(&orders)?.map(|line| Ok(line?.into_bytes())).collect::<Result<Vec<_>>>()?;
    let (first, rest) = bodies.split_at(steady);
    let follower = Follower::start(&urls.source, Some(std::fs::File::create(folder.join("results.jsonl"))?));
    let patience = plan.lasts + PUBLISH_LIMIT;
    let mut feeder = Publisher::new(&urls.source, patience);
    let mut bursters: Vec<Publisher> = (0..BURSTERS).map(|_| Publisher::new(&urls.source, patience)).collect();
    let parts: Vec<&[Vec<u8>]> = rest.chunks(rest.len().div_ceil(BURSTERS).max(1)).collect();
    let mut crew = Crew::start(&through, plan.workers, &folder).await?;
    let stage = Stage { plan, outage, servers: &servers, proxy: &proxy, follower: &follower };
    let played =
        Orders { steady: (&mut feeder, first), burst: bursters.iter_mut().zip(parts.iter().copied()).collect() };
    let (moments, samples) = crew.while_waiting(play(&stage, played)).await?;
    feeder.write_log(&folder.join("published.jsonl"))?;

    let mut sent = Sent::default();
    first.iter().zip(&feeder.log).for_each(|(body, line)| sent.add(body, line.confirmed));
    for (publisher, part) in bursters.iter().zip(&parts) {
        part.iter().zip(&publisher.log).for_each(|(body, line)| sent.add(body, line.confirmed));
    }
    let mut waiting = sent.expected();
    let answered =
        crew.while_waiting(follower.wait_until(ANSWER_LIMIT, |results| all_answered(&mut waiting, results))).await;
    if let Err(error) = answered {
        eprintln!("{error:#}");
    }
    let audit = crew.while_waiting(whole_stock(&program)).await?;
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
    let recorded = recorded_before(&servers, moments.ending_us).await?;
    let seconds = seconds(&samples);
    let run = Run {
        outage,
        span: moments.span,
        recorded,
        acknowledged: moments.acknowledged,
        held: moments.held,
        blocked: proxy.counts().traffic.blocked,
        waiting: moments.waiting,
        seconds_to_full: seconds_to_full(&seconds, moments.span.over, plan.rate),
        seconds_to_acknowledged: seconds_to_acknowledged(&samples, moments.span.over),
        seconds_to_drained: seconds_to_drained(&samples, moments.span.over, plan.rate),
        ended_by_themselves: ended.by_themselves,
        seconds,
        verdict,
    };
    Ok(checked(run, plan, moments, &ended, audit))
}

fn mix(plan: &Plan, outage: Outage, steady: u64) -> Mix {
    let burst = if outage.blocks_publishers() { plan.burst } else { 0 };
    Mix {
        orders: steady + burst,
        skus: 5,
        most_lines: 1,
        most_quantity: 1,
        repeats: 0,
        conflicts: 0,
        broken: 0,
        spare_percent: 5,
        seed: plan.seed,
    }
}

/// Orders whose transactions had begun by then, which is at least as many as had been recorded.
async fn recorded_before(servers: &Arc<Servers>, moment_us: u128) -> Result<u64> {
    let sql =
        format!("select count(*) from fulfil.orders where decided_at <= to_timestamp({moment_us}::numeric / 1e6)");
    let counted = off_the_runtime(servers, move |servers| servers.postgres.execute(&sql)).await?;
    counted.parse().with_context(|| format!("the ledger counts {counted:?} orders"))
}

/// With what must hold of this outage beside the judge's checks.
fn checked(mut run: Run, plan: &Plan, moments: Moments, ended: &Sums, audit: Audit) -> Run {
    let Run { outage, span, .. } = run;
    let mut verdict = run.verdict;
    let late = match run.seconds_to_full {
        Some(seconds) if seconds <= BACK_LIMIT => None,
        Some(seconds) => Some(format!("after {seconds:.1} s")),
        None => Some(format!("not within {} s", AFTER.as_secs())),
    };
    verdict.also(Check::new("back_by_itself", "results flow at the orders' rate within 30 s of the end").all(late));
    let unrecorded = (moments.acknowledged > run.recorded)
        .then(|| format!("{} acknowledged, {} recorded", moments.acknowledged, run.recorded));
    verdict.also(
        Check::new("recorded_first", "no more was acknowledged than the ledger had recorded by the end")
            .all(unrecorded),
    );
    let most = u64::from(plan.batch) * BATCHES_HELD * u64::from(plan.lanes) * plan.workers as u64;
    let too_much = (run.held > most).then(|| format!("{} of at most {most}", run.held));
    verdict
        .also(Check::new("bounded", "workers hold no more than their prefetch, however long it lasts").all(too_much));
    let during = within(&run.seconds, outage.asked_from(span.began, moments.felt), span.over - 1.0);
    during_it(outage, during, plan.rate).into_iter().for_each(|check| verdict.also(check));
    if outage.blocks_publishers() {
        let unseen = (run.blocked == 0).then(|| "the broker blocked no worker".to_owned());
        verdict.also(Check::new("blocked", "the broker blocked the workers' publications").all(unseen));
        let late = run.seconds_to_acknowledged.is_none_or(|seconds| seconds > BACK_LIMIT);
        let late = late.then(|| format!("{:?} s", run.seconds_to_acknowledged));
        verdict.also(
            Check::new("drained", "what was consumed is announced and acknowledged within 30 s of the end").all(late),
        );
    }
    verdict.also(settled(&audit));
    let by_themselves = (ended.by_themselves > 0).then(|| format!("{} did", ended.by_themselves));
    verdict.also(Check::new("stayed", "no worker ends because a server is away").all(by_themselves));
    verdict
        .also(Check::new("ended_well", "a worker that is told to stop ends with exit code 0").all(ended.badly.clone()));
    run.verdict = verdict.with_audit(audit);
    run
}

/// What must hold in the seconds of the outage, where the ledger is away or the stock.
fn during_it(outage: Outage, during: &[Second], rate: u32) -> Vec<Check> {
    let mut checks = Vec::new();
    if outage.stops_the_ledger() {
        let acknowledged = during.iter().filter(|second| second.acknowledged > 0);
        let told = acknowledged.map(|second| format!("{} in second {:.0}", second.acknowledged, second.at));
        checks.push(Check::new("nothing_acknowledged", "nothing is acknowledged while Postgres is away").all(told));
    }
    if outage.goes_on() {
        let (results, due) = (during.iter().map(|second| second.results).sum::<u64>(), during.len() as u64);
        let due = due * u64::from(rate);
        let few = (results * 2 < due).then(|| format!("{results} results of {due} orders"));
        checks.push(Check::new("went_on", "the ledger takes the keys: results go on").all(few));
    }
    if !checks.is_empty() {
        let none = during.is_empty().then(|| "it was over too soon: give more --seconds".to_owned());
        checks.push(Check::new("looked_at", "a whole second of the outage or more was looked at").all(none));
    }
    checks
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offended(outage: Outage, during: &[Second]) -> Vec<&'static str> {
        let checks = during_it(outage, during, 10);
        checks.into_iter().filter(|check| check.offenders > 0).map(|check| check.name).collect()
    }

    #[test]
    fn each_check_of_an_outages_seconds_can_fail() {
        let second = |acknowledged, results| Second { at: 20.0, consumed: 10, acknowledged, results };
        let (still, flowing) = ([second(0, 0), second(0, 0)], [second(0, 0), second(9, 9)]);
        for outage in [Outage::PostgresFull, Outage::PostgresGone, Outage::PostgresFrozen] {
            assert!(offended(outage, &still).is_empty());
            assert_eq!(offended(outage, &flowing), ["nothing_acknowledged"]);
            assert_eq!(offended(outage, &[]), ["looked_at"]);
        }
        for outage in [Outage::RedisFull, Outage::RedisGone, Outage::RedisFrozen] {
            assert_eq!(offended(outage, &still), ["went_on"]);
            assert_eq!(offended(outage, &flowing), ["went_on"]);
            assert!(offended(outage, &flowing[1..]).is_empty());
            assert_eq!(offended(outage, &[]), ["looked_at"]);
        }
        for outage in [Outage::MemoryAlarm, Outage::DiskAlarm] {
            assert!(during_it(outage, &[], 10).is_empty(), "the broker says itself what it does");
        }
    }

    #[test]
    fn the_shortest_outage_that_is_taken_has_a_second_to_look_at() {
        let lasts = SHORTEST_SECONDS as f64;
        let every = |tenths: u32| f64::from(tenths) / 10.0;
        for begins in (0..10).map(every) {
            let seconds: Vec<Second> =
                (0..60).map(|at| Second { at: f64::from(at), consumed: 0, acknowledged: 0, results: 0 }).collect();
            for outage in Outage::ALL {
                let (began, over) = (10.0 + begins, 10.0 + begins + lasts);
                let during = within(&seconds, outage.asked_from(began, began + 4.0), over - 1.0);
                assert!(!during.is_empty(), "{outage:?} that began at {began}");
            }
        }
    }
}
