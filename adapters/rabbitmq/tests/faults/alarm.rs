//! The broker is out of memory, as it sees it: it takes no publications and gives deliveries.

use fulfil_contract::{
    conformance::announcer::result,
    examination::Grade,
    ports::announcer::{Announcer, Verdict},
};
use fulfil_rabbitmq::{RabbitAnnouncer, examine};
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
    let mut pushed = 1;

    broker.tell(|server| server.ctl(&["set_vm_memory_high_watermark", "absolute", "1"])).await;
    // Until the broker has looked at its memory, and the connection has heard of it.
    let start = Instant::now();
    while !announcer.blocked() {
        assert!(start.elapsed() < crate::broker::PATIENCE, "the alarm never came");
        pushed += 1;
        if let Ok(verdicts) = within_the_limit("publish", announcer.publish(batch.clone())).await {
            assert_eq!(verdicts, vec![Verdict::Confirmed; 200]);
        }
    }
    for _ in 0..3 {
        let error = within_the_limit("publish", announcer.publish(batch.clone())).await.expect_err("the alarm is on");
        assert!(error.to_string().contains("memory or disk"), "{error}");
    }
    // One that has no connection yet.
    pushed += 1;
    let other = RabbitAnnouncer::new(broker.url.clone(), LIMIT);
    let error = within_the_limit("publish", other.publish(batch.clone())).await.expect_err("the alarm is on");
    assert!(error.to_string().contains("memory or disk"), "{error}");
    let examination = examine(&broker.url, 1).await;
    let alarm = examination.findings.iter().find(|finding| finding.check.id == "rabbitmq.alarm").expect("a finding");
    assert_eq!((alarm.grade, examination.grade()), (Grade::Warning, Grade::Warning), "{examination:#?}");
    // Deliveries come all the same, and can be acknowledged.
    let mut session = broker.open().await;
    let mut deliveries = within_the_limit("next", session.next(10)).await.expect("next");
    let last = deliveries.pop().expect("a delivery").receipt;
    within_the_limit("acknowledge", session.acknowledge_up_to(last)).await.expect("acknowledge");
    session.close().await;

    broker.tell(|server| server.ctl(&["set_vm_memory_high_watermark", "0.9"])).await;
    for announcer in [&announcer, &other] {
        let publish = async || {
            pushed += 1;
            announcer.publish(batch.clone()).await.map_err(|error| error.to_string())
        };
        assert_eq!(until("publish", publish).await, vec![Verdict::Confirmed; 200]);
        assert!(!announcer.blocked());
    }
    // What waited in the client came out, and nothing was put there while it was known to be blocked.
    let there = broker.tell(|server| server.ctl(&["list_queues", "-s", "messages", "name"])).await;
    let results = there.lines().find_map(|line| line.strip_suffix("\tresults")?.parse::<usize>().ok());
    assert!(
        results.is_some_and(|results| results <= pushed * 200),
        "{pushed} calls pushed 200 each, and there are\n{there}"
    );
}
