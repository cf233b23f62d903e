//! Keys that the ledger takes itself, highest ids first, all or none of a line's quantity, lines in the
//! batch's order. Taken rows stay locked until the transaction ends; rows that others hold are passed over.

use std::collections::HashMap;

use fulfil_contract::{
    ids::{KeyId, Sku},
    proposal::{Fill, ProposedLine},
    reason::{Reason, ReasonCode},
};

use super::batch::{Batch, Effect, Open, claims};
use crate::{
    columns::column,
    errors::Failure,
    postgres::Postgres,
    session::Session,
    take_memory::{Seen, TakeMemory},
};

/// Which line of which order: the order's place in the batch, the line's place in the order.
type LinePlace = (usize, usize);

/// What became of the lines that the ledger fills.
#[derive(Debug, Default)]
pub(super) struct Taken {
    lines: HashMap<LinePlace, Result<Vec<KeyId>, Reason>>,
    /// How far down each SKU's keys are taken, if the transaction commits.
    depths: Vec<(i32, i64, Seen)>,
}

impl Taken {
    /// The line's keys, rising, or why it is refused.
    pub(super) fn line(&self, place: usize, line: usize) -> Option<&Result<Vec<KeyId>, Reason>> {
        self.lines.get(&(place, line))
    }

    /// The transaction is about to commit: the next takes go on below.
    pub(super) fn remember(&self, memory: &TakeMemory) {
        for (sku_id, lowest, seen) in &self.depths {
            memory.took_down_to(*sku_id, *lowest, *seen);
        }
    }

    /// The orders that have a line for which stock held too few keys.
    pub(super) fn short(&self) -> impl Iterator<Item = usize> + '_ {
        let short = |dealt: &Result<Vec<KeyId>, Reason>| {
            dealt.as_ref().is_err_and(|reason| reason.code == ReasonCode::OutOfStock)
        };
        self.lines.iter().filter(move |(_, dealt)| short(dealt)).map(|((place, _), _)| *place)
    }
}

/// The lines of one SKU that want keys from the ledger.
#[derive(Debug, Default)]
struct Wanted<'a> {
    lines: Vec<(LinePlace, &'a ProposedLine)>,
}

/// Takes for every line that asks for it. `None`: short, of keys that other transactions hold. That is no
/// verdict on the stock, however long it lasts: they may roll back.
pub(super) async fn take(
    postgres: &Postgres,
    session: &Session<'_>,
    batch: &Batch<'_>,
    open: &[Open<'_>],
) -> Result<Option<Taken>, Failure> {
    let wanted = wanted(open);
    let mut taken = Taken::default();
    if wanted.is_empty() {
        return Ok(Some(taken));
    }
    let mut skus: Vec<&Sku> = wanted.keys().copied().collect();
    skus.sort_unstable();
    let sku_ids = postgres.sku_ids.of(session, &skus).await?;
    let claimed = claimed_by_neighbours(batch, open);
    hold(session, &claimed).await?;
    for sku in skus {
        let lines = &wanted[sku].lines;
        let Some(&sku_id) = sku_ids.get(sku) else {
            let unknown = Reason::new(ReasonCode::UnknownSku, format!("no key of {sku} was ever imported"));
            taken.lines.extend(lines.iter().map(|(at, _)| (*at, Err(unknown.clone()))));
            continue;
        };
        let of_this_sku = claimed.values().filter(|of| **of == sku).count();
        let source = Source { postgres, session, sku_id, claimed: &claimed, of_this_sku };
        if source.deal(lines, &mut taken).await? == Short::OfKeysThatOthersHold {
            return Ok(None);
        }
    }
    Ok(Some(taken))
}

fn wanted<'a>(open: &[Open<'a>]) -> HashMap<&'a Sku, Wanted<'a>> {
    let mut wanted: HashMap<&Sku, Wanted<'_>> = HashMap::new();
    for order in open {
        let Effect::Lines(lines) = order.effect else { continue };
        for (at, line) in lines.iter().enumerate().filter(|(_, line)| line.fill == Fill::FromLedger) {
            wanted.entry(&line.sku).or_default().lines.push(((order.place, at), line));
        }
    }
    wanted
}

/// Of every SKU: a key that stock offered under a wrong one is not to be had by who claimed it, and taken beside it
/// it would stand in two lines.
fn claimed_by_neighbours<'a>(batch: &Batch<'a>, open: &[Open<'a>]) -> HashMap<i64, &'a Sku> {
    let lines = open.iter().flat_map(|open| claims(batch.orders[open.place].order));
    lines.flat_map(|(line, ids)| ids.iter().map(|id| (id.0, &line.sku))).collect()
}

/// Locks what the batch claimed, by rising id as everybody does, before anything is taken: who held taken keys while it
/// waited for claimed ones could wait in a circle with another batch, whose claimed keys it took. A batch that takes
/// nothing locks its claimed keys where it sells them: with the same order in another batch that may still be a circle,
/// which `lock_timeout` ends, and both are done again.
async fn hold(session: &Session<'_>, claimed: &HashMap<i64, &Sku>) -> Result<(), Failure> {
    if claimed.is_empty() {
        return Ok(());
    }
    let ids: Vec<i64> = claimed.keys().copied().collect();
    session.rows(HOLD, &[&ids]).await.map(drop)
}

/// One SKU's keys, as this transaction may take them.
struct Source<'a> {
    postgres: &'a Postgres,
    session: &'a Session<'a>,
    sku_id: i32,
    /// Each with the SKU that it was claimed for.
    claimed: &'a HashMap<i64, &'a Sku>,
    /// How many of them.
    of_this_sku: usize,
}

/// Up to so many ids of a SKU below one, without these, highest first, each locked.
pub(crate) const TAKE: &str = "
    select k.id
    from (
        select first_id, last_id from fulfil.lot where sku_id = $1 and not sold_out and first_id < $2 order by block desc) l
    cross join lateral (
        select id from fulfil.card_key
        where sku_id = $1 and id >= l.first_id and id <= l.last_id and id < $2 and state = 0 and id <> all($3::bigint[])
        order by id desc for no key update skip locked) k
    limit $4";

const HOLD: &str = "select id from fulfil.card_key where id = any($1::bigint[]) order by id for no key update";

/// The same without a lock: what is available, whoever holds it.
const LOOK: &str = "
    select count(*) from (
        select k.id
        from (select first_id, last_id from fulfil.lot where sku_id = $1 and not sold_out order by block desc) l
        cross join lateral (
            select id from fulfil.card_key
            where sku_id = $1 and id >= l.first_id and id <= l.last_id and state = 0 and id <> all($2::bigint[])
            order by id desc) k
        limit $3) found";

/// What a take found.
#[derive(Debug, Default)]
struct Found {
    /// Falling.
    ids: Vec<i64>,
    /// At the most so many more are available, but claimed: their orders may be lost.
    beside: usize,
}

#[derive(Debug, PartialEq, Eq)]
enum Short {
    No,
    OfKeysThatOthersHold,
}

impl Source<'_> {
    async fn deal(&self, lines: &[(LinePlace, &ProposedLine)], into: &mut Taken) -> Result<Short, Failure> {
        let memory = &self.postgres.take_memory;
        let seen = memory.seen(self.sku_id);
        let hopeful = |line: &ProposedLine| !memory.is_short_of(self.sku_id, line.quantity.as_usize());
        let (lines, hopeless): (Vec<_>, Vec<_>) = lines.iter().partition(|(_, line)| hopeful(line));
        into.lines.extend(hopeless.iter().map(|(at, line)| (*at, Err(short_of(line)))));
        let total: usize = lines.iter().map(|(_, line)| line.quantity.as_usize()).sum();
        let Found { ids, beside } = if total == 0 { Found::default() } else { self.highest(total, seen).await? };
        if ids.len() < total {
            if self.others_hold(ids.len()).await? {
                return Ok(Short::OfKeysThatOthersHold);
            }
            memory.found_only(self.sku_id, ids.len() + beside, seen);
        } else if let Some(lowest) = ids.last() {
            into.depths.push((self.sku_id, *lowest, seen));
        }
        let mut rest = ids.as_slice();
        into.lines.extend(lines.iter().map(|(at, line)| (*at, deal_line(&mut rest, line))));
        Ok(Short::No)
    }

    /// Up to `most` ids, falling: first below what earlier takes took, then, if that is too few, from the top.
    async fn highest(&self, most: usize, seen: Seen) -> Result<Found, Failure> {
        if let Some(below) = seen.below {
            let found = self.select(below, most).await?;
            if found.ids.len() == most {
                return Ok(found);
            }
        }
        self.select(i64::MAX, most).await
    }

    async fn select(&self, below: i64, most: usize) -> Result<Found, Failure> {
        let ids = self.select_without(below, most, &[]).await?;
        if ids.iter().any(|id| self.claimed.contains_key(id)) {
            let ids = self.select_without(below, most, &self.claimed()).await?;
            return Ok(Found { ids, beside: self.claimed.len() });
        }
        Ok(Found { ids, beside: self.of_this_sku })
    }

    async fn select_without(&self, below: i64, most: usize, without: &[i64]) -> Result<Vec<i64>, Failure> {
        let rows = self.session.rows(TAKE, &[&self.sku_id, &below, &without, &as_limit(most)]).await?;
        let mut ids = rows.iter().map(|row| column(row, 0)).collect::<Result<Vec<i64>, Failure>>()?;
        ids.sort_unstable_by(|a, b| b.cmp(a));
        Ok(ids)
    }

    async fn others_hold(&self, ours: usize) -> Result<bool, Failure> {
        let rows = self.session.rows(LOOK, &[&self.sku_id, &self.claimed(), &as_limit(ours + 1)]).await?;
        let available = rows.first().map_or(Ok(0), |row| crate::columns::count(row, 0))?;
        Ok(available > ours as u64)
    }

    fn claimed(&self) -> Vec<i64> {
        self.claimed.keys().copied().collect()
    }
}

/// The line's share of what is left, falling.
fn deal_line(rest: &mut &[i64], line: &ProposedLine) -> Result<Vec<KeyId>, Reason> {
    let quantity = line.quantity.as_usize();
    if rest.len() < quantity {
        return Err(short_of(line));
    }
    let (share, left) = rest.split_at(quantity);
    *rest = left;
    Ok(share.iter().rev().copied().map(KeyId).collect())
}

fn short_of(line: &ProposedLine) -> Reason {
    let detail = format!("fewer than {} keys of {} are available", line.quantity.get(), line.sku);
    Reason::new(ReasonCode::OutOfStock, detail)
}

/// At most 1,000 orders of 10,000 keys.
fn as_limit(most: usize) -> i64 {
    i64::try_from(most).unwrap_or(i64::MAX)
}
