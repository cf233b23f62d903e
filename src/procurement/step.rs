//! What is to be done next for a procurement: a pure function of its rows and of what its supplier promises.
//!
//! What holds here: while an attempt is open nothing else is bought for its line (I6); an attempt whose
//! outcome is unknown is asked about by its reference; it is sent again only under the same reference, only
//! to a supplier that is safe against that, and, where a query exists, only after two not-founds that count; what
//! was sent twice and is still not known there was never bought; what neither can settle goes to a person.

use std::time::Duration;

use fulfil_contract::{
    attempt::{Attempt, AttemptState},
    procurement::{Procurement, ReviewCase, ReviewKind},
    reason::{Reason, ReasonCode},
    supplier::{Promises, RefusalMeans, Resend, SupplierName},
    time::Timestamp,
};

/// Not-founds that it takes before a reference is sent again.
const NOT_FOUNDS: u32 = 2;
/// Sends under one reference, each with its not-founds, until they are a no.
const SENDS: u32 = 2;
/// Sends under one reference to a supplier that can't be asked.
const MOST_SENDS: u32 = 10;
/// How often one supplier may deliver for a line that lacks as many keys as were paid for.
const SHORT_DELIVERIES: usize = 3;

/// The next thing to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// No attempt is open: fill it from stock or choose a supplier, though none of these.
    Buy {
        wanted: u32,
        without: Vec<SupplierName>,
    },
    /// A worker that is gone chose a supplier and sent nothing.
    Withdraw,
    /// A worker that is gone may have sent it: its outcome is unknown.
    Doubt,
    /// Ask the supplier about the open attempt.
    Query,
    /// Send the open attempt's purchase again, under its reference.
    Resend,
    /// The supplier was sent it twice and does not know of it, long after the last could be on its way: that is a
    /// no. So ends what a supplier refuses in words that nobody can tell apart.
    GiveUp,
    Reject(Reason),
    Review(ReviewCase),
}

/// Decides. `now` is the ledger's time; `promises` are those of the open attempt's supplier, `None` where it is
/// not configured any more; `time` is what a line may take.
#[must_use]
pub fn next(procurement: &Procurement, promises: Option<Promises>, now: Timestamp, time: Duration) -> Step {
    let overdue = now.0 >= end_of(procurement, time).0;
    match open(procurement) {
        None => without_open_attempt(procurement, now, overdue),
        Some(attempt) => with_open_attempt(attempt, promises, overdue),
    }
}

/// The attempt that may still bring goods. There is one at most.
#[must_use]
pub fn open(procurement: &Procurement) -> Option<&Attempt> {
    procurement.attempts.iter().rev().find(|attempt| attempt.state.is_open())
}

/// Whether a not-found counts now.
#[must_use]
pub fn counts(attempt: &Attempt, now: Timestamp) -> bool {
    attempt.countable_from.is_some_and(|from| now >= from)
}

/// Whether its supplier can be asked about it: by our reference, or by their number.
#[must_use]
pub fn is_queryable(attempt: &Attempt, promises: Promises) -> bool {
    promises.query || attempt.their_id.is_some()
}

fn end_of(procurement: &Procurement, time: Duration) -> Timestamp {
    let time = i64::try_from(time.as_micros()).unwrap_or(i64::MAX);
    Timestamp(procurement.made_at.0.saturating_add(time))
}

fn without_open_attempt(procurement: &Procurement, now: Timestamp, overdue: bool) -> Step {
    if let Some(attempt) = refused_for_all(procurement) {
        let said = attempt.said.as_deref().unwrap_or("it did not say why");
        return Step::Reject(Reason::new(ReasonCode::RechargeAccount, format!("{}: {said}", attempt.supplier)));
    }
    if let Some(expires_at) = procurement.expires_at.filter(|expires_at| now >= *expires_at) {
        let detail =
            format!("expires_at was {expires_at}, and no supplier had delivered line {}", procurement.line_no.0);
        return Step::Reject(Reason::new(ReasonCode::Expired, detail));
    }
    if overdue {
        let detail = format!("no supplier could be bought from in time; {}", told(procurement));
        return Step::Reject(Reason::new(ReasonCode::SuppliersUnavailable, detail));
    }
    Step::Buy { wanted: procurement.quantity.get().saturating_sub(procurement.held), without: ruled_out(procurement) }
}

fn with_open_attempt(attempt: &Attempt, promises: Option<Promises>, overdue: bool) -> Step {
    let review = |kind, why: &str| {
        let evidence = format!(
            "{why} (attempt {} at {}, {}, sent {} times, {} queries; it said: {})",
            attempt.reference,
            attempt.supplier,
            attempt.state.as_str(),
            attempt.sends,
            attempt.queries,
            attempt.said.as_deref().unwrap_or("nothing")
        );
        Step::Review(ReviewCase { kind, evidence })
    };
    match attempt.state {
        AttemptState::Intended => Step::Withdraw,
        AttemptState::Sent => Step::Doubt,
        AttemptState::Accepted if overdue => {
            review(ReviewKind::Overdue, "the supplier accepted it and never delivered")
        }
        AttemptState::Accepted => match promises {
            Some(_) => Step::Query,
            None => review(ReviewKind::Unsettled, "its supplier is not configured any more"),
        },
        AttemptState::Unknown if overdue => review(ReviewKind::Overdue, "its outcome was never found out"),
        AttemptState::Unknown => match promises {
            Some(promises) => settle(attempt, promises, review),
            None => review(ReviewKind::Unsettled, "its supplier is not configured any more"),
        },
        AttemptState::InReview => review(ReviewKind::Unsettled, "a person is to decide"),
        // Final ones are not open.
        AttemptState::Delivered | AttemptState::Refused | AttemptState::NotSent => {
            review(ReviewKind::Unsettled, "a final attempt was taken for an open one: this is a defect")
        }
    }
}

fn settle(attempt: &Attempt, promises: Promises, review: impl Fn(ReviewKind, &str) -> Step) -> Step {
    match (is_queryable(attempt, promises), promises.resend) {
        (true, _) if attempt.not_founds >= NOT_FOUNDS && attempt.their_id.is_some() => {
            review(ReviewKind::Unsettled, "the supplier gave it a number, and does not know of it now")
        }
        (true, Resend::Idempotent | Resend::Refused) if attempt.not_founds >= NOT_FOUNDS => {
            if attempt.sends >= SENDS {
                Step::GiveUp
            } else {
                Step::Resend
            }
        }
        (true, Resend::Unsafe) if attempt.not_founds >= NOT_FOUNDS => {
            review(ReviewKind::Unsettled, "the supplier does not know of it, and sending it again might buy twice")
        }
        (true, _) => Step::Query,
        (false, Resend::Idempotent) if attempt.sends >= MOST_SENDS => {
            review(ReviewKind::Unsettled, "it was sent again and again without a clear answer")
        }
        (false, Resend::Idempotent) => Step::Resend,
        (false, Resend::Refused | Resend::Unsafe) => {
            review(ReviewKind::Unsettled, "the supplier can be neither asked about it nor sent it again")
        }
    }
}

/// Suppliers that gave a final no for this line, or too few too often.
fn ruled_out(procurement: &Procurement) -> Vec<SupplierName> {
    let mut without: Vec<SupplierName> = Vec::new();
    for attempt in &procurement.attempts {
        let short = || {
            let delivered = |one: &&Attempt| one.supplier == attempt.supplier && one.state == AttemptState::Delivered;
            procurement.attempts.iter().filter(delivered).count() >= SHORT_DELIVERIES && lacks(procurement)
        };
        let out = match attempt.state {
            AttemptState::Refused => match attempt.refusal {
                Some(RefusalMeans::AskAnother | RefusalMeans::NobodyCan) | None => true,
                Some(RefusalMeans::AskAgainLater) => false,
            },
            AttemptState::Delivered => short(),
            AttemptState::Intended
            | AttemptState::Sent
            | AttemptState::Accepted
            | AttemptState::Unknown
            | AttemptState::NotSent
            | AttemptState::InReview => false,
        };
        if out && !without.contains(&attempt.supplier) {
            without.push(attempt.supplier.clone());
        }
    }
    without
}

/// Whether at least as many keys are missing of what was delivered as one supplier may deliver short.
fn lacks(procurement: &Procurement) -> bool {
    let delivered = procurement.attempts.iter().filter(|attempt| attempt.state == AttemptState::Delivered);
    let paid: usize = delivered.map(|attempt| attempt.quantity.as_usize()).sum();
    paid >= procurement.held as usize + SHORT_DELIVERIES
}

fn refused_for_all(procurement: &Procurement) -> Option<&Attempt> {
    procurement
        .attempts
        .iter()
        .find(|attempt| attempt.state == AttemptState::Refused && attempt.refusal == Some(RefusalMeans::NobodyCan))
}

/// What every supplier said last, in a line.
#[must_use]
pub fn told(procurement: &Procurement) -> String {
    let mut last: Vec<&Attempt> = Vec::new();
    for attempt in &procurement.attempts {
        last.retain(|one| one.supplier != attempt.supplier);
        last.push(attempt);
    }
    if last.is_empty() {
        return "none was asked".into();
    }
    let said = last.iter().map(|attempt| {
        format!("{}: {}", attempt.supplier, attempt.said.as_deref().unwrap_or_else(|| attempt.state.as_str()))
    });
    said.collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests {
    use fulfil_contract::{
        attempt::{AttemptId, Reference},
        ids::{LineNo, OrderId, Quantity, Sku, WorkerId},
        money::{Currency, MinorUnits},
        procurement::{Lease, Need, ProcurementId},
        supplier::SupplierProduct,
    };

    use super::*;

    const LINE: Duration = Duration::from_secs(3600);
    const ASKABLE: Promises =
        Promises { query: true, resend: Resend::Refused, settle: Duration::ZERO, most: 10, keeps_price: true };

    fn attempt(supplier: &str, state: AttemptState) -> Attempt {
        Attempt {
            id: AttemptId(1),
            supplier: SupplierName::parse(supplier).unwrap(),
            product: SupplierProduct::parse("p").unwrap(),
            reference: Reference::from_bits([7; 10]),
            quantity: Quantity::ONE,
            unit_price: MinorUnits(1),
            currency: Currency::parse("USD").unwrap(),
            state,
            version: 3,
            their_id: None,
            sends: 1,
            queries: 0,
            not_founds: 0,
            countable_from: Some(Timestamp(5_000_000)),
            intended_at: Timestamp(0),
            sent_at: None,
            said: None,
            refusal: None,
        }
    }

    fn procurement(attempts: Vec<Attempt>) -> Procurement {
        Procurement {
            lease: Lease { procurement: ProcurementId(1), worker: WorkerId::parse("w").unwrap(), fence: 1 },
            order_id: OrderId::parse("o").unwrap(),
            line_no: LineNo(1),
            sku: Sku::parse("s").unwrap(),
            quantity: Quantity::new(3).unwrap(),
            need: Need { unit_price: MinorUnits(5), currency: Currency::parse("USD").unwrap(), recharge: None },
            expires_at: None,
            made_at: Timestamp(0),
            now: Timestamp(0),
            held: 1,
            attempts,
        }
    }

    fn names(names: &[&str]) -> Vec<SupplierName> {
        names.iter().map(|name| SupplierName::parse(name).unwrap()).collect()
    }

    #[test]
    fn the_rest_is_bought_where_nobody_said_no() {
        let refused = |supplier, means| Attempt { refusal: Some(means), ..attempt(supplier, AttemptState::Refused) };
        for (attempts, without) in [
            (vec![], vec![]),
            (vec![attempt("a", AttemptState::NotSent)], vec![]),
            (vec![refused("a", RefusalMeans::AskAnother)], vec!["a"]),
            (vec![refused("a", RefusalMeans::AskAgainLater)], vec![]),
            (vec![attempt("a", AttemptState::Delivered)], vec![]),
            (vec![attempt("a", AttemptState::Delivered); 3], vec![]),
            (vec![attempt("a", AttemptState::Delivered); 4], vec!["a"]),
        ] {
            let step = next(&procurement(attempts.clone()), None, Timestamp(0), LINE);
            assert_eq!(step, Step::Buy { wanted: 2, without: names(&without) }, "{attempts:?}");
        }
        let for_all = refused("a", RefusalMeans::NobodyCan);
        let step = next(&procurement(vec![for_all]), None, Timestamp(0), LINE);
        assert!(matches!(step, Step::Reject(reason) if reason.code == ReasonCode::RechargeAccount));
    }

    /// I6: whatever else is true, an open attempt is the only thing that is worked on.
    #[test]
    fn nothing_is_bought_while_an_attempt_is_open() {
        let every = [true, false].into_iter().flat_map(|query| {
            [Resend::Idempotent, Resend::Refused, Resend::Unsafe].map(|resend| Promises { query, resend, ..ASKABLE })
        });
        for promises in every.map(Some).chain([None]) {
            for state in AttemptState::ALL.into_iter().filter(|state| state.is_open()) {
                for not_founds in 0..4 {
                    for now in [Timestamp(0), Timestamp(10_000_000_000)] {
                        let open = Attempt { not_founds, ..attempt("a", state) };
                        let mut line = procurement(vec![attempt("b", AttemptState::Refused), open]);
                        line.expires_at = Some(Timestamp(1));
                        let step = next(&line, promises, now, LINE);
                        assert!(!matches!(step, Step::Buy { .. } | Step::Reject(_)), "{state:?} {promises:?} {step:?}");
                        let again = step == Step::Resend;
                        let safe = promises.is_some_and(|promises| {
                            promises.resend != Resend::Unsafe
                                && if promises.query { not_founds >= 2 } else { promises.resend == Resend::Idempotent }
                        });
                        assert!(!again || (safe && state == AttemptState::Unknown), "{state:?} {promises:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn an_unknown_outcome_is_settled_as_the_supplier_allows() {
        let review = |step: Step| matches!(step, Step::Review(case) if case.kind == ReviewKind::Unsettled);
        let settle = |query, resend, not_founds, their_id: Option<&str>| {
            let unknown =
                Attempt { not_founds, their_id: their_id.map(str::to_owned), ..attempt("a", AttemptState::Unknown) };
            let promises = Promises { query, resend, ..ASKABLE };
            next(&procurement(vec![unknown]), Some(promises), Timestamp(0), LINE)
        };
        assert_eq!(settle(true, Resend::Refused, 1, None), Step::Query);
        assert_eq!(settle(true, Resend::Refused, 2, None), Step::Resend);
        assert_eq!(settle(true, Resend::Idempotent, 2, None), Step::Resend);
        let twice = Attempt { not_founds: 2, sends: 2, ..attempt("a", AttemptState::Unknown) };
        assert_eq!(next(&procurement(vec![twice]), Some(ASKABLE), Timestamp(0), LINE), Step::GiveUp);
        assert!(review(settle(true, Resend::Unsafe, 2, None)));
        assert_eq!(settle(false, Resend::Idempotent, 0, None), Step::Resend);
        assert!(review(settle(false, Resend::Refused, 0, None)));
        assert!(review(settle(false, Resend::Unsafe, 0, None)));
        assert_eq!(settle(false, Resend::Refused, 0, Some("T-1")), Step::Query);
        assert!(review(settle(true, Resend::Refused, 2, Some("T-1"))), "it was there once");
        let often = Attempt { sends: 10, ..attempt("a", AttemptState::Unknown) };
        let promises = Promises { query: false, resend: Resend::Idempotent, ..ASKABLE };
        assert!(review(next(&procurement(vec![often]), Some(promises), Timestamp(0), LINE)));
    }

    #[test]
    fn a_lines_time_ends_it_only_without_an_open_attempt() {
        let late = Timestamp(3_600_000_000);
        let rejected = |step: Step, code| matches!(step, Step::Reject(reason) if reason.code == code);
        assert!(rejected(next(&procurement(vec![]), None, late, LINE), ReasonCode::SuppliersUnavailable));
        let mut expired = procurement(vec![]);
        expired.expires_at = Some(Timestamp(1));
        assert!(rejected(next(&expired, None, Timestamp(1), LINE), ReasonCode::Expired));
        for state in [AttemptState::Accepted, AttemptState::Unknown] {
            let mut line = procurement(vec![attempt("a", state)]);
            line.expires_at = Some(Timestamp(1));
            assert_eq!(next(&line, Some(ASKABLE), Timestamp(2), LINE), Step::Query, "expiry ends no open attempt");
            let step = next(&line, Some(ASKABLE), late, LINE);
            assert!(matches!(step, Step::Review(case) if case.kind == ReviewKind::Overdue), "{state:?}");
        }
    }

    #[test]
    fn a_not_found_counts_once_the_purchase_can_not_be_on_its_way() {
        let unknown = attempt("a", AttemptState::Unknown);
        assert!(!counts(&unknown, Timestamp(4_999_999)));
        assert!(counts(&unknown, Timestamp(5_000_000)));
        assert!(!counts(&Attempt { countable_from: None, ..unknown }, Timestamp(i64::MAX)));
    }
}
