//! What the server refuses, by SQLSTATE, and what becomes of the batch.

use fulfil_contract::{
    conformance::samples::*,
    ports::{
        books::Books,
        ledger::{Ledger, LedgerError},
        stock_ledger::StockLedger,
    },
    proposal::{Entry, Fill, Proposal, ProposedOrder},
    reason::ReasonCode,
};
use fulfil_postgres::Postgres;

use crate::private::{LIMIT, PrivateLedger, fresh_ledger};

/// Refuses the order `bad` with a SQLSTATE, the first `times` times (a sequence does not roll back).
async fn refuse(ledger: &PrivateLedger, state: &str, times: i64) {
    let sql = format!(
        "create sequence public.refusals;
         create function public.refuse() returns trigger language plpgsql as $$ begin
             if new.order_id = 'bad' and nextval('public.refusals') <= {times} then raise 'no' using errcode = '{state}'; end if;
             return new;
         end $$;
         create trigger refuse before insert on fulfil.orders for each row execute function public.refuse()"
    );
    ledger.connect().await.batch_execute(&sql).await.unwrap();
}

fn batch() -> [Entry; 2] {
    ["bad", "good"].map(|name| Entry::Order(refused(name, ReasonCode::InvalidOrder)))
}

#[tokio::test]
async fn refused_data_is_a_data_error_and_nothing_is_recorded() {
    for state in ["22021", "23514"] {
        let ledger = fresh_ledger().await;
        refuse(&ledger, state, i64::MAX).await;
        let outcome = ledger.postgres.record(&batch()).await;
        assert!(matches!(outcome, Err(LedgerError::Data(_))), "{outcome:?}");
        assert_eq!(ledger.postgres.order(&order_id("good")).await.unwrap(), None);
        ledger.postgres.record(&batch()[1..]).await.unwrap();
    }
}

#[tokio::test]
async fn what_was_lost_against_others_is_run_again() {
    for state in ["40001", "40P01"] {
        let ledger = fresh_ledger().await;
        refuse(&ledger, state, 5).await;
        assert_eq!(ledger.postgres.record(&batch()).await.unwrap().len(), 2);
        assert_eq!(ledger.postgres.balance().await.unwrap().orders, 2);
    }
}

#[tokio::test]
async fn attempts_have_a_budget() {
    let ledger = fresh_ledger().await;
    refuse(&ledger, "40001", i64::MAX).await;
    let outcome = ledger.postgres.record(&batch()).await;
    assert!(matches!(&outcome, Err(LedgerError::Unavailable(text)) if text.contains("40001")), "{outcome:?}");
}

#[tokio::test]
async fn a_full_disk_is_unavailable() {
    for state in ["53100", "53200", "58030"] {
        let ledger = fresh_ledger().await;
        refuse(&ledger, state, 1).await;
        let outcome = ledger.postgres.record(&batch()).await;
        assert!(matches!(outcome, Err(LedgerError::Unavailable(_))), "{outcome:?}");
        assert_eq!(ledger.postgres.record(&batch()).await.unwrap().len(), 2, "as soon as there is room");
    }
}

#[tokio::test]
async fn a_read_only_server_is_unavailable() {
    let ledger = fresh_ledger().await;
    let url = format!("{}?options=-c%20default_transaction_read_only%3Don", ledger.url);
    let standby = Postgres::new(&url, 1, LIMIT).unwrap();
    let outcome = standby.record(&batch()).await;
    assert!(matches!(outcome, Err(LedgerError::Unavailable(_))), "{outcome:?}");
}

#[tokio::test]
async fn missing_permission_says_what_to_do() {
    let ledger = fresh_ledger().await;
    let admin = ledger.connect().await;
    let role = ledger.url.rsplit('/').next().unwrap().replace("fulfil", "guest");
    admin.batch_execute(&format!("create role {role} login")).await.unwrap();
    let guest = Postgres::new(&ledger.url.replace("fulfil:fulfil@", &format!("{role}@")), 1, LIMIT).unwrap();
    let error = guest.skus().await.unwrap_err();
    assert!(matches!(&error, LedgerError::Broken(text) if text.contains("grant")), "{error}");
    admin.batch_execute(&format!("drop role {role}")).await.unwrap();
}

#[tokio::test]
async fn a_batch_that_breaks_the_contract_is_refused_before_it_is_sent() {
    let ledger = fresh_ledger().await;
    let ids = stock(&ledger, "sku-a", 3).await;
    let too_few = order("o-2", vec![line(1, "sku-a", 2, Fill::Claimed(ids[..1].to_vec()))]);
    let batches = [
        vec![Entry::Order(claimed("o-1", "sku-a", &ids[..1])), Entry::Order(claimed("o-1", "sku-a", &ids[1..2]))],
        vec![Entry::Order(claimed("o-1", "sku-a", &ids[..1])), Entry::Order(claimed("o-2", "sku-a", &ids[..1]))],
        vec![Entry::Order(claimed("o-1", "sku-a", &[ids[0], ids[0]]))],
        vec![Entry::Order(too_few)],
        vec![unreadable("{", ReasonCode::InvalidJson), unreadable("{", ReasonCode::InvalidJson)],
    ];
    for batch in batches {
        let outcome = ledger.postgres.record(&batch).await;
        assert!(matches!(outcome, Err(LedgerError::Data(_))), "{outcome:?}");
    }
    assert_eq!(available(&ledger, "sku-a").await, ids);
}

#[tokio::test]
async fn a_row_changed_by_hand_is_named() {
    let ledger = fresh_ledger().await;
    let ids = stock(&ledger, "sku-a", 2).await;
    new(judge_one(&ledger, claimed("o-1", "sku-a", &ids[..1])).await);
    let admin = ledger.connect().await;
    let by_hand = [
        "update fulfil.orders set lines = 'nonsense'".to_owned(),
        format!(
            "update fulfil.orders set lines = '[{{\"line_no\":1,\"sku\":\"sku-a\",\"quantity\":1,\"status\":\"delivered\",\"keys\":[{}]}}]'",
            ids[1]
        ),
        "update fulfil.orders set lines = '[]', body_hash = '\\x00'".to_owned(),
    ];
    for sql in by_hand {
        admin.batch_execute(&sql).await.unwrap();
        let outcome = ledger.postgres.order(&order_id("o-1")).await;
        assert!(matches!(&outcome, Err(LedgerError::Broken(text)) if text.contains("fulfil audit")), "{outcome:?}");
    }
    let unknown = ledger
        .postgres
        .raise_epoch(
            &sku("sku-z"),
            fulfil_contract::stock::Epoch(1),
            fulfil_contract::ports::stock_ledger::RaiseBecause::Lost,
        )
        .await;
    assert!(matches!(unknown, Err(LedgerError::Data(_))), "{unknown:?}");
}

#[tokio::test]
async fn a_merchant_may_be_missing() {
    let ledger = fresh_ledger().await;
    let nameless = ProposedOrder { merchant_id: None, ..refused("o-1", ReasonCode::InvalidOrder) };
    assert!(matches!(nameless.proposal, Proposal::Refuse(_)));
    assert_eq!(new(judge_one(&ledger, nameless).await).merchant_id, None);
}
