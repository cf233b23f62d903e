//! The whole proof, with a verdict for each of its programs. Ends with 1 where one is not clean.

use std::{path::PathBuf, process::ExitCode};

use anyhow::{Context, Result, bail};
use clap::Parser;
use fulfil_load_tests::{
    arguments::Common,
    outages::SHORTEST_SECONDS,
    own_servers::{OwnServers, Place, let_in},
    proof::{DEAD_SUPPLIER, Sizes, Step, WhatRuns, beside, on_own_servers, run, steps, told_to_end},
};

/// Runs everything that shows what is promised on private servers: kills, server faults, signals,
/// crash points, cuts, outages, purchases, a dead supplier, the simulation. On your own servers: the kills of workers alone
#[derive(Parser)]
struct Arguments {
    /// All but a dead supplier once or a few times, in some minutes
    #[arg(long)]
    quick: bool,
    /// Only these, by the beginning of their names, such as kills,server-faults
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    /// All but these
    #[arg(long, value_delimiter = ',')]
    without: Vec<String>,
    /// So many of the programs at once: faster, for most of them wait for servers most of the time; not on your own
    /// servers
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=8))]
    at_once: u8,
    /// fulfil built with the feature crash-points
    #[arg(long, default_value = "target/crash-points/release/fulfil")]
    fulfil_with_crash_points: PathBuf,
    /// Runs of kills, each with a seed of its own
    #[arg(long)]
    seeds: Option<u64>,
    /// SIGKILLs of workers in each
    #[arg(long)]
    kills: Option<u64>,
    /// Orders in each
    #[arg(long)]
    orders: Option<u64>,
    /// Kills of each server
    #[arg(long)]
    server_kills: Option<u32>,
    /// Roll-backs of the append-only file, and FLUSHALLs
    #[arg(long)]
    forgets: Option<u32>,
    /// Stale replicas
    #[arg(long)]
    replicas: Option<u32>,
    /// Restarts by SIGTERM
    #[arg(long)]
    restarts: Option<u32>,
    /// SIGSTOPs
    #[arg(long)]
    stops: Option<u32>,
    /// Seconds of each outage
    #[arg(long, value_parser = clap::value_parser!(u64).range(SHORTEST_SECONDS..))]
    outage_seconds: Option<u64>,
    /// Seeds of the simulation
    #[arg(long)]
    simulations: Option<u64>,
    #[command(flatten)]
    own: OwnServers,
    #[command(flatten)]
    common: Common,
}

#[tokio::main]
async fn main() -> Result<ExitCode> {
    let arguments = Arguments::parse();
    let (fulfil, place, seed) = (arguments.common.fulfil()?, arguments.own.place()?, arguments.common.seed());
    let sizes = arguments.sizes();
    let programs = beside()?;
    let with_crash_points =
        std::path::absolute(&arguments.fulfil_with_crash_points).context("--fulfil-with-crash-points can't be read")?;
    let with = WhatRuns { programs: &programs, fulfil: &fulfil, with_crash_points: &with_crash_points, seed };
    let proof = name_of_its_own();
    let all = match &place {
        Place::Private => steps(&with, &sizes),
        Place::Own { urls, .. } => on_own_servers(&with, &sizes, urls, &proof),
    };
    let (chosen, left_out): (Vec<Step>, Vec<Step>) = all.into_iter().partition(|step| arguments.wants(&step.name));
    let mut left_out: Vec<String> = left_out.into_iter().map(|step| step.name).collect();
    if matches!(place, Place::Private) && sizes.dark_rounds == 0 {
        left_out.push(format!("{DEAD_SUPPLIER}: in full size alone"));
    }
    if let Place::Own { .. } = place {
        left_out.push("all that needs private servers: your own are neither killed nor cut off".to_owned());
        if arguments.at_once > 1 {
            bail!("--at-once is for private servers: on yours one program after the other has them to itself");
        }
    }
    let workplace = arguments.common.workplace("proof")?;
    eprintln!("seed {seed}; what each program says is in {}", workplace.path().display());
    let report = async {
        // Once, before any program runs: those that run erase only what this proof has put there.
        if let Place::Own { urls, erase } = &place {
            let_in(urls, erase, &proof).await?;
        }
        tokio::select! {
            report = run(chosen, arguments.at_once.into(), left_out, seed, workplace.path()) => report,
            told = told_to_end() => bail!("{} told it to end", told?),
        }
    }
    .await;
    workplace.conclude(report)
}

/// No other proof has it.
fn name_of_its_own() -> String {
    let since_1970 = std::time::UNIX_EPOCH.elapsed().unwrap_or_default();
    format!("{}-{}", std::process::id(), since_1970.as_nanos())
}

impl Arguments {
    fn sizes(&self) -> Sizes {
        let usual = if self.quick { Sizes::quick() } else { Sizes::full() };
        Sizes {
            seeds: self.seeds.unwrap_or(usual.seeds),
            kills: self.kills.unwrap_or(usual.kills),
            orders: self.orders.unwrap_or(usual.orders),
            server_kills: self.server_kills.unwrap_or(usual.server_kills),
            forgets: self.forgets.unwrap_or(usual.forgets),
            replicas: self.replicas.unwrap_or(usual.replicas),
            restarts: self.restarts.unwrap_or(usual.restarts),
            stops: self.stops.unwrap_or(usual.stops),
            outage_seconds: self.outage_seconds.unwrap_or(usual.outage_seconds),
            simulations: self.simulations.unwrap_or(usual.simulations),
            ..usual
        }
    }

    fn wants(&self, name: &str) -> bool {
        let named = |names: &[String]| names.iter().any(|beginning| name.starts_with(beginning.as_str()));
        (self.only.is_empty() || named(&self.only)) && !named(&self.without)
    }
}
