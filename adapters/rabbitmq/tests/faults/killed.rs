//! The broker is killed (SIGKILL) and comes back with what was confirmed.

use std::collections::BTreeSet;

use fulfil_contract::{
    conformance::announcer::result,
    ports::{
        announcer::{Announcer, Verdict},
        source::{Delivery, Source, SourceError, Sources},
    },
};
use fulfil_rabbitmq::{RabbitAnnouncer, RabbitResults, Tap};
use private_servers::Server;

use crate::broker::{Broker, LIMIT, PATIENCE, until, within_the_limit};

async fn take(session: &mut dyn Source, count: usize) -> Vec<Delivery> {
    let mut taken = Vec::new();
    while taken.len() < count {
        taken.extend(session.next(count - taken.len()).await.expect("next"));
    }
    taken
}

/// The numbers of all that comes, acknowledged as it comes, until `awaited` is among it. What had been acknowledged may
/// come too: the broker had read that, and need not have written it when it was killed.
async fn everything_until(session: &mut dyn Source, awaited: &BTreeSet<usize>) -> BTreeSet<usize> {
    let mut came = BTreeSet::new();
    let all = async {
        while !came.is_superset(awaited) {
            let deliveries = session.next(100).await.expect("next");
            came.extend(deliveries.iter().map(|delivery| number(&delivery.body)));
            if let Some(last) = deliveries.into_iter().next_back() {
                session.acknowledge_up_to(last.receipt).await.expect("acknowledge");
            }
        }
    };
    let ended = tokio::time::timeout(PATIENCE, all).await.is_ok();
    assert!(ended, "what was not acknowledged comes again: {came:?}");
    came
}

fn number(body: &[u8]) -> usize {
    String::from_utf8_lossy(body).parse().expect("a number")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sessions_and_announcements_end_in_time_and_go_on_after_it() {
    let broker = Broker::declared().await;
    broker.submit(0..300).await;
    let announcer = RabbitAnnouncer::new(broker.url.clone(), LIMIT);
    let confirmed = announcer.publish((0..100).map(result).collect()).await.expect("publish");
    assert_eq!(confirmed, vec![Verdict::Confirmed; 100]);
    let mut session = broker.open().await;
    let mut taken = take(&mut *session, 200).await;
    let kept = taken.split_off(100);
    let last = taken.pop().expect("100 deliveries").receipt;
    session.acknowledge_up_to(last).await.expect("acknowledge");
    // The broker answers on the same connection only after it has read the acknowledgement.
    session.ready().await.expect("ready");

    broker.tell(|server| server.kill()).await;
    within_the_limit("the session's end", async {
        loop {
            match session.next(100).await {
                Ok(deliveries) => drop(deliveries),
                Err(error) => break assert!(matches!(error, SourceError::SessionLost(_)), "{error}"),
            }
        }
    })
    .await;
    let held = kept.into_iter().next_back().expect("100 deliveries").receipt;
    let late = session.acknowledge_up_to(held).await;
    assert!(matches!(late, Err(SourceError::SessionLost(_))), "{late:?}");
    let batch: Vec<_> = (100..200).map(result).collect();
    within_the_limit("publish", announcer.publish(batch.clone())).await.expect_err("it is dead");
    let refused = within_the_limit("open", broker.sources().open(0)).await.err().expect("it is dead");
    assert!(matches!(refused, SourceError::Unavailable(_)), "{refused}");
    within_the_limit("close", session.close()).await;

    broker.tell(|server| server.restart()).await;
    let mut session = broker.reopen().await;
    let back = everything_until(&mut *session, &(100..300).collect()).await;
    assert!(back.is_subset(&(0..300).collect()), "{back:?}");
    let verdicts =
        until("publish", async || announcer.publish(batch.clone()).await.map_err(|error| error.to_string())).await;
    assert_eq!(verdicts, vec![Verdict::Confirmed; 100]);
    session.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_in_the_middle_of_publishing_no_confirmed_result_is_lost() {
    let broker = Broker::declared().await;
    let announcer = RabbitAnnouncer::new(broker.url.clone(), LIMIT);
    // The kill comes once some batches are confirmed, while others are on their way.
    let (under_way, mut seen) = tokio::sync::watch::channel(0);
    let publishing = async {
        let (mut confirmed, mut unavailable) = (0, false);
        // Goes on until it has seen the kill and its end.
        while !(unavailable && confirmed % 500 == 0 && confirmed >= 2000) {
            let batch: Vec<_> = (confirmed..confirmed + 500).map(result).collect();
            match within_the_limit("publish", announcer.publish(batch)).await {
                Ok(verdicts) => {
                    assert_eq!(verdicts, vec![Verdict::Confirmed; 500]);
                    confirmed += 500;
                    under_way.send_replace(confirmed);
                }
                Err(_) => {
                    unavailable = true;
                    tokio::time::sleep(std::time::Duration::from_millis(50)).await;
                }
            }
            assert!(confirmed < 2_000_000, "the kill was never seen");
        }
        confirmed
    };
    let (confirmed, ()) = tokio::join!(publishing, async {
        let some = tokio::time::timeout(PATIENCE, seen.wait_for(|confirmed| *confirmed >= 1500)).await;
        drop(some.expect("confirms come").expect("it publishes"));
        broker
            .tell(|server| {
                server.kill()?;
                server.restart()
            })
            .await;
    });
    let found = read_results(&broker, confirmed).await;
    assert!(found.is_superset(&(0..confirmed).map(|number| result(number).message_id).collect()));
}

/// Everything in queue `results`, at least `count` different ones.
async fn read_results(broker: &Broker, count: usize) -> BTreeSet<String> {
    use futures_util::StreamExt;
    let url = broker.server.url();
    let connection = lapin::Connection::connect(&url, lapin::ConnectionProperties::default()).await.expect("connect");
    let channel = connection.create_channel().await.expect("channel");
    let options = lapin::options::BasicConsumeOptions { no_ack: true, ..Default::default() };
    let mut consumer =
        channel.basic_consume("results".into(), "".into(), options, Default::default()).await.expect("consume");
    let mut found = BTreeSet::new();
    while found.len() < count {
        let delivery = tokio::time::timeout(PATIENCE, consumer.next()).await;
        let Ok(Some(Ok(delivery))) = delivery else { panic!("{} of {count} results are there", found.len()) };
        found.insert(delivery.properties.message_id().as_ref().expect("an id").to_string());
    }
    found
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_that_stops_in_good_order_ends_readers_too() {
    let broker = Broker::declared().await;
    let mut session = broker.open().await;
    let mut reader = RabbitResults::open(&broker.url, Tap::Unrouted, "#", LIMIT).await.expect("open");
    broker.tell(|server| server.stop()).await;
    let error = within_the_limit("the session's end", session.next(1)).await.expect_err("it is gone");
    assert!(matches!(error, SourceError::SessionLost(_)), "{error}");
    let error = within_the_limit("the reader's end", reader.next()).await.expect_err("it is gone");
    assert!(matches!(error, SourceError::SessionLost(_)), "{error}");
}
