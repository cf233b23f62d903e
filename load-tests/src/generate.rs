//! Made-up orders and exactly the keys that they need: the same files for the same mix and seed.

use std::{
    collections::VecDeque,
    fs::File,
    io::{BufWriter, Write},
    path::Path,
};

use anyhow::{Context, Result, ensure};
use serde::Serialize;

use crate::seed::{Random, mixed};

/// What to make.
#[derive(Debug, Clone)]
pub struct Mix {
    /// Good orders, each with an id of its own.
    pub orders: u64,
    pub skus: u64,
    /// Lines of an order: 1 to this many.
    pub most_lines: u64,
    /// Keys of a line: 1 to this many.
    pub most_quantity: u64,
    /// Good orders that come a second time, byte for byte, within 2,000 orders.
    pub repeats: u64,
    /// Bodies that come under the id of an earlier order and differ from it.
    pub conflicts: u64,
    /// Bodies that must never be fulfilled, in six kinds in turn.
    pub broken: u64,
    /// Keys beyond those that the orders need, per hundred.
    pub spare_percent: u64,
    pub seed: u64,
}

/// What was made, and so what has to become of it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Expectation {
    /// Lines of the file.
    pub lines: u64,
    pub orders: u64,
    pub repeats: u64,
    pub conflicts: u64,
    pub broken: u64,
    pub keys_needed: u64,
    pub keys: u64,
}

pub const ORDERS_FILE: &str = "orders.jsonl";
pub const KEYS_FILE: &str = "keys.csv";
/// How far a repeat may be from its first.
const MEMORY: usize = 2000;

/// Writes `orders.jsonl` and `keys.csv` into `folder`, which is made where it is missing.
///
/// # Errors
/// When a file can't be written, or the mix asks for nothing.
pub fn write(folder: &Path, mix: &Mix) -> Result<Expectation> {
    ensure!(
        mix.orders > 0 && mix.skus > 0 && mix.most_lines > 0 && mix.most_quantity > 0,
        "a mix needs at least one order, SKU, line and key"
    );
    std::fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let (made, need) = write_orders(&folder.join(ORDERS_FILE), mix)?;
    let keys = write_keys(&folder.join(KEYS_FILE), &need, mix)?;
    Ok(Expectation { keys, ..made })
}

fn create(path: &Path) -> Result<BufWriter<File>> {
    Ok(BufWriter::new(File::create(path).with_context(|| format!("cannot write {}", path.display()))?))
}

fn write_orders(path: &Path, mix: &Mix) -> Result<(Expectation, Vec<u64>)> {
    let mut file = create(path)?;
    let mut random = Random::new(mix.seed);
    let mut need = vec![0; usize::try_from(mix.skus)?];
    let mut made = Expectation {
        orders: mix.orders,
        repeats: mix.repeats,
        conflicts: mix.conflicts,
        broken: mix.broken,
        ..Expectation::default()
    };
    let mut earlier = VecDeque::<Order>::with_capacity(MEMORY);
    for n in 1..=mix.orders {
        let order = Order::make(n, mix, &mut random);
        for line in &order.lines {
            need[usize::try_from(line.sku)?] += line.quantity;
            made.keys_needed += line.quantity;
        }
        writeln!(file, "{}", order.body(0))?;
        if earlier.len() == MEMORY {
            earlier.pop_front();
        }
        earlier.push_back(order);
        for _ in 0..due(mix.repeats, n, mix.orders) {
            writeln!(file, "{}", one_of(&earlier, &mut random).body(0))?;
        }
        for at in 0..due(mix.conflicts, n, mix.orders) {
            writeln!(file, "{}", one_of(&earlier, &mut random).body(n * 1000 + at + 1))?;
        }
        for at in 0..due(mix.broken, n, mix.orders) {
            writeln!(file, "{}", broken(n * 1000 + at, random.below(6)))?;
        }
    }
    file.flush()?;
    made.lines = mix.orders + mix.repeats + mix.conflicts + mix.broken;
    Ok((made, need))
}

/// How many of `all` are due at step `n` of `steps`, evenly spread.
fn due(all: u64, n: u64, steps: u64) -> u64 {
    let until = |n: u64| u64::try_from(u128::from(all) * u128::from(n) / u128::from(steps)).unwrap_or(u64::MAX);
    until(n) - until(n - 1)
}

fn one_of<'a>(earlier: &'a VecDeque<Order>, random: &mut Random) -> &'a Order {
    let at = usize::try_from(random.below(earlier.len() as u64)).unwrap_or(0);
    &earlier[at]
}

#[derive(Debug, Clone)]
struct Order {
    number: u64,
    merchant: u64,
    lines: Vec<Line>,
}

#[derive(Debug, Clone)]
struct Line {
    sku: u64,
    quantity: u64,
}

impl Order {
    fn make(number: u64, mix: &Mix, random: &mut Random) -> Self {
        let lines = 1 + random.below(mix.most_lines);
        let line =
            |random: &mut Random| Line { sku: random.below(mix.skus), quantity: 1 + random.below(mix.most_quantity) };
        Self { number, merchant: random.below(97), lines: (0..lines).map(|_| line(random)).collect() }
    }

    /// `dearer`: the first line's price is so much higher, which makes another body of the same order.
    fn body(&self, dearer: u64) -> String {
        let lines: Vec<String> =
            self.lines.iter().enumerate().map(|(at, line)| line.json(at, if at == 0 { dearer } else { 0 })).collect();
        let second = self.number % 86_400;
        format!(
            r#"{{"order_id":"load-{:09}","merchant_id":"m-{:02}","placed_at":"2026-11-11T{:02}:{:02}:{:02}Z","currency":"CNY","lines":[{}],"buyer":{{"account":"u-{:05}","ip":"198.51.100.{}"}}}}"#,
            self.number,
            self.merchant,
            second / 3600,
            second / 60 % 60,
            second % 60,
            lines.join(","),
            self.number % 99_991,
            self.number % 256,
        )
    }
}

impl Line {
    fn json(&self, at: usize, dearer: u64) -> String {
        let price = 1000 + self.sku * 500 + dearer;
        format!(
            r#"{{"line_no":{},"sku":"card-{:02}","quantity":{},"unit_price":{price}}}"#,
            at + 1,
            self.sku,
            self.quantity
        )
    }
}

fn broken(number: u64, kind: u64) -> String {
    let body = |id: &str, currency: &str, lines: &str| {
        format!(
            r#"{{"order_id":"{id}","merchant_id":"m-00","placed_at":"2026-11-11T00:00:00Z","currency":"{currency}","lines":[{lines}]}}"#
        )
    };
    let line =
        |sku: &str, quantity: u64| format!(r#"{{"line_no":1,"sku":"{sku}","quantity":{quantity},"unit_price":1000}}"#);
    let id = format!("broken-{number:09}");
    match kind {
        0 => format!(r#"{{"order_id":"{id}","lines":["#),
        1 => body(&id, "CNY", &line("card-00", 0)),
        2 => body(&id, "CNY", ""),
        3 => body(&id, "CNY", &line("no-such-sku", 1)),
        4 => body(&id.repeat(5), "CNY", &line("card-00", 1)),
        _ => body(&id, "cny$", &line("card-00", 1)),
    }
}

fn write_keys(path: &Path, need: &[u64], mix: &Mix) -> Result<u64> {
    let mut file = create(path)?;
    writeln!(file, "sku,key")?;
    let mut number = 0;
    for (sku, need) in need.iter().enumerate() {
        for _ in 0..(need + (need * mix.spare_percent).div_ceil(100)) {
            writeln!(file, "card-{sku:02},{}", key(number, mix.seed))?;
            number += 1;
        }
    }
    file.flush()?;
    Ok(number)
}

/// Four groups of five; another one for each number of a seed, since `mixed` gives no number twice.
fn key(number: u64, seed: u64) -> String {
    const ALPHABET: &[u8; 32] = b"23456789ABCDEFGHJKLMNPQRSTUVWXYZ";
    let first = u128::from(mixed(number.wrapping_add(mixed(seed))));
    let mut rest = first | u128::from(mixed(!number)) << 64;
    let mut text = String::with_capacity(23);
    for at in 0..20 {
        if at > 0 && at % 5 == 0 {
            text.push('-');
        }
        text.push(char::from(ALPHABET[usize::try_from(rest % 32).unwrap_or(0)]));
        rest /= 32;
    }
    text
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn mix() -> Mix {
        Mix {
            orders: 500,
            skus: 3,
            most_lines: 3,
            most_quantity: 4,
            repeats: 50,
            conflicts: 7,
            broken: 20,
            spare_percent: 10,
            seed: 9,
        }
    }

    #[test]
    fn the_same_seed_makes_the_same_files_and_another_one_others() {
        let (one, two, three) =
            (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let expected = write(one.path(), &mix()).unwrap();
        assert_eq!(write(two.path(), &mix()).unwrap(), expected);
        write(three.path(), &Mix { seed: 10, ..mix() }).unwrap();
        let read = |folder: &tempfile::TempDir, name| std::fs::read_to_string(folder.path().join(name)).unwrap();
        for name in [ORDERS_FILE, KEYS_FILE] {
            assert_eq!(read(&one, name), read(&two, name));
            assert_ne!(read(&one, name), read(&three, name));
        }
        assert_eq!(read(&one, ORDERS_FILE).lines().count() as u64, expected.lines);
        let keys: Vec<String> = read(&one, KEYS_FILE).lines().skip(1).map(str::to_owned).collect();
        assert_eq!(keys.len() as u64, expected.keys);
        assert_eq!(keys.iter().collect::<HashSet<_>>().len(), keys.len());
        assert!(expected.keys >= expected.keys_needed * 11 / 10);
    }

    #[test]
    fn counts_are_what_the_mix_says() {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), &mix()).unwrap();
        let text = std::fs::read_to_string(folder.path().join(ORDERS_FILE)).unwrap();
        let good: Vec<&str> = text.lines().filter(|line| line.contains("\"load-")).collect();
        let ids: HashSet<&str> = good.iter().map(|line| &line[13..27]).collect();
        assert_eq!((good.len(), ids.len()), (557, 500));
        assert_eq!(good.iter().collect::<HashSet<_>>().len(), 507, "a conflict is another body under an earlier id");
        assert_eq!(text.lines().count() - good.len(), 20);
    }

    #[test]
    fn what_is_due_adds_up() {
        for (all, steps) in [(0, 5), (3, 10), (10, 3), (7, 7)] {
            assert_eq!((1..=steps).map(|n| due(all, n, steps)).sum::<u64>(), all);
        }
    }
}
