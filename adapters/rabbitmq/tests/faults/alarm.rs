//! The broker is out of memory, as it sees it: it takes no publications and gives deliveries.

use fulfil_contract::{
    conformance::announcer::result,
    ports::announcer::{Announcer, Verdict},
};
use fulfil_rabbitmq::RabbitAnnouncer;
use tokio::time::Instant;

use crate::broker::{Broker, LIMIT, until, within_the_limit};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn publishing_is_unavailable_in_time_and_goes_on_after_it() {
    let broker = Broker::declared().await;
    broker.submit(0..10).await;
    let announcer = RabbitAnnouncer::new(broker.url.clone(), LIMIT);
    let batch: Vec<_> = (0..200).map(result).collect();
    assert_eq!(announcer.publish(batch.clone()).await.expect("publish"), vec![Verdict::Confirmed; 200]);
    assert!(!announcer.blocked());

    broker.tell(|server| server.ctl(&["set_vm_memory_high_watermark", "absolute", "1"])).await;
    // Until the broker has looked at its memory, and the connection has heard of it.
    let start = Instant::now();
    while !announcer.blocked() {
        assert!(start.elapsed() < crate::broker::PATIENCE, "the alarm never came");
        if let Ok(verdicts) = within_the_limit("publish", announcer.publish(batch.clone())).await {
            assert_eq!(verdicts, vec![Verdict::Confirmed; 200]);
        }
    }
    for _ in 0..3 {
        let error = within_the_limit("publish", announcer.publish(batch.clone())).await.expect_err("the alarm is on");
        assert!(error.to_string().contains("memory or disk"), "{error}");
    }
    // One that has no connection yet.
    let other = RabbitAnnouncer::new(broker.url.clone(), LIMIT);
    let error = within_the_limit("publish", other.publish(batch.clone())).await.expect_err("the alarm is on");
    assert!(error.to_string().contains("memory or disk"), "{error}");
    // Deliveries come all the same, and can be acknowledged.
    let mut session = broker.open().await;
    let mut deliveries = within_the_limit("next", session.next(10)).await.expect("next");
    let last = deliveries.pop().expect("a delivery").receipt;
    within_the_limit("acknowledge", session.acknowledge_up_to(last)).await.expect("acknowledge");
    session.close().await;

    broker.tell(|server| server.ctl(&["set_vm_memory_high_watermark", "0.9"])).await;
    for announcer in [&announcer, &other] {
        let verdicts =
            until("publish", async || announcer.publish(batch.clone()).await.map_err(|error| error.to_string())).await;
        assert_eq!(verdicts, vec![Verdict::Confirmed; 200]);
        assert!(!announcer.blocked());
    }
}
