//! The TOML file: every value with its line, and everything that is wrong with the file's form.

use fulfil_contract::supplier::SupplierName;
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::{
    error::{ConfigError, Problem},
    keys::{self, KEYS},
    kind::{Raw, quote},
    lines::Lines,
    load::{AllGiven, Given},
    nearest, routes,
    sources::ConfigFile,
    suppliers::{self, GivenSupplier},
};

pub(super) fn read(file: &ConfigFile, given: &mut AllGiven, errors: &mut Vec<ConfigError>) {
    let lines = Lines::of(file);
    let readable = lines.without_syntax_errors(errors);
    let (document, _) = DeTable::parse_recoverable(&readable);
    let mut reader = Reader { lines, given, errors };
    for (name, value) in document.get_ref() {
        reader.top(name.get_ref(), value, name.span().start);
    }
}

struct Reader<'a> {
    lines: Lines<'a>,
    given: &'a mut AllGiven,
    errors: &'a mut Vec<ConfigError>,
}

impl Reader<'_> {
    fn top(&mut self, name: &str, value: &Spanned<DeValue<'_>>, at: usize) {
        let known = nearest::all_sections().any(|section| section == name);
        let problem = match value.get_ref() {
            DeValue::Table(table) if name == suppliers::SECTION => return self.suppliers(table),
            DeValue::Table(table) if name == routes::SECTION => return self.routes(table),
            DeValue::Table(table) if known => return self.section(name, table),
            DeValue::Table(_) => Problem::UnknownSection { name: name.into(), hint: section_hint(name) },
            other if known => section_is_no_table(nearest::in_brackets(name), other),
            _ => Problem::OutsideSection { name: name.into(), hint: outside_hint(name) },
        };
        self.wrong(at, problem);
    }

    fn section(&mut self, section: &str, table: &DeTable<'_>) {
        for (name, value) in table {
            let at = name.span().start;
            let name = name.get_ref();
            match keys::find(section, name) {
                Some(key) => {
                    let place = self.lines.place(at);
                    self.given.keys.push(Given { key, raw: raw(value.get_ref()), place });
                }
                None => {
                    let hint = key_hint(section, name);
                    self.wrong(at, Problem::UnknownKey { name: format!("{section}.{name}"), hint });
                }
            }
        }
    }

    /// What stands below `[suppliers]`: a section for each.
    fn suppliers(&mut self, table: &DeTable<'_>) {
        for (name, value) in table {
            let (at, name) = (name.span().start, name.get_ref());
            let problem = match (value.get_ref(), SupplierName::parse(name)) {
                (DeValue::Table(table), Some(supplier)) => {
                    let mut given = GivenSupplier::at(self.lines.place(at));
                    given.read(&supplier, table, &self.lines, self.errors);
                    self.given.suppliers.insert(supplier, given);
                    continue;
                }
                (DeValue::Table(_), None) => Problem::Value {
                    key: "the name of a supplier".into(),
                    found: quote(name),
                    allowed: "1 to 32 of a-z 0-9 _".into(),
                    advice: "write for example [suppliers.kasu]".into(),
                },
                (_, _) if suppliers::is_own(name) => Problem::OutsideSection {
                    name: format!("{}.{name}", suppliers::SECTION),
                    hint: "put it below [suppliers.NAME], with a name of your choice".into(),
                },
                (other, _) => section_is_no_table(&format!("{}.{name}", suppliers::SECTION), other),
            };
            self.wrong(at, problem);
        }
    }

    /// What stands below `[routes]`: a section for each SKU.
    fn routes(&mut self, table: &DeTable<'_>) {
        for (name, value) in table {
            let (at, sku) = (name.span().start, name.get_ref());
            match value.get_ref() {
                DeValue::Table(table) => {
                    let place = self.lines.place(at);
                    self.given.routes.push(routes::read(sku, table, place, &self.lines, self.errors));
                }
                other => self.wrong(at, section_is_no_table(&format!("{}.{sku}", routes::SECTION), other)),
            }
        }
    }

    fn wrong(&mut self, at: usize, problem: Problem) {
        self.errors.push(ConfigError::new(self.lines.place(at), problem));
    }
}

pub(super) fn raw(value: &DeValue<'_>) -> Raw {
    match value {
        DeValue::String(text) => Raw::Text(text.to_string()),
        DeValue::Integer(number) => {
            let decimal = i128::from_str_radix(number.as_str(), number.radix());
            Raw::Number(decimal.map_or_else(|_| number.to_string(), |decimal| decimal.to_string()))
        }
        other => Raw::Other(type_of(other)),
    }
}

pub(super) fn type_of(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a text",
        DeValue::Integer(_) => "a number",
        DeValue::Float(_) => "a number with a fraction",
        DeValue::Boolean(true) => "true",
        DeValue::Boolean(false) => "false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a section",
    }
}

fn section_is_no_table(name: &str, value: &DeValue<'_>) -> Problem {
    Problem::SectionIsNoTable { name: name.into(), found: type_of(value) }
}

fn section_hint(name: &str) -> String {
    match nearest::section(name) {
        Some(section) => format!("did you mean [{section}]?"),
        None => format!("the sections are {}", nearest::sections_in_brackets()),
    }
}

fn key_hint(section: &str, name: &str) -> String {
    match nearest::key(section, name) {
        Some(key) => format!("did you mean {}?", key.full_name()),
        None => {
            let names: Vec<&str> = KEYS.iter().filter(|key| key.section == section).map(|key| key.name).collect();
            format!("[{section}] has {}", names.join(", "))
        }
    }
}

fn outside_hint(name: &str) -> String {
    let sections: Vec<String> =
        KEYS.iter().filter(|key| key.name == name).map(|key| format!("[{}]", key.section)).collect();
    if !sections.is_empty() {
        return format!("put it below {}", sections.join(" or "));
    }
    match nearest::key_anywhere(name) {
        Some(key) => format!("did you mean {} below [{}]?", key.name, key.section),
        None => format!("the sections are {}", nearest::sections_in_brackets()),
    }
}
