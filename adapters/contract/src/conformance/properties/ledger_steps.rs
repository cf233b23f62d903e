//! Random calls of the ledger's ports, in the order that a sequence has them. Numbers in a step are picks: whatever
//! the ledger has by then, taken modulo how much there is.

use std::time::Duration;

use proptest::{collection::vec, prelude::*, sample::select, strategy::Strategy};

use super::{
    Mismatch, failed,
    ledger_model::{LedgerModel, State},
    must, same,
};
use crate::{
    attempt::AttemptState,
    conformance::procurements::samples::*,
    ids::{KeyId, Revision},
    ports::{books::OrderFile, ledger::Asked, stock_ledger::NewKey},
    proposal::{Entry, Fill, Proposal, ProposedLine, ProposedOrder},
    reason::{Reason, ReasonCode},
    recorded::RecordedOrder,
    time::Timestamp,
};

/// The last is never imported.
pub(super) const SKUS: [&str; 4] = ["sku-a", "sku-b", "sku-a.1", "sku-none"];

#[derive(Debug, Clone)]
pub(super) enum Step {
    Import(Vec<(usize, usize)>),
    Record(Vec<EntryStep>),
    AnswerKnown(Vec<(usize, usize)>),
    Owe {
        order: usize,
        revision_off: u32,
    },
    Pay {
        owed: usize,
        revision_off: u32,
    },
    Quarantine {
        key: usize,
    },
    Lease {
        worker: usize,
        most: u32,
        brief: bool,
    },
    /// Under the `lease`-th lease from the last.
    Visit {
        lease: usize,
        does: Visit,
    },
    Wake {
        attempt: usize,
    },
}

#[derive(Debug, Clone)]
pub(super) enum Visit {
    Intend {
        again: bool,
        quantity: usize,
    },
    Change {
        to: AttemptState,
        stale: bool,
    },
    /// From the intent to the goods.
    Buy {
        quantity: usize,
        told: Vec<usize>,
    },
    Deliver {
        told: Vec<usize>,
        of_the_other_kind: bool,
    },
    Wait {
        long: bool,
    },
    FromStock,
    Reject,
}

#[derive(Debug, Clone)]
pub(super) enum EntryStep {
    Unreadable(usize),
    Order { order: usize, body: usize, expires: Option<bool>, lines: Option<Vec<LineStep>> },
}

#[derive(Debug, Clone)]
pub(super) struct LineStep {
    sku: usize,
    quantity: usize,
    fill: FillStep,
    need: bool,
}

#[derive(Debug, Clone)]
pub(super) enum FillStep {
    /// The pick among available keys, and whether one that is not to be had is among them.
    Claimed {
        first: usize,
        bad: Option<usize>,
    },
    FromLedger,
    Bought,
    TopUp,
    Refused,
}

pub(super) fn sequences() -> impl Strategy<Value = Vec<Step>> {
    vec(step(), 1..32)
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => vec((0..3_usize, 0..24_usize), 1..7).prop_map(Step::Import),
        7 => vec(entry(), 1..5).prop_map(Step::Record),
        1 => vec((0..8_usize, 0..2_usize), 1..4).prop_map(Step::AnswerKnown),
        1 => (0..8_usize, 0..2_u32).prop_map(|(order, revision_off)| Step::Owe { order, revision_off }),
        1 => (0..4_usize, 0..2_u32).prop_map(|(owed, revision_off)| Step::Pay { owed, revision_off }),
        1 => (0..40_usize).prop_map(|key| Step::Quarantine { key }),
        4 => (0..2_usize, 1..4_u32, prop::bool::weighted(0.2))
            .prop_map(|(worker, most, brief)| Step::Lease { worker, most, brief }),
        9 => (0..4_usize, visit()).prop_map(|(lease, does)| Step::Visit { lease, does }),
        1 => (0..4_usize).prop_map(|attempt| Step::Wake { attempt }),
    ]
}

fn visit() -> impl Strategy<Value = Visit> {
    let told = || vec(0..40_usize, 0..5);
    let to = select(AttemptState::ALL.into_iter().filter(|to| *to != AttemptState::InReview).collect::<Vec<_>>());
    prop_oneof![
        2 => (prop::bool::weighted(0.2), 1..4_usize).prop_map(|(again, quantity)| Visit::Intend { again, quantity }),
        3 => (to, prop::bool::weighted(0.1)).prop_map(|(to, stale)| Visit::Change { to, stale }),
        4 => (1..4_usize, told()).prop_map(|(quantity, told)| Visit::Buy { quantity, told }),
        2 => (told(), prop::bool::weighted(0.1))
            .prop_map(|(told, of_the_other_kind)| Visit::Deliver { told, of_the_other_kind }),
        1 => any::<bool>().prop_map(|long| Visit::Wait { long }),
        2 => Just(Visit::FromStock),
        1 => Just(Visit::Reject),
    ]
}

fn entry() -> impl Strategy<Value = EntryStep> {
    let lines = prop::option::weighted(0.9, vec(line_step(), 1..4));
    prop_oneof![
        1 => (0..3_usize).prop_map(EntryStep::Unreadable),
        12 => (0..8_usize, prop::bool::weighted(0.2), prop::option::weighted(0.1, any::<bool>()), lines).prop_map(
            |(order, body, expires, lines)| EntryStep::Order { order, body: body.into(), expires, lines }
        ),
    ]
}

fn line_step() -> impl Strategy<Value = LineStep> {
    let fill = prop_oneof![
        4 => (0..12_usize, prop::option::weighted(0.15, 0..40_usize))
            .prop_map(|(first, bad)| FillStep::Claimed { first, bad }),
        4 => Just(FillStep::FromLedger),
        2 => Just(FillStep::Bought),
        1 => Just(FillStep::TopUp),
        1 => Just(FillStep::Refused),
    ];
    (0..SKUS.len(), 1..4_usize, fill, any::<bool>()).prop_map(|(sku, quantity, fill, need)| LineStep {
        sku,
        quantity,
        fill,
        need,
    })
}

/// # Errors
/// The first step after which backend and model differ.
pub(super) async fn run(backend: &dyn SlowLaneBackend, steps: &[Step]) -> Result<(), Mismatch> {
    let mut world = World { backend, model: LedgerModel::default(), references: 0 };
    for (at, step) in steps.iter().enumerate() {
        world.step(step).await.map_err(|mismatch| format!("step {at}, {step:?}: {mismatch}"))?;
    }
    world.compare().await.map_err(|mismatch| format!("at the end: {mismatch}"))
}

pub(super) struct World<'a> {
    pub(super) backend: &'a dyn SlowLaneBackend,
    pub(super) model: LedgerModel,
    /// How many references were made.
    pub(super) references: usize,
}

impl World<'_> {
    async fn step(&mut self, step: &Step) -> Result<(), Mismatch> {
        let ledger = self.backend.ledger();
        match step {
            Step::Import(picks) => {
                let numbers: Vec<_> = picks.iter().map(|(at, number)| (SKUS[*at].to_owned(), *number)).collect();
                let keys: Vec<NewKey> = numbers.iter().map(|(sku, number)| new_key(sku, *number)).collect();
                let answers = self.backend.stock_ledger().import(&keys, BUCKETS).await.map_err(failed("import"))?;
                self.model.import(&numbers, &keys, &answers)
            }
            Step::Record(entries) => {
                let batch = self.batch(entries);
                let judgements = ledger.record(&batch).await.map_err(failed("record"))?;
                self.model.record(&batch, &judgements)
            }
            Step::AnswerKnown(asked) => self.answer_known(asked).await,
            Step::Owe { order, revision_off } => {
                let id = order_id(&format!("o-{order}"));
                let now = self.model.orders.get(&id).map_or(1, |order| order.revision.0);
                let revision = Revision(now + revision_off);
                ledger.owe(&[(id.clone(), revision)]).await.map_err(failed("owe"))?;
                self.model.owe(&id, revision);
                self.compare_owed().await
            }
            Step::Pay { owed, revision_off } => {
                let Some(order) = picked(&self.model.owed, *owed) else { return Ok(()) };
                let (id, revision) = (order.order_id.clone(), Revision(order.revision.0 + revision_off));
                ledger.paid(&[(id.clone(), revision)]).await.map_err(failed("paid"))?;
                self.model.pay(&id, revision);
                self.compare_owed().await
            }
            Step::Quarantine { key } => {
                let all: Vec<KeyId> = SKUS.iter().flat_map(|sku| self.model.available(sku)).collect();
                let Some(id) = picked(&all, *key) else { return Ok(()) };
                self.backend.quarantine(*id).await;
                self.model.set(*id, State::Quarantined);
                Ok(())
            }
            Step::Lease { worker, most, brief } => self.lease(*worker, *most, *brief).await,
            Step::Visit { lease, does } => self.visit(*lease, does).await,
            Step::Wake { attempt } => self.wake(*attempt).await,
        }
    }

    /// Entries as a pool may give them: an order id once, a key once.
    fn batch(&self, steps: &[EntryStep]) -> Vec<Entry> {
        let (mut batch, mut used, mut claimed): (Vec<Entry>, Vec<(bool, usize)>, Vec<KeyId>) = Default::default();
        for step in steps {
            let (is_order, number) = match step {
                EntryStep::Unreadable(number) => (false, *number),
                EntryStep::Order { order, .. } => (true, *order),
            };
            if used.contains(&(is_order, number)) {
                continue;
            }
            used.push((is_order, number));
            batch.push(match step {
                EntryStep::Unreadable(number) => unreadable(&format!("bytes {number}"), ReasonCode::InvalidJson),
                EntryStep::Order { order, body: number, expires, lines } => {
                    let id = format!("o-{order}");
                    let proposal = match lines {
                        None => Proposal::Refuse(Reason::new(ReasonCode::InvalidOrder, "lines: is empty")),
                        Some(lines) => Proposal::Fulfil(self.lines(lines, &mut claimed)),
                    };
                    let merchant_id = Some(merchant(&format!("m-{number}")));
                    Entry::Order(ProposedOrder {
                        order_id: order_id(&id),
                        merchant_id,
                        body_hash: body(&format!("{id}/{number}")),
                        expires_at: expires.map(|past| Timestamp(if past { 0 } else { 4_000_000_000_000_000 })),
                        proposal,
                    })
                }
            });
        }
        batch
    }

    fn lines(&self, steps: &[LineStep], claimed: &mut Vec<KeyId>) -> Vec<ProposedLine> {
        let mut lines = Vec::new();
        for (at, step) in steps.iter().enumerate() {
            let (number, sku_text) = (u32::try_from(at).unwrap_or(0) + 1, SKUS[step.sku]);
            let mut made = match &step.fill {
                FillStep::FromLedger => ledger_line(number, sku_text, step.quantity),
                FillStep::Bought => bought_line(number, sku_text, step.quantity),
                FillStep::TopUp => top_up_line(number, sku_text, "+8613800000000"),
                FillStep::Refused => {
                    let reason = Reason::new(ReasonCode::NoSupplier, "nobody sells it");
                    line(number, sku_text, step.quantity, Fill::Refused(reason))
                }
                FillStep::Claimed { first, bad } => {
                    match self.claimed(sku_text, step.quantity, *first, *bad, claimed) {
                        ids if ids.is_empty() => ledger_line(number, sku_text, step.quantity),
                        ids => claimed_line(number, sku_text, &ids),
                    }
                }
            };
            if made.need.is_none() && step.need {
                made.need = Some(need());
            }
            lines.push(made);
        }
        lines
    }

    fn claimed(
        &self,
        sku_text: &str,
        count: usize,
        first: usize,
        bad: Option<usize>,
        claimed: &mut Vec<KeyId>,
    ) -> Vec<KeyId> {
        let free = self.model.available(sku_text).filter(|id| !claimed.contains(id));
        let mut ids: Vec<KeyId> = free.skip(first % 3).take(count).collect();
        // One that was sold, is quarantined, of another SKU, or of nobody.
        if let Some(pick) = bad {
            let others = self.model.keys.iter().filter(|(id, key)| {
                (key.sku != sku_text || key.state != State::Available) && !claimed.contains(*id) && !ids.contains(*id)
            });
            let others: Vec<KeyId> = others.map(|(id, _)| *id).collect();
            let nobody = KeyId(1_000_000_000 + i64::try_from(pick + claimed.len()).unwrap_or(0));
            ids.truncate(count.saturating_sub(1));
            ids.push(picked(&others, pick).copied().filter(|_| pick % 5 != 0).unwrap_or(nobody));
        }
        claimed.extend(&ids);
        ids
    }

    async fn answer_known(&mut self, asked: &[(usize, usize)]) -> Result<(), Mismatch> {
        let orders: Vec<ProposedOrder> = asked
            .iter()
            .map(|(order, number)| {
                let id = format!("o-{order}");
                let proposal = Proposal::Fulfil(Vec::new());
                let body_hash = body(&format!("{id}/{number}"));
                let merchant_id = Some(merchant(&format!("m-{number}")));
                ProposedOrder { order_id: order_id(&id), merchant_id, body_hash, expires_at: None, proposal }
            })
            .collect();
        let asked: Vec<Asked> = orders
            .iter()
            .map(|order| Asked {
                order_id: order.order_id.clone(),
                body_hash: order.body_hash,
                merchant_id: order.merchant_id.clone(),
            })
            .collect();
        let answers = self.backend.ledger().answer_known(&asked).await.map_err(failed("answer_known"))?;
        must("an answer for each", answers.len() == orders.len(), &answers)?;
        for (order, answer) in orders.iter().zip(answers) {
            match (answer, self.model.orders.contains_key(&order.order_id)) {
                (Some(judgement), true) => self.model.known_answer(order, &judgement)?,
                (None, false) => {}
                (answer, _) => return Err(format!("{}: the backend says {answer:?}", order.order_id)),
            }
        }
        Ok(())
    }

    pub(super) async fn compare_owed(&self) -> Result<(), Mismatch> {
        let owed = self.backend.ledger().owed(1_000, &[]).await.map_err(failed("owed"))?;
        same("what is owed", &owed, &self.model.owed)
    }

    pub(super) async fn file_of(&self, order: &crate::ids::OrderId) -> Result<OrderFile, Mismatch> {
        let file = self.backend.books().order(order).await.map_err(failed("order"))?;
        file.ok_or_else(|| format!("the books do not know {order}"))
    }

    /// The books at the end.
    async fn compare(&self) -> Result<(), Mismatch> {
        self.compare_owed().await?;
        let balance = self.backend.books().balance().await.map_err(failed("balance"))?;
        let model = &self.model;
        let sold = model.count(State::Sold) + model.sold_untold;
        let available = model.count(State::Available);
        let quarantined = model.count(State::Quarantined);
        same("imported", &balance.imported, &(available + sold + quarantined))?;
        same("available", &balance.available, &available)?;
        same("sold", &balance.sold, &sold)?;
        same("quarantined", &balance.quarantined, &quarantined)?;
        same("orders", &balance.orders, &(model.orders.len() as u64))?;
        must("nothing is short, sold twice, out of balance", sound(&balance), &balance)?;
        let mut ids: Vec<KeyId> = SKUS.iter().flat_map(|sku| model.available(sku)).collect();
        ids.sort_unstable();
        same("which are available", &balance.available_ids, &ids)?;
        for (id, order) in &model.orders {
            let file = self.file_of(id).await?;
            same("an order", &file.order, order)?;
            let owed = model.owed.iter().any(|owed: &RecordedOrder| owed.order_id == *id);
            same("whether it is owed", &file.owed, &owed)?;
            self.compare_bought(&file)?;
        }
        Ok(())
    }
}

fn sound(balance: &crate::ports::books::Balance) -> bool {
    balance.lines_short == 0 && balance.keys_sold_twice == 0 && balance.unbalanced.is_empty()
}

pub(super) fn picked<T>(all: &[T], pick: usize) -> Option<&T> {
    all.get(pick.checked_rem(all.len())?)
}

/// Longer than a brief lease.
pub(super) const LAPSE: Duration = Duration::from_millis(3);
