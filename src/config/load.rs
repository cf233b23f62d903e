//! From the sources to a checked [`Config`].

use super::{
    Config, Setting, environment,
    error::{ConfigError, ConfigErrors, Problem},
    file, file_lookup,
    keys::{self, KEYS, Key},
    kind::{Example, Raw, Wrong},
    place::Place,
    sources::{Flag, Sources},
};

/// A value that somebody gave to a key.
pub(super) struct Given {
    pub(super) key: &'static Key,
    pub(super) raw: Raw,
    pub(super) place: Place,
}

pub(super) fn load(sources: Sources) -> Result<Config, ConfigErrors> {
    let Sources { file, environment, flags, mut errors } = sources;
    let mut given = Vec::new();
    let name = file.as_ref().map_or(file_lookup::DEFAULT_NAME, |file| &file.name).to_owned();
    if let Some(file) = &file {
        file::read(file, &mut given, &mut errors);
    }
    environment::read(&environment, &mut given, &mut errors);
    read_flags(&flags, &mut given, &mut errors);

    let mut config = Config::blank(name);
    for key in KEYS {
        let setting = set(key, &given, &mut config, &mut errors);
        config.settings.push(setting);
    }
    if errors.is_empty() {
        return Ok(config);
    }
    errors.sort_by(|one, two| one.place.cmp(&two.place));
    Err(ConfigErrors(errors))
}

/// Sets a key to its default and then to whatever was given for it, the strongest source last. Every value
/// is checked, also one that the next overrides.
fn set(key: &'static Key, given: &[Given], config: &mut Config, errors: &mut Vec<ConfigError>) -> Setting {
    let default = key.default.map(|text| (Raw::Untyped(text.into()), Place::Default));
    let given = given
        .iter()
        .filter(|one| one.key.section == key.section && one.key.name == key.name)
        .map(|one| (one.raw.clone(), one.place.clone()));
    let mut setting = Setting { key: key.full_name(), value: None, from: "not set".into(), doc: key.doc };
    for (raw, place) in default.into_iter().chain(given) {
        match key.kind.apply(&raw, config) {
            Ok(shown) => {
                setting.value = Some(shown);
                setting.from = place.to_string();
            }
            Err(wrong) => errors.push(refused(key, wrong, place)),
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

fn refused(key: &Key, wrong: Wrong, place: Place) -> ConfigError {
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
        key: key.full_name(),
        found: wrong.found,
        allowed: key.allowed(),
        advice: wrong.advice.unwrap_or_else(example),
    };
    ConfigError::new(place, problem)
}
