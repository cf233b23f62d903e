//! What an answer says about the supplier, as against what it says about the line.
//!
//! | answer | breaker | pause | good |
//! |---|---|---|---|
//! | delivered, accepted, pending, not found | answered | | yes |
//! | refused: stock, price, product, account | answered | | yes |
//! | refused: other | answered | | no |
//! | refused: balance, credentials | answered | yes | |
//! | refused: throttled | counts for nothing | yes | |
//! | unknown, unclear, not sent by the supplier's doing | failed | | no |
//! | not sent by our own doing | counts for nothing | | |

use std::time::Duration;

use fulfil_contract::supplier::{Bought, Found, Hindrance, Refusal, RefusalCode};

use super::pause::PauseReason;

/// What a call is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Buy,
    Query,
    Offers,
    Balance,
}

impl Kind {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Buy => "buy",
            Self::Query => "query",
            Self::Offers => "offers",
            Self::Balance => "balance",
        }
    }
}

/// What the breaker learns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Answered,
    Failed,
    Nothing,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Meaning<'a> {
    pub(super) verdict: Verdict,
    pub(super) pause: Option<Pausing<'a>>,
    /// Whether it speaks for the supplier when routes are ordered.
    pub(super) good: Option<bool>,
    /// Whether the time that it took says how fast the supplier is.
    pub(super) timed: bool,
    /// For a metric's label.
    pub(super) outcome: &'static str,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Pausing<'a> {
    pub(super) reason: PauseReason,
    /// The time that the supplier wants.
    pub(super) wants: Option<Duration>,
    pub(super) said: &'a str,
}

const fn answered<'a>(outcome: &'static str) -> Meaning<'a> {
    Meaning { verdict: Verdict::Answered, pause: None, good: Some(true), timed: true, outcome }
}

const fn failed<'a>(outcome: &'static str, timed: bool) -> Meaning<'a> {
    Meaning { verdict: Verdict::Failed, pause: None, good: Some(false), timed, outcome }
}

impl<'a> Meaning<'a> {
    pub(super) fn of_bought(bought: &'a Bought) -> Self {
        match bought {
            Bought::Delivered { .. } => answered("delivered"),
            Bought::Accepted { .. } => answered("accepted"),
            Bought::Refused(refusal) => Self::of_refusal(refusal),
            Bought::Unknown { .. } => failed("unknown", true),
            // A connection that is refused at once does not make a supplier fast.
            Bought::NotSent { by: Hindrance::Theirs, .. } => failed("not_sent", false),
            // The supplier was not even asked: after a worker stood still, or its configuration was changed, it is as
            // well as before.
            Bought::NotSent { by: Hindrance::Ours, .. } => {
                Meaning { verdict: Verdict::Nothing, pause: None, good: None, timed: false, outcome: "withheld" }
            }
        }
    }

    pub(super) fn of_found(found: &'a Found) -> Self {
        match found {
            Found::Delivered { .. } => answered("delivered"),
            Found::Pending { .. } => answered("pending"),
            Found::Refused(refusal) => Self::of_refusal(refusal),
            Found::NotFound => answered("not_found"),
            Found::Unclear { .. } => failed("unclear", true),
        }
    }

    fn of_refusal(refusal: &'a Refusal) -> Self {
        let refused = answered("refused");
        let pause = |reason, wants| Some(Pausing { reason, wants, said: &refusal.said });
        match refusal.code {
            RefusalCode::OutOfStock | RefusalCode::Price | RefusalCode::Product | RefusalCode::Account => refused,
            RefusalCode::Other => Meaning { good: Some(false), ..refused },
            RefusalCode::Balance => Meaning { good: None, pause: pause(PauseReason::Balance, None), ..refused },
            RefusalCode::Credentials => Meaning { good: None, pause: pause(PauseReason::Credentials, None), ..refused },
            RefusalCode::Throttled(wants) => Meaning {
                verdict: Verdict::Nothing,
                good: None,
                timed: false,
                outcome: "throttled",
                pause: pause(PauseReason::Throttled, wants),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_sent_counts_as_its_doing_it_is() {
        let not_sent = |by| Bought::NotSent { why: "no".into(), by };
        let theirs = not_sent(Hindrance::Theirs);
        assert_eq!(Meaning::of_bought(&theirs), failed("not_sent", false));
        let (ours, withheld) = (not_sent(Hindrance::Ours), Bought::withheld("no"));
        assert_eq!(ours, withheld);
        let meaning = Meaning::of_bought(&withheld);
        assert_eq!((meaning.verdict, meaning.good, meaning.timed), (Verdict::Nothing, None, false));
        assert_eq!((meaning.pause, meaning.outcome), (None, "withheld"));
    }

    #[test]
    fn every_refusal_is_an_answer_and_three_pause() {
        for (code, verdict, pause, good) in [
            (RefusalCode::OutOfStock, Verdict::Answered, None, Some(true)),
            (RefusalCode::Price, Verdict::Answered, None, Some(true)),
            (RefusalCode::Product, Verdict::Answered, None, Some(true)),
            (RefusalCode::Account, Verdict::Answered, None, Some(true)),
            (RefusalCode::Other, Verdict::Answered, None, Some(false)),
            (RefusalCode::Balance, Verdict::Answered, Some(PauseReason::Balance), None),
            (RefusalCode::Credentials, Verdict::Answered, Some(PauseReason::Credentials), None),
            (RefusalCode::Throttled(None), Verdict::Nothing, Some(PauseReason::Throttled), None),
        ] {
            let refusal = Refusal { code, said: "no".into() };
            for meaning in [
                Meaning::of_bought(&Bought::Refused(refusal.clone())),
                Meaning::of_found(&Found::Refused(refusal.clone())),
            ] {
                assert_eq!(meaning.verdict, verdict, "{code:?}");
                assert_eq!(meaning.pause.map(|pause| pause.reason), pause, "{code:?}");
                assert_eq!(meaning.good, good, "{code:?}");
            }
        }
    }
}
