//! What the ledger says of purchases: attempts, reviews, and where the keys that came are.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use anyhow::{Context, Result};
use private_servers::Postgres;

/// The ledger's numbers of a delivered attempt, of a refused one, and of one that waits for a person.
pub(crate) const DELIVERED: i64 = 4;
pub(crate) const REFUSED: i64 = 5;
pub(super) const IN_REVIEW: i64 = 7;

/// An attempt as the ledger has it: which line a reference was for.
#[derive(Debug, Clone)]
pub struct Attempt {
    pub order_id: String,
    pub sku: String,
    pub supplier: String,
    pub state: i64,
    /// How often it was committed as sent.
    pub sends: u64,
    /// Keys that it brought, wherever they went.
    pub told: u64,
}

impl Attempt {
    pub(crate) fn is_refused(&self) -> bool {
        self.state == REFUSED
    }
}

/// Keys of one SKU, bought and not delivered.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Kept {
    pub in_stock: u64,
    /// For lines that are not whole.
    pub held: u64,
    /// Known already. What came as another answer later is not among them: that is more than was bought.
    pub refused: u64,
}

/// By reference.
#[derive(Debug)]
pub struct Attempts {
    pub by_reference: HashMap<String, Attempt>,
    /// By SKU.
    pub kept: BTreeMap<String, Kept>,
    /// Reviews by their kind.
    pub reviews: BTreeMap<String, u64>,
    /// References that a review is about.
    pub reviewed: BTreeSet<String>,
    /// Of these, where it says that a key was known.
    pub told_of_known_keys: BTreeSet<String>,
    pub refused_keys: u64,
    pub held_keys: u64,
}

const ATTEMPTS: &str = "
    select concat_ws(' ', a.reference, p.order_id, p.sku, a.supplier, a.state, a.sends,
        (select count(*) from fulfil.told_key t where t.attempt_id = a.attempt_id))
    from fulfil.attempt a join fulfil.procurement p using (procurement_id)";

const IN_STOCK: &str = "
    select concat_ws(' ', s.sku, count(*)) from fulfil.card_key k join fulfil.sku s using (sku_id)
    where k.state <> 1 and s.sku in (select sku from fulfil.procurement) group by s.sku";

const HELD: &str = "
    select concat_ws(' ', p.sku, count(*)) from fulfil.held_key h join fulfil.procurement p using (procurement_id)
    group by p.sku";

/// Another answer's keys are kept behind all that the attempt told before.
const REFUSED_KEYS: &str = "
    select concat_ws(' ', p.sku, count(*))
    from fulfil.refused_key r join fulfil.attempt a using (attempt_id) join fulfil.procurement p using (procurement_id)
    where r.place < (select count(*) from fulfil.told_key t where t.attempt_id = r.attempt_id) group by p.sku";

impl Attempts {
    pub(crate) fn read(postgres: &Postgres) -> Result<Self> {
        let mut reviews = BTreeMap::new();
        for kind in postgres.execute("select kind from fulfil.review")?.lines() {
            *reviews.entry(kind.to_owned()).or_default() += 1;
        }
        let references = |kinds: &str| -> Result<BTreeSet<String>> {
            let sql = "select distinct a.reference from fulfil.review r join fulfil.attempt a using (attempt_id)";
            Ok(postgres.execute(&format!("{sql} where {kinds}"))?.lines().map(str::to_owned).collect())
        };
        let count = |sql: &str| -> Result<u64> { Ok(postgres.execute(sql)?.trim().parse()?) };
        Ok(Self {
            by_reference: postgres.execute(ATTEMPTS)?.lines().map(attempt).collect::<Result<_>>()?,
            kept: kept(postgres)?,
            reviews,
            reviewed: references("true")?,
            told_of_known_keys: references("r.kind = 'known_key'")?,
            refused_keys: count("select count(*) from fulfil.refused_key")?,
            held_keys: count("select count(*) from fulfil.held_key")?,
        })
    }
}

fn attempt(row: &str) -> Result<(String, Attempt)> {
    let mut words = row.split(' ');
    let mut word = || words.next().context("an attempt's row");
    let (reference, order_id, sku) = (word()?.to_owned(), word()?.to_owned(), word()?.to_owned());
    let (supplier, state) = (word()?.to_owned(), word()?.parse()?);
    let (sends, told) = (word()?.parse()?, word()?.parse()?);
    Ok((reference, Attempt { order_id, sku, supplier, state, sends, told }))
}

fn kept(postgres: &Postgres) -> Result<BTreeMap<String, Kept>> {
    let mut kept: BTreeMap<String, Kept> = BTreeMap::new();
    for (sku, keys) in by_sku(postgres, IN_STOCK)? {
        kept.entry(sku).or_default().in_stock = keys;
    }
    for (sku, keys) in by_sku(postgres, HELD)? {
        kept.entry(sku).or_default().held = keys;
    }
    for (sku, keys) in by_sku(postgres, REFUSED_KEYS)? {
        kept.entry(sku).or_default().refused = keys;
    }
    Ok(kept)
}

fn by_sku(postgres: &Postgres, sql: &str) -> Result<Vec<(String, u64)>> {
    let rows = postgres.execute(sql)?;
    let row = |row: &str| {
        let (sku, keys) = row.split_once(' ').context("a SKU and a number")?;
        Ok((sku.to_owned(), keys.parse()?))
    };
    rows.lines().map(row).collect()
}
