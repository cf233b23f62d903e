//! A SKU's section of a file.

use fulfil_contract::{
    ids::Sku,
    money::MinorUnits,
    supplier::{SupplierName, SupplierProduct},
};
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::{
    super::{
        error::{ConfigError, Problem},
        file::raw,
        kind::{Raw, quote},
        lines::Lines,
        nearest,
        place::Place,
    },
    FROM, GivenRoutes, ROUTE_KEYS, SECTION,
};
use crate::procurement::assortment::Route;

const MOST: usize = 5;
/// A million millions of minor units.
const MOST_PRICE: u64 = 1_000_000_000_000;

/// The keys of one entry of `from`.
const ENTRY: [&str; 3] = ["supplier", "product", "price"];

/// Reads a section; what is wrong with it goes into `errors`.
pub(crate) fn read(
    name: &str,
    table: &DeTable<'_>,
    place: Place,
    lines: &Lines<'_>,
    errors: &mut Vec<ConfigError>,
) -> GivenRoutes {
    let section = format!("{SECTION}.{}", bare_or_quoted(name));
    let mut reader = Reader { section, lines, errors, named: Vec::new() };
    let sku = Sku::parse(name).ok();
    if sku.is_none() {
        let allowed = "1 to 64 of A-Z a-z 0-9 . _ : -";
        reader.value(&place, "a SKU", quote(name), allowed, "write the SKU that orders have");
    }
    let (mut routes, mut at_a_loss, mut slip) = (None, (false, Place::Default), false);
    for (key, value) in table {
        let at = lines.place(key.span().start);
        match (key.get_ref().as_ref(), value.get_ref()) {
            ("from", value) => routes = Some(reader.from(value, &at)),
            ("at_a_loss", DeValue::Boolean(value)) => at_a_loss = (*value, at),
            ("at_a_loss", other) => {
                let key = format!("{}.at_a_loss", reader.section);
                reader.value(&at, &key, found(other), "true or false", "write for example `at_a_loss = true`");
            }
            (key, value) => {
                let is_section = value.is_table();
                slip |= is_section || nearest::of(key, [FROM.name]).is_some();
                reader.unknown_key(name, key, is_section, at);
            }
        }
    }
    // Nothing is missing where it stands under a wrong name, or under a SKU that was cut at its dot.
    if routes.is_none() && !slip {
        reader.bad_list(&place, "nothing".into());
    }
    let Reader { section, named, .. } = reader;
    GivenRoutes { section, sku, routes: routes.unwrap_or_default(), named, at_a_loss, place }
}

/// A name as a TOML file writes it: with a dot or a colon it needs quotes.
fn bare_or_quoted(name: &str) -> String {
    let bare = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'));
    if bare { name.into() } else { quote(name) }
}

/// What stands there, with its value if it is short.
fn found(value: &DeValue<'_>) -> String {
    match raw(value) {
        Raw::Untyped(text) | Raw::Text(text) if text.is_empty() => "nothing (an empty text)".into(),
        Raw::Untyped(text) | Raw::Text(text) => format!("the text {}", quote(&text)),
        Raw::Number(number) => format!("the number {number}"),
        Raw::Other(what) => what.into(),
    }
}

struct Reader<'a> {
    section: String,
    lines: &'a Lines<'a>,
    errors: &'a mut Vec<ConfigError>,
    /// The suppliers so far.
    named: Vec<(SupplierName, Place)>,
}

impl Reader<'_> {
    fn from(&mut self, value: &DeValue<'_>, place: &Place) -> Vec<Route> {
        match value {
            DeValue::Array(entries) if (1..=MOST).contains(&entries.len()) => {
                let entry = |entry: &Spanned<DeValue<'_>>| self.entry(entry, &self.lines.place(entry.span().start));
                return entries.iter().filter_map(entry).collect();
            }
            DeValue::Array(entries) => self.bad_list(place, format!("a list of {}", entries.len())),
            other => self.bad_list(place, found(other)),
        }
        Vec::new()
    }

    fn entry(&mut self, entry: &Spanned<DeValue<'_>>, place: &Place) -> Option<Route> {
        let key = format!("{}.from", self.section);
        let DeValue::Table(table) = entry.get_ref() else {
            let allowed = "{ supplier, product, price }";
            let advice = "write for example `{ supplier = \"kasu\", product = \"1001\", price = 900 }`";
            self.value(place, &key, found(entry.get_ref()), allowed, advice);
            return None;
        };
        for name in table.keys().filter(|name| !ENTRY.contains(&name.get_ref().as_ref())) {
            let hint = match nearest::of(name.get_ref(), ENTRY) {
                Some(near) => format!("did you mean {near}?"),
                None => format!("an entry of {key} has {}", ENTRY.join(", ")),
            };
            let problem = Problem::UnknownKey { name: format!("{key}.{}", name.get_ref()), hint };
            self.wrong(self.lines.place(name.span().start), problem);
        }
        let supplier = self.field(table, place, "supplier", "the name of a supplier", "kasu", SupplierName::parse);
        if let Some(supplier) = &supplier {
            self.name(supplier, place);
        }
        let allowed = "1 to 128 characters in quotes";
        let product = self.field(table, place, "product", allowed, "1001", SupplierProduct::parse);
        let unit_price = match table.get("price").map(Spanned::get_ref) {
            None => None,
            Some(value) => Some(self.price(value, place)?),
        };
        Some(Route { supplier: supplier?, product: product?, unit_price })
    }

    fn name(&mut self, supplier: &SupplierName, place: &Place) {
        if self.named.iter().any(|(earlier, _)| earlier == supplier) {
            let (key, found) =
                (format!("{}.from", self.section), format!("{} a second time", quote(supplier.as_str())));
            self.value(place, &key, found, "each supplier once", "leave out one of the two");
        } else {
            self.named.push((supplier.clone(), place.clone()));
        }
    }

    fn field<T>(
        &mut self,
        table: &DeTable<'_>,
        place: &Place,
        name: &str,
        allowed: &str,
        example: &str,
        parse: fn(&str) -> Option<T>,
    ) -> Option<T> {
        let value = table.get(name).map(Spanned::get_ref);
        let parsed = value.and_then(DeValue::as_str).and_then(parse);
        if parsed.is_none() {
            let (key, found) = (format!("{}.from.{name}", self.section), value.map_or("nothing".into(), found));
            self.value(place, &key, found, allowed, &format!("write for example `{name} = \"{example}\"`"));
        }
        parsed
    }

    fn price(&mut self, value: &DeValue<'_>, place: &Place) -> Option<MinorUnits> {
        let number = match raw(value) {
            Raw::Number(number) => number.parse().ok().filter(|price| (1..=MOST_PRICE).contains(price)),
            Raw::Untyped(_) | Raw::Text(_) | Raw::Other(_) => None,
        };
        if number.is_none() {
            let key = format!("{}.from.price", self.section);
            let allowed = format!("minor units of the supplier's currency, a whole number from 1 to {MOST_PRICE}");
            self.value(place, &key, found(value), &allowed, "write for example `price = 900`");
        }
        number.map(MinorUnits)
    }

    fn unknown_key(&mut self, sku: &str, key: &str, is_section: bool, place: Place) {
        let section = &self.section;
        let hint = match nearest::of(key, ROUTE_KEYS.map(|row| row.name)) {
            Some(near) => format!("did you mean {section}.{near}?"),
            None if is_section => format!("a SKU with a dot stands in quotes: [{SECTION}.\"{sku}.{key}\"]"),
            None => format!("[{section}] has {}", ROUTE_KEYS.map(|row| row.name).join(", ")),
        };
        self.wrong(place, Problem::UnknownKey { name: format!("{section}.{key}"), hint });
    }

    fn bad_list(&mut self, place: &Place, found: String) {
        let advice = "write for example `from = [ { supplier = \"kasu\", product = \"1001\" } ]`";
        self.value(place, &format!("{}.from", self.section), found, FROM.allowed, advice);
    }

    fn value(&mut self, place: &Place, key: &str, found: String, allowed: &str, advice: &str) {
        let problem = Problem::Value { key: key.into(), found, allowed: allowed.into(), advice: advice.into() };
        self.wrong(place.clone(), problem);
    }

    fn wrong(&mut self, place: Place, problem: Problem) {
        self.errors.push(ConfigError::new(place, problem));
    }
}
