//! What recording costs: orders per second and Postgres's CPU time per order, in turn with the barest statement
//! that does the same (insert the order, sell its key; no checks, no kinds of answers).
//!
//! `cargo run --release -p fulfil-postgres --example record_cost -- [ORDERS [ROUNDS [BATCH [IN_FLIGHT]]]]`
//!
//! On a private server of its own, fsync and `synchronous_commit` on. Orders are of one key each, of 8 SKUs.
//! Only ratios of runs in turn mean anything: a machine's own speed drifts.

use std::{
    env,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use fulfil_contract::{
    ids::{BodyHash, Fingerprint, KeyId, LineNo, MerchantId, OrderId, Quantity, SealedKey, Sku},
    ports::{
        books::Books,
        ledger::Ledger,
        stock_ledger::{Imported, NewKey, StockLedger},
    },
    proposal::{Entry, Fill, Proposal, ProposedLine, ProposedOrder},
    recorded::Judgement,
};
use fulfil_postgres::{Postgres, migrate};
use futures_util::{StreamExt, TryStreamExt, stream};
use private_servers::Server;
use tokio_postgres::{Client, NoTls, Statement};

const SKUS: usize = 8;

const BARE_SCHEMA: &str = "
    create schema bare;
    create table bare.card_key(id bigint primary key, sku_id int not null, state smallint not null default 0,
      order_id text, fingerprint bytea not null, sealed bytea not null) with (fillfactor = 45);
    create table bare.orders(order_id text primary key, merchant_id text not null, body_hash bigint not null,
      state smallint not null, lines bigint[] not null, decided_at timestamptz not null default now())";

const BARE_RECORD: &str = "
    with b as (select * from unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[]) b(order_id, merchant_id, body_hash, key_id)),
    fresh as (insert into bare.orders(order_id, merchant_id, body_hash, state, lines)
      select order_id, merchant_id, body_hash, 1, array[key_id] from b on conflict do nothing returning order_id)
    update bare.card_key k set state = 1, order_id = b.order_id from b join fresh using (order_id)
    where k.id = b.key_id and k.state = 0 returning k.order_id, k.id, k.sealed";

#[derive(Debug, Clone, Copy)]
struct Plan {
    orders: usize,
    rounds: usize,
    batch: usize,
    in_flight: usize,
}

#[derive(Debug, Default)]
struct Figures {
    per_second: Vec<f64>,
    micros: Vec<f64>,
}

#[tokio::main]
async fn main() -> Result<()> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let number = |at: usize, default: usize| {
        arguments.get(at).map_or(Ok(default), |text| text.parse().with_context(|| format!("{text} is no number")))
    };
    let plan =
        Plan { orders: number(0, 100_000)?, rounds: number(1, 3)?, batch: number(2, 1_000)?, in_flight: number(3, 4)? };
    let server = private_servers::Postgres::start()?;
    let url = server.url();
    migrate(&url).await?;
    let ledger = Postgres::new(&url, plan.in_flight, Duration::from_secs(60))?;
    let bare = Bare::connect(&url, plan).await?;
    let admin = connect(&url).await?;
    let keys = import(&ledger, plan).await?;
    admin.batch_execute("vacuum analyze").await?;

    let (mut of_bare, mut of_ledger) = (Figures::default(), Figures::default());
    for round in 0..plan.rounds {
        let keys = &keys[round * plan.orders..][..plan.orders];
        for (name, figures) in [("bare", &mut of_bare), ("ledger", &mut of_ledger)] {
            admin.batch_execute("checkpoint").await?;
            let (cpu, own, since) = (server.cpu_time()?, own_cpu()?, Instant::now());
            match name {
                "bare" => bare.record(plan, round).await?,
                _ => record(&ledger, plan, round, keys).await?,
            }
            let took = since.elapsed();
            let (cpu, own) = (server.cpu_time()?.saturating_sub(cpu), own_cpu()?.saturating_sub(own));
            figures.per_second.push(plan.orders as f64 / took.as_secs_f64());
            figures.micros.push(cpu.as_secs_f64() * 1e6 / plan.orders as f64);
            println!(
                "{name:6} round {round}: {:7.0} orders/s, CPU us per order: Postgres {:5.1}, this process {:5.1}",
                figures.per_second[round],
                figures.micros[round],
                own.as_secs_f64() * 1e6 / plan.orders as f64,
            );
        }
    }
    let (slow, cheap) = (
        median(&mut of_ledger.per_second) / median(&mut of_bare.per_second),
        median(&mut of_ledger.micros) / median(&mut of_bare.micros),
    );
    println!(
        "medians: ledger/bare = {slow:.2} of its orders/s, {cheap:.2} of its CPU ({:.1} and {:.1} us)",
        median(&mut of_ledger.micros),
        median(&mut of_bare.micros)
    );
    let hot = admin.query_one("select n_tup_hot_upd::float8 / greatest(n_tup_upd, 1) from pg_stat_user_tables where schemaname = 'fulfil' and relname = 'card_key'", &[]).await?;
    println!("HOT updates of card_key: {:.1} %", hot.get::<_, f64>(0) * 100.0);
    let balance = ledger.balance().await?;
    ensure!(
        balance.orders as usize == plan.orders * plan.rounds
            && balance.lines_short == 0
            && balance.unbalanced.is_empty(),
        "{} orders, {} lines short",
        balance.orders,
        balance.lines_short
    );
    Ok(())
}

fn own_cpu() -> Result<Duration> {
    private_servers::cpu_time(std::process::id())
}

fn median(figures: &mut [f64]) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}

async fn connect(url: &str) -> Result<Client> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    tokio::spawn(connection);
    Ok(client)
}

fn order_name(side: &str, round: usize, at: usize) -> String {
    format!("{side}{round}Z{at:022}")
}

/// The keys in the order in which stock would offer them to batches of all SKUs.
async fn import(ledger: &Postgres, plan: Plan) -> Result<Vec<(Sku, KeyId)>> {
    let skus: Vec<Sku> = (0..SKUS).map(|at| Sku::parse(&format!("sku-{at}"))).collect::<Result<_, _>>()?;
    let mut by_sku: Vec<Vec<KeyId>> = vec![Vec::new(); SKUS];
    for part in (0..plan.orders * plan.rounds).collect::<Vec<_>>().chunks(5_000) {
        let keys: Vec<NewKey> = part.iter().map(|at| new_key(&skus[at % SKUS], *at)).collect();
        for (at, imported) in part.iter().zip(ledger.import(&keys, 1).await?) {
            let Imported::New(id) = imported else { bail!("key {at} is a repeat") };
            by_sku[at % SKUS].push(id);
        }
    }
    Ok((0..plan.orders * plan.rounds).map(|at| (skus[at % SKUS].clone(), by_sku[at % SKUS][at / SKUS])).collect())
}

fn new_key(sku: &Sku, at: usize) -> NewKey {
    let mut fingerprint = [0; 16];
    fingerprint.copy_from_slice(&BodyHash::of(&at.to_be_bytes()).0[..16]);
    NewKey { sku: sku.clone(), fingerprint: Fingerprint(fingerprint), sealed: SealedKey(vec![b'x'; 71]) }
}

async fn record(ledger: &Postgres, plan: Plan, round: usize, keys: &[(Sku, KeyId)]) -> Result<()> {
    let quantity = Quantity::new(1).context("1 is a quantity")?;
    let entry = |at: usize, (sku, id): &(Sku, KeyId)| -> Result<Entry> {
        let name = order_name("L", round, at);
        let line =
            ProposedLine { line_no: LineNo(1), sku: sku.clone(), quantity, fill: Fill::Claimed(vec![*id]), need: None };
        Ok(Entry::Order(ProposedOrder {
            order_id: OrderId::parse(&name)?,
            merchant_id: Some(MerchantId::parse(&format!("m-{:02}", at % 97))?),
            body_hash: BodyHash::of(name.as_bytes()),
            expires_at: None,
            proposal: Proposal::Fulfil(vec![line]),
        }))
    };
    let batches: Vec<Vec<Entry>> = keys
        .chunks(plan.batch)
        .enumerate()
        .map(|(number, keys)| keys.iter().enumerate().map(|(at, key)| entry(number * plan.batch + at, key)).collect())
        .collect::<Result<_>>()?;
    stream::iter(batches.iter().map(|batch| ledger.record(batch)))
        .buffer_unordered(plan.in_flight)
        .map_err(anyhow::Error::from)
        .try_for_each(async |judged| {
            ensure!(judged.iter().all(|judgement| matches!(judgement, Judgement::New(_))), "an order is not new");
            Ok(())
        })
        .await
}

/// The barest statement, on as many connections as there are batches in flight.
struct Bare {
    clients: Vec<(Client, Statement)>,
}

impl Bare {
    async fn connect(url: &str, plan: Plan) -> Result<Arc<Self>> {
        let client = connect(url).await?;
        client.batch_execute(BARE_SCHEMA).await?;
        let keys = plan.orders * plan.rounds;
        client.batch_execute(&format!(
            "insert into bare.card_key(id, sku_id, fingerprint, sealed)
               select i, i % {SKUS}, substr(sha256(i::text::bytea), 1, 16), repeat('x', 71)::bytea from generate_series(1, {keys}) i;
             create unique index on bare.card_key(fingerprint); create index on bare.card_key(sku_id, id)")).await?;
        let mut clients = Vec::new();
        for _ in 0..plan.in_flight {
            let client = connect(url).await?;
            let record = client.prepare(BARE_RECORD).await?;
            clients.push((client, record));
        }
        Ok(Arc::new(Self { clients }))
    }

    async fn record(&self, plan: Plan, round: usize) -> Result<()> {
        let lanes = self.clients.iter().enumerate().map(async |(lane, (client, record))| -> Result<()> {
            for batch in (lane..plan.orders / plan.batch).step_by(plan.in_flight) {
                let orders = batch * plan.batch..(batch + 1) * plan.batch;
                let names: Vec<String> = orders.clone().map(|at| order_name("B", round, at)).collect();
                let merchants: Vec<String> = orders.clone().map(|at| format!("m-{:02}", at % 97)).collect();
                let hashes: Vec<i64> = vec![7; plan.batch];
                let ids: Vec<i64> = orders.map(|at| (round * plan.orders + at + 1) as i64).collect();
                let sold = client.query(record, &[&names, &merchants, &hashes, &ids]).await?;
                ensure!(sold.len() == plan.batch, "{} of {} sold", sold.len(), plan.batch);
            }
            Ok(())
        });
        futures_util::future::try_join_all(lanes).await.map(drop)
    }
}
