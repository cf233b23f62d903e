//! What a model may do to the backend, and what then holds.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::{sync::Arc, time::Duration};

use fulfil_contract::{
    ids::{BodyHash, KeyId, OrderId, Sku},
    ports::{
        announcer::{Announcer, Destination, Publication, Verdict},
        books::Books,
        ledger::{Ledger, LedgerError},
        source::{SourceError, Sources},
        stock::{StockError, StockLoading},
    },
    proposal::{Entry, Proposal, ProposedOrder},
    reason::{Reason, ReasonCode},
    recorded::Judgement,
    stock::{Bucket, Epoch, Load, Loaded},
    time::Timestamp,
};
use fulfil_memory::{Fault, Memory};
use tokio::time::Instant;

fn refused(id: &str) -> Entry {
    Entry::Order(ProposedOrder {
        order_id: OrderId::parse(id).unwrap(),
        merchant_id: None,
        body_hash: BodyHash::of(id.as_bytes()),
        expires_at: None,
        proposal: Proposal::Refuse(Reason::new(ReasonCode::InvalidOrder, "no lines")),
    })
}

fn result() -> Publication {
    Publication {
        destination: Destination::Results,
        routing_key: "m.rejected".into(),
        kind: "order.result.v1",
        message_id: "o-1:1".into(),
        body: b"{}".to_vec(),
        reason: None,
    }
}

/// Disturbs this one call.
fn with(call: &'static str, fault: Fault) -> Memory {
    let memory = Memory::new(1);
    memory.disturb(move |name| if name == call { fault } else { Fault::None });
    memory
}

#[tokio::test]
async fn the_ledger_says_what_it_knows_of_the_outcome() {
    for (fault, committed) in [(Fault::Before, 0), (Fault::Swallowed, 0), (Fault::Refused, 0), (Fault::After, 1)] {
        let memory = with("ledger.record", fault);
        let error = memory.record(&[refused("o-1")]).await.unwrap_err();
        match fault {
            Fault::Before => assert!(matches!(error, LedgerError::Unavailable(_))),
            Fault::After | Fault::Swallowed => assert!(matches!(error, LedgerError::OutcomeUnknown(_))),
            Fault::Refused => assert!(matches!(error, LedgerError::Data(_))),
            Fault::None | Fault::Yield(_) | Fault::Late { .. } => {}
        }
        assert_eq!(memory.balance().await.unwrap().orders, committed, "{fault:?}");
    }
}

#[tokio::test]
async fn the_ledger_s_clock_stands_where_it_was_set() {
    let memory = Memory::new(1);
    memory.set_now(Timestamp(5));
    let Judgement::New(order) = memory.record(&[refused("o-1")]).await.unwrap().remove(0) else { panic!("not new") };
    assert_eq!(order.decided_at, Timestamp(5));
}

#[tokio::test]
async fn results_are_refused_lost_or_there() {
    let memory = with("announcer.publish", Fault::Refused);
    assert!(matches!(memory.publish(vec![result()]).await.unwrap()[..], [Verdict::Refused(_)]));
    memory.disturb(|_| Fault::Before);
    assert!(memory.publish(vec![result()]).await.is_err());
    assert_eq!(memory.announced(), []);
    memory.disturb(|_| Fault::After);
    assert!(memory.publish(vec![result()]).await.is_err());
    assert_eq!(memory.announced(), [result()]);
}

#[tokio::test]
async fn a_disturbed_session_is_over_and_its_messages_come_again() {
    for call in ["source.next", "source.acknowledge_up_to", "source.ready"] {
        for fault in [Fault::Before, Fault::After, Fault::Swallowed, Fault::Refused] {
            let memory = Memory::new(1);
            memory.enqueue(0, b"one".to_vec(), None);
            memory.enqueue(0, b"two".to_vec(), Some("id".into()));
            let mut source = Sources::open(&memory, 0).await.unwrap();
            let first = source.next(1).await.unwrap().remove(0);
            memory.disturb(move |name| if name == call { fault } else { Fault::None });
            let error = match call {
                "source.next" => source.next(1).await.map(drop),
                "source.ready" => source.ready().await.map(drop),
                _ => source.acknowledge_up_to(first.receipt).await,
            };
            assert!(matches!(error, Err(SourceError::SessionLost(_))), "{call} {fault:?}: {error:?}");
            memory.disturb(|_| Fault::None);
            assert!(matches!(source.next(1).await, Err(SourceError::SessionLost(_))));
            let acknowledged = usize::from(call == "source.acknowledge_up_to" && fault == Fault::After);
            assert_eq!(memory.unacknowledged(), 2 - acknowledged);
            let again = Sources::open(&memory, 0).await.unwrap().next(9).await.unwrap();
            assert_eq!(again.len(), 2 - acknowledged);
            assert_eq!(again.last().unwrap().message_id.as_deref(), Some("id"), "in their places");
        }
    }
}

#[tokio::test]
async fn cut_sessions_wake_those_who_wait() {
    let memory = Memory::new(1);
    let mut source = Sources::open(&memory, 0).await.unwrap();
    let (next, ()) = tokio::join!(source.next(1), async {
        tokio::task::yield_now().await;
        memory.cut_sessions();
    });
    assert!(matches!(next, Err(SourceError::SessionLost(_))), "{next:?}");
}

#[tokio::test]
async fn stock_is_lost_as_a_server_loses_it() {
    let memory = Memory::new(1);
    let bucket = Bucket { sku: Sku::parse("sku-a").unwrap(), index: 0 };
    assert_eq!(memory.reset(&bucket, Epoch(1)).await.unwrap(), Loaded::Done);
    let load = |from: i64, to: i64| Load {
        bucket: bucket.clone(),
        epoch: Epoch(1),
        from: KeyId(from),
        to: KeyId(to),
        ids: (from + 1..=to).map(KeyId).collect(),
        complete: true,
    };
    assert_eq!(memory.load(&load(0, 3)).await.unwrap(), Loaded::Done);
    let (old, identity) = (memory.copy_stock(), memory.identity().await.unwrap());
    assert_eq!(memory.load(&load(3, 5)).await.unwrap(), Loaded::Done);

    memory.restart_stock_on(old);
    assert_eq!(memory.offered(&bucket).await.unwrap(), [1, 2, 3].map(KeyId));
    let restarted = memory.identity().await.unwrap();
    assert_ne!(restarted, identity);
    memory.empty_stock();
    assert_eq!(memory.states(std::slice::from_ref(&bucket)).await.unwrap()[0].epoch, None);
    assert_eq!(memory.identity().await.unwrap(), restarted);
    memory.disturb(|_| Fault::Refused);
    assert!(matches!(memory.offered(&bucket).await, Err(StockError::OutOfMemory)));
}

#[tokio::test(start_paused = true)]
async fn a_late_call_has_its_effect_and_its_answer_when_they_are_due() {
    const SECOND: Duration = Duration::from_secs(1);
    for lost in [false, true] {
        let memory = with("ledger.record", Fault::Late { before: SECOND, after: SECOND, lost });
        let began = Instant::now();
        let at = |time: Duration| tokio::time::sleep_until(began + time);
        let entries = [refused("o-1")];
        let (answer, ()) = tokio::join!(memory.record(&entries), async {
            at(SECOND / 2).await;
            assert_eq!(memory.balance_now().orders, 0);
            at(SECOND * 3 / 2).await;
            assert_eq!(memory.balance_now().orders, 1);
        });
        assert_eq!(began.elapsed(), SECOND * 2);
        assert_eq!(matches!(answer, Err(LedgerError::OutcomeUnknown(_))), lost);
    }
}

#[tokio::test]
async fn a_way_of_its_own_is_disturbed_alone() {
    let memory = Memory::new(1);
    let own = memory.through(Arc::new(|_: &'static str| Fault::Before));
    assert!(own.balance().await.is_err());
    assert!(own.clone().balance().await.is_err());
    assert!(memory.balance().await.is_ok());
}
