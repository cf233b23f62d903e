//! What belongs to the proof, in which sizes, and by which commands.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use crate::program::Urls;

/// One program with its arguments.
#[derive(Debug, Clone)]
pub struct Step {
    pub name: String,
    pub program: PathBuf,
    pub arguments: Vec<String>,
    pub variables: Vec<(String, String)>,
    /// It is ended after so long.
    pub limit: Duration,
    /// What to do where it is not there.
    pub hint: &'static str,
}

/// How much of everything.
#[derive(Debug, Clone)]
pub struct Sizes {
    pub seeds: u64,
    pub kills: u64,
    pub orders: u64,
    /// Of each server.
    pub server_kills: u32,
    /// Roll-backs, and FLUSHALLs.
    pub forgets: u32,
    pub replicas: u32,
    pub missed: u64,
    pub spare_keys: u64,
    pub restarts: u32,
    pub stops: u32,
    /// Of each kind; `None`: as many as the program's own default.
    pub cuts: Option<u64>,
    pub outage_seconds: u64,
    pub crash_orders: u64,
    pub purchases: u64,
    /// Of a supplier that goes dark, some minutes each; 0: not at all.
    pub dark_rounds: u32,
    pub simulations: u64,
}

impl Sizes {
    /// All that is promised.
    #[must_use]
    pub fn full() -> Self {
        Self {
            seeds: 3,
            kills: 200,
            orders: 10_000,
            server_kills: 50,
            forgets: 20,
            replicas: 3,
            missed: 1000,
            spare_keys: 100_000,
            restarts: 100,
            stops: 50,
            cuts: None,
            outage_seconds: 60,
            crash_orders: 100,
            purchases: 5000,
            dark_rounds: 1,
            simulations: 200_000,
        }
    }

    /// All but a dead supplier once or a few times, in some minutes.
    #[must_use]
    pub fn quick() -> Self {
        Self {
            seeds: 1,
            kills: 20,
            orders: 2000,
            server_kills: 2,
            forgets: 2,
            replicas: 1,
            missed: 200,
            spare_keys: 10_000,
            restarts: 6,
            stops: 3,
            cuts: Some(10),
            outage_seconds: 12,
            crash_orders: 10,
            purchases: 300,
            dark_rounds: 0,
            simulations: 300,
        }
    }
}

/// With what the programs are run.
#[derive(Debug, Clone)]
pub struct WhatRuns<'a> {
    /// The folder of the other programs.
    pub programs: &'a Path,
    pub fulfil: &'a Path,
    /// Built with the feature crash-points.
    pub with_crash_points: &'a Path,
    pub seed: u64,
}

/// The name of that step.
pub const DEAD_SUPPLIER: &str = "dead-supplier";
const BUILD: &str = "cargo build --release --workspace --bins";
const BUILD_CARGO: &str = "the simulations are tests: install cargo, or leave them out with --without simulation";

impl Step {
    /// As one would write it in a shell.
    #[must_use]
    pub fn command(&self) -> String {
        let variables = self.variables.iter().map(|(name, value)| format!("{name}={value}"));
        let program = [self.program.display().to_string()];
        let arguments = self.arguments.iter().map(|argument| without_password(argument));
        variables.chain(program).chain(arguments).collect::<Vec<_>>().join(" ")
    }
}

/// Everything, one after the other.
#[must_use]
pub fn steps(with: &WhatRuns<'_>, sizes: &Sizes) -> Vec<Step> {
    let mut steps = kills(with, sizes, None);
    for kind in ["rabbitmq", "redis", "postgres"] {
        steps.push(server_fault(with, sizes, kind, sizes.server_kills));
    }
    for kind in ["roll-back", "flush"] {
        steps.push(server_fault(with, sizes, kind, sizes.forgets));
    }
    steps.push(server_fault(with, sizes, "replica", sizes.replicas));
    for (kind, times) in [("restarts", sizes.restarts), ("stops", sizes.stops)] {
        let arguments = format!("{kind} --times {times}");
        steps.push(step(with, &format!("signals {kind}"), "signals", &arguments, 10 + u64::from(times) / 3));
    }
    let orders = sizes.crash_orders;
    let mut crash_points = step(with, "crash-points", "crash-points", &format!("--orders {orders}"), 120);
    crash_points.arguments.retain(|argument| *argument != with.fulfil.to_string_lossy());
    let at = crash_points.arguments.iter().position(|argument| argument == "--fulfil").map_or(0, |at| at + 1);
    crash_points.arguments.insert(at, with.with_crash_points.to_string_lossy().into_owned());
    steps.push(crash_points);
    let cuts = sizes.cuts.map(|cuts| format!("--cuts {cuts}")).unwrap_or_default();
    steps.push(step(with, "cuts", "cuts", &cuts, 60));
    steps.push(step(with, "outages", "outages", &format!("--seconds {}", sizes.outage_seconds), 60));
    for scenario in ["lost", "lies"] {
        let arguments = format!("{scenario} --orders {}", sizes.purchases);
        steps.push(step(with, &format!("purchases {scenario}"), "purchases", &arguments, 20));
    }
    if sizes.dark_rounds > 0 {
        let rounds = format!("--rounds {}", sizes.dark_rounds);
        let minutes = 15 * u64::from(sizes.dark_rounds);
        steps.push(step(with, DEAD_SUPPLIER, "dead-supplier", &rounds, minutes));
    }
    steps.push(simulation(sizes));
    steps
}

/// Only what is safe there: workers are killed, servers are left alone. What one run of this proof leaves goes before
/// the next, and nothing else: each asks for the proof's mark.
#[must_use]
pub fn on_own_servers(with: &WhatRuns<'_>, sizes: &Sizes, urls: &Urls, proof: &str) -> Vec<Step> {
    kills(with, sizes, Some((urls, proof)))
}

fn kills(with: &WhatRuns<'_>, sizes: &Sizes, own: Option<(&Urls, &str)>) -> Vec<Step> {
    let one = |number: u64| {
        let Sizes { kills, orders, .. } = sizes;
        let limit = 10 + kills / 5;
        let with = WhatRuns { seed: with.seed.wrapping_add(number), ..with.clone() };
        let name = format!("kills, seed {}", with.seed);
        let mut step = step(&with, &name, "kills", &format!("--kills {kills} --orders-count {orders}"), limit);
        if let Some((urls, proof)) = own {
            let Urls { source, stock, ledger } = urls;
            let named = [("--source", source), ("--stock", stock), ("--ledger", ledger)];
            step.arguments.extend(named.into_iter().flat_map(|(name, url)| [name.to_owned(), url.clone()]));
            step.arguments.extend(["--of-proof".to_owned(), proof.to_owned()]);
        }
        step
    };
    (0..sizes.seeds.max(1)).map(one).collect()
}

fn server_fault(with: &WhatRuns<'_>, sizes: &Sizes, kind: &str, times: u32) -> Step {
    let Sizes { spare_keys, missed, .. } = sizes;
    let mut arguments = format!("{kind} --times {times} --spare-keys {spare_keys}");
    if kind == "replica" {
        arguments.push_str(&format!(" --missed {missed}"));
    }
    step(with, &format!("server-faults {kind}"), "server-faults", &arguments, 15 + u64::from(times))
}

fn simulation(sizes: &Sizes) -> Step {
    let arguments = "test --release --locked --features crash-points --test simulation";
    Step {
        name: format!("simulation, {} seeds", sizes.simulations),
        program: std::env::var_os("CARGO").map_or_else(|| "cargo".into(), PathBuf::from),
        arguments: arguments.split(' ').map(str::to_owned).collect(),
        variables: vec![("FULFIL_SEEDS".into(), sizes.simulations.to_string())],
        limit: Duration::from_secs(3600),
        hint: BUILD_CARGO,
    }
}

/// A program of this folder, on the binary under test.
fn step(with: &WhatRuns<'_>, name: &str, program: &str, arguments: &str, minutes: u64) -> Step {
    let mut arguments: Vec<String> = arguments.split_whitespace().map(str::to_owned).collect();
    arguments.extend(["--seed".to_owned(), with.seed.to_string()]);
    arguments.extend(["--fulfil".to_owned(), with.fulfil.to_string_lossy().into_owned()]);
    Step {
        name: name.to_owned(),
        program: with.programs.join(program),
        arguments,
        variables: Vec::new(),
        limit: Duration::from_secs(minutes * 60),
        hint: BUILD,
    }
}

/// URLs stand in reports, their passwords do not.
fn without_password(argument: &str) -> String {
    match (argument.split_once("://"), argument.rfind('@')) {
        (Some((scheme, rest)), Some(at)) => {
            let user = rest.split([':', '@']).next().unwrap_or("");
            format!("{scheme}://{user}:…{}", &argument[at..])
        }
        _ => argument.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outages::SHORTEST_SECONDS;

    fn with() -> WhatRuns<'static> {
        WhatRuns {
            programs: Path::new("target/release"),
            fulfil: Path::new("fulfil"),
            with_crash_points: Path::new("crashing/fulfil"),
            seed: 7,
        }
    }

    #[test]
    fn every_step_names_its_seed_and_its_binary() {
        for step in steps(&with(), &Sizes::full()).iter().filter(|step| !step.name.starts_with("simulation")) {
            let command = step.command();
            assert!(command.contains("--seed "), "{command}");
            let crashing = command.contains("--fulfil crashing/fulfil");
            assert_eq!(crashing, step.name == "crash-points", "{command}");
            assert!(crashing || command.contains("--fulfil fulfil"), "{command}");
        }
    }

    #[test]
    fn outages_last_long_enough_to_be_looked_at() {
        for sizes in [Sizes::full(), Sizes::quick()] {
            assert!(sizes.outage_seconds >= SHORTEST_SECONDS);
        }
    }

    #[test]
    fn a_dead_supplier_takes_its_minutes_in_the_full_proof_alone() {
        let has = |sizes| steps(&with(), &sizes).iter().any(|step| step.name == DEAD_SUPPLIER);
        assert!(has(Sizes::full()) && !has(Sizes::quick()));
    }

    #[test]
    fn the_simulation_is_a_test_of_the_project() {
        let step = simulation(&Sizes::full());
        let at = step.arguments.iter().position(|argument| argument == "--test").unwrap();
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        assert!(root.join("tests").join(&step.arguments[at + 1]).join("main.rs").is_file(), "{}", step.command());
    }

    #[test]
    fn no_run_erases_a_users_servers_and_their_passwords_are_not_told() {
        let urls = Urls {
            source: "amqp://me:secret@host:5672/proof".into(),
            stock: "redis://host:6379/3".into(),
            ledger: "postgres://me:secret@host/proof".into(),
        };
        let commands: Vec<String> =
            on_own_servers(&with(), &Sizes::full(), &urls, "1-2").iter().map(Step::command).collect();
        assert_eq!(commands.len(), 3);
        // Any of them may be the first, or the only one.
        let of_proof = |command: &String| command.contains("--of-proof 1-2") && !command.contains("--erase");
        assert!(commands.iter().all(of_proof), "{commands:?}");
        assert!(commands.iter().all(|command| !command.contains("secret")), "{commands:?}");
        assert!(commands[0].contains("--source amqp://me:…@host:5672/proof --stock redis://host:6379/3"));
    }
}
