//! A file and variables are a configuration, or everything that is wrong with them, told at once.
//!
//! The first block of a case is the file, the second has a variable on each line (`NAME=VALUE`).

use std::sync::Arc;

use fulfil::{
    compose,
    config::{Config, ConfigErrors, ProtocolError, Sources, SupplierSection},
};
use fulfil_suppliers::{Answered, Asked, Carrier, Failure, settings::build};

use crate::{script::Script, suppliers::common};

/// What `config check` lists of them, and the first line and the last.
const MOST_LINES: usize = 102;

pub fn check(data: &[u8]) {
    // The file begins at once: a corpus of configuration files needs no change.
    let script = Script::of(&[b"\n", data].concat()).blocks.iter().map(|block| block.to_vec()).collect::<Vec<_>>();
    let block = |at: usize| script.get(at).and_then(|block| std::str::from_utf8(block).ok()).unwrap_or("");
    let sources = || {
        let pairs = block(1).lines().filter_map(|line| line.split_once('='));
        pairs.fold(Sources::default().with_file("fulfil.toml", block(0)), |sources, (name, value)| {
            // No file is read here.
            let value = if name.ends_with("_FILE") { "/nonexistent/secret" } else { value };
            sources.with_variable(name, value)
        })
    };
    let loaded = load(sources());
    match &loaded {
        Ok(config) => check_config(config),
        Err(errors) => check_errors(errors),
    }
    // One mistake more is told with all the others.
    let more = load(sources().with_variable("FULFIL_ADMIN__NO_SUCH_KEY_1", "x"));
    let before = loaded.map_or_else(|errors| errors.0.len(), |_| 0);
    let twice = block(1).lines().any(|line| line.starts_with("FULFIL_ADMIN__NO_SUCH_KEY_1="));
    match more {
        Ok(_) => unreachable!("an unknown variable was taken"),
        Err(errors) => assert!(twice || errors.0.len() == before + 1, "{} and 1 make {}", before, errors.0.len()),
    }
}

fn load(sources: Sources) -> Result<Config, ConfigErrors> {
    Config::load_checked(sources, &protocol_mistakes)
}

fn check_config(config: &Config) {
    for setting in config.describe() {
        assert!(!setting.key.is_empty() && !setting.from.is_empty());
    }
    assert!(!format!("{config:?}").is_empty());
    // What is left to the drivers says what is wrong, too.
    if let Err(error) = compose::broker_url(config) {
        assert!(!error.to_string().is_empty());
    }
}

fn check_errors(errors: &ConfigErrors) {
    assert!(!errors.0.is_empty(), "refused, and nothing is wrong");
    assert!(errors.0.is_sorted_by(|one, two| one.place <= two.place));
    let text = errors.to_string();
    assert!(text.lines().count() <= MOST_LINES, "{} lines", text.lines().count());
}

/// What the composition root asks the suppliers' protocols, without a client for HTTP.
fn protocol_mistakes(section: &SupplierSection) -> Vec<ProtocolError> {
    let built = build(section.kind.as_str(), common(section, Arc::new(Nobody)), section.protocol().clone());
    let mistakes = built.err().map(|error| error.mistakes).unwrap_or_default();
    mistakes.into_iter().map(|mistake| ProtocolError { path: mistake.path, text: mistake.problem }).collect()
}

/// No call is made.
#[derive(Debug)]
struct Nobody;

impl Carrier for Nobody {
    fn carry(&self, _: Asked<'_>) -> Result<Answered, Failure> {
        Err(Failure::Unknown("nobody is asked".into()))
    }
}
