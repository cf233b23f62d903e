//! Twins of a batch are answered after its commit, by the ledger like any other repeat or conflict (I2).

use std::collections::BTreeMap;

use fulfil_contract::{
    ids::{BodyHash, OrderId},
    ports::ledger::{Asked, Ledger, LedgerError},
    proposal::{Entry, UnreadableMessage},
    recorded::Judgement,
};

use super::batch::{Content, Message, Place};

/// Judgements of the twins that the ledger knows; one that is missing there is missing here.
///
/// # Errors
/// [`LedgerError`].
pub async fn answer_twins(twins: &[Message], ledger: &dyn Ledger) -> Result<Vec<(Place, Judgement)>, LedgerError> {
    let mut judged = answer_orders(twins, ledger).await?;
    judged.extend(answer_unreadable(twins, ledger).await?);
    Ok(judged)
}

async fn answer_orders(twins: &[Message], ledger: &dyn Ledger) -> Result<Vec<(Place, Judgement)>, LedgerError> {
    let mut questions = Vec::<Asked>::new();
    let mut places = BTreeMap::<(OrderId, BodyHash), Vec<Place>>::new();
    for twin in twins {
        let Some(question) = twin.asked() else { continue };
        let same = places.entry((question.order_id.clone(), question.body_hash)).or_default();
        same.push(twin.place);
        if same.len() == 1 {
            questions.push(question);
        }
    }
    if questions.is_empty() {
        return Ok(Vec::new());
    }
    let answers = ledger.answer_known(&questions).await?;
    let mut judged = Vec::new();
    for (question, answer) in questions.into_iter().zip(answers) {
        let Some(judgement) = answer else { continue };
        let same = places.remove(&(question.order_id, question.body_hash)).unwrap_or_default();
        judged.extend(same.into_iter().map(|place| (place, judgement.clone())));
    }
    Ok(judged)
}

async fn answer_unreadable(twins: &[Message], ledger: &dyn Ledger) -> Result<Vec<(Place, Judgement)>, LedgerError> {
    let mut entries = BTreeMap::<BodyHash, (Entry, Vec<Place>)>::new();
    for twin in twins {
        let Content::Unreadable { merchant_id, reason } = &twin.content else { continue };
        let body_hash = twin.body_hash;
        let entry = || {
            Entry::Unreadable(UnreadableMessage { body_hash, merchant_id: merchant_id.clone(), reason: reason.clone() })
        };
        entries.entry(body_hash).or_insert_with(|| (entry(), Vec::new())).1.push(twin.place);
    }
    if entries.is_empty() {
        return Ok(Vec::new());
    }
    let (entries, places): (Vec<Entry>, Vec<Vec<Place>>) = entries.into_values().unzip();
    let judgements = ledger.record(&entries).await?;
    let fan_out = judgements
        .into_iter()
        .zip(places)
        .flat_map(|(judgement, places)| places.into_iter().map(move |place| (place, judgement.clone())));
    Ok(fan_out.collect())
}
