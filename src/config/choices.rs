//! The values of keys that are one word of a few.

/// How results are published.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResultsMode {
    /// One message for each result.
    Single,
    /// Up to some hundreds of results in one message.
    Batch,
}

/// How log lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    Text,
    Json,
}
