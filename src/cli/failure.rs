//! How a command fails: a sentence for the person, and a sysexits code for the program that called.

use std::process::ExitCode;

/// sysexits.h
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// 1: the command ran, and what it checked is not so (`audit` not ok, no such order).
    NotSo,
    /// 64: the command line is wrong.
    Usage,
    /// 65: input data is bad.
    Data,
    /// 66: an input file can't be read.
    NoInput,
    /// 69: a server is unavailable.
    Unavailable,
    /// 70: a defect of ours.
    Software,
    /// 73: an output file can't be made.
    CantCreate,
    /// 75: try again.
    TryAgain,
    /// 78: the configuration is bad.
    Config,
}

impl Exit {
    #[must_use]
    pub fn code(self) -> u8 {
        match self {
            Self::NotSo => 1,
            Self::Usage => 64,
            Self::Data => 65,
            Self::NoInput => 66,
            Self::Unavailable => 69,
            Self::Software => 70,
            Self::CantCreate => 73,
            Self::TryAgain => 75,
            Self::Config => 78,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

/// A command's failure. The text names the thing, the cause and the next command; empty where everything
/// has been said already.
#[derive(Debug, thiserror::Error)]
#[error("{text}")]
pub struct Failure {
    pub exit: Exit,
    pub text: String,
}

impl Failure {
    pub fn new(exit: Exit, text: impl Into<String>) -> Self {
        Self { exit, text: text.into() }
    }
}
