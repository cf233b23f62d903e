//! The known name that an unknown one was probably meant to be.

use strsim::jaro_winkler;

use super::{
    keys::{KEYS, Key, SECTIONS},
    routes, suppliers,
};

/// Below this two names are not alike; `timeout` and `timeout_ms` are at 0.94, `host` and `url` at 0.
const ALIKE: f64 = 0.8;

/// Sections that hold a section for each of what you name, and how these are written.
const NAMED: [(&str, &str); 2] = [(suppliers::SECTION, "suppliers.NAME"), (routes::SECTION, "routes.SKU")];

/// As it stands in its brackets.
pub(super) fn section(name: &str) -> Option<&'static str> {
    best(name, SECTIONS.iter().map(|(section, _)| (*section, *section)).chain(NAMED))
}

/// What may stand at the top of a file.
pub(super) fn all_sections() -> impl Iterator<Item = &'static str> {
    SECTIONS.iter().map(|(section, _)| *section).chain(NAMED.map(|(section, _)| section))
}

/// As a section that may stand at the top of a file is written in its brackets.
pub(super) fn in_brackets(name: &str) -> &str {
    NAMED.into_iter().find(|(section, _)| *section == name).map_or(name, |(_, written)| written)
}

/// The one of these that is nearest, if it is near.
pub(super) fn of<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    best(name, candidates.into_iter().map(|candidate| (candidate, candidate)))
}

/// A key of the same section, or of the one whose name is nearest; or else the one key of this name in
/// another section.
pub(super) fn key(section_name: &str, name: &str) -> Option<&'static Key> {
    let within = section(section_name)
        .and_then(|section| best(name, KEYS.iter().filter(|key| key.section == section).map(|key| (key.name, key))));
    within.or_else(|| {
        let mut same = KEYS.iter().filter(|key| key.name == name);
        same.next().filter(|_| same.next().is_none())
    })
}

/// A key of any section.
pub(super) fn key_anywhere(name: &str) -> Option<&'static Key> {
    best(name, KEYS.iter().map(|key| (key.name, key)))
}

/// `[a], [b], …`
pub(super) fn sections_in_brackets() -> String {
    let names = SECTIONS.iter().map(|(name, _)| *name).chain(NAMED.map(|(_, name)| name));
    let all: Vec<String> = names.map(|name| format!("[{name}]")).collect();
    all.join(", ")
}

fn best<'a, T>(name: &str, candidates: impl Iterator<Item = (&'a str, T)>) -> Option<T> {
    let name = name.to_lowercase();
    candidates
        .map(|(candidate, value)| (jaro_winkler(&name, candidate), value))
        .filter(|(likeness, _)| *likeness >= ALIKE)
        .reduce(|best, next| if next.0 > best.0 { next } else { best })
        .map(|(_, value)| value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_found_and_strangers_are_not() {
        assert_eq!(section("sorce"), Some("source"));
        assert_eq!(section("Ledgers"), Some("ledger"));
        assert_eq!(section("kafka"), None);
        assert_eq!((section("supplier"), section("route")), (Some("suppliers.NAME"), Some("routes.SKU")));
        assert_eq!(of("kasuu", ["other", "kasu"]), Some("kasu"));
        let full = |section, name| key(section, name).map(Key::full_name);
        assert_eq!(full("source", "lane").as_deref(), Some("source.lanes"));
        assert_eq!(full("ledger", "timeout").as_deref(), Some("ledger.timeout_ms"));
        assert_eq!(full("sorce", "inflight").as_deref(), Some("source.in_flight"));
        assert_eq!(full("stock", "connections").as_deref(), Some("ledger.connections"));
        assert_eq!(full("worker", "url"), None, "three sections have it");
        assert_eq!(full("source", "tls"), None);
    }
}
