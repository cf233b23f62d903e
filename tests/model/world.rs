//! One seed's world: what is sent, who is killed when, which calls fail.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use fulfil::{
    ops::drain::{Drain, Phase},
    pipeline::{announce::Mode, board::Board, intake::Limits},
    pool::{self, Ports, Settings},
    procurement::buyer::Times,
};
use fulfil_contract::{
    ids::{Fingerprint, SealedKey, Sku},
    ports::stock_ledger::{NewKey, StockLedger},
};
use fulfil_memory::{Fault, Memory};
use rand::{RngExt, SeedableRng, rngs::StdRng};

use crate::checks::{self, Seen};

/// Of the environment.
pub(crate) fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().and_then(|text| text.parse().ok())
}

const SKUS: [&str; 3] = ["red", "green", "blue"];

/// What was sent: bodies by what must become of them.
#[derive(Debug, Default)]
pub(crate) struct Sent {
    /// Order id → SKU and quantity per line.
    pub(crate) good: BTreeMap<String, Vec<(String, usize)>>,
    pub(crate) refused: Vec<String>,
    /// Message ids of conflicts.
    pub(crate) conflicts: Vec<String>,
    /// Message ids of bodies without an order id.
    pub(crate) unreadable: Vec<String>,
    pub(crate) keys: usize,
}

pub(crate) struct World {
    memory: Memory,
    lanes: u16,
    rng: StdRng,
    sent: Sent,
    seen: Seen,
}

impl World {
    pub(crate) fn run(seed: u64) -> Seen {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let mut rng = StdRng::seed_from_u64(seed);
            let lanes = rng.random_range(1..=3);
            let mut world =
                Self { memory: Memory::new(lanes), lanes, rng, sent: Sent::default(), seen: Seen::default() };
            world.fill().await;
            for _ in 0..world.rng.random_range(0..=3) {
                world.live_and_be_killed().await;
            }
            world.live_to_the_end().await;
            checks::check(&world.memory, &world.sent).await;
            world.seen.seeds += 1;
            world.seen
        })
    }

    async fn fill(&mut self) {
        let orders = self.rng.random_range(5..60);
        let mut bodies: Vec<(u16, String)> = Vec::new();
        let mut keys = BTreeMap::new();
        for n in 0..orders {
            let lane = self.rng.random_range(0..self.lanes);
            let id = format!("o-{n}");
            let lines: Vec<(String, usize)> = (0..self.rng.random_range(1..=3))
                .map(|_| (SKUS[self.rng.random_range(0..SKUS.len())].to_owned(), self.rng.random_range(1..=4)))
                .collect();
            let body = body(&id, &lines);
            bodies.push((lane, body.clone()));
            for (sku, quantity) in &lines {
                *keys.entry(sku.clone()).or_insert(0) += quantity;
            }
            if self.rng.random_bool(0.2) {
                let later = self.rng.random_range(0..=bodies.len());
                let again = (self.rng.random_range(0..self.lanes), body.clone());
                bodies.insert(later, again);
                self.seen.repeats += 1;
            }
            self.sent.good.insert(id.clone(), lines);
            if self.rng.random_bool(0.1) {
                // Which of the two stands depends on who comes first; the other is a conflict.
                let other = format!("{body} ");
                bodies.push((lane, other));
                self.sent.conflicts.push(id.clone());
            }
            if self.rng.random_bool(0.1) {
                let id = format!("bad-{n}");
                bodies.push((
                    lane,
                    body.replace(&format!("\"o-{n}\""), &format!("\"{id}\"")).replace("\"USD\"", "\"usd$\""),
                ));
                self.sent.refused.push(id);
            }
            if self.rng.random_bool(0.1) {
                let cut = format!("{{\"order_id\":\"cut-{n}\",");
                self.sent
                    .unreadable
                    .push(format!("rejected:{}", fulfil_contract::ids::BodyHash::of(cut.as_bytes()).hex(32)));
                bodies.push((lane, cut.clone()));
                bodies.push((lane, cut));
            }
        }
        let mut new = Vec::new();
        for (sku, count) in keys {
            for _ in 0..count + self.rng.random_range(0..3) {
                let fingerprint = Fingerprint(self.rng.random());
                new.push(NewKey {
                    sku: Sku::parse(&sku).unwrap(),
                    fingerprint,
                    sealed: SealedKey(fingerprint.0.to_vec()),
                });
            }
        }
        self.sent.keys = new.len();
        self.memory.import(&new, self.rng.random_range(1..=2)).await.unwrap();
        for (lane, body) in bodies {
            self.memory.enqueue(lane, body.into_bytes(), None);
        }
    }

    /// A worker with faults all around, killed at a random moment.
    async fn live_and_be_killed(&mut self) {
        let faults = Arc::new(Mutex::new(StdRng::seed_from_u64(self.rng.random())));
        let (likely, made) = (self.rng.random_range(0..25), Arc::new(Mutex::new(0u64)));
        let counted = made.clone();
        self.memory.disturb(move |call| {
            let mut rng = faults.lock().unwrap();
            let fault = disturbance(call, likely, &mut rng);
            *counted.lock().unwrap() += u64::from(!matches!(fault, Fault::None | Fault::Yield(_)));
            fault
        });
        let life = Duration::from_micros(self.rng.random_range(0..4_000_000));
        let (drain, draining) = Drain::new();
        let worker = pool::run(self.ports(), self.settings(None), Board::default(), Arc::new(drain), draining);
        let chaos = StdRng::seed_from_u64(self.rng.random());
        // Dropped at the end of its life: every task of it ends where it awaits.
        let events = Arc::new(Mutex::new(Seen::default()));
        tokio::select! {
            _ = worker => {}
            () = async { Self::chaos(self.memory.clone(), chaos, &events).await; std::future::pending().await } => {}
            () = tokio::time::sleep(life) => {}
        }
        self.seen.add(&events.lock().unwrap());
        self.memory.cut_sessions();
        self.seen.kills += 1;
        self.seen.faults += *made.lock().unwrap();
    }

    /// Cuts, losses and roll-backs, until the worker is killed.
    async fn chaos(memory: Memory, mut rng: StdRng, events: &Mutex<Seen>) {
        let mut copy = memory.copy_stock();
        for _ in 0..rng.random_range(0..6) {
            tokio::time::sleep(Duration::from_micros(rng.random_range(0..800_000))).await;
            match rng.random_range(0..5) {
                0 => {
                    memory.cut_sessions();
                    events.lock().unwrap().cuts += 1;
                }
                1 => {
                    memory.empty_stock();
                    events.lock().unwrap().losses += 1;
                }
                2 => {
                    memory.restart_stock_on(copy.clone());
                    events.lock().unwrap().losses += 1;
                }
                _ => copy = memory.copy_stock(),
            }
        }
    }

    /// Without faults: until the queues are empty, and a while longer for what the dead have left.
    async fn live_to_the_end(&mut self) {
        self.memory.disturb(|_| Fault::None);
        let (drain, draining) = Drain::new();
        let drain = Arc::new(drain);
        let worker = pool::run(self.ports(), self.settings(None), Board::default(), drain.clone(), draining);
        let end = async {
            tokio::time::sleep(Duration::from_secs(40)).await;
            drain.enter(Phase::Draining);
            std::future::pending::<()>().await
        };
        tokio::select! {
            done = worker => assert!(!done.unwrap().abandoned),
            () = end => {}
        }
    }

    fn settings(&self, until_empty: Option<Duration>) -> Settings {
        Settings {
            mode: Mode::Single,
            limits: Limits { orders: 16, ..Limits::default() },
            in_flight: 3,
            until_empty,
            grace: Duration::from_secs(5),
            assortment: Arc::default(),
            times: Times { lease: Duration::from_secs(60), line: Duration::from_secs(3_600) },
            buying: None,
        }
    }

    fn ports(&self) -> Ports {
        let memory = Arc::new(self.memory.clone());
        let announcer = memory.clone();
        Ports {
            sources: memory.clone(),
            announcers: Box::new(move || announcer.clone()),
            stock: memory.clone(),
            loading: memory.clone(),
            claims: memory.clone(),
            ledger: memory.clone(),
            stock_ledger: memory.clone(),
            procurements: memory,
        }
    }
}

fn disturbance(call: &str, likely: u32, rng: &mut StdRng) -> Fault {
    if rng.random_range(0..100) >= likely {
        return if rng.random_bool(0.3) { Fault::Yield(rng.random_range(1..5)) } else { Fault::None };
    }
    match rng.random_range(0..3) {
        0 => Fault::Before,
        1 => Fault::After,
        // Data that the ledger refuses would be a rejected order, rightly.
        _ if call.starts_with("ledger") || call.starts_with("stock_ledger") || call.starts_with("source") => {
            Fault::Before
        }
        _ => Fault::Refused,
    }
}

fn body(id: &str, lines: &[(String, usize)]) -> String {
    let lines: Vec<String> = lines
        .iter()
        .enumerate()
        .map(|(n, (sku, quantity))| format!(r#"{{"line_no":{n},"sku":"{sku}","quantity":{quantity},"unit_price":1}}"#))
        .collect();
    format!(
        r#"{{"order_id":"{id}","merchant_id":"m","placed_at":"1997-01-12T00:00:00Z","currency":"USD","lines":[{}]}}"#,
        lines.join(",")
    )
}
