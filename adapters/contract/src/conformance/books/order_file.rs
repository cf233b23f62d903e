//! What support staff are shown of an order.

use crate::{conformance::samples::*, proposal::ProposedOrder, recorded::Judgement};

pub async fn an_unknown_order_has_no_file(backend: &dyn LedgerBackend) {
    assert_eq!(backend.books().order(&order_id("o-1")).await.unwrap(), None);
}

pub async fn a_file_holds_order_conflicts_and_what_is_owed(backend: &dyn LedgerBackend) {
    let ids = stock(backend, "sku-a", 3).await;
    let lines = vec![claimed_line(1, "sku-a", &ids[..2]), ledger_line(2, "sku-a", 700)];
    let recorded = new(judge_one(backend, order("o-1", lines)).await);
    let file = backend.books().order(&order_id("o-1")).await.unwrap().unwrap();
    assert_eq!((&file.order, file.conflicts.len(), file.owed), (&recorded, 0, false));

    let mut conflicts = Vec::new();
    for text in ["second", "third"] {
        let proposed = ProposedOrder {
            body_hash: body(text),
            merchant_id: Some(merchant(text)),
            ..claimed("o-1", "sku-a", &ids[2..])
        };
        let Judgement::Conflict(conflict) = judge_one(backend, proposed).await else { panic!("no conflict") };
        conflicts.push(conflict);
    }
    backend.ledger().owe(&[(recorded.order_id.clone(), recorded.revision)]).await.unwrap();
    let file = backend.books().order(&order_id("o-1")).await.unwrap().unwrap();
    assert_eq!(
        (file.order, file.conflicts, file.owed),
        (recorded, conflicts, true),
        "conflicts in the order in which they came"
    );
}
