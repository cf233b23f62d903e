//! The TOML file: every value with its line, and everything that is wrong with the file's form.

use std::collections::BTreeSet;

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::{
    error::{ConfigError, Problem},
    keys::{self, KEYS, SECTIONS},
    kind::Raw,
    load::Given,
    nearest,
    place::Place,
    sources::ConfigFile,
};

pub(super) fn read(file: &ConfigFile, given: &mut Vec<Given>, errors: &mut Vec<ConfigError>) {
    let readable = without_syntax_errors(file, errors);
    let (document, _) = DeTable::parse_recoverable(&readable);
    let mut reader = Reader { file, given, errors };
    for (name, value) in document.get_ref() {
        reader.top(name.get_ref(), value, name.span().start);
    }
}

struct Reader<'a> {
    file: &'a ConfigFile,
    given: &'a mut Vec<Given>,
    errors: &'a mut Vec<ConfigError>,
}

impl Reader<'_> {
    fn top(&mut self, name: &str, value: &Spanned<DeValue<'_>>, at: usize) {
        let known = SECTIONS.iter().any(|(section, _)| *section == name);
        let problem = match value.get_ref() {
            DeValue::Table(table) if known => return self.section(name, table),
            DeValue::Table(_) => Problem::UnknownSection { name: name.into(), hint: section_hint(name) },
            other if known => Problem::SectionIsNoTable { name: name.into(), found: type_of(other) },
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
                    let place = place(self.file, at);
                    self.given.push(Given { key, raw: raw(value.get_ref()), place });
                }
                None => {
                    let hint = key_hint(section, name);
                    self.wrong(at, Problem::UnknownKey { name: format!("{section}.{name}"), hint });
                }
            }
        }
    }

    fn wrong(&mut self, at: usize, problem: Problem) {
        self.errors.push(ConfigError::new(place(self.file, at), problem));
    }
}

/// How often the parser is asked about one file.
const ROUNDS: usize = 32;

/// The text with every line blanked that is no TOML, each of them reported. The parser goes on after an
/// error, but not always to the next one: so it is asked again about the text without the bad lines, until
/// it has no more to say. A bad `[section]` line takes its keys with it, which would be somebody else's.
/// Offsets stay as they are.
fn without_syntax_errors(file: &ConfigFile, errors: &mut Vec<ConfigError>) -> String {
    let mut text = file.text.clone();
    let mut reported = BTreeSet::new();
    for _ in 0..ROUNDS {
        let (_, found) = DeTable::parse_recoverable(&text);
        let news = reported.len();
        let mut found: Vec<(usize, &str)> =
            found.iter().map(|error| (error.span().map_or(0, |span| span.start), error.message())).collect();
        found.sort_unstable();
        for (at, message) in &found {
            let (line, column) = position(&file.text, *at);
            if reported.insert(line) {
                let place = Place::Line { file: file.name.clone(), line };
                errors.push(ConfigError::new(place, syntax(column, message)));
            }
        }
        if reported.len() == news {
            break;
        }
        text = without_lines(&file.text, &reported);
    }
    text
}

fn syntax(column: usize, message: &str) -> Problem {
    match message {
        "duplicate key" => Problem::Duplicate,
        other => Problem::Syntax { column, message: other.into() },
    }
}

fn without_lines(text: &str, numbers: &BTreeSet<usize>) -> String {
    let mut result = String::with_capacity(text.len());
    let mut below_bad_header = false;
    for (index, line) in text.split_inclusive('\n').enumerate() {
        let bad = numbers.contains(&(index + 1));
        if line.trim_start().starts_with('[') {
            below_bad_header = bad;
        }
        if bad || below_bad_header {
            result.extend(line.bytes().map(|byte| if byte == b'\n' { '\n' } else { ' ' }));
        } else {
            result.push_str(line);
        }
    }
    result
}

fn place(file: &ConfigFile, at: usize) -> Place {
    Place::Line { file: file.name.clone(), line: position(&file.text, at).0 }
}

/// Line and column, both from 1, of a byte of `text`; columns in characters. The end of the text is
/// the end of its last line that holds anything.
fn position(text: &str, at: usize) -> (usize, usize) {
    let before = text.get(..at.min(text.trim_end().len())).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    let line = before.bytes().filter(|&byte| byte == b'\n').count() + 1;
    (line, before.get(line_start..).map_or(0, |part| part.chars().count()) + 1)
}

fn raw(value: &DeValue<'_>) -> Raw {
    match value {
        DeValue::String(text) => Raw::Text(text.to_string()),
        DeValue::Integer(number) => {
            let decimal = i128::from_str_radix(number.as_str(), number.radix());
            Raw::Number(decimal.map_or_else(|_| number.to_string(), |decimal| decimal.to_string()))
        }
        other => Raw::Other(type_of(other)),
    }
}

fn type_of(value: &DeValue<'_>) -> &'static str {
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
