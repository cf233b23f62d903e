//! What an SRE sees of a supplier.

use std::time::Duration;

use metrics_exporter_prometheus::PrometheusBuilder;

use super::double::{Does, Double, buy, guard, now, query};
use crate::{
    ops::supplier_metrics,
    procurement::guard::{BreakerState, GuardSettings},
};

#[test]
fn calls_times_retries_refusals_and_the_breaker_are_shown() {
    let recorder = PrometheusBuilder::new().build_recorder();
    let handle = recorder.handle();
    metrics::with_local_recorder(&recorder, || {
        supplier_metrics::describe();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let double = Double::new(Does::Accepts, Duration::from_millis(30));
            let guarded = guard(&double, GuardSettings::default());
            assert!(buy(&guarded).await.is_some());
            double.then([Does::Withholds]);
            assert!(buy(&guarded).await.is_some());
            double.then([Does::Fails]);
            assert!(query(&guarded).await.is_some());
            guarded.balance().await.unwrap();
            double.now_does(Does::Fails, Duration::from_millis(30));
            while guarded.health(now()).breaker == BreakerState::Closed {
                buy(&guarded).await;
            }
            assert!(buy(&guarded).await.is_none());
        });
    });
    let shown = handle.render();
    for line in [
        r#"fulfil_supplier_calls_total{supplier="double",kind="buy",outcome="accepted"} 1"#,
        r#"fulfil_supplier_calls_total{supplier="double",kind="buy",outcome="unknown"} 2"#,
        r#"fulfil_supplier_calls_total{supplier="double",kind="buy",outcome="withheld"} 1"#,
        r#"fulfil_supplier_calls_total{supplier="double",kind="query",outcome="unclear"} 1"#,
        r#"fulfil_supplier_calls_total{supplier="double",kind="query",outcome="pending"} 1"#,
        r#"fulfil_supplier_calls_total{supplier="double",kind="balance",outcome="told"} 1"#,
        r#"fulfil_supplier_retries_total{supplier="double"} 1"#,
        r#"fulfil_supplier_guard_refusals_total{supplier="double",why="breaker_open"} 1"#,
        r#"fulfil_supplier_breaker_state{supplier="double"} 2"#,
        r#"fulfil_supplier_calls_in_flight{supplier="double"} 0"#,
        r#"fulfil_supplier_balance_minor_units{supplier="double"} 0"#,
        "# TYPE fulfil_supplier_call_seconds",
    ] {
        assert!(shown.contains(line), "{line} is not in\n{shown}");
    }
}
