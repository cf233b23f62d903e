//! What `fulfil run` costs in the data folder: the ports' calls of a run over 77,124 orders of 168,000 keys,
//! without decoding, sealing and deciding.
//!
//! `cargo run --release -p fulfil-sqlite --example run_cost [FOLDER [BATCHES_IN_FLIGHT]]`

use std::{
    collections::{BTreeMap, VecDeque},
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use fulfil_contract::{
    answer::{Answer, RESULT_TYPE},
    ids::{BodyHash, Fingerprint, LineNo, MerchantId, OrderId, Quantity, SealedKey, Sku, WorkerId},
    ports::{
        announcer::{Announcer, Destination, Publication},
        books::Books,
        ledger::Ledger,
        source::{Delivery, Receipt, Sources},
        stock::{Stock, StockLoading},
        stock_ledger::{NewKey, StockLedger},
    },
    proposal::{Entry, Fill, Proposal, ProposedLine, ProposedOrder},
    recorded::Judgement,
    stock::{Bucket, ClaimAnswer, ClaimId, ClaimRequest, Epoch, GoBack, Load, Settle},
};
use fulfil_sqlite::Sqlite;

type Fallible<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

const ORDERS: usize = 77_124;
const SKUS: usize = 22;
const BATCH: usize = 1_000;
/// Keys that are imported together: every import touches most of the fingerprints' index.
const IMPORT: usize = 20_000;
const EPOCH: Epoch = Epoch(1);

/// Time spent waiting in each port's calls, those of several batches at once added up.
type Spent = Arc<Mutex<BTreeMap<&'static str, Duration>>>;

#[tokio::main(worker_threads = 2)]
async fn main() -> Fallible<()> {
    let mut args = std::env::args().skip(1);
    let temporary = tempfile::TempDir::new()?;
    let folder = args.next().map_or_else(|| temporary.path().join("data"), PathBuf::from);
    let in_flight = args.next().map_or(Ok(4), |text| text.parse())?;
    let store = Sqlite::open(&folder)?;
    let start = Instant::now();

    let quantities: Vec<usize> = (0..ORDERS).map(|order| [1, 1, 1, 2, 2, 3, 5][order * 31 % 7]).collect();
    let lines: Vec<(u64, Vec<u8>)> =
        quantities.iter().enumerate().map(|(order, quantity)| (order as u64, body(order, *quantity))).collect();
    phase("make the orders", start);
    let from = Instant::now();
    for chunk in lines.chunks(5_000) {
        store.inbox().ingest("orders.jsonl", chunk.to_vec()).await?;
    }
    phase("ingest", from);
    let from = Instant::now();
    let keys = import(&store, quantities.iter().sum()).await?;
    phase(&format!("import {keys} keys"), from);
    let from = Instant::now();
    load(&store).await?;
    phase("load stock", from);

    let from = Instant::now();
    let spent = Spent::default();
    let delivered = run(&store, quantities.into(), in_flight, &spent).await?;
    phase(&format!("run, {delivered} keys delivered, {in_flight} batches in flight"), from);
    for (call, time) in &*spent.lock().unwrap_or_else(PoisonError::into_inner) {
        println!("    {call:<12} {:>8.3} s", time.as_secs_f64());
    }
    let from = Instant::now();
    let balance = store.balance().await?;
    phase(&format!("audit: sold {}, lines short {}", balance.sold, balance.lines_short), from);
    let from = Instant::now();
    drop(store);
    phase("close", from);
    phase("all", start);
    Ok(())
}

/// A part of the run: seconds by the clock, then what the process had used by its end.
fn phase(name: &str, from: Instant) {
    println!("{name:<55} {:>8.3} s   {}", from.elapsed().as_secs_f64(), used());
}

/// CPU time and bytes written since the process began, as Linux counts them.
fn used() -> String {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // Fields 14 and 15, in hundredths of a second.
    let ticks: u64 = stat.split(' ').skip(13).take(2).filter_map(|field| field.parse::<u64>().ok()).sum();
    let io = std::fs::read_to_string("/proc/self/io").unwrap_or_default();
    let written: u64 = io.lines().find_map(|line| line.strip_prefix("wchar: ")?.parse().ok()).unwrap_or(0);
    format!("(so far: CPU {}.{:02} s, {} MB written)", ticks / 100, ticks % 100, written / 1_000_000)
}

async fn spend<T>(spent: &Spent, call: &'static str, work: impl Future<Output = T>) -> T {
    let from = Instant::now();
    let value = work.await;
    *spent.lock().unwrap_or_else(PoisonError::into_inner).entry(call).or_default() += from.elapsed();
    value
}

fn sku(number: usize) -> Fallible<Sku> {
    Ok(Sku::parse(&format!("music-{number:02}"))?)
}

fn body(order: usize, quantity: usize) -> Vec<u8> {
    let sku = order % SKUS;
    format!(
        r#"{{"order_id":"cdnow-{order:06}","merchant_id":"m-02","placed_at":"1997-01-12T00:00:00Z","currency":"USD","lines":[{{"line_no":1,"sku":"music-{sku:02}","quantity":{quantity},"unit_price":1200}}],"buyer":{{"account":"u-{order:05}","ip":"198.51.100.2"}}}}"#
    )
    .into_bytes()
}

async fn import(store: &Sqlite, wanted: usize) -> Fallible<usize> {
    // Enough of each SKU.
    let count = wanted + wanted / 4;
    for chunk in (0..count).collect::<Vec<_>>().chunks(IMPORT) {
        let mut keys = Vec::with_capacity(chunk.len());
        for number in chunk {
            let hash = BodyHash::of(&number.to_be_bytes()).0;
            let mut fingerprint = [0; 16];
            fingerprint.copy_from_slice(&hash[..16]);
            let sealed = SealedKey(hash.iter().copied().cycle().take(65).collect());
            keys.push(NewKey { sku: sku(number % SKUS)?, fingerprint: Fingerprint(fingerprint), sealed });
        }
        let _imported = store.import(&keys, 1).await?;
    }
    Ok(count)
}

async fn load(store: &Sqlite) -> Fallible<()> {
    for state in store.skus().await? {
        let bucket = Bucket { sku: state.sku.clone(), index: 0 };
        let _reset = store.reset(&bucket, EPOCH).await?;
        let mut from = fulfil_contract::ids::KeyId(0);
        while from < state.last_id {
            let ids = store.available(&state, 0, from, state.last_id, 5_000).await?;
            let to = if ids.len() < 5_000 { state.last_id } else { *ids.last().ok_or("no ids")? };
            let load = Load { bucket: bucket.clone(), epoch: EPOCH, from, to, ids, complete: to == state.last_id };
            let _loaded = store.load(&load).await?;
            from = to;
        }
    }
    Ok(())
}

/// Batches side by side, acknowledged in order, each claim with the settles of an earlier batch.
async fn run(store: &Sqlite, quantities: Arc<[usize]>, in_flight: usize, spent: &Spent) -> Fallible<usize> {
    let mut source = Sources::open(store, 0).await?;
    let settles: Arc<Mutex<Vec<Settle>>> = Arc::default();
    let (mut under_way, mut left, mut taken, mut delivered) = (VecDeque::new(), ORDERS, 0u64, 0);
    while left > 0 || !under_way.is_empty() {
        if left > 0 && under_way.len() < in_flight {
            let deliveries = spend(spent, "next", source.next(BATCH)).await?;
            left -= deliveries.len();
            taken += 1;
            let (store, quantities, settles, spent) =
                (store.clone(), Arc::clone(&quantities), Arc::clone(&settles), Arc::clone(spent));
            under_way.push_back(tokio::spawn(async move {
                batch(&store, deliveries, &quantities, &settles, taken, &spent).await
            }));
            continue;
        }
        if let Some(batch) = under_way.pop_front() {
            let (last, keys) = batch.await??;
            delivered += keys;
            spend(spent, "acknowledge", source.acknowledge_up_to(last)).await?;
        }
    }
    let rest = std::mem::take(&mut *settles.lock().unwrap_or_else(PoisonError::into_inner));
    store.settle(&rest).await?;
    source.close().await;
    Ok(delivered)
}

async fn batch(
    store: &Sqlite,
    deliveries: Vec<Delivery>,
    quantities: &[usize],
    settles: &Mutex<Vec<Settle>>,
    number: u64,
    spent: &Spent,
) -> Fallible<(Receipt, usize)> {
    let claim = ClaimId { worker: WorkerId::parse("run")?, number };
    let orders = deliveries.iter().map(|delivery| order_of(&delivery.body)).collect::<Fallible<Vec<usize>>>()?;
    let mut wanted = [0usize; SKUS];
    orders.iter().for_each(|order| wanted[order % SKUS] += quantities[*order]);
    let mut claims = Vec::with_capacity(SKUS);
    for (number, wanted) in wanted.into_iter().enumerate() {
        let bucket = Bucket { sku: sku(number)?, index: 0 };
        claims.push(ClaimRequest { bucket, epoch: EPOCH, claim: claim.clone(), most: u32::try_from(wanted)? });
    }
    let riding = std::mem::take(&mut *settles.lock().unwrap_or_else(PoisonError::into_inner));
    let answers = spend(spent, "claim", store.claim(&riding, &claims)).await?;
    let mut ids = Vec::with_capacity(SKUS);
    for answer in answers {
        match answer {
            ClaimAnswer::Claimed(claimed) => ids.push(VecDeque::from(claimed)),
            ClaimAnswer::WrongEpoch(epoch) => return Err(format!("epoch {epoch:?}").into()),
        }
    }
    let mut entries = Vec::with_capacity(orders.len());
    for (order, delivery) in orders.iter().zip(&deliveries) {
        let keys: Vec<_> = ids[order % SKUS].drain(..quantities[*order]).collect();
        let quantity = Quantity::new(u32::try_from(keys.len())?).ok_or("no quantity")?;
        let line = ProposedLine {
            line_no: LineNo(1),
            sku: sku(order % SKUS)?,
            quantity,
            fill: Fill::Claimed(keys),
            need: None,
        };
        entries.push(Entry::Order(ProposedOrder {
            order_id: OrderId::parse(&format!("cdnow-{order:06}"))?,
            merchant_id: Some(MerchantId::parse("m-02")?),
            body_hash: BodyHash::of(&delivery.body),
            expires_at: None,
            proposal: Proposal::Fulfil(vec![line]),
        }));
    }
    let judgements = spend(spent, "record", store.record(&entries)).await?;
    let (mut publications, mut delivered) = (Vec::with_capacity(judgements.len()), 0);
    for judgement in &judgements {
        let Judgement::New(order) = judgement else { return Err(format!("{judgement:?}").into()) };
        delivered += order.key_ids().count();
        let answer = Answer::Order(order);
        let (routing_key, message_id, body) = (answer.routing_key(), answer.message_id(), answer.body());
        publications.push(Publication {
            destination: Destination::Results,
            routing_key,
            kind: RESULT_TYPE,
            message_id,
            body,
            reason: None,
        });
    }
    spend(spent, "publish", store.publish(publications)).await?;
    let done = claims.into_iter().map(|request| Settle {
        bucket: request.bucket,
        epoch: EPOCH,
        claim: request.claim,
        back: GoBack::These(Vec::new()),
    });
    settles.lock().unwrap_or_else(PoisonError::into_inner).extend(done);
    let last = deliveries.into_iter().next_back().ok_or("an empty batch")?;
    Ok((last.receipt, delivered))
}

/// The order's number, where its body has it.
fn order_of(body: &[u8]) -> Fallible<usize> {
    Ok(std::str::from_utf8(&body[19..25])?.parse()?)
}
