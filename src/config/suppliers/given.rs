//! What file and environment give to one supplier, before anybody knows whether it is right.

use fulfil_contract::supplier::SupplierName;
use toml::de::DeTable;

use super::{
    super::{
        error::{ConfigError, Problem},
        file::raw,
        keys::{Key, variable_of},
        kind::Raw,
        lines::Lines,
        place::Place,
    },
    keys::{self, SupplierDraft},
    protocol::ProtocolKeys,
    rates::{self, GivenRate},
};

pub(crate) struct GivenSupplier {
    /// Of its section.
    pub(super) place: Place,
    pub(super) own: Vec<GivenOwn>,
    pub(super) rates: Vec<GivenRate>,
    pub(super) protocol: ProtocolKeys,
}

/// A value of a key that every supplier has.
pub(super) struct GivenOwn {
    pub(super) key: &'static Key<SupplierDraft>,
    pub(super) raw: Raw,
    pub(super) place: Place,
}

impl GivenSupplier {
    pub(crate) fn at(place: Place) -> Self {
        Self { place, own: Vec::new(), rates: Vec::new(), protocol: ProtocolKeys::default() }
    }

    /// A section of a file.
    pub(crate) fn read(
        &mut self,
        supplier: &SupplierName,
        table: &DeTable<'_>,
        lines: &Lines<'_>,
        errors: &mut Vec<ConfigError>,
    ) {
        let section = super::section_of(supplier);
        for (name, value) in table {
            let place = lines.place(name.span().start);
            if let Some(key) = keys::find(name.get_ref()) {
                self.own.push(GivenOwn { key, raw: raw(value.get_ref()), place });
            } else if name.get_ref() == rates::ROW.name {
                self.rates.extend(rates::read(&section, value.get_ref(), place, lines, errors));
            } else {
                self.protocol.read(&section, name, value.get_ref(), lines, errors);
            }
        }
    }

    /// A variable of a key that every supplier has, or of a rate; `names` in lower case.
    pub(super) fn set_own(&mut self, section: &str, names: &[&str], value: &str, place: Place) -> Result<(), Problem> {
        let raw = Raw::Untyped(value.into());
        let right = match names {
            [] => return Ok(()),
            [table, currency] if *table == rates::ROW.name => {
                self.rates.push(GivenRate { currency: currency.to_uppercase(), raw, place });
                return Ok(());
            }
            [table, ..] if *table == rates::ROW.name => "rates.usd",
            [name] => match keys::find(name) {
                Some(key) => {
                    self.own.push(GivenOwn { key, raw, place });
                    return Ok(());
                }
                None => name,
            },
            [name, ..] => name,
        };
        let hint = format!("did you mean {}?", variable_of(&format!("{section}.{right}")));
        Err(Problem::UnknownVariable { hint })
    }
}
