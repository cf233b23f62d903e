//! What can be wrong with a supplier's settings.

use fulfil_contract::supplier::SupplierName;
use strsim::jaro_winkler;

use super::KINDS;

/// Below this two names are not alike.
const ALIKE: f64 = 0.8;

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {problem}")]
pub struct Mistake {
    /// Within the supplier's section: `buy.headers.x-sign`.
    pub path: String,
    /// What was found, what is allowed, and the nearest right name.
    pub problem: String,
}

impl Mistake {
    pub fn new(path: impl Into<String>, problem: impl Into<String>) -> Self {
        Self { path: path.into(), problem: problem.into() }
    }

    pub(super) fn unknown_kind(kind: &str) -> Self {
        Self::new("kind", format!("found {kind:?}, allowed are {}{}", KINDS.join(", "), hint(kind, KINDS)))
    }

    pub(super) fn unknown_field(path: String, name: &str, known: &[&str]) -> Self {
        let allowed = if known.is_empty() { "nothing".into() } else { known.join(", ") };
        Self::new(path, format!("there is no such key; allowed here: {allowed}{}", hint(name, known.iter().copied())))
    }
}

/// Everything that is wrong with one supplier: at least one thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettingsError {
    pub supplier: SupplierName,
    pub mistakes: Vec<Mistake>,
}

impl std::error::Error for SettingsError {}

/// `; did you mean …?`, or nothing.
pub(crate) fn hint<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    let name = name.to_lowercase();
    known
        .into_iter()
        .map(|known| (jaro_winkler(&name, known), known))
        .filter(|(likeness, _)| *likeness >= ALIKE)
        .max_by(|(one, _), (two, _)| one.total_cmp(two))
        .map(|(_, known)| format!("; did you mean {known}?"))
        .unwrap_or_default()
}
