//! How a program prints its report.

use std::fmt::Display;

use anyhow::Result;
use clap::ValueEnum;
use serde::Serialize;

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Tables, the verdict in the last line.
    Text,
    Json,
}

impl Format {
    /// Prints to standard output.
    ///
    /// # Errors
    /// When the report is no JSON.
    pub fn print(self, report: &(impl Display + Serialize)) -> Result<()> {
        match self {
            Self::Text => println!("{report}"),
            Self::Json => println!("{}", serde_json::to_string_pretty(report)?),
        }
        Ok(())
    }
}
