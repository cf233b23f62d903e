//! Servers do not outlive the process that owns them, however it ends.
//!
//! The owner is this test program again, told by an environment variable to run only the test
//! [`owner`]. Its temporary folder is its own, so whatever works in there belongs to it.

#![expect(clippy::unwrap_used, reason = "in tests")]

use std::io::{BufRead, BufReader, Lines, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use private_servers::{Postgres, RabbitMq, Redis, Server, Servers, peak_memory_bytes};
use tempfile::TempDir;

const ROLE: &str = "PRIVATE_SERVERS_OWNER";
const GONE_WITHIN: Duration = Duration::from_secs(10);

#[test]
fn all_servers_go_when_their_owner_is_killed() {
    let mut owner = Owner::start("all");
    owner.await_line("started");
    let pids = owner.workers();
    assert!(pids.len() >= 4, "epmd, rabbitmq, redis, postgres: {pids:?}");
    owner.kill();
    owner.assert_nothing_left(&pids);
}

#[test]
fn shared_servers_go_when_their_owner_exits() {
    let mut owner = Owner::start("shared");
    owner.await_line("started");
    let pids = owner.workers();
    assert!(pids.len() >= 2, "{pids:?}");
    assert!(owner.end().success());
    owner.assert_nothing_left(&pids);
}

#[test]
fn paused_and_killed_servers_go_when_their_owner_is_killed() {
    let mut owner = Owner::start("paused");
    owner.await_line("started");
    let pids = owner.workers();
    assert!(pids.len() >= 2, "{pids:?}");
    owner.kill();
    owner.assert_nothing_left(&pids);
}

#[test]
fn a_server_goes_when_its_owner_is_killed_while_it_starts() {
    for (role, processes) in [("rabbitmq", 1), ("rabbitmq", 2), ("rabbitmq", 3), ("postgres", 1), ("postgres", 2)] {
        let mut owner = Owner::start(role);
        let begin = Instant::now();
        while owner.workers().len() < processes {
            assert!(begin.elapsed() < Duration::from_secs(60), "only {:?}", owner.workers());
        }
        let pids = owner.workers();
        owner.kill();
        owner.assert_nothing_left(&pids);
    }
}

#[test]
fn a_panic_in_the_owner_ends_the_servers() {
    let mut owner = Owner::start("panic");
    owner.await_line("started");
    let pids = owner.workers();
    assert!(!pids.is_empty());
    assert!(!owner.end().success());
    owner.assert_nothing_left(&pids);
}

/// Not a test of its own: the process that the others start. Without a role it has nothing to do.
#[test]
fn owner() {
    let Ok(role) = std::env::var(ROLE) else { return };
    let wait = |_servers: &[&dyn Server]| {
        println!("started");
        // Ends with the process that started this one, if not before.
        std::io::stdin().read_to_end(&mut Vec::new()).unwrap();
    };
    match role.as_str() {
        "all" => {
            let all = Servers::start().unwrap();
            wait(&[&all.rabbitmq, &all.redis, &all.postgres]);
        }
        "shared" => wait(&[Redis::shared().unwrap(), Postgres::shared().unwrap()]),
        "paused" => {
            let (redis, postgres) = (Redis::start().unwrap(), Postgres::start().unwrap());
            let killed = Postgres::start().unwrap();
            redis.pause().unwrap();
            postgres.pause().unwrap();
            killed.kill().unwrap();
            wait(&[&redis, &postgres, &killed]);
        }
        "postgres" => wait(&[&Postgres::start().unwrap()]),
        "rabbitmq" => wait(&[&RabbitMq::start().unwrap()]),
        "panic" => {
            let redis = Redis::start().unwrap();
            wait(&[&redis]);
            panic!("as asked for");
        }
        other => panic!("no such role: {other}"),
    }
}

#[derive(Debug)]
struct Owner {
    process: Child,
    /// Kept open, because an owner that cannot print any more ends in another way than asked.
    output: Lines<BufReader<ChildStdout>>,
    temporary: TempDir,
}

impl Owner {
    fn start(role: &str) -> Self {
        let temporary = tempfile::tempdir().unwrap();
        // Servers that run as another user have to reach their folders in it.
        std::fs::set_permissions(temporary.path(), PermissionsExt::from_mode(0o755)).unwrap();
        let mut process = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "owner", "--nocapture"])
            .env(ROLE, role)
            .env("TMPDIR", temporary.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(if role == "panic" { Stdio::null() } else { Stdio::inherit() })
            .spawn()
            .unwrap();
        let output = BufReader::new(process.stdout.take().unwrap()).lines();
        Self { process, output, temporary }
    }

    fn await_line(&mut self, text: &str) {
        let found = self.output.by_ref().map_while(Result::ok).any(|line| line.contains(text));
        assert!(found, "the owner ended early");
    }

    fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    /// Lets it come to its end.
    fn end(&mut self) -> ExitStatus {
        drop(self.process.stdin.take());
        self.process.wait().unwrap()
    }

    /// The processes, except for the owner's own, that work in its temporary folder.
    fn workers(&self) -> Vec<u32> {
        let entries = std::fs::read_dir("/proc").unwrap().flatten();
        let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        pids.filter(|pid| working_folder(*pid).is_some_and(|f| f.starts_with(self.temporary.path()))).collect()
    }

    fn assert_nothing_left(&self, pids: &[u32]) {
        let begin = Instant::now();
        loop {
            // What has ended and is not yet waited for has no memory.
            let alive: Vec<u32> = pids.iter().copied().filter(|pid| peak_memory_bytes(*pid).is_ok()).collect();
            let files: Vec<PathBuf> =
                std::fs::read_dir(self.temporary.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
            if alive.is_empty() && files.is_empty() && self.workers().is_empty() {
                eprintln!("all gone after {:?}", begin.elapsed());
                return;
            }
            assert!(begin.elapsed() < GONE_WITHIN, "left over: {alive:?} {files:?}");
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        let running = self.process.try_wait().is_ok_and(|status| status.is_none());
        if running {
            self.kill();
        }
    }
}

fn working_folder(pid: u32) -> Option<PathBuf> {
    std::fs::read_link(Path::new("/proc").join(pid.to_string()).join("cwd")).ok()
}
