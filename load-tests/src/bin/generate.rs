//! Makes orders and the keys that they need; prints what has to become of them, as JSON.

use std::path::PathBuf;

use clap::Parser;
use fulfil_load_tests::generate::{Mix, write};

/// Writes OUT_DIR/orders.jsonl (an order a line) and OUT_DIR/keys.csv (sku,key).
#[derive(Parser)]
struct Arguments {
    out_dir: PathBuf,
    /// Good orders, each with an id of its own.
    #[arg(long, default_value_t = 10_000)]
    orders: u64,
    #[arg(long, default_value_t = 8)]
    skus: u64,
    /// An order has 1 to this many lines.
    #[arg(long, default_value_t = 1)]
    lines: u64,
    /// A line wants 1 to this many keys.
    #[arg(long, default_value_t = 1)]
    quantity: u64,
    /// Orders that come a second time, byte for byte.
    #[arg(long, default_value_t = 0)]
    repeats: u64,
    /// Other bodies under ids that came before.
    #[arg(long, default_value_t = 0)]
    conflicts: u64,
    /// Bodies that must never be fulfilled.
    #[arg(long, default_value_t = 0)]
    broken: u64,
    /// Keys beyond those that are needed, in percent.
    #[arg(long, default_value_t = 0)]
    spare: u64,
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

fn main() -> anyhow::Result<()> {
    let Arguments { out_dir, orders, skus, lines, quantity, repeats, conflicts, broken, spare, seed } =
        Arguments::parse();
    let mix = Mix {
        orders,
        skus,
        most_lines: lines,
        most_quantity: quantity,
        repeats,
        conflicts,
        broken,
        spare_percent: spare,
        seed,
    };
    println!("{}", serde_json::to_string(&write(&out_dir, &mix)?)?);
    Ok(())
}
