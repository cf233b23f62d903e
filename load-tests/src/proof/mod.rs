//! The whole proof: every program of it, and a table with a verdict each.
//!
//! What holds here: a program that is missing, does not end in time, ends with another code than 0 or without the word
//! CLEAN is not clean, and then the proof is not.

use std::{
    fmt,
    path::{Path, PathBuf},
    process::Stdio,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use futures_util::{StreamExt, TryStreamExt, stream};
use serde::Serialize;
use tokio::{
    process::Command,
    signal::unix::{SignalKind, signal},
    time::timeout,
};

use crate::arguments::Outcome;

mod group;
mod steps;

use group::Group;
pub use steps::{DEAD_SUPPLIER, Sizes, Step, WhatRuns, on_own_servers, steps};

/// What the last line of a program's output begins with, and what one of `cargo test` does.
const CLEAN: &str = "CLEAN: ";
const NOT_CLEAN: &str = "NOT CLEAN: ";
const TEST_RESULT: &str = "test result: ";
/// What a line begins with that tells what a program has left out.
const LEFT_OUT: &str = "left out: ";
/// From SIGKILL until a step is gone.
const END_LIMIT: Duration = Duration::from_secs(20);

#[derive(Debug, Serialize)]
pub struct Row {
    pub name: String,
    pub clean: bool,
    pub minutes: f64,
    pub figures: String,
    /// To run it again alone.
    pub command: String,
    /// What the program says that it did not do.
    pub left_out: Vec<String>,
}

#[derive(Debug, Serialize)]
pub struct Report {
    pub seed: u64,
    pub minutes: f64,
    pub rows: Vec<Row>,
    /// What was not run, because it was left out.
    pub left_out: Vec<String>,
}

/// Runs the steps, so many at once, each on servers of its own; each one's output is kept in `folder`.
///
/// # Errors
/// When the folder can't be written.
pub async fn run(
    steps: Vec<Step>,
    at_once: usize,
    mut left_out: Vec<String>,
    seed: u64,
    folder: &Path,
) -> Result<Report> {
    let begin = Instant::now();
    let count = steps.len();
    let running = steps.into_iter().enumerate().map(async |(number, step)| {
        eprintln!("{} of {count}: {}", number + 1, step.command());
        let row = step.run(folder).await?;
        eprintln!("    {}", row.in_one_line());
        anyhow::Ok((number, row))
    });
    let mut rows: Vec<(usize, Row)> = stream::iter(running).buffer_unordered(at_once.max(1)).try_collect().await?;
    rows.sort_unstable_by_key(|(number, _)| *number);
    let rows: Vec<Row> = rows.into_iter().map(|(_, row)| row).collect();
    let of_row = |row: &Row| row.left_out.iter().map(|what| format!("{}: {what}", row.name)).collect::<Vec<_>>();
    left_out.extend(rows.iter().flat_map(of_row));
    Ok(Report { seed, minutes: minutes(begin), rows, left_out })
}

impl Step {
    async fn run(&self, folder: &Path) -> Result<Row> {
        let begin = Instant::now();
        let file = |end: &str| folder.join(format!("{}.{end}", self.name.replace([' ', ','], "-")));
        let (told, trouble) = (file("out"), file("err"));
        let (clean, figures) =
            self.outcome(&told, &trouble).await.unwrap_or_else(|error| (false, format!("{error:#}")));
        let text = std::fs::read(&told).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default();
        let left_out = text.lines().filter_map(|line| line.strip_prefix(LEFT_OUT)).map(str::to_owned).collect();
        let minutes = minutes(begin);
        Ok(Row { name: self.name.clone(), clean, minutes, figures, command: self.command(), left_out })
    }

    async fn outcome(&self, told: &Path, trouble: &Path) -> Result<(bool, String)> {
        let write =
            |path: &Path| std::fs::File::create(path).with_context(|| format!("cannot write {}", path.display()));
        let mut command = Command::new(&self.program);
        command.args(&self.arguments).envs(self.variables.iter().cloned());
        command.stdin(Stdio::null()).stdout(write(told)?).stderr(write(trouble)?).kill_on_drop(true);
        let (mut child, group) = Group::start(&mut command)
            .with_context(|| format!("cannot start {}: {}", self.program.display(), self.hint))?;
        let ended = timeout(self.limit, child.wait()).await;
        drop(group); // with whatever it started and left behind
        let Ok(status) = ended else {
            // Killed; a process that hangs in the kernel is not waited for.
            timeout(END_LIMIT, child.wait()).await.ok();
            return Ok((false, format!("did not end within {} minutes", self.limit.as_secs() / 60)));
        };
        let status = status?;
        let text = String::from_utf8_lossy(&std::fs::read(told)?).into_owned();
        let (said_clean, figures) = last_word(&text);
        match status.code() {
            Some(0) if said_clean => Ok((true, figures)),
            Some(0) => Ok((false, format!("ended with 0 and did not say CLEAN: {figures}"))),
            code => {
                let code = code.map_or_else(|| "a signal".to_owned(), |code| format!("exit code {code}"));
                Ok((false, format!("{code}: {figures} (see {})", trouble.display())))
            }
        }
    }
}

/// Waits until this program is told to end, and gives by what. Its steps stand in groups of their own, so a terminal
/// does not tell them.
///
/// # Errors
/// When the system does not let it listen.
pub async fn told_to_end() -> Result<&'static str> {
    let (mut interrupt, mut terminate, mut hang_up) =
        (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?, signal(SignalKind::hangup())?);
    Ok(tokio::select! {
        _ = interrupt.recv() => "SIGINT",
        _ = terminate.recv() => "SIGTERM",
        _ = hang_up.recv() => "SIGHUP",
    })
}

/// What a program says at its end: whether it is clean, and its figures.
fn last_word(text: &str) -> (bool, String) {
    let tests: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix(TEST_RESULT)).collect();
    if !tests.is_empty() {
        let clean = tests.iter().all(|line| line.starts_with("ok."));
        let figures = tests.iter().map(|line| line.split(';').next().unwrap_or(line)).collect::<Vec<_>>().join("; ");
        return (clean, figures);
    }
    let last = text.lines().map(str::trim).rfind(|line| !line.is_empty()).unwrap_or("it said nothing");
    if let Some(figures) = last.strip_prefix(CLEAN) {
        return (true, figures.to_owned());
    }
    (false, last.strip_prefix(NOT_CLEAN).unwrap_or(last).to_owned())
}

fn minutes(since: Instant) -> f64 {
    since.elapsed().as_secs_f64() / 60.0
}

impl Row {
    fn in_one_line(&self) -> String {
        let verdict = if self.clean { "clean" } else { "NOT CLEAN" };
        format!("{verdict:<9} {:>6.1} min  {:<24} {}", self.minutes, self.name, self.figures)
    }
}

impl Report {
    fn bad(&self) -> Vec<&str> {
        self.rows.iter().filter(|row| !row.clean).map(|row| row.name.as_str()).collect()
    }
}

impl Outcome for Report {
    fn clean(&self) -> bool {
        self.bad().is_empty() && !self.rows.is_empty()
    }

    fn in_short(&self) -> String {
        let (all, bad) = (self.rows.len(), self.bad());
        let left_out = match self.left_out.len() {
            0 => String::new(),
            count => format!(", {count} left out"),
        };
        let bad = if bad.is_empty() { String::new() } else { format!(", not: {}", bad.join(", ")) };
        format!(
            "{} of {all} are clean{bad}{left_out}, in {:.1} minutes, seed {}",
            all - self.bad().len(),
            self.minutes,
            self.seed
        )
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "verdict   minutes     what                     figures")?;
        for row in &self.rows {
            writeln!(f, "{}", row.in_one_line())?;
        }
        for row in self.rows.iter().filter(|row| !row.clean) {
            writeln!(f, "again: {}", row.command)?;
        }
        for name in &self.left_out {
            writeln!(f, "left out: {name}")?;
        }
        write!(f, "{:.1} minutes in all", self.minutes)
    }
}

/// Where the other programs are: beside this one.
///
/// # Errors
/// When the system does not tell.
pub fn beside() -> Result<PathBuf> {
    let own = std::env::current_exe().context("the system does not tell where this program is")?;
    Ok(own.parent().map(Path::to_owned).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(script: &str) -> Step {
        Step {
            name: "a step".into(),
            program: "sh".into(),
            arguments: vec!["-c".into(), script.into()],
            variables: Vec::new(),
            limit: Duration::from_secs(20),
            hint: "",
        }
    }

    #[tokio::test]
    async fn only_code_0_and_the_word_make_a_step_clean() {
        let folder = tempfile::tempdir().unwrap();
        let cases = [
            ("echo table; echo 'CLEAN: 7 kills'", true, "7 kills"),
            ("echo 'CLEAN: 7 kills'; exit 1", false, "exit code 1: 7 kills"),
            ("echo 'NOT CLEAN: a key twice'; exit 1", false, "exit code 1: a key twice"),
            ("echo 'NOT CLEAN: a key twice'", false, "ended with 0 and did not say CLEAN: a key twice"),
            ("echo done", false, "ended with 0 and did not say CLEAN: done"),
            ("", false, "ended with 0 and did not say CLEAN: it said nothing"),
            ("kill -9 $$", false, "a signal: it said nothing"),
            ("echo 'test result: ok. 3 passed; 0 failed'", true, "ok. 3 passed"),
            ("echo 'test result: FAILED. 2 passed'; echo 'test result: ok. 3 passed; 0 failed'", false, "ended with 0"),
        ];
        for (script, clean, figures) in cases {
            let row = step(script).run(folder.path()).await.unwrap();
            assert_eq!(row.clean, clean, "{script}: {}", row.figures);
            assert!(row.figures.starts_with(figures), "{script}: {}", row.figures);
        }
    }

    #[tokio::test]
    async fn what_a_program_has_left_out_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let partly = step("echo 'left out: postgres-full, one has to be root'; echo 'CLEAN: 7 outages'");
        let left_out = vec!["kills".to_owned()];
        let report = run(vec![partly], 1, left_out, 1, folder.path()).await.unwrap();
        assert_eq!(report.left_out, ["kills", "a step: postgres-full, one has to be root"]);
        assert!(report.in_short().contains("2 left out"), "{}", report.in_short());
    }

    #[tokio::test]
    async fn so_many_at_once_and_told_in_their_order() {
        let folder = tempfile::tempdir().unwrap();
        let there = folder.path().join("there");
        // The first ends once the second has begun.
        let waits = format!("until [ -e {0} ]; do sleep 0.01; done; echo 'CLEAN: first'", there.display());
        let comes = format!("touch {}; echo 'CLEAN: second'", there.display());
        let named = |name: &str, script: &str| Step { name: name.into(), ..step(script) };
        let both = |at_once| run(vec![named("a", &waits), named("b", &comes)], at_once, Vec::new(), 1, folder.path());
        let report = both(2).await.unwrap();
        assert!(report.clean(), "{report}");
        let told: Vec<&str> = report.rows.iter().map(|row| row.figures.as_str()).collect();
        assert_eq!(told, ["first", "second"]);
    }

    /// A step that starts a child, tells its id, and then does `rest`.
    fn with_a_child(told: &Path, rest: &str) -> Step {
        step(&format!("sleep 300 & echo $! >{0}.part; mv {0}.part {0}; {rest}", told.display()))
    }

    /// Waits until the child that was told is gone, or only waits to be asked for its end.
    async fn gone(told: &Path) {
        let child = std::fs::read_to_string(told).unwrap();
        let stat = format!("/proc/{}/stat", child.trim());
        let runs = || std::fs::read_to_string(&stat).is_ok_and(|text| !text.contains(") Z "));
        let looked = async {
            while runs() {
                tokio::time::sleep(Duration::from_millis(10)).await; // between two looks
            }
        };
        timeout(Duration::from_secs(10), looked).await.expect("the child outlives its step");
    }

    #[tokio::test]
    async fn nothing_that_a_step_started_outlives_it() {
        let folder = tempfile::tempdir().unwrap();
        let told = folder.path().join("child");
        let limit = Duration::from_secs(5);
        let late = Step { limit, ..with_a_child(&told, "wait") }.run(folder.path()).await.unwrap();
        assert!(late.figures.contains("did not end"), "{}", late.figures);
        gone(&told).await;
        std::fs::remove_file(&told).unwrap();
        let ended = with_a_child(&told, "echo 'CLEAN: 1'").run(folder.path()).await.unwrap();
        assert!(ended.clean, "{}", ended.figures);
        gone(&told).await;
        std::fs::remove_file(&told).unwrap();
        // The proof itself is told to end.
        let (endless, path) = (with_a_child(&told, "wait"), folder.path().to_owned());
        let proof = tokio::spawn(async move { endless.run(&path).await.map(drop) });
        let begun = async {
            while !told.exists() {
                tokio::time::sleep(Duration::from_millis(10)).await; // between two looks
            }
        };
        timeout(Duration::from_secs(10), begun).await.unwrap();
        proof.abort();
        assert!(proof.await.is_err());
        gone(&told).await;
    }

    #[tokio::test]
    async fn a_step_that_does_not_end_or_is_not_there_is_not_clean() {
        let folder = tempfile::tempdir().unwrap();
        let slow = Step { limit: Duration::from_millis(50), ..step("exec sleep 60") };
        let missing = Step { program: "/nowhere/kills".into(), hint: "build it", ..step("") };
        let slow = slow.run(folder.path()).await.unwrap();
        let missing = missing.run(folder.path()).await.unwrap();
        assert!(!slow.clean && slow.figures.contains("did not end"), "{}", slow.figures);
        assert!(!missing.clean && missing.figures.contains("build it"), "{}", missing.figures);
        let report = Report { seed: 1, minutes: 0.1, rows: vec![slow, missing], left_out: Vec::new() };
        assert!(!report.clean() && report.in_short().starts_with("0 of 2 are clean, not: a step, a step"));
        assert!(
            !Report { seed: 1, minutes: 0.0, rows: Vec::new(), left_out: Vec::new() }.clean(),
            "nothing is no proof"
        );
    }
}
