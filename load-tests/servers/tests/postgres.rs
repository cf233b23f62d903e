//! Postgres starts, keeps what it committed, and leaves nothing behind.

#![expect(clippy::unwrap_used, reason = "in tests")]

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use private_servers::{Postgres, Server, peak_memory_bytes};

#[test]
fn what_was_committed_survives_a_kill() {
    let begin = Instant::now();
    let postgres = Postgres::start().unwrap();
    eprintln!("postgres: start {:?}", begin.elapsed());
    postgres.execute("create table kept (n int); insert into kept values (7)").unwrap();
    let pids = postgres.pids().unwrap();
    assert!(pids.len() > 3, "the server and its children: {pids:?}");
    postgres.kill().unwrap();
    assert!(pids.iter().all(|pid| is_gone(*pid)), "{pids:?}");
    assert!(!postgres.is_running().unwrap());
    assert!(postgres.execute("select 1").is_err());
    let begin = Instant::now();
    postgres.restart().unwrap();
    eprintln!("postgres: restart {:?}", begin.elapsed());
    assert_eq!(postgres.execute("select n from kept").unwrap(), "7");
    postgres.stop().unwrap();
    postgres.restart().unwrap();
    assert_eq!(postgres.execute("select n from kept").unwrap(), "7");
}

/// Only root may mount a file system.
#[test]
fn a_full_disk_refuses_writes_until_there_is_room() {
    if !nix::unistd::geteuid().is_root() {
        assert!(Postgres::start_on_small_disk(300).is_err());
        return;
    }
    let postgres = Postgres::start_on_small_disk(300).unwrap();
    postgres.execute("create table kept (t text); insert into kept values ('before')").unwrap();
    assert!(postgres.fill_disk().unwrap() > 1_000_000);
    let error = postgres.execute("insert into kept select repeat('x', 1000) from generate_series(1, 200000)");
    assert!(format!("{:#}", error.unwrap_err()).contains("No space left on device"));
    postgres.make_room().unwrap();
    if !postgres.is_running().unwrap() {
        postgres.restart().unwrap();
    }
    postgres.execute("insert into kept values ('after')").unwrap();
    assert_eq!(postgres.execute("select count(*) from kept").unwrap(), "2");
    drop(postgres);
    let mounts = std::fs::read_to_string("/proc/self/mounts").unwrap();
    assert!(!mounts.contains(&format!("fulfil-small-disk-{}", std::process::id())), "{mounts}");
}

#[test]
fn a_kill_takes_a_busy_session_along() {
    let postgres = Postgres::start().unwrap();
    std::thread::scope(|scope| {
        // In the select list, where it streams: after `from` it would fill the disk first.
        let busy =
            scope.spawn(|| postgres.execute("select count(*) from (select generate_series(1, 9000000000)) numbers"));
        let limit = Instant::now() + Duration::from_secs(20);
        let active = "select count(*) from pg_stat_activity where state = 'active'";
        while postgres.execute(active).unwrap() != "2" {
            assert!(Instant::now() < limit, "the session never became busy");
        }
        postgres.kill().unwrap();
        assert!(busy.join().unwrap().is_err());
        postgres.restart().unwrap();
    });
}

#[test]
fn each_new_database_is_empty() {
    let postgres = Postgres::shared().unwrap();
    let begin = Instant::now();
    let urls: Vec<String> = std::thread::scope(|scope| {
        let makers: Vec<_> = (0..8).map(|_| scope.spawn(|| postgres.new_database().unwrap())).collect();
        makers.into_iter().map(|maker| maker.join().unwrap()).collect()
    });
    eprintln!("postgres: eight databases {:?}", begin.elapsed());
    for url in &urls {
        let tables = "select count(*) from pg_tables where schemaname = 'public'";
        assert_eq!(psql(url, tables), "0", "{url}");
        psql(url, "create table orders (id int)");
    }
    assert_eq!(postgres.execute("select current_database()").unwrap(), "fulfil");
}

#[test]
fn it_is_set_as_in_production() {
    let postgres = Postgres::shared().unwrap();
    for (name, value) in [
        ("fsync", "on"),
        ("synchronous_commit", "on"),
        ("full_page_writes", "on"),
        ("shared_buffers", "256MB"),
        ("max_connections", "200"),
        ("listen_addresses", "127.0.0.1"),
        ("server_encoding", "UTF8"),
    ] {
        assert_eq!(postgres.execute(&format!("show {name}")).unwrap(), value, "{name}");
    }
}

#[test]
fn a_paused_server_answers_when_it_is_resumed() {
    let postgres = Postgres::start().unwrap();
    postgres.pause().unwrap();
    let mut client = Command::new("psql")
        .args(["-X", "-A", "-t", "-d", &postgres.url(), "-c", "select 1"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let until = Instant::now() + Duration::from_millis(500);
    while Instant::now() < until {
        assert!(client.try_wait().unwrap().is_none(), "a paused server answered");
        std::thread::sleep(Duration::from_millis(20));
    }
    postgres.resume().unwrap();
    let output = client.wait_with_output().unwrap();
    assert_eq!(output.stdout, b"1\n");
}

#[test]
fn cpu_time_counts_sessions_that_have_ended() {
    let postgres = Postgres::start().unwrap();
    let before = postgres.cpu_time().unwrap();
    postgres.execute("select sum(sqrt(n)) from generate_series(1, 1000000) n").unwrap();
    // The kernel adds a session's time to its parent's when the parent has waited for it, a moment after the client left.
    let until = Instant::now() + Duration::from_secs(10);
    let mut after = postgres.cpu_time().unwrap();
    while after <= before + Duration::from_millis(50) {
        assert!(Instant::now() < until, "{before:?} {after:?}");
        std::thread::sleep(Duration::from_millis(5));
        after = postgres.cpu_time().unwrap();
    }
    postgres.kill().unwrap();
    assert!(postgres.cpu_time().unwrap() >= after);
    postgres.restart().unwrap();
    assert!(postgres.cpu_time().unwrap() > after);
    assert!(postgres.peak_memory_bytes().unwrap() > 5_000_000);
}

#[test]
fn a_taken_port_is_said() {
    let postgres = Postgres::start().unwrap();
    let address = postgres.url();
    let address = address.split(['@', '/']).find(|part| part.starts_with("127.")).unwrap();
    postgres.kill().unwrap();
    let other = std::net::TcpListener::bind(address).unwrap();
    let error = postgres.restart().unwrap_err().to_string();
    assert!(error.to_lowercase().contains("address already in use"), "{error}");
    drop(other);
    postgres.restart().unwrap();
}

#[test]
fn nothing_is_left_when_it_is_dropped() {
    let postgres = Postgres::start().unwrap();
    let folder = postgres.execute("show data_directory").unwrap();
    let pids = postgres.pids().unwrap();
    drop(postgres);
    assert!(!Path::new(&folder).parent().unwrap().exists());
    assert!(pids.iter().all(|pid| is_gone(*pid)), "{pids:?}");
}

#[test]
fn no_shared_memory_is_left_by_a_killed_server() {
    let postgres = Postgres::start().unwrap();
    let folder = postgres.execute("show data_directory").unwrap();
    let pid_file = std::fs::read_to_string(Path::new(&folder).join("postmaster.pid")).unwrap();
    let segment = pid_file.lines().nth(6).unwrap().split_whitespace().nth(1).unwrap();
    assert!(segments().iter().any(|id| id == segment), "{segment} {:?}", segments());
    postgres.kill().unwrap();
    assert!(segments().iter().any(|id| id == segment), "the kernel keeps it");
    drop(postgres);
    assert!(segments().iter().all(|id| id != segment), "{segment} {:?}", segments());
}

fn psql(url: &str, sql: &str) -> String {
    let output = Command::new("psql")
        .args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d", url, "-c", sql])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
}

/// The numbers of the shared memory segments of this machine.
fn segments() -> Vec<String> {
    let table = std::fs::read_to_string("/proc/sysvipc/shm").unwrap();
    let number = |line: &str| line.split_whitespace().nth(1).map(str::to_owned);
    table.lines().skip(1).filter_map(number).collect()
}

/// A process that has ended and is not yet waited for has no memory either.
fn is_gone(pid: u32) -> bool {
    peak_memory_bytes(pid).is_err()
}
