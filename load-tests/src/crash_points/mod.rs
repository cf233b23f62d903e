//! Every crash point, each with a death, a failure and a stall, a hundred orders each; judged from outside after each.
//!
//! Cases share servers, which they leave clean: each is judged over everything that was ever sent and sold on them.
//! Several sets of servers work side by side, since most of a case is waiting.

use std::{
    collections::VecDeque,
    path::PathBuf,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use clap::ValueEnum;

mod case;
mod fired;
mod ground;
mod orders;
mod report;
mod scene;
mod spots;

pub use report::{Report, Row};
pub use spots::points;

use case::Case;
use ground::Ground;
use spots::SPOTS;

/// What happens at a point.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Action {
    Die,
    /// What was just done is told as failed.
    Fail,
    Stall,
}

impl Action {
    pub const ALL: [Self; 3] = [Self::Die, Self::Fail, Self::Stall];

    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Die => "die",
            Self::Fail => "fail",
            Self::Stall => "stall",
        }
    }
}

#[derive(Debug, Clone)]
pub struct Plan {
    /// Built with the feature crash-points.
    pub fulfil: PathBuf,
    /// Names; empty: all.
    pub points: Vec<String>,
    pub actions: Vec<Action>,
    /// Of each case.
    pub orders: u64,
    /// How long a task is held up; longer than every lease.
    pub stall: Duration,
    /// Sets of servers.
    pub side_by_side: usize,
    pub seed: u64,
    pub folder: PathBuf,
}

/// Runs the plan on servers and doubles of its own.
///
/// # Errors
/// When a point has another name, or servers can't be started.
pub fn run(plan: &Plan) -> Result<Report> {
    let begin = Instant::now();
    let cases = cases(plan)?;
    let count = cases.len() as u64;
    let waiting = Mutex::new(VecDeque::from(cases));
    let rows = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        let grounds: Vec<_> = (0..plan.side_by_side.clamp(1, usize::try_from(count)?))
            .map(|number| {
                let (waiting, rows) = (&waiting, &rows);
                scope.spawn(move || on_one_ground(plan, number, count, waiting, rows))
            })
            .collect();
        for ground in grounds {
            ground.join().map_err(|_| anyhow::anyhow!("a thread of the run ended early"))??;
        }
        anyhow::Ok(())
    })?;
    let rows = rows.into_inner().unwrap_or_else(PoisonError::into_inner);
    ensure!(rows.len() as u64 >= count, "only {} of {count} cases were run", rows.len());
    Ok(Report::new(plan.seed, plan.orders, begin.elapsed().as_secs_f64(), rows, &points()))
}

/// The longest first, each kind in an order of the seed's.
fn cases(plan: &Plan) -> Result<Vec<Case>> {
    for name in &plan.points {
        ensure!(
            points().contains(&name.as_str()),
            "there is no crash point {name:?}; there are: {}",
            points().join(", ")
        );
    }
    let chosen =
        SPOTS.iter().filter(|spot| plan.points.is_empty() || plan.points.iter().any(|name| name == spot.point));
    let pairs = chosen.flat_map(|spot| plan.actions.iter().map(|action| (*spot, *action)));
    let mut cases: Vec<Case> =
        pairs.enumerate().map(|(number, (spot, action))| Case { number, spot, action }).collect();
    ensure!(!cases.is_empty() && plan.orders > 0, "there is at least one case, and one order");
    cases.sort_by_key(|case| (!case.is_long(), crate::seed::mixed(plan.seed.wrapping_add(case.number as u64))));
    Ok(cases)
}

fn on_one_ground(
    plan: &Plan,
    number: usize,
    cases: u64,
    waiting: &Mutex<VecDeque<Case>>,
    rows: &Mutex<Vec<Row>>,
) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(async {
        let mut ground = Ground::open(plan, number, cases).await.context("before the first case")?;
        loop {
            let Some(case) = waiting.lock().unwrap_or_else(PoisonError::into_inner).pop_front() else { break };
            let row = case.run(&mut ground, plan).await;
            eprintln!("{row}");
            rows.lock().unwrap_or_else(PoisonError::into_inner).push(row);
        }
        let wrong = ground.close().await?;
        if !wrong.is_empty() {
            let last = Row { point: "at the end", action: "", fired: 0, seconds: 0.0, clean: false, wrong };
            rows.lock().unwrap_or_else(PoisonError::into_inner).push(last);
        }
        Ok(())
    })
}
