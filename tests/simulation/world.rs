//! One seed's world: a memory backend, suppliers, up to three workers at once, and what befalls them; then workers
//! without faults, until all is at rest.

mod acts;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use fulfil::pipeline::announce::Mode;
use fulfil_contract::{
    attempt::Reference,
    ids::{Fingerprint, SealedKey, Sku},
    ports::{
        books::Books,
        procurements::{Procurements, Reviews},
        stock_ledger::{NewKey, StockLedger},
    },
    procurement::ReviewId,
    supplier::{About, Resend, SupplierName},
    time::Timestamp,
};
use fulfil_memory::{Memory, StockCopy};
use rand::{Rng, RngExt, SeedableRng, rngs::SmallRng};
use tokio::{sync::mpsc, time::Instant};

use crate::{
    invariants::{Rest, Watch},
    orders::{BEGAN, Demand, MIXED, PLENTY, SCARCE},
    process::{Trouble, Weather},
    seen::Seen,
    supplier::{Double, Market},
    trace::{Trace, Who},
    worker::{LINE, Worker},
};

pub(crate) struct World {
    memory: Memory,
    lanes: u16,
    rng: SmallRng,
    began: Instant,
    pub(crate) trace: Arc<Trace>,
    pub(crate) seen: Seen,
    pub(crate) watch: Arc<Watch>,
    weather: Weather,
    demand: Demand,
    mode: Mode,
    doubles: Vec<Double>,
    callbacks: mpsc::UnboundedReceiver<(&'static str, Reference)>,
    workers: Vec<Worker>,
    started: u32,
    copy: StockCopy,
    /// A person sees to reviews.
    attended: bool,
    with_an_old_worker: bool,
}

impl World {
    pub(crate) fn new(seed: u64, with_text: bool) -> Self {
        let mut rng = SmallRng::seed_from_u64(seed);
        let lanes = rng.random_range(1..=3);
        let memory = Memory::begun_at(lanes, Timestamp(BEGAN));
        let (trace, seen, watch) = (Arc::new(Trace::new(with_text)), Seen::default(), Arc::new(Watch::new(&memory)));
        let (sender, callbacks) = mpsc::unbounded_channel();
        let slow = rng.random_bool(0.5);
        let market = Market {
            trace: trace.clone(),
            seen: seen.clone(),
            watch: watch.clone(),
            callbacks: sender,
            seed,
            trouble: rng.random_range(0..40),
        };
        let mut doubles = vec![
            Double::new("asked", true, Resend::Refused, &market),
            Double::new("same", false, Resend::Idempotent, &market),
            Double::new("unsafe", true, Resend::Unsafe, &market),
        ];
        doubles.rotate_left(rng.random_range(0..3));
        let mode = if rng.random_bool(0.7) { Mode::Single } else { Mode::Batch };
        let copy = memory.copy_stock();
        let attended = rng.random_bool(0.7);
        Self {
            memory,
            lanes,
            rng,
            began: Instant::now(),
            trace,
            seen,
            watch,
            weather: Arc::new(Mutex::new(BTreeMap::new())),
            demand: Demand { slow },
            mode,
            doubles,
            callbacks,
            workers: Vec::new(),
            started: 0,
            copy,
            attended,
            with_an_old_worker: false,
        }
    }

    /// All of its life.
    pub(crate) async fn live(&mut self) {
        self.seen.count("mode", if self.mode == Mode::Single { "single" } else { "batch" });
        let orders = self.rng.random_range(3..30);
        self.order(orders);
        self.first_stock().await;
        for _ in 0..self.rng.random_range(0..=12) {
            self.act().await;
            self.let_time_pass().await;
            if self.watch.broken().is_some() {
                return;
            }
        }
        self.come_to_rest().await;
        if self.watch.broken().is_some() {
            return;
        }
        self.look_at_the_end().await;
    }

    fn tell(&self, what: &str, of: &str, how: u64) {
        self.trace.tell(Who::World, what, of, how);
    }

    fn now(&self) -> Timestamp {
        Timestamp(BEGAN + i64::try_from(self.began.elapsed().as_micros()).unwrap())
    }

    async fn let_time_pass(&mut self) {
        let most = match self.rng.random_range(0..20) {
            0..12 => 900_000,
            12..19 => 6_000_000,
            _ => 40_000_000,
        };
        let time = Duration::from_micros(self.rng.random_range(0..most));
        self.pass(time).await;
    }

    /// Lets time pass, and hands on what suppliers call back about.
    async fn pass(&mut self, time: Duration) {
        let until = Instant::now() + time;
        loop {
            let called = tokio::select! {
                biased;
                called = self.callbacks.recv() => called,
                () = tokio::time::sleep_until(until) => return,
            };
            if let Some((supplier, reference)) = called {
                self.called_back(supplier, reference).await;
            }
        }
    }

    /// A callback reaches one of the workers, as `POST /callbacks` would hand it on: it wakes, and no more.
    async fn called_back(&mut self, supplier: &str, reference: Reference) {
        let awake: Vec<&Worker> =
            self.workers.iter().filter(|worker| !worker.process.is_frozen() && !worker.has_ended()).collect();
        if awake.is_empty() {
            return;
        }
        let worker = awake[self.rng.random_range(0..awake.len())];
        self.seen.count("supplier", "called back");
        let (memory, bell) = (worker.memory.clone(), worker.bell.clone());
        let supplier = SupplierName::parse(supplier).unwrap();
        tokio::spawn(async move {
            let woken = memory.wake(&supplier, &About::Reference(reference)).await;
            if let Ok(Some(woken)) = woken
                && woken.attempt.state.is_open()
            {
                bell.notify_one();
            }
        });
    }

    /// Orders arrive.
    fn order(&mut self, orders: u32) {
        for _ in 0..orders {
            let now = self.now().0;
            let messages = self.watch.sent().make(self.demand, now, &mut self.rng, &self.seen);
            for (message_id, body) in messages {
                let lane = self.rng.random_range(0..self.lanes);
                self.tell("sent", "", body.len() as u64);
                self.memory.enqueue(lane, body, message_id);
            }
        }
    }

    async fn first_stock(&mut self) {
        for sku in PLENTY {
            // For the orders that come later as well.
            let keys = self.watch.sent().wanted(sku) + 150;
            self.import(sku, keys, false).await;
        }
        let scarce = self.watch.sent().wanted(SCARCE);
        let keys = self.rng.random_range(1..=scarce + 1);
        self.import(SCARCE, keys, false).await;
        if self.demand.slow {
            let keys = self.rng.random_range(0..6);
            self.import(MIXED, keys, false).await;
        }
    }

    async fn import(&mut self, sku: &str, keys: usize, later: bool) {
        self.tell("import", sku, keys as u64);
        let new: Vec<NewKey> = (0..keys)
            .map(|_| {
                let mut fingerprint = [0; 16];
                self.rng.fill_bytes(&mut fingerprint);
                let sealed = SealedKey(fingerprint.to_vec());
                NewKey { sku: Sku::parse(sku).unwrap(), fingerprint: Fingerprint(fingerprint), sealed }
            })
            .collect();
        let buckets = self.rng.random_range(1..=2);
        self.memory.import(&new, buckets).await.unwrap();
        self.watch.imported(sku, keys as u64, later);
    }

    /// No fault any more: whoever is stopped goes on, or dies; fresh workers join in.
    async fn come_to_rest(&mut self) {
        self.tell("rest", "", 0);
        self.weather.lock().unwrap().clear();
        for worker in std::mem::take(&mut self.workers) {
            if self.rng.random_bool(0.5) {
                worker.process.trouble(Trouble::NONE);
                worker.process.go_on();
                self.workers.push(worker);
                self.with_an_old_worker = true;
            } else {
                worker.kill();
            }
        }
        for _ in 0..self.rng.random_range(1..=2) {
            let turns = self.rng.random_range(0..20);
            // Most claims of the dead are taken over here: not always without trouble.
            let sore = self.rng.random_bool(0.2).then_some("stock_ledger.still_available");
            self.start_with(Trouble { turns, sore, ..Trouble::NONE }, false);
        }
        let limit = Instant::now() + LINE * 6;
        while let Some(left) = self.left() {
            if self.watch.broken().is_some() {
                return;
            }
            if Instant::now() > limit {
                return self.watch.breach("I4", format!("this never comes to its end: {left}"));
            }
            if self.workers.iter().all(Worker::has_ended) {
                self.start_with(Trouble::NONE, false);
            }
            let pause = if self.memory.unacknowledged() > 0 { 300 } else { 1_000 };
            self.pass(Duration::from_millis(pause)).await;
            if self.rng.random_range(0..10) == 0 {
                self.attend().await;
            }
        }
        self.end_the_workers().await;
    }

    /// What is not at rest yet.
    fn left(&self) -> Option<String> {
        let memory = &self.memory;
        let left = (
            memory.unacknowledged(),
            memory.open_procurements(),
            memory.owed_results(),
            memory.open_claims_now(),
            memory.astray().len(),
        );
        let (messages, procurements, owed, claims, astray) = left;
        (left != (0, 0, 0, 0, 0)).then(|| {
            format!(
                "{messages} messages, {procurements} procurements, {owed} results owed, {claims} claims, \
                 {astray} keys that are not offered"
            )
        })
    }

    /// They drain, each within its grace period, and leave nothing.
    async fn end_the_workers(&mut self) {
        for worker in &self.workers {
            worker.drain();
        }
        for worker in std::mem::take(&mut self.workers) {
            let number = worker.number;
            match worker.ended().await {
                Ok(_) => {}
                Err(why) if why.contains("did not start") => self.seen.count("worker", "ended empty"),
                Err(why) => self.watch.breach("I4", why),
            }
            self.tell("ended", "", u64::from(number));
        }
    }

    async fn look_at_the_end(&mut self) {
        let mut files = BTreeMap::new();
        for id in self.watch.order_ids() {
            if let Some(file) = self.memory.order(&id).await.unwrap() {
                let (status, revision) = (file.order.status.as_str(), file.order.revision.0);
                let keys = file.order.key_ids().fold(0, |sum, key| sum * 31 + key.0 as u64);
                self.tell("is", &format!("{id}:{revision} {status}"), keys);
                files.insert(id.to_string(), file);
            }
        }
        let reviews = self.memory.reviews(true, ReviewId(0), 10_000).await.unwrap();
        self.watch.at_the_end(
            &Rest { files, reviews, with_an_old_worker: self.with_an_old_worker, attended: self.attended },
            &self.doubles,
            &self.seen,
        );
    }
}
