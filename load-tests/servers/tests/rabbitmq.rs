//! RabbitMQ starts, speaks AMQP, and keeps confirmed messages through faults.

mod amqp;

use std::sync::mpsc;
use std::time::{Duration, Instant};

use amqp::Amqp;
use private_servers::{RabbitMq, Server, peak_memory_bytes};

#[test]
fn confirmed_messages_survive_a_kill() {
    let begin = Instant::now();
    let rabbitmq = RabbitMq::start().unwrap();
    eprintln!("rabbitmq: start {:?}", begin.elapsed());
    let url = rabbitmq.new_vhost().unwrap();
    let mut client = Amqp::connect(&url).unwrap();
    client.declare_quorum_queue("orders").unwrap();
    client.publish("orders", "before the kill").unwrap();
    rabbitmq.save_declarations().unwrap();

    let pids = rabbitmq.pids().unwrap();
    let cpu = rabbitmq.cpu_time().unwrap();
    rabbitmq.kill().unwrap();
    assert!(pids.iter().all(|pid| is_gone(*pid)), "{pids:?}");
    assert!(!rabbitmq.is_running().unwrap());
    assert!(rabbitmq.pids().unwrap().is_empty());
    assert!(Amqp::connect(&url).is_err());
    assert!(client.get("orders").is_err());

    let begin = Instant::now();
    rabbitmq.restart().unwrap();
    eprintln!("rabbitmq: restart {:?}", begin.elapsed());
    assert!(rabbitmq.is_running().unwrap());
    assert!(rabbitmq.cpu_time().unwrap() > cpu);
    let mut client = Amqp::connect(&url).unwrap();
    assert_eq!(client.get("orders").unwrap().as_deref(), Some("before the kill"));
    assert_eq!(client.get("orders").unwrap(), None);

    client.publish("orders", "before the stop").unwrap();
    rabbitmq.stop().unwrap();
    assert!(!rabbitmq.is_running().unwrap());
    rabbitmq.restart().unwrap();
    let mut client = Amqp::connect(&url).unwrap();
    assert_eq!(client.get("orders").unwrap().as_deref(), Some("before the stop"));
}

#[test]
fn virtual_hosts_are_separate() {
    let rabbitmq = RabbitMq::shared().unwrap();
    let begin = Instant::now();
    let urls: Vec<String> = (0..10).map(|_| rabbitmq.new_vhost().unwrap()).collect();
    eprintln!("rabbitmq: ten virtual hosts {:?}", begin.elapsed());
    for url in &urls {
        let mut client = Amqp::connect(url).unwrap();
        client.declare_quorum_queue("orders").unwrap();
        assert_eq!(client.get("orders").unwrap(), None, "{url}");
        client.publish("orders", url).unwrap();
    }
    let mut default = Amqp::connect(&rabbitmq.url()).unwrap();
    assert!(default.publish("orders", "nowhere").is_ok());
    assert!(default.get("orders").is_err(), "the default virtual host has no such queue");
}

#[test]
fn the_consistent_hash_exchange_is_there() {
    let rabbitmq = RabbitMq::shared().unwrap();
    let mut client = Amqp::connect(&rabbitmq.new_vhost().unwrap()).unwrap();
    client.declare_exchange("lanes", "x-consistent-hash").unwrap();
    let error = client.declare_exchange("other", "x-no-such-type").unwrap_err();
    assert!(error.contains("x-no-such-type"), "{error}");
}

#[test]
fn a_paused_broker_answers_when_it_is_resumed() {
    let rabbitmq = RabbitMq::start().unwrap();
    let mut client = Amqp::connect(&rabbitmq.url()).unwrap();
    client.declare_quorum_queue("orders").unwrap();
    rabbitmq.pause().unwrap();
    assert!(rabbitmq.is_running().unwrap());
    let (answers, answer) = mpsc::channel();
    let publisher = std::thread::spawn(move || {
        answers.send(client.publish("orders", "late")).unwrap();
    });
    assert!(answer.recv_timeout(Duration::from_millis(500)).is_err());
    rabbitmq.resume().unwrap();
    answer.recv_timeout(Duration::from_secs(20)).unwrap().unwrap();
    publisher.join().unwrap();
}

#[test]
fn a_taken_port_is_said() {
    let rabbitmq = RabbitMq::start().unwrap();
    let address = rabbitmq.url();
    let address = address.split(['@', '/']).find(|part| part.starts_with("127.")).unwrap();
    rabbitmq.kill().unwrap();
    let other = std::net::TcpListener::bind(address).unwrap();
    let error = rabbitmq.restart().unwrap_err().to_string();
    assert!(error.to_lowercase().contains("eaddrinuse"), "{error}");
    drop(other);
    rabbitmq.restart().unwrap();
}

#[test]
fn rabbitmqctl_speaks_to_this_broker() {
    let rabbitmq = RabbitMq::shared().unwrap();
    let users = rabbitmq.ctl(&["list_users", "--silent"]).unwrap();
    assert!(users.starts_with("guest"), "{users}");
    let error = rabbitmq.ctl(&["delete_vhost", "no-such-vhost"]).unwrap_err();
    assert!(error.to_string().contains("no-such-vhost"), "{error}");
}

#[test]
fn its_memory_and_cpu_time_are_known() {
    let rabbitmq = RabbitMq::shared().unwrap();
    assert!(rabbitmq.cpu_time().unwrap() > Duration::from_millis(500));
    assert!(rabbitmq.peak_memory_bytes().unwrap() > 30_000_000);
}

/// A process that has ended and is not yet waited for has no memory either.
fn is_gone(pid: u32) -> bool {
    peak_memory_bytes(pid).is_err()
}
