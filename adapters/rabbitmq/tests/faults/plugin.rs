//! A broker without the consistent-hash exchange.

use fulfil_contract::examination::Grade;
use fulfil_rabbitmq::{TopologyError, declare, examine};

use crate::broker::{Broker, PATIENCE};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn several_lanes_say_what_to_enable_and_one_lane_works() {
    let broker = Broker::start().await;
    // As if the plugin were not enabled.
    let unregister = "rabbit_registry:unregister(exchange, <<\"x-consistent-hash\">>).";
    broker.tell(move |server| server.ctl(&["eval", unregister])).await;
    let error = declare(&broker.url, 2, PATIENCE).await.expect_err("there is no such exchange type");
    assert_eq!(error, TopologyError::PluginMissing);
    assert!(error.to_string().contains("rabbitmq-plugins enable rabbitmq_consistent_hash_exchange"), "{error}");
    let examination = examine(&broker.url, 2).await;
    let plugin = examination.findings.iter().find(|finding| finding.check.id == "rabbitmq.plugin").expect("a finding");
    assert_eq!(plugin.grade, Grade::Broken);
    assert!(plugin.mend[0].line.contains("enable rabbitmq_consistent_hash_exchange"), "{plugin:?}");
    declare(&broker.url, 1, PATIENCE).await.expect("one lane needs no plugin");
    broker.submit(0..10).await;
}
