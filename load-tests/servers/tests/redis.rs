//! Redis starts, keeps what it answered, and comes back on an older file when told to.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use private_servers::{Redis, Server};

#[test]
fn what_was_answered_survives_a_kill() {
    let begin = Instant::now();
    let redis = Redis::start().unwrap();
    eprintln!("redis: start {:?}", begin.elapsed());
    assert_eq!(ask(&redis, "SET key before").unwrap(), "+OK");
    let pids = redis.pids().unwrap();
    redis.kill().unwrap();
    assert!(!redis.is_running().unwrap());
    assert!(!std::path::Path::new(&format!("/proc/{}", pids[0])).exists());
    assert!(ask(&redis, "PING").is_err());
    redis.restart().unwrap();
    assert_eq!(ask(&redis, "GET key").unwrap(), "before");
    redis.stop().unwrap();
    redis.restart().unwrap();
    assert_eq!(ask(&redis, "GET key").unwrap(), "before");
}

#[test]
fn an_older_file_brings_an_older_state() {
    let redis = Redis::start().unwrap();
    ask(&redis, "SET key older").unwrap();
    let older = redis.snapshot_aof().unwrap();
    ask(&redis, "SET key newer").unwrap();
    ask(&redis, "SET another one").unwrap();
    redis.restart_on(&older).unwrap();
    assert_eq!(ask(&redis, "GET key").unwrap(), "older");
    assert_eq!(ask(&redis, "EXISTS another").unwrap(), ":0");
    ask(&redis, "SET key newest").unwrap();
    redis.restart().unwrap();
    assert_eq!(ask(&redis, "GET key").unwrap(), "newest");
    redis.restart_on(&older).unwrap();
    assert_eq!(ask(&redis, "GET key").unwrap(), "older");
}

#[test]
fn a_function_library_is_in_the_snapshot() {
    let redis = Redis::start().unwrap();
    let library = "#!lua name=lib\\nredis.register_function('answer', function() return 42 end)";
    ask(&redis, &format!("FUNCTION LOAD \"{library}\"")).unwrap();
    let older = redis.snapshot_aof().unwrap();
    redis.restart_empty().unwrap();
    assert!(ask(&redis, "FCALL answer 0").unwrap().starts_with("-ERR"));
    redis.restart_on(&older).unwrap();
    assert_eq!(ask(&redis, "FCALL answer 0").unwrap(), ":42");
}

#[test]
fn an_empty_restart_has_nothing() {
    let redis = Redis::start().unwrap();
    ask(&redis, "SET key value").unwrap();
    redis.restart_empty().unwrap();
    assert_eq!(ask(&redis, "DBSIZE").unwrap(), ":0");
}

#[test]
fn a_replica_whose_link_is_cut_takes_the_place_of_its_primary_as_it_was() {
    let redis = Redis::start().unwrap();
    ask(&redis, "SET key older").unwrap();
    let replica = redis.start_replica().unwrap();
    assert_eq!(ask(&replica, "GET key").unwrap(), "older");
    assert!(ask(&replica, "SET key mine").unwrap().starts_with("-READONLY"));
    replica.cut_link().unwrap();
    ask(&redis, "SET key newer").unwrap();
    let address = redis.url();
    replica.take_the_place_of(&redis).unwrap();
    assert!(!redis.is_running().unwrap());
    assert_eq!(replica.url(), address);
    assert_eq!(ask(&replica, "GET key").unwrap(), "older");
    assert_eq!(ask(&replica, "SET key newest").unwrap(), "+OK");
    replica.restart().unwrap();
    assert_eq!((replica.url(), ask(&replica, "GET key").unwrap()), (address, "newest".into()));
}

#[test]
fn it_is_set_as_in_production() {
    let redis = Redis::shared().unwrap();
    for (name, value) in [
        ("appendonly", "yes"),
        ("appendfsync", "everysec"),
        ("maxmemory-policy", "noeviction"),
        ("save", ""),
        ("bind", "127.0.0.1"),
    ] {
        let mut stream = connect(redis).unwrap();
        stream.get_mut().write_all(format!("CONFIG GET {name}\r\n").as_bytes()).unwrap();
        let lines: Vec<String> = (0..5).map(|_| line(&mut stream).unwrap()).collect();
        assert_eq!(lines[4], value, "{name}");
    }
    assert!(redis.aof_dir().join("appendonly.aof.manifest").is_file());
}

#[test]
fn a_paused_server_answers_when_it_is_resumed() {
    let redis = Redis::start().unwrap();
    let mut stream = connect(&redis).unwrap();
    redis.pause().unwrap();
    stream.get_mut().write_all(b"PING\r\n").unwrap();
    stream.get_ref().set_read_timeout(Some(Duration::from_millis(300))).unwrap();
    assert!(line(&mut stream).is_err());
    redis.resume().unwrap();
    stream.get_ref().set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    assert_eq!(line(&mut stream).unwrap(), "+PONG");
    redis.pause().unwrap();
    redis.kill().unwrap();
    assert!(redis.pause().is_err(), "a dead server cannot be paused");
}

#[test]
fn a_taken_port_is_said() {
    let redis = Redis::start().unwrap();
    let address = redis.url().trim_start_matches("redis://").to_owned();
    redis.kill().unwrap();
    let other = std::net::TcpListener::bind(&address).unwrap();
    let error = redis.restart().unwrap_err().to_string();
    assert!(error.to_lowercase().contains("address already in use"), "{error}");
    drop(other);
    redis.restart().unwrap();
}

#[test]
fn its_data_are_gone_when_it_is_dropped() {
    let redis = Redis::start().unwrap();
    let (folder, pids) = (redis.aof_dir(), redis.pids().unwrap());
    assert!(folder.is_dir());
    drop(redis);
    assert!(!folder.exists() && !folder.parent().unwrap().exists());
    assert!(pids.iter().all(|pid| !std::path::Path::new(&format!("/proc/{pid}")).exists()));
}

/// The first line of the answer; the value if it is a string.
fn ask(redis: &Redis, command: &str) -> std::io::Result<String> {
    let mut stream = connect(redis)?;
    stream.get_mut().write_all(format!("{command}\r\n").as_bytes())?;
    let first = line(&mut stream)?;
    if first.starts_with('$') { line(&mut stream) } else { Ok(first) }
}

fn connect(redis: &Redis) -> std::io::Result<BufReader<TcpStream>> {
    let url = redis.url();
    let stream = TcpStream::connect(url.trim_start_matches("redis://"))?;
    stream.set_read_timeout(Some(Duration::from_secs(20)))?;
    Ok(BufReader::new(stream))
}

fn line(stream: &mut BufReader<TcpStream>) -> std::io::Result<String> {
    let mut line = String::new();
    if stream.read_line(&mut line)? == 0 {
        return Err(std::io::ErrorKind::UnexpectedEof.into());
    }
    Ok(line.trim_end().to_owned())
}
