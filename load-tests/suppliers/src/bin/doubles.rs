//! Runs suppliers' doubles until SIGTERM or SIGINT, to try the slow lane without a supplier. Prints one line of
//! JSON for each, with its address and the credentials that it takes (they are made up, and no secret).

use std::{fs, io::Write, path::PathBuf, str::FromStr};

use anyhow::Context;
use clap::Parser;
use serde_json::json;
use supplier_doubles::{Double, Millis, Mood, Product, Protocol, Setup};
use tokio::signal::unix::{SignalKind, signal};

#[derive(Parser)]
#[command(about = "Doubles of suppliers over HTTP on loopback; each logs what it sold under /double/log")]
struct Arguments {
    /// Which to start: kasushou, acg_faka, kinguin, reloadly, dujiao, each with :PORT if it matters; none: all
    doubles: Vec<Chosen>,
    /// Seed of keys, and of every decision where there is no mood file
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How they behave: a JSON file with the fields of GET /double/mood; what it leaves out is honest
    #[arg(long, value_name = "FILE")]
    mood: Option<PathBuf>,
    /// Products beside the usual ones: a JSON file as GET /double/shelf gives it
    #[arg(long, value_name = "FILE")]
    products: Option<PathBuf>,
    /// Our balance at each, in minor units
    #[arg(long, value_name = "MINOR")]
    balance: Option<i64>,
    /// Share of replies lost after having bought, over the mood's
    #[arg(long, value_name = "SHARE")]
    lost_after: Option<f64>,
    /// Milliseconds before every answer, over the mood's
    #[arg(long, value_name = "MILLIS")]
    latency: Option<u64>,
}

#[derive(Clone)]
struct Chosen {
    protocol: Protocol,
    port: u16,
}

impl FromStr for Chosen {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> anyhow::Result<Self> {
        let (name, port) = text.split_once(':').unwrap_or((text, "0"));
        let names = Protocol::ALL.map(Protocol::as_str).join(", ");
        let protocol = Protocol::parse(name).with_context(|| format!("no protocol {name:?}; there are {names}"))?;
        let port = port.parse().with_context(|| format!("the port in {text:?}"))?;
        Ok(Self { protocol, port })
    }
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    // Before anything is announced, so that no signal is missed.
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let chosen = match arguments.doubles.is_empty() {
        true => Protocol::ALL.map(|protocol| Chosen { protocol, port: 0 }).to_vec(),
        false => arguments.doubles.clone(),
    };
    let mut running = Vec::with_capacity(chosen.len());
    for (place, Chosen { protocol, port }) in (0..).zip(chosen) {
        let setup = setup(&arguments, protocol, port, place)?;
        let double = Double::start(protocol, setup).await?;
        announce(&double)?;
        running.push(double);
    }
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}

/// `place`: which one it is of those started together; keys of no two are alike.
fn setup(arguments: &Arguments, protocol: Protocol, port: u16, place: u64) -> anyhow::Result<Setup> {
    let mut mood = match &arguments.mood {
        Some(file) => {
            let text = fs::read_to_string(file).with_context(|| format!("reading {}", file.display()))?;
            serde_json::from_str(&text).with_context(|| format!("the mood in {}", file.display()))?
        }
        None => Mood { seed: arguments.seed, ..Mood::default() },
    };
    mood.lost_after = arguments.lost_after.unwrap_or(mood.lost_after);
    mood.latency = arguments.latency.map_or(mood.latency, Millis::fixed);
    let mut setup = Setup { seed: arguments.seed * 1_000 + place, port, mood, ..Setup::of(protocol) };
    setup.balance = arguments.balance.unwrap_or(setup.balance);
    if let Some(file) = &arguments.products {
        let text = fs::read_to_string(file).with_context(|| format!("reading {}", file.display()))?;
        let more: Vec<Product> =
            serde_json::from_str(&text).with_context(|| format!("the products in {}", file.display()))?;
        setup.products.extend(more);
    }
    Ok(setup)
}

fn announce(double: &Double) -> anyhow::Result<()> {
    let credentials = double.credentials();
    let line = json!({
        "protocol": double.protocol(),
        "base_url": double.base_url(),
        "log": format!("{}/double/log", double.origin()),
        "account": credentials.account,
        "key": credentials.key,
        "callback_secret": credentials.callback_secret,
    });
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}")?;
    out.flush()?;
    Ok(())
}
