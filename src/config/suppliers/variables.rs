//! Variables of suppliers: `FULFIL_SUPPLIERS__NAME__KEY`, `FULFIL_SUPPLIERS__NAME__KEY_FILE`.
//!
//! What holds: a supplier is one that the file has a section for, or whose `…__KIND` is set. Two underscores
//! stand before each further name; what ends in `_FILE` names a file that holds the value, which only keys of a
//! protocol can be read from.

use std::collections::BTreeMap;

use fulfil_contract::supplier::SupplierName;

use super::{
    super::{environment::secret_of, error::Problem, keys::variable_of, nearest, place::Place},
    SECTION,
    given::GivenSupplier,
};

/// All variables, and the suppliers that they set keys of.
pub(crate) struct Variables<'a> {
    environment: &'a BTreeMap<String, String>,
    suppliers: &'a mut BTreeMap<SupplierName, GivenSupplier>,
}

const DOCS: &str = "docs/configuration.md lists those there are";

impl<'a> Variables<'a> {
    /// Suppliers that no file has are made here.
    pub(crate) fn new(
        environment: &'a BTreeMap<String, String>,
        suppliers: &'a mut BTreeMap<SupplierName, GivenSupplier>,
    ) -> Self {
        for variable in environment.keys() {
            let name = variable.strip_prefix("FULFIL_SUPPLIERS__").and_then(|rest| rest.strip_suffix("__KIND"));
            let name = name.filter(|name| !name.contains("__")).map(str::to_lowercase);
            if let Some(name) = name.and_then(|name| SupplierName::parse(&name)) {
                suppliers.entry(name).or_insert_with(|| GivenSupplier::at(Place::Variable(variable.clone())));
            }
        }
        Self { environment, suppliers }
    }

    /// Takes the variable if it is about a supplier.
    pub(crate) fn read(&mut self, variable: &str, value: &str) -> Result<bool, Problem> {
        let lower = variable.strip_prefix("FULFIL_").unwrap_or(variable).to_lowercase();
        if let Some(rest) = lower.strip_prefix("suppliers__") {
            return self.read_one(variable, rest, value).map(|()| true);
        }
        match lower.strip_prefix("suppliers_").and_then(|rest| self.known(rest, "_")) {
            // A service fulfil-suppliers-kasu of a cluster sets these.
            Some((_, rest)) if rest.starts_with("service_") || rest == "port" || rest.starts_with("port_") => Ok(false),
            Some((name, rest)) => Err(one_underscore(&name, &rest)),
            None => Ok(false),
        }
    }

    /// A known supplier whose name `rest` starts with, the longest, and what follows `joint`.
    fn known(&self, rest: &str, joint: &str) -> Option<(SupplierName, String)> {
        let after = |name: &SupplierName| Some(rest.strip_prefix(name.as_str())?.strip_prefix(joint)?.to_owned());
        let known = self.suppliers.keys().filter_map(|name| Some((name.clone(), after(name)?)));
        known.max_by_key(|(name, _)| name.as_str().len())
    }

    fn read_one(&mut self, variable: &str, rest: &str, value: &str) -> Result<(), Problem> {
        let Some((name, path)) = self.known(rest, "__") else {
            return Err(match self.known(rest, "_") {
                Some((name, rest)) => one_underscore(&name, &rest),
                None => Problem::UnknownVariable { hint: self.hint(rest) },
            });
        };
        let section = super::section_of(&name);
        let (path, in_file) = match path.strip_suffix("_file") {
            Some(path) if !path.is_empty() => (path, true),
            Some(_) | None => (path.as_str(), false),
        };
        let names: Vec<&str> = path.split("__").collect();
        let right = variable_of(&format!("{section}.{}", names.join(".")));
        let place = Place::Variable(variable.into());
        let Some(given) = self.suppliers.get_mut(&name) else { return Ok(()) };
        if names.iter().any(|name| name.is_empty()) {
            return Err(Problem::UnknownVariable { hint: DOCS.into() });
        }
        if let [own, ..] = names.as_slice()
            && super::is_own(own)
        {
            if in_file {
                return Err(Problem::NoSecret { right });
            }
            return given.set_own(&section, &names, value, place);
        }
        let key = format!("{section}.{}", names.join("."));
        let text = if in_file { secret_of(key.clone(), right, value, self.environment)? } else { value.into() };
        if text.is_empty() {
            let text = "found nothing (an empty text); set it, or unset this variable".into();
            return Err(Problem::Protocol { key, text });
        }
        given.protocol.set(&section, &names, &text, place)
    }

    fn hint(&self, rest: &str) -> String {
        let Some((name, key)) = rest.split_once("__").filter(|(name, _)| !name.is_empty()) else { return DOCS.into() };
        match nearest::of(name, self.suppliers.keys().map(SupplierName::as_str)) {
            Some(near) => {
                let right = variable_of(&format!("{SECTION}.{near}.{}", key.replace("__", ".")));
                format!("there is no supplier {name}; did you mean {right}?")
            }
            None => format!(
                "there is no supplier {name}: write [suppliers.{name}] in the file, or set its kind, {}",
                variable_of(&format!("{SECTION}.{name}.kind"))
            ),
        }
    }
}

fn one_underscore(name: &SupplierName, rest: &str) -> Problem {
    Problem::OneUnderscore {
        right: variable_of(&format!("{SECTION}.{name}.{}", rest.trim_matches('_').replace("__", "."))),
    }
}
