//! The lines of a TOML file: where a byte of it stands, and which lines are no TOML.

use std::collections::BTreeSet;

use toml::de::DeTable;

use super::{
    error::{ConfigError, Problem},
    place::Place,
    sources::ConfigFile,
};

/// How often the parser is asked about one file.
const ROUNDS: usize = 32;

/// A file whose lines are counted.
pub(super) struct Lines<'a> {
    file: &'a ConfigFile,
    /// Where each line starts.
    starts: Vec<usize>,
}

impl<'a> Lines<'a> {
    pub(super) fn of(file: &'a ConfigFile) -> Self {
        let after_newline = file.text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at + 1);
        Self { file, starts: std::iter::once(0).chain(after_newline).collect() }
    }

    /// Of a byte of the text.
    pub(super) fn place(&self, at: usize) -> Place {
        self.line(self.position(at).0)
    }

    fn line(&self, line: usize) -> Place {
        Place::Line { file: self.file.name.clone(), line }
    }

    /// Line and column, both from 1, of a byte of the text; columns in characters. The end of the text is the
    /// end of its last line that holds anything.
    fn position(&self, at: usize) -> (usize, usize) {
        let at = at.min(self.file.text.trim_end().len());
        let line = self.starts.partition_point(|start| *start <= at);
        let start = line.checked_sub(1).and_then(|index| self.starts.get(index)).copied().unwrap_or(0);
        (line, self.file.text.get(start..at).map_or(0, |part| part.chars().count()) + 1)
    }

    /// The text with every line blanked that is no TOML, each of them reported. The parser goes on after an
    /// error, but not always to the next one: so it is asked again about the text without the bad lines, until
    /// it has no more to say. A bad `[section]` line takes its keys with it, which would be somebody else's.
    /// Offsets stay as they are.
    pub(super) fn without_syntax_errors(&self, errors: &mut Vec<ConfigError>) -> String {
        let mut text = self.file.text.clone();
        let mut reported = BTreeSet::new();
        for _ in 0..ROUNDS {
            let (_, found) = DeTable::parse_recoverable(&text);
            let news = reported.len();
            let mut found: Vec<(usize, &str)> =
                found.iter().map(|error| (error.span().map_or(0, |span| span.start), error.message())).collect();
            found.sort_unstable();
            for (at, message) in &found {
                let (line, column) = self.position(*at);
                if reported.insert(line) {
                    errors.push(ConfigError::new(self.line(line), syntax(column, message)));
                }
            }
            if reported.len() == news {
                break;
            }
            text = without_lines(&self.file.text, &reported);
        }
        text
    }
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
