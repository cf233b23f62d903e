//! What can be wrong with a configuration, in words that say what to do.

use std::fmt;

use super::{keys::variable_of, place::Place};

/// No more errors than this are listed: nobody reads on, and the file is probably another one.
const MOST_SHOWN: usize = 100;

/// One thing that is wrong, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    /// `None`: nowhere in particular, since it is missing.
    pub place: Option<Place>,
    pub problem: Box<Problem>,
}

/// Everything that is wrong with a configuration: at least one thing, in the order file, environment,
/// command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigErrors(pub Vec<ConfigError>);

/// What is wrong. No text in it shows a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    #[error("{key}: found {found}; allowed: {allowed}; {advice}")]
    Value { key: String, found: String, allowed: String, advice: String },
    #[error(
        "not TOML at column {column}: {message}; write `key = value` lines below a [section] line, text in \"quotes\""
    )]
    Syntax { column: usize, message: String },
    #[error("this key or section stands here a second time; leave one of them")]
    Duplicate,
    #[error("unknown section [{name}]; {hint}")]
    UnknownSection { name: String, hint: String },
    #[error("unknown key {name}; {hint}")]
    UnknownKey { name: String, hint: String },
    #[error("{name} stands outside of any section; {hint}")]
    OutsideSection { name: String, hint: String },
    #[error("{name}: found {found}; it is a section: write [{name}] on a line of its own and its keys below it")]
    SectionIsNoTable { name: String, found: &'static str },
    /// What a supplier's protocol says about a key of its own.
    #[error("{key}: {text}")]
    Protocol { key: String, text: String },
    #[error(
        "{timeouts}: a purchase has to end {margin} s before its lease does (procurement.lease_seconds = {lease}), or another worker goes on with its line meanwhile; allowed: at most {most_ms}, or set procurement.lease_seconds to at least {least}"
    )]
    LeaseTooShort { timeouts: String, margin: u64, lease: u64, most_ms: u128, least: u64 },
    #[error(
        "{timeouts}: a call has to end {margin} s before a worker that was told to stop does (worker.drain_seconds = {drain}), or a purchase is broken off and its outcome unknown; allowed: at most {most_ms}, or set worker.drain_seconds to at least {least}, and the time that whatever stops the worker gives it to more"
    )]
    DrainTooShort { timeouts: String, margin: u64, drain: u64, most_ms: u128, least: u64 },
    #[error("unknown variable; {hint}")]
    UnknownVariable { hint: String },
    #[error("unknown key {name}, which is a mistake in fulfil: please report it")]
    UnknownFlagKey { name: String },
    #[error("is not read: section and key are joined by two underscores; rename it {right}")]
    OneUnderscore { right: String },
    #[error("only what is secret is read from a file of its own; set {right} itself")]
    NoSecret { right: String },
    #[error("{key}: set twice, here and by {other}; unset one of them")]
    Twice { key: String, other: String },
    #[error("is not UTF-8 text; set it again or unset it")]
    NotText,
    #[error(
        "{key}: the file that this names can't be read: {reason}; put the value into that file, or unset this and set {variable}"
    )]
    SecretFile { key: String, reason: String, variable: String },
    #[error(
        "the configuration file {file} can't be read: {reason}; make it readable or name another (config/minimal.toml is a start)"
    )]
    File { file: String, reason: String },
    #[error("{key} is not set: put `{name} = …` under [{section}] in {file}, or set {variables}")]
    NotSet { key: String, section: String, name: String, file: String, variables: String },
}

impl ConfigError {
    pub(super) fn new(place: Place, problem: Problem) -> Self {
        Self { place: Some(place), problem: problem.into() }
    }

    /// `key` is the full name of a key of the table.
    pub(super) fn not_set(key: &str, file: &str) -> Self {
        let (section, name) = key.split_once('.').unwrap_or(("", key));
        let file_too = super::keys::find(section, name).is_some_and(|row| row.file_variable().is_some());
        Self::not_set_in(None, section, name, file_too, file)
    }

    /// `file_too`: a variable may also name a file that holds it.
    pub(super) fn not_set_in(place: Option<Place>, section: &str, name: &str, file_too: bool, file: &str) -> Self {
        let key = format!("{section}.{name}");
        let variable = variable_of(&key);
        let variables = if file_too { format!("{variable} or {variable}_FILE") } else { variable };
        let problem = Problem::NotSet { key, section: section.into(), name: name.into(), file: file.into(), variables };
        Self { place, problem: problem.into() }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Some(place) => write!(f, "{place}: {}", self.problem),
            None => self.problem.fmt(f),
        }
    }
}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let s = if self.0.len() == 1 { "" } else { "s" };
        write!(f, "the configuration has {} error{s}:", self.0.len())?;
        for (index, error) in self.0.iter().take(MOST_SHOWN).enumerate() {
            write!(f, "\n  {}. {error}", index + 1)?;
        }
        match self.0.len().saturating_sub(MOST_SHOWN) {
            0 => Ok(()),
            more => write!(f, "\n  and {more} more: is it a configuration file at all?"),
        }
    }
}

impl std::error::Error for ConfigError {}
impl std::error::Error for ConfigErrors {}
