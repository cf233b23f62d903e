//! The floor program: built, set up, and run once per round.

use std::{
    path::{Path, PathBuf},
    process::{Output, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use private_servers::{Server, Servers};
use tokio::{
    process::Command,
    time::{sleep, timeout},
};

use super::{Plan, Run, meter::Reading, settle};
use crate::program::end_of;

const LIMIT: Duration = Duration::from_secs(600);
const LOOK: Duration = Duration::from_millis(5);
const REMOVE: &str = "drop schema if exists floor cascade";

/// Builds the crate in release; gives the program. Its own lock file and build stay out of its folder.
///
/// # Errors
/// When it does not build.
pub(super) fn build(floor: &Path) -> Result<PathBuf> {
    let own = PathBuf::from("target/floor");
    let copy = own.join("crate");
    std::fs::create_dir_all(copy.join("src")).context("cannot make target/floor")?;
    for file in ["Cargo.toml", "src/main.rs"] {
        std::fs::copy(floor.join(file), copy.join(file))
            .with_context(|| format!("{} holds no {file}", floor.display()))?;
    }
    eprintln!("building the floor program in {}", own.display());
    let mut cargo = std::process::Command::new("cargo");
    cargo
        .args(["build", "--release", "--quiet", "--manifest-path"])
        .arg(copy.join("Cargo.toml"))
        .arg("--target-dir")
        .arg(&own);
    ensure!(cargo.status().context("cannot run cargo")?.success(), "the floor program does not build");
    Ok(own.join("release/floor").canonicalize()?)
}

/// One setup and one drain.
///
/// # Errors
/// When the program fails or does not do all its orders.
pub(super) async fn run(program: &Path, plan: &Plan, servers: &Servers) -> Result<Run> {
    let command = |arguments: &[String]| {
        let mut command = Command::new(program);
        command.args(arguments).env("AMQP_URL", servers.rabbitmq.url()).env("REDIS_URL", servers.redis.url());
        command.env("PG_URL", servers.postgres.url()).stdin(Stdio::null()).kill_on_drop(true);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    };
    let setup = command(&["setup".into(), plan.orders.to_string(), plan.lanes.to_string()]).output();
    succeeded("setup", &timeout(LIMIT, setup).await.context("floor setup does not end")??)?;
    settle(servers)?;

    let numbers = [u64::from(plan.lanes), plan.batch, plan.in_flight].map(|number| number.to_string());
    let child = command(&[vec!["drain".into(), "single".into()], numbers.to_vec()].concat())
        .spawn()
        .context("cannot start floor")?;
    let pid = child.id().context("floor ended at once")?;
    let before = Reading::now(servers, pid)?;
    let mut last = before.clone();
    let begin = Instant::now();
    let mut output = std::pin::pin!(child.wait_with_output());
    let output = loop {
        tokio::select! {
            output = &mut output => break output?,
            () = sleep(LOOK) => {}
        }
        // Fails only once the process has ended; the reading before that one counts.
        if let Ok(reading) = Reading::now(servers, pid) {
            last = reading;
        }
        ensure!(begin.elapsed() < LIMIT, "floor drain does not end");
    };
    let rate = rate(&succeeded("drain", &output)?, plan.orders)?;
    servers.postgres.execute(REMOVE)?;
    Ok(last.since(&before, plan.orders, rate))
}

fn succeeded(what: &str, output: &Output) -> Result<String> {
    if !output.status.success() {
        bail!("floor {what} failed: {}", end_of(&String::from_utf8_lossy(&output.stderr)));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// From `200000 orders, 31234/s, CPU …`.
fn rate(printed: &str, orders: u64) -> Result<f64> {
    let rest = printed
        .trim()
        .strip_prefix(&format!("{orders} orders, "))
        .with_context(|| format!("floor did not do {orders} orders: {printed}"))?;
    let (rate, _) = rest.split_once("/s").with_context(|| format!("floor prints no rate: {printed}"))?;
    rate.parse().with_context(|| format!("floor prints no rate: {printed}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_floor_s_line_is_read() {
        assert_eq!(rate("200000 orders, 31234/s, CPU us per order: floor 13.0\n", 200_000).unwrap(), 31234.0);
        assert!(rate("199999 orders, 31234/s, CPU", 200_000).is_err());
    }
}
