//! Claim: one call per bucket for the whole batch; the ids are dealt out to lines, all of a line's quantity
//! or none. A line that stays empty is no verdict: the ledger takes for it when it records (I1).

use std::collections::BTreeMap;

use fulfil_contract::{
    ids::{KeyId, Sku},
    proposal::{Entry, Fill, Proposal, ProposedLine},
};

use super::batch::{Claimed, HeldClaim, Place};
use crate::stock::desk::ClaimDesk;

/// Claims for every line that wants keys.
pub async fn claim(mut entries: Vec<(Place, Entry)>, desk: &ClaimDesk, lane: u16) -> Claimed {
    let mut wanted = BTreeMap::<Sku, u32>::new();
    for line in open_lines(&mut entries) {
        match wanted.get_mut(line.sku.as_str()) {
            Some(count) => *count += line.quantity.get(),
            None => {
                wanted.insert(line.sku.clone(), line.quantity.get());
            }
        }
    }
    if wanted.is_empty() {
        return Claimed { entries, claims: Vec::new() };
    }
    let claims = desk.claim(&wanted, lane).await;
    deal(&mut entries, &claims);
    Claimed { entries, claims }
}

/// Leaves every line to the ledger.
pub fn claim_nothing(entries: Vec<(Place, Entry)>) -> Claimed {
    Claimed { entries, claims: Vec::new() }
}

fn open_lines(entries: &mut [(Place, Entry)]) -> impl Iterator<Item = &mut ProposedLine> {
    entries
        .iter_mut()
        .filter_map(|(_, entry)| match entry {
            Entry::Order(order) => match &mut order.proposal {
                Proposal::Fulfil(lines) => Some(lines),
                Proposal::Refuse(_) => None,
            },
            Entry::Unreadable(_) => None,
        })
        .flatten()
        .filter(|line| matches!(line.fill, Fill::FromLedger))
}

/// Deals the claimed ids to the lines in the order of delivery; what is left over goes back when the claims
/// are settled.
fn deal(entries: &mut [(Place, Entry)], claims: &[HeldClaim]) {
    let mut offered = BTreeMap::<&str, Vec<KeyId>>::new();
    for claim in claims {
        offered.entry(claim.bucket.sku.as_str()).or_default().extend(&claim.ids);
    }
    for ids in offered.values_mut() {
        ids.reverse(); // taken from the end: lowest first
    }
    for line in open_lines(entries) {
        let Some(ids) = offered.get_mut(line.sku.as_str()) else { continue };
        let Some(rest) = ids.len().checked_sub(line.quantity.as_usize()) else { continue };
        let mut dealt = ids.split_off(rest);
        dealt.reverse();
        line.fill = Fill::Claimed(dealt);
    }
}

#[cfg(test)]
mod tests {
    use fulfil_contract::{
        ids::{BodyHash, LineNo, OrderId, Quantity, WorkerId},
        proposal::ProposedOrder,
        stock::{Bucket, ClaimId, Epoch},
    };

    use super::*;
    use crate::stock::open_claims::InHand;

    fn entry(place: usize, quantities: &[u32]) -> (Place, Entry) {
        let lines = quantities.iter().enumerate().map(|(n, &quantity)| ProposedLine {
            line_no: LineNo(n as u32),
            sku: Sku::parse("s").unwrap(),
            quantity: Quantity::new(quantity).unwrap(),
            fill: Fill::FromLedger,
            need: None,
        });
        let order = ProposedOrder {
            order_id: OrderId::parse(&format!("o-{place}")).unwrap(),
            merchant_id: None,
            body_hash: BodyHash::of(b""),
            expires_at: None,
            proposal: Proposal::Fulfil(lines.collect()),
        };
        (Place(place), Entry::Order(order))
    }

    #[test]
    fn a_line_gets_all_of_its_quantity_or_nothing() {
        let mut entries = vec![entry(0, &[2]), entry(1, &[5, 1]), entry(2, &[1])];
        let claim = HeldClaim {
            bucket: Bucket { sku: Sku::parse("s").unwrap(), index: 0 },
            epoch: Epoch(1),
            claim: ClaimId { worker: WorkerId::parse("w").unwrap(), number: 1 },
            ids: (1..=4).map(KeyId).collect(),
            in_hand: InHand::default(),
        };
        deal(&mut entries, &[claim]);
        let fills: Vec<Fill> = entries
            .into_iter()
            .flat_map(|(_, entry)| match entry {
                Entry::Order(ProposedOrder { proposal: Proposal::Fulfil(lines), .. }) => lines,
                other => panic!("{other:?}"),
            })
            .map(|line| line.fill)
            .collect();
        let ids = |ids: &[i64]| Fill::Claimed(ids.iter().copied().map(KeyId).collect());
        assert_eq!(fills, [ids(&[1, 2]), Fill::FromLedger, ids(&[3]), ids(&[4])]);
    }
}
