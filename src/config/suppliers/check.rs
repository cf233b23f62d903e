//! From what was given to a checked section.

use std::time::Duration;

use fulfil_contract::{money::Currency, supplier::SupplierName};

use serde_json::Value;

use super::{
    super::{
        Setting,
        error::{ConfigError, Problem},
        load,
        place::Place,
        supplier_url::SupplierUrl,
    },
    SUPPLIER_KEYS,
    given::{GivenOwn, GivenSupplier},
    keys::SupplierDraft,
    protocol::is_harmless,
    rates,
    refusal::ProtocolError,
    section::SupplierSection,
};
use crate::procurement::assortment::Rates;

/// Whoever knows the protocols says what is wrong with the keys of a section: everything, and nothing about
/// what is right. It calls nobody.
pub type ProtocolCheck<'a> = &'a dyn Fn(&SupplierSection) -> Vec<ProtocolError>;

const REQUIRED: [&str; 3] = ["kind", "url", "currency"];

/// Of the time between the end of a call and the end of the lease, or of the process.
const MARGIN: Duration = Duration::from_secs(2);

/// One supplier; `file` is what errors name as the place for what is missing. `None`: something is wrong, which
/// is in `errors`.
pub(crate) fn check(
    name: SupplierName,
    given: GivenSupplier,
    file: &str,
    protocol: ProtocolCheck<'_>,
    settings: &mut Vec<Setting>,
    errors: &mut Vec<ConfigError>,
) -> Option<SupplierSection> {
    let section = super::section_of(&name);
    let wrong_before = errors.len();
    let GivenSupplier { place, own, rates: given_rates, protocol: keys } = given;
    let mut draft = SupplierDraft::default();
    for key in SUPPLIER_KEYS {
        let given = own.iter().filter(|one| one.key.name == key.name).map(|one| (one.raw.clone(), one.place.clone()));
        settings.push(load::set(key, &section, given, &mut draft, errors));
        if REQUIRED.contains(&key.name) && !own.iter().any(|one| one.key.name == key.name) {
            errors.push(ConfigError::not_set_in(Some(place.clone()), &section, key.name, false, file));
        }
    }
    let rates = rates::check(&section, draft.currency, given_rates, errors);
    settings.push(rates_setting(&section, &rates));
    settings.extend(keys.leaves().into_iter().map(|(path, value)| {
        let from = keys.places.get(&path).map_or_else(String::new, ToString::to_string);
        Setting {
            key: format!("{section}.{path}"),
            value: Some(shown(&path, value)),
            from,
            doc: "a key of its protocol",
        }
    }));

    let right = errors.len() == wrong_before;
    let mut places = keys.places;
    places.extend(own.into_iter().map(|GivenOwn { key, place, .. }| (key.name.into(), place)));
    // What is wrong is filled in, so that its protocol's keys can be looked at all the same.
    let currency = draft.currency.or_else(|| Currency::parse("XXX"))?;
    let section = SupplierSection {
        name,
        kind: draft.kind?,
        url: draft.url.or_else(|| SupplierUrl::parse("https://supplier.invalid").ok())?,
        currency,
        timeout: draft.timeout,
        settle: draft.settle,
        concurrency: draft.concurrency,
        per_second: draft.per_second,
        poll: draft.poll,
        breaker: draft.breaker,
        rates: Rates::new(currency, rates.rates),
        protocol: keys.keys,
        places,
        place,
        file: file.into(),
    };
    let refused = protocol(&section);
    let refused = refused.iter().filter(|error| right || !super::is_own(&error.path));
    errors.extend(refused.map(|error| section.refused(error)));
    (errors.len() == wrong_before).then_some(section)
}

/// One error, whatever the number of suppliers that a worker could not wait for within its lease.
pub(crate) fn lease_is_long_enough(
    suppliers: &[SupplierSection],
    lease: Duration,
    lease_place: Option<&Place>,
) -> Result<(), ConfigError> {
    let Some(slow) = TooSlow::of(suppliers, lease) else { return Ok(()) };
    let problem = Problem::LeaseTooShort {
        timeouts: slow.timeouts(),
        margin: MARGIN.as_secs(),
        lease: lease.as_secs(),
        most_ms: slow.most_ms(),
        least: slow.least(),
    };
    Err(ConfigError::new(slow.place(lease_place), problem))
}

/// One error, whatever the number of suppliers that a worker could not wait for while it ends.
pub(crate) fn drain_is_long_enough(
    suppliers: &[SupplierSection],
    drain: Duration,
    drain_place: Option<&Place>,
) -> Result<(), ConfigError> {
    let Some(slow) = TooSlow::of(suppliers, drain) else { return Ok(()) };
    let problem = Problem::DrainTooShort {
        timeouts: slow.timeouts(),
        margin: MARGIN.as_secs(),
        drain: drain.as_secs(),
        most_ms: slow.most_ms(),
        least: slow.least(),
    };
    Err(ConfigError::new(slow.place(drain_place), problem))
}

/// The suppliers whose calls may end too late.
struct TooSlow<'a> {
    suppliers: Vec<&'a SupplierSection>,
    slowest: &'a SupplierSection,
    time: Duration,
}

impl<'a> TooSlow<'a> {
    /// `None`: every call ends within `time`, with room to spare.
    fn of(suppliers: &'a [SupplierSection], time: Duration) -> Option<Self> {
        let suppliers: Vec<_> = suppliers.iter().filter(|supplier| supplier.timeout + MARGIN > time).collect();
        let slowest = *suppliers.iter().max_by_key(|supplier| supplier.timeout)?;
        Some(Self { suppliers, slowest, time })
    }

    fn timeouts(&self) -> String {
        let timeout = |supplier: &&SupplierSection| {
            format!("{}.timeout_ms = {}", supplier.section(), supplier.timeout.as_millis())
        };
        self.suppliers.iter().map(timeout).collect::<Vec<_>>().join(", ")
    }

    fn most_ms(&self) -> u128 {
        self.time.saturating_sub(MARGIN).as_millis()
    }

    fn least(&self) -> u64 {
        let least = self.slowest.timeout + MARGIN;
        least.as_secs() + u64::from(least.subsec_nanos() > 0)
    }

    /// Where the time limit stands, or else `other`, or else the supplier.
    fn place(&self, other: Option<&Place>) -> Place {
        self.slowest.places.get("timeout_ms").or(other).unwrap_or(&self.slowest.place).clone()
    }
}

fn rates_setting(section: &str, rates: &rates::Checked) -> Setting {
    let shown: Vec<String> = rates.shown.iter().map(|(code, (rate, _))| format!("{code} {rate}")).collect();
    let last = rates.shown.values().map(|(_, place)| place).max();
    Setting {
        key: format!("{section}.{}", rates::ROW.name),
        value: (!shown.is_empty()).then(|| shown.join(", ")),
        from: last.map_or_else(|| "not set".into(), ToString::to_string),
        doc: rates::ROW.doc,
    }
}

/// Which of a protocol's other keys are secret is not known here; `true` and `false` never are.
fn shown(path: &str, value: &Value) -> String {
    match value {
        Value::Bool(boolean) => boolean.to_string(),
        Value::Number(number) if is_harmless(path) => number.to_string(),
        Value::String(text) if is_harmless(path) => text.clone(),
        Value::Null | Value::Number(_) | Value::String(_) | Value::Array(_) | Value::Object(_) => {
            "(set, not shown)".into()
        }
    }
}
