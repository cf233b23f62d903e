//! Each finding that a virtual host can have is provoked once.

use std::time::Duration;

use fulfil_contract::examination::{Examination, Finding, Grade};
use fulfil_rabbitmq::{BrokerUrl, RabbitSubmitter, Submission, declare, examine};
use lapin::{
    Channel, ExchangeKind,
    options::{BasicGetOptions, BasicRejectOptions, ExchangeDeclareOptions, QueueDeclareOptions, QueueDeleteOptions},
    types::{AMQPValue, FieldTable},
};
use private_servers::RabbitMq;
use tokio::time::Instant;

use crate::broker::{self, LIMIT};

#[track_caller]
fn finding<'e>(examination: &'e Examination, id: &str) -> &'e Finding {
    let found = examination.findings.iter().find(|finding| finding.check.id == id);
    found.unwrap_or_else(|| panic!("no finding {id}: {examination:#?}"))
}

/// It is broken in these words, and has this line that mends it.
#[track_caller]
fn broken(examination: &Examination, id: &str, words: &str, line: &str) {
    let found = finding(examination, id);
    assert_eq!(found.grade, Grade::Broken, "{found:?}");
    assert!(found.found.contains(words), "{found:?}");
    assert!(found.mend.iter().any(|mend| mend.line.contains(line)), "{found:?}");
}

fn bad(examination: &Examination) -> Vec<&'static str> {
    let bad = examination.findings.iter().filter(|finding| finding.grade != Grade::Ok);
    bad.map(|finding| finding.check.id).collect()
}

/// Policies can't be seen over AMQP, so this is said whenever the delivery limit is declared well.
const ALWAYS: &str = "rabbitmq.delivery_limit";

/// As `fulfil doctor` says nothing but what it always says.
#[track_caller]
fn well(examination: &Examination) {
    assert_eq!((examination.grade(), bad(examination)), (Grade::Warning, vec![ALWAYS]), "{examination:#?}");
}

/// Runs a line that is printed for a shell, as far as it is rabbitmqctl's.
async fn run(line: &str) -> Result<String, String> {
    let line = line.split(" # ").next().and_then(|line| line.strip_prefix("rabbitmqctl ")).expect("rabbitmqctl");
    let words: Vec<String> = line.split_whitespace().map(|word| word.trim_matches('\'').to_owned()).collect();
    let told = tokio::task::spawn_blocking(move || {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        RabbitMq::shared()?.ctl(&words)
    });
    told.await.expect("told").map_err(|error| format!("{error:#}"))
}

/// Every line of a finding, in order: what is rabbitmqctl's is run, `fulfil migrate` is what it does.
async fn mend(finding: &Finding, url: &BrokerUrl, lanes: u16) -> Vec<String> {
    let mut said = Vec::new();
    for mend in &finding.mend {
        assert_eq!(mend.place, "shell");
        match mend.line.as_str() {
            "fulfil migrate" => declare(url, lanes, LIMIT).await.expect("migrate"),
            line => said.push(run(line).await.expect("the broker does as it is told")),
        }
    }
    said
}

async fn make(channel: &Channel, queue: &str, arguments: &[(&str, AMQPValue)]) {
    let durable = QueueDeclareOptions { durable: true, ..QueueDeclareOptions::default() };
    let mut table = FieldTable::default();
    for (name, value) in arguments {
        table.insert((*name).into(), value.clone());
    }
    channel.queue_declare(queue.into(), durable, table).await.expect("queue");
}

fn text(text: &str) -> AMQPValue {
    AMQPValue::LongString(text.into())
}

#[tokio::test]
async fn what_is_declared_is_well_and_stays_as_it_is() {
    for lanes in [1, 3] {
        let url = broker::declared(lanes).await;
        let (_connection, channel) = broker::connect(&url).await;
        broker::enqueue(&channel, "orders.0", vec![b"an order".to_vec()]).await;
        for _ in 0..2 {
            let examination = examine(&url, lanes).await;
            well(&examination);
            assert_eq!(examination.place, url.to_string());
        }
        // Nothing was taken, nothing was published.
        let depths = [("orders.0", 1), ("results", 0), ("orders.dead", 0)];
        for (queue, messages) in depths {
            assert_eq!(broker::depths(&channel, &[queue.into()], messages).await, [messages], "{queue}");
        }
    }
}

#[tokio::test]
async fn what_is_missing_is_named_and_not_made() {
    let url = broker::vhost().await;
    for _ in 0..2 {
        let examination = examine(&url, 2).await;
        broken(&examination, "rabbitmq.orders", "exchange orders is missing; also orders.lanes", "fulfil migrate");
        broken(&examination, "rabbitmq.lanes", "queue orders.0 is missing; also orders.1", "fulfil migrate");
        broken(&examination, "rabbitmq.dead_letters", "queue orders.dead is missing", "fulfil migrate");
        broken(&examination, "rabbitmq.results", "exchange results is missing", "fulfil migrate");
        assert_eq!(finding(&examination, "rabbitmq.plugin").grade, Grade::Ok);
    }
    declare(&url, 2, LIMIT).await.expect("nothing is in its way");
    let examination = examine(&url, 3).await;
    broken(&examination, "rabbitmq.lanes", "queue orders.2 is missing", "fulfil migrate");
    assert_eq!(bad(&examination), ["rabbitmq.lanes"]);
    // As it is found, it is mended.
    mend(finding(&examination, "rabbitmq.lanes"), &url, 3).await;
    well(&examine(&url, 3).await);
}

#[tokio::test]
async fn queues_and_exchanges_of_another_kind() {
    let url = broker::vhost().await;
    let (_connection, channel) = broker::connect(&url).await;
    make(&channel, "orders.1", &[]).await;
    make(&channel, "orders.dead", &[("x-queue-type", text("classic"))]).await;
    let durable = ExchangeDeclareOptions { durable: true, ..ExchangeDeclareOptions::default() };
    channel
        .exchange_declare("orders".into(), ExchangeKind::Direct, durable, FieldTable::default())
        .await
        .expect("made");
    channel
        .exchange_declare("results".into(), ExchangeKind::Topic, durable, FieldTable::default())
        .await
        .expect("made");
    let examination = examine(&url, 2).await;
    broken(&examination, "rabbitmq.dead_letters", "orders.dead is of another kind: ", "delete_queue orders.dead");
    broken(&examination, "rabbitmq.orders", "orders is of another kind: ", "delete exchange name=orders");
    broken(&examination, "rabbitmq.results", "alternate-exchange", "delete exchange name=results");
    // What is missing came first; both are named.
    broken(&examination, "rabbitmq.lanes", "orders.0 is missing; also orders.1", "fulfil migrate");

    make(&channel, "orders.0", &[("x-queue-type", text("quorum"))]).await;
    let examination = examine(&url, 2).await;
    // Each of them has its line.
    let lanes = finding(&examination, "rabbitmq.lanes");
    let deleted = lanes.mend.iter().filter_map(|mend| Some(mend.line.split_once(" delete_queue ")?.1));
    assert_eq!(deleted.collect::<Vec<_>>(), ["orders.0", "orders.1"], "{lanes:?}");
}

#[tokio::test]
async fn a_small_delivery_limit() {
    let url = broker::vhost().await;
    let (_connection, channel) = broker::connect(&url).await;
    let limited = [
        ("x-queue-type", text("quorum")),
        ("x-delivery-limit", AMQPValue::LongLongInt(20)),
        ("x-dead-letter-exchange", text("")),
        ("x-dead-letter-routing-key", text("orders.dead")),
        ("x-dead-letter-strategy", text("at-least-once")),
        ("x-overflow", text("reject-publish")),
    ];
    for lane in ["orders.0", "orders.1"] {
        make(&channel, lane, &limited).await;
        broker::enqueue(&channel, lane, vec![b"an order".to_vec()]).await;
    }
    declare(&url, 2, LIMIT).await.expect_err("it has another limit");
    let examination = examine(&url, 2).await;
    broken(&examination, "rabbitmq.delivery_limit", "of queue orders.0 and 1 more", "delete_queue orders.1");
    assert_eq!(finding(&examination, "rabbitmq.lanes").grade, Grade::Ok);

    // Why it is not `--if-empty`: the broker deletes nothing then, and `&&` would go on (3.10).
    let flagged = run(&format!("rabbitmqctl -p {} delete_queue orders.0 --if-empty", url.vhost())).await;
    assert!(flagged.unwrap_or_else(|error| error).contains("not_implemented"), "this broker takes the flag");
    let (_other, careful) = broker::connect(&url).await;
    let if_empty = QueueDeleteOptions { if_empty: true, ..QueueDeleteOptions::default() };
    careful.queue_delete("orders.0".into(), if_empty).await.expect_err("not implemented");

    let said = mend(finding(&examination, "rabbitmq.delivery_limit"), &url, 2).await;
    assert!(said[0].contains("orders.0\t") && said[0].contains("orders.1\t"), "how many are in them: {said:?}");
    well(&examine(&url, 2).await);
}

/// What the warning about policies says: the lower limit wins, no answer of AMQP tells it, its line does.
#[tokio::test]
async fn a_policy_of_a_smaller_delivery_limit() {
    let url = broker::declared(2).await;
    let vhost = url.vhost();
    for (kind, lane) in [("set_policy", 0), ("set_operator_policy", 1)] {
        let line = format!("rabbitmqctl {kind} -p {vhost} small ^orders\\.{lane}$ {{\"delivery-limit\":1}}");
        run(&line).await.expect("set");
    }
    let examination = examine(&url, 2).await;
    well(&examination);
    let limit = finding(&examination, ALWAYS);
    assert!(limit.found.contains("a policy's lower one would win"), "{limit:?}");
    let said = mend(limit, &url, 2).await;
    let (_connection, channel) = broker::connect(&url).await;
    for (lane, told) in ["orders.0", "orders.1"].into_iter().zip(said) {
        assert!(told.contains("small") && told.contains("delivery-limit"), "{told}");
        broker::enqueue(&channel, lane, vec![b"healthy".to_vec()]).await;
        let begun = Instant::now();
        let get = async |queue: &str| channel.basic_get(queue.into(), BasicGetOptions::default()).await.expect("get");
        while get("orders.dead").await.is_none() {
            if let Some(order) = get(lane).await {
                order.reject(BasicRejectOptions { requeue: true }).await.expect("given back");
            }
            assert!(begun.elapsed() < LIMIT, "{lane} never gave it up: the warning is not true of this broker");
        }
    }
}

#[tokio::test]
async fn a_user_who_may_not() {
    let url = broker::declared(2).await;
    let vhost = url.vhost().to_owned();
    let permit = async |configure: &'static str, write: &'static str, read: &'static str| {
        let vhost = vhost.clone();
        let told = tokio::task::spawn_blocking(move || {
            RabbitMq::shared()?.ctl(&["set_permissions", "-p", &vhost, "doctor", configure, write, read])
        });
        told.await.expect("told").expect("set");
    };
    let add = || RabbitMq::shared()?.ctl(&["add_user", "doctor", "pw"]);
    tokio::task::spawn_blocking(add).await.expect("told").expect("a user");
    let as_user = |password: &str| {
        let url = url.to_string().replacen("guest@", &format!("doctor:{password}@"), 1);
        BrokerUrl::parse(&url).expect("a URL")
    };

    permit(".*", "^$", ".*").await;
    let examination = examine(&as_user("pw"), 2).await;
    let set = format!("rabbitmqctl set_permissions -p {vhost} doctor '.*' '.*' '.*'");
    broken(&examination, "rabbitmq.permissions", "write results, write results.unrouted, write amq.default", &set);
    permit(".*", ".*", "^results").await;
    broken(&examination_of(&as_user("pw")).await, "rabbitmq.permissions", "may not read orders.0", &set);
    // Who may not configure can work; but how things were declared can't be seen, and no promise that rests on it.
    permit("^$", ".*", ".*").await;
    let examination = examination_of(&as_user("pw")).await;
    assert_eq!(examination.grade(), Grade::NotAsked, "{examination:#?}");
    let unseen =
        ["plugin", "orders", "lanes", "delivery_limit", "dead_letters", "results"].map(|id| format!("rabbitmq.{id}"));
    assert_eq!(bad(&examination), unseen);
    for id in unseen {
        let found = finding(&examination, &id);
        assert!(found.grade == Grade::NotAsked && found.mend[0].line == set, "{found:?}");
    }
    run(&set).await.expect("permitted");
    well(&examination_of(&as_user("pw")).await);

    let examination = examination_of(&as_user("other")).await;
    assert_eq!((examination.grade(), examination.findings.len()), (Grade::NotAsked, 1), "{examination:#?}");
    let text = format!("{examination:?}");
    assert!(text.contains("check the user and the password") && !text.contains("other"), "{text}");
}

async fn examination_of(url: &BrokerUrl) -> Examination {
    examine(url, 2).await
}

#[tokio::test]
async fn orders_in_lanes_of_an_earlier_number() {
    let url = broker::declared(4).await;
    let submitter = RabbitSubmitter::new(url.clone(), LIMIT);
    let orders = (0..100).map(|n| Submission { order_id: format!("order-{n}"), body: b"{}".to_vec() });
    submitter.submit(orders.collect()).await.expect("submit");
    declare(&url, 2, LIMIT).await.expect("declare");
    // A broker that is busy says that a queue is empty where its leader does not tell in time.
    let begun = Instant::now();
    loop {
        let examination = examine(&url, 2).await;
        if bad(&examination) == [ALWAYS, "rabbitmq.old_lanes"] {
            let found = finding(&examination, "rabbitmq.old_lanes");
            assert!(found.found.starts_with("orders.2, orders.3 of an earlier number"), "{found:?}");
            return;
        }
        assert!(begun.elapsed() < LIMIT, "{examination:#?}");
    }
}

#[tokio::test]
async fn nobody_there() {
    let url = BrokerUrl::parse("amqp://127.0.0.1:1").expect("a URL");
    let begun = Instant::now();
    let examination = examine(&url, 2).await;
    assert_eq!((examination.grade(), examination.findings.len()), (Grade::NotAsked, 1), "{examination:#?}");
    assert!(begun.elapsed() < Duration::from_secs(30));
}
