//! What befalls a world: workers are started, killed, stopped, drained; servers go away, lose what they hold, or hold
//! what they held before; orders and keys come late; a person decides.

use std::{sync::Arc, time::Duration};

use fulfil_contract::ids::KeyId;
use rand::{Rng, RngExt};
use tokio::time::Instant;

use super::World;
use crate::{
    orders::{MIXED, PLENTY, SCARCE},
    person,
    process::{Process, Trouble},
    worker::{Configured, LEASE, Worker},
};

impl World {
    /// Something happens.
    pub(super) async fn act(&mut self) {
        self.workers.retain(|worker| !worker.has_ended());
        match self.rng.random_range(0..100) {
            _ if self.workers.is_empty() => self.start(),
            0..18 if self.workers.len() < 3 => self.start(),
            0..30 => self.kill(),
            30..44 => self.freeze(),
            44..50 => self.drain(),
            50..58 => {
                self.tell("cut", "broker", 0);
                self.seen.count("broker", "cut");
                self.memory.cut_sessions();
            }
            58..64 => {
                self.tell("emptied", "stock", 0);
                self.seen.count("stock", "emptied");
                self.memory.empty_stock();
            }
            64..70 => {
                self.tell("rolled back", "stock", 0);
                self.seen.count("stock", "rolled back");
                self.memory.restart_stock_on(self.copy.clone());
            }
            70..75 => self.copy = self.memory.copy_stock(),
            75..84 => self.server_goes_away(),
            84..89 => {
                self.seen.count("order", "late");
                let orders = self.rng.random_range(1..5);
                self.order(orders);
            }
            89..93 => {
                self.seen.count("key", "imported");
                let sku = [SCARCE, MIXED, PLENTY[0]][self.rng.random_range(0..if self.demand.slow { 2 } else { 1 })];
                let keys = self.rng.random_range(1..6);
                self.import(sku, keys, true).await;
            }
            93..96 => self.quarantine(),
            _ => self.attend().await,
        }
    }

    fn trouble(&mut self) -> Trouble {
        Trouble::roll(&mut self.rng)
    }

    fn start(&mut self) {
        let trouble = self.trouble();
        let until_empty = self.rng.random_bool(0.15);
        self.start_with(trouble, until_empty);
    }

    pub(super) fn start_with(&mut self, trouble: Trouble, until_empty: bool) {
        self.started += 1;
        self.tell("started", "", u64::from(self.started));
        self.seen.count("worker", "started");
        let seed = self.rng.next_u64();
        let process = Process::new(self.started, seed, trouble, &self.trace, &self.seen, &self.watch, &self.weather);
        let configured = Configured {
            mode: self.mode,
            orders: self.rng.random_range(1..=16),
            in_flight: self.rng.random_range(1..=4),
            until_empty,
            grace: Duration::from_secs(self.rng.random_range(1..90)),
            buys: self.demand.slow,
        };
        self.workers.push(Worker::start(self.started, Arc::new(process), &self.memory, configured, &self.doubles));
    }

    fn one_of_the_workers(&mut self) -> usize {
        self.rng.random_range(0..self.workers.len())
    }

    fn kill(&mut self) {
        let at = self.one_of_the_workers();
        let worker = self.workers.remove(at);
        self.tell("killed", "", u64::from(worker.number));
        self.seen.count("worker", "killed");
        worker.kill();
    }

    /// Stopped, for longer than a lease or not, and gone on.
    fn freeze(&mut self) {
        let at = self.one_of_the_workers();
        let most = if self.rng.random_bool(0.5) { 3_000 } else { 60_000 };
        let time = Duration::from_millis(self.rng.random_range(1..most));
        self.seen.count("worker", "frozen");
        if time > LEASE * 2 {
            self.seen.count("worker", "frozen beyond a lease");
        }
        let process = self.workers[at].process.clone();
        process.freeze();
        tokio::spawn(async move {
            tokio::time::sleep(time).await;
            process.go_on();
        });
    }

    fn drain(&mut self) {
        let at = self.one_of_the_workers();
        self.tell("drained", "", u64::from(self.workers[at].number));
        self.seen.count("worker", "drained");
        self.workers[at].drain();
    }

    fn server_goes_away(&mut self) {
        let server = ["broker", "stock", "ledger"][self.rng.random_range(0..3)];
        let time = Duration::from_millis(self.rng.random_range(1..20_000));
        self.tell("away", server, time.as_millis() as u64);
        self.seen.count(server, "away");
        self.weather.lock().unwrap().insert(server, Instant::now() + time);
        if server == "broker" {
            self.memory.cut_sessions();
        }
    }

    fn quarantine(&mut self) {
        // Of those that there are more than enough of.
        let key = KeyId(self.rng.random_range(1..60));
        if self.memory.is_of(key, PLENTY[0]) && self.memory.quarantine(key) {
            self.tell("quarantine", "", key.0 as u64);
            self.seen.count("key", "quarantined");
        }
    }

    pub(super) async fn attend(&mut self) {
        let now = self.now();
        if self.attended && person::decide_one(&self.memory, now, &self.doubles, &mut self.rng).await {
            self.tell("decides", "a review", 0);
            self.seen.count("person", "resolved");
        }
    }
}
