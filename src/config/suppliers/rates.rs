//! `rates`: what one minor unit of a supplier's currency costs in other currencies.

use std::collections::{BTreeMap, HashMap};

use fulfil_contract::money::Currency;
use toml::de::DeValue;

use super::super::{
    error::{ConfigError, Problem},
    file::{raw, type_of},
    kind::{Raw, quote},
    lines::Lines,
    place::Place,
    reference::Row,
};
use crate::procurement::assortment::Rate;

/// For the docs.
pub(crate) const ROW: Row = Row {
    name: "rates",
    doc: "for lines in other currencies: how many of their minor units one minor unit of this supplier's currency costs; without a rate it is not asked",
    allowed: "a table of CURRENCY = \"decimal\"",
    default: None,
    variable: Some("FULFIL_SUPPLIERS__NAME__RATES__USD"),
};

/// A rate as it was given.
pub(super) struct GivenRate {
    pub(super) currency: String,
    pub(super) raw: Raw,
    pub(super) place: Place,
}

/// Of a file: `rates = { USD = "0.14" }`, or a table of its own.
pub(super) fn read(
    section: &str,
    value: &DeValue<'_>,
    place: Place,
    lines: &Lines<'_>,
    errors: &mut Vec<ConfigError>,
) -> Vec<GivenRate> {
    let DeValue::Table(table) = value else {
        let problem = Problem::Value {
            key: format!("{section}.{}", ROW.name),
            found: type_of(value).into(),
            allowed: ROW.allowed.into(),
            advice: "write for example `rates = { USD = \"0.14\" }`".into(),
        };
        errors.push(ConfigError::new(place, problem));
        return Vec::new();
    };
    let rate = |(currency, value): (&toml::Spanned<_>, &toml::Spanned<DeValue<'_>>)| {
        let place = lines.place(currency.span().start);
        let currency: &std::borrow::Cow<'_, str> = currency.get_ref();
        GivenRate { currency: currency.to_string(), raw: raw(value.get_ref()), place }
    };
    table.iter().map(rate).collect()
}

/// Checks all; of a currency that is given twice, the last stands.
pub(super) fn check(
    section: &str,
    own: Option<Currency>,
    given: Vec<GivenRate>,
    errors: &mut Vec<ConfigError>,
) -> Checked {
    let mut checked = Checked::default();
    for GivenRate { currency: code, raw, place } in given {
        match check_one(section, own, &code, &raw, &place) {
            Ok((currency, rate, shown)) => {
                checked.rates.insert(currency, rate);
                checked.shown.insert(code, (shown, place));
            }
            Err(problem) => errors.push(ConfigError::new(place, problem)),
        }
    }
    checked
}

/// The rates, and each as it was written, with its place.
#[derive(Default)]
pub(super) struct Checked {
    pub(super) rates: HashMap<Currency, Rate>,
    pub(super) shown: BTreeMap<String, (String, Place)>,
}

fn check_one(
    section: &str,
    own: Option<Currency>,
    code: &str,
    raw: &Raw,
    place: &Place,
) -> Result<(Currency, Rate, String), Problem> {
    let key = format!("{section}.{}", ROW.name);
    let Some(currency) = Currency::parse(code) else {
        return Err(Problem::Value {
            key,
            found: quote(code),
            allowed: "ISO 4217 codes, three letters A-Z".into(),
            advice: "write for example `USD = \"0.14\"`".into(),
        });
    };
    let key = format!("{key}.{code}");
    if own == Some(currency) {
        return Err(Problem::Value {
            key,
            found: format!("{section}.currency itself"),
            allowed: "other currencies".into(),
            advice: "leave it out: prices in its own currency need no rate".into(),
        });
    }
    let (text, found) = match raw {
        Raw::Untyped(text) | Raw::Text(text) => (text.as_str(), quote(text)),
        Raw::Number(number) => ("", format!("the number {number}, without quotes")),
        Raw::Other(what) => ("", (*what).into()),
    };
    match Rate::parse(text) {
        Some(rate) => Ok((currency, rate, text.into())),
        None => Err(Problem::Value {
            key,
            found,
            allowed: "a decimal above zero in quotes, with up to 9 digits before and after its point".into(),
            advice: match place {
                Place::Variable(name) => format!("set for example {name}=0.14"),
                Place::Default | Place::Line { .. } | Place::Flag(_) => {
                    format!("write for example `{code} = \"0.14\"`")
                }
            },
        }),
    }
}
