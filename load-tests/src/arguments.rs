//! What every program takes that ends with a verdict, and how it ends: the report, then one last line on standard
//! output that begins with `CLEAN` or `NOT CLEAN`, and exit code 1 where it is not clean.

use std::{
    fmt::Display,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::Result;
use clap::Args;
use serde::Serialize;

use crate::{format::Format, kept::Kept, program::find, seed::any_seed};

#[derive(Debug, Args)]
pub struct Common {
    /// For everything that is left to chance; another one each time, unless given
    #[arg(long)]
    pub seed: Option<u64>,
    /// The program to test; else FULFIL_BIN, else target/release/fulfil
    #[arg(long)]
    pub fulfil: Option<PathBuf>,
    /// Keeps logs and results here; without it they are kept only when the verdict is not clean
    #[arg(long)]
    pub keep: Option<PathBuf>,
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
}

/// What a run comes to.
pub trait Outcome: Serialize + Display {
    fn clean(&self) -> bool;
    /// What stands in the last line: the figures, in a few words.
    fn in_short(&self) -> String;
}

impl Common {
    /// As given, else another one each time.
    #[must_use]
    pub fn seed(&self) -> u64 {
        self.seed.unwrap_or_else(any_seed)
    }

    /// # Errors
    /// When there is no such binary.
    pub fn fulfil(&self) -> Result<PathBuf> {
        find(self.fulfil.clone())
    }

    /// Makes the folder of a run.
    ///
    /// # Errors
    /// When it can't be made.
    pub fn workplace(&self, program: &str) -> Result<Workplace> {
        Ok(Workplace { kept: Kept::new(&format!("fulfil-{program}-"), self.keep.as_deref())?, format: self.format })
    }
}

/// The folder of a run.
#[derive(Debug)]
pub struct Workplace {
    kept: Kept,
    format: Format,
}

impl Workplace {
    #[must_use]
    pub fn path(&self) -> &Path {
        self.kept.path()
    }

    /// Prints the report and the last line; a run that broke off is not clean.
    ///
    /// # Errors
    /// When the report can't be written as JSON.
    pub fn conclude<O: Outcome>(self, outcome: Result<O>) -> Result<ExitCode> {
        let (clean, last_line) = match &outcome {
            Ok(outcome) => (outcome.clean(), last_line(outcome.clean(), &outcome.in_short())),
            Err(error) => (false, last_line(false, &format!("the run broke off: {error:#}"))),
        };
        match (self.format, &outcome) {
            (Format::Text, Ok(outcome)) => println!("{outcome}\n{last_line}"),
            (Format::Text, Err(_)) => println!("{last_line}"),
            (Format::Json, outcome) => {
                let mut report = outcome.as_ref().map_or(Ok(serde_json::json!({})), serde_json::to_value)?;
                report["clean"] = clean.into();
                report["in_short"] = last_line.clone().into();
                println!("{}", serde_json::to_string_pretty(&report)?);
                eprintln!("{last_line}");
            }
        }
        Ok(self.kept.end(clean))
    }
}

/// One line, whatever the text holds.
fn last_line(clean: bool, text: &str) -> String {
    let text = text.lines().map(str::trim).collect::<Vec<_>>().join(" / ");
    format!("{}: {text}", if clean { "CLEAN" } else { "NOT CLEAN" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_line_is_one_line() {
        assert_eq!(last_line(false, "worker 1:\n  no server"), "NOT CLEAN: worker 1: / no server");
        assert_eq!(last_line(true, "200 kills"), "CLEAN: 200 kills");
    }
}
