//! Where a value stands.

use std::fmt;

/// Where a value was given, or an error was made. File first, then environment, then command line, so that
/// errors can be sorted by it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// Nobody gave it.
    Default,
    /// Lines are counted from 1.
    Line { file: String, line: usize },
    /// An environment variable.
    Variable(String),
    /// An argument of the command line, with its dashes.
    Flag(String),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::Line { file, line } => write!(f, "{file}:{line}"),
            Self::Variable(name) | Self::Flag(name) => f.write_str(name),
        }
    }
}
