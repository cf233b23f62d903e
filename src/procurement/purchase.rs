//! Sending a purchase: the attempt is committed, then committed as sent, then the call is made, once.
//!
//! What holds here: nothing is sent before both commits (I6), nor when the lease might lapse before the call's time
//! limit; a re-send goes under the reference of the first.

use std::time::Duration;

use fulfil_contract::{
    attempt::{Attempt, AttemptState, Change, Intent, Reference},
    ports::supplier::SupplierError,
    procurement::Release,
    supplier::{Bought, Purchase, RefusalMeans, SupplierName, SupplierProduct},
    time::Timestamp,
};
use tokio::time::Instant;

use super::{
    buyer::Supply,
    guard::Permit,
    pace,
    price::Heard,
    route::{self, Chosen},
    step,
    visit::{BrokenOff, Then, Visit, again, wait},
};
use crate::{
    crash::{self, Point},
    ops::drain::Phase,
    patience::persist,
};

/// The sends under the same reference before this one: what this one comes to says nothing about them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Earlier {
    None,
    /// None of them can be on its way any more.
    Past,
    OnItsWay,
}

impl Earlier {
    fn of(attempt: &Attempt, now: Timestamp) -> Self {
        match (attempt.sends, step::counts(attempt, now)) {
            (0, _) => Self::None,
            (_, true) => Self::Past,
            (_, false) => Self::OnItsWay,
        }
    }
}

impl Visit<'_> {
    /// Chooses a supplier and buys.
    pub(super) async fn buy(&mut self, wanted: u32, without: &[SupplierName]) -> Result<Then, BrokenOff> {
        // Each question is about another supplier: their number ends this.
        let choice = loop {
            if self.draining.phase() > Phase::Running {
                return Ok(Then::Release(wait(Duration::ZERO, "another worker: this one is ending")));
            }
            match route::choose(self, wanted, without, Instant::now().into_std()) {
                Chosen::Route(choice) => break choice,
                Chosen::Ask { supply, .. } if !self.lease_covers(supply) => {
                    return Ok(Then::Release(wait(Duration::ZERO, "a lease that covers a question about a price")));
                }
                Chosen::Ask { supply, permit, product } => self.ask_price(supply, permit, &product).await,
                Chosen::Later { time, waits_for } => {
                    tracing::debug!(
                        order_id = %self.procurement.order_id,
                        line_no = self.procurement.line_no.0,
                        waits_for,
                        "nothing is bought now"
                    );
                    return Ok(Then::Release(self.stock_or_wait(time, waits_for)));
                }
                Chosen::Nobody(reason) => return Ok(Then::Release(Release::Reject(reason))),
            }
        };
        let supply = choice.supply;
        if !self.lease_covers(supply) {
            return Ok(Then::Release(wait(Duration::ZERO, "a lease that covers a purchase")));
        }
        tracing::info!(
            order_id = %self.procurement.order_id,
            line_no = self.procurement.line_no.0,
            supplier = %supply.guarded.name(),
            why = choice.why,
            "buying"
        );
        let intent = Intent {
            supplier: supply.guarded.name().clone(),
            product: choice.product,
            reference: Reference::from_bits(self.draining.dice().reference_bits()),
            quantity: choice.quantity,
            unit_price: choice.unit_price,
            currency: supply.currency,
        };
        let (ledger, lease) = (&self.buyer.ledger, &self.procurement.lease);
        let intend = || crash::after(Point::Intended, &self.procurement, ledger.intend(lease, &intent));
        let attempt = persist("commit an attempt", &mut self.draining, again, intend).await?;
        self.procurement.attempts.push(attempt);
        self.send(choice.permit).await
    }

    /// Asks what a product costs now, holding a purchase's place meanwhile; what was heard decides with whatever is
    /// known otherwise.
    async fn ask_price(&mut self, supply: &Supply, permit: Permit, product: &SupplierProduct) {
        let heard = match supply.guarded.offers(std::slice::from_ref(product)).await {
            Ok(offers) => match offers.iter().find(|offer| offer.product == *product) {
                Some(offer) if offer.unit_price.is_some() => Heard::Price,
                Some(_) => Heard::None,
                None => Heard::Failed("it does not know the product".into()),
            },
            Err(SupplierError::NotTold) => Heard::None,
            Err(error) => Heard::Failed(error.to_string()),
        };
        if let Heard::Failed(why) = &heard {
            let (supplier, product) = (supply.guarded.name(), product.as_str());
            tracing::warn!(%supplier, product, why, "its price could not be asked; nothing is bought there now");
        }
        drop(permit);
        self.heard.insert(supply.guarded.name().clone(), heard);
    }

    /// Sends the open attempt's purchase again, under the same reference.
    pub(super) async fn resend(&mut self) -> Result<Then, BrokenOff> {
        let Some(supply) = self.supply() else { return Ok(Then::Step) };
        if self.draining.phase() > Phase::Running {
            return Ok(Then::Release(wait(Duration::ZERO, "another worker: this one is ending")));
        }
        let permit = match supply.guarded.admit(Instant::now().into_std()) {
            Ok(permit) => permit,
            Err(closed) => return Ok(Then::Release(wait(closed.until, &closed.to_string()))),
        };
        if !self.lease_covers(supply) {
            return Ok(Then::Release(wait(Duration::ZERO, "a lease that covers a purchase")));
        }
        self.send(permit).await
    }

    /// Commits the open attempt as sent, sends it, and commits what came of it.
    async fn send(&mut self, permit: Permit) -> Result<Then, BrokenOff> {
        let (Some(supply), Some(attempt)) = (self.supply(), self.open().cloned()) else { return Ok(Then::Step) };
        let earlier = Earlier::of(&attempt, self.now());
        let mut sent = Change::of(&attempt, AttemptState::Sent);
        sent.not_founds = 0;
        let before = Instant::now();
        self.change(&sent).await?;
        self.lease_end = before + self.buyer.times.lease;
        if Instant::now() + supply.guarded.timeout() > self.lease_end {
            // The commit took so long that the lease might lapse before the answer.
            return self.not_sent(earlier, "the ledger was too slow for this lease").await;
        }
        let purchase = Purchase {
            reference: &attempt.reference,
            product: &attempt.product,
            quantity: attempt.quantity,
            unit_price: attempt.unit_price,
            currency: attempt.currency,
            recharge: self.procurement.need.recharge.as_ref(),
            sent_before: earlier != Earlier::None,
            send_by: self.lease_end.into_std(),
        };
        let point = if earlier == Earlier::None { Point::Bought } else { Point::Resent };
        let bought = crash::after(point, &self.procurement, supply.guarded.buy(permit, purchase)).await;
        self.settle(bought, earlier).await
    }

    async fn settle(&mut self, bought: Bought, earlier: Earlier) -> Result<Then, BrokenOff> {
        match bought {
            Bought::Delivered { goods, their_id } => self.deliver(goods, their_id, 0).await,
            Bought::Accepted { their_id } => {
                self.note(AttemptState::Accepted, "accepted", their_id, 0).await?;
                Ok(Then::Release(self.wait_for_query("the supplier to deliver")))
            }
            Bought::Refused(refusal) => match (earlier, refusal.code.means()) {
                // It is about us or this moment, not about the purchase: the first send may have bought.
                (Earlier::Past | Earlier::OnItsWay, RefusalMeans::AskAgainLater) => {
                    self.unknown(&format!("sent again, {}: {}", refusal.code.as_str(), refusal.said), None).await
                }
                // It overtook the first, which may buy yet: sent once more when that can't be.
                (Earlier::OnItsWay, RefusalMeans::AskAnother | RefusalMeans::NobodyCan) => {
                    let said = format!("sent again, {}: {}", refusal.code.as_str(), refusal.said);
                    self.note(AttemptState::Unknown, &said, None, 0).await?;
                    let until = self.open().and_then(|attempt| pace::until_countable(attempt, self.now()));
                    Ok(Then::Release(wait(until.unwrap_or(Duration::ZERO), "an earlier send that may be on its way")))
                }
                (Earlier::None, _) | (Earlier::Past, RefusalMeans::AskAnother | RefusalMeans::NobodyCan) => {
                    self.refused(refusal, 0).await
                }
            },
            Bought::Unknown { why, their_id } => self.unknown(&why, their_id).await,
            Bought::NotSent { why, by: _ } => self.not_sent(earlier, &why).await,
        }
    }

    /// Nothing left this machine; of a re-send that says nothing about the send before.
    async fn not_sent(&mut self, earlier: Earlier, why: &str) -> Result<Then, BrokenOff> {
        let supplier = self.open().map(|attempt| attempt.supplier.clone());
        match earlier {
            Earlier::None => {
                self.unreachable.extend(supplier);
                self.mark(AttemptState::NotSent, why).await
            }
            Earlier::Past | Earlier::OnItsWay => self.unknown(&format!("could not be sent again: {why}"), None).await,
        }
    }

    async fn unknown(&mut self, why: &str, their_id: Option<String>) -> Result<Then, BrokenOff> {
        self.note(AttemptState::Unknown, why, their_id, 0).await?;
        Ok(Then::Release(self.wait_for_query("the outcome of a purchase")))
    }
}
