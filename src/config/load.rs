//! From the sources to a checked [`Config`].

use std::collections::{BTreeMap, BTreeSet, HashMap};

use fulfil_contract::supplier::SupplierName;

use super::{
    Config, Setting, environment,
    error::{ConfigError, ConfigErrors, Problem},
    file, file_lookup,
    keys::{self, KEYS, Key},
    kind::{Example, Raw, Wrong},
    place::Place,
    routes::{self, GivenRoutes},
    sources::{Flag, Sources},
    suppliers::{self, GivenSupplier, ProtocolCheck},
};
use crate::procurement::assortment::Assortment;

/// A value that somebody gave to a key.
pub(super) struct Given {
    pub(super) key: &'static Key,
    pub(super) raw: Raw,
    pub(super) place: Place,
}

/// All that somebody gave.
#[derive(Default)]
pub(super) struct AllGiven {
    pub(super) keys: Vec<Given>,
    pub(super) suppliers: BTreeMap<SupplierName, GivenSupplier>,
    pub(super) routes: Vec<GivenRoutes>,
}

pub(super) fn load(sources: Sources, protocol: ProtocolCheck<'_>) -> Result<Config, ConfigErrors> {
    let Sources { file, environment, flags, mut errors } = sources;
    let mut given = AllGiven::default();
    let name = file.as_ref().map_or(file_lookup::DEFAULT_NAME, |file| &file.name).to_owned();
    if let Some(file) = &file {
        file::read(file, &mut given, &mut errors);
    }
    environment::read(&environment, &mut given, &mut errors);
    read_flags(&flags, &mut given.keys, &mut errors);

    let mut config = Config::blank(name);
    for key in KEYS {
        let given = given.keys.iter().filter(|one| one.key.section == key.section && one.key.name == key.name);
        let given = given.map(|one| (one.raw.clone(), one.place.clone()));
        let setting = set(key, key.section, given, &mut config, &mut errors);
        config.settings.push(setting);
    }
    set_assortment(given, &mut config, protocol, &mut errors);
    if errors.is_empty() {
        return Ok(config);
    }
    errors.sort_by(|one, two| one.place.cmp(&two.place));
    Err(ConfigErrors(errors))
}

/// The suppliers, and the routes that name them.
fn set_assortment(given: AllGiven, config: &mut Config, protocol: ProtocolCheck<'_>, errors: &mut Vec<ConfigError>) {
    let AllGiven { keys, suppliers: given_suppliers, routes: given_routes } = given;
    let names: BTreeSet<SupplierName> = given_suppliers.keys().cloned().collect();
    for (name, given) in given_suppliers {
        let section = suppliers::check(name, given, &config.file, protocol, &mut config.settings, errors);
        config.suppliers.extend(section);
    }
    let place_of = |name: &str| keys.iter().rev().find(|given| given.key.full_name() == name).map(|given| &given.place);
    let lease = (config.procurement.lease, place_of("procurement.lease_seconds"));
    let drain = (config.worker.drain, place_of("worker.drain_seconds"));
    errors.extend(suppliers::lease_is_long_enough(&config.suppliers, lease.0, lease.1).err());
    errors.extend(suppliers::drain_is_long_enough(&config.suppliers, drain.0, drain.1).err());
    let routes = routes::check(given_routes, &names, &mut config.settings, errors);
    let rates: HashMap<_, _> =
        config.suppliers.iter().map(|supplier| (supplier.name.clone(), supplier.rates.clone())).collect();
    config.assortment = Assortment::new(routes, rates);
}

/// Sets a key to its default and then to whatever was given for it, the strongest source last. Every value
/// is checked, also one that the next overrides.
pub(super) fn set<T>(
    key: &'static Key<T>,
    section: &str,
    given: impl Iterator<Item = (Raw, Place)>,
    target: &mut T,
    errors: &mut Vec<ConfigError>,
) -> Setting {
    let default = key.default.map(|text| (Raw::Untyped(text.into()), Place::Default));
    let mut setting = Setting { key: key.full_name_in(section), value: None, from: "not set".into(), doc: key.doc };
    for (raw, place) in default.into_iter().chain(given) {
        match key.kind.apply(&raw, target) {
            Ok(shown) => {
                setting.value = Some(shown);
                setting.from = place.to_string();
            }
            Err(wrong) => errors.push(refused(key, section, wrong, place)),
        }
    }
    setting
}

fn read_flags(flags: &[Flag], given: &mut Vec<Given>, errors: &mut Vec<ConfigError>) {
    for Flag { flag, key: name, value } in flags {
        let place = Place::Flag(flag.clone());
        match name.split_once('.').and_then(|(section, key)| keys::find(section, key)) {
            Some(key) => given.push(Given { key, raw: Raw::Untyped(value.clone()), place }),
            None => errors.push(ConfigError::new(place, Problem::UnknownFlagKey { name: name.clone() })),
        }
    }
}

fn refused<T>(key: &Key<T>, section: &str, wrong: Wrong, place: Place) -> ConfigError {
    let example = || match key.kind.example(key.default) {
        Example::Make(how) => how.to_owned(),
        Example::Copy(value) => match &place {
            Place::Default | Place::Line { .. } if key.kind.is_number() => {
                format!("write for example `{} = {value}`", key.name)
            }
            Place::Default | Place::Line { .. } => {
                format!("write for example `{} = \"{value}\"`", key.name)
            }
            Place::Variable(name) if name.ends_with("_FILE") => {
                format!("put for example {value} into that file")
            }
            Place::Variable(name) => format!("set for example {name}={value}"),
            Place::Flag(flag) => format!("give for example {flag} {value}"),
        },
    };
    let problem = Problem::Value {
        key: key.full_name_in(section),
        found: wrong.found,
        allowed: key.allowed(),
        advice: wrong.advice.unwrap_or_else(example),
    };
    ConfigError::new(place, problem)
}
