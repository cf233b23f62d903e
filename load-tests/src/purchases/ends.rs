//! Whether every line that was to be bought was delivered, and where it was not, whether that was right.

use std::collections::HashMap;

use supplier_doubles::{Call, Lie, Outcome, Protocol, Purchase};

use super::{
    Attempts, Lines,
    attempts::{Attempt, IN_REVIEW, REFUSED},
    judge::last,
    promises::{Settles, says_what_is_to_come, settles},
    seen::is_paid_back,
};
use crate::{judge::verdict::Check, market::Market, results::Results};

/// What was done to a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Harm {
    /// Suppliers say what is not so, or owe for ever.
    pub(crate) lies: bool,
    /// Workers are killed, or stopped for longer than a lease: a purchase may be committed as sent and never leave.
    pub(crate) broken_off: bool,
}

/// A supplier's part of one attempt.
struct Dealing {
    protocol: Protocol,
    /// Under the attempt's reference.
    purchase: Option<Purchase>,
    /// Sends of it.
    sends: Vec<Call>,
}

impl Dealing {
    fn new(protocol: Protocol) -> Self {
        Self { protocol, purchase: None, sends: Vec::new() }
    }
}

/// Orders without a result are told elsewhere.
pub(crate) fn ended_rightly(
    lines: &Lines,
    results: &Results,
    market: &Market,
    attempts: &Attempts,
    harm: Harm,
) -> [Check; 2] {
    judged(lines, results, attempts, &dealings(market, attempts), harm)
}

fn judged(
    lines: &Lines,
    results: &Results,
    attempts: &Attempts,
    dealings: &HashMap<&str, Dealing>,
    harm: Harm,
) -> [Check; 2] {
    let mut of_order: HashMap<&str, Vec<(&Attempt, &Dealing)>> = HashMap::new();
    for (reference, attempt) in &attempts.by_reference {
        let Some(dealing) = dealings.get(reference.as_str()) else { continue };
        of_order.entry(attempt.order_id.as_str()).or_default().push((attempt, dealing));
    }
    let (mut in_review, mut rejected) = (Vec::new(), Vec::new());
    for (id, _) in lines.each() {
        let bought = of_order.get(id.as_str()).map_or(&[][..], Vec::as_slice);
        let of_state =
            |state: i64| bought.iter().filter(move |(one, _)| one.state == state).map(|(_, dealing)| *dealing);
        for line in last(results, id).into_iter().flat_map(|result| &result.lines) {
            match line.status.as_str() {
                "delivered" => {}
                "review" if of_state(IN_REVIEW).any(|dealing| nobody_can_tell(dealing, harm)) => {}
                "review" => in_review.push(format!("{id} ({})", suppliers(bought))),
                "rejected" if harm.lies && of_state(REFUSED).any(said_no) => {}
                other => rejected.push(format!(
                    "{id} is {other}: {} ({})",
                    line.reason.as_ref().map_or("no reason", |reason| reason.code.as_str()),
                    suppliers(bought)
                )),
            }
        }
    }
    [
        Check::new("left_to_a_person", "a line waits for a person only where its purchase can't be settled otherwise")
            .all(in_review),
        Check::new("all_delivered", "no line is refused, unless its supplier lied and gave a final no").all(rejected),
    ]
}

fn suppliers(bought: &[(&Attempt, &Dealing)]) -> String {
    let each = bought.iter().map(|(attempt, _)| format!("{}: state {}", attempt.supplier, attempt.state));
    each.collect::<Vec<_>>().join(", ")
}

/// By reference.
fn dealings<'a>(market: &Market, attempts: &'a Attempts) -> HashMap<&'a str, Dealing> {
    let mut dealings = HashMap::new();
    for stall in &market.stalls {
        let of_stall = attempts.by_reference.iter().filter(|(_, attempt)| attempt.supplier == stall.name);
        dealings.extend(of_stall.map(|(reference, _)| (reference.as_str(), Dealing::new(stall.protocol))));
        for purchase in stall.double.log().purchases {
            if let Some(dealing) = dealings.get_mut(purchase.reference.as_str()) {
                dealing.purchase = Some(purchase);
            }
        }
        for call in stall.double.calls().into_iter().filter(|call| call.kind == "buy") {
            if let Some(dealing) = call.reference.as_deref().and_then(|reference| dealings.get_mut(reference)) {
                dealing.sends.push(call);
            }
        }
    }
    dealings
}

/// Whether a machine is right to leave it to a person.
fn nobody_can_tell(dealing: &Dealing, harm: Harm) -> bool {
    let Dealing { protocol, purchase, sends } = dealing;
    if harm.lies && purchase.as_ref().is_some_and(|purchase| owes(purchase, *protocol)) {
        return true;
    }
    let unclear = |sends: &[Call]| sends.iter().all(|send| send.mishap.is_some());
    match settles(*protocol) {
        // Asked, it tells what it knows, or is sent it again.
        Settles::AskThenSendAgain => false,
        Settles::AskAlone => harm.broken_off && purchase.is_none(),
        Settles::SendAgain { most } => sends.len() >= most && (harm.broken_off || unclear(sends)),
        Settles::NoWay => harm.broken_off || (!sends.is_empty() && unclear(sends)),
    }
}

/// Whether it says for ever that goods are to come.
fn owes(purchase: &Purchase, protocol: Protocol) -> bool {
    match purchase.outcome {
        Outcome::PendingForEver | Outcome::WithoutKeys => true,
        Outcome::Done => purchase.lie == Some(Lie::TooFew) && says_what_is_to_come(protocol),
        Outcome::Cancelled | Outcome::Refunded | Outcome::RefundedInPart => false,
    }
}

/// A clear answer and nothing bought, or bought and said otherwise, or paid back.
fn said_no(dealing: &Dealing) -> bool {
    match &dealing.purchase {
        Some(purchase) => purchase.lie == Some(Lie::RefusedButBought) || is_paid_back(purchase),
        None => dealing.sends.iter().any(|send| send.mishap.is_none()),
    }
}

#[cfg(test)]
mod tests {
    use supplier_doubles::Mishap;

    use super::*;
    use crate::purchases::{
        attempts::DELIVERED,
        made_up::{attempts, bought, result},
    };

    const HONEST: Harm = Harm { lies: false, broken_off: false };
    const KILLED: Harm = Harm { lies: false, broken_off: true };
    const LYING: Harm = Harm { lies: true, broken_off: false };

    fn dealing(protocol: Protocol, purchase: Option<Purchase>, mishaps: &[Option<Mishap>]) -> Dealing {
        let send = |mishap: &Option<Mishap>| Call {
            at_us: 1,
            kind: "buy".into(),
            path: "/".into(),
            reference: Some("a".into()),
            status: 0,
            mishap: *mishap,
        };
        Dealing { protocol, purchase, sends: mishaps.iter().map(send).collect() }
    }

    fn done() -> Option<Purchase> {
        Some(bought("a", &["K"], None))
    }

    #[test]
    fn who_can_be_asked_leaves_nothing_to_a_person() {
        let lost = [Some(Mishap::LostAfterBuying)];
        for harm in [HONEST, KILLED, LYING] {
            assert!(!nobody_can_tell(&dealing(Protocol::Kasushou, done(), &lost), harm));
            assert!(!nobody_can_tell(&dealing(Protocol::Kasushou, None, &[]), harm));
            assert!(!nobody_can_tell(&dealing(Protocol::Kinguin, done(), &lost), harm), "it knows of it");
        }
        assert!(!nobody_can_tell(&dealing(Protocol::Kinguin, None, &[]), HONEST));
        assert!(nobody_can_tell(&dealing(Protocol::Kinguin, None, &[]), KILLED));
    }

    #[test]
    fn who_can_not_be_asked_is_a_persons_where_the_answer_was_lost() {
        let (clear, lost) = ([None], [Some(Mishap::LostAfterBuying)]);
        let neither = |mishaps: &[Option<Mishap>]| dealing(Protocol::AcgFaka, done(), mishaps);
        assert!(!nobody_can_tell(&neither(&clear), HONEST));
        assert!(nobody_can_tell(&neither(&lost), HONEST));
        assert!(nobody_can_tell(&neither(&clear), KILLED), "who got the answer died of it");
        let again = |mishaps: &[Option<Mishap>]| dealing(Protocol::Dujiao, done(), mishaps);
        assert!(!nobody_can_tell(&again(&lost), HONEST), "it is to be sent again");
        assert!(nobody_can_tell(&again(&[lost[0]; 10]), HONEST));
        assert!(!nobody_can_tell(&again(&[&[lost[0]; 10][..], &clear].concat()), HONEST), "the last answer was clear");
    }

    #[test]
    fn who_owes_for_ever_is_a_persons_where_suppliers_lie() {
        let owed = Purchase { outcome: Outcome::PendingForEver, ..bought("a", &["K"], None) };
        let owed = dealing(Protocol::Kasushou, Some(owed), &[None]);
        assert_eq!([HONEST, KILLED, LYING].map(|harm| nobody_can_tell(&owed, harm)), [false, false, true]);
        let too_few = |protocol| dealing(protocol, Some(bought("a", &["K"], Some(Lie::TooFew))), &[None]);
        assert!(nobody_can_tell(&too_few(Protocol::Kinguin), LYING), "it says that the rest is to come");
        assert!(!nobody_can_tell(&too_few(Protocol::Kinguin), KILLED));
        assert!(
            !nobody_can_tell(&too_few(Protocol::Reloadly), LYING),
            "all that it sold is told, and the rest is bought"
        );
    }

    /// Offenders among one order's one line: left to a person, not delivered.
    fn offenders(line: &str, state: i64, dealing: Dealing, harm: Harm) -> [u64; 2] {
        let (lines, id) = (Lines::make(1, 1, 1, 0, 1), "buy-000000");
        let (results, attempts) = (result(id, line, 1), attempts(&[(id, state)]));
        judged(&lines, &results, &attempts, &HashMap::from([(id, dealing)]), harm).map(|check| check.offenders)
    }

    #[test]
    fn a_line_that_is_not_delivered_is_told() {
        let honest = |purchase| dealing(Protocol::Kasushou, purchase, &[None]);
        for harm in [HONEST, KILLED, LYING] {
            assert_eq!(offenders("delivered", DELIVERED, honest(done()), harm), [0, 0]);
            assert_eq!(offenders("rejected", DELIVERED, honest(done()), harm), [0, 1]);
            assert_eq!(offenders("rejected", REFUSED, honest(done()), harm), [0, 1], "it sold");
            assert_eq!(offenders("processing", IN_REVIEW, honest(None), harm), [0, 1]);
            assert_eq!(offenders("review", IN_REVIEW, honest(done()), harm), [1, 0]);
        }
        assert_eq!(offenders("rejected", REFUSED, honest(None), HONEST), [0, 1], "no supplier says no here");
        assert_eq!(offenders("rejected", REFUSED, honest(None), LYING), [0, 0]);
        let never_left = || dealing(Protocol::Kinguin, None, &[]);
        assert_eq!(offenders("review", IN_REVIEW, never_left(), KILLED), [0, 0]);
        assert_eq!(offenders("review", IN_REVIEW, never_left(), HONEST), [1, 0]);
        assert_eq!(offenders("review", DELIVERED, never_left(), KILLED), [1, 0], "nothing of it is in review");
    }

    #[test]
    fn a_no_is_told_from_an_answer_that_was_lost() {
        let said = |purchase, mishaps: &[Option<Mishap>]| said_no(&dealing(Protocol::Kasushou, purchase, mishaps));
        assert!(said(None, &[None]));
        assert!(!said(None, &[Some(Mishap::LostBeforeBuying)]) && !said(None, &[]));
        assert!(!said(done(), &[None]), "it sold");
        assert!(said(Some(bought("a", &["K"], Some(Lie::RefusedButBought))), &[None]));
        assert!(said(Some(Purchase { paid_back: 100, ..bought("a", &["K"], None) }), &[None]));
    }
}
